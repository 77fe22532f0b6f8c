/*
 * The host's session, step by step, against published sessions at level 33 (Samsung/OpenSCP-Java, Apache-2.0; data only):
 * AES-128 with S8, AES-192 with S8, AES-256 with S16.
 */
#include "check.h"
#include "module.h"

typedef struct {
    size_t key_len;
    const char *challenge, *challenged, *authenticate, *wrapped, *answer, *s_enc, *s_mac, *s_rmac;
} vector;

static const char enc[] = "1D72CD9283FD55162722C6BEAA4DC1877F4C0CD0ECC15E052AAC39A99AF9AD72";
static const char mac[] = "F4932BA02FFC3098D172790099D2838236F2E61068D56F4401CC0374C25AF8CB";
static const char dek[] = "B4BDC610C3F6793708FF1132E2C5BF60523AEAC06B32F204B851B6CC007C8D3C";
static const char listing[] =
    "08A00000015141434C010010A0000002202003010101000000000006010010A0000002202003010101000000000011010005A00000024801009000";

static const vector vectors[] = {
    {16, "06F85B77251BF794", "A1A012430585513120853003709CE033FA78E6B10DDC2DBE8974C8B0DE00082A9000",
     "8482330010B08D6CE26B6CB3CCB411CF0296EB7B1D", "84F22000185230BA64388B4A40E0B4DA5CC1DF51C285E4020D99D5AED1",
     "BD3292BFB1A23C4478E37292BA1EDF438770CE472FB7611FBDBD1C981A27FA4780A81A95D93C05F9C4C94839DED0363CFEA57CE2ECFB572B26F3474DAEEBBABC202942381F9755F59000",
     "45AA38361C2D05306C4203B11A743AD9", "30BA0D745A51F10D717A086C11EE1FA0", "B72AF42E308A2E2CAAB8983CA7228778"},
    {24, "06F85B77251BF794", "A1A012430585513120853003709CE033FA78E6B10D6E7C64F962A822A400082A9000",
     "848233001063B6CEFAC0EC098333860788C65220BA", "84F2200018D9EDCBCB7F69CB1EF0508E6EDE933A6D80091E7D99CB3E51",
     "99077B167D43A4F313B59B63CC23EFD3B5158BDEF8F24D85E250570A4AAB81869A92307350267F0FBC2278FA3D34D2FD5D2B4E8C0362C01D082C76A17B80AEA4BA5FB9D7DA3BB3689000",
     NULL, NULL, NULL},
    {32, "06F85B77251BF79406F85B77251BF794",
     "A1A012430585513120853003710617A2C34D50B562F7DECFC3DBF58A6499D2966CF09C9201FDE8343E93FB18B400082A9000",
     "848233002071D1A091C5D24AF177B00E69B1A32B4E30A5168CF8C86B19730DF915EF82D8A7",
     "84F2200020DD3036DC4C636717702732ABBA185633873A933310002B25E386CF10A4E6B130",
     "A5E7309DCA3EFFA13D1AA03FE0D3E2BA8D04DF15A6A26989150F512ED453F5DFFB2A7E4EE4E2FFACEFC0945435BCAF3A914A9F7BD66B4F82635B7757AE82B54262489B3B58224F99E846E2A8061B17329000",
     NULL, NULL, NULL},
};

static const uint8_t ok[2] = {0x90, 0x00};

static void keys_of(const vector *from, gp_key_set *keys)
{
    uint8_t e[32], m[32], d[32];
    unhex(enc, e);
    unhex(mac, m);
    unhex(dek, d);
    memset(keys, 0, sizeof *keys);
    CALL('g', GP_OK, gp_key_set_init, keys, e, m, d, from->key_len);
    CALL('o', GP_E_STATE, gp_key_set_init, keys, e, m, d, from->key_len);
}

/* The module: it answers the derivations of the published session and knows no key. */
static int32_t module(void *context, uint8_t key, const gp_slice *parts, size_t count, uint8_t *out)
{
    const vector *from = (const vector *)context;
    const char *digits = key == 1 ? from->s_enc : parts[0].ptr[11] == 0x06 ? from->s_mac : from->s_rmac;
    return count >= 1 && parts[0].len >= 16 && unhex(digits, out) == 16 ? 0 : -1;
}

static int32_t broken(void *context, uint8_t key, const gp_slice *parts, size_t count, uint8_t *out)
{
    (void)context;
    (void)key;
    (void)parts;
    (void)count;
    (void)out;
    return -1;
}

