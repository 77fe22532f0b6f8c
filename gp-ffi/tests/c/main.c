#include "check.h"

/* The functions of the header, by name: functions.h is made from it. */
static const char *const names[] = {
#include "functions.h"
};
enum { FUNCTIONS = sizeof names / sizeof names[0] };
static unsigned calls[FUNCTIONS][4];
static const char kinds[] = "gsno";

unsigned check_failures;
unsigned check_count;

void check(int holds, const char *what, const char *file, int line)
{
    check_count++;
    if (!holds) {
        check_failures++;
        printf("%s:%d: not so: %s\n", file, line, what);
    }
}

int covered(const char *function, char kind)
{
    size_t i;
    const char *at = strchr(kinds, kind);
    for (i = 0; i < FUNCTIONS; i++) {
        if (strcmp(names[i], function) == 0 && at != NULL) {
            calls[i][at - kinds]++;
            return 1;
        }
    }
    return 0;
}

size_t unhex(const char *digits, uint8_t *out)
{
    size_t len = 0;
    unsigned octet;
    while (sscanf(digits + 2 * len, "%2x", &octet) == 1) {
        out[len++] = (uint8_t)octet;
    }
    return len;
}

gp_slice slice(const uint8_t *octets, size_t len)
{
    gp_slice made;
    made.ptr = octets;
    made.len = len;
    return made;
}

gp_buf buffer(uint8_t *octets, size_t len, size_t cap)
{
    gp_buf made;
    made.ptr = octets;
    made.len = len;
    made.cap = cap;
    return made;
}

int main(void)
{
    size_t i, k, total[4] = {0, 0, 0, 0}, missing = 0;
    test_status();
    test_drbg();
    test_tlv();
    test_apdu();
    test_session();
    test_card();
    test_manage();
    test_applets();
    test_tables();
    test_rotation();
    test_garbage();
    for (i = 0; i < FUNCTIONS; i++) {
        for (k = 0; k < 4; k++) {
            total[k] += calls[i][k];
        }
        if (calls[i][0] == 0) {
            printf("%s was never called well\n", names[i]);
            missing++;
        }
        if (calls[i][1] + calls[i][2] + calls[i][3] == 0) {
            printf("%s was never called badly\n", names[i]);
            missing++;
        }
    }
    printf("%u functions; calls: %u good, %u short, %u null, %u out of order; %u checks, %u failed\n", (unsigned)FUNCTIONS,
           (unsigned)total[0], (unsigned)total[1], (unsigned)total[2], (unsigned)total[3], check_count, check_failures);
    return check_failures != 0 || missing != 0;
}
