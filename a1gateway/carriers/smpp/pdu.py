"""PDUs of SMPP 3.4, read and written strictly by the layouts that smpplib knows. Nothing else imports smpplib.

The layouts (which fields, in which order, how wide) are smpplib's. Its reader and writer are not used: the reader
takes an unterminated string for an empty one, loses the last character of a `receipted_message_id` without its NUL
and raises whatever comes; the writer cuts values that are too long.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from struct import Struct
from typing import Any

from smpplib import command as layouts
from smpplib import command_codes, consts
from smpplib.exceptions import UnknownCommandError
from smpplib.ptypes import ostr

HEADER = 16
"""Octets of a PDU's header: length, command, status, sequence number."""
_HEADER = Struct(">IIII")
_TLV = Struct(">HH")
_RESPONSE = 0x80000000
# Whoever was given longer ones by A1 has to be let in with them; the configuration warns.
_UNBOUNDED = frozenset({"system_id", "password", "system_type"})


class MalformedPdu(ValueError):
    """What came is no PDU of SMPP 3.4; the text says what is wrong."""

    def __init__(self, text: str, before: list[bytes] | None = None) -> None:
        super().__init__(text)
        self.before = before or []
        """The PDUs that came whole before it, when it was found while cutting."""


class CommandStatus(enum.IntEnum):
    """The statuses that the gateway gives or decides by (SMPP 3.4, 5.1.3); others are numbers."""

    OK = consts.SMPP_ESME_ROK
    INVALID_LENGTH = consts.SMPP_ESME_RINVCMDLEN
    INVALID_COMMAND = consts.SMPP_ESME_RINVCMDID
    INVALID_BIND_STATUS = consts.SMPP_ESME_RINVBNDSTS
    ALREADY_BOUND = consts.SMPP_ESME_RALYBND
    SYSTEM_ERROR = consts.SMPP_ESME_RSYSERR
    INVALID_SOURCE = consts.SMPP_ESME_RINVSRCADR
    INVALID_DESTINATION = consts.SMPP_ESME_RINVDSTADR
    INVALID_MESSAGE_ID = consts.SMPP_ESME_RINVMSGID
    BIND_FAILED = consts.SMPP_ESME_RBINDFAIL
    INVALID_PASSWORD = consts.SMPP_ESME_RINVPASWD
    INVALID_SYSTEM_ID = consts.SMPP_ESME_RINVSYSID
    QUEUE_FULL = consts.SMPP_ESME_RMSGQFUL
    INVALID_SYSTEM_TYPE = consts.SMPP_ESME_RINVSYSTYP
    SUBMIT_FAILED = consts.SMPP_ESME_RSUBMITFAIL
    INVALID_SOURCE_TON = consts.SMPP_ESME_RINVSRCTON
    INVALID_SOURCE_NPI = consts.SMPP_ESME_RINVSRCNPI
    INVALID_DESTINATION_TON = consts.SMPP_ESME_RINVDSTTON
    INVALID_DESTINATION_NPI = consts.SMPP_ESME_RINVDSTNPI
    THROTTLED = consts.SMPP_ESME_RTHROTTLED
    TEMPORARY = consts.SMPP_ESME_RX_T_APPN
    PERMANENT = consts.SMPP_ESME_RX_P_APPN
    REJECTED = consts.SMPP_ESME_RX_R_APPN
    QUERY_FAILED = consts.SMPP_ESME_RQUERYFAIL


_STATUS_NAMES: dict[int, str] = {
    value: name.removeprefix("SMPP_") for name, value in vars(consts).items() if name.startswith("SMPP_ESME_R")
}


def status_name(status: int) -> str:
    """The standard's name of a command status, as `ESME_RTHROTTLED`, or its number, as `0x00000400`."""
    return _STATUS_NAMES.get(status, f"0x{status:08X}")


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU. Strings are as they came, octet for character (Latin-1)."""

    command: str
    """The standard's name, as `submit_sm_resp`; `0x00000042` for one that the standard does not know."""
    status: int
    """The command_status; 0 in requests."""
    sequence: int
    """0 to 0xFFFFFFFF as it came; the standard's are 1 to 0x7FFFFFFF."""
    fields: Mapping[str, int | str | bytes] = field(default_factory=dict)
    """The mandatory fields by their names; what a response left out is not there."""
    tlvs: Mapping[int, bytes] = field(default_factory=dict)
    """The optional parameters by their tags, known or not; of one that comes twice the first."""

    @property
    def response(self) -> bool:
        """Whether it answers a request."""
        code = _code(self.command)
        return bool(code & _RESPONSE)

    def number(self, name: str) -> int:
        """A mandatory integer; 0 when it is not there."""
        value = self.fields.get(name, 0)
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """A mandatory string; empty when it is not there."""
        value = self.fields.get(name, "")
        assert isinstance(value, str)
        return value

    def octets(self, name: str) -> bytes:
        """A mandatory octet string; empty when it is not there."""
        value = self.fields.get(name, b"")
        assert isinstance(value, bytes)
        return value

    def tlv(self, name: str) -> bytes | None:
        """An optional parameter's octets by its name in the standard; None when it is not there."""
        return self.tlvs.get(consts.OPTIONAL_PARAMS[name])

    def tlv_number(self, name: str) -> int | None:
        """An optional integer, whatever its width; None when it is not there or empty."""
        value = self.tlv(name)
        return int.from_bytes(value) if value else None

    def tlv_text(self, name: str) -> str | None:
        """An optional string, with or without the NUL that the standard wants at its end; None when not there."""
        value = self.tlv(name)
        return None if value is None else value.split(b"\0", 1)[0].decode("latin-1")


