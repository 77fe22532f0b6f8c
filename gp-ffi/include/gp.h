/*
 * GlobalPlatform card management over SCP03, both ends. Generated from gp-ffi: do not edit.
 *
 * The rules:
 *
 * - All memory is the caller's. Nothing is allocated, there is no global state; two contexts may be used at the same time
 *   by two threads, one context by one call at a time.
 * - A context lies in zeroed memory before it is initialised, stays where it is, is never copied, and is closed at the end.
 * - A pointer points to as much as is said. Null, misaligned and overlapping arguments, lengths beyond the address space,
 *   contexts that are not initialised or were moved, and calls in the wrong order are refused with a status. Null is fine
 *   for octets of length 0.
 * - What a function says that a context keeps using stays where it is and as it is, until the context is closed or the
 *   operation is over.
 * - Every function answers GP_OK or an error, unless it says otherwise. After an error a buffer's content is unspecified, its
 *   length is as before, and nothing is to be sent.
 *
 * Define GP_CACHED_KEYS for a library of 32 bits that was built with the feature `cached-keys`.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef GP_H
#define GP_H

#include <stddef.h>
#include <stdint.h>

/* Words of 64 bits in each context, as the library was built. */
#if UINTPTR_MAX > 0xFFFFFFFFu
#define GP_KEY_WORDS 8
#define GP_KEY_SET_WORDS 16
#define GP_DRBG_WORDS 12
#define GP_SESSION_WORDS 208
#define GP_HOST_WORDS 288
#define GP_ROTATION_WORDS 288
#define GP_REGISTRY_ENTRY_WORDS 20
#define GP_KEY_SLOT_WORDS 10
#define GP_OBJECT_SLOT_WORDS 6
#define GP_CHANNEL_WORDS 224
#define GP_CARD_WORDS 320
#elif defined(GP_CACHED_KEYS)
#define GP_KEY_WORDS 8
#define GP_KEY_SET_WORDS 16
#define GP_DRBG_WORDS 12
#define GP_SESSION_WORDS 192
#define GP_HOST_WORDS 256
#define GP_ROTATION_WORDS 256
#define GP_REGISTRY_ENTRY_WORDS 20
#define GP_KEY_SLOT_WORDS 10
#define GP_OBJECT_SLOT_WORDS 6
#define GP_CHANNEL_WORDS 208
#define GP_CARD_WORDS 256
#else
#define GP_KEY_WORDS 8
#define GP_KEY_SET_WORDS 16
#define GP_DRBG_WORDS 12
#define GP_SESSION_WORDS 24
#define GP_HOST_WORDS 96
#define GP_ROTATION_WORDS 64
#define GP_REGISTRY_ENTRY_WORDS 20
#define GP_KEY_SLOT_WORDS 10
#define GP_OBJECT_SLOT_WORDS 6
#define GP_CHANNEL_WORDS 40
#define GP_CARD_WORDS 256
#endif

/* Memory in octets that an installation says nothing of. */
#define GP_ROOM_UNSAID UINT32_MAX

/* Octets that the storage programs at once. */
#define GP_STORAGE_UNIT 16

/* Nobody asked for a check of the card challenge. */
#define GP_CHALLENGE_NOT_CHECKED 0

/* The card announces a random challenge: there is nothing to compare with. */
#define GP_CHALLENGE_RANDOM 1

/* The card challenge is the one that follows from Key-ENC, sequence counter and AID. */
#define GP_CHALLENGE_MATCHES 2

/* It is not: another Key-ENC, another AID, or a card that takes its challenge from elsewhere. */
#define GP_CHALLENGE_DIFFERS 3

/* The keys as they are. */
#define GP_SCHEME_SAME 1

/* The keys as master keys of KDF3: `gp_key_set_diversify`. */
#define GP_SCHEME_DIVERSIFIED 2

/* The keys with Key-ENC and Key-MAC in each other's place. */
#define GP_SCHEME_SWAPPED 3

/* Octets of the record of a rotation. */
#define GP_ROTATION_RECORD_LEN 19

/* In `flags` of `gp_rotation_prepare`: the new set takes the place of the old one, in one step of the card. */
#define GP_ROTATION_REPLACE 1

/* In `flags` of `gp_rotation_prepare`: the old set is deleted when the new one is proved. */
#define GP_ROTATION_DELETE_OLD 2

/* `*opens` of `gp_rotation_look`: the old set opens the card. */
#define GP_OPENS_OLD 0

/* `*opens` of `gp_rotation_look`: one of the two does. Neither may be forgotten. */
#define GP_OPENS_EITHER 1

/* `*opens` of `gp_rotation_look`: the new set does. */
#define GP_OPENS_NEW 2

/* Octets of a token or receipt made with an AES key. */
#define GP_TOKEN_LEN 16

/* The card vouches for the answer: its R-MAC holds. */
#define GP_REPLY_AUTHENTIC 1

/* Nobody vouches for the answer: this level has no R-MAC, or there is no session. */
#define GP_REPLY_PLAIN 2

/* A bare error status, which nothing can vouch for. */
#define GP_REPLY_REFUSED 3

/* What a function answers: 0 when it did what was asked. */
typedef int32_t gp_status;

/* Octets that are only read. */
typedef struct gp_slice {
    /* Where they begin; may be null when there are none. */
    const uint8_t *ptr;
    /* How many there are. */
    size_t len;
} gp_slice;

/* A command. */
typedef struct gp_command {
    /* Class. */
    uint8_t cla;
    /* Instruction. */
    uint8_t ins;
    /* First parameter. */
    uint8_t p1;
    /* Second parameter. */
    uint8_t p2;
    /* Data. */
    struct gp_slice data;
    /* How much answer is expected: 0 for none, else 1 to 256, in the extended form to 65536. */
    uint32_t le;
    /* 1 for the extended form, 0 for the short one. */
    uint8_t extended;
} gp_command;

/* A buffer: `len` octets at `ptr` are in use, of `cap` that are there. */
typedef struct gp_buf {
    /* Where it begins. */
    uint8_t *ptr;
    /* How many octets are in use. */
    size_t len;
    /* How many octets there are. */
    size_t cap;
} gp_buf;

/* The OPEN of the card, for the application that has a command: valid until its function returns, and not one moment longer. */
typedef struct gp_open {
    void *opaque;
} gp_open;

/* A card. Zeroed memory, then `gp_card_open`; `gp_card_close` wipes it. */
typedef struct gp_card {
    uint64_t opaque[GP_CARD_WORDS];
} gp_card;

/* Memory for one entry of a card's registry. */
typedef struct gp_registry_entry {
    uint64_t opaque[GP_REGISTRY_ENTRY_WORDS];
} gp_registry_entry;

/* Memory for 32 octets of a key. */
typedef struct gp_key_slot {
    uint64_t opaque[GP_KEY_SLOT_WORDS];
} gp_key_slot;

/* Memory for 32 octets of a data object. */
typedef struct gp_object_slot {
    uint64_t opaque[GP_OBJECT_SLOT_WORDS];
} gp_object_slot;

/* Memory for a logical channel and its session. */
typedef struct gp_channel {
    uint64_t opaque[GP_CHANNEL_WORDS];
} gp_channel;

/* The memory of a card: arrays that the program sets aside. They stay with the card until it is closed. */
typedef struct gp_card_memory {
    /* Security domains, applications, load files and modules: one entry each. */
    struct gp_registry_entry *registry;
    /* How many. */
    size_t registry_len;
    /* Keys: three for each key set. */
    struct gp_key_slot *keys;
    /* How many. */
    size_t keys_len;
    /* Data objects: one for every 32 octets of each; may be null with length 0. */
    struct gp_object_slot *objects;
    /* How many. */
    size_t objects_len;
    /* Logical channels, 1 to 20. */
    struct gp_channel *channels;
    /* How many. */
    size_t channels_len;
    /* Where a chained command is put together: 7 octets more than its longest data. */
    uint8_t *chain;
    /* How many octets. */
    size_t chain_len;
} gp_card_memory;

