/* What the tests share: checks, and a count of which function was called with what. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

#include "gp.h"

extern unsigned check_failures;
extern unsigned check_count;

void check(int holds, const char *what, const char *file, int line);
/* kind: 'g' good, 's' short, 'n' null, 'o' out of order. Answers 1, so that it can stand in front of a call. */
int covered(const char *function, char kind);

#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)
/* Calls the function, counts the call, and checks its answer. */
#define CALL(kind, expected, function, ...) \
    check(covered(#function, kind) && function(__VA_ARGS__) == (expected), #function " is " #expected, __FILE__, __LINE__)
/* The same for one that answers nothing. */
#define VOID(kind, function, ...) \
    do {                          \
        (void)covered(#function, kind); \
        function(__VA_ARGS__);    \
    } while (0)

size_t unhex(const char *digits, uint8_t *out);
gp_slice slice(const uint8_t *octets, size_t len);
gp_buf buffer(uint8_t *octets, size_t len, size_t cap);

void test_session(void);
void test_card(void);
void test_manage(void);
void test_applets(void);
void test_tables(void);
void test_rotation(void);
void test_tlv(void);
void test_apdu(void);
void test_drbg(void);
void test_status(void);
void test_garbage(void);

#endif