def _code(command: str) -> int:
    return int(command, 16) if command.startswith("0x") else int(command_codes.commands[command])


_NAMES = {code: name for name, code in command_codes.commands.items()}


@dataclass(frozen=True, slots=True)
class _String:
    name: str
    most: int
    """Octets, with its NUL; of an octet string, which is as long as `sm_length` says, without."""
    octets: bool
    """Whether it is an octet string."""


@dataclass(frozen=True, slots=True)
class _Integers:
    """Integers that follow each other, read and written together: a message has a dozen of them."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    packed: Struct


@dataclass(frozen=True, slots=True)
class _Layout:
    names: frozenset[str]
    fields: tuple[_String | _Integers, ...]


_FORMATS = {1: "B", 2: "H", 4: "I"}


@cache
def _layout(command: str) -> _Layout | None:
    """A command's mandatory fields; None when the layout is not known."""
    try:
        made = layouts.factory(command, sequence=0)
    except UnknownCommandError:
        return None
    names = [name for name in made.params_order if not made.field_is_optional(name)]
    fields: list[_String | _Integers] = []
    for integer, group in groupby(names, key=lambda name: made.params[name].type is int):
        of_it = tuple(group)
        if integer:
            sizes = tuple(made.params[name].size for name in of_it)
            fields.append(_Integers(of_it, sizes, Struct(">" + "".join(_FORMATS[size] for size in sizes))))
        else:
            parameters = [(name, made.params[name]) for name in of_it]
            fields += [_String(name, getattr(each, "max", 0), each.type is ostr) for name, each in parameters]
    return _Layout(frozenset(names), tuple(fields))


@cache
def _tlv_width(command: str, name: str) -> int:
    """Octets of an optional integer; 0 when the command has no such integer."""
    parameter = layouts.factory(command, sequence=0).params.get(name)
    return parameter.size if parameter is not None and parameter.type is int else 0


def encode(
    command: str,
    *,
    sequence: int,
    status: int = CommandStatus.OK,
    tlvs: Mapping[str, int | str | bytes] | None = None,
    **fields: int | str | bytes,
) -> bytes:
    """A PDU's octets. Fields that are left out are 0 or empty; `sm_length` follows from `short_message`.

    A response with another status than OK has no body. Raises `ValueError` for a value that its field cannot hold
    and `KeyError` for a name that the command does not have: nothing is ever cut.
    """
    code = _code(command)
    body = b""
    if not (code & _RESPONSE and status != CommandStatus.OK):
        body = _body(command, fields) + b"".join(_tlv(command, name, value) for name, value in (tlvs or {}).items())
    try:
        return _HEADER.pack(HEADER + len(body), code, status, sequence) + body
    except struct.error:
        _integer("command_status", status, 4)
        _integer("sequence_number", sequence, 4)
        raise


def _body(command: str, fields: dict[str, int | str | bytes]) -> bytes:
    layout = _layout(command)
    if layout is None:
        raise KeyError(command)
    if not fields.keys() <= layout.names:
        raise KeyError(f"{command} has no {', '.join(sorted(fields.keys() - layout.names))}")
    if "sm_length" in layout.names:
        fields["sm_length"] = len(_as_octets(fields.get("short_message", b"")))
    return b"".join(
        [
            _integers(each, fields) if isinstance(each, _Integers) else _string(each, fields.get(each.name))
            for each in layout.fields
        ]
    )


def _integers(group: _Integers, fields: Mapping[str, Any]) -> bytes:
    values = [fields.get(name) or 0 for name in group.names]
    try:
        return group.packed.pack(*values)
    except struct.error:
        # Which of them does not fit, is said here.
        return b"".join(map(_integer, group.names, values, group.sizes))