/*
 The medium of a card: two slots that are erased whole and programmed in units of `GP_STORAGE_UNIT` octets. Each function
 answers 0 when it is done, and anything else when the medium failed. `slot` is 0 or 1.
 */
typedef struct gp_storage {
    /* Handed to the functions. */
    void *context;
    /* Octets of each slot, a multiple of `GP_STORAGE_UNIT`. */
    uint32_t slot_size;
    /* Reads `len` octets that begin at `at`. */
    int32_t (*read)(void *context, uint8_t slot, uint32_t at, uint8_t *out, size_t len);
    /* Erases the slot: it reads FF everywhere afterwards. */
    int32_t (*erase)(void *context, uint8_t slot);
    /* Programs one unit, once between two erases. */
    int32_t (*program)(void *context, uint8_t slot, uint32_t at, const uint8_t *unit);
} gp_storage;

/* A component of a public key. */
typedef struct gp_component {
    /* Its key type: A1 modulus, A0 exponent, B0 point, B2 to B7 the curve, F0 a reference to one of the standard's curves. */
    uint8_t key_type;
    /* Its value. */
    struct gp_slice value;
} gp_component;

/* What the chip gives. */
typedef struct gp_platform {
    /* Handed to the functions. */
    void *context;
    /* Fills `out` with octets that nobody can predict. Answers 0 when it did. */
    int32_t (*random)(void *context, uint8_t *out, size_t len);
    /*
     Begins a hash: 1 SHA-1, 2 SHA-256, 3 SHA-384, 4 SHA-512. Answers 0 when the algorithm is there.
     May be null when there is none; then the next two are not called.
     */
    int32_t (*hash_begin)(void *context, uint8_t algorithm);
    /* Takes the next octets of the message. */
    void (*hash_update)(void *context, const uint8_t *octets, size_t len);
    /* Ends the hash and writes it. */
    void (*hash_finish)(void *context, uint8_t *out, size_t len);
    /*
     Writes the three octets of the check value of a key that is no AES key, by its key type. Answers 0 when it did; may be
     null: then a check value is taken as it comes.
     */
    int32_t (*check_value)(void *context,
                           uint8_t key_type,
                           const uint8_t *key,
                           size_t len,
                           uint8_t *check_value);
    /*
     Verifies an RSA or ECC signature over the parts of the message one after the other, with the components of the public
     key. Answers 0 when it fits; may be null when there are no such keys.
     */
    int32_t (*verify)(void *context,
                      const struct gp_component *components,
                      size_t components_len,
                      const struct gp_slice *parts,
                      size_t parts_len,
                      struct gp_slice signature);
} gp_platform;

/* Memory that INSTALL speaks of, in octets; `GP_ROOM_UNSAID` where it says nothing. */
typedef struct gp_room {
    /* For load: non-volatile memory for the code that must be free. */
    uint32_t code;
    /* For load volatile memory that must be free, for install a quota. */
    uint32_t volatile_data;
    /* For load non-volatile memory for data that must be free, for install a quota. */
    uint32_t non_volatile_data;
    /* For install: volatile memory to reserve. */
    uint32_t volatile_reserve;
    /* For install: non-volatile memory to reserve. */
    uint32_t non_volatile_reserve;
} gp_room;

/* What an application is made from. */
typedef struct gp_installation {
    /* The load file that the module is in. */
    struct gp_slice load_file;
    /* The module. */
    struct gp_slice module;
    /* Three octets of privileges. */
    uint8_t privileges[3];
    /* The install parameters for it, the value of `C9`. */
    struct gp_slice parameters;
    /* Its quotas and reserves. */
    struct gp_room room;
} gp_installation;

/* A command on its way through an application. */
typedef struct gp_apdu_exchange {
    /* CLA without secure messaging, INS, P1, P2. */
    uint8_t header[4];
    /* The security level under which it came, or -1 without a session. */
    int16_t level;
    /* Its data. It lies where the answer goes, or not: read what is needed before the answer is written. */
    struct gp_slice data;
    /* Where the answer goes. */
    uint8_t *answer;
    /* How much room there is. */
    size_t answer_cap;
    /* How much was written. */
    size_t answer_len;
    /* For the functions `gp_open_...`. */
    struct gp_open *open;
} gp_apdu_exchange;

/*
 All applications behind one table. `aid` names the instance that is meant. Functions that answer `uint16_t` answer a
 status word: 0x9000, a warning (62xx, 63xx) or a refusal. Any may be null, and does then what is said of it.
 */
typedef struct gp_applets {
    /* Handed to the functions. */
    void *context;
    /*
     The card starts and has this instance: called for each before anything else. An instance that is not named has gone,
     or its installation was cut off by the power. Null: nobody is told.
     */
    void (*start)(void *context, struct gp_slice aid, struct gp_slice module);
    /* Creates an instance. Null: it succeeds. */
    uint16_t (*install)(void *context,
                        struct gp_slice aid,
                        const struct gp_installation *installation);
    /* The instance becomes selected; an answer replaces the card's. Null: it succeeds without an answer. */
    uint16_t (*select)(void *context, struct gp_slice aid, struct gp_apdu_exchange *apdu);
    /* The instance is no longer selected. Null: nobody is told. */
    void (*deselect)(void *context, struct gp_slice aid);
    /* A command for the selected instance. Null: 6D00. */
    uint16_t (*process)(void *context, struct gp_slice aid, struct gp_apdu_exchange *apdu);
    /* Personalisation data for the instance. Null: 6985. */
    uint16_t (*personalize)(void *context, struct gp_slice aid, struct gp_apdu_exchange *apdu);
    /* The instance is deleted. Null: nobody is told. */
    void (*removed)(void *context, struct gp_slice aid);
    /* Answers 1 when the instance lets its security domain open and unwrap sessions for it. Null: none does. */
    uint8_t (*uses_secure_channel)(void *context, struct gp_slice aid);
    /*
     Answers 1 when instances of this one's load file may be selected on several logical channels at a time. Null: they
     may.
     */
    uint8_t (*multi_selectable)(void *context, struct gp_slice aid);
    /* Answers 1 when the instance or the load file may be deleted now. Null: it may. */
    uint8_t (*may_delete)(void *context, struct gp_slice aid);
    /* Answers 1 when so much memory is free as a load file needs that is about to come. Null: it is. */
    uint8_t (*has_room)(void *context, const struct gp_room *room);
    /*
     Answers 1 when this package in this version, which a load file imports and no load file on the card is, is part of
     what the applications stand on. Null: it is.
     */
    uint8_t (*provides)(void *context, struct gp_slice package, uint8_t major, uint8_t minor);
} gp_applets;

/* Key-ENC, Key-MAC and Key-DEK. Zeroed memory, then `gp_key_set_init`; `gp_key_set_close` wipes it. */
typedef struct gp_key_set {
    uint64_t opaque[GP_KEY_SET_WORDS];
} gp_key_set;

/* A key set of the factory. */
typedef struct gp_factory_keys {
    /* Key version number. */
    uint8_t version;
    /* The keys. */
    const struct gp_key_set *keys;
} gp_factory_keys;

/* What a card is born with. All of it stays where it is until the card is closed. */
typedef struct gp_profile {
    /* Key sets of the issuer security domain, 1 to 4; the first is the default one. */
    const struct gp_factory_keys *key_sets;
    /* How many. */
    size_t key_sets_len;
    /* AID of the issuer security domain; empty for the customary one. */
    struct gp_slice isd;
    /* The "i" parameter; 0x70 is S8 with everything, 0x71 S16. */
    uint8_t i;
    /* Key diversification data. */
    uint8_t diversification[10];
    /* Failed authentications in a row that lock a key set; 0 for no limit. */
    uint8_t max_failures;
} gp_profile;

