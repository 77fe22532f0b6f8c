/* The host's operations against the card, both driven from C (the card is that of examples/c-host). */
#include "card.h"
#include "check.h"
#include "module.h"

static gp_key_set keys;
static gp_session session;
static gp_host host;
static uint8_t command[700];
static uint8_t response[600];

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
    (void)covered("gp_host_io", 'g');
    (void)covered("gp_host_digest", 'g');
    return status;
}

#define RUN(expected, function, ...) \
    check(covered(#function, 'g') && run(function(__VA_ARGS__)) == (expected), #function " ends with " #expected, __FILE__, __LINE__)

static void open_session(uint8_t version)
{
    static const uint8_t octets[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t out[64], in[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len;
    memset(&session, 0, sizeof session);
    CALL('o', GP_E_STATE, gp_host_adopt, &host, &session);
    CALL('g', GP_OK, gp_session_init, &session, octets, sizeof octets, 0, version);
    CALL('o', GP_E_STATE, gp_host_adopt, &host, &session);
    CALL('g', GP_OK, gp_session_initialize_update, &session, &buf);
    len = card_transmit(out, buf.len, in, sizeof in);
    CALL('g', GP_OK, gp_session_challenged, &session, in, len, NULL);
    CALL('g', GP_OK, gp_session_authenticate, &session, &keys, 0x33, &buf);
    len = card_transmit(out, buf.len, in, sizeof in);
    CALL('g', GP_OK, gp_session_confirm, &session, in, len);
    CALL('g', GP_OK, gp_host_adopt, &host, &session);
    CALL('n', GP_E_ARGUMENT, gp_host_adopt, &host, NULL);
    CALL('o', GP_E_STATE, gp_session_wrap, &session, &buf);
}

static int32_t count(void *context, const gp_entry *entry)
{
    unsigned *seen = (unsigned *)context;
    (*seen)++;
    return entry->aid.len >= 5 ? 0 : -1;
}

static int32_t stop(void *context, const gp_entry *entry)
{
    (void)context;
    (void)entry;
    return 1;
}

static void content(void)
{
    static const uint8_t header[19] = {0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00,
                                       0x00, 0x01, 0x06, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01};
    static const uint8_t applet[17] = {0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C,
                                       0x46, 0x01, 0x01, 0x00, 0x00, 0x07, 0x02, 0x58};
    static const uint8_t code[600] = {0};
    static const uint8_t privileges[1] = {0x00}, parameters[2] = {0xC9, 0x00};
    gp_slice parts[3], file = slice(card_load_file, sizeof card_load_file);
    gp_slice instance = slice(card_instance, sizeof card_instance);
    gp_load load;
    gp_install install;
    gp_answer answer;
    unsigned seen = 0, installed = card_installed;

    parts[0] = slice(header, sizeof header);
    parts[1] = slice(applet, sizeof applet);
    parts[2] = slice(code, sizeof code);
    memset(&load, 0, sizeof load);
    load.load_file = file;
    CALL('s', GP_E_ARGUMENT, gp_host_load, &host, &load);
    load.parts = parts;
    load.parts_len = 3;
    CALL('n', GP_E_ARGUMENT, gp_host_load, &host, NULL);
    RUN(GP_OK, gp_host_load, &host, &load);
    CALL('g', GP_OK, gp_host_answer, &host, &answer);
    CHECK(answer.kind == GP_REPLY_AUTHENTIC && answer.status_word == 0x9000);

    memset(&install, 0, sizeof install);
    install.load_file = file;
    install.module = slice(card_module, sizeof card_module);
    install.application = slice(card_instance, 4);
    install.privileges = slice(privileges, 1);
    install.parameters = slice(parameters, 2);
    CALL('s', GP_E_AID_LENGTH, gp_host_install, &host, &install);
    install.application = instance;
    CALL('n', GP_E_ARGUMENT, gp_host_install, &host, NULL);
    RUN(GP_OK, gp_host_install, &host, &install);
    CHECK(card_installed == installed + 1);

    RUN(GP_OK, gp_host_get_status, &host, 0x40, count, &seen);
    CALL('g', GP_OK, gp_host_answer, &host, &answer);
    CHECK(seen == 1 && answer.entries == 1);
    RUN(GP_E_STOPPED, gp_host_get_status, &host, 0x40, stop, NULL);
    CALL('o', GP_E_STATE, gp_host_answer, &host, &answer);
    CALL('n', GP_E_ARGUMENT, gp_host_get_status, &host, 0x40, NULL, NULL);
    CALL('o', GP_E_ARGUMENT, gp_host_get_status, &host, 0x41, count, &seen);

    RUN(GP_OK, gp_host_set_status, &host, 0x40, 0x80, instance);
    RUN(GP_OK, gp_host_set_status, &host, 0x40, 0x00, instance);
    CALL('s', GP_E_AID_LENGTH, gp_host_set_status, &host, 0x40, 0x00, slice(card_instance, 4));
    CALL('n', GP_E_ARGUMENT, gp_host_set_status, &host, 0x40, 0x00, slice(NULL, 5));
    CALL('o', GP_E_ARGUMENT, gp_host_set_status, &host, 0x41, 0x00, instance);

    RUN(GP_OK, gp_host_delete, &host, file, 1);
    RUN(GP_REFUSED + 0x6A88, gp_host_delete, &host, file, 1);
    CALL('o', GP_E_ARGUMENT, gp_host_delete, &host, file, 2);
    CALL('s', GP_E_AID_LENGTH, gp_host_delete, &host, slice(card_load_file, 4), 0);
}

static int32_t refuse(void *context, uint8_t key, uint8_t *data, size_t len)
{
    (void)context;
    (void)key;
    (void)data;
    (void)len;
    return -1;
}

/* The keys of the session are in a module, and so is the Key-DEK that encrypts the new ones. */
static void keys_in_a_module(const gp_key_set *fresh)
{
    static module_slot slot;
    uint8_t key[16];
    gp_key_source source;
    size_t i;
    for (i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    module_fill(&slot, key, key, key, sizeof key);
    source = module_source(&slot);
    CALL('n', GP_E_ARGUMENT, gp_host_put_keys_with, &host, 0, 0x32, fresh, NULL);
    CALL('n', GP_E_ARGUMENT, gp_host_put_keys_with, &host, 0, 0x32, NULL, &source);
    source.encrypt = NULL;
    CALL('n', GP_E_ARGUMENT, gp_host_put_keys_with, &host, 0, 0x32, fresh, &source);
    source.encrypt = refuse;
    RUN(GP_E_KEY_SOURCE, gp_host_put_keys_with, &host, 0, 0x32, fresh, &source);
    source = module_source(&slot);
    source.cmac = NULL;
    RUN(GP_OK, gp_host_put_keys_with, &host, 0, 0x32, fresh, &source);
    CHECK(slot.asked == 3);
    RUN(GP_OK, gp_host_put_keys_with, &host, 0x32, 0x32, fresh, &source);
    RUN(GP_OK, gp_host_delete_keys, &host, 0x32);
}

static void personalisation(void)
{
    /* DGI 0070: the issuer identification number. */
    static const uint8_t iin[8] = {0x00, 0x70, 0x05, 0x42, 0x03, 0x11, 0x22, 0x33};
    gp_answer answer;
    gp_key_set fresh;
    uint8_t key[16] = {1, 2, 3};
    RUN(GP_OK, gp_host_store_data, &host, 1, slice(iin, sizeof iin), slice(NULL, 0));
    CALL('o', GP_E_ARGUMENT, gp_host_store_data, &host, 3, slice(iin, sizeof iin), slice(NULL, 0));
    CALL('n', GP_E_ARGUMENT, gp_host_store_data, &host, 1, slice(NULL, 4), slice(NULL, 0));
    RUN(GP_OK, gp_host_get_data, &host, 0x0042);
    CALL('g', GP_OK, gp_host_answer, &host, &answer);
    CHECK(answer.data.len >= 3 && memcmp(answer.data.ptr + answer.data.len - 3, iin + 5, 3) == 0);
    RUN(GP_REFUSED + 0x6A88, gp_host_get_data, &host, 0x0099);

    memset(&fresh, 0, sizeof fresh);
    CALL('n', GP_E_ARGUMENT, gp_host_put_keys, &host, 0, 0x31, NULL, &keys);
    CALL('o', GP_E_STATE, gp_host_put_keys, &host, 0, 0x31, &fresh, &keys);
    CALL('g', GP_OK, gp_key_set_init, &fresh, key, key, key, 16);
    RUN(GP_OK, gp_host_put_keys, &host, 0, 0x31, &fresh, &keys);
    CALL('o', GP_E_KEY_IN_USE, gp_host_delete_keys, &host, 0x30);
    RUN(GP_OK, gp_host_delete_keys, &host, 0x31);
    CALL('n', GP_E_ARGUMENT, gp_host_delete_keys, NULL, 0x31);
    keys_in_a_module(&fresh);
    gp_key_set_close(&fresh);
}

static void application(void)
{
    static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
    gp_command echo;
    gp_answer answer;
    gp_slice out;
    gp_buf in;
    uint8_t more;
    memset(&echo, 0, sizeof echo);
    echo.cla = 0x80;
    echo.ins = 0xCA;
    echo.p2 = 0x66;
    echo.le = 256;
    RUN(GP_OK, gp_host_raw, &host, &echo);
    CALL('g', GP_OK, gp_host_answer, &host, &answer);
    CHECK(answer.status_word == 0x9000 && answer.kind == GP_REPLY_AUTHENTIC);
    echo.ins = 0x77;
    echo.data = slice(hello, sizeof hello);
    RUN(GP_OK, gp_host_raw, &host, &echo);
    CALL('g', GP_OK, gp_host_answer, &host, &answer);
    CHECK(answer.status_word == 0x6D00 && answer.data.len == 0);
    CALL('n', GP_E_ARGUMENT, gp_host_raw, &host, NULL);
    echo.data = slice(NULL, 5);
    CALL('n', GP_E_ARGUMENT, gp_host_raw, &host, &echo);

    /* An answer that does not come ends the session. */
    CALL('g', GP_OK, gp_host_get_data, &host, 0x66);
    CALL('n', GP_E_ARGUMENT, gp_host_io, &host, NULL, &in);
    CALL('n', GP_E_ARGUMENT, gp_host_digest, &host, 2, NULL);
    CALL('g', GP_OK, gp_host_abandon, &host);
    CALL('o', GP_E_STATE, gp_host_io, &host, &out, &in);
    CALL('o', GP_E_STATE, gp_host_digest, &host, 2, &more);
    CALL('o', GP_E_CLOSED, gp_host_get_data, &host, 0x66);
    CALL('g', GP_OK, gp_host_reset, &host);
    /* More octets than there is room for. */
    CALL('g', GP_OK, gp_host_select, &host, slice(NULL, 0));
    CALL('s', GP_E_APDU_RESPONSE, gp_host_digest, &host, sizeof response + 1, &more);
    CALL('n', GP_E_ARGUMENT, gp_host_select, &host, slice(NULL, 1));
    CALL('o', GP_E_NO_SESSION, gp_host_delete, &host, slice(card_load_file, 6), 0);
    CALL('g', GP_OK, gp_host_set_channel, &host, 1);
    CALL('o', GP_E_ARGUMENT, gp_host_set_channel, &host, 20);
    CALL('n', GP_E_ARGUMENT, gp_host_abandon, NULL);
    CALL('n', GP_E_ARGUMENT, gp_host_reset, NULL);
    CALL('n', GP_E_ARGUMENT, gp_host_answer, &host, NULL);
}

static void the_card_itself(void)
{
    gp_card card;
    gp_card_memory memory;
    uint8_t apdu[261] = {0x00, 0xA4, 0x04, 0x00, 0x00};
    memset(&card, 0, sizeof card);
    memset(&memory, 0, sizeof memory);
    CALL('n', GP_E_ARGUMENT, gp_card_open, &card, NULL, NULL, NULL, NULL, NULL);
    CALL('o', 0u, gp_card_process, &card, apdu, 5, sizeof apdu);
    CALL('o', GP_E_STATE, gp_card_reset, &card);
    CALL('n', GP_E_ARGUMENT, gp_card_reset, NULL);
    CALL('n', 0u, gp_card_process, NULL, apdu, 5, sizeof apdu);
    VOID('n', gp_card_close, NULL);
    VOID('o', gp_card_close, &card);
}

void test_card(void)
{
    uint8_t key[16];
    size_t i;
    for (i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    memset(&keys, 0, sizeof keys);
    memset(&host, 0, sizeof host);
    CALL('g', GP_OK, gp_key_set_init, &keys, key, key, key, sizeof key);
    CHECK(card_power_on(&keys, 0x70, 1) == GP_OK);
    (void)covered("gp_card_open", 'g');
    (void)covered("gp_card_process", 'g');
    CALL('o', GP_E_STATE, gp_host_get_data, &host, 0x66);
    CALL('n', GP_E_ARGUMENT, gp_host_init, &host, NULL, sizeof command, response, sizeof response);
    CALL('o', GP_E_ARGUMENT, gp_host_init, &host, command, sizeof command, command + 1, 300);
    CALL('g', GP_OK, gp_host_init, &host, command, sizeof command, response, sizeof response);
    CALL('o', GP_E_STATE, gp_host_init, &host, command, sizeof command, response, sizeof response);
    RUN(GP_OK, gp_host_select, &host, slice(NULL, 0));
    open_session(0x30);
    content();
    personalisation();
    application();
    /* A card that starts again finds what it stored. */
    CALL('g', GP_OK, gp_host_reset, &host);
    CHECK(card_power_on(&keys, 0x70, 0) == GP_OK);
    RUN(GP_OK, gp_host_select, &host, slice(NULL, 0));
    RUN(GP_OK, gp_host_get_data, &host, 0x0042);
    CHECK(card_reset() == GP_OK && covered("gp_card_reset", 'g'));
    the_card_itself();
    VOID('g', gp_host_close, &host);
    VOID('o', gp_host_close, &host);
    VOID('n', gp_host_close, NULL);
    card_power_off();
    (void)covered("gp_card_close", 'g');
    gp_key_set_close(&keys);
}
