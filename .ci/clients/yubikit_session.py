"""A client of another house at work: the Python package `yubikey-manager` opens SCP03 sessions with the card in a reader.

Usage: yubikit_session.py READER ENC MAC DEK

Every command goes through `yubikit.core.smartcard`, protected at level 33 and with extended length. Whatever that
package checks for itself (card cryptogram, R-MACs, key check values) makes this fail, and so does any assertion here.
"""

import sys

from smartcard.System import readers
from yubikit.core import TRANSPORT, Tlv
from yubikit.core.smartcard import ApduError, SmartCardConnection
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

GET_STATUS = 0xF2
ISSUER = 0x80
APPLICATIONS = 0x40
LOAD_FILES = 0x20


class Reader(SmartCardConnection):
    """A reader by its name. As if it were USB: then extended length is used."""

    transport = TRANSPORT.USB

    def __init__(self, name):
        [reader] = [reader for reader in readers() if str(reader) == name]
        self.connection = reader.createConnection()
        self.connection.connect()

    def send_and_receive(self, apdu):
        data, sw1, sw2 = self.connection.transmit(list(apdu))
        return bytes(data), sw1 << 8 | sw2

    def close(self):
        self.connection.disconnect()


def listing(session, subset):
    """All entries of a GET STATUS, whatever the number of its answers."""
    octets, p2 = b"", 0x02
    while True:
        try:
            return Tlv.parse_list(octets + session.protocol.send_apdu(0x80, GET_STATUS, subset, p2, Tlv(0x4F, b"")))
        except ApduError as error:
            if error.sw == 0x6A88:
                return []
            if error.sw != 0x6310:
                raise
            octets, p2 = octets + error.data, 0x03


def refused(sw, action, *arguments, **named):
    try:
        action(*arguments, **named)
    except ApduError as error:
        assert error.sw == sw, f"{error.sw:04X}, not {sw:04X}"
    else:
        raise AssertionError("not refused")


def main():
    name, *keys = sys.argv[1:]
    first = StaticKeys(*map(bytes.fromhex, keys))
    second = StaticKeys(*(bytes([0xA0 + number] * 16) for number in range(3)))
    connection = Reader(name)
    session = SecurityDomainSession(connection)

    # Without a session: what anybody may ask, and what nobody may do.
    known = session.get_key_information()
    kvn = next(iter(known)).kvn
    assert set(known) == {KeyRef(kid, kvn) for kid in (1, 2, 3)}, known
    assert session.get_card_recognition_data().startswith(bytes.fromhex("06072A864886FC6B01"))
    refused(0x6982, session.store_data, Tlv(0x45, b"nobody"))

    # SCP03, GET DATA, GET STATUS, STORE DATA.
    session.authenticate(Scp03KeyParams(KeyRef(ScpKid.SCP03, kvn), first))
    assert session.get_key_information() == known
    assert session.get_data(0xD3) == bytes([0xB3]), "not at level 33"
    [issuer] = listing(session, ISSUER)
    assert Tlv.parse_dict(issuer.value)[0x4F] == bytes.fromhex("A000000151000000")
    files = listing(session, LOAD_FILES)
    applications = listing(session, APPLICATIONS)
    assert len(files) == len(applications) + 1, "the load file of security domains, and one for each application"
    number = b"card image number of 200 octets.".ljust(200, b"\x5a")
    session.store_data(Tlv(0x45, number))
    assert session.get_data(0x45) == number

    # PUT KEY: a second set, then a session with it, then the first set replaced and put back.
    session.put_key(KeyRef(ScpKid.SCP03, 0x31), second)
    assert len(session.get_key_information()) == 6
    session = SecurityDomainSession(connection)
    session.authenticate(Scp03KeyParams(KeyRef(ScpKid.SCP03, 0x31), second))
    session.put_key(KeyRef(ScpKid.SCP03, kvn), second, replace_kvn=kvn)
    session.authenticate(Scp03KeyParams(KeyRef(ScpKid.SCP03, kvn), second))
    session.put_key(KeyRef(ScpKid.SCP03, kvn), first, replace_kvn=kvn)

    # Re-authentication in one application session, then without the second set.
    session.authenticate(Scp03KeyParams(KeyRef(ScpKid.SCP03, kvn), first))
    session.delete_key(kvn=0x31)
    assert session.get_key_information() == known
    assert session.get_data(0x45) == number

    # Wrong keys: the host notices before it sends anything, and the card lets the right ones in afterwards.
    session = SecurityDomainSession(connection)
    try:
        session.authenticate(Scp03KeyParams(KeyRef(ScpKid.SCP03, kvn), second))
        raise AssertionError("wrong keys were taken")
    except ValueError:
        pass
    session.authenticate(Scp03KeyParams(KeyRef(ScpKid.SCP03, kvn), first))
    connection.close()
    print(f"yubikit: {len(files)} load files, {len(applications)} applications, key version {kvn:02X}: all went well")


main()