/* How keys turned out to be the right ones. */
typedef struct gp_finding {
    /* One of `GP_SCHEME_SAME`, `GP_SCHEME_DIVERSIFIED`, `GP_SCHEME_SWAPPED`. */
    uint8_t scheme;
    /* What Key-ENC makes of the card challenge: one of `GP_CHALLENGE_...`. */
    uint8_t challenge;
    /* 16, 24 or 32 octets. */
    size_t key_len;
} gp_finding;

/* A generator. Zeroed memory, then `gp_drbg_init`; `gp_drbg_close` wipes it. */
typedef struct gp_drbg {
    uint64_t opaque[GP_DRBG_WORDS];
} gp_drbg;

/* The host of management operations. Zeroed memory, then `gp_host_init`; `gp_host_close` wipes it. */
typedef struct gp_host {
    uint64_t opaque[GP_HOST_WORDS];
} gp_host;

/* The host's end of a session. Zeroed memory, then `gp_session_init`; `gp_session_close` wipes it. */
typedef struct gp_session {
    uint64_t opaque[GP_SESSION_WORDS];
} gp_session;

/* The result of an operation. */
typedef struct gp_answer {
    /* Data of the last answer, in the response buffer of the host: good until the next operation. */
    struct gp_slice data;
    /* Its status word. */
    uint16_t status_word;
    /* `GP_REPLY_AUTHENTIC` or `GP_REPLY_PLAIN`: who vouches for it. An operation of several answers has the worst. */
    uint8_t kind;
    /* The logical channel that was opened, 1 to 19; 0 after any other operation. */
    uint8_t channel;
    /* How many entries a listing showed. */
    uint32_t entries;
} gp_answer;

/* An application to be installed, made selectable or both: INSTALL. */
typedef struct gp_install {
    /* Load file that holds the module. */
    struct gp_slice load_file;
    /* Module; empty for the one with the AID of the application, else the only one. */
    struct gp_slice module;
    /* AID of the application. */
    struct gp_slice application;
    /* Privileges, 1 or 3 octets. */
    struct gp_slice privileges;
    /* Install parameters with their tags, `C9` at least. */
    struct gp_slice parameters;
    /* Token; empty for none. `gp_token_install` makes it. */
    struct gp_slice token;
} gp_install;

/* An application or load file that moves to another security domain: INSTALL for extradition. */
typedef struct gp_extradition {
    /* Security domain that takes over. */
    struct gp_slice security_domain;
    /* Application or load file that moves. */
    struct gp_slice object;
    /* Parameters; empty for none. */
    struct gp_slice parameters;
    /* Token; empty for none. `gp_token_extradition` makes it. */
    struct gp_slice token;
} gp_extradition;

/* What changes in the registry: INSTALL for registry update. */
typedef struct gp_registry_update {
    /* Security domain that takes over; empty for no extradition. */
    struct gp_slice security_domain;
    /* Application or security domain to update; empty for the card's own runtime. */
    struct gp_slice application;
    /* New privileges, 1 or 3 octets; empty for the same as before. */
    struct gp_slice privileges;
    /* Parameters with their tags: implicit selection (`CF`), restrictions (`D9`) and so on, in `EF`; empty for none. */
    struct gp_slice parameters;
    /* Token; empty for none. `gp_token_registry_update` makes it. */
    struct gp_slice token;
} gp_registry_update;

/* What is to be deleted, with a token: DELETE. */
typedef struct gp_delete {
    /* Application or load file. */
    struct gp_slice object;
    /* 1 for a load file and all applications from it, else 0. */
    uint8_t related;
    /* Whom the token is for: the value of tag `B6`, whose objects `42`, `45`, `5F20` and `93` are sent; empty for none. */
    struct gp_slice control;
    /* Token; empty for none. `gp_token_delete` makes it. */
    struct gp_slice token;
} gp_delete;

/*
 Computes with keys that never leave a module. AES-CMAC (SP 800-38B) is all that the protocol needs of Key-ENC and
 Key-MAC, and AES-CBC all that it needs of Key-DEK. The context says which key set is meant: a handle, a slot number.
 */
typedef struct gp_key_source {
    /* Handed to the functions. */
    void *context;
    /*
     AES-CMAC under key 1 (Key-ENC) or 2 (Key-MAC) over `count` parts one after the other, written to the 16 octets of
     `mac`. Answers 0 when it did. May be null where only `encrypt` is used.
     */
    int32_t (*cmac)(void *context,
                    uint8_t key,
                    const struct gp_slice *parts,
                    size_t count,
                    uint8_t *mac);
    /*
     AES-CBC under key 3 (Key-DEK) with an ICV of zeros: encrypts `len` octets, whole blocks, where they are. Answers 0
     when it did. May be null where only `cmac` is used.
     */
    int32_t (*encrypt)(void *context, uint8_t key, uint8_t *data, size_t len);
    /* 16, 24 or 32 octets. */
    size_t key_len;
} gp_key_source;

/* One AES key. Zeroed memory, then `gp_key_init`; `gp_key_close` wipes it. */
typedef struct gp_key {
    uint64_t opaque[GP_KEY_WORDS];
} gp_key;

/* An entry of the registry, as GET STATUS tells of it. */
typedef struct gp_entry {
    /* AID; empty when the card does not say it. */
    struct gp_slice aid;
    /* Life cycle state. */
    uint8_t life_cycle;
    /* Privileges, three octets. */
    uint8_t privileges[3];
    /* All data objects of the entry. */
    struct gp_slice objects;
} gp_entry;

/* Called for each entry; what it is given is good until it returns. Any answer but 0 stops the listing. */
typedef int32_t (*gp_entry_visitor)(void *context, const struct gp_entry *entry);

/* A load file to be loaded: INSTALL for load and LOAD. */
typedef struct gp_load {
    /* AID of the load file. */
    struct gp_slice load_file;
    /* Security domain that gets it; empty for the one of the session. */
    struct gp_slice security_domain;
    /* Hash of the data block, 20, 32, 48 or 64 octets; empty for none. */
    struct gp_slice hash;
    /* Load parameters; empty for none. */
    struct gp_slice parameters;
    /* Token; empty for none. */
    struct gp_slice token;
    /* The load file data block, in as many parts as it lies in. */
    const struct gp_slice *parts;
    /* How many parts. */
    size_t parts_len;
    /* What stands before the octets of the data block, as `gp_load_head` writes it; empty for tag and length alone. */
    struct gp_slice head;
    /* The most octets of data in a LOAD command; 0 for as many as fit. */
    size_t block_len;
} gp_load;

/* A DAP block: the signature of a security domain over the hash of the data block. */
typedef struct gp_dap {
    /* AID of the security domain that verifies. */
    struct gp_slice security_domain;
    /* Its signature; with AES the CMAC of the hash, 16 octets. */
    struct gp_slice signature;
} gp_dap;

/* A rotation under way. Zeroed memory, then `gp_host_rotate`; `gp_rotation_close` wipes it. */
typedef struct gp_rotation {
    uint64_t opaque[GP_ROTATION_WORDS];
} gp_rotation;

/*
 What a rotation asks of the program. Each function answers 0 when it did; anything else ends the operation with
 `GP_E_STOPPED`, and nothing more is sent.
 */
typedef struct gp_rotation_calls {
    /* Handed to the functions. */
    void *context;
    /* Fills `out` with octets that nobody can predict: 8 or 16 for the host challenge of each session. */
    int32_t (*random)(void *context, uint8_t *out, size_t len);
    /* Stores the record, `GP_ROTATION_RECORD_LEN` octets, before it returns. */
    int32_t (*persist)(void *context, const uint8_t *record, size_t len);
} gp_rotation_calls;

