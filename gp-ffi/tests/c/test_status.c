/* Sizes, status, version. */
#include "check.h"

/* The library of this configuration needs no more than the header sets aside, and is the library of this header. */
static void sizes(void)
{
    CHECK(covered("gp_session_size", 'g') && gp_session_size() <= sizeof(gp_session));
    CHECK(covered("gp_host_size", 'g') && gp_host_size() <= sizeof(gp_host));
    CHECK(covered("gp_card_size", 'g') && gp_card_size() <= sizeof(gp_card));
    CHECK(sizeof(gp_session) == GP_SESSION_WORDS * sizeof(uint64_t));
    printf("octets in use: session %u, host %u, card %u\n", (unsigned)gp_session_size(), (unsigned)gp_host_size(),
           (unsigned)gp_card_size());
    /* There is nothing that these could be given. */
    (void)covered("gp_session_size", 'n');
    (void)covered("gp_host_size", 'n');
    (void)covered("gp_card_size", 'n');
    (void)covered("gp_version", 'n');
}

void test_status(void)
{
    int32_t code;
    sizes();
    CHECK(covered("gp_version", 'g') && gp_version() == 0x000100);
    CHECK(covered("gp_status_text", 'g') && strcmp(gp_status_text(GP_OK), "done") == 0);
    CHECK(covered("gp_status_text", 'o') && strcmp(gp_status_text(12345), "unknown status") == 0);
    CALL('g', 0x6A88, gp_status_word, GP_REFUSED + 0x6A88);
    CALL('g', 0x6310, gp_status_word, GP_WARNED + 0x6310);
    CALL('o', 0, gp_status_word, GP_E_STATE);
    for (code = -700; code < 700; code++) {
        CHECK(gp_status_text(code) != NULL && gp_status_text(code)[0] != '\0');
    }
    CHECK(gp_status_text(INT32_MIN) != NULL && gp_status_text(INT32_MAX) != NULL);
}
