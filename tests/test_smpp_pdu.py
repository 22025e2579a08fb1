"""PDUs, against smpplib's own reader and writer where those are right, else against the standard."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpplib import command as layouts
from smpplib import command_codes, consts
from smpplib.ptypes import flag, ostr
from smpplib.smpp import parse_pdu

from a1gateway.carriers.smpp.pdu import CommandStatus, MalformedPdu, Pdu, decode, encode, status_name

COMMANDS = [
    name for name in command_codes.commands if not name.startswith(("replace", "cancel", "outbind", "submit_multi"))
]
WITHOUT_LAYOUT = sorted(command_codes.commands.keys() - set(COMMANDS))
Made = tuple[str, dict[str, Any], dict[str, Any]]
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


class Numbers:
    """The client that smpplib's reader insists on."""

    sequence = 0

    def next_sequence(self) -> int:
        return 1


def header(length: int, command: int, status: int = 0, sequence: int = 1) -> bytes:
    return b"".join(value.to_bytes(4) for value in (length, command, status, sequence))


def framed(command: str, body: bytes, status: int = 0) -> bytes:
    """A PDU of any body."""
    return header(16 + len(body), command_codes.commands[command], status) + body


def tlv(tag: int, value: bytes) -> bytes:
    return tag.to_bytes(2) + len(value).to_bytes(2) + value


def ordinary(parameter: Any) -> st.SearchStrategy[int | str | bytes]:
    """Values that smpplib neither cuts nor leaves out."""
    if parameter.type is int:
        return st.integers(0, 256**parameter.size - 1)
    longest = getattr(parameter, "max", getattr(parameter, "size", 0))
    if parameter.type is ostr:
        return st.binary(min_size=getattr(parameter, "min", 1), max_size=longest)
    return st.text(PRINTABLE, min_size=1, max_size=longest - 1)


@st.composite
def pdus(draw: st.DrawFn) -> Made:
    """A command, its mandatory fields, and some of its optional parameters in smpplib's order."""
    command = draw(st.sampled_from(COMMANDS))
    made = layouts.factory(command, sequence=1)
    fields, tlvs = {}, {}
    for name in made.params_order:
        parameter = made.params[name]
        if name in ("sm_length", "interface_version") or parameter.type is flag:
            continue
        value = draw(ordinary(parameter))
        if not made.field_is_optional(name):
            fields[name] = value
        elif name != "message_payload" and draw(st.booleans()):
            tlvs[name] = value
    if command.startswith("bind") and not command.endswith("_resp"):
        # smpplib writes no other.
        fields["interface_version"] = 0x34
    return command, fields, tlvs


@settings(max_examples=500)
@given(pdus(), st.integers(1, 0x7FFFFFFF))
def test_smpplib_writes_the_same_octets(made: Made, sequence: int) -> None:
    command, fields, tlvs = made
    theirs = layouts.factory(command, sequence=sequence, status=0, **fields, **tlvs)
    theirs.sequence = sequence
    assert encode(command, sequence=sequence, tlvs=tlvs, **fields) == theirs.generate()


@settings(max_examples=500)
@given(pdus(), st.integers(1, 0x7FFFFFFF))
def test_smpplib_reads_what_we_write(made: Made, sequence: int) -> None:
    command, fields, tlvs = made
    theirs = parse_pdu(encode(command, sequence=sequence, tlvs=tlvs, **fields), client=Numbers())
    assert (theirs.command, theirs.status, theirs.sequence) == (command, 0, sequence)
    for name, value in {**fields, **tlvs}.items():
        assert getattr(theirs, name) == (value.encode() if isinstance(value, str) else value)


@settings(max_examples=500)
@given(pdus(), st.integers(0, 0xFFFFFFFF))
def test_we_read_what_we_write(made: Made, sequence: int) -> None:
    command, fields, tlvs = made
    pdu = decode(encode(command, sequence=sequence, tlvs=tlvs, **fields))
    assert (pdu.command, pdu.status, pdu.sequence) == (command, 0, sequence)
    lengths = {"sm_length": len(fields["short_message"])} if "short_message" in fields else {}
    assert pdu.fields == fields | lengths
    assert len(pdu.tlvs) == len(tlvs)
    for name, value in tlvs.items():
        read = {int: pdu.tlv_number, str: pdu.tlv_text, bytes: pdu.tlv}[type(value)]
        assert read(name) == value


@pytest.mark.parametrize("command", COMMANDS)
def test_fields_that_are_left_out_are_zero_or_empty(command: str) -> None:
    pdu = decode(encode(command, sequence=1))
    assert all(value in (0, "", b"") for value in pdu.fields.values())
    assert pdu.tlvs == {}