/* Data to be stored, and how: STORE DATA. */
typedef struct gp_store_data {
    /* The application of the security domain that it is for; empty for the security domain itself. */
    struct gp_slice application;
    /* 0 for none, 1 for DGI, 2 for BER-TLV. */
    uint8_t structure;
    /*
     Whether the data is encrypted, by whoever made it: 0 for not, or nobody says; 1 for application dependent; 3 for
     values under the Key-DEK.
     */
    uint8_t encryption;
    /* 1 when there may be an answer to each block: `gp_answer` has the data of the last one. Else 0. */
    uint8_t answer;
    /* The most octets of data in a block; 0 for as many as fit. */
    size_t block_len;
    /* The data, which is cut wherever a block is full; empty when there are `pieces`. */
    struct gp_slice data;
    /*
     The data in pieces, each of them a block, for receivers that want whole objects. Each has to fit a command, and
     `block_len` if there is one. May be null when there are none.
     */
    const struct gp_slice *pieces;
    /* How many pieces, 256 at most; 0 when there is `data`. */
    size_t pieces_len;
} gp_store_data;

/*
 An operation that was carried out, as its receipt names it. What an operation does not have is empty.

 ```text
  function              load_file     object                     from              to
  0x02 load             load file     -                          -                 domain that has it
  0x04, 0x08, 0x0C      load file     application                -                 -
  0x0E load_install     load file     application                -                 domain that has both
  0x10 extradition      -             what moved                 domain it left    domain it is in
  0x40 registry update  -             application, or empty      domain or empty   domain or empty
  0xE4 delete           -             what is gone               -                 -
 ```
 */
typedef struct gp_operation {
    /* P1 of the INSTALL command, or 0xE4 for DELETE. */
    uint8_t function;
    /* Load file. */
    struct gp_slice load_file;
    /* Application, or whatever the operation was about. */
    struct gp_slice object;
    /* Security domain that gave. */
    struct gp_slice from;
    /* Security domain that has it now. */
    struct gp_slice to;
    /* Privileges of a registry update as they were sent: 0, 1 or 3 octets. */
    struct gp_slice privileges;
    /* Parameters of a registry update as they were sent. */
    struct gp_slice parameters;
} gp_operation;

/* What a confirmation says, beside that the receipt is good. All of it lies in the answer. */
typedef struct gp_receipt {
    /* How many receipts there were before: it never repeats. */
    uint16_t counter;
    /* Values of `42` and `45` of the security domain that made the receipt, one after the other. */
    struct gp_slice security_domain;
    /* Number of the token; empty when it had none. */
    struct gp_slice token_id;
    /* Digest of the token; empty when it is not given. */
    struct gp_slice token_digest;
} gp_receipt;

/* What the card says of its keys before any key is needed. */
typedef struct gp_key_info {
    /* Key diversification data. */
    uint8_t diversification[10];
    /* Key version number. */
    uint8_t key_version;
    /* The "i" parameter. */
    uint8_t i;
    /* Sequence counter, most significant octet first. */
    uint8_t sequence[3];
    /* 1 when there is a sequence counter. */
    uint8_t has_sequence;
} gp_key_info;

/*
 AES of one block under one key: the forward cipher or its inverse, on the 16 octets of `block` where they are, under a
 key of 16, 24 or 32 octets. Answers 0 when it did.
 */
typedef int32_t (*gp_aes_block)(void *context, const uint8_t *key, size_t key_len, uint8_t *block);

/*
 The AES engine of a device. The session keys lie in the session; the engine is handed one of them with each block, and
 keeps nothing from call to call.
 */
typedef struct gp_aes {
    /* Handed to the functions. */
    void *context;
    /* The forward cipher. */
    gp_aes_block encrypt;
    /* The inverse cipher: for answers with R-ENCRYPTION. */
    gp_aes_block decrypt;
} gp_aes;

/* What an answer is worth, and its status word. */
typedef struct gp_reply {
    /* One of `GP_REPLY_AUTHENTIC`, `GP_REPLY_PLAIN`, `GP_REPLY_REFUSED`. */
    uint8_t kind;
    /* The status word. */
    uint16_t status_word;
} gp_reply;

/* A data object. */
typedef struct gp_tlv_object {
    /* The tag: its one to three octets as a number, `0x9F70`. */
    uint32_t tag;
    /* The value, inside the octets that were read. */
    struct gp_slice value;
} gp_tlv_object;

/* Done. */
#define GP_OK 0

/* A pointer is null, misaligned or overlaps another, or a value is not one of those that the parameter knows. */
#define GP_E_ARGUMENT -1

/* The context is not initialised, or this is not what comes next. */
#define GP_E_STATE -2

/* The buffer is too small. */
#define GP_E_BUFFER -3

/* The context is smaller than this library needs: its header is of another version or configuration. */
#define GP_E_SIZE -4

/* A function of a table reported an error. */
#define GP_E_CALLBACK -5

/* The library was built without what was asked for. */
#define GP_E_UNSUPPORTED -6

/* A key is not 16, 24 or 32 octets long, or the keys of a set differ in length. */
#define GP_E_KEY_LENGTH -100

/* A challenge is not 8 or 16 octets long. */
#define GP_E_CHALLENGE_LENGTH -101

/* An AID is not 5 to 16 octets long. */
#define GP_E_AID_LENGTH -102

/* Another logical channel than the session's, or a class that cannot be protected. */
#define GP_E_CLASS -103

/* An answer of the handshake is not as long as it says. */
#define GP_E_MALFORMED -104

/* The card speaks another secure channel protocol. */
#define GP_E_OTHER_PROTOCOL -105

/* The card answers in the other mode (S8 and S16). */
#define GP_E_OTHER_MODE -106

/* The card wants a challenge of 16 octets. */
#define GP_E_TRY_S16 -107

/* The card answers with another key version than asked for. */
#define GP_E_OTHER_KEY_VERSION -108

/* The card cryptogram is wrong: other keys, or another card. Nothing was sent that the card counts as a failure. */
#define GP_E_CARD_CRYPTOGRAM -109

/* The card challenge is not the one that follows from its counter. */
#define GP_E_CARD_CHALLENGE -110

/* The card, or the session, does not offer this security level. */
#define GP_E_LEVEL -111

/* The protection of an answer is missing or wrong: the session is over and wiped. */
#define GP_E_SECURITY -112

/* The session is over. */
#define GP_E_CLOSED -113

/* The limit of messages is reached; nothing was sent. */
#define GP_E_MESSAGE_LIMIT -114

/* The encryption counter is exhausted; nothing was sent. */
#define GP_E_COUNTER -115

/* Nobody vouches for the answer. */
#define GP_E_NOT_AUTHENTIC -116

/* The keys are not there, or the module that holds them failed, or the engine that computes with them. */
#define GP_E_KEY_SOURCE -117

/* The octets end too early. */
#define GP_E_APDU_TRUNCATED -200

/* There are octets behind the end. */
#define GP_E_APDU_TRAILING -201

/* The class octet is FF. */
#define GP_E_APDU_CLASS -202

/* The data does not fit the form. */
#define GP_E_APDU_DATA_TOO_LONG -203

/* Le does not fit the form. */
#define GP_E_APDU_LE_TOO_LARGE -204

/* A chained command, or its answer, broke. */
#define GP_E_APDU_CHAIN -205

/* The answer is too long for the buffer, or came in too many parts. */
#define GP_E_APDU_RESPONSE -206

/* Nothing is under way. */
#define GP_E_APDU_FINISHED -207

/* Any other error of an APDU. */
#define GP_E_APDU -299

/* The octets end inside an object. */
#define GP_E_TLV_TRUNCATED -300

