/* Every function that takes octets, with octets, lengths and orders that nobody chose: no call may harm the program. */
#include <stdlib.h>

#include "card.h"
#include "check.h"

static uint32_t state = 0x47504746;

static uint32_t any(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return below == 0 ? 0 : state % below;
}

static void fill(uint8_t *octets, size_t len)
{
    size_t i;
    for (i = 0; i < len; i++) {
        octets[i] = (uint8_t)any(256);
    }
}

static int32_t visit(void *context, const gp_entry *entry)
{
    (void)context;
    return (int32_t)(entry->objects.len & 1);
}

void test_garbage(void)
{
    const char *scale = getenv("GP_TEST_SCALE");
    long rounds = 200L * (scale == NULL ? 100 : atol(scale));
    static gp_session session;
    static gp_host host;
    static gp_drbg drbg;
    static gp_key_set keys;
    static gp_key key;
    static gp_slice pieces[4];
    gp_install install;
    gp_extradition extradition;
    gp_registry_update update;
    gp_delete gone;
    gp_store_data store;
    gp_operation operation;
    gp_receipt receipt;
    gp_finding finding;
    gp_dap dap;
    uint8_t token[GP_TOKEN_LEN];
    static uint8_t command[261], response[258];
    uint8_t octets[300], other[300];
    long round;
    memset(&session, 0, sizeof session);
    memset(&host, 0, sizeof host);
    memset(&drbg, 0, sizeof drbg);
    memset(&keys, 0, sizeof keys);
    memset(&key, 0, sizeof key);
    fill(octets, sizeof octets);
    (void)gp_key_set_init(&keys, octets, octets, octets, 16);
    (void)gp_key_init(&key, octets, 16);
    CHECK(card_power_on(&keys, 0x71, 1) == GP_OK);
    (void)gp_host_init(&host, command, sizeof command, response, sizeof response);
    for (round = 0; round < rounds; round++) {
        size_t len = any(sizeof octets + 1), cap = any(sizeof other + 1);
        gp_buf buf = buffer(other, any((uint32_t)cap + 2), cap);
        gp_slice part = slice(octets + any(20), any(40));
        gp_tlv_object object;
        gp_command parsed;
        gp_reply reply;
        gp_answer answer;
        gp_slice out;
        gp_buf in;
        size_t at = any(4) == 0 ? any(400) : 0;
        uint32_t path[3];
        uint8_t more;
        uint16_t word;
        fill(octets, sizeof octets);
        fill(other, 32);
        path[0] = any(0x10000);
        path[1] = any(256);
        path[2] = any(0x1000000);
        switch (any(44)) {
        case 0: (void)gp_tlv_next(octets, len, &at, &object); break;
        case 1: (void)gp_tlv_find(octets, len, path, any(9), &part); break;
        case 2: (void)gp_tlv_put(&buf, path[0], octets, len); break;
        case 3: (void)gp_tlv_open(&buf, path[0], &at); break;
        case 4: (void)gp_tlv_close(&buf, any(400)); break;
        case 5: (void)gp_command_parse(octets, len, &parsed); break;
        case 6:
            if (gp_command_parse(octets, len, &parsed) == GP_OK) {
                (void)gp_command_build(&parsed, &buf);
                (void)gp_host_raw(&host, &parsed);
            }
            break;
        case 7: (void)gp_response_parse(octets, len, &at, &word); break;
        case 8: (void)gp_response_build(octets, len, (uint16_t)any(65536), &buf); break;
        case 9: (void)gp_session_init(&session, octets, any(20), (uint8_t)any(24), (uint8_t)any(256)); break;
        case 10: (void)gp_session_initialize_update(&session, &buf); break;
        case 11:
            octets[11] = 3;
            (void)gp_session_challenged(&session, octets, any(60), NULL);
            break;
        case 12: (void)gp_session_authenticate(&session, &keys, 0x33, &buf); break;
        case 13: (void)gp_session_confirm(&session, octets, any(4)); break;
        case 14: (void)gp_session_wrap(&session, &buf); break;
        case 15: (void)gp_session_unwrap(&session, &buf, &reply); break;
        case 16: gp_session_close(&session); break;
        case 17: (void)gp_host_select(&host, part); break;
        case 18: (void)gp_host_get_data(&host, (uint16_t)any(65536)); break;
        case 19: (void)gp_host_get_status(&host, 0x40, visit, NULL); break;
        case 20: (void)gp_host_delete(&host, part, (uint8_t)any(3)); break;
        case 21: (void)gp_host_store_data(&host, (uint8_t)any(4), part, part); break;
        case 22: (void)gp_host_set_status(&host, (uint8_t)any(256), (uint8_t)any(256), part); break;
        case 23:
        case 24:
        case 25:
            /* Whatever is under way gets an answer of the card or one that nobody wrote. */
            if (gp_host_io(&host, &out, &in) == GP_OK) {
                size_t received = any(300);
                if (any(2) == 0) {
                    received = card_transmit(out.ptr, out.len, in.ptr, in.cap);
                } else {
                    fill(in.ptr, received < in.cap ? received : in.cap);
                }
                (void)gp_host_digest(&host, received, &more);
                (void)gp_host_answer(&host, &answer);
            }
            break;
        case 26: (void)gp_host_adopt(&host, &session); break;
        case 27:
            (void)gp_drbg_init(&drbg, octets, any(2) == 0 ? 32 : 48, other, any(60));
            (void)gp_drbg_generate(&drbg, octets, len, other, any(60));
            break;
        case 28:
            install.load_file = part;
            install.module = part;
            install.application = part;
            install.privileges = slice(octets, any(5));
            install.parameters = part;
            install.token = slice(other, any(20));
            (void)gp_host_install_with(&host, (uint8_t)any(64), &install);
            (void)gp_token_install((uint8_t)any(64), &install, &key, other, any(300), token);
            break;
        case 29:
            extradition.security_domain = part;
            extradition.object = part;
            extradition.parameters = slice(octets, any(40));
            extradition.token = slice(other, any(20));
            (void)gp_host_extradite(&host, &extradition);
            (void)gp_token_extradition(&extradition, &key, other, any(300), token);
            break;
        case 30:
            update.security_domain = any(2) == 0 ? part : slice(NULL, any(2));
            update.application = any(2) == 0 ? part : slice(NULL, any(2));
            update.privileges = slice(octets, any(5));
            update.parameters = part;
            update.token = slice(other, any(20));
            (void)gp_host_update_registry(&host, &update);
            (void)gp_token_registry_update(&update, &key, other, any(300), token);
            break;
        case 31:
            gone.object = part;
            gone.related = (uint8_t)any(3);
            gone.control = slice(octets, any(12));
            gone.token = slice(other, any(20));
            (void)gp_host_delete_with(&host, &gone);
            (void)gp_token_delete(&gone, &key, other, any(300), token);
            break;
        case 32: (void)gp_host_open_channel(&host, (uint8_t)any(24)); break;
        case 33: (void)gp_host_close_channel(&host, (uint8_t)any(24)); break;
        case 34:
            store.application = any(2) == 0 ? part : slice(NULL, 0);
            store.structure = (uint8_t)any(4);
            store.encryption = (uint8_t)any(5);
            store.answer = (uint8_t)any(3);
            store.block_len = any(10);
            store.data = any(2) == 0 ? slice(octets, len) : slice(NULL, 0);
            store.pieces = pieces;
            store.pieces_len = any(5);
            for (at = 0; at < 4; at++) {
                pieces[at] = slice(octets + any(20), any(40));
            }
            (void)gp_host_store_data_with(&host, &store);
            break;
        case 35:
            operation.function = (uint8_t)any(256);
            operation.load_file = part;
            operation.object = part;
            operation.from = part;
            operation.to = part;
            operation.privileges = slice(octets, any(5));
            operation.parameters = part;
            (void)gp_receipt_verify(slice(octets, len), &operation, &key, &receipt);
            break;
        case 36: (void)gp_diagnose(slice(octets, any(30)), slice(other, any(60)), &keys, part, &finding); break;
        case 37: (void)gp_session_begin_r_mac(&session, (uint8_t)any(64), octets, any(40), &buf); break;
        case 38: (void)gp_session_end_r_mac(&session, &buf); break;
        case 39: (void)gp_session_check_challenge(&session, &keys, part, (uint8_t)any(3), &more); break;
        case 40:
            dap.security_domain = part;
            dap.signature = slice(octets, any(40));
            (void)gp_load_head(&dap, any(2), (uint8_t)any(3), slice(octets, any(20)), any(0x1000000), &buf);
            break;
        case 41: (void)gp_host_put_key(&host, (uint8_t)any(256), (uint8_t)any(256), (uint8_t)any(256), &key, &keys); break;
        default:
            octets[0] = (uint8_t)(any(2) == 0 ? 0x80 : 0x00);
            octets[4] = (uint8_t)any(16);
            (void)card_transmit(octets, any(64), other, sizeof other);
            CHECK(card_transmit(octets, 5, other, sizeof other) >= 2);
            break;
        }
    }
    gp_session_close(&session);
    gp_host_close(&host);
    gp_drbg_close(&drbg);
    card_power_off();
    gp_key_set_close(&keys);
    gp_key_close(&key);
    printf("garbage: %ld calls\n", rounds);
}
