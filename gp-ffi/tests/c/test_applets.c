/* Applications behind a table of functions: when each is called and with what, and what they ask of the card's OPEN. */
#include "card.h"
#include "check.h"

static gp_key_set keys;
static gp_session session;
static gp_host host;
static uint8_t command[700], response[600];

/* The other instance, with no privilege. */
static const uint8_t other[8] = {0xF0, 0x47, 0x50, 0x45, 0x43, 0x48, 0x4F, 0x02};
/* What the load file imports. */
static const uint8_t imported[7] = {0xA0, 0x00, 0x00, 0x00, 0x62, 0x00, 0x01};

static struct {
    unsigned start, install, select, deselect, personalize, removed, single, may_delete, has_room, provides;
    uint8_t keeps, full, lacks;
    gp_room room;
} seen;

static int is(gp_slice aid, const uint8_t *octets, size_t len)
{
    return aid.len == len && memcmp(aid.ptr, octets, len) == 0;
}

static void on_start(void *context, gp_slice aid, gp_slice module)
{
    CHECK(context == &seen && aid.len == 8 && is(module, card_module, sizeof card_module));
    seen.start++;
}

static uint16_t on_install(void *context, gp_slice aid, const gp_installation *it)
{
    CHECK(context == &seen && aid.len == 8);
    CHECK(is(it->load_file, card_load_file, sizeof card_load_file) && is(it->module, card_module, sizeof card_module));
    CHECK(it->parameters.len == 1 && it->parameters.ptr[0] == 0x5A);
    seen.room = it->room;
    seen.install++;
    return 0x9000;
}

static uint16_t on_select(void *context, gp_slice aid, gp_apdu_exchange *exchange)
{
    CHECK(context == &seen && aid.len == 8 && exchange->header[1] == 0xA4 && exchange->level == -1);
    seen.select++;
    return 0x9000;
}

static void on_deselect(void *context, gp_slice aid)
{
    CHECK(context == &seen && aid.len == 8);
    seen.deselect++;
}

/* INS 26: own state. 28: lock another. 2A, 2C: lock and end the card. 2E: what it is. 30: more octets than there is room for. */
static uint16_t on_process(void *context, gp_slice aid, gp_apdu_exchange *exchange)
{
    CHECK(context == &seen && (aid.len == 8 || aid.len == 0));
    switch (exchange->header[1]) {
    case 0x26:
        return gp_open_set_life_cycle(exchange->open, exchange->header[2]);
    case 0x28:
        return gp_open_lock_application(exchange->open, exchange->data, exchange->header[2]);
    case 0x2A:
        return gp_open_lock_card(exchange->open);
    case 0x2C:
        return gp_open_terminate_card(exchange->open);
    case 0x2E:
        exchange->answer[0] = gp_open_life_cycle(exchange->open);
        exchange->answer[1] = gp_open_card_life_cycle(exchange->open);
        exchange->answer_len = 2;
        return 0x9000;
    case 0x30:
        exchange->answer_len = exchange->answer_cap + 1;
        return 0x9000;
    case 0x32:
        exchange->answer[0] = 0x77;
        exchange->answer_len = 1;
        return 0x6283;
    default:
        return 0x6D00;
    }
}

static uint16_t on_personalize(void *context, gp_slice aid, gp_apdu_exchange *exchange)
{
    CHECK(context == &seen && aid.len == 8 && exchange->header[1] == 0xE2 && exchange->level >= 0);
    seen.personalize++;
    return 0x9000;
}

static void on_removed(void *context, gp_slice aid)
{
    CHECK(context == &seen && aid.len == 8);
    seen.removed++;
}

static uint8_t on_multi(void *context, gp_slice aid)
{
    CHECK(context == &seen && aid.len == 8);
    seen.single++;
    return 0;
}

static uint8_t on_may_delete(void *context, gp_slice aid)
{
    CHECK(context == &seen && aid.len >= 6);
    seen.may_delete++;
    return (uint8_t)!seen.keeps;
}

static uint8_t on_has_room(void *context, const gp_room *room)
{
    CHECK(context == &seen && room->code == 0x0100 && room->volatile_data == GP_ROOM_UNSAID);
    seen.has_room++;
    return (uint8_t)!seen.full;
}

static uint8_t on_provides(void *context, gp_slice package, uint8_t major, uint8_t minor)
{
    CHECK(context == &seen && is(package, imported, sizeof imported) && major == 1 && minor == 6);
    seen.provides++;
    return (uint8_t)!seen.lacks;
}

static gp_status run(gp_status begun)
{
    gp_slice out;
    gp_buf in;
    uint8_t more = 1;
    gp_status status = begun;
    while (status == GP_OK && more) {
        status = gp_host_io(&host, &out, &in);
        if (status == GP_OK) {
            status = gp_host_digest(&host, card_transmit(out.ptr, out.len, in.ptr, in.cap), &more);
        }
    }
    return status;
}