/* This is no tag. */
#define GP_E_TLV_TAG -301

/* The length is indefinite or of more than 4 octets. */
#define GP_E_TLV_LENGTH -302

/* Templates are nested too deep. */
#define GP_E_TLV_DEPTH -303

/* There are octets behind the last object. */
#define GP_E_TLV_TRAILING -304

/* The object is not there. */
#define GP_E_TLV_MISSING -305

/* Another object stands there. */
#define GP_E_TLV_UNEXPECTED -306

/* Any other error of TLV. */
#define GP_E_TLV -399

/* A field of a command or answer is not acceptable. */
#define GP_E_BODY -400

/* The key check value does not fit the key. */
#define GP_E_CHECK_VALUE -401

/* The operation needs an open session. */
#define GP_E_NO_SESSION -500

/* The list has too many pages. */
#define GP_E_TOO_MANY_PAGES -501

/* The answer does not belong to the command. */
#define GP_E_WRONG_ANSWER -502

/* The operation was stopped by the caller's own rule. */
#define GP_E_STOPPED -503

/* The key version is the one that the session uses. */
#define GP_E_KEY_IN_USE -504

/* More than 256 blocks. */
#define GP_E_TOO_MANY_BLOCKS -505

/* A signature does not hold or cannot be made. */
#define GP_E_SIGNATURE -506

/* Any other failure of an operation. */
#define GP_E_OPERATION -599

/* A seed or an additional input has the wrong length. */
#define GP_E_SEED_LENGTH -600

/* More than 65536 octets were asked for at once. */
#define GP_E_REQUEST_TOO_LONG -601

/* The generator must be reseeded. */
#define GP_E_RESEED -602

/* The storage failed, or holds no card that fits this memory. */
#define GP_E_STORAGE -610

/* The memory does not fit the profile. */
#define GP_E_MEMORY -611

/* Added to the status word with which a card refused. */
#define GP_REFUSED 65536

/* Added to the status word with which a card warned. */
#define GP_WARNED 131072

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* The version of the library: major, minor, patch in the lower three octets. */
uint32_t gp_version(void);

/* What a status says, in English, ended by a zero octet. Never null, never to be freed. */
const char *gp_status_text(gp_status status);

/* The status word of the card behind a status, or 0 when it is none of the card's. */
uint16_t gp_status_word(gp_status status);

/* Reads a command. Its data points into `apdu`. */
gp_status gp_command_parse(const uint8_t *apdu, size_t apdu_len, struct gp_command *command);

/* Writes a command into the buffer. */
gp_status gp_command_build(const struct gp_command *command, struct gp_buf *apdu);

/*
 Sets the life cycle state of the application that has the command: one of its own states, back to SELECTABLE (07), or LOCKED
 (its state with 80 added), from where it does not come back by itself. Answers a status word: 6A80 for what codes no state,
 6985 where there is no such step, 6581 where the storage failed; 6F00 for a null pointer.

 Rule: `open` is from the exchange of a function that has not returned.
 */
uint16_t gp_open_set_life_cycle(struct gp_open *open,
                                uint8_t state);

/*
 Locks another application or security domain (`lock` 1), or unlocks it (0): the Global Lock privilege. Answers a status word:
 6A88 where there is none with this AID, 6982 without the privilege, 6985 where it is so already or holds Final Application,
 6581 where the storage failed; 6F00 for a null pointer, and for any other `lock`.

 Rule: `open` is from the exchange of a function that has not returned.
 */
uint16_t gp_open_lock_application(struct gp_open *open,
                                  struct gp_slice aid,
                                  uint8_t lock);

/*
 Locks the card: the Card Lock privilege. Answers a status word: 6982 without the privilege, 6985 where the card is not
 SECURED, 6581 where the storage failed; 6F00 for a null pointer.

 Rule: `open` is from the exchange of a function that has not returned.
 */
uint16_t gp_open_lock_card(struct gp_open *open);

/*
 Terminates the card, for ever: the Card Terminate privilege. Answers a status word: 6982 without the privilege, 6985 where it
 is terminated already, 6581 where the storage failed; 6F00 for a null pointer.

 Rule: `open` is from the exchange of a function that has not returned.
 */
uint16_t gp_open_terminate_card(struct gp_open *open);

/*
 The life cycle state of the application that has the command; 0 for a null pointer.

 Rule: `open` is from the exchange of a function that has not returned.
 */
uint8_t gp_open_life_cycle(const struct gp_open *open);

/*
 The card life cycle state: 01, 07, 0F, 7F or FF; 0 for a null pointer.

 Rule: `open` is from the exchange of a function that has not returned.
 */
uint8_t gp_open_card_life_cycle(const struct gp_open *open);

/* How many octets of a `gp_card` this library uses; see `gp_session_size`. */
size_t gp_card_size(void);

/*
 Starts a card: from its storage, or where that is blank, from the profile. What the tables and arrays point to stays
 until the card is closed; the tables themselves are copied. `applets` may be null.
 */
gp_status gp_card_open(struct gp_card *card,
                       const struct gp_card_memory *memory,
                       const struct gp_storage *storage,
                       const struct gp_platform *platform,
                       const struct gp_applets *applets,
                       const struct gp_profile *profile);

/*
 Answers one command: `apdu_len` octets come in at `apdu`, whose room is `apdu_cap` octets, at least 261; the answer
 stands there afterwards. Says how long it is: at least 2, or 0 when the arguments are not usable or no card is open.
 */
size_t gp_card_process(struct gp_card *card,
                       uint8_t *apdu,
                       size_t apdu_len,
                       size_t apdu_cap);

/* Power off and on: sessions end, what was pending is gone. */
gp_status gp_card_reset(struct gp_card *card);

/* Ends the card and wipes its context. What it keeps is in its storage. Twice is fine, and so is null. */
void gp_card_close(struct gp_card *card);

/*
 Derives the keys of a card from the master keys by KDF3 (SP 800-108 over CMAC, as GlobalPlatformPro does it), with the 10
 octets of its key diversification data (`gp_key_info`). They are as long as the master keys.
 */
gp_status gp_key_set_diversify(struct gp_key_set *keys,
                               const struct gp_key_set *masters,
                               const uint8_t *diversification);

/*
 Would these keys have opened the session? `command` and `response` are a whole INITIALIZE UPDATE and its answer, as they
 were recorded; `aid` is that of the selected application, or empty. No card is asked and no attempt is counted. The keys
 are tried as they are, as master keys of KDF3, and with Key-ENC and Key-MAC swapped. `GP_E_CARD_CRYPTOGRAM` when none of
 it fits.
 */
gp_status gp_diagnose(struct gp_slice command,
                      struct gp_slice response,
                      const struct gp_key_set *keys,
                      struct gp_slice aid,
                      struct gp_finding *found);

/*
 As `gp_diagnose`, with a secret of 16 octets or more: its first 16, 24 and 32 octets are tried, each as all three keys and
 as the master key of KDF3.
 */
gp_status gp_diagnose_secret(struct gp_slice command,
                             struct gp_slice response,
                             struct gp_slice secret,
                             struct gp_slice aid,
                             struct gp_finding *found);

/*
 A generator from full-entropy octets: 32 for AES-128, 48 for AES-256. The personalization, at most as long, may be null
 with length 0.
 */
gp_status gp_drbg_init(struct gp_drbg *drbg,
                       const uint8_t *entropy,
                       size_t entropy_len,
                       const uint8_t *personalization,
                       size_t personalization_len);

/* Mixes fresh entropy in, as much as at the beginning, and an additional input that may be null with length 0. */
gp_status gp_drbg_reseed(struct gp_drbg *drbg,
                         const uint8_t *entropy,
                         size_t entropy_len,
                         const uint8_t *additional,
                         size_t additional_len);

