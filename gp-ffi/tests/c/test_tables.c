/* What a program may leave out of the tables of a card and must not, and what the card does without it; hashes by the table;
   listings in pages, from a card and from what is none. The card has memory of this file, since each test has other tables. */
#include "card.h"
#include "check.h"

enum { REGISTRY = 18, KEYS = 6, CHANNELS = 2, CHAIN = 512 + 7, SLOT = 6144, INSTANCES = 12 };

static gp_key_set keys;
static gp_session session;
static gp_host host;
static uint8_t command[700], response[300];

static gp_card card;
static gp_registry_entry registry[REGISTRY];
static gp_key_slot key_slots[KEYS];
static gp_channel channels[CHANNELS];
static uint8_t chain[CHAIN], flash[2][SLOT], apdu[261];
static gp_factory_keys factory;
static gp_card_memory memory;
static gp_storage storage;
static gp_platform platform;
static gp_profile profile;

/* The flash cannot be read; there is no noise. */
static int broken, silent;
/* What comes in place of the card's answers, and what after that; NULL for the card, and for the same again. */
static gp_slice forged, forged_next;
static unsigned exchanges;

static const uint8_t domain_file[7] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50};
static const uint8_t domain_module[8] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41};
static const uint8_t domain[7] = {0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D};
static const uint8_t no_privileges[1] = {0x00};
static const uint8_t no_parameters[2] = {0xC9, 0x00};
/* Header, Import (a package that no load file of the card is) and Applet. */
static const uint8_t block[] = {0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00, 0x00, 0x01, 0x06, 0xF0, 0x47, 0x50,
                                0x4C, 0x46, 0x01, 0x04, 0x00, 0x0B, 0x01, 0x06, 0x01, 0x07, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x00,
                                0x01, 0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01, 0x01, 0x00, 0x00};

#define NONE slice(NULL, 0)
#define OF(array) slice(array, sizeof(array))

static int32_t flash_read(void *context, uint8_t slot, uint32_t at, uint8_t *out, size_t len)
{
    (void)context;
    if (broken || slot > 1 || at > SLOT || len > SLOT - at) {
        return -1;
    }
    memcpy(out, &flash[slot][at], len);
    return 0;
}

static int32_t flash_erase(void *context, uint8_t slot)
{
    (void)context;
    memset(flash[slot], 0xFF, SLOT);
    return 0;
}

static int32_t flash_program(void *context, uint8_t slot, uint32_t at, const uint8_t *unit)
{
    (void)context;
    memcpy(&flash[slot][at], unit, GP_STORAGE_UNIT);
    return 0;
}

static int32_t noise(void *context, uint8_t *out, size_t len)
{
    static uint8_t last;
    (void)context;
    memset(out, ++last, len);
    return silent ? -1 : 0;
}

/* What a card needs at least: no functions of the chip but noise, no objects, no limit. */
static void the_least(void)
{
    memset(&memory, 0, sizeof memory);
    memory.registry = registry;
    memory.registry_len = REGISTRY;
    memory.keys = key_slots;
    memory.keys_len = KEYS;
    memory.channels = channels;
    memory.channels_len = CHANNELS;
    memory.chain = chain;
    memory.chain_len = sizeof chain;
    memset(&storage, 0, sizeof storage);
    storage.slot_size = SLOT;
    storage.read = flash_read;
    storage.erase = flash_erase;
    storage.program = flash_program;
    memset(&platform, 0, sizeof platform);
    platform.random = noise;
    factory.version = 0x30;
    factory.keys = &keys;
    memset(&profile, 0, sizeof profile);
    profile.key_sets = &factory;
    profile.key_sets_len = 1;
    profile.i = 0x70;
}

static gp_status power_on(const gp_applets *applets, int fresh)
{
    gp_card_close(&card);
    if (fresh) {
        memset(flash, 0xFF, sizeof flash);
    }
    return gp_card_open(&card, &memory, &storage, &platform, applets, &profile);
}

static size_t send(const uint8_t *out, size_t len, uint8_t *in, size_t cap)
{
    exchanges++;
    if (forged.ptr != NULL) {
        len = forged.len;
        memcpy(in, forged.ptr, len);
        forged = forged_next.ptr != NULL ? forged_next : forged;
        return len;
    }
    memcpy(apdu, out, len);
    len = gp_card_process(&card, apdu, len, sizeof apdu);
    CHECK(len >= 2 && len <= cap);
    memcpy(in, apdu, len);
    return len;
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
            status = gp_host_digest(&host, send(out.ptr, out.len, in.ptr, in.cap), &more);
        }
    }
    return status;
}

