#include "module.h"

#include <string.h>

enum { BLOCK = 16 };

/* AES (FIPS 197), as short as it gets: in a product this is what the hardware does. It is not constant in time. */

static uint8_t twice(uint8_t a)
{
    return (uint8_t)(a << 1 ^ ((a & 0x80) != 0 ? 0x1B : 0x00));
}

static uint8_t product(uint8_t a, uint8_t b)
{
    uint8_t sum = 0;
    for (; b != 0; b >>= 1) {
        if ((b & 1) != 0) {
            sum ^= a;
        }
        a = twice(a);
    }
    return sum;
}

/* The S-box: the inverse of each octet, which is its 254th power, then an affine map. */
static const uint8_t *s_box(void)
{
    static uint8_t table[256];
    unsigned octet;
    if (table[0] != 0) {
        return table;
    }
    for (octet = 256; octet-- > 0;) {
        uint8_t power = (uint8_t)octet, inverse = 1, turned;
        unsigned i;
        for (i = 0; i < 7; i++) {
            power = product(power, power);
            inverse = product(inverse, power);
        }
        turned = inverse;
        for (i = 0; i < 4; i++) {
            turned = (uint8_t)(turned << 1 | turned >> 7);
            inverse ^= turned;
        }
        table[octet] = inverse ^ 0x63;
    }
    return table;
}

static void mix(uint8_t *into, const uint8_t *with)
{
    size_t i;
    for (i = 0; i < BLOCK; i++) {
        into[i] ^= with[i];
    }
}

static void expand(const uint8_t *key, size_t key_len, uint8_t *words)
{
    const uint8_t *s = s_box();
    size_t at, i, len = (key_len / 4 + 7) * BLOCK;
    uint8_t round = 1;
    memcpy(words, key, key_len);
    for (at = key_len; at < len; at += 4) {
        uint8_t word[4];
        memcpy(word, words + at - 4, 4);
        if (at % key_len == 0) {
            uint8_t first = word[0];
            word[0] = s[word[1]] ^ round;
            word[1] = s[word[2]];
            word[2] = s[word[3]];
            word[3] = s[first];
            round = twice(round);
        } else if (key_len == 32 && at % key_len == 16) {
            for (i = 0; i < 4; i++) {
                word[i] = s[word[i]];
            }
        }
        for (i = 0; i < 4; i++) {
            words[at + i] = words[at + i - key_len] ^ word[i];
        }
    }
}

static void encrypt_block(const uint8_t *key, size_t key_len, uint8_t *block)
{
    const uint8_t *s = s_box();
    uint8_t words[15 * BLOCK];
    size_t rounds = key_len / 4 + 6, round, i;
    expand(key, key_len, words);
    mix(block, words);
    for (round = 1; round <= rounds; round++) {
        uint8_t old[BLOCK];
        for (i = 0; i < BLOCK; i++) {
            /* Row i % 4 moves by as many columns. */
            old[i] = s[block[(i + 4 * (i % 4)) % BLOCK]];
        }
        memcpy(block, old, BLOCK);
        for (i = 0; i < BLOCK && round < rounds; i++) {
            const uint8_t *column = old + i / 4 * 4;
            uint8_t next = column[(i + 1) % 4];
            block[i] = (uint8_t)(twice(old[i]) ^ twice(next) ^ next ^ column[(i + 2) % 4] ^ column[(i + 3) % 4]);
        }
        mix(block, words + round * BLOCK);
    }
    memset(words, 0, sizeof words);
}

static void decrypt_block(const uint8_t *key, size_t key_len, uint8_t *block)
{
    const uint8_t *s = s_box();
    uint8_t words[15 * BLOCK];
    size_t round = key_len / 4 + 6, i;
    expand(key, key_len, words);
    mix(block, words + round * BLOCK);
    while (round-- > 0) {
        uint8_t old[BLOCK];
        for (i = 0; i < BLOCK; i++) {
            unsigned octet = 0;
            while (s[octet] != block[i]) {
                octet++;
            }
            old[(i + 4 * (i % 4)) % BLOCK] = (uint8_t)octet;
        }
        mix(old, words + round * BLOCK);
        for (i = 0; i < BLOCK; i++) {
            const uint8_t *column = old + i / 4 * 4;
            block[i] = round == 0 ? old[i]
                                  : (uint8_t)(product(old[i], 14) ^ product(column[(i + 1) % 4], 11) ^
                                              product(column[(i + 2) % 4], 13) ^ product(column[(i + 3) % 4], 9));
        }
    }
    memset(words, 0, sizeof words);
}

