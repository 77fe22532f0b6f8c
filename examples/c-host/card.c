#include "card.h"

#include <string.h>

enum { REGISTRY = 16, KEYS = 9, OBJECTS = 4, CHANNELS = 2, CHAIN = 512 + 7, SLOT = 4096 };

const uint8_t card_load_file[6] = {0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01};
const uint8_t card_module[7] = {0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01, 0x01};
const uint8_t card_instance[8] = {0xF0, 0x47, 0x50, 0x45, 0x43, 0x48, 0x4F, 0x01};
unsigned card_installed;
const gp_applets *card_applets;

static gp_card card;
static gp_drbg drbg;
static gp_registry_entry registry[REGISTRY];
static gp_key_slot key_slots[KEYS];
static gp_object_slot objects[OBJECTS];
static gp_channel channels[CHANNELS];
static uint8_t chain[CHAIN];
static uint8_t flash[2][SLOT];
static uint8_t apdu[261];
static gp_factory_keys factory;
/* How many more times the flash is written before the power fails; the power has failed. */
static uint32_t fuse;
static int fused, off;

/* Does the power fail with this write? */
static int blows(void)
{
    if (fused && fuse-- == 0) {
        fused = 0;
        off = 1;
    }
    return off;
}

static int32_t flash_read(void *context, uint8_t slot, uint32_t at, uint8_t *out, size_t len)
{
    (void)context;
    if (off || slot > 1 || at > SLOT || len > SLOT - at) {
        return -1;
    }
    memcpy(out, &flash[slot][at], len);
    return 0;
}

static int32_t flash_erase(void *context, uint8_t slot)
{
    (void)context;
    if (off || slot > 1 || blows()) {
        return -1;
    }
    memset(flash[slot], 0xFF, SLOT);
    return 0;
}

static int32_t flash_program(void *context, uint8_t slot, uint32_t at, const uint8_t *unit)
{
    size_t i;
    (void)context;
    if (off || slot > 1 || at % GP_STORAGE_UNIT != 0 || at > SLOT - GP_STORAGE_UNIT) {
        return -1;
    }
    for (i = 0; i < GP_STORAGE_UNIT; i++) {
        if (flash[slot][at + i] != 0xFF) {
            return -1; /* programmed twice: no flash would have done it */
        }
    }
    if (blows()) {
        /* Half of the unit has been written when the power is gone. */
        memcpy(&flash[slot][at], unit, GP_STORAGE_UNIT / 2);
        return -1;
    }
    memcpy(&flash[slot][at], unit, GP_STORAGE_UNIT);
    return 0;
}

static int32_t chip_random(void *context, uint8_t *out, size_t len)
{
    return gp_drbg_generate((gp_drbg *)context, out, len, NULL, 0) == GP_OK ? 0 : -1;
}

static uint16_t echo_install(void *context, gp_slice aid, const gp_installation *installation)
{
    (void)context;
    (void)aid;
    (void)installation;
    card_installed++;
    return 0x9000;
}

static uint16_t echo_process(void *context, gp_slice aid, gp_apdu_exchange *exchange)
{
    (void)context;
    if (aid.len != sizeof card_instance || memcmp(aid.ptr, card_instance, aid.len) != 0) {
        return 0x6D00;
    }
    if (exchange->data.len > exchange->answer_cap) {
        return 0x6700;
    }
    memmove(exchange->answer, exchange->data.ptr, exchange->data.len);
    exchange->answer_len = exchange->data.len;
    return 0x9000;
}

gp_status card_power_on(const gp_key_set *keys, uint8_t i, int fresh)
{
    /* A constant seed, so that every run is the same; a card takes it from its noise source. */
    static const uint8_t seed[48] = {0x47, 0x50};
    gp_card_memory memory;
    gp_storage storage;
    gp_platform platform;
    gp_applets applets;
    gp_profile profile;
    gp_status status;

    memset(&memory, 0, sizeof memory);
    memory.registry = registry;
    memory.registry_len = REGISTRY;
    memory.keys = key_slots;
    memory.keys_len = KEYS;
    memory.objects = objects;
    memory.objects_len = OBJECTS;
    memory.channels = channels;
    memory.channels_len = CHANNELS;
    memory.chain = chain;
    memory.chain_len = CHAIN;

    memset(&storage, 0, sizeof storage);
    storage.slot_size = SLOT;
    storage.read = flash_read;
    storage.erase = flash_erase;
    storage.program = flash_program;

    memset(&platform, 0, sizeof platform);
    platform.context = &drbg;
    platform.random = chip_random;

    memset(&applets, 0, sizeof applets);
    applets.install = echo_install;
    applets.process = echo_process;

    factory.version = 0x30;
    factory.keys = keys;
    memset(&profile, 0, sizeof profile);
    profile.key_sets = &factory;
    profile.key_sets_len = 1;
    profile.i = i;

    card_power_off();
    fused = 0;
    off = 0;
    if (fresh) {
        memset(flash, 0xFF, sizeof flash);
    }
    status = gp_drbg_init(&drbg, seed, sizeof seed, NULL, 0);
    if (status != GP_OK) {
        return status;
    }
    return gp_card_open(&card, &memory, &storage, &platform, card_applets != NULL ? card_applets : &applets, &profile);
}

size_t card_transmit(const uint8_t *command, size_t command_len, uint8_t *response, size_t response_cap)
{
    size_t len;
    if (command_len > sizeof apdu) {
        return 0;
    }
    memcpy(apdu, command, command_len);
    len = gp_card_process(&card, apdu, command_len, sizeof apdu);
    if (len > response_cap) {
        return 0;
    }
    memcpy(response, apdu, len);
    return len;
}

gp_status card_reset(void)
{
    return gp_card_reset(&card);
}

void card_cut_power(uint32_t writes)
{
    fuse = writes;
    fused = 1;
}

int card_power_failed(void)
{
    return off;
}

void card_power_off(void)
{
    gp_card_close(&card);
    gp_drbg_close(&drbg);
}