#define RUN(expected, call) check(run(call) == (expected), #call " ends with " #expected, __FILE__, __LINE__)

static void open_session(void)
{
    static const uint8_t challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t out[64], in[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len;
    (void)gp_host_reset(&host);
    RUN(GP_OK, gp_host_select(&host, slice(NULL, 0)));
    memset(&session, 0, sizeof session);
    CHECK(gp_session_init(&session, challenge, sizeof challenge, 0, 0x30) == GP_OK);
    CHECK(gp_session_initialize_update(&session, &buf) == GP_OK);
    len = card_transmit(out, buf.len, in, sizeof in);
    CHECK(gp_session_challenged(&session, in, len, NULL) == GP_OK);
    CHECK(gp_session_authenticate(&session, &keys, 0x33, &buf) == GP_OK);
    len = card_transmit(out, buf.len, in, sizeof in);
    CHECK(gp_session_confirm(&session, in, len) == GP_OK);
    CHECK(gp_host_adopt(&host, &session) == GP_OK);
}

/* A plain command; its status word, its data in `response`. */
static unsigned ask(uint8_t cla, uint8_t ins, uint8_t p1, const uint8_t *data, size_t data_len, size_t *answer_len)
{
    uint8_t apdu[64] = {0};
    size_t len;
    apdu[0] = cla;
    apdu[1] = ins;
    apdu[2] = p1;
    apdu[4] = (uint8_t)data_len;
    if (data_len > 0) {
        memcpy(apdu + 5, data, data_len);
    }
    len = card_transmit(apdu, 5 + data_len, response, sizeof response);
    CHECK(len >= 2);
    if (answer_len != NULL) {
        *answer_len = len - 2;
    }
    return ((unsigned)response[len - 2] << 8) | response[len - 1];
}

static void content(void)
{
    static const uint8_t header[19] = {0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00,
                                       0x00, 0x01, 0x06, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01};
    static const uint8_t imports[14] = {0x04, 0x00, 0x0B, 0x01, 0x06, 0x01, 0x07, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x00, 0x01};
    static const uint8_t applet[14] = {0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01, 0x01, 0x00, 0x00};
    static const uint8_t room[6] = {0xEF, 0x04, 0xC6, 0x02, 0x01, 0x00};
    static const uint8_t all[3] = {0x18, 0x08, 0x00}, none[1] = {0x00};
    static const uint8_t parameters[9] = {0xC9, 0x01, 0x5A, 0xEF, 0x04, 0xC8, 0x02, 0x02, 0x00};
    static const uint8_t object[3] = {0x42, 0x01, 0x99};
    gp_slice parts[3], file = slice(card_load_file, sizeof card_load_file);
    gp_load load;
    gp_install install;

    parts[0] = slice(header, sizeof header);
    parts[1] = slice(imports, sizeof imports);
    parts[2] = slice(applet, sizeof applet);
    memset(&load, 0, sizeof load);
    load.load_file = file;
    load.parameters = slice(room, sizeof room);
    load.parts = parts;
    load.parts_len = 3;
    seen.full = 1;
    RUN(GP_REFUSED + 0x6A84, gp_host_load(&host, &load));
    seen.full = 0;
    seen.lacks = 1;
    CHECK(run(gp_host_load(&host, &load)) != GP_OK);
    seen.lacks = 0;
    RUN(GP_OK, gp_host_load(&host, &load));
    CHECK(seen.has_room == 3 && seen.provides == 2);

    memset(&install, 0, sizeof install);
    install.load_file = file;
    install.module = slice(card_module, sizeof card_module);
    install.application = slice(card_instance, sizeof card_instance);
    install.privileges = slice(all, sizeof all);
    install.parameters = slice(parameters, sizeof parameters);
    RUN(GP_OK, gp_host_install(&host, &install));
    CHECK(seen.room.non_volatile_data == 0x0200 && seen.room.code == GP_ROOM_UNSAID);
    install.application = slice(other, sizeof other);
    install.privileges = slice(none, sizeof none);
    RUN(GP_OK, gp_host_install(&host, &install));
    CHECK(seen.install == 2);

    RUN(GP_OK, gp_host_store_data(&host, 0, slice(object, sizeof object), slice(other, sizeof other)));
    CHECK(seen.personalize == 1);

    seen.keeps = 1;
    RUN(GP_REFUSED + 0x6985, gp_host_delete(&host, slice(other, sizeof other), 0));
    seen.keeps = 0;
    CHECK(seen.may_delete >= 1 && seen.removed == 0);
}

static void services(void)
{
    size_t len;
    CHECK(ask(0x00, 0xA4, 0x04, other, sizeof other, NULL) == 0x9000 && seen.select == 1);
    /* Its code is selected here, so not on another channel. */
    CHECK(ask(0x00, 0x70, 0x00, NULL, 0, NULL) == 0x9000 && seen.single >= 1);
    CHECK(ask(0x01, 0xA4, 0x04, other, sizeof other, NULL) != 0x9000);
    CHECK(ask(0x80, 0x2E, 0, NULL, 0, &len) == 0x9000 && len == 2 && response[0] == 0x07 && response[1] == 0x0F);
    CHECK(covered("gp_open_life_cycle", 'g') && covered("gp_open_card_life_cycle", 'g'));
    CHECK(ask(0x80, 0x26, 0x47, NULL, 0, NULL) == 0x9000 && covered("gp_open_set_life_cycle", 'g'));
    CHECK(ask(0x80, 0x26, 0x08, NULL, 0, NULL) == 0x6A80);
    CHECK(ask(0x80, 0x2E, 0, NULL, 0, NULL) == 0x9000 && response[0] == 0x47);
    /* No privilege. */
    CHECK(ask(0x80, 0x28, 1, card_instance, sizeof card_instance, NULL) == 0x6982);
    CHECK(ask(0x80, 0x2A, 0, NULL, 0, NULL) == 0x6982);
    CHECK(ask(0x80, 0x2C, 0, NULL, 0, NULL) == 0x6982);
    /* More than there is room for, and a warning with data. */
    CHECK(ask(0x80, 0x30, 0, NULL, 0, &len) == 0x6F00 && len == 0);
    CHECK(ask(0x80, 0x32, 0, NULL, 0, &len) == 0x6283 && len == 1 && response[0] == 0x77);

    CHECK(ask(0x00, 0xA4, 0x04, card_instance, sizeof card_instance, NULL) == 0x9000 && seen.deselect == 1);
    CHECK(ask(0x80, 0x28, 1, other, sizeof other, NULL) == 0x9000 && covered("gp_open_lock_application", 'g'));
    CHECK(ask(0x80, 0x28, 2, other, sizeof other, NULL) == 0x6F00);
    CHECK(ask(0x80, 0x28, 1, other, 4, NULL) == 0x6A88);
    CHECK(ask(0x00, 0xA4, 0x04, other, sizeof other, NULL) == 0x6D00);
    CHECK(ask(0x80, 0x28, 0, other, sizeof other, NULL) == 0x9000);
    CHECK(ask(0x80, 0x2A, 0, NULL, 0, NULL) == 0x9000 && covered("gp_open_lock_card", 'g'));
    CHECK(ask(0x80, 0x2E, 0, NULL, 0, NULL) == 0x9000 && response[1] == 0x7F);
    CHECK(ask(0x80, 0x2C, 0, NULL, 0, NULL) == 0x9000 && covered("gp_open_terminate_card", 'g'));
    CHECK(ask(0x80, 0x2E, 0, NULL, 0, NULL) == 0x9000 && response[1] == 0xFF);

    CALL('n', 0x6F00, gp_open_set_life_cycle, NULL, 0x07);
    CALL('n', 0x6F00, gp_open_lock_application, NULL, slice(other, sizeof other), 1);
    CALL('n', 0x6F00, gp_open_lock_card, NULL);
    CALL('n', 0x6F00, gp_open_terminate_card, NULL);
    CALL('n', 0, gp_open_life_cycle, NULL);
    CALL('n', 0, gp_open_card_life_cycle, NULL);
}

void test_applets(void)
{
    gp_applets table;
    uint8_t key[16];
    size_t i;
    for (i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    memset(&seen, 0, sizeof seen);
    memset(&table, 0, sizeof table);
    table.context = &seen;
    table.start = on_start;
    table.install = on_install;
    table.select = on_select;
    table.deselect = on_deselect;
    table.process = on_process;
    table.personalize = on_personalize;
    table.removed = on_removed;
    table.multi_selectable = on_multi;
    table.may_delete = on_may_delete;
    table.has_room = on_has_room;
    table.provides = on_provides;
    memset(&keys, 0, sizeof keys);
    memset(&host, 0, sizeof host);
    CHECK(gp_key_set_init(&keys, key, key, key, sizeof key) == GP_OK);
    card_applets = &table;
    CHECK(card_power_on(&keys, 0x70, 1) == GP_OK && seen.start == 0);
    CHECK(gp_host_init(&host, command, sizeof command, response, sizeof response) == GP_OK);
    open_session();
    content();
    /* The next start names both; then one is deleted. */
    CHECK(card_power_on(&keys, 0x70, 0) == GP_OK && seen.start == 2);
    services();
    CHECK(card_power_on(&keys, 0x70, 1) == GP_OK);
    memset(&seen, 0, sizeof seen);
    open_session();
    content();
    RUN(GP_OK, gp_host_delete(&host, slice(other, sizeof other), 0));
    CHECK(seen.removed == 1);
    gp_host_close(&host);
    card_power_off();
    card_applets = NULL;
    gp_key_set_close(&keys);
}
