/* Commands and responses. */
#include "check.h"

void test_apdu(void)
{
    uint8_t octets[300], out[300];
    gp_command command;
    gp_buf buf = buffer(out, 0, sizeof out);
    size_t len = unhex("80F28002024F0000", octets), data_len;
    uint16_t word;

    CALL('g', GP_OK, gp_command_parse, octets, len, &command);
    CHECK(command.cla == 0x80 && command.ins == 0xF2 && command.p1 == 0x80 && command.p2 == 2);
    CHECK(command.data.len == 2 && command.data.ptr == octets + 5 && command.le == 256 && command.extended == 0);
    CALL('g', GP_OK, gp_command_build, &command, &buf);
    CHECK(buf.len == len && memcmp(out, octets, len) == 0);
    CALL('s', GP_E_APDU_TRUNCATED, gp_command_parse, octets, 3, &command);
    CALL('n', GP_E_ARGUMENT, gp_command_parse, octets, len, NULL);
    CALL('n', GP_E_ARGUMENT, gp_command_parse, NULL, len, &command);
    command.extended = 1;
    command.le = 65536;
    CALL('g', GP_OK, gp_command_build, &command, &buf);
    CHECK(buf.len == 4 + 3 + 2 + 2);
    buf.cap = 10;
    buf.len = 0;
    CALL('s', GP_E_BUFFER, gp_command_build, &command, &buf);
    command.extended = 2;
    CALL('o', GP_E_ARGUMENT, gp_command_build, &command, &buf);
    CALL('n', GP_E_ARGUMENT, gp_command_build, NULL, &buf);
    CALL('n', GP_E_ARGUMENT, gp_command_build, &command, NULL);

    len = unhex("01029000", octets);
    CALL('g', GP_OK, gp_response_parse, octets, len, &data_len, &word);
    CHECK(data_len == 2 && word == 0x9000);
    CALL('s', GP_E_APDU_TRUNCATED, gp_response_parse, octets, 1, &data_len, &word);
    CALL('n', GP_E_ARGUMENT, gp_response_parse, NULL, 2, &data_len, &word);
    buf.cap = sizeof out;
    CALL('g', GP_OK, gp_response_build, octets, 2, 0x6310, &buf);
    CHECK(buf.len == 4 && out[2] == 0x63 && out[3] == 0x10);
    buf.cap = 3;
    buf.len = 0;
    CALL('s', GP_E_BUFFER, gp_response_build, octets, 2, 0x9000, &buf);
    CALL('n', GP_E_ARGUMENT, gp_response_build, octets, 2, 0x9000, NULL);
}
