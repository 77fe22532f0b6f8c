/*
 * The self-test of a microcontroller that is host and card at once, in C: the host and the card of examples/c-host, linked
 * with libgp_ffi.a and nothing else. It does what the Rust program loopback does and ends well or not.
 */
#include <string.h>

#include "board.h"
#include "card.h"
#include "gp.h"
#include "host.h"
#include "module.h"
#include "vectors.h"

static gp_key_set keys;
static unsigned passed;
static int failed;

#define TRY(call)                   \
    do {                            \
        gp_status status_ = (call); \
        if (status_ != GP_OK) {     \
            return status_;         \
        }                           \
    } while (0)

static uint8_t digit(char from)
{
    return (uint8_t)(from <= '9' ? from - '0' : from - 'A' + 10);
}

/* Octets from hexadecimal digits: how many. */
static size_t unhex(const char *digits, uint8_t *out)
{
    size_t len = 0;
    for (; digits[0] != '\0'; digits += 2) {
        out[len++] = (uint8_t)(digit(digits[0]) << 4 | digit(digits[1]));
    }
    return len;
}

static gp_status equal(const gp_buf *buf, const char *digits)
{
    uint8_t expected[96];
    size_t len = unhex(digits, expected);
    return buf->len == len && memcmp(buf->ptr, expected, len) == 0 ? GP_OK : GP_E_WRONG_ANSWER;
}

/* Key-ENC, Key-MAC and Key-DEK are the first octets of the published ones. */
static gp_status set_keys(size_t key_len)
{
    uint8_t enc[32], mac[32], dek[32];
    (void)unhex(published_enc, enc);
    (void)unhex(published_mac, mac);
    (void)unhex(published_dek, dek);
    gp_key_set_close(&keys);
    return gp_key_set_init(&keys, enc, mac, dek, key_len);
}

static gp_status replay_in(const published *from, gp_session *session)
{
    uint8_t octets[96];
    gp_buf buf;
    gp_reply reply;
    static const uint8_t ok[2] = {0x90, 0x00};
    size_t len = unhex(from->host_challenge, octets);
    buf.ptr = octets;
    buf.len = 0;
    buf.cap = sizeof octets;
    TRY(gp_session_init(session, octets, len, 0, 0x30));
    TRY(gp_session_initialize_update(session, &buf));
    len = unhex(from->challenged, octets);
    TRY(gp_session_challenged(session, octets, len, NULL));
    TRY(gp_session_authenticate(session, &keys, 0x33, &buf));
    TRY(equal(&buf, from->authenticate));
    TRY(gp_session_confirm(session, ok, sizeof ok));
    buf.len = unhex(published_plain, octets);
    TRY(gp_session_wrap(session, &buf));
    TRY(equal(&buf, from->wrapped));
    buf.len = unhex(from->answer, octets);
    TRY(gp_session_unwrap(session, &buf, &reply));
    TRY(equal(&buf, published_listing));
    return reply.kind == GP_REPLY_AUTHENTIC && reply.status_word == 0x9000 ? GP_OK : GP_E_NOT_AUTHENTIC;
}

/* Our host against a published session: what it sends and what it reads is what was published. */
static gp_status replay(const published *from)
{
    static gp_session session;
    gp_status status = set_keys(from->key_len);
    if (status == GP_OK) {
        status = replay_in(from, &session);
    }
    gp_session_close(&session);
    return status;
}

/* A device takes it from its generator. */
static const uint8_t challenge[16] = {0x48, 0x48, 0x48, 0x48, 0x48, 0x48, 0x48, 0x48,
                                      0x48, 0x48, 0x48, 0x48, 0x48, 0x48, 0x48, 0x48};

/* Opens a session at level 33. */
static gp_status open_session_with(const gp_key_set *with, size_t challenge_len, gp_key_info *info)
{
    return host_open(with, challenge, challenge_len, info);
}

static gp_status open_session(size_t challenge_len)
{
    return open_session_with(&keys, challenge_len, NULL);
}

/* The card must list so many applications. */
static gp_status listed(uint32_t expected)
{
    uint32_t entries = 0;
    TRY(host_list(NULL, &entries));
    return entries == expected ? GP_OK : GP_E_WRONG_ANSWER;
}

/* A card fresh from the factory and a host: session, loading, installing, listing, use, deleting. */
static gp_status both_ends(size_t key_len, uint8_t i)
{
    size_t challenge_len = (i & 1) != 0 ? 16 : 8;
    unsigned installed = card_installed;
    gp_slice answer;
    TRY(set_keys(key_len));
    TRY(card_power_on(&keys, i, 1));
    TRY(open_session(challenge_len));
    TRY(host_load());
    if (card_installed != installed + 1) {
        return GP_E_WRONG_ANSWER;
    }
    TRY(listed(1));
    TRY(host_talk(&answer));
    TRY(open_session(challenge_len));
    TRY(host_delete());
    return listed(0);
}

