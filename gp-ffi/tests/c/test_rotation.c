/* A rotation of keys, cut off at every write of the card's flash, at every answer and at every record: it always goes on, and it is
   always known which set opens the card. */
#include "card.h"
#include "check.h"

static gp_key_set old_keys, new_keys;
static gp_host host;
static gp_rotation rotation;
static uint8_t command[300], response[300];
static uint8_t stored[GP_ROTATION_RECORD_LEN];
/* How many more records are stored, and answers received, before something fails; negative for always. */
static int records, answers;
static unsigned randoms;

static int32_t on_random(void *context, uint8_t *out, size_t len)
{
    size_t i;
    CHECK(context == &rotation && (len == 8 || len == 16));
    for (i = 0; i < len; i++) {
        out[i] = (uint8_t)(randoms + i);
    }
    randoms++;
    return 0;
}

static int32_t no_random(void *context, uint8_t *out, size_t len)
{
    (void)context;
    (void)out;
    (void)len;
    return -1;
}

static int32_t on_persist(void *context, const uint8_t *record, size_t len)
{
    CHECK(context == &rotation && len == sizeof stored);
    if (records == 0) {
        return -1;
    }
    records -= records > 0;
    memcpy(stored, record, len);
    return 0;
}

static gp_rotation_calls calls(void)
{
    gp_rotation_calls table;
    table.context = &rotation;
    table.random = on_random;
    table.persist = on_persist;
    return table;
}

/* One run; GP_OK when the rotation is finished. */
static gp_status run(uint8_t mode, uint8_t level)
{
    gp_rotation_calls table = calls();
    gp_slice out;
    gp_buf in;
    uint8_t more = 1;
    gp_status status;
    (void)gp_host_reset(&host);
    status = gp_host_rotate(&host, &rotation, stored, &old_keys, &new_keys, mode, level, &table);
    (void)covered("gp_host_rotate", 'g');
    while (status == GP_OK && more) {
        status = gp_host_io(&host, &out, &in);
        if (status == GP_OK) {
            size_t len = card_transmit(out.ptr, out.len, in.ptr, in.cap);
            if (card_power_failed() || answers == 0) {
                (void)gp_host_abandon(&host);
                status = GP_E_CALLBACK;
            } else {
                answers -= answers > 0;
                status = gp_host_digest(&host, len, &more);
            }
        }
    }
    gp_rotation_close(&rotation);
    return status;
}

