/*
 * The hardware that holds keys and never lets them out, played by software: what a product puts here are the calls of its
 * driver, with a handle or a slot number as the context.
 */
#ifndef MODULE_H
#define MODULE_H

#include "gp.h"

/* A slot of the module: one key set. */
typedef struct {
    uint8_t keys[3][32];
    size_t key_len;
    /* How often it was asked. */
    unsigned asked;
} module_slot;

/* Fills the slot: Key-ENC, Key-MAC and Key-DEK of 16, 24 or 32 octets. */
void module_fill(module_slot *slot, const uint8_t *enc, const uint8_t *mac, const uint8_t *dek, size_t key_len);

/* What the library is given instead of keys. The slot stays as long as the source is used. */
gp_key_source module_source(module_slot *slot);

/* An AES engine that keeps no key: it is handed one with each block. */
typedef struct {
    /* How many blocks it has done. */
    unsigned blocks;
    /* Which of them it fails at, alone; 0 for none. */
    unsigned fails_at;
} module_engine;

/* What a session is given, to compute with its keys (`gp_session_use_aes`). The engine stays as long as the session. */
gp_aes module_aes(module_engine *engine);

#endif