/* Fills `out` with at most 65536 random octets. */
gp_status gp_drbg_generate(struct gp_drbg *drbg,
                           uint8_t *out,
                           size_t out_len,
                           const uint8_t *additional,
                           size_t additional_len);

/* Wipes the generator. Twice is fine, and so is null. */
void gp_drbg_close(struct gp_drbg *drbg);

/*
 Begins a host that works in these two buffers: 261 octets hold every short command, 258 every short response; longer
 operations need more. Both stay with the host until it is closed; the program reaches them through `gp_host_io` alone.
 */
gp_status gp_host_init(struct gp_host *host,
                       uint8_t *command,
                       size_t command_cap,
                       uint8_t *response,
                       size_t response_cap);

/* How many octets of a `gp_host` this library uses; see `gp_session_size`. */
size_t gp_host_size(void);

/*
 Gives the host an open session, which ends here: the host protects its commands with it from now on, on the session's
 logical channel.
 */
gp_status gp_host_adopt(struct gp_host *host,
                        struct gp_session *session);

/* Sends on this logical channel, 0 to 19, from now on. */
gp_status gp_host_set_channel(struct gp_host *host, uint8_t channel);

/*
 Writes lengths so from now on: 0 short, a longer body is an error; 1 short, a longer body of DELETE, INSTALL and PUT KEY
 is cut by GlobalPlatform's rule (so it is after `gp_host_init`); 2 short, any longer body is cut by ISO's rule; 3 extended
 where the body does not fit a short command; 4 extended, always.
 */
gp_status gp_host_set_lengths(struct gp_host *host,
                              uint8_t lengths);

/*
 The most data octets of one short command or segment on the wire from now on, protection included, for cards and readers
 that take fewer than 255; 0 for 255.
 */
gp_status gp_host_set_max_data(struct gp_host *host,
                               uint8_t max);

/* The octets to send, and the room for what comes back. `GP_E_STATE` when no operation is under way. */
gp_status gp_host_io(struct gp_host *host, struct gp_slice *command, struct gp_buf *response);

/*
 Takes note that so many octets have come into the room of `gp_host_io`. `*more` is 1 when there is more to send, and 0
 when the operation is done. Any error ends the operation.
 */
gp_status gp_host_digest(struct gp_host *host,
                         size_t received,
                         uint8_t *more);

/* What came out of the operation that is done. `GP_E_STATE` when none is. */
gp_status gp_host_answer(const struct gp_host *host, struct gp_answer *answer);

/*
 Gives up an answer that will not come: the operation is over, and so is the session, since nobody knows whether the
 card has counted the command.
 */
gp_status gp_host_abandon(struct gp_host *host);

/* Takes note that the card was reset: no session, no logical channel but the basic one. */
gp_status gp_host_reset(struct gp_host *host);

/* Ends session and host and wipes both. Twice is fine, and so is null. */
void gp_host_close(struct gp_host *host);

/*
 SELECT by name: an AID, or its first octets, or none for the issuer security domain. It ends the session.

 Rule: the name stays until the operation is over.
 */
gp_status gp_host_select(struct gp_host *host,
                         struct gp_slice name);

/* GET DATA: one data object by its tag of one or two octets. */
gp_status gp_host_get_data(struct gp_host *host, uint16_t tag);

/*
 Any command, protected when there is a session. A refusal is an answer: `gp_host_answer` has its status word.

 Rule: the data of the command stays until the operation is over.
 */
gp_status gp_host_raw(struct gp_host *host,
                      const struct gp_command *command);

/*
 MANAGE CHANNEL, open: a logical channel, 1 to 19, or with 0 one that the card chooses. It is never protected, and the
 session goes on. `gp_host_answer` tells the number in `channel`; the host goes on with its own channel until
 `gp_host_set_channel`.
 */
gp_status gp_host_open_channel(struct gp_host *host,
                               uint8_t number);

/*
 MANAGE CHANNEL, close: a logical channel, 1 to 19. A session that was opened on it ends. A channel that was closed before
 is no error: `gp_host_answer` has status word 0x6200 then, else 0x9000.
 */
gp_status gp_host_close_channel(struct gp_host *host,
                                uint8_t number);

/*
 INSTALL for install and make selectable.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_install(struct gp_host *host, const struct gp_install *parameters);

/*
 INSTALL with this P1: 0x04 for install, 0x0C for install and make selectable; 0x08 for make selectable, which has neither
 load file nor module; 0x20 for personalization, which has the application alone: the STORE DATA commands that follow go to
 it, until the last block.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_install_with(struct gp_host *host,
                               uint8_t function,
                               const struct gp_install *parameters);

/*
 INSTALL for extradition.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_extradite(struct gp_host *host, const struct gp_extradition *parameters);

/*
 INSTALL for registry update.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_update_registry(struct gp_host *host,
                                  const struct gp_registry_update *parameters);

/* DELETE: an application or a load file; with `related` 1 a load file and all applications from it. */
gp_status gp_host_delete(struct gp_host *host, struct gp_slice object, uint8_t related);

/*
 As `gp_host_delete`, with a token and whom it is for.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_delete_with(struct gp_host *host, const struct gp_delete *parameters);

/*
 SET STATUS: `subset` is P1 (0x80 the card, 0x40 an application or security domain, 0x60 a security domain and all below
 it), `state` is P2.
 */
gp_status gp_host_set_status(struct gp_host *host,
                             uint8_t subset,
                             uint8_t state,
                             struct gp_slice object);

/* DELETE: all keys of a version, other than the one of the session. */
gp_status gp_host_delete_keys(struct gp_host *host, uint8_t version);

/* DELETE: one key, by its version and identifier, other than those of the session. Many cards delete whole versions only. */
gp_status gp_host_delete_key(struct gp_host *host,
                             uint8_t version,
                             uint8_t id);

/*
 PUT KEY: puts a key set under `version`, in place of version `replaces` or, when that is 0, beside the others. The
 values are encrypted with the Key-DEK of `current`, and the check values that come back are compared.

 Rule: both key sets stay until the operation is over.
 */
gp_status gp_host_put_keys(struct gp_host *host,
                           uint8_t replaces,
                           uint8_t version,
                           const struct gp_key_set *keys,
                           const struct gp_key_set *current);

/*
 As `gp_host_put_keys`, with a Key-DEK that stays in a module: its `encrypt` is needed, its `cmac` may be null.

 Rule: the key set and the context of the source stay until the operation is over.
 */
gp_status gp_host_put_keys_with(struct gp_host *host,
                                uint8_t replaces,
                                uint8_t version,
                                const struct gp_key_set *keys,
                                const struct gp_key_source *source);

/*
 PUT KEY: puts one AES key with this version and identifier, 0x01 to 0x7F each, in place of the key of version `replaces`
 or, when that is 0, beside the others: for tokens (customarily version 0x70), receipts (0x71), DAP (0x73). The value is
 encrypted with the Key-DEK of `current`, and the check value that comes back is compared.

 Rule: the key and the key set stay until the operation is over.
 */
gp_status gp_host_put_key(struct gp_host *host,
                          uint8_t replaces,
                          uint8_t version,
                          uint8_t id,
                          const struct gp_key *key,
                          const struct gp_key_set *current);

/*
 As `gp_host_put_key`, with a Key-DEK that stays in a module: its `encrypt` is needed, its `cmac` may be null.

 Rule: the key and the context of the source stay until the operation is over.
 */
gp_status gp_host_put_key_with(struct gp_host *host,
                               uint8_t replaces,
                               uint8_t version,
                               uint8_t id,
                               const struct gp_key *key,
                               const struct gp_key_source *source);

/*
 GET STATUS: shows the entries of one part of the registry to `visit`. `subset` is P1: 0x80 the issuer security domain,
 0x40 applications and security domains, 0x20 load files, 0x10 load files with their modules.

 Rule: the context stays until the operation is over.
 */