def _string(field: _String, value: Any) -> bytes:
    octets = _as_octets(value or "")
    if not field.octets:
        octets = _ended(field.name, octets)
    if len(octets) > field.most and field.name not in _UNBOUNDED:
        raise ValueError(f"{field.name}: {len(octets)} octets, there is room for {field.most}")
    return octets


def _tlv(command: str, name: str, value: int | str | bytes) -> bytes:
    tag = consts.OPTIONAL_PARAMS[name]
    if isinstance(value, int):
        width = _tlv_width(command, name)
        if not width:
            raise KeyError(f"{command} has no integer {name}")
        octets = _integer(name, value, width)
    else:
        octets = _ended(name, _as_octets(value)) if isinstance(value, str) else value
    return bytes(tag.to_bytes(2) + _integer(f"length of {name}", len(octets), 2) + octets)


def _integer(name: str, value: int, size: int) -> bytes:
    if not 0 <= value < 256**size:
        raise ValueError(f"{name}: {value} does not fit into {size} octets")
    return value.to_bytes(size)


def _ended(name: str, octets: bytes) -> bytes:
    if b"\0" in octets:
        raise ValueError(f"{name}: a NUL within a string")
    return octets + b"\0"


def _as_octets(value: int | str | bytes) -> bytes:
    assert not isinstance(value, int)
    return value.encode("latin-1") if isinstance(value, str) else value


def decode(frame: bytes) -> Pdu:
    """Read one whole PDU as `Framer` gives it; raises `MalformedPdu` and nothing else.

    A response may leave out its body or the end of it, as many centres do with errors. A command that smpplib has no
    layout for is given with its header alone.
    """
    if len(frame) < HEADER or int.from_bytes(frame[:4]) != len(frame):
        raise MalformedPdu("a PDU that is not as long as it claims")
    _, code, status, sequence = _HEADER.unpack_from(frame)
    command = _NAMES.get(code, f"0x{code:08X}")
    layout = _layout(command) if code in _NAMES else None
    if layout is None:
        return Pdu(command, status, sequence)
    fields, rest = _read_body(command, layout, frame[HEADER:], lenient=bool(code & _RESPONSE))
    return Pdu(command, status, sequence, fields, _read_tlvs(command, rest, lenient=status != CommandStatus.OK))


def _read_body(
    command: str, layout: _Layout, body: bytes, *, lenient: bool
) -> tuple[dict[str, int | str | bytes], bytes]:
    fields: dict[str, int | str | bytes] = {}
    position = 0
    for each in layout.fields:
        if lenient and position == len(body):
            break
        if isinstance(each, _Integers):
            position = _read_integers(command, each, body, position, fields, lenient=lenient)
            continue
        value: int | str | bytes
        if each.octets:
            length = fields["sm_length"]
            assert isinstance(length, int)
            end = position + length
            value = body[position:end]
        else:
            found = body.find(b"\0", position)
            if found < 0 and not lenient:
                raise MalformedPdu(f"{command}: {each.name} has no end")
            # A response's last string without its NUL is still that string.
            last, end = (found, found + 1) if found >= 0 else (len(body), len(body))
            value = body[position:last].decode("latin-1")
        if end > len(body):
            raise MalformedPdu(f"{command}: {each.name} is cut off")
        fields[each.name] = value
        position = end
    return fields, body[position:]


def _read_integers(
    command: str,
    group: _Integers,
    body: bytes,
    position: int,
    fields: dict[str, int | str | bytes],
    *,
    lenient: bool,
) -> int:
    """Put them into `fields`; where they end."""
    end = position + group.packed.size
    if end <= len(body):
        fields.update(zip(group.names, group.packed.unpack_from(body, position), strict=True))
        return end
    for name, size in zip(group.names, group.sizes, strict=True):
        if lenient and position == len(body):
            break
        if position + size > len(body):
            raise MalformedPdu(f"{command}: {name} is cut off")
        fields[name] = int.from_bytes(body[position : position + size])
        position += size
    return position


def _read_tlvs(command: str, rest: bytes, *, lenient: bool) -> dict[int, bytes]:
    tlvs: dict[int, bytes] = {}
    position = 0
    while position < len(rest):
        # A header that is cut off makes one that is too long, whatever it says.
        tag, length = _TLV.unpack(rest[position : position + 4].ljust(4, b"\0"))
        end = position + 4 + length
        if end > len(rest):
            # Some centres pad a PDU with zeros, and some add text to an error.
            if lenient or not any(rest[position:]):
                break
            raise MalformedPdu(f"{command}: an optional parameter is cut off")
        if tag or length:
            tlvs.setdefault(tag, rest[position + 4 : end])
        position = end
    return tlvs