#define RUN(expected, call) check(run(call) == (expected), #call " ends with " #expected, __FILE__, __LINE__)

static void open_session_with(gp_slice with, uint8_t version, uint8_t level)
{
    static const uint8_t challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t out[64], in[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len;
    (void)gp_host_reset(&host);
    RUN(GP_OK, gp_host_select(&host, with));
    memset(&session, 0, sizeof session);
    CHECK(gp_session_init(&session, challenge, sizeof challenge, 0, version) == GP_OK);
    CHECK(gp_session_initialize_update(&session, &buf) == GP_OK);
    len = send(out, buf.len, in, sizeof in);
    CHECK(gp_session_challenged(&session, in, len, NULL) == GP_OK);
    CHECK(gp_session_authenticate(&session, &keys, level, &buf) == GP_OK);
    len = send(out, buf.len, in, sizeof in);
    CHECK(gp_session_confirm(&session, in, len) == GP_OK);
    CHECK(gp_host_adopt(&host, &session) == GP_OK);
}

static void open_session(uint8_t level)
{
    open_session_with(NONE, 0x30, level);
}

/* A plain command; its status word, its data in `response`. */
static unsigned ask(const char *digits)
{
    uint8_t out[64];
    size_t len = send(out, unhex(digits, out), response, sizeof response);
    return ((unsigned)response[len - 2] << 8) | response[len - 1];
}

/* --- What must be there ------------------------------------------------------------------------------------------- */

/* A card that is not opened is none. */
static void refused(gp_status expected, const char *what)
{
    uint8_t octets[261] = {0x00, 0xA4, 0x04, 0x00, 0x00};
    gp_status found = gp_card_open(&card, &memory, &storage, &platform, NULL, &profile);
    check(covered("gp_card_open", 'n') && found == expected, what, __FILE__, __LINE__);
    CHECK(gp_card_process(&card, octets, 5, sizeof octets) == 0);
    the_least();
}

static void what_must_be_there(void)
{
    static const uint8_t short_name[4] = {0xA0, 0x00, 0x00, 0x01};
    static gp_factory_keys five[5];
    gp_key_set closed;
    memset(&closed, 0, sizeof closed);
    memset(flash, 0xFF, sizeof flash);
    the_least();
    storage.read = NULL;
    refused(GP_E_ARGUMENT, "nothing to read with");
    storage.erase = NULL;
    refused(GP_E_ARGUMENT, "nothing to erase with");
    storage.program = NULL;
    refused(GP_E_ARGUMENT, "nothing to program with");
    platform.random = NULL;
    refused(GP_E_ARGUMENT, "no noise");
    profile.key_sets_len = 0;
    refused(GP_E_ARGUMENT, "no key set");
    profile.key_sets = five;
    profile.key_sets_len = 5;
    refused(GP_E_ARGUMENT, "more key sets than there may be");
    profile.key_sets = NULL;
    refused(GP_E_ARGUMENT, "key sets nowhere");
    factory.keys = &closed;
    refused(GP_E_STATE, "a key set that was not begun");
    profile.isd = OF(short_name);
    refused(GP_E_AID_LENGTH, "a name that is too short");
    profile.isd = slice(NULL, 5);
    refused(GP_E_ARGUMENT, "a name nowhere");
    memory.registry = NULL;
    refused(GP_E_ARGUMENT, "a registry nowhere");
    memory.keys_len = (size_t)-1 / 8;
    refused(GP_E_ARGUMENT, "more keys than there is memory");
    memory.chain = (uint8_t *)&channels[1];
    refused(GP_E_ARGUMENT, "two uses of the same memory");
    memory.channels_len = 0;
    refused(GP_E_MEMORY, "no channel");
    memory.registry_len = 0;
    refused(GP_E_MEMORY, "no registry");
    storage.slot_size = 64;
    refused(GP_E_MEMORY, "a storage for nothing");
    broken = 1;
    refused(GP_E_STORAGE, "a storage that cannot be read");
    broken = 0;

    CHECK(power_on(NULL, 1) == GP_OK);
    CALL('o', GP_E_STATE, gp_card_open, &card, &memory, &storage, &platform, NULL, &profile);
    /* A name of its own; and an answer needs room. */
    profile.isd = OF(domain);
    CHECK(power_on(NULL, 1) == GP_OK);
    CHECK(ask("00A4040007D276000119000D00") == 0x9000 && ask("00A4040008A00000015100000000") == 0x6A82);
    CALL('s', 0u, gp_card_process, &card, apdu, 6, 5);
    CALL('o', 0u, gp_card_process, &card, (uint8_t *)&card, 5, 261);
    the_least();
    /* A random challenge needs noise. */
    profile.i = 0x60;
    CHECK(power_on(NULL, 1) == GP_OK && ask("8050000008010203040506070800") == 0x9000);
    silent = 1;
    CHECK(ask("8050000008010203040506070800") == 0x6400);
    silent = 0;
    CHECK(ask("8050000008010203040506070800") == 0x9000);
    the_least();
}

/* --- A card that draws its challenges, and says no ---------------------------------------------------------------- */

static void sessions(void)
{
    static const uint8_t isd[8] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00}, challenge[8] = {1};
    uint8_t out[261], in[64], verdict = 0xFF;
    gp_buf buf = buffer(out, 0, sizeof out);
    gp_reply replies[2];
    uint8_t *odd = (uint8_t *)replies + 1;
    size_t len, round;
    memset(replies, 0, sizeof replies);
    profile.i = 0x60;
    CHECK(power_on(NULL, 1) == GP_OK);
    for (round = 0; round < 2; round++) {
        memset(&session, 0, sizeof session);
        CHECK(gp_session_init(&session, challenge, sizeof challenge, 0, 0x30) == GP_OK);
        buf.len = 0;
        CHECK(gp_session_initialize_update(&session, &buf) == GP_OK);
        len = send(out, buf.len, in, sizeof in);
        CHECK(gp_session_challenged(&session, in, len, NULL) == GP_OK);
        CALL('g', GP_OK, gp_session_check_challenge, &session, &keys, OF(isd), 0, &verdict);
        CHECK(verdict == GP_CHALLENGE_RANDOM);
        if (round == 0) {
            /* Nobody can tell it from one that was played before: where that is not enough, nothing is sent. */
            CALL('o', GP_E_CARD_CHALLENGE, gp_session_check_challenge, &session, &keys, OF(isd), 1, &verdict);
            CALL('o', GP_E_CLOSED, gp_session_authenticate, &session, &keys, 0x33, &buf);
            CALL('o', GP_E_CLOSED, gp_session_wrap, &session, &buf);
            gp_session_close(&session);
        }
    }
    CHECK(gp_session_authenticate(&session, &keys, 0x33, &buf) == GP_OK);
    len = send(out, buf.len, in, sizeof in);
    CHECK(gp_session_confirm(&session, in, len) == GP_OK);
    for (round = 0; round < 2; round++) {
        buf.len = unhex("80EE000000", out);
        CHECK(gp_session_wrap(&session, &buf) == GP_OK);
        buf.len = send(out, buf.len, out, sizeof out);
        /* Nothing is read for a reply that can be told to nobody. */
        CALL('o', GP_E_ARGUMENT, gp_session_unwrap, &session, &buf, (gp_reply *)(void *)odd);
        CHECK(buf.len == 2 && replies[0].kind == 0);
        CALL('g', GP_OK, gp_session_unwrap, &session, &buf, &replies[0]);
        CHECK(replies[0].kind == GP_REPLY_REFUSED && replies[0].status_word == 0x6D00 && buf.len == 0);
        memset(replies, 0, sizeof replies);
    }
    gp_session_close(&session);
    the_least();
}