static void encrypt_slot(const module_slot *slot, unsigned key, uint8_t *block)
{
    encrypt_block(slot->keys[key - 1], slot->key_len, block);
}

/* The next subkey of CMAC (SP 800-38B 6.1). */
static void next_subkey(uint8_t *subkey)
{
    size_t i;
    uint8_t first = subkey[0];
    for (i = 0; i < BLOCK; i++) {
        subkey[i] = (uint8_t)(subkey[i] << 1 | (i + 1 < BLOCK ? subkey[i + 1] >> 7 : 0));
    }
    if ((first & 0x80) != 0) {
        subkey[BLOCK - 1] ^= 0x87;
    }
}

static int32_t module_cmac(void *context, uint8_t key, const gp_slice *parts, size_t count, uint8_t *mac)
{
    module_slot *slot = (module_slot *)context;
    uint8_t chain[BLOCK] = {0}, subkey[BLOCK] = {0};
    size_t filled = 0, part, i;
    if (key < 1 || key > 2) {
        return -1;
    }
    slot->asked++;
    for (part = 0; part < count; part++) {
        for (i = 0; i < parts[part].len; i++) {
            if (filled == BLOCK) {
                encrypt_slot(slot, key, chain);
                filled = 0;
            }
            chain[filled++] ^= parts[part].ptr[i];
        }
    }
    encrypt_slot(slot, key, subkey);
    next_subkey(subkey);
    if (filled < BLOCK) {
        next_subkey(subkey);
        chain[filled] ^= 0x80;
    }
    mix(chain, subkey);
    encrypt_slot(slot, key, chain);
    memcpy(mac, chain, BLOCK);
    return 0;
}

static int32_t module_encrypt(void *context, uint8_t key, uint8_t *data, size_t len)
{
    module_slot *slot = (module_slot *)context;
    size_t at;
    if (key != 3 || len % BLOCK != 0) {
        return -1;
    }
    slot->asked++;
    for (at = 0; at < len; at += BLOCK) {
        if (at > 0) {
            mix(data + at, data + at - BLOCK);
        }
        encrypt_slot(slot, key, data + at);
    }
    return 0;
}

void module_fill(module_slot *slot, const uint8_t *enc, const uint8_t *mac, const uint8_t *dek, size_t key_len)
{
    memcpy(slot->keys[0], enc, key_len);
    memcpy(slot->keys[1], mac, key_len);
    memcpy(slot->keys[2], dek, key_len);
    slot->key_len = key_len;
    slot->asked = 0;
}

gp_key_source module_source(module_slot *slot)
{
    gp_key_source source;
    source.context = slot;
    source.cmac = module_cmac;
    source.encrypt = module_encrypt;
    source.key_len = slot->key_len;
    return source;
}

/* An engine that fails may leave anything: here the block is done before it says so. */
static int32_t engine_answer(void *context)
{
    module_engine *engine = (module_engine *)context;
    engine->blocks++;
    return engine->blocks == engine->fails_at ? -1 : 0;
}

static int32_t engine_encrypt(void *context, const uint8_t *key, size_t key_len, uint8_t *block)
{
    encrypt_block(key, key_len, block);
    return engine_answer(context);
}

static int32_t engine_decrypt(void *context, const uint8_t *key, size_t key_len, uint8_t *block)
{
    decrypt_block(key, key_len, block);
    return engine_answer(context);
}

gp_aes module_aes(module_engine *engine)
{
    gp_aes aes;
    aes.context = engine;
    aes.encrypt = engine_encrypt;
    aes.decrypt = engine_decrypt;
    return aes;
}