/* Up to the point where the keys are wanted. */
static void challenge(const vector *from, gp_session *session)
{
    uint8_t octets[64], expected[64];
    uint8_t out[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    gp_key_info info;
    size_t len = unhex(from->challenge, octets);
    memset(session, 0, sizeof *session);
    CALL('o', GP_E_STATE, gp_session_initialize_update, session, &buf);
    CALL('s', GP_E_CHALLENGE_LENGTH, gp_session_init, session, octets, 7, 0, 0x30);
    CALL('o', GP_E_ARGUMENT, gp_session_init, session, octets, len, 20, 0x30);
    CALL('n', GP_E_ARGUMENT, gp_session_init, NULL, octets, len, 0, 0x30);
    CALL('g', GP_OK, gp_session_init, session, octets, len, 0, 0x30);
    CALL('o', GP_E_STATE, gp_session_init, session, octets, len, 0, 0x30);
    CALL('o', GP_E_STATE, gp_session_challenged, session, ok, 2, &info);
    buf.cap = 10;
    CALL('s', GP_E_BUFFER, gp_session_initialize_update, session, &buf);
    buf.cap = sizeof out;
    CALL('n', GP_E_ARGUMENT, gp_session_initialize_update, session, NULL);
    CALL('g', GP_OK, gp_session_initialize_update, session, &buf);
    CHECK(buf.len == 6 + len && memcmp(out + 5, octets, len) == 0);
    len = unhex(from->challenged, expected);
    CALL('n', GP_E_ARGUMENT, gp_session_challenged, session, NULL, len, &info);
    CALL('s', GP_E_APDU_TRUNCATED, gp_session_challenged, session, expected, 1, &info);
    CALL('g', GP_OK, gp_session_challenged, session, expected, len, &info);
    CHECK(info.key_version == 0x30 && info.has_sequence == 1 && info.sequence[2] == 0x2A && (info.i & 0x70) == 0x70);
}

static void replay(const vector *from)
{
    gp_session session, copy;
    gp_key_set keys;
    uint8_t out[261], expected[261];
    gp_buf buf = buffer(out, 0, sizeof out);
    gp_reply reply;
    size_t len;

    keys_of(from, &keys);
    challenge(from, &session);
    CALL('o', GP_E_STATE, gp_session_confirm, &session, ok, 2);
    CALL('o', GP_E_STATE, gp_session_wrap, &session, &buf);
    CALL('o', GP_E_LEVEL, gp_session_authenticate, &session, &keys, 0x22, &buf);
    CALL('n', GP_E_ARGUMENT, gp_session_authenticate, &session, NULL, 0x33, &buf);
    CALL('g', GP_OK, gp_session_authenticate, &session, &keys, 0x33, &buf);
    len = unhex(from->authenticate, expected);
    CHECK(buf.len == len && memcmp(out, expected, len) == 0);
    CALL('o', GP_E_STATE, gp_session_authenticate, &session, &keys, 0x33, &buf);
    CALL('o', -1, gp_session_level, &session);
    CALL('s', GP_E_APDU_TRUNCATED, gp_session_confirm, &session, ok, 1);
    CALL('n', GP_E_ARGUMENT, gp_session_confirm, &session, NULL, 2);
    CALL('g', GP_OK, gp_session_confirm, &session, ok, 2);
    CALL('g', 0x33, gp_session_level, &session);
    CALL('g', from->key_len == 32 ? 223u : 239u, gp_session_max_data, &session);
    CALL('n', 0u, gp_session_max_data, NULL);
    CALL('n', -1, gp_session_level, NULL);

    CALL('o', GP_E_STATE, gp_session_unwrap, &session, &buf, &reply);
    buf.len = unhex("80F22000024F00", out);
    buf.cap = 20;
    CALL('s', GP_E_BUFFER, gp_session_wrap, &session, &buf);
    CHECK(buf.len == 7 && memcmp(out, "\x80\xF2\x20\x00\x02\x4F\x00", 7) == 0);
    buf.cap = sizeof out;
    CALL('n', GP_E_ARGUMENT, gp_session_wrap, &session, NULL);
    memcpy(&copy, &session, sizeof copy);
    CALL('o', GP_E_STATE, gp_session_wrap, &copy, &buf);
    CALL('g', GP_OK, gp_session_wrap, &session, &buf);
    len = unhex(from->wrapped, expected);
    CHECK(buf.len == len && memcmp(out, expected, len) == 0);
    CALL('o', GP_E_STATE, gp_session_wrap, &session, &buf);
    buf.len = unhex(from->answer, out);
    CALL('n', GP_E_ARGUMENT, gp_session_unwrap, &session, NULL, &reply);
    CALL('g', GP_OK, gp_session_unwrap, &session, &buf, &reply);
    len = unhex(listing, expected) - 2;
    CHECK(reply.kind == GP_REPLY_AUTHENTIC && reply.status_word == 0x9000);
    CHECK(buf.len == len && memcmp(out, expected, len) == 0);

    /* A forged answer ends the session, and its memory is wiped when it is closed. */
    buf.len = unhex("80F22000024F00", out);
    CALL('g', GP_OK, gp_session_wrap, &session, &buf);
    buf.len = unhex(from->answer, out);
    CALL('o', GP_E_SECURITY, gp_session_unwrap, &session, &buf, &reply);
    CALL('o', GP_E_CLOSED, gp_session_wrap, &session, &buf);
    CALL('o', -1, gp_session_level, &session);
    VOID('g', gp_session_close, &session);
    VOID('o', gp_session_close, &session);
    VOID('n', gp_session_close, NULL);
    CALL('o', GP_E_STATE, gp_session_wrap, &session, &buf);
    memset(&copy, 0, sizeof copy);
    CHECK(memcmp(&session, &copy, sizeof session) == 0);
    VOID('g', gp_key_set_close, &keys);
    VOID('o', gp_key_set_close, &keys);
    VOID('n', gp_key_set_close, NULL);
}

/* Other keys: nothing is sent, and the session is over. */
static void wrong_keys(void)
{
    gp_session session;
    gp_key_set keys;
    uint8_t key[16] = {0x40}, out[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    memset(&keys, 0, sizeof keys);
    CALL('s', GP_E_KEY_LENGTH, gp_key_set_init, &keys, key, key, key, 15);
    CALL('n', GP_E_ARGUMENT, gp_key_set_init, &keys, key, NULL, key, 16);
    CALL('g', GP_OK, gp_key_set_init, &keys, key, key, key, 16);
    challenge(&vectors[0], &session);
    CALL('o', GP_E_CARD_CRYPTOGRAM, gp_session_authenticate, &session, &keys, 0x33, &buf);
    CHECK(buf.len == 0);
    CALL('o', GP_E_CLOSED, gp_session_authenticate, &session, &keys, 0x33, &buf);
    gp_session_close(&session);
    challenge(&vectors[0], &session);
    buf.cap = 10;
    CALL('s', GP_E_CARD_CRYPTOGRAM, gp_session_authenticate, &session, &keys, 0x33, &buf);
    gp_session_close(&session);
    gp_key_set_close(&keys);
}

/* AES-CMAC and AES-CBC of the module that plays the hardware, against SP 800-38B D.1 to D.3 and SP 800-38A F.2. */
static void module_itself(void)
{
    static const char message[] = "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411";
    static const struct {
        const char *key, *cmac;
    } known[] = {
        {"2B7E151628AED2A6ABF7158809CF4F3C", "DFA66747DE9AE63030CA32611497C827"},
        {"8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B", "8A1DE5BE2EB31AAD089A82E6EE908B0E"},
        {"603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4", "AAF3D8F1DE5640C232F5B169B9C911E6"},
    };
    uint8_t key[32], octets[40], expected[32], mac[16];
    gp_slice parts[2];
    module_slot slot;
    gp_key_source source;
    size_t i, len = unhex(message, octets);
    parts[0] = slice(octets, 3);
    parts[1] = slice(octets + 3, len - 3);
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        len = unhex(known[i].key, key);
        module_fill(&slot, key, key, key, len);
        source = module_source(&slot);
        (void)unhex(known[i].cmac, expected);
        CHECK(source.cmac(source.context, 2, parts, 2, mac) == 0 && memcmp(mac, expected, 16) == 0);
        CHECK(source.cmac(source.context, 3, parts, 2, mac) != 0);
    }
    len = unhex(known[0].key, key);
    module_fill(&slot, key, key, key, len);
    source = module_source(&slot);
    /* CBC-AES128.Encrypt; its ICV goes into the first block, since the module's is zeros. */
    for (i = 0; i < 16; i++) {
        octets[i] ^= (uint8_t)i;
    }
    (void)unhex("7649ABAC8119B246CEE98E9B12E9197D5086CB9B507219EE95DB113A917678B2", expected);
    CHECK(source.encrypt(source.context, 3, octets, 32) == 0 && memcmp(octets, expected, 32) == 0);
    CHECK(source.encrypt(source.context, 3, octets, 31) != 0 && source.encrypt(source.context, 1, octets, 32) != 0);
}

/* A published session whose keys are in the module. */
static void replay_in_the_module(const vector *from)
{
    gp_session session;
    module_slot slot;
    gp_key_source source;
    uint8_t e[32], m[32], d[32], out[64], expected[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len = unhex(from->authenticate, expected);
    unhex(enc, e);
    unhex(mac, m);
    unhex(dek, d);
    module_fill(&slot, e, m, d, from->key_len);
    source = module_source(&slot);
    source.encrypt = NULL;
    challenge(from, &session);
    CALL('g', GP_OK, gp_session_authenticate_with, &session, &source, 0x33, &buf);
    CHECK(buf.len == len && memcmp(out, expected, len) == 0);
    CALL('g', GP_OK, gp_session_confirm, &session, ok, 2);
    buf.len = unhex("80F22000024F00", out);
    CALL('g', GP_OK, gp_session_wrap, &session, &buf);
    len = unhex(from->wrapped, expected);
    CHECK(buf.len == len && memcmp(out, expected, len) == 0);
    gp_session_close(&session);
    /* One derivation for each session key, two where a key is longer than a block. */
    CHECK(slot.asked == (from->key_len == 16 ? 3u : 6u));
}

/* A module that knows the answers alone, one without its function, one of no known length, one that fails. */
static void key_source(void)
{
    gp_session session;
    gp_key_source source;
    vector copy = vectors[0];
    uint8_t out[64], expected[64];
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len = unhex(copy.authenticate, expected);
    source.context = &copy;
    source.cmac = module;
    source.encrypt = NULL;
    source.key_len = 16;
    challenge(&copy, &session);
    CALL('n', GP_E_ARGUMENT, gp_session_authenticate_with, &session, NULL, 0x33, &buf);
    CALL('g', GP_OK, gp_session_authenticate_with, &session, &source, 0x33, &buf);
    CHECK(buf.len == len && memcmp(out, expected, len) == 0);
    gp_session_close(&session);
    challenge(&copy, &session);
    source.cmac = NULL;
    CALL('n', GP_E_ARGUMENT, gp_session_authenticate_with, &session, &source, 0x33, &buf);
    source.cmac = broken;
    source.key_len = 15;
    CALL('s', GP_E_KEY_LENGTH, gp_session_authenticate_with, &session, &source, 0x33, &buf);
    source.key_len = 16;
    CALL('o', GP_E_KEY_SOURCE, gp_session_authenticate_with, &session, &source, 0x33, &buf);
    gp_session_close(&session);
}

/* What `gp_session_use_aes` answers to good arguments: the library is built with `external-aes`, or without. */
#ifdef GP_TEST_EXTERNAL_AES
#define USED GP_OK
#else
#define USED GP_E_UNSUPPORTED
#endif

/* A published session whose blocks are an engine's, up to the open session. Answers how far it came. */
static gp_status open_by_engine(const vector *from, gp_session *session, const gp_aes *aes, gp_buf *buf)
{
    gp_key_set keys;
    gp_status status;
    uint8_t expected[64];
    size_t len = unhex(from->authenticate, expected);
    keys_of(from, &keys);
    challenge(from, session);
    CALL('g', USED, gp_session_use_aes, session, aes);
    status = gp_session_authenticate(session, &keys, 0x33, buf);
    gp_key_set_close(&keys);
    if (status != GP_OK) {
        return status;
    }
    CHECK(buf->len == len && memcmp(buf->ptr, expected, len) == 0);
    return gp_session_confirm(session, ok, 2);
}

/* One command and its answer. */
static gp_status talk_by_engine(const vector *from, gp_session *session, gp_buf *buf)
{
    gp_status status;
    gp_reply reply;
    uint8_t expected[261];
    size_t len = unhex(from->wrapped, expected);
    buf->len = unhex("80F22000024F00", buf->ptr);
    status = gp_session_wrap(session, buf);
    if (status != GP_OK) {
        return status;
    }
    CHECK(buf->len == len && memcmp(buf->ptr, expected, len) == 0);
    buf->len = unhex(from->answer, buf->ptr);
    status = gp_session_unwrap(session, buf, &reply);
    if (status != GP_OK) {
        return status;
    }
    len = unhex(listing, expected) - 2;
    CHECK(reply.kind == GP_REPLY_AUTHENTIC && buf->len == len && memcmp(buf->ptr, expected, len) == 0);
    return GP_OK;
}

/* Are four octets of the plain listing in a row in there, that do not begin with what a wiped buffer holds? */
static int shows_listing(const uint8_t *octets, size_t len)
{
    uint8_t plain[128];
    size_t at, from, plain_len = unhex(listing, plain) - 2;
    for (at = 0; at + 4 <= len; at++) {
        for (from = 0; from + 4 <= plain_len; from++) {
            if (plain[from] != 0 && memcmp(octets + at, plain + from, 4) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static void replay_by_an_engine(const vector *from)
{
    gp_session session;
    module_engine engine = {0, 0};
    gp_aes aes = module_aes(&engine);
    uint8_t out[261];
    gp_buf buf = buffer(out, 0, sizeof out);
    unsigned call, used;

    CHECK(open_by_engine(from, &session, &aes, &buf) == GP_OK && talk_by_engine(from, &session, &buf) == GP_OK);
    gp_session_close(&session);
    used = engine.blocks;
    if (USED != GP_OK) {
        CHECK(used == 0);
        return;
    }
    /* The handshake has 8 blocks in S8 mode and 11 in S16; the command 6; the answer 4 of data, 7 of its MAC, and an ICV. */
    CHECK(used == (from->key_len == 32 ? 11u : 8u) + 6u + 12u);
    for (call = 1; call <= used; call++) {
        gp_status status;
        engine.blocks = 0;
        engine.fails_at = call;
        memset(out, 0xEE, sizeof out);
        buf.len = 0;
        status = open_by_engine(from, &session, &aes, &buf);
        if (status == GP_OK) {
            status = talk_by_engine(from, &session, &buf);
        }
        CHECK(status == GP_E_KEY_SOURCE && engine.blocks == call && buf.len == 0);
        CHECK(!shows_listing(out, sizeof out) && memcmp(out + 5, "\x4F\x00", 2) != 0);
        /* The engine works again; the session is over. */
        buf.len = unhex("80F22000024F00", out);
        CALL('o', GP_E_CLOSED, gp_session_wrap, &session, &buf);
        CHECK(engine.blocks == call);
        gp_session_close(&session);
    }
}

/* Arguments and order; and a host whose session dies of its engine sends nothing more, not even in the clear. */
static void engine(void)
{
    gp_session session;
    gp_host host;
    gp_slice command;
    gp_buf answer;
    module_engine state = {0, 0};
    gp_aes aes = module_aes(&state), half = aes;
    uint8_t out[261], in[258];
    gp_buf buf = buffer(out, 0, sizeof out);
    memset(&session, 0, sizeof session);
    CALL('o', GP_E_STATE, gp_session_use_aes, &session, &aes);
    challenge(&vectors[0], &session);
    CALL('n', GP_E_ARGUMENT, gp_session_use_aes, NULL, &aes);
    CALL('n', GP_E_ARGUMENT, gp_session_use_aes, &session, NULL);
    half.decrypt = NULL;
    CALL('n', GP_E_ARGUMENT, gp_session_use_aes, &session, &half);
    half = aes;
    half.encrypt = NULL;
    CALL('n', GP_E_ARGUMENT, gp_session_use_aes, &session, &half);
    CALL('o', GP_E_ARGUMENT, gp_session_use_aes, &session, (const gp_aes *)(const void *)&session);
    CALL('g', USED, gp_session_use_aes, &session, &aes);
    gp_session_close(&session);

    CHECK(open_by_engine(&vectors[0], &session, &aes, &buf) == GP_OK);
    CALL('o', GP_E_STATE, gp_session_use_aes, &session, &aes);
    memset(&host, 0, sizeof host);
    CHECK(gp_host_init(&host, out, sizeof out, in, sizeof in) == GP_OK);
    CHECK(gp_host_adopt(&host, &session) == GP_OK);
    state.fails_at = state.blocks + 3;
    if (USED == GP_OK) {
        CHECK(gp_host_get_data(&host, 0x0066) == GP_E_KEY_SOURCE);
        CHECK(gp_host_get_data(&host, 0x0066) == GP_E_CLOSED);
        CHECK(gp_host_io(&host, &command, &answer) != GP_OK || command.len == 0);
    } else {
        CHECK(gp_host_get_data(&host, 0x0066) == GP_OK);
    }
    gp_host_close(&host);
}

void test_session(void)
{
    size_t i;
    for (i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        replay(&vectors[i]);
        replay_in_the_module(&vectors[i]);
        replay_by_an_engine(&vectors[i]);
    }
    wrong_keys();
    module_itself();
    key_source();
    engine();
}
