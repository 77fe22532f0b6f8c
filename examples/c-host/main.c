/*
 * A host in C: opens a session with a card and manages it. The card is gp_card in the same program (card.c); a product
 * puts its link in place of card_transmit.
 */
#include <stdio.h>
#include <string.h>

#include "card.h"
#include "gp.h"

static gp_key_set keys;
static gp_session session;
static gp_host host;
static uint8_t command[261];
static uint8_t response[258];

#define TRY(call)                                                                        \
    do {                                                                                 \
        gp_status status_ = (call);                                                      \
        if (status_ != GP_OK) {                                                          \
            printf("%s: %s (%04X)\n", #call, gp_status_text(status_),                    \
                   (unsigned)gp_status_word(status_));                                   \
            return 1;                                                                    \
        }                                                                                \
    } while (0)

static gp_slice slice(const uint8_t *octets, size_t len)
{
    gp_slice made;
    made.ptr = octets;
    made.len = len;
    return made;
}

/* Carries out the operation that was begun: the only place where octets go to the card. */
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

/* Both commands of the handshake; then the host goes on with the session. */
static int open_session(uint8_t level)
{
    /* Fresh and unpredictable in a product. */
    static const uint8_t challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    gp_key_info info;
    gp_buf out;
    size_t len;

    out.ptr = command;
    out.len = 0;
    out.cap = sizeof command;
    TRY(gp_session_init(&session, challenge, sizeof challenge, 0, 0));
    TRY(gp_session_initialize_update(&session, &out));
    len = card_transmit(out.ptr, out.len, response, sizeof response);
    TRY(gp_session_challenged(&session, response, len, &info));
    printf("key version %02X, i = %02X\n", info.key_version, info.i);
    TRY(gp_session_authenticate(&session, &keys, level, &out));
    len = card_transmit(out.ptr, out.len, response, sizeof response);
    TRY(gp_session_confirm(&session, response, len));
    printf("session at level %02X\n", (unsigned)gp_session_level(&session));
    TRY(gp_host_adopt(&host, &session));
    return 0;
}

static int32_t show(void *context, const gp_entry *entry)
{
    size_t i;
    (void)context;
    printf("  ");
    for (i = 0; i < entry->aid.len; i++) {
        printf("%02X", entry->aid.ptr[i]);
    }
    printf("  state %02X\n", entry->life_cycle);
    return 0;
}

int main(void)
{
    static const uint8_t key[16] = {0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
                                    0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F};
    /* Header and Applet component of a Java Card load file, and some code. */
    static const uint8_t header[19] = {0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00,
                                       0x00, 0x01, 0x06, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01};
    static const uint8_t applet[17] = {0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C,
                                       0x46, 0x01, 0x01, 0x00, 0x00, 0x07, 0x02, 0x58};
    static const uint8_t code[600] = {0};
    static const uint8_t privileges[1] = {0x00};
    static const uint8_t parameters[2] = {0xC9, 0x00};
    static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
    gp_slice parts[3];
    gp_load load;
    gp_install install;
    gp_command echo;
    gp_answer answer;

    TRY(gp_key_set_init(&keys, key, key, key, sizeof key));
    TRY(card_power_on(&keys, 0x70, 1));
    TRY(gp_host_init(&host, command, sizeof command, response, sizeof response));

    TRY(run(gp_host_select(&host, slice(NULL, 0))));
    if (open_session(0x33) != 0) {
        return 1;
    }

    parts[0] = slice(header, sizeof header);
    parts[1] = slice(applet, sizeof applet);
    parts[2] = slice(code, sizeof code);
    memset(&load, 0, sizeof load);
    load.load_file = slice(card_load_file, sizeof card_load_file);
    load.parts = parts;
    load.parts_len = 3;
    TRY(run(gp_host_load(&host, &load)));

    memset(&install, 0, sizeof install);
    install.load_file = slice(card_load_file, sizeof card_load_file);
    install.module = slice(card_module, sizeof card_module);
    install.application = slice(card_instance, sizeof card_instance);
    install.privileges = slice(privileges, sizeof privileges);
    install.parameters = slice(parameters, sizeof parameters);
    TRY(run(gp_host_install(&host, &install)));

    printf("applications:\n");
    TRY(run(gp_host_get_status(&host, 0x40, show, NULL)));
    TRY(gp_host_answer(&host, &answer));
    printf("%s\n", answer.kind == GP_REPLY_AUTHENTIC ? "the card vouches for the list" : "nobody vouches for the list");

    TRY(run(gp_host_select(&host, slice(card_instance, sizeof card_instance))));
    memset(&echo, 0, sizeof echo);
    echo.cla = 0x80;
    echo.ins = 0x10;
    echo.data = slice(hello, sizeof hello);
    echo.le = 256;
    TRY(run(gp_host_raw(&host, &echo)));
    TRY(gp_host_answer(&host, &answer));
    printf("the application answers: %.*s\n", (int)answer.data.len, (const char *)answer.data.ptr);

    gp_host_close(&host);
    card_power_off();
    gp_key_set_close(&keys);
    printf("well\n");
    return 0;
}
