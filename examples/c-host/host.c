#include "host.h"

#include <string.h>

#include "card.h"

static gp_session session;
static gp_host host;
static uint8_t command[261];
static uint8_t response[258];

/* Goes on when the call did what was asked. */
#define TRY(call)                    \
    do {                             \
        gp_status status_ = (call);  \
        if (status_ != GP_OK) {      \
            return status_;          \
        }                            \
    } while (0)

static gp_slice slice(const uint8_t *octets, size_t len)
{
    gp_slice made;
    made.ptr = octets;
    made.len = len;
    return made;
}

/* Carries out the operation that was begun: the only place where its octets go to the card. */
static gp_status run(gp_status begun)
{
    gp_slice out;
    gp_buf in;
    uint8_t more = 1;
    gp_status status = begun;
    while (status == GP_OK && more != 0) {
        status = gp_host_io(&host, &out, &in);
        if (status == GP_OK) {
            size_t received = card_transmit(out.ptr, out.len, in.ptr, in.cap);
            if (received == 0) {
                (void)gp_host_abandon(&host);
                return GP_E_CALLBACK;
            }
            status = gp_host_digest(&host, received, &more);
        }
    }
    return status;
}

/* The card must vouch for what it answered. */
static gp_status vouched(gp_status done, gp_answer *answer)
{
    TRY(done);
    TRY(gp_host_answer(&host, answer));
    return answer->kind == GP_REPLY_AUTHENTIC ? GP_OK : GP_E_NOT_AUTHENTIC;
}

/* Keys in memory or in a module. */
static gp_status authenticate(const gp_key_set *keys, const gp_key_source *module, gp_buf *out)
{
    return module != NULL ? gp_session_authenticate_with(&session, module, 0x33, out)
                          : gp_session_authenticate(&session, keys, 0x33, out);
}

/* Both commands of the handshake. The host's buffers are the host's, so these octets have their own. */
static gp_status handshake(const gp_key_set *keys, const gp_key_source *module, const uint8_t *challenge,
                           size_t challenge_len, gp_key_info *info)
{
    uint8_t sent[64];
    uint8_t received[64];
    gp_buf out;
    size_t len;

    out.ptr = sent;
    out.len = 0;
    out.cap = sizeof sent;
    TRY(gp_session_init(&session, challenge, challenge_len, 0, 0));
    TRY(gp_session_initialize_update(&session, &out));
    len = card_transmit(sent, out.len, received, sizeof received);
    TRY(gp_session_challenged(&session, received, len, info));
    TRY(authenticate(keys, module, &out));
    len = card_transmit(sent, out.len, received, sizeof received);
    return gp_session_confirm(&session, received, len);
}

static gp_status begin(const gp_key_set *keys, const gp_key_source *module, const uint8_t *challenge, size_t challenge_len,
                       gp_key_info *info)
{
    host_close();
    TRY(gp_host_init(&host, command, sizeof command, response, sizeof response));
    TRY(run(gp_host_select(&host, slice(NULL, 0))));
    TRY(handshake(keys, module, challenge, challenge_len, info));
    /* The host goes on with the session. */
    return gp_host_adopt(&host, &session);
}

gp_status host_open(const gp_key_set *keys, const uint8_t *challenge, size_t challenge_len, gp_key_info *info)
{
    return begin(keys, NULL, challenge, challenge_len, info);
}

gp_status host_open_with(const gp_key_source *module, const uint8_t *challenge, size_t challenge_len, gp_key_info *info)
{
    return begin(NULL, module, challenge, challenge_len, info);
}

gp_status host_put_keys(const gp_key_source *module, uint8_t version, const gp_key_set *keys)
{
    gp_answer answer;
    return vouched(run(gp_host_put_keys_with(&host, 0, version, keys, module)), &answer);
}

gp_status host_load(void)
{
    /* Header and Applet component of a Java Card load file, and some code. */
    static const uint8_t header[19] = {0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00,
                                       0x00, 0x01, 0x06, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01};
    static const uint8_t applet[17] = {0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C,
                                       0x46, 0x01, 0x01, 0x00, 0x00, 0x07, 0x02, 0x58};
    static const uint8_t code[600] = {0};
    static const uint8_t privileges[1] = {0x00};
    static const uint8_t parameters[2] = {0xC9, 0x00};
    gp_slice parts[3];
    gp_load load;
    gp_install install;
    gp_answer answer;

    parts[0] = slice(header, sizeof header);
    parts[1] = slice(applet, sizeof applet);
    parts[2] = slice(code, sizeof code);
    memset(&load, 0, sizeof load);
    load.load_file = slice(card_load_file, sizeof card_load_file);
    load.parts = parts;
    load.parts_len = 3;
    TRY(vouched(run(gp_host_load(&host, &load)), &answer));

    memset(&install, 0, sizeof install);
    install.load_file = slice(card_load_file, sizeof card_load_file);
    install.module = slice(card_module, sizeof card_module);
    install.application = slice(card_instance, sizeof card_instance);
    install.privileges = slice(privileges, sizeof privileges);
    install.parameters = slice(parameters, sizeof parameters);
    return vouched(run(gp_host_install(&host, &install)), &answer);
}

static int32_t ignore(void *context, const gp_entry *entry)
{
    (void)context;
    (void)entry;
    return 0;
}

gp_status host_list(gp_entry_visitor visit, uint32_t *entries)
{
    gp_answer answer;
    TRY(run(gp_host_get_status(&host, 0x40, visit != NULL ? visit : ignore, NULL)));
    TRY(gp_host_answer(&host, &answer));
    *entries = answer.entries;
    /* "There is none" is an error status, for which nobody vouches. */
    return answer.entries == 0 || answer.kind == GP_REPLY_AUTHENTIC ? GP_OK : GP_E_NOT_AUTHENTIC;
}

gp_status host_talk(gp_slice *answer)
{
    static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
    gp_command echo;
    gp_answer answered;

    TRY(run(gp_host_select(&host, slice(card_instance, sizeof card_instance))));
    memset(&echo, 0, sizeof echo);
    echo.cla = 0x80;
    echo.ins = 0x10;
    echo.data = slice(hello, sizeof hello);
    echo.le = 256;
    TRY(run(gp_host_raw(&host, &echo)));
    TRY(gp_host_answer(&host, &answered));
    *answer = answered.data;
    if (answered.status_word != 0x9000 || answered.data.len != sizeof hello ||
        memcmp(answered.data.ptr, hello, sizeof hello) != 0) {
        return GP_E_WRONG_ANSWER;
    }
    return GP_OK;
}

gp_status host_delete(void)
{
    gp_answer answer;
    return vouched(run(gp_host_delete(&host, slice(card_load_file, sizeof card_load_file), 1)), &answer);
}

void host_close(void)
{
    gp_session_close(&session);
    gp_host_close(&host);
}