gp_status gp_host_get_status(struct gp_host *host,
                             uint8_t subset,
                             gp_entry_visitor visit,
                             void *context);

/*
 INSTALL for load, and LOAD in as many blocks as it takes.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_load(struct gp_host *host, const struct gp_load *parameters);

/*
 The combined load, install and make selectable: all of it or nothing. The token, where one is needed, is that of
 `install` (`gp_token_load_install`); its `load_file` may be empty.

 Rule: what the parameters point to stays until the operation is over.
 */
gp_status gp_host_load_install(struct gp_host *host,
                               const struct gp_load *load,
                               const struct gp_install *install);

/*
 Writes what stands before the octets of a load file data block: `daps_len` DAP blocks, for a block that is `ciphered` (1,
 else 0) its ICV of 8 or 16 octets or none, tag and length of `data_len` octets. It goes into `gp_load`, as `head`.
 */
gp_status gp_load_head(const struct gp_dap *daps,
                       size_t daps_len,
                       uint8_t ciphered,
                       struct gp_slice icv,
                       size_t data_len,
                       struct gp_buf *head);

/*
 Writes the record of a rotation from `old_version` (0x00 for the card's first set, initial keys above all) to `new_version`,
 0x01 to 0x7F: `GP_ROTATION_RECORD_LEN` octets, to be stored together with the new keys before anything is sent. With
 `attempts` not 0 it stops, with `GP_E_STOPPED`, after so many attempts in a row to open a session that did not succeed,
 over all its runs, before a card could lock; leave two at least. `GP_E_ARGUMENT` for flags that there are not.
 */
gp_status gp_rotation_prepare(uint8_t *record,
                              uint8_t old_version,
                              uint8_t new_version,
                              uint8_t flags,
                              uint8_t attempts,
                              const struct gp_key_set *new_keys);

/*
 Lets a rotation that was stopped make so many attempts again, at least 1, when it is known why the others failed: changes the
 record.
 */
gp_status gp_rotation_allow(uint8_t *record,
                            uint8_t attempts);

/*
 Which set opens the card, by a record: `GP_OPENS_OLD`, `GP_OPENS_EITHER` or `GP_OPENS_NEW`; and whether the rotation is
 finished. Both may be null. `GP_E_ARGUMENT` for octets that are no record.
 */
gp_status gp_rotation_look(const uint8_t *record,
                           uint8_t *opens,
                           uint8_t *finished);

/*
 Goes on with a rotation, from its record: opens the sessions it needs itself (S8 for `mode` 8, S16 for 16, at `level`, which
 has C-DECRYPTION: 0x03, 0x13 or 0x33), puts the new set, proves it, and deletes the old one where the record says so. After
 any error call `gp_rotation_close`, read the stored record back and call this again: it finds out which set opens the card.
 Without `gp_rotation_close` this is `GP_E_STATE`. The session with the
 new set is the host's afterwards. `GP_E_STATE` for a rotation that is finished.

 Rule: rotation, key sets and what the calls point to stay until the operation is over.
 */
gp_status gp_host_rotate(struct gp_host *host,
                         struct gp_rotation *rotation,
                         const uint8_t *record,
                         const struct gp_key_set *old_keys,
                         const struct gp_key_set *new_keys,
                         uint8_t mode,
                         uint8_t level,
                         const struct gp_rotation_calls *calls);

/* Wipes what is left of a rotation, when its operation is over. Twice is fine, and so is null. */
void gp_rotation_close(struct gp_rotation *rotation);

/*
 STORE DATA without encryption of its own, in as many blocks as it takes: to the security domain of the session, or to
 an application of it. `structure` is 0 for none, 1 for DGI, 2 for BER-TLV.

 Rule: the data stays until the operation is over.
 */
gp_status gp_host_store_data(struct gp_host *host,
                             uint8_t structure,
                             struct gp_slice data,
                             struct gp_slice application);

/*
 STORE DATA in any of its forms, in as many blocks as it takes or as it was cut into.

 Rule: data and pieces stay until the operation is over.
 */
gp_status gp_host_store_data_with(struct gp_host *host, const struct gp_store_data *parameters);

/*
 Makes the token of INSTALL with this P1, 0x04, 0x08 or 0x0C, over the fields of the body; the `token` in it does not
 count. `scratch` holds the body while it is signed: 255 octets are enough for a short command. The token has
 `GP_TOKEN_LEN` octets.
 */
gp_status gp_token_install(uint8_t function,
                           const struct gp_install *parameters,
                           const struct gp_key *key,
                           uint8_t *scratch,
                           size_t scratch_len,
                           uint8_t *token);

/* Makes the token of INSTALL for load, likewise. Parts and head of the load file do not count. */
gp_status gp_token_load(const struct gp_load *parameters,
                        const struct gp_key *key,
                        uint8_t *scratch,
                        size_t scratch_len,
                        uint8_t *token);

/*
 Makes the token of the combined load, install and make selectable, over both of its commands; it goes into `install`.
 `scratch` holds both bodies.
 */
gp_status gp_token_load_install(const struct gp_load *load,
                                const struct gp_install *install,
                                const struct gp_key *key,
                                uint8_t *scratch,
                                size_t scratch_len,
                                uint8_t *token);

/* Makes the token of INSTALL for extradition, as `gp_token_install`. */
gp_status gp_token_extradition(const struct gp_extradition *parameters,
                               const struct gp_key *key,
                               uint8_t *scratch,
                               size_t scratch_len,
                               uint8_t *token);

/* Makes the token of INSTALL for registry update, as `gp_token_install`. */
gp_status gp_token_registry_update(const struct gp_registry_update *parameters,
                                   const struct gp_key *key,
                                   uint8_t *scratch,
                                   size_t scratch_len,
                                   uint8_t *token);

/* Makes the token of DELETE, as `gp_token_install`. */
gp_status gp_token_delete(const struct gp_delete *parameters,
                          const struct gp_key *key,
                          uint8_t *scratch,
                          size_t scratch_len,
                          uint8_t *token);

/*
 Verifies the receipt in the answer to a delegated operation (`data` of `gp_answer`), and tells what it says (`receipt`
 may be null). `GP_E_SIGNATURE` when it does not fit key and operation, `GP_E_NOT_AUTHENTIC` when the card gave none,
 `GP_E_BODY` for what is no confirmation. The operation was carried out in any case.
 */
gp_status gp_receipt_verify(struct gp_slice answer,
                            const struct gp_operation *operation,
                            const struct gp_key *key,
                            struct gp_receipt *receipt);

/* Takes a key of 16, 24 or 32 octets, which are copied. */
gp_status gp_key_init(struct gp_key *key, const uint8_t *octets, size_t len);

/* Wipes the key. Twice is fine, and so is null. */
void gp_key_close(struct gp_key *key);

/*
 Takes three keys of 16, 24 or 32 octets, all of the same length, which are copied.

 Rule: every pointer points to as much as is said.
 */
gp_status gp_key_set_init(struct gp_key_set *keys,
                          const uint8_t *enc,
                          const uint8_t *mac,
                          const uint8_t *dek,
                          size_t key_len);

/* Wipes the keys. Twice is fine, and so is null. */
void gp_key_set_close(struct gp_key_set *keys);

/*
 How many octets of a `gp_session` this library uses. A program may set aside fewer than `sizeof(gp_session)` if it
 asserts that they are enough.
 */
size_t gp_session_size(void);

/*
 Begins a session: host challenge of 8 (S8) or 16 octets (S16), fresh and unpredictable; logical channel 0 to 19; key
 version number, 0 for the card's first set.
 */