/* Does this set open the card, as this version? */
static int opens(const gp_key_set *keys, uint8_t version)
{
    static const uint8_t challenge[8] = {9, 8, 7, 6, 5, 4, 3, 2};
    gp_session session;
    uint8_t out[64], in[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len;
    gp_status status;
    memset(&session, 0, sizeof session);
    (void)card_reset();
    (void)gp_session_init(&session, challenge, sizeof challenge, 0, version);
    (void)gp_session_initialize_update(&session, &buf);
    len = card_transmit(out, buf.len, in, sizeof in);
    status = gp_session_challenged(&session, in, len, NULL);
    if (status == GP_OK) {
        status = gp_session_authenticate(&session, keys, 0x33, &buf);
    }
    gp_session_close(&session);
    return status == GP_OK;
}

static void check_who_opens(void)
{
    uint8_t who = 9, finished = 9;
    int before, after;
    CALL('g', GP_OK, gp_rotation_look, stored, &who, &finished);
    before = opens(&old_keys, 0x30);
    after = opens(&new_keys, 0x31);
    CHECK(who == GP_OPENS_OLD ? before : who == GP_OPENS_NEW ? after : before || after);
    CHECK(finished <= 1 && (finished == 0 || (after && !before)));
}

/* Begins anew, lets something happen once, and goes on until the end. */
static void survive(uint32_t writes, int failing_record, int failing_answer)
{
    uint8_t finished = 0;
    int runs = 0;
    CHECK(card_power_on(&old_keys, 0x70, 1) == GP_OK);
    CALL('g', GP_OK, gp_rotation_prepare, stored, 0x30, 0x31, GP_ROTATION_DELETE_OLD, 0, &new_keys);
    records = failing_record;
    answers = failing_answer;
    if (writes != UINT32_MAX) {
        card_cut_power(writes);
    }
    while (!finished && runs < 5) {
        (void)run(8, 0x33);
        runs++;
        records = -1;
        answers = -1;
        CHECK(card_power_on(&old_keys, 0x70, 0) == GP_OK);
        check_who_opens();
        (void)gp_rotation_look(stored, NULL, &finished);
    }
    CHECK(finished && runs <= 3);
}

static void refusals(void)
{
    gp_rotation_calls table = calls();
    uint8_t who, record[GP_ROTATION_RECORD_LEN];
    CHECK(card_power_on(&old_keys, 0x70, 1) == GP_OK);
    (void)gp_host_reset(&host);
    CALL('n', GP_E_ARGUMENT, gp_rotation_prepare, NULL, 0x30, 0x31, 0, 0, &new_keys);
    CALL('n', GP_E_ARGUMENT, gp_rotation_prepare, record, 0x30, 0x31, 0, 0, NULL);
    CALL('o', GP_E_ARGUMENT, gp_rotation_prepare, record, 0x30, 0x31, 3, 0, &new_keys);
    CALL('g', GP_OK, gp_rotation_prepare, record, 0x30, 0x31, GP_ROTATION_REPLACE, 2, &new_keys);
    CALL('n', GP_E_ARGUMENT, gp_rotation_look, NULL, &who, NULL);
    CALL('n', GP_E_ARGUMENT, gp_rotation_allow, NULL, 2);
    CALL('n', GP_E_ARGUMENT, gp_host_rotate, NULL, &rotation, record, &old_keys, &new_keys, 8, 0x33, &table);
    CALL('n', GP_E_ARGUMENT, gp_host_rotate, &host, NULL, record, &old_keys, &new_keys, 8, 0x33, &table);
    CALL('n', GP_E_ARGUMENT, gp_host_rotate, &host, &rotation, NULL, &old_keys, &new_keys, 8, 0x33, &table);
    CALL('n', GP_E_ARGUMENT, gp_host_rotate, &host, &rotation, record, NULL, &new_keys, 8, 0x33, &table);
    CALL('n', GP_E_ARGUMENT, gp_host_rotate, &host, &rotation, record, &old_keys, &new_keys, 8, 0x33, NULL);
    CALL('o', GP_E_ARGUMENT, gp_host_rotate, &host, &rotation, record, &old_keys, &new_keys, 9, 0x33, &table);
    CALL('o', GP_E_LEVEL, gp_host_rotate, &host, &rotation, record, &old_keys, &new_keys, 8, 0x11, &table);
    table.persist = NULL;
    CALL('n', GP_E_ARGUMENT, gp_host_rotate, &host, &rotation, record, &old_keys, &new_keys, 8, 0x33, &table);
    table = calls();
    table.random = no_random;
    CALL('o', GP_E_STOPPED, gp_host_rotate, &host, &rotation, record, &old_keys, &new_keys, 8, 0x33, &table);
    VOID('g', gp_rotation_close, &rotation);
    VOID('o', gp_rotation_close, &rotation);
    VOID('n', gp_rotation_close, NULL);
    /* Other keys than it was prepared with. */
    table = calls();
    CHECK(gp_host_rotate(&host, &rotation, record, &new_keys, &old_keys, 8, 0x33, &table) != GP_OK);
    gp_rotation_close(&rotation);
    record[0] ^= 0xFF;
    CALL('o', GP_E_ARGUMENT, gp_rotation_look, record, &who, NULL);
    CALL('o', GP_E_ARGUMENT, gp_rotation_allow, record, 2);
    CALL('o', GP_E_ARGUMENT, gp_host_rotate, &host, &rotation, record, &old_keys, &new_keys, 8, 0x33, &table);
}

/* Wrong keys: it stops before the card could lock, over all its runs, until it is allowed more. */
static void attempts(void)
{
    gp_key_set wrong;
    uint8_t key[16] = {0xEE};
    int i;
    memset(&wrong, 0, sizeof wrong);
    CHECK(gp_key_set_init(&wrong, key, key, key, sizeof key) == GP_OK);
    CHECK(card_power_on(&wrong, 0x70, 1) == GP_OK);
    CHECK(gp_rotation_prepare(stored, 0x30, 0x31, 0, 2, &new_keys) == GP_OK);
    records = -1;
    answers = -1;
    for (i = 0; i < 2; i++) {
        CHECK(run(8, 0x33) == GP_E_CARD_CRYPTOGRAM);
    }
    randoms = 0;
    CHECK(run(8, 0x33) == GP_E_STOPPED);
    CALL('g', GP_E_ARGUMENT, gp_rotation_allow, stored, 0);
    CALL('g', GP_OK, gp_rotation_allow, stored, 1);
    CHECK(run(8, 0x33) == GP_E_CARD_CRYPTOGRAM);
    gp_key_set_close(&wrong);
}

void test_rotation(void)
{
    static const uint8_t levels[3] = {0x03, 0x13, 0x33};
    uint8_t key[16];
    uint32_t writes;
    int i;
    for (i = 0; i < 16; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    memset(&old_keys, 0, sizeof old_keys);
    memset(&new_keys, 0, sizeof new_keys);
    memset(&host, 0, sizeof host);
    memset(&rotation, 0, sizeof rotation);
    CHECK(gp_key_set_init(&old_keys, key, key, key, sizeof key) == GP_OK);
    key[0] = 0x77;
    CHECK(gp_key_set_init(&new_keys, key, key, key, sizeof key) == GP_OK);
    CHECK(gp_host_init(&host, command, sizeof command, response, sizeof response) == GP_OK);
    refusals();
    for (i = 0; i < 6; i++) {
        records = -1;
        answers = -1;
        CHECK(card_power_on(&old_keys, i % 2 ? 0x71 : 0x70, 1) == GP_OK);
        CHECK(gp_rotation_prepare(stored, 0x30, 0x31, i < 3 ? GP_ROTATION_DELETE_OLD : 0, 0, &new_keys) == GP_OK);
        CHECK(run(i % 2 ? 16 : 8, levels[i % 3]) == GP_OK);
        CHECK(run(i % 2 ? 16 : 8, levels[i % 3]) == GP_E_STATE);
    }
    for (writes = 0; writes < 40; writes++) {
        survive(writes, -1, -1);
    }
    for (i = 0; i < 4; i++) {
        survive(UINT32_MAX, i, -1);
    }
    for (i = 0; i < 12; i++) {
        survive(UINT32_MAX, -1, i);
    }
    attempts();
    gp_host_close(&host);
    card_power_off();
    gp_key_set_close(&old_keys);
    gp_key_set_close(&new_keys);
}