/* --- What may be left out ----------------------------------------------------------------------------------------- */

static gp_load a_load(void)
{
    /* Room for code, of which nobody knows. */
    static const uint8_t room[6] = {0xEF, 0x04, 0xC6, 0x02, 0x01, 0x00};
    static gp_slice parts[2];
    gp_load load;
    parts[0] = slice(block, 20);
    parts[1] = slice(block + 20, sizeof block - 20);
    memset(&load, 0, sizeof load);
    load.load_file = OF(card_load_file);
    load.parameters = OF(room);
    load.parts = parts;
    load.parts_len = 2;
    return load;
}

static gp_status install(gp_slice application)
{
    gp_install it;
    memset(&it, 0, sizeof it);
    it.load_file = OF(card_load_file);
    it.module = OF(card_module);
    it.application = application;
    it.privileges = OF(no_privileges);
    it.parameters = OF(no_parameters);
    return run(gp_host_install(&host, &it));
}

/* With this table, in which nothing stands: each call is answered as the header says of a null pointer. */
static void without_applications(const gp_applets *applets)
{
    static const uint8_t object[3] = {0x42, 0x01, 0x99};
    gp_load load = a_load();
    CHECK(power_on(applets, 1) == GP_OK);
    open_session(0x33);
    /* Room, imports, installation: as wanted. */
    RUN(GP_OK, gp_host_load(&host, &load));
    CHECK(install(OF(card_instance)) == GP_OK);
    RUN(GP_REFUSED + 0x6985, gp_host_store_data(&host, 0, OF(object), OF(card_instance)));
    /* The start names it to nobody. */
    CHECK(power_on(applets, 0) == GP_OK);
    CHECK(ask("00A4040008F047504543484F0100") == 0x9000);
    CHECK(ask("8010000000") == 0x6D00);
    /* On two channels at a time; no sessions by its security domain. */
    CHECK(ask("0070000001") == 0x9000 && ask("01A4040008F047504543484F0100") == 0x9000);
    CHECK(ask("8050000008010203040506070800") == 0x6D00);
    /* Deselected and deleted, and nobody is asked. */
    open_session(0x33);
    RUN(GP_REFUSED + 0x6985, gp_host_delete(&host, OF(card_instance), 0));
    CHECK(ask("0070800100") == 0x9000);
    RUN(GP_OK, gp_host_delete(&host, OF(card_instance), 0));
    RUN(GP_OK, gp_host_delete(&host, OF(card_load_file), 0));
}

