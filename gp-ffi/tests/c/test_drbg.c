/* CTR_DRBG: a vector of NIST's (CAVP, CTR_DRBG no df, AES-128), wrong lengths, the order of calls. */
#include "check.h"

#define DRBG_ENTROPY "CE50F33DA5D4C1D3D4004EB35244B7F2CD7F2E5076FBF6780A7FF634B249A5FC"
#define DRBG_RETURNED "6545C0529D372443B392CEB3AE3A99A30F963EAF313280F1D1A1E87F9DB373D361E75D18018266499CCCD64D9BBB8DE0185F213383080FADDEC46BAE1F784E5A"

void test_drbg(void)
{
    gp_drbg drbg, other;
    uint8_t seed[48], personal[48], out[64], expected[64];
    memset(&drbg, 0, sizeof drbg);
    memset(&other, 0, sizeof other);
    memset(personal, 0, sizeof personal);

    CALL('o', GP_E_STATE, gp_drbg_generate, &drbg, out, sizeof out, NULL, 0);
    CALL('o', GP_E_STATE, gp_drbg_reseed, &drbg, seed, 32, NULL, 0);
    CHECK(unhex(DRBG_ENTROPY, seed) == 32);
    CHECK(unhex(DRBG_RETURNED, expected) == 64);
    CALL('s', GP_E_SEED_LENGTH, gp_drbg_init, &drbg, seed, 31, NULL, 0);
    CALL('n', GP_E_ARGUMENT, gp_drbg_init, NULL, seed, 32, NULL, 0);
    CALL('n', GP_E_ARGUMENT, gp_drbg_init, &drbg, NULL, 32, NULL, 0);
    CALL('g', GP_OK, gp_drbg_init, &drbg, seed, 32, NULL, 0);
    CALL('o', GP_E_STATE, gp_drbg_init, &drbg, seed, 32, NULL, 0);
    CALL('g', GP_OK, gp_drbg_generate, &drbg, out, sizeof out, NULL, 0);
    CALL('g', GP_OK, gp_drbg_generate, &drbg, out, sizeof out, NULL, 0);
    CHECK(memcmp(out, expected, sizeof out) == 0);
    CALL('n', GP_E_ARGUMENT, gp_drbg_generate, &drbg, NULL, 1, NULL, 0);
    CALL('s', GP_E_SEED_LENGTH, gp_drbg_generate, &drbg, out, 1, personal, 33);
    /* Overlapping and moved. */
    CALL('o', GP_E_ARGUMENT, gp_drbg_generate, &drbg, (uint8_t *)&drbg, 16, NULL, 0);
    memcpy(&other, &drbg, sizeof other);
    CALL('o', GP_E_STATE, gp_drbg_generate, &other, out, 1, NULL, 0);
    CALL('g', GP_OK, gp_drbg_reseed, &drbg, seed, 32, NULL, 0);
    CALL('s', GP_E_SEED_LENGTH, gp_drbg_reseed, &drbg, seed, 48, NULL, 0);
    VOID('g', gp_drbg_close, &drbg);
    VOID('o', gp_drbg_close, &drbg);
    VOID('n', gp_drbg_close, NULL);
    memset(&other, 0, sizeof other);
    CHECK(memcmp(&drbg, &other, sizeof drbg) == 0);
    CALL('g', GP_OK, gp_drbg_init, &drbg, personal, 48, personal, 48);
    CALL('g', GP_OK, gp_drbg_generate, &drbg, out, sizeof out, personal, 48);
    memcpy(expected, out, sizeof out);
    gp_drbg_close(&drbg);
    /* The same again, but for a new seed in between. */
    CALL('g', GP_OK, gp_drbg_init, &drbg, personal, 48, personal, 48);
    CALL('s', GP_E_SEED_LENGTH, gp_drbg_reseed, &drbg, seed, 32, NULL, 0);
    CALL('g', GP_OK, gp_drbg_reseed, &drbg, personal, 48, personal, 48);
    CALL('g', GP_OK, gp_drbg_generate, &drbg, out, sizeof out, personal, 48);
    CHECK(memcmp(out, expected, sizeof out) != 0);
    gp_drbg_close(&drbg);
}