def test_commands_are_requests_or_responses() -> None:
    assert {name for name in command_codes.commands if Pdu(name, 0, 1).response} == {
        name for name in command_codes.commands if name.endswith(("_resp", "_nack"))
    }
    assert Pdu("0x80000042", 0, 1).response
    assert not Pdu("0x00000042", 0, 1).response


# Writing is strict


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("submit_sm", {"source_addr": "1" * 21}),
        ("submit_sm", {"destination_addr": "1" * 21}),
        ("submit_sm", {"service_type": "123456"}),
        ("submit_sm", {"short_message": b"a" * 255}),
        ("submit_sm", {"short_message": b"a" * 256}),
        ("submit_sm", {"source_addr_ton": 256}),
        ("submit_sm", {"data_coding": -1}),
        ("submit_sm_resp", {"message_id": "1" * 65}),
        ("query_sm", {"message_id": "1" * 65}),
        ("bind_transceiver", {"address_range": "1" * 41}),
        ("submit_sm", {"source_addr": "a\0b"}),
        ("submit_sm", {"source_addr": "Магазин"}),
    ],
)
def test_what_a_field_cannot_hold_is_refused_and_not_cut(command: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(command, sequence=1, **fields)


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("submit_sm", {"source_addr": "1" * 20, "short_message": b"a" * 254}),
        ("submit_sm_resp", {"message_id": "1" * 64}),
        ("bind_transceiver", {"system_id": "i" * 40, "password": "p" * 40, "system_type": "t" * 40}),
    ],
    ids=["submit", "identifier", "credentials of any length"],
)
def test_what_a_field_can_just_hold_goes_out_whole(command: str, fields: dict[str, Any]) -> None:
    pdu = decode(encode(command, sequence=1, **fields))
    assert {name: pdu.fields[name] for name in fields} == fields