/* --- Hashes ------------------------------------------------------------------------------------------------------- */

/* No hash that anybody should use: a sum that depends on the order of all octets, and the number of the algorithm. */
static struct {
    uint32_t sum;
    uint8_t algorithm, lacks;
    unsigned finished;
    size_t finished_len;
} hash;

static int32_t hash_begin(void *context, uint8_t algorithm)
{
    CHECK(context == &hash);
    hash.sum = 1;
    hash.algorithm = algorithm;
    return algorithm == hash.lacks;
}

static void hash_update(void *context, const uint8_t *octets, size_t len)
{
    size_t i;
    CHECK(context == &hash);
    for (i = 0; i < len; i++) {
        hash.sum = hash.sum * 0x01000193u + octets[i];
    }
}

static void hash_finish(void *context, uint8_t *out, size_t len)
{
    size_t i;
    CHECK(context == &hash);
    for (i = 0; i < len; i++) {
        out[i] = (uint8_t)((hash.sum >> (i % 4 * 8)) + hash.algorithm + i);
    }
    hash.finished++;
    hash.finished_len = len;
}

static void hashes(void)
{
    static const size_t lengths[4] = {20, 32, 48, 64};
    uint8_t value[64];
    gp_load load = a_load();
    size_t i;
    platform.context = &hash;
    platform.hash_begin = hash_begin;
    platform.hash_update = hash_update;
    platform.hash_finish = hash_finish;
    CHECK(power_on(NULL, 1) == GP_OK);
    open_session(0x33);
    for (i = 0; i < 4; i++) {
        hash.lacks = 0;
        (void)hash_begin(&hash, (uint8_t)(i + 1));
        hash_update(&hash, block, sizeof block);
        hash_finish(&hash, value, lengths[i]);
        load.hash = slice(value, lengths[i]);
        hash.finished = 0;
        RUN(GP_OK, gp_host_load(&host, &load));
        CHECK(hash.finished == 1 && hash.finished_len == lengths[i] && hash.algorithm == i + 1);
        RUN(GP_OK, gp_host_delete(&host, OF(card_load_file), 0));
        value[lengths[i] - 1] ^= 1;
        RUN(GP_REFUSED + 0x6A80, gp_host_load(&host, &load));
        value[lengths[i] - 1] ^= 1;
        /* The chip has not this one. */
        hash.lacks = (uint8_t)(i + 1);
        RUN(GP_REFUSED + 0x6A80, gp_host_load(&host, &load));
        hash.lacks = 0;
    }
    /* One of the three functions is missing: there is no hash, and what says one is refused. */
    for (i = 0; i < 3; i++) {
        platform.hash_begin = i == 0 ? NULL : hash_begin;
        platform.hash_update = i == 1 ? NULL : hash_update;
        platform.hash_finish = i == 2 ? NULL : hash_finish;
        hash.finished = 0;
        CHECK(power_on(NULL, 1) == GP_OK);
        open_session(0x33);
        load.hash = slice(value, 64);
        RUN(GP_REFUSED + 0x6A80, gp_host_load(&host, &load));
        load.hash = NONE;
        RUN(GP_OK, gp_host_load(&host, &load));
        CHECK(hash.finished == 0);
    }
    the_least();
}

