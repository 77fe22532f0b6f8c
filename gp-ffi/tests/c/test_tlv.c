/* Data objects, read and written. */
#include "check.h"

void test_tlv(void)
{
    uint8_t data[64], value[300], out[400];
    uint32_t path[2] = {0xA5, 0x9F65}, bad[1] = {0x1F};
    gp_tlv_object found;
    gp_slice hit;
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t at = 0, outer, inner, len;

    /* FCI: 6F [84 AID, A5 [9F65 FF]] */
    len = unhex("6F108408A000000151000000A5049F6501FF", data);
    CALL('g', GP_OK, gp_tlv_next, data, len, &at, &found);
    CHECK(found.tag == 0x6F && found.value.len == 16 && found.value.ptr == data + 2 && at == len);
    CALL('o', GP_E_TLV_MISSING, gp_tlv_next, data, len, &at, &found);
    CHECK(at == len);
    CALL('g', GP_OK, gp_tlv_find, data + 2, len - 2, path, 2, &hit);
    CHECK(hit.len == 1 && hit.ptr[0] == 0xFF);
    path[1] = 0x9F66;
    CALL('o', GP_E_TLV_MISSING, gp_tlv_find, data + 2, len - 2, path, 2, &hit);
    CALL('s', GP_E_TLV_TRUNCATED, gp_tlv_find, data + 2, 3, path, 2, &hit);
    CALL('o', GP_E_TLV_TAG, gp_tlv_find, data, len, bad, 1, &hit);
    CALL('n', GP_E_ARGUMENT, gp_tlv_find, data, len, NULL, 1, &hit);
    CALL('n', GP_E_ARGUMENT, gp_tlv_find, NULL, len, path, 1, &hit);
    at = 0;
    CALL('s', GP_E_TLV_TRUNCATED, gp_tlv_next, data, 5, &at, &found);
    CHECK(at == 0);
    at = 99;
    CALL('o', GP_E_ARGUMENT, gp_tlv_next, data, len, &at, &found);
    CALL('n', GP_E_ARGUMENT, gp_tlv_next, data, len, NULL, &found);
    CALL('n', GP_E_ARGUMENT, gp_tlv_next, data, len, &at, NULL);
    CALL('o', GP_E_ARGUMENT, gp_tlv_next, data, SIZE_MAX, &at, &found);

    CALL('g', GP_OK, gp_tlv_open, &buf, 0x6F, &outer);
    CALL('g', GP_OK, gp_tlv_put, &buf, 0x84, data + 4, 8);
    CALL('g', GP_OK, gp_tlv_open, &buf, 0xA5, &inner);
    value[0] = 0xFF;
    CALL('g', GP_OK, gp_tlv_put, &buf, 0x9F65, value, 1);
    CALL('g', GP_OK, gp_tlv_close, &buf, inner);
    CALL('g', GP_OK, gp_tlv_close, &buf, outer);
    CHECK(buf.len == len && memcmp(out, data, len) == 0);
    /* Longer lengths. */
    memset(value, 0x5A, sizeof value);
    buf.len = 0;
    CALL('g', GP_OK, gp_tlv_open, &buf, 0x70, &outer);
    CALL('g', GP_OK, gp_tlv_put, &buf, 0x53, value, 300);
    CALL('g', GP_OK, gp_tlv_close, &buf, outer);
    CHECK(buf.len == 308 && out[1] == 0x82 && out[2] == 1 && out[3] == 0x30 && out[4] == 0x53);
    CALL('s', GP_E_BUFFER, gp_tlv_put, &buf, 0x53, value, 300);
    CHECK(buf.len == 308);
    CALL('o', GP_E_STATE, gp_tlv_close, &buf, 309);
    CALL('o', GP_E_TLV_TAG, gp_tlv_put, &buf, 0x1F, value, 1);
    CALL('n', GP_E_ARGUMENT, gp_tlv_put, NULL, 0x53, value, 1);
    CALL('n', GP_E_ARGUMENT, gp_tlv_put, &buf, 0x53, NULL, 1);
    CALL('o', GP_E_ARGUMENT, gp_tlv_put, &buf, 0x53, out, 1);
    CALL('n', GP_E_ARGUMENT, gp_tlv_open, &buf, 0x70, NULL);
    CALL('n', GP_E_ARGUMENT, gp_tlv_close, NULL, 0);
    buf.cap = buf.len;
    CALL('s', GP_E_BUFFER, gp_tlv_open, &buf, 0x70, &outer);
    CALL('s', GP_E_BUFFER, gp_tlv_close, &buf, 0);
    buf.len = buf.cap + 1;
    CALL('o', GP_E_ARGUMENT, gp_tlv_put, &buf, 0x53, value, 1);
}