gp_status gp_session_init(struct gp_session *session,
                          const uint8_t *host_challenge,
                          size_t host_challenge_len,
                          uint8_t channel,
                          uint8_t key_version);

/* Writes INITIALIZE UPDATE (14 or 22 octets) into the buffer. */
gp_status gp_session_initialize_update(struct gp_session *session, struct gp_buf *command);

/*
 Reads the answer to INITIALIZE UPDATE, status word included, and tells what the card says of its keys (`info` may be
 null): enough to find or derive them. Any error ends the session.
 */
gp_status gp_session_challenged(struct gp_session *session,
                                const uint8_t *response,
                                size_t response_len,
                                struct gp_key_info *info);

/*
 From now on an engine computes with the keys of this session: cryptograms, MACs, encryption. To be called after
 `gp_session_challenged` and before `gp_session_authenticate`, whose key set or source derives the session keys as ever.

 Where a function of the engine fails, the step answers `GP_E_KEY_SOURCE`, nothing of the message is left, and the session
 is over. `GP_E_UNSUPPORTED`: the library was built without the feature `external-aes`, and nothing has changed.

 Rule: the structure stays as it is, and its functions callable, until the session is closed, or the host that took it.
 */
gp_status gp_session_use_aes(struct gp_session *session,
                             const struct gp_aes *aes);

/*
 Verifies the card cryptogram with these keys and, if it holds, writes EXTERNAL AUTHENTICATE (21 or 37 octets) into the
 buffer. `level` is 0x00, 0x01, 0x03, 0x11, 0x13 or 0x33. Any error but of the arguments ends the session, and nothing
 is to be sent.
 */
gp_status gp_session_authenticate(struct gp_session *session,
                                  const struct gp_key_set *keys,
                                  uint8_t level,
                                  struct gp_buf *command);

/* As `gp_session_authenticate`, with keys that stay in a module. */
gp_status gp_session_authenticate_with(struct gp_session *session,
                                       const struct gp_key_source *source,
                                       uint8_t level,
                                       struct gp_buf *command);

/* Reads the answer to EXTERNAL AUTHENTICATE: the session is open, or over. */
gp_status gp_session_confirm(struct gp_session *session,
                             const uint8_t *response,
                             size_t response_len);

/*
 Protects the command in the buffer, in place: it grows by up to 16 octets of padding and 16 of C-MAC. Any error leaves
 command and session as they were, but `GP_E_KEY_SOURCE`: the engine that `gp_session_use_aes` named failed, the session
 is over, and the buffer is empty.
 */
gp_status gp_session_wrap(struct gp_session *session,
                          struct gp_buf *apdu);

/*
 Verifies and decrypts the answer in the buffer, in place: afterwards the buffer holds its data, and `reply` (which may
 be null) says what it is worth and its status word. `GP_E_SECURITY` ends the session and wipes it, and so does
 `GP_E_KEY_SOURCE`, when the engine that `gp_session_use_aes` named failed.
 */
gp_status gp_session_unwrap(struct gp_session *session,
                            struct gp_buf *apdu,
                            struct gp_reply *reply);

/* The most octets of plain data that a short command can carry now; 0 when the session is not open. */
size_t gp_session_max_data(const struct gp_session *session);

/* The security level, or -1 when the session is not open. */
int32_t gp_session_level(const struct gp_session *session);

/* Ends the session on this side and wipes it: also when an answer never came. Twice is fine, and so is null. */
void gp_session_close(struct gp_session *session);

/* Without a session: reads a plain response. Its data begins at `response`, and its length is told. */
gp_status gp_response_parse(const uint8_t *response,
                            size_t response_len,
                            size_t *data_len,
                            uint16_t *status_word);

/* Writes a response: data and status word. */
gp_status gp_response_build(const uint8_t *data,
                            size_t data_len,
                            uint16_t status_word,
                            struct gp_buf *response);

/*
 Writes BEGIN R-MAC SESSION, protected, into the buffer. `protection` is P1: 0x10 for an R-MAC in the answers, 0x30 for
 encrypted answers, too. `salt` of up to 24 octets by custom, or none, reaches the R-MACs. The level rises when
 `gp_session_unwrap` has read the answer 9000: 0x01 and 0x03 to 0x11 and 0x13, 0x03 and 0x13 to 0x33. `GP_E_LEVEL` where the
 level cannot be raised so, or an R-MAC session runs. Any error leaves the session as it was.
 */
gp_status gp_session_begin_r_mac(struct gp_session *session,
                                 uint8_t protection,
                                 const uint8_t *salt,
                                 size_t salt_len,
                                 struct gp_buf *command);

/*
 Writes END R-MAC SESSION, protected, into the buffer. Its own answer still has the R-MAC; when `gp_session_unwrap` has read
 9000 the level is `gp_session_initial_level` again. `GP_E_LEVEL` when no R-MAC session runs. Any error leaves the session as
 it was.
 */
gp_status gp_session_end_r_mac(struct gp_session *session,
                               struct gp_buf *command);

/*
 The security level that EXTERNAL AUTHENTICATE set, or -1 when the session is not open. `gp_session_level` is above it
 while an R-MAC session runs.
 */
int32_t gp_session_initial_level(const struct gp_session *session);

/*
 From now on, that many commands may be wrapped; the next one is `GP_E_MESSAGE_LIMIT`, with nothing sent. Without this
 call the encryption counter's 32 bits are the limit. It stays with the session that a host adopts.
 */
gp_status gp_session_set_message_limit(struct gp_session *session,
                                       uint32_t messages);

/* How many commands may still be wrapped; 0 when the session is not open. */
uint32_t gp_session_messages_left(const struct gp_session *session);

/*
 Between `gp_session_challenged` and `gp_session_authenticate`: is the card challenge the one that follows from Key-ENC,
 sequence counter and the AID of the selected application, 5 to 16 octets? `verdict` is one of `GP_CHALLENGE_...` and may be
 null. With `required` 1 anything but `GP_CHALLENGE_MATCHES` is `GP_E_CARD_CHALLENGE` and ends the session, so that nothing
 is sent; with 0 the session goes on. Without this call nothing is checked.
 */
gp_status gp_session_check_challenge(struct gp_session *session,
                                     const struct gp_key_set *keys,
                                     struct gp_slice aid,
                                     uint8_t required,
                                     uint8_t *verdict);

/* As `gp_session_check_challenge`, with a Key-ENC that stays in a module. */
gp_status gp_session_check_challenge_with(struct gp_session *session,
                                          const struct gp_key_source *source,
                                          struct gp_slice aid,
                                          uint8_t required,
                                          uint8_t *verdict);

/*
 Reads the object that begins at `*offset` and moves the offset behind it. At the end of the octets the answer is
 `GP_E_TLV_MISSING`. On an error the offset stays.
 */
gp_status gp_tlv_next(const uint8_t *data,
                      size_t data_len,
                      size_t *offset,
                      struct gp_tlv_object *found);

/*
 Finds the value of the object that a path of tags leads to, each inside the one before: at most 8. `GP_E_TLV_MISSING`
 when it is not there.
 */
gp_status gp_tlv_find(const uint8_t *data,
                      size_t data_len,
                      const uint32_t *path,
                      size_t path_len,
                      struct gp_slice *value);

/* Writes an object behind what is in the buffer. On an error the buffer is as before. */
gp_status gp_tlv_put(struct gp_buf *buffer, uint32_t tag, const uint8_t *value, size_t value_len);

/* Opens a template behind what is in the buffer and tells where: what is put next goes into it, until `gp_tlv_close`. */
gp_status gp_tlv_open(struct gp_buf *buffer,
                      uint32_t tag,
                      size_t *mark);

/* Closes the template that was opened at this mark: its length is put in front of what was written since. */
gp_status gp_tlv_close(struct gp_buf *buffer,
                       size_t mark);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* GP_H */