/* --- Listings ----------------------------------------------------------------------------------------------------- */

static struct {
    unsigned entries, locked, stop_at;
    uint8_t domain_state, card_state;
    uint32_t instances;
    size_t no_aid;
} seen;

static int32_t see(void *context, const gp_entry *entry)
{
    CHECK(context == &seen && entry->objects.len > 0);
    seen.entries++;
    seen.no_aid += entry->aid.len == 0;
    if (entry->aid.len == 16) {
        /* Each once. */
        CHECK((seen.instances & 1u << entry->aid.ptr[15]) == 0);
        seen.instances |= 1u << entry->aid.ptr[15];
        seen.locked += (entry->life_cycle & 0x80) != 0;
    } else if (entry->aid.len == sizeof domain) {
        seen.domain_state = entry->life_cycle;
    } else if (entry->aid.len == 8) {
        seen.card_state = entry->life_cycle;
    }
    return seen.entries == seen.stop_at;
}

static gp_status list(uint8_t subset)
{
    memset(&seen, 0, sizeof seen);
    exchanges = 0;
    return run(gp_host_get_status(&host, subset, see, &seen));
}

/* More instances than fit an answer, and a security domain with one of them below it. */
static void pages(void)
{
    static uint8_t name[16] = {0xF0, 0x47, 0x50};
    static const uint8_t is_domain[1] = {0x80};
    static const uint8_t accepts[8] = {0xC9, 0x06, 0x82, 0x01, 0xF8, 0x87, 0x01, 0xF8};
    gp_load load = a_load();
    gp_install it;
    gp_extradition move;
    gp_answer answer;
    CHECK(power_on(NULL, 1) == GP_OK);
    open_session(0x33);
    RUN(GP_OK, gp_host_load(&host, &load));
    for (name[15] = 0; name[15] < INSTANCES; name[15]++) {
        CHECK(install(OF(name)) == GP_OK);
    }
    CHECK(list(0x40) == GP_OK && exchanges > 2);
    CHECK(seen.instances == (1u << INSTANCES) - 1 && seen.entries == INSTANCES && seen.locked == 0);
    CHECK(gp_host_answer(&host, &answer) == GP_OK && answer.entries == INSTANCES && answer.kind == GP_REPLY_AUTHENTIC);
    /* Stopped in the second page: no more is asked for. */
    memset(&seen, 0, sizeof seen);
    seen.stop_at = INSTANCES - 1;
    exchanges = 0;
    RUN(GP_E_STOPPED, gp_host_get_status(&host, 0x40, see, &seen));
    CHECK(seen.entries == INSTANCES - 1);
    memset(&it, 0, sizeof it);
    it.load_file = OF(domain_file);
    it.module = OF(domain_module);
    it.application = OF(domain);
    it.privileges = OF(is_domain);
    it.parameters = OF(accepts);

    /* Room for the domain; then its tree is locked and unlocked as one. */
    name[15] = INSTANCES - 1;
    RUN(GP_OK, gp_host_delete(&host, OF(name), 0));
    RUN(GP_OK, gp_host_install(&host, &it));
    open_session_with(OF(domain), 0, 0x33);
    RUN(GP_OK, gp_host_put_keys(&host, 0, 0x31, &keys, &keys));
    open_session(0x33);
    name[15] = 0;
    memset(&move, 0, sizeof move);
    move.security_domain = OF(domain);
    move.object = OF(name);
    RUN(GP_OK, gp_host_extradite(&host, &move));
    CHECK(list(0x40) == GP_OK && seen.locked == 0 && (seen.domain_state & 0x80) == 0 && seen.entries == INSTANCES);
    RUN(GP_OK, gp_host_set_status(&host, 0x60, 0x80, OF(domain)));
    CHECK(list(0x40) == GP_OK && seen.locked == 1 && (seen.domain_state & 0x80) != 0);
    RUN(GP_OK, gp_host_set_status(&host, 0x60, 0x00, OF(domain)));
    CHECK(list(0x40) == GP_OK && seen.locked == 0 && (seen.domain_state & 0x80) == 0);
    CALL('s', GP_E_AID_LENGTH, gp_host_set_status, &host, 0x60, 0x80, slice(domain, 4));
    /* The card itself: locked, unlocked, ended; it has no name in the command. */
    CHECK(list(0x80) == GP_OK && seen.entries == 1 && seen.card_state == 0x0F);
    RUN(GP_OK, gp_host_set_status(&host, 0x80, 0x7F, NONE));
    CHECK(list(0x80) == GP_OK && seen.card_state == 0x7F);
    RUN(GP_OK, gp_host_set_status(&host, 0x80, 0x0F, NONE));
    RUN(GP_REFUSED + 0x6985, gp_host_set_status(&host, 0x80, 0x07, NONE));
    CHECK(list(0x80) == GP_OK && seen.card_state == 0x0F);
    RUN(GP_OK, gp_host_set_status(&host, 0x80, 0xFF, NONE));
    CHECK(ask("80F28002024F0000") != 0x9000);
}

