/*
 * A host in C: opens a session with a card and manages it (host.c). The card is gp_card in the same program (card.c); a
 * product puts its link in place of card_transmit.
 */
#include <stdio.h>

#include "card.h"
#include "gp.h"
#include "host.h"

#define TRY(call)                                                                        \
    do {                                                                                 \
        gp_status status_ = (call);                                                      \
        if (status_ != GP_OK) {                                                          \
            printf("%s: %s (%04X)\n", #call, gp_status_text(status_),                    \
                   (unsigned)gp_status_word(status_));                                   \
            return 1;                                                                    \
        }                                                                                \
    } while (0)

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
    /* Fresh and unpredictable in a product. */
    static const uint8_t challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static gp_key_set keys;
    gp_key_info info;
    gp_slice answer;
    uint32_t entries;

    TRY(gp_key_set_init(&keys, key, key, key, sizeof key));
    TRY(card_power_on(&keys, 0x70, 1));
    TRY(host_open(&keys, challenge, sizeof challenge, &info));
    printf("a session with key version %02X, i = %02X\n", info.key_version, info.i);
    TRY(host_load());
    printf("applications, for which the card vouches:\n");
    TRY(host_list(show, &entries));
    TRY(host_talk(&answer));
    printf("the application answers: %.*s\n", (int)answer.len, (const char *)answer.ptr);
    host_close();
    card_power_off();
    gp_key_set_close(&keys);
    printf("well\n");
    return 0;
}
