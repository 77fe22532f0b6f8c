/*
 * A host that opens a session with the card of card.h and manages it. It prints nothing and needs nothing but gp.h, so the
 * same source serves a PC (main.c) and a microcontroller (examples/bare-metal/c). Every function answers GP_OK or what
 * went wrong.
 */
#ifndef HOST_H
#define HOST_H

#include "gp.h"

/* Selects the issuer security domain and opens a session at level 33. The challenge has 8 octets for S8, 16 for S16. */
gp_status host_open(const gp_key_set *keys, const uint8_t *challenge, size_t challenge_len, gp_key_info *info);

/* The same with keys that stay in a module (module.h). */
gp_status host_open_with(const gp_key_source *module, const uint8_t *challenge, size_t challenge_len, gp_key_info *info);

/* Puts a key set beside the others, encrypted by the module with the Key-DEK of the session. */
gp_status host_put_keys(const gp_key_source *module, uint8_t version, const gp_key_set *keys);

/* Loads a load file and installs the application in it. */
gp_status host_load(void);

/* Lists the applications: each goes to `visit`, which may be null, their number to `entries`. The card vouches for the list. */
gp_status host_list(gp_entry_visitor visit, uint32_t *entries);

/* Selects the application, which ends the session, and sends it something, which comes back. `answer` is good until the next call. */
gp_status host_talk(gp_slice *answer);

/* Deletes the load file and the application. */
gp_status host_delete(void);

/* Ends the session. Twice is fine. */
void host_close(void);

#endif