/* A host with other keys than the card finds out before it sends anything that the card counts. */
static gp_status other_keys(void)
{
    static const uint8_t key[16] = {0x40};
    static gp_key_set other;
    gp_status status;
    TRY(set_keys(16));
    TRY(card_power_on(&keys, 0x70, 1));
    TRY(gp_key_set_init(&other, key, key, key, sizeof key));
    status = open_session_with(&other, 8, NULL);
    gp_key_set_close(&other);
    TRY(status == GP_E_CARD_CRYPTOGRAM ? GP_OK : GP_E_WRONG_ANSWER);
    return open_session(8);
}

/*
 * The host's keys are in a module that never lets them out: a session under them, and a new key set that the module
 * encrypts for the card.
 */
static gp_status keys_in_a_module(void)
{
    static module_slot slot;
    static const uint8_t fresh[16] = {0x46, 0x52, 0x45, 0x53, 0x48};
    static gp_key_set new_keys;
    uint8_t enc[32], mac[32], dek[32];
    gp_key_source source;
    gp_status status;
    (void)unhex(published_enc, enc);
    (void)unhex(published_mac, mac);
    (void)unhex(published_dek, dek);
    module_fill(&slot, enc, mac, dek, 32);
    source = module_source(&slot);
    TRY(set_keys(32));
    TRY(card_power_on(&keys, 0x71, 1));
    TRY(host_open_with(&source, challenge, 16, NULL));
    TRY(gp_key_set_init(&new_keys, fresh, fresh, fresh, sizeof fresh));
    /* The card answers the check values of the keys that it decrypted, and the library compares them. */
    status = host_put_keys(&source, 0x31, &new_keys);
    gp_key_set_close(&new_keys);
    return status;
}

/*
 * Deletes the application on a card whose power fails after `writes` writes. What the next start finds is the card before
 * or after, and nothing else: a card that forgot everything would count its sessions from the beginning again.
 */
static gp_status power_cut(uint32_t writes, int *failed_at_all)
{
    gp_key_info first, last;
    uint32_t before = 0, after = 0;
    int deleted;
    TRY(card_power_on(&keys, 0x70, 1));
    TRY(open_session_with(&keys, 8, &first));
    TRY(host_load());
    TRY(host_list(NULL, &before));
    /* Without power the card answers errors, and not even the session may come about. */
    card_cut_power(writes);
    deleted = open_session(8) == GP_OK && host_delete() == GP_OK;
    *failed_at_all = card_power_failed();
    TRY(card_power_on(&keys, 0x70, 0));
    TRY(open_session_with(&keys, 8, &last));
    TRY(host_list(NULL, &after));
    if (before != 1 || after > 1 || (deleted && after != 0) || !(deleted || *failed_at_all)) {
        return GP_E_STORAGE;
    }
    return first.has_sequence && memcmp(first.sequence, last.sequence, sizeof first.sequence) < 0 ? GP_OK : GP_E_STORAGE;
}

/* The power fails at every write of a session and a deletion in turn, until there is none left. */
static gp_status power_cuts(void)
{
    uint32_t writes = 0;
    int failed_at_all = 1;
    TRY(set_keys(16));
    while (failed_at_all) {
        TRY(power_cut(writes, &failed_at_all));
        writes++;
    }
    return writes > 1 ? GP_OK : GP_E_STORAGE;
}

static void judge(const char *name, gp_status status)
{
    say(status == GP_OK ? "passed  " : "FAILED  ");
    say(name);
    if (status == GP_OK) {
        passed++;
    } else {
        say(": ");
        say(gp_status_text(status));
        failed = 1;
    }
    say("\n");
    host_close();
    card_power_off();
    gp_key_set_close(&keys);
}

int program(void)
{
    char count[] = "00 passed\n";
    size_t at;
    for (at = 0; at < sizeof published_sessions / sizeof published_sessions[0]; at++) {
        judge(published_sessions[at].name, replay(&published_sessions[at]));
    }
    judge("host and card in C, AES-128, S8", both_ends(16, 0x70));
    judge("host and card in C, AES-128, S16", both_ends(16, 0x71));
    judge("host and card in C, AES-256, S8", both_ends(32, 0x70));
    judge("host and card in C, AES-256, S16", both_ends(32, 0x71));
    judge("other keys", other_keys());
    judge("keys in a module", keys_in_a_module());
    judge("power cut at every write of a deletion", power_cuts());
    count[0] = (char)('0' + passed / 10);
    count[1] = (char)('0' + passed % 10);
    say(failed ? "NOT WELL: " : "well: ");
    say(count);
    return failed;
}