/* Answers that our card does not give. */
typedef struct {
    gp_slice octets, next;
    gp_status status;
    unsigned entries, exchanges;
} forgery;

static gp_status forge(const forgery *row, uint8_t level)
{
    gp_status status;
    open_session(level);
    forged = row->octets;
    forged_next = row->next;
    status = list(0x40);
    forged = NONE;
    return status;
}

static void forgeries(void)
{
    static const uint8_t more[] = {0x63, 0x10}, empty[] = {0x6A, 0x88}, no[] = {0x69, 0x82};
    static const uint8_t nameless[] = {0xE3, 0x04, 0x9F, 0x70, 0x01, 0x07, 0x90, 0x00};
    /* No life cycle state where one is announced, before an entry that is in order. */
    static const uint8_t odd[] = {0xE3, 0x03, 0x9F, 0x70, 0x00, 0xE3, 0x04, 0x9F, 0x70, 0x01, 0x07, 0x90, 0x00};
    static const uint8_t cut[] = {0xE3, 0x04, 0x9F, 0x70, 0x01, 0x07, 0xE3, 0x04, 0x9F, 0x90, 0x00};
    static const uint8_t cut_more[] = {0xE3, 0x04, 0x9F, 0x70, 0x01, 0x07, 0xE3, 0x04, 0x9F, 0x63, 0x10};
    static const uint8_t rest[] = {0x70, 0x01, 0x07, 0x90, 0x00};
    const forgery rows[] = {
        {OF(more), {NULL, 0}, GP_E_TOO_MANY_PAGES, 0, 1024},
        {OF(nameless), {NULL, 0}, GP_OK, 1, 1},
        {OF(odd), {NULL, 0}, GP_OK, 1, 1},
        {OF(cut), {NULL, 0}, GP_E_WRONG_ANSWER, 1, 1},
        {OF(cut_more), OF(rest), GP_OK, 2, 2},
        {OF(cut_more), OF(no), GP_REFUSED + 0x6982, 1, 2},
        /* An empty list is one only as the first answer. */
        {OF(cut_more), OF(empty), GP_REFUSED + 0x6A88, 1, 2},
        {OF(empty), {NULL, 0}, GP_OK, 0, 1},
        {OF(no), {NULL, 0}, GP_REFUSED + 0x6982, 0, 1},
    };
    gp_answer answer;
    size_t i;
    CHECK(power_on(NULL, 1) == GP_OK);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(forge(&rows[i], 0x01) == rows[i].status);
        CHECK(seen.entries == rows[i].entries && seen.no_aid == seen.entries && exchanges == rows[i].exchanges);
        if (rows[i].status == GP_OK) {
            CHECK(gp_host_answer(&host, &answer) == GP_OK && answer.kind == GP_REPLY_PLAIN);
        }
        /* Under R-MAC only a refusal can come without one. */
        if (rows[i].octets.ptr != empty && rows[i].octets.ptr != no) {
            CHECK(forge(&rows[i], 0x33) == GP_E_SECURITY && seen.entries == 0 && exchanges == 1);
        }
    }
}

void test_tables(void)
{
    gp_applets nothing;
    uint8_t key[16];
    size_t i;
    for (i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x40 + i);
    }
    memset(&nothing, 0, sizeof nothing);
    memset(&keys, 0, sizeof keys);
    memset(&host, 0, sizeof host);
    CHECK(gp_key_set_init(&keys, key, key, key, sizeof key) == GP_OK);
    CHECK(gp_host_init(&host, command, sizeof command, response, sizeof response) == GP_OK);
    what_must_be_there();
    sessions();
    without_applications(NULL);
    without_applications(&nothing);
    hashes();
    pages();
    forgeries();
    gp_host_close(&host);
    gp_card_close(&card);
    gp_key_set_close(&keys);
}
