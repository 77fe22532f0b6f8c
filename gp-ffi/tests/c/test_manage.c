/*
 * Management beyond the usual: delegated management with tokens and receipts, the combined load, logical channels, STORE
 * DATA in every form, single keys, R-MAC sessions, limits and checks of a session, diversified keys and their diagnosis.
 * Host and card are both driven from C; the AES-CMAC of module.c, which has nothing to do with the library, is the second
 * opinion on every token.
 */
#include "card.h"
#include "check.h"
#include "module.h"

static const uint8_t isd[8] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00};
static const uint8_t domain_file[7] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50};
static const uint8_t domain_module[8] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41};
static const uint8_t delegate[7] = {0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D};
static const uint8_t other[7] = {0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0E};
static const uint8_t second[8] = {0xF0, 0x47, 0x50, 0x45, 0x43, 0x48, 0x4F, 0x02};
static const uint8_t no_privileges[1] = {0x00};
static const uint8_t no_parameters[2] = {0xC9, 0x00};
static const uint8_t token_octets[16] = {0x70, 1, 2, 3};
static const uint8_t receipt_octets[32] = {0x71, 1, 2, 3};

static gp_key_set keys, delegate_keys;
static gp_key token_key, receipt_key;
static gp_session session;
static gp_host host;
static uint8_t command[700], response[600];
static uint8_t scratch[255], token[GP_TOKEN_LEN];

#define NONE slice(NULL, 0)
#define OF(array) slice(array, sizeof(array))

static gp_status run(gp_status begun)
{
    gp_slice out;
    gp_buf in;
    uint8_t more = 1;
    gp_status status = begun;
    while (status == GP_OK && more) {
        status = gp_host_io(&host, &out, &in);
        if (status == GP_OK) {
            size_t received = card_transmit(out.ptr, out.len, in.ptr, in.cap);
            status = gp_host_digest(&host, received, &more);
        }
    }
    return status;
}