@pytest.mark.parametrize(
    "tlvs",
    [
        {"user_message_reference": 65536},
        {"user_message_reference": -1},
        {"sar_total_segments": 256},
        {"message_payload": bytes(65536)},
        {"receipted_message_id": "a\0b"},
        {"receipted_message_id": "номер"},
    ],
)
def test_what_an_optional_parameter_cannot_hold_is_refused(tlvs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode("deliver_sm", sequence=1, tlvs=tlvs)


@pytest.mark.parametrize("sequence", [-1, 0x100000000])
def test_a_sequence_number_has_four_octets(sequence: int) -> None:
    with pytest.raises(ValueError, match="sequence_number"):
        encode("enquire_link", sequence=sequence)


@pytest.mark.parametrize("status", [-1, 0x100000000])
def test_a_status_has_four_octets(status: int) -> None:
    with pytest.raises(ValueError, match="command_status"):
        encode("generic_nack", sequence=1, status=status)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("submit", {}),
        ("0x00000042", {}),
        ("submit_multi", {}),
        ("enquire_link", {"message_id": "1"}),
        ("submit_sm", {"tlvs": {"user_reference": 1}}),
        ("submit_sm", {"tlvs": {"message_state": 1}}),
        ("deliver_sm", {"tlvs": {"network_error_code": 1}}),
    ],
)
def test_a_name_that_the_command_does_not_have_is_refused(command: str, more: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        encode(command, sequence=1, **more)


def test_sm_length_follows_from_the_message_whatever_is_asked_for() -> None:
    assert decode(encode("submit_sm", sequence=1, sm_length=5)).number("sm_length") == 0
    assert decode(encode("submit_sm", sequence=1, sm_length=5, short_message=b"abc")).number("sm_length") == 3


def test_a_response_of_an_error_has_no_body() -> None:
    written = encode("submit_sm_resp", sequence=7, status=CommandStatus.THROTTLED, message_id="1")
    assert written == header(16, 0x80000004, 0x58, 7)


def test_a_request_keeps_its_body_whatever_its_status() -> None:
    assert decode(encode("deliver_sm", sequence=1, status=1, source_addr="375")).text("source_addr") == "375"


# Reading: what centres do


def test_a_response_may_leave_out_its_body() -> None:
    for status in (0, CommandStatus.THROTTLED):
        pdu = decode(framed("submit_sm_resp", b"", status))
        assert (pdu.status, pdu.fields, pdu.text("message_id")) == (status, {}, "")


def test_a_response_may_leave_out_the_end_of_its_body() -> None:
    pdu = decode(framed("query_sm_resp", b"77\0\0"))
    assert (pdu.text("message_id"), pdu.number("message_state")) == ("77", 0)
    assert "message_state" not in pdu.fields


def test_a_responses_last_string_may_lack_its_nul() -> None:
    """smpplib takes it for an empty one."""
    assert decode(framed("submit_sm_resp", b"a1-77")).text("message_id") == "a1-77"


def test_a_receipted_message_id_may_lack_its_nul() -> None:
    """smpplib loses its last character."""
    for value in (b"a1-77", b"a1-77\0", b"a1-77\0\0\0"):
        pdu = decode(framed("deliver_sm", bytes(17) + tlv(0x001E, value)))
        assert pdu.tlv_text("receipted_message_id") == "a1-77"
        assert pdu.tlv("receipted_message_id") == value


def test_optional_integers_may_have_any_width() -> None:
    for value in (b"\x02", b"\0\x02", b"\0\0\0\x02"):
        assert decode(framed("deliver_sm", bytes(17) + tlv(0x0427, value))).tlv_number("message_state") == 2
    empty = decode(framed("deliver_sm", bytes(17) + tlv(0x0427, b"")))
    assert (empty.tlv("message_state"), empty.tlv_number("message_state")) == (b"", None)


def test_optional_parameters_that_are_not_known_are_kept() -> None:
    body = bytes(17) + tlv(0x1400, b"vendor") + tlv(0xFFFF, b"") + tlv(0x0204, b"\x01\x02")
    pdu = decode(framed("deliver_sm", body))
    assert pdu.tlvs == {0x1400: b"vendor", 0xFFFF: b"", 0x0204: b"\x01\x02"}
    assert pdu.tlv_number("user_message_reference") == 0x0102


def test_of_an_optional_parameter_that_comes_twice_the_first_counts() -> None:
    assert decode(framed("deliver_sm", bytes(17) + tlv(0x001E, b"1") + tlv(0x001E, b"2"))).tlvs == {0x001E: b"1"}


@pytest.mark.parametrize("padding", [1, 3, 4, 5, 9])
def test_zeros_behind_the_end_are_padding(padding: int) -> None:
    for command, body in (("deliver_sm", bytes(17)), ("enquire_link", b""), ("submit_sm_resp", b"77\0")):
        pdu = decode(framed(command, body + bytes(padding)))
        assert pdu.tlvs == {}


def test_text_behind_an_error_is_passed_over() -> None:
    pdu = decode(framed("submit_sm_resp", b"\0Invalid destination", CommandStatus.INVALID_DESTINATION))
    assert (pdu.status, pdu.text("message_id"), pdu.tlvs) == (CommandStatus.INVALID_DESTINATION, "", {})


def test_strings_longer_than_the_standard_allows_are_read_whole() -> None:
    longest = b"1" * 500
    assert decode(framed("submit_sm_resp", longest + b"\0")).text("message_id") == longest.decode()


def test_strings_are_read_octet_for_character() -> None:
    assert decode(framed("submit_sm_resp", b"\xcd\xe5\xf2\0")).text("message_id") == "\xcd\xe5\xf2"


@pytest.mark.parametrize("command", ["0x00000042", "0x80000042", "0xFFFFFFFF"])
def test_an_unknown_command_is_given_with_its_header(command: str) -> None:
    pdu = decode(header(20, int(command, 16), 5, 9) + b"body")
    assert pdu == Pdu(command, 5, 9)


@pytest.mark.parametrize("command", WITHOUT_LAYOUT)
def test_a_command_without_a_layout_is_given_with_its_name(command: str) -> None:
    assert decode(framed(command, b"body")) == Pdu(command, 0, 1)


# Reading: what is refused


@pytest.mark.parametrize(
    ("what", "frame"),
    [
        ("not as long", b""),
        ("not as long", header(16, 0x15)[:15]),
        ("not as long", header(17, 0x15)),
        ("not as long", header(16, 0x15) + b"\0"),
        ("service_type has no end", framed("deliver_sm", b"")),
        ("source_addr has no end", framed("deliver_sm", b"\0\1\1375291112233")),
        ("esm_class is cut off", framed("deliver_sm", b"\0\1\x01375\0\1\x01376\0")),
        ("short_message is cut off", framed("deliver_sm", bytes(16) + b"\x05abcd")),
        ("sm_length is cut off", framed("deliver_sm", bytes(16))),
        ("an optional parameter is cut off", framed("deliver_sm", bytes(17) + b"\x00\x1e\x00\x09short")),
        ("an optional parameter is cut off", framed("deliver_sm", bytes(17) + b"\x00\x1e\x00")),
        ("an optional parameter is cut off", framed("enquire_link", b"junk")),
        ("an optional parameter is cut off", framed("submit_sm_resp", b"77\0junk")),
    ],
)
def test_what_is_no_pdu_is_refused(what: str, frame: bytes) -> None:
    with pytest.raises(MalformedPdu, match=what):
        decode(frame)


BODIES = st.one_of(
    st.binary(max_size=120),
    # Nearly right ones: fields of a deliver_sm, with lengths that may lie.
    st.tuples(st.binary(max_size=30), st.integers(0, 255), st.binary(max_size=60)).map(
        lambda piece: bytes(10) + piece[0] + bytes(6) + bytes((piece[1],)) + piece[2]
    ),
)
CODES = st.one_of(st.sampled_from(sorted(command_codes.commands.values())), st.integers(0, 0xFFFFFFFF))


def reads_or_refuses(frame: bytes) -> None:
    try:
        pdu = decode(frame)
    except MalformedPdu:
        return
    assert isinstance(pdu, Pdu)
    assert pdu.sequence == int.from_bytes(frame[12:16])
    assert isinstance(pdu.response, bool)
    for name in consts.OPTIONAL_PARAMS:
        pdu.tlv_number(name)
        pdu.tlv_text(name)


@given(st.binary(max_size=200))
def test_any_octets_are_a_pdu_or_are_refused(octets: bytes) -> None:
    reads_or_refuses(octets)


@given(BODIES, CODES, st.integers(0, 0xFFFFFFFF))
def test_any_body_of_any_command_is_a_pdu_or_is_refused(body: bytes, code: int, status: int) -> None:
    reads_or_refuses(header(16 + len(body), code, status) + body)


@settings(max_examples=500)
@given(pdus(), st.data())
def test_a_pdu_with_octets_changed_or_lost_is_a_pdu_or_is_refused(made: Made, data: st.DataObject) -> None:
    command, fields, tlvs = made
    whole = encode(command, sequence=1, tlvs=tlvs, **fields)
    changed = bytearray(whole[: data.draw(st.integers(16, len(whole)))])
    for place in data.draw(st.lists(st.integers(8, len(changed) - 1), max_size=5)):
        changed[place] = data.draw(st.integers(0, 255))
    changed[:4] = len(changed).to_bytes(4)
    reads_or_refuses(bytes(changed))


def test_statuses_have_the_standards_names() -> None:
    assert status_name(0) == "ESME_ROK"
    assert status_name(CommandStatus.THROTTLED) == "ESME_RTHROTTLED"
    assert status_name(0x14) == "ESME_RMSGQFUL"
    assert status_name(0x400) == "0x00000400"


@pytest.mark.parametrize(
    ("status", "number"),
    [
        (CommandStatus.INVALID_LENGTH, 0x02),
        (CommandStatus.INVALID_COMMAND, 0x03),
        (CommandStatus.INVALID_BIND_STATUS, 0x04),
        (CommandStatus.ALREADY_BOUND, 0x05),
        (CommandStatus.SYSTEM_ERROR, 0x08),
        (CommandStatus.INVALID_SOURCE, 0x0A),
        (CommandStatus.INVALID_DESTINATION, 0x0B),
        (CommandStatus.INVALID_MESSAGE_ID, 0x0C),
        (CommandStatus.BIND_FAILED, 0x0D),
        (CommandStatus.INVALID_PASSWORD, 0x0E),
        (CommandStatus.INVALID_SYSTEM_ID, 0x0F),
        (CommandStatus.QUEUE_FULL, 0x14),
        (CommandStatus.SUBMIT_FAILED, 0x45),
        (CommandStatus.INVALID_SOURCE_TON, 0x48),
        (CommandStatus.INVALID_SOURCE_NPI, 0x49),
        (CommandStatus.INVALID_DESTINATION_TON, 0x50),
        (CommandStatus.INVALID_DESTINATION_NPI, 0x51),
        (CommandStatus.INVALID_SYSTEM_TYPE, 0x53),
        (CommandStatus.THROTTLED, 0x58),
        (CommandStatus.TEMPORARY, 0x64),
        (CommandStatus.PERMANENT, 0x65),
        (CommandStatus.REJECTED, 0x66),
        (CommandStatus.QUERY_FAILED, 0x67),
    ],
)
def test_statuses_have_the_standards_numbers(status: CommandStatus, number: int) -> None:
    """SMPP 3.4, 5.1.3, Table 5-2."""
    assert status == number