#define RUN(expected, function, ...) \
    check(covered(#function, 'g') && run(function(__VA_ARGS__)) == (expected), #function " ends with " #expected, __FILE__, __LINE__)

static gp_answer answered(void)
{
    gp_answer answer;
    memset(&answer, 0, sizeof answer);
    CALL('g', GP_OK, gp_host_answer, &host, &answer);
    return answer;
}

/* Up to the point where the keys are wanted. */
static void challenge(uint8_t version)
{
    static const uint8_t octets[8] = {8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t out[64], in[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len;
    gp_session_close(&session);
    memset(&session, 0, sizeof session);
    CALL('g', GP_OK, gp_session_init, &session, octets, sizeof octets, 0, version);
    CALL('g', GP_OK, gp_session_initialize_update, &session, &buf);
    len = card_transmit(out, buf.len, in, sizeof in);
    CALL('g', GP_OK, gp_session_challenged, &session, in, len, NULL);
}

static void authenticate(const gp_key_set *with, uint8_t level)
{
    uint8_t out[64], in[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len;
    CALL('g', GP_OK, gp_session_authenticate, &session, with, level, &buf);
    len = card_transmit(out, buf.len, in, sizeof in);
    CALL('g', GP_OK, gp_session_confirm, &session, in, len);
}

/* Selects a security domain and gives the host a session with it. */
static void manage(gp_slice domain, uint8_t version, const gp_key_set *with)
{
    RUN(GP_OK, gp_host_select, &host, domain);
    challenge(version);
    authenticate(with, 0x33);
    CALL('g', GP_OK, gp_host_adopt, &host, &session);
}

/* Sends what the buffer holds in the session, and reads the answer into it. */
static gp_reply exchange(gp_buf *buf)
{
    uint8_t out[261];
    gp_reply reply;
    memset(&reply, 0, sizeof reply);
    memcpy(out, buf->ptr, buf->len);
    buf->len = card_transmit(out, buf->len, buf->ptr, buf->cap);
    CALL('g', GP_OK, gp_session_unwrap, &session, buf, &reply);
    return reply;
}

static void r_mac_sessions(void)
{
    static const uint8_t salt[8] = {0x5A, 1, 2, 3, 4, 5, 6, 7};
    uint8_t octets[261], others[64];
    gp_buf buf = buffer(octets, 0, sizeof octets), spare = buffer(others, 0, sizeof others);
    gp_reply reply;

    challenge(0x30);
    CALL('o', GP_E_STATE, gp_session_begin_r_mac, &session, 0x10, salt, sizeof salt, &buf);
    CALL('o', GP_E_STATE, gp_session_end_r_mac, &session, &buf);
    CALL('o', GP_E_STATE, gp_session_set_message_limit, &session, 1);
    CALL('o', 0u, gp_session_messages_left, &session);
    CALL('o', -1, gp_session_initial_level, &session);
    authenticate(&keys, 0x03);
    CALL('g', 0x03, gp_session_initial_level, &session);
    CALL('o', GP_E_LEVEL, gp_session_end_r_mac, &session, &buf);
    CALL('o', GP_E_ARGUMENT, gp_session_begin_r_mac, &session, 0x20, salt, sizeof salt, &buf);
    CALL('n', GP_E_ARGUMENT, gp_session_begin_r_mac, &session, 0x30, NULL, 8, &buf);
    CALL('n', GP_E_ARGUMENT, gp_session_begin_r_mac, &session, 0x30, salt, 8, NULL);
    CALL('o', GP_E_ARGUMENT, gp_session_begin_r_mac, &session, 0x30, octets, 8, &buf);
    buf.cap = 12;
    CALL('s', GP_E_BUFFER, gp_session_begin_r_mac, &session, 0x30, salt, sizeof salt, &buf);
    buf.cap = sizeof octets;
    CHECK(buf.len == 0);
    CALL('g', GP_OK, gp_session_begin_r_mac, &session, 0x30, salt, sizeof salt, &buf);
    CHECK(octets[1] == 0x7A && octets[2] == 0x30 && octets[3] == 0x01);
    CALL('g', 0x03, gp_session_level, &session);
    CALL('o', GP_E_LEVEL, gp_session_end_r_mac, &session, &buf);
    CALL('o', GP_E_STATE, gp_session_begin_r_mac, &session, 0x30, salt, sizeof salt, &spare);
    reply = exchange(&buf);
    CHECK(reply.kind == GP_REPLY_PLAIN && reply.status_word == 0x9000);
    CALL('g', 0x33, gp_session_level, &session);
    CALL('g', 0x03, gp_session_initial_level, &session);
    CALL('o', GP_E_LEVEL, gp_session_begin_r_mac, &session, 0x30, NULL, 0, &buf);
    buf.len = unhex("80CA006600", octets);
    CALL('g', GP_OK, gp_session_wrap, &session, &buf);
    reply = exchange(&buf);
    CHECK(reply.kind == GP_REPLY_AUTHENTIC && reply.status_word == 0x9000 && buf.len > 2 && octets[0] == 0x66);
    buf.cap = 5;
    buf.len = 0;
    CALL('s', GP_E_BUFFER, gp_session_end_r_mac, &session, &buf);
    CALL('n', GP_E_ARGUMENT, gp_session_end_r_mac, &session, NULL);
    buf.cap = sizeof octets;
    CALL('g', GP_OK, gp_session_end_r_mac, &session, &buf);
    reply = exchange(&buf);
    CHECK(reply.kind == GP_REPLY_AUTHENTIC && reply.status_word == 0x9000);
    CALL('g', 0x03, gp_session_level, &session);

    CALL('g', GP_OK, gp_session_set_message_limit, &session, 1);
    CALL('g', 1u, gp_session_messages_left, &session);
    buf.len = unhex("80CA006600", octets);
    CALL('g', GP_OK, gp_session_wrap, &session, &buf);
    CHECK(exchange(&buf).kind == GP_REPLY_PLAIN);
    CALL('g', 0u, gp_session_messages_left, &session);
    buf.len = unhex("80CA006600", octets);
    CALL('o', GP_E_MESSAGE_LIMIT, gp_session_wrap, &session, &buf);
    CHECK(buf.len == 5);
    CALL('n', GP_E_ARGUMENT, gp_session_set_message_limit, NULL, 1);
    CALL('n', 0u, gp_session_messages_left, NULL);
    CALL('n', -1, gp_session_initial_level, NULL);
    gp_session_close(&session);
    CALL('o', GP_E_STATE, gp_session_begin_r_mac, &session, 0x10, NULL, 0, &buf);
}

/* The module that keeps the keys of the card. */
static gp_key_source source_of(module_slot *slot)
{
    uint8_t key[16];
    size_t i;
    for (i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    module_fill(slot, key, key, key, sizeof key);
    return module_source(slot);
}

static void card_challenges(void)
{
    static module_slot slot;
    gp_key_source source = source_of(&slot);
    uint8_t verdict = 0xFF, out[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    memset(&session, 0, sizeof session);
    CALL('o', GP_E_STATE, gp_session_check_challenge, &session, &keys, OF(isd), 0, &verdict);
    challenge(0x30);
    CALL('n', GP_E_ARGUMENT, gp_session_check_challenge, &session, NULL, OF(isd), 0, &verdict);
    CALL('n', GP_E_ARGUMENT, gp_session_check_challenge, &session, &keys, slice(NULL, 8), 0, &verdict);
    CALL('s', GP_E_AID_LENGTH, gp_session_check_challenge, &session, &keys, slice(isd, 4), 0, &verdict);
    CALL('o', GP_E_ARGUMENT, gp_session_check_challenge, &session, &keys, OF(isd), 2, &verdict);
    CHECK(verdict == 0xFF);
    CALL('g', GP_OK, gp_session_check_challenge, &session, &keys, OF(delegate), 0, &verdict);
    CHECK(verdict == GP_CHALLENGE_DIFFERS);
    CALL('g', GP_OK, gp_session_check_challenge, &session, &keys, OF(isd), 1, &verdict);
    CHECK(verdict == GP_CHALLENGE_MATCHES);
    CALL('g', GP_OK, gp_session_check_challenge_with, &session, &source, OF(isd), 1, NULL);
    CHECK(slot.asked == 1);
    CALL('n', GP_E_ARGUMENT, gp_session_check_challenge_with, &session, NULL, OF(isd), 1, &verdict);
    source.key_len = 15;
    CALL('s', GP_E_KEY_LENGTH, gp_session_check_challenge_with, &session, &source, OF(isd), 1, &verdict);
    /* What does not match and must ends the session before anything is sent. */
    CALL('g', GP_E_CARD_CHALLENGE, gp_session_check_challenge, &session, &keys, OF(other), 1, &verdict);
    CHECK(verdict == GP_CHALLENGE_DIFFERS);
    CALL('o', GP_E_CLOSED, gp_session_authenticate, &session, &keys, 0x33, &buf);
    CALL('o', GP_E_CLOSED, gp_session_check_challenge, &session, &keys, OF(isd), 0, &verdict);
}

static void channels(void)
{
    gp_answer answer;
    RUN(GP_OK, gp_host_open_channel, &host, 0);
    answer = answered();
    CHECK(answer.channel == 1 && answer.status_word == 0x9000 && answer.kind == GP_REPLY_PLAIN);
    RUN(GP_REFUSED + 0x6A81, gp_host_open_channel, &host, 0);
    /* The session goes on beside it. */
    RUN(GP_OK, gp_host_get_data, &host, 0x0066);
    answer = answered();
    CHECK(answer.kind == GP_REPLY_AUTHENTIC && answer.channel == 0);
    RUN(GP_OK, gp_host_close_channel, &host, 1);
    CHECK(answered().status_word == 0x9000);
    RUN(GP_OK, gp_host_close_channel, &host, 1);
    CHECK(answered().status_word == 0x6200);
    RUN(GP_OK, gp_host_open_channel, &host, 1);
    CHECK(answered().channel == 1);
    RUN(GP_OK, gp_host_close_channel, &host, 1);
    CALL('o', GP_E_ARGUMENT, gp_host_open_channel, &host, 20);
    CALL('o', GP_E_ARGUMENT, gp_host_close_channel, &host, 0);
    CALL('o', GP_E_ARGUMENT, gp_host_close_channel, &host, 20);
    CALL('n', GP_E_ARGUMENT, gp_host_open_channel, NULL, 0);
    CALL('n', GP_E_ARGUMENT, gp_host_close_channel, NULL, 1);
}

static void store_data(void)
{
    /* DGI 0070, twice: issuer identification number, card image number. */
    static const uint8_t iin[8] = {0x00, 0x70, 0x05, 0x42, 0x03, 0x44, 0x55, 0x66};
    static const uint8_t cin[7] = {0x00, 0x70, 0x04, 0x45, 0x02, 0x77, 0x88};
    static const uint8_t octets[300] = {0};
    static gp_slice pieces[257];
    gp_store_data store;
    gp_answer answer;
    size_t i;
    memset(&store, 0, sizeof store);
    store.structure = 1;
    store.data = OF(iin);
    store.block_len = 3;
    RUN(GP_OK, gp_host_store_data_with, &host, &store);
    RUN(GP_OK, gp_host_get_data, &host, 0x0042);
    answer = answered();
    CHECK(answer.data.len >= 3 && memcmp(answer.data.ptr + answer.data.len - 3, iin + 5, 3) == 0);
    store.data = NONE;
    store.block_len = 0;
    pieces[0] = OF(iin);
    pieces[1] = OF(cin);
    store.pieces = pieces;
    store.pieces_len = 2;
    store.answer = 1;
    RUN(GP_OK, gp_host_store_data_with, &host, &store);
    CHECK(answered().status_word == 0x9000);
    RUN(GP_OK, gp_host_get_data, &host, 0x0045);
    answer = answered();
    CHECK(answer.data.len >= 2 && memcmp(answer.data.ptr + answer.data.len - 2, cin + 5, 2) == 0);
    /* The card has no such application. */
    store.application = OF(other);
    RUN(GP_REFUSED + 0x6A88, gp_host_store_data_with, &host, &store);
    store.application = NONE;

    CALL('n', GP_E_ARGUMENT, gp_host_store_data_with, &host, NULL);
    store.data = OF(iin);
    CALL('o', GP_E_ARGUMENT, gp_host_store_data_with, &host, &store);
    store.data = NONE;
    store.pieces = NULL;
    CALL('n', GP_E_ARGUMENT, gp_host_store_data_with, &host, &store);
    store.pieces = pieces;
    store.encryption = 2;
    CALL('o', GP_E_ARGUMENT, gp_host_store_data_with, &host, &store);
    store.encryption = 3;
    store.answer = 2;
    CALL('o', GP_E_ARGUMENT, gp_host_store_data_with, &host, &store);
    store.answer = 0;
    store.structure = 3;
    CALL('o', GP_E_ARGUMENT, gp_host_store_data_with, &host, &store);
    store.structure = 1;
    store.application = slice(other, 4);
    CALL('s', GP_E_AID_LENGTH, gp_host_store_data_with, &host, &store);
    store.application = NONE;
    /* Nothing is sent of pieces of which one does not fit, or that are too many. */
    store.block_len = 7;
    CALL('s', GP_E_APDU_DATA_TOO_LONG, gp_host_store_data_with, &host, &store);
    store.block_len = 0;
    pieces[1] = OF(octets);
    CALL('s', GP_E_APDU_DATA_TOO_LONG, gp_host_store_data_with, &host, &store);
    for (i = 0; i < 257; i++) {
        pieces[i] = OF(cin);
    }
    store.pieces_len = 257;
    CALL('o', GP_E_TOO_MANY_BLOCKS, gp_host_store_data_with, &host, &store);
    CALL('o', GP_E_STATE, gp_host_answer, &host, &answer);
    pieces[1] = slice(NULL, 1);
    CALL('n', GP_E_ARGUMENT, gp_host_store_data_with, &host, &store);
    store.pieces_len = 0;
    store.encryption = 1;
    store.data = OF(iin);
    RUN(GP_OK, gp_host_store_data_with, &host, &store);
}

static void single_keys(void)
{
    static module_slot slot;
    gp_key_source source = source_of(&slot);
    gp_key fresh, copy;
    memset(&fresh, 0, sizeof fresh);
    CALL('o', GP_E_STATE, gp_host_put_key, &host, 0, 0x72, 1, &fresh, &keys);
    CALL('s', GP_E_KEY_LENGTH, gp_key_init, &fresh, token_octets, 15);
    CALL('n', GP_E_ARGUMENT, gp_key_init, &fresh, NULL, 16);
    CALL('n', GP_E_ARGUMENT, gp_key_init, NULL, token_octets, 16);
    CALL('g', GP_OK, gp_key_init, &fresh, token_octets, 16);
    CALL('o', GP_E_STATE, gp_key_init, &fresh, token_octets, 16);
    CALL('g', GP_OK, gp_key_init, &token_key, token_octets, sizeof token_octets);
    CALL('g', GP_OK, gp_key_init, &receipt_key, receipt_octets, sizeof receipt_octets);
    memcpy(&copy, &fresh, sizeof copy);
    CALL('o', GP_E_STATE, gp_host_put_key, &host, 0, 0x72, 1, &copy, &keys);

    RUN(GP_OK, gp_host_put_key, &host, 0, 0x70, 1, &token_key, &keys);
    CALL('n', GP_E_ARGUMENT, gp_host_put_key, &host, 0, 0x72, 1, NULL, &keys);
    CALL('n', GP_E_ARGUMENT, gp_host_put_key, &host, 0, 0x72, 1, &fresh, NULL);
    CALL('s', GP_E_BODY, gp_host_put_key, &host, 0x80, 0x72, 1, &fresh, &keys);
    RUN(GP_OK, gp_host_put_key_with, &host, 0, 0x71, 1, &receipt_key, &source);
    CHECK(slot.asked == 1);
    CALL('n', GP_E_ARGUMENT, gp_host_put_key_with, &host, 0, 0x72, 1, &fresh, NULL);
    source.encrypt = NULL;
    CALL('n', GP_E_ARGUMENT, gp_host_put_key_with, &host, 0, 0x72, 1, &fresh, &source);

    RUN(GP_OK, gp_host_put_key, &host, 0, 0x72, 1, &fresh, &keys);
    RUN(GP_OK, gp_host_put_key, &host, 0x72, 0x72, 1, &token_key, &keys);
    RUN(GP_OK, gp_host_delete_key, &host, 0x72, 1);
    RUN(GP_REFUSED + 0x6A88, gp_host_delete_key, &host, 0x72, 1);
    CALL('o', GP_E_KEY_IN_USE, gp_host_delete_key, &host, 0x30, 1);
    CALL('n', GP_E_ARGUMENT, gp_host_delete_key, NULL, 0x72, 1);
    VOID('g', gp_key_close, &fresh);
    VOID('o', gp_key_close, &fresh);
    VOID('n', gp_key_close, NULL);
    memset(&copy, 0, sizeof copy);
    CHECK(memcmp(&copy, &fresh, sizeof copy) == 0);
}

/* Header and Applet component of a load file, and some code. */
static const uint8_t header[19] = {0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00,
                                   0x00, 0x01, 0x06, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01};
static const uint8_t applet[17] = {0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C,
                                   0x46, 0x01, 0x01, 0x00, 0x00, 0x07, 0x02, 0x58};
static const uint8_t code[600] = {0};
static gp_slice parts[3];

static gp_load a_load(void)
{
    gp_load load;
    parts[0] = OF(header);
    parts[1] = OF(applet);
    parts[2] = OF(code);
    memset(&load, 0, sizeof load);
    load.load_file = OF(card_load_file);
    load.parts = parts;
    load.parts_len = 3;
    return load;
}

static gp_install an_install(gp_slice application)
{
    gp_install install;
    memset(&install, 0, sizeof install);
    install.load_file = OF(card_load_file);
    install.module = OF(card_module);
    install.application = application;
    install.privileges = OF(no_privileges);
    install.parameters = OF(no_parameters);
    return install;
}

static void heads(void)
{
    static const uint8_t signature[16] = {0xDA, 0xDA};
    static const uint8_t expected[] = {0xE2, 0x1B, 0x4F, 0x07, 0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D, 0xC3, 0x10, 0xDA, 0xDA};
    static const uint8_t icv[16] = {0x1C};
    static const uint8_t end[4] = {0xC4, 0x82, 0x02, 0x7C};
    uint8_t octets[96];
    gp_buf buf = buffer(octets, 0, sizeof octets);
    gp_dap daps[2];
    daps[0].security_domain = OF(delegate);
    daps[0].signature = OF(signature);
    daps[1] = daps[0];
    CALL('g', GP_OK, gp_load_head, daps, 2, 0, NONE, 636, &buf);
    CHECK(buf.len == 29 + 29 + 4 && memcmp(octets, expected, sizeof expected) == 0);
    CHECK(memcmp(octets, octets + 29, 29) == 0 && memcmp(octets + 58, end, 4) == 0);
    CALL('g', GP_OK, gp_load_head, NULL, 0, 1, OF(icv), 640, &buf);
    CHECK(buf.len == 22 && octets[0] == 0xD3 && octets[1] == 16 && octets[2] == 0x1C && octets[18] == 0xD4);
    CALL('g', GP_OK, gp_load_head, NULL, 0, 1, NONE, 640, &buf);
    CHECK(buf.len == 4 && octets[0] == 0xD4);
    buf.cap = 61;
    CALL('s', GP_E_BUFFER, gp_load_head, daps, 2, 0, NONE, 636, &buf);
    CHECK(buf.len == 4);
    buf.cap = sizeof octets;
    CALL('s', GP_E_BODY, gp_load_head, daps, 2, 0, NONE, 0, &buf);
    CALL('s', GP_E_BODY, gp_load_head, NULL, 0, 1, slice(icv, 7), 640, &buf);
    CALL('o', GP_E_ARGUMENT, gp_load_head, NULL, 0, 0, OF(icv), 640, &buf);
    CALL('o', GP_E_ARGUMENT, gp_load_head, NULL, 0, 2, NONE, 640, &buf);
    CALL('o', GP_E_ARGUMENT, gp_load_head, NULL, 0, 1, slice(octets + 1, 16), 640, &buf);
    CALL('n', GP_E_ARGUMENT, gp_load_head, NULL, 1, 0, NONE, 640, &buf);
    CALL('n', GP_E_ARGUMENT, gp_load_head, daps, 1, 0, NONE, 640, NULL);
    daps[1].security_domain.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_load_head, daps, 2, 0, NONE, 636, &buf);
    daps[1].security_domain = slice(octets, 7);
    CALL('o', GP_E_ARGUMENT, gp_load_head, daps, 2, 0, NONE, 636, &buf);
    daps[1].security_domain = OF(delegate);
    daps[1].signature = slice(octets + 60, 8);
    CALL('o', GP_E_ARGUMENT, gp_load_head, daps, 2, 0, NONE, 636, &buf);
}

/* All of it in one process, then all of it away again. */
static void combined(void)
{
    gp_load load = a_load();
    gp_install install = an_install(OF(card_instance));
    uint8_t head[8];
    gp_buf buf = buffer(head, 0, sizeof head);
    unsigned installed = card_installed;
    install.load_file = NONE;
    CALL('n', GP_E_ARGUMENT, gp_host_load_install, &host, NULL, &install);
    CALL('n', GP_E_ARGUMENT, gp_host_load_install, &host, &load, NULL);
    load.parts_len = 0;
    CALL('s', GP_E_ARGUMENT, gp_host_load_install, &host, &load, &install);
    load.parts_len = 3;
    install.application.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_host_load_install, &host, &load, &install);
    install.application.len = sizeof card_instance;
    /* An authorised host has no token: the card wants none. */
    load.token = OF(token_octets);
    RUN(GP_REFUSED + 0x6985, gp_host_load_install, &host, &load, &install);
    load.token = NONE;
    load.block_len = 50;
    CALL('g', GP_OK, gp_load_head, NULL, 0, 0, NONE, sizeof header + sizeof applet + sizeof code, &buf);
    load.head = slice(head, buf.len);
    RUN(GP_OK, gp_host_load_install, &host, &load, &install);
    CHECK(card_installed == installed + 1 && answered().kind == GP_REPLY_AUTHENTIC);
    RUN(GP_OK, gp_host_delete, &host, OF(card_load_file), 1);
    /* A head that says another length than the parts have is found by the card. */
    head[3]++;
    RUN(GP_REFUSED + 0x6A80, gp_host_load, &host, &load);
    head[3]--;
    RUN(GP_OK, gp_host_load, &host, &load);
    RUN(GP_OK, gp_host_delete, &host, OF(card_load_file), 0);
}

static void settings(void)
{
    gp_load load = a_load();
    gp_slice out;
    gp_buf in;
    CALL('g', GP_OK, gp_host_set_max_data, &host, 64);
    CALL('g', GP_OK, gp_host_load, &host, &load);
    CALL('g', GP_OK, gp_host_io, &host, &out, &in);
    CHECK(out.len <= 64 + 6);
    CALL('g', GP_OK, gp_host_set_max_data, &host, 0);
    CALL('n', GP_E_ARGUMENT, gp_host_set_max_data, NULL, 0);
    CALL('g', GP_OK, gp_host_set_lengths, &host, 4);
    CALL('g', GP_OK, gp_host_select, &host, OF(isd));
    CALL('g', GP_OK, gp_host_io, &host, &out, &in);
    /* Lc in three octets, Le in two. */
    CHECK(out.len == 4 + 3 + 8 + 2 && out.ptr[4] == 0 && out.ptr[5] == 0 && out.ptr[6] == 8);
    CALL('g', GP_OK, gp_host_abandon, &host);
    CALL('g', GP_OK, gp_host_set_lengths, &host, 0);
    CALL('g', GP_OK, gp_host_set_lengths, &host, 2);
    CALL('g', GP_OK, gp_host_set_lengths, &host, 3);
    CALL('o', GP_E_ARGUMENT, gp_host_set_lengths, &host, 5);
    CALL('n', GP_E_ARGUMENT, gp_host_set_lengths, NULL, 1);
    CALL('g', GP_OK, gp_host_set_lengths, &host, 1);
}

/* A security domain with Delegated Management and keys of its own, and a load file that belongs to it. */
static void domains(void)
{
    static const uint8_t delegated[1] = {0xA0};
    static const uint8_t accepts[8] = {0xC9, 0x06, 0x82, 0x01, 0xF8, 0x87, 0x01, 0xF8};
    static const uint8_t octets[16] = {0x77, 7, 7};
    gp_install install;
    gp_extradition extradition;
    gp_load load = a_load();
    memset(&install, 0, sizeof install);
    install.load_file = OF(domain_file);
    install.module = OF(domain_module);
    install.application = OF(delegate);
    install.privileges = OF(delegated);
    install.parameters = OF(accepts);
    RUN(GP_OK, gp_host_install_with, &host, 0x0C, &install);
    /* As long as it has no keys, those of the domain above open it. */
    CALL('g', GP_OK, gp_key_set_init, &delegate_keys, octets, octets, octets, 16);
    manage(OF(delegate), 0, &keys);
    RUN(GP_OK, gp_host_put_keys, &host, 0, 0x31, &delegate_keys, &keys);

    manage(NONE, 0x30, &keys);
    RUN(GP_OK, gp_host_load, &host, &load);
    memset(&extradition, 0, sizeof extradition);
    extradition.security_domain = OF(delegate);
    extradition.object = OF(card_load_file);
    RUN(GP_OK, gp_host_extradite, &host, &extradition);
    CALL('n', GP_E_ARGUMENT, gp_host_extradite, &host, NULL);
    extradition.security_domain.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_host_extradite, &host, &extradition);
    extradition.security_domain.len = 7;
    extradition.parameters = slice(NULL, 2);
    CALL('n', GP_E_ARGUMENT, gp_host_extradite, &host, &extradition);
}

/* The token of these fields as the module computes it. */
static int is_token_of(const uint8_t *message, size_t len)
{
    module_slot slot;
    gp_key_source source;
    gp_slice whole = slice(message, len);
    uint8_t mac[16];
    module_fill(&slot, token_octets, token_octets, token_octets, 16);
    source = module_source(&slot);
    return source.cmac(source.context, 1, &whole, 1, mac) == 0 && memcmp(mac, token, sizeof mac) == 0;
}

/* One octet of length before the field, appended to the message. */
static size_t field(uint8_t *message, size_t len, gp_slice value)
{
    message[len++] = (uint8_t)value.len;
    if (value.len > 0) {
        memcpy(message + len, value.ptr, value.len);
    }
    return len + value.len;
}

static gp_operation an_operation(uint8_t function, gp_slice load_file, gp_slice object)
{
    gp_operation operation;
    memset(&operation, 0, sizeof operation);
    operation.function = function;
    operation.load_file = load_file;
    operation.object = object;
    return operation;
}

/* The answer has the receipt of this operation, the issuer's, with this counter; and it is no other operation's. */
static void confirmed(const gp_operation *operation, uint16_t counter)
{
    gp_answer answer = answered();
    gp_operation wrong = *operation;
    gp_receipt receipt;
    memset(&receipt, 0, sizeof receipt);
    CALL('g', GP_OK, gp_receipt_verify, answer.data, operation, &receipt_key, &receipt);
    CHECK(receipt.counter == counter && receipt.token_digest.len == 0 && receipt.token_id.len == 0);
    CHECK(receipt.security_domain.len == 5 && receipt.security_domain.ptr[0] == 0x44);
    CALL('g', GP_OK, gp_receipt_verify, answer.data, operation, &receipt_key, NULL);
    CALL('o', GP_E_SIGNATURE, gp_receipt_verify, answer.data, operation, &token_key, &receipt);
    wrong.object = OF(other);
    CALL('o', GP_E_SIGNATURE, gp_receipt_verify, answer.data, &wrong, &receipt_key, &receipt);
}

static void tokens_of_install(void)
{
    static const uint8_t functions[3] = {0x04, 0x08, 0x0C};
    gp_install install = an_install(OF(card_instance));
    uint8_t message[128];
    size_t i, len;
    for (i = 0; i < sizeof functions; i++) {
        if (functions[i] == 0x08) {
            install.load_file = NONE;
            install.module = NONE;
            install.parameters = NONE;
        } else {
            install = an_install(OF(card_instance));
        }
        CALL('g', GP_OK, gp_token_install, functions[i], &install, &token_key, scratch, sizeof scratch, token);
        len = field(message, 3, install.load_file);
        len = field(message, len, install.module);
        len = field(message, len, install.application);
        len = field(message, len, install.privileges);
        len = field(message, len, install.parameters);
        message[0] = functions[i];
        message[1] = 0;
        message[2] = (uint8_t)(len - 3);
        CHECK(is_token_of(message, len));
        message[0] ^= 1;
        CHECK(!is_token_of(message, len));
    }
    CALL('s', GP_E_BUFFER, gp_token_install, 0x0C, &install, &token_key, scratch, 20, token);
    CALL('n', GP_E_ARGUMENT, gp_token_install, 0x0C, NULL, &token_key, scratch, sizeof scratch, token);
    CALL('n', GP_E_ARGUMENT, gp_token_install, 0x0C, &install, NULL, scratch, sizeof scratch, token);
    CALL('n', GP_E_ARGUMENT, gp_token_install, 0x0C, &install, &token_key, NULL, sizeof scratch, token);
    CALL('n', GP_E_ARGUMENT, gp_token_install, 0x0C, &install, &token_key, scratch, sizeof scratch, NULL);
    CALL('o', GP_E_ARGUMENT, gp_token_install, 0x0C, &install, &token_key, scratch, sizeof scratch, scratch + 100);
    CALL('o', GP_E_ARGUMENT, gp_token_install, 0x10, &install, &token_key, scratch, sizeof scratch, token);
    CALL('o', GP_E_ARGUMENT, gp_token_install, 0x08, &install, &token_key, scratch, sizeof scratch, token);
    install.application = slice(token, 8);
    CALL('o', GP_E_ARGUMENT, gp_token_install, 0x0C, &install, &token_key, scratch, sizeof scratch, token);
    install.application = OF(card_instance);
    install.privileges = slice(scratch + 3, 1);
    CALL('o', GP_E_ARGUMENT, gp_token_install, 0x0C, &install, &token_key, scratch, sizeof scratch, token);
    /* For personalization there is no token. */
    memset(&install, 0, sizeof install);
    install.application = OF(card_instance);
    CALL('o', GP_OK, gp_token_install, 0x20, &install, &token_key, scratch, sizeof scratch, token);
}

static void tokens_of_loads(void)
{
    static const uint8_t hash[32] = {0x4A, 0x54};
    gp_load load = a_load();
    gp_install install = an_install(OF(card_instance));
    uint8_t message[256];
    size_t len, first;
    load.hash = OF(hash);
    load.security_domain = OF(delegate);
    CALL('g', GP_OK, gp_token_load, &load, &token_key, scratch, sizeof scratch, token);
    len = field(message, 3, load.load_file);
    len = field(message, len, load.security_domain);
    len = field(message, len, load.hash);
    len = field(message, len, load.parameters);
    message[0] = 0x02;
    message[1] = 0;
    message[2] = (uint8_t)(len - 3);
    CHECK(is_token_of(message, len));
    CALL('s', GP_E_BUFFER, gp_token_load, &load, &token_key, scratch, 20, token);
    CALL('n', GP_E_ARGUMENT, gp_token_load, NULL, &token_key, scratch, sizeof scratch, token);
    CALL('o', GP_E_ARGUMENT, gp_token_load, &load, &token_key, token, sizeof token, token);

    CALL('g', GP_OK, gp_token_load_install, &load, &install, &token_key, scratch, sizeof scratch, token);
    message[0] = 0x0E;
    message[1] = 1;
    first = len;
    len = field(message, first + 3, install.load_file);
    len = field(message, len, install.module);
    len = field(message, len, install.application);
    len = field(message, len, install.privileges);
    len = field(message, len, install.parameters);
    message[first] = 0x0E;
    message[first + 1] = 3;
    message[first + 2] = (uint8_t)(len - first - 3);
    CHECK(is_token_of(message, len));
    CALL('s', GP_E_BUFFER, gp_token_load_install, &load, &install, &token_key, scratch, 60, token);
    CALL('n', GP_E_ARGUMENT, gp_token_load_install, &load, NULL, &token_key, scratch, sizeof scratch, token);
    CALL('n', GP_E_ARGUMENT, gp_token_load_install, NULL, &install, &token_key, scratch, sizeof scratch, token);
    load.hash = slice(token, 8);
    CALL('o', GP_E_ARGUMENT, gp_token_load_install, &load, &install, &token_key, scratch, sizeof scratch, token);
}

/* What a delegate does, step by step: a token for each, a receipt for each. */
static void a_life_by_tokens(void)
{
    static const uint8_t implicit[5] = {0xEF, 0x03, 0xCF, 0x01, 0x47};
    gp_install install = an_install(OF(card_instance));
    gp_registry_update update;
    gp_extradition extradition;
    gp_operation operation;
    unsigned installed = card_installed;

    RUN(GP_REFUSED + 0x6982, gp_host_install_with, &host, 0x04, &install);
    CALL('g', GP_OK, gp_token_install, 0x04, &install, &token_key, scratch, sizeof scratch, token);
    install.token = OF(token);
    token[15] ^= 1;
    RUN(GP_REFUSED + 0x6982, gp_host_install_with, &host, 0x04, &install);
    token[15] ^= 1;
    RUN(GP_OK, gp_host_install_with, &host, 0x04, &install);
    CHECK(card_installed == installed + 1);
    operation = an_operation(0x04, OF(card_load_file), OF(card_instance));
    confirmed(&operation, 0);

    memset(&install, 0, sizeof install);
    install.application = OF(card_instance);
    install.privileges = OF(no_privileges);
    CALL('g', GP_OK, gp_token_install, 0x08, &install, &token_key, scratch, sizeof scratch, token);
    install.token = OF(token);
    RUN(GP_OK, gp_host_install_with, &host, 0x08, &install);
    operation.function = 0x08;
    confirmed(&operation, 1);
    CALL('n', GP_E_ARGUMENT, gp_host_install_with, &host, 0x08, NULL);
    CALL('o', GP_E_ARGUMENT, gp_host_install_with, &host, 0x10, &install);
    CALL('o', GP_E_ARGUMENT, gp_host_install_with, &host, 0x20, &install);
    CALL('o', GP_E_BODY, gp_host_install_with, &host, 0x04, &install);
    install.application.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_host_install_with, &host, 0x08, &install);

    memset(&update, 0, sizeof update);
    update.application = OF(card_instance);
    update.parameters = OF(implicit);
    CALL('g', GP_OK, gp_token_registry_update, &update, &token_key, scratch, sizeof scratch, token);
    CALL('s', GP_E_BUFFER, gp_token_registry_update, &update, &token_key, scratch, 5, token);
    CALL('n', GP_E_ARGUMENT, gp_token_registry_update, NULL, &token_key, scratch, sizeof scratch, token);
    RUN(GP_REFUSED + 0x6982, gp_host_update_registry, &host, &update);
    update.token = OF(token);
    RUN(GP_OK, gp_host_update_registry, &host, &update);
    operation = an_operation(0x40, NONE, OF(card_instance));
    operation.parameters = OF(implicit);
    confirmed(&operation, 2);
    CALL('n', GP_E_ARGUMENT, gp_host_update_registry, &host, NULL);
    update.privileges = slice(implicit, 2);
    CALL('s', GP_E_BODY, gp_host_update_registry, &host, &update);
    update.application.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_host_update_registry, &host, &update);

    memset(&extradition, 0, sizeof extradition);
    extradition.security_domain = OF(isd);
    extradition.object = OF(card_instance);
    CALL('g', GP_OK, gp_token_extradition, &extradition, &token_key, scratch, sizeof scratch, token);
    CALL('s', GP_E_BUFFER, gp_token_extradition, &extradition, &token_key, scratch, 5, token);
    CALL('n', GP_E_ARGUMENT, gp_token_extradition, NULL, &token_key, scratch, sizeof scratch, token);
    extradition.token = OF(token);
    RUN(GP_OK, gp_host_extradite, &host, &extradition);
    operation = an_operation(0x10, NONE, OF(card_instance));
    operation.from = OF(delegate);
    operation.to = OF(isd);
    confirmed(&operation, 3);

    install = an_install(OF(second));
    CALL('g', GP_OK, gp_token_install, 0x0C, &install, &token_key, scratch, sizeof scratch, token);
    install.token = OF(token);
    RUN(GP_OK, gp_host_install, &host, &install);
    operation = an_operation(0x0C, OF(card_load_file), OF(second));
    confirmed(&operation, 4);
}

static void deletion_by_token(void)
{
    /* 93: the number of the token, which the receipt repeats. */
    static const uint8_t number[4] = {0x93, 0x02, 0x07, 0x07};
    static const uint8_t signed_fields[19] = {0x00, 0x00, 0x10, 0x4F, 0x08, 0xF0, 0x47, 0x50, 0x45, 0x43,
                                              0x48, 0x4F, 0x02, 0xB6, 0x04, 0x93, 0x02, 0x07, 0x07};
    gp_delete gone;
    gp_operation operation = an_operation(0xE4, NONE, OF(second));
    gp_receipt receipt;
    gp_answer answer;
    uint8_t octets[4] = {0};
    memset(&gone, 0, sizeof gone);
    memset(&receipt, 0, sizeof receipt);
    gone.object = OF(second);
    gone.control = OF(number);
    RUN(GP_REFUSED + 0x6982, gp_host_delete_with, &host, &gone);
    CALL('g', GP_OK, gp_token_delete, &gone, &token_key, scratch, sizeof scratch, token);
    CHECK(is_token_of(signed_fields, sizeof signed_fields));
    CALL('s', GP_E_BUFFER, gp_token_delete, &gone, &token_key, scratch, 5, token);
    CALL('n', GP_E_ARGUMENT, gp_token_delete, NULL, &token_key, scratch, sizeof scratch, token);
    CALL('n', GP_E_ARGUMENT, gp_token_delete, &gone, &token_key, scratch, sizeof scratch, NULL);
    gone.token = OF(token);
    gone.related = 2;
    CALL('o', GP_E_ARGUMENT, gp_host_delete_with, &host, &gone);
    gone.related = 0;
    gone.control.len = 3;
    CALL('s', GP_E_BODY, gp_host_delete_with, &host, &gone);
    gone.control.len = 4;
    gone.object.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_host_delete_with, &host, &gone);
    gone.object.len = sizeof second;
    CALL('n', GP_E_ARGUMENT, gp_host_delete_with, &host, NULL);
    RUN(GP_OK, gp_host_delete_with, &host, &gone);
    answer = answered();
    CALL('g', GP_OK, gp_receipt_verify, answer.data, &operation, &receipt_key, &receipt);
    CHECK(receipt.counter == 5 && receipt.token_id.len == 2 && receipt.token_id.ptr[0] == 0x07);

    operation.object.len = 4;
    CALL('s', GP_E_AID_LENGTH, gp_receipt_verify, answer.data, &operation, &receipt_key, &receipt);
    operation.object.len = sizeof second;
    CALL('s', GP_E_BODY, gp_receipt_verify, slice(answer.data.ptr, 9), &operation, &receipt_key, &receipt);
    CALL('o', GP_E_NOT_AUTHENTIC, gp_receipt_verify, slice(octets, 1), &operation, &receipt_key, &receipt);
    CALL('n', GP_E_ARGUMENT, gp_receipt_verify, answer.data, NULL, &receipt_key, &receipt);
    CALL('n', GP_E_ARGUMENT, gp_receipt_verify, answer.data, &operation, NULL, &receipt);
    CALL('n', GP_E_ARGUMENT, gp_receipt_verify, slice(NULL, 9), &operation, &receipt_key, &receipt);
    operation.function = 0x99;
    CALL('o', GP_E_ARGUMENT, gp_receipt_verify, answer.data, &operation, &receipt_key, &receipt);
    operation.function = 0x02;
    CALL('o', GP_E_AID_LENGTH, gp_receipt_verify, answer.data, &operation, &receipt_key, &receipt);
    operation.load_file = OF(card_load_file);
    operation.to = OF(delegate);
    CALL('o', GP_E_SIGNATURE, gp_receipt_verify, answer.data, &operation, &receipt_key, &receipt);
    operation.function = 0x0E;
    CALL('o', GP_E_SIGNATURE, gp_receipt_verify, answer.data, &operation, &receipt_key, &receipt);
}

/* INITIALIZE UPDATE and its answer, recorded. */
static size_t record(uint8_t *sent, size_t *sent_len, uint8_t *received)
{
    *sent_len = unhex("8050000008" "0807060504030201" "00", sent);
    return card_transmit(sent, *sent_len, received, 64);
}

/* Keys that follow from master keys and the diversification data of the card. */
static void diversified(void)
{
    static const uint8_t wrong[16] = {1}, nothing[10] = {0};
    static uint8_t key[3][16];
    static module_slot slot;
    gp_key_set masters, derived, swapped, by_hand;
    gp_key_source source = source_of(&slot);
    gp_finding finding;
    uint8_t sent[64], received[64], message[16] = {1};
    gp_slice out, in, whole = OF(message);
    size_t i, sent_len, received_len;
    memset(&masters, 0, sizeof masters);
    memset(&derived, 0, sizeof derived);
    memset(&swapped, 0, sizeof swapped);
    memset(&by_hand, 0, sizeof by_hand);
    memset(&finding, 0, sizeof finding);
    for (i = 0; i < 3; i++) {
        message[4] = (uint8_t)(i + 1);
        CHECK(source.cmac(source.context, 1, &whole, 1, key[i]) == 0);
    }
    for (i = 0; i < 16; i++) {
        message[i] = (uint8_t)(0x40 + i);
    }
    CALL('o', GP_E_STATE, gp_key_set_diversify, &derived, &masters, nothing);
    CALL('g', GP_OK, gp_key_set_init, &masters, message, message, message, 16);
    CALL('g', GP_OK, gp_key_set_init, &by_hand, key[0], key[1], key[2], 16);
    CALL('g', GP_OK, gp_key_set_init, &swapped, key[1], key[0], key[2], 16);
    CALL('n', GP_E_ARGUMENT, gp_key_set_diversify, NULL, &masters, nothing);
    CALL('n', GP_E_ARGUMENT, gp_key_set_diversify, &derived, NULL, nothing);
    CALL('n', GP_E_ARGUMENT, gp_key_set_diversify, &derived, &masters, NULL);
    CALL('o', GP_E_ARGUMENT, gp_key_set_diversify, &masters, &masters, nothing);
    CALL('g', GP_OK, gp_key_set_diversify, &derived, &masters, nothing);
    CALL('o', GP_E_STATE, gp_key_set_diversify, &derived, &masters, nothing);

    /* A card with the keys that the module computed takes those that the library derived. */
    CHECK(card_power_on(&by_hand, 0x70, 1) == GP_OK);
    challenge(0);
    authenticate(&derived, 0x33);
    gp_session_close(&session);
    CHECK(card_reset() == GP_OK);
    received_len = record(sent, &sent_len, received);
    out = slice(sent, sent_len);
    in = slice(received, received_len);
    CALL('g', GP_OK, gp_diagnose, out, in, &derived, OF(isd), &finding);
    CHECK(finding.scheme == GP_SCHEME_SAME && finding.challenge == GP_CHALLENGE_MATCHES && finding.key_len == 16);
    CALL('g', GP_OK, gp_diagnose, out, in, &masters, NONE, &finding);
    CHECK(finding.scheme == GP_SCHEME_DIVERSIFIED && finding.challenge == GP_CHALLENGE_NOT_CHECKED);
    CALL('g', GP_OK, gp_diagnose, out, in, &swapped, OF(isd), &finding);
    CHECK(finding.scheme == GP_SCHEME_SWAPPED);
    CALL('g', GP_OK, gp_diagnose_secret, out, in, OF(message), OF(other), &finding);
    CHECK(finding.scheme == GP_SCHEME_DIVERSIFIED && finding.challenge == GP_CHALLENGE_DIFFERS);
    CALL('g', GP_OK, gp_diagnose, out, in, &masters, NONE, NULL);
    CALL('o', GP_E_CARD_CRYPTOGRAM, gp_diagnose_secret, out, in, OF(wrong), OF(isd), &finding);
    CALL('s', GP_E_CARD_CRYPTOGRAM, gp_diagnose_secret, out, in, slice(message, 15), OF(isd), &finding);
    CALL('n', GP_E_ARGUMENT, gp_diagnose_secret, out, in, slice(NULL, 16), OF(isd), &finding);
    CALL('n', GP_E_ARGUMENT, gp_diagnose, out, in, NULL, OF(isd), &finding);
    CALL('n', GP_E_ARGUMENT, gp_diagnose, slice(NULL, 5), in, &derived, OF(isd), &finding);
    CALL('s', GP_E_AID_LENGTH, gp_diagnose, out, in, &derived, slice(isd, 4), &finding);
    CALL('s', GP_E_APDU_TRUNCATED, gp_diagnose, out, slice(received, 1), &derived, OF(isd), &finding);
    CALL('s', GP_E_MALFORMED, gp_diagnose, out, slice((const uint8_t *)"\x90\x00", 2), &derived, OF(isd), &finding);
    CALL('o', GP_REFUSED + 0x6982, gp_diagnose, out, slice((const uint8_t *)"\x69\x82", 2), &derived, OF(isd), &finding);
    gp_key_set_close(&masters);
    gp_key_set_close(&derived);
    gp_key_set_close(&swapped);
    gp_key_set_close(&by_hand);
}

void test_manage(void)
{
    uint8_t key[16];
    size_t i;
    for (i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    memset(&keys, 0, sizeof keys);
    memset(&delegate_keys, 0, sizeof delegate_keys);
    memset(&token_key, 0, sizeof token_key);
    memset(&receipt_key, 0, sizeof receipt_key);
    memset(&session, 0, sizeof session);
    memset(&host, 0, sizeof host);
    CALL('g', GP_OK, gp_key_set_init, &keys, key, key, key, sizeof key);
    CHECK(card_power_on(&keys, 0x70, 1) == GP_OK);
    r_mac_sessions();
    card_challenges();
    CHECK(card_reset() == GP_OK);
    CALL('g', GP_OK, gp_host_init, &host, command, sizeof command, response, sizeof response);
    manage(NONE, 0x30, &keys);
    channels();
    store_data();
    single_keys();
    heads();
    combined();
    settings();
    CHECK(card_reset() == GP_OK);
    manage(NONE, 0x30, &keys);
    domains();
    manage(OF(delegate), 0x31, &delegate_keys);
    tokens_of_install();
    tokens_of_loads();
    a_life_by_tokens();
    deletion_by_token();
    VOID('g', gp_host_close, &host);
    gp_session_close(&session);
    diversified();
    card_power_off();
    gp_key_close(&token_key);
    gp_key_close(&receipt_key);
    gp_key_set_close(&delegate_keys);
    gp_key_set_close(&keys);
}
