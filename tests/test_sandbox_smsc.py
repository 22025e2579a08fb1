"""The simulated SMSC takes, delivers and goes wrong as SMPP 3.4 and the reference's list of oddities say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib.client import Client
from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from a1gateway.carriers.smpp.framer import Framer
from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu, decode, encode
from a1gateway.sandbox import command, smsc_text
from a1gateway.sandbox.a1 import SandboxA1
from a1gateway.sandbox.faults import A1Fault, Fault, SmppFault
from a1gateway.sandbox.settings import A1Settings, Identifiers
from a1gateway.sandbox.smsc_disturbances import Disturbance
from a1gateway.sandbox.smsc_identifiers import written
from a1gateway.sandbox.smsc_session import Session
from a1gateway.text import gsm_decode

from .daemon.calls import fetch
from .test_docs import LANGUAGES, read

NUMBER = "375291112233"
SENDER = "MyShop"
NOW = 1_795_363_200.0
ACCOUNT: dict[str, Any] = {"system_id": "sandbox", "password": "sandbox1"}

# SMPP 3.4, 5.1.3.
INVALID_MESSAGE_LENGTH = 0x01
INVALID_ESM_CLASS = 0x43


class Transport(StringTransport):
    """Keeps each write by itself, too."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Called by Twisted."""
        self.writes.append(data)
        super().write(data)


class Esme:
    """A customer's end of a connection: says what a test wants, and keeps what it hears until it is read."""

    def __init__(self, clock: Clock, session: Session) -> None:
        self.session = session
        self.transport = Transport()
        self._clock = clock
        self._framer = Framer()
        self._sequence = 0
        self._heard: list[Pdu] = []
        session.makeConnection(self.transport)

    @property
    def cut(self) -> bool:
        """Whether the centre has ended the connection with what was not sent."""
        return bool(self.transport.disconnected)

    @property
    def closed(self) -> bool:
        """Whether the centre has ended the connection in whatever way."""
        return bool(self.transport.disconnecting)

    def send(
        self,
        command: str,
        *,
        sequence: int | None = None,
        status: int = 0,
        tlvs: dict[str, int | str | bytes] | None = None,
        **fields: int | str | bytes,
    ) -> int:
        """Sends a PDU; its sequence number."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        self.session.dataReceived(encode(command, sequence=sequence, status=status, tlvs=tlvs, **fields))
        return sequence

    def read(self, *commands: str) -> list[Pdu]:
        """What has come, of these commands or of all; what is read is not read again."""
        frames = self._framer.feed(self.transport.value())
        self.transport.clear()
        self._heard += [decode(frame) for frame in frames]
        chosen = [pdu for pdu in self._heard if not commands or pdu.command in commands]
        self._heard = [pdu for pdu in self._heard if pdu not in chosen]
        return chosen

    def ask(self, command: str, **given: Any) -> Pdu:
        """Sends a request and reads its answer."""
        sequence = self.send(command, **given)
        (answer,) = self.read(f"{command}_resp", "generic_nack")
        assert answer.sequence == sequence
        return answer

    def bind(self, kind: str = "transceiver", **fields: str) -> Pdu:
        """Binds."""
        return self.ask(f"bind_{kind}", **{**ACCOUNT, **fields})

    def post(self, octets: bytes = b"hello", **more: Any) -> int:
        """Submits one part; the sequence number."""
        fields: dict[str, Any] = {
            "source_addr": SENDER,
            "source_addr_ton": 5,
            "destination_addr": NUMBER,
            "dest_addr_ton": 1,
            "dest_addr_npi": 1,
            "registered_delivery": 1,
            "short_message": octets,
        }
        return self.send("submit_sm", **{**fields, **more})

    def submit(self, octets: bytes = b"hello", **more: Any) -> str:
        """Submits one part, which is accepted; the centre's identifier."""
        sequence = self.post(octets, **more)
        (answer,) = self.read("submit_sm_resp")
        assert (answer.sequence, answer.status) == (sequence, CommandStatus.OK)
        return answer.text("message_id")

    def submit_in_parts(self, *parts: bytes, reference: int = 7, first: int = 1, **more: Any) -> list[str]:
        """Submits the parts of a message with the header of 8 bits; their identifiers."""
        return [
            self.submit(bytes((5, 0, 3, reference, len(parts), number)) + octets, esm_class=0x40, **more)
            for number, octets in enumerate(parts, start=1)
            if number >= first
        ]

    def refusal(self, octets: bytes = b"hello", **more: Any) -> int:
        """Submits one part, which is refused; with what status."""
        self.post(octets, **more)
        (answer,) = self.read("submit_sm_resp")
        assert answer.status != CommandStatus.OK
        return answer.status

    def take(self, status: int = 0) -> list[Pdu]:
        """Reads the deliveries that have come, and those that come for it, and answers each."""
        taken: list[Pdu] = []
        while delivered := self.read("deliver_sm"):
            taken += delivered
            for pdu in delivered:
                self.send("deliver_sm_resp", sequence=pdu.sequence, status=status)
        return taken

    def lose(self) -> None:
        """The connection is gone."""
        self.session.connectionLost(Failure(ConnectionError()))


@dataclass
class World:
    """A simulated A1 with a client of its control routes."""

    clock: Clock
    a1: SandboxA1
    client: Any
    esmes: list[Esme] = field(default_factory=list)

    def connect(self) -> Esme:
        """A new connection to the SMSC."""
        esme = Esme(self.clock, self.a1.smsc.buildProtocol(None))
        self.esmes.append(esme)
        return esme

    def bound(self, kind: str = "transceiver") -> Esme:
        """A new connection that is bound."""
        esme = self.connect()
        assert esme.bind(kind).status == CommandStatus.OK
        return esme

    def control(self, method: str, path: str, value: Any = None) -> Any:
        """The JSON that a control route answers."""
        answers: list[Any] = []
        body = None if value is None else json.dumps(value).encode()
        asked = self.client.request(method, f"http://127.0.0.1:8091/sandbox/{path}", data=body)
        asked.addCallback(self.client.json_content).addCallback(answers.append)
        self.client.flush()
        return answers[0]

    def fault(self, kind: str, **more: Any) -> None:
        """Switches a fault on."""
        assert "faults" in self.control("POST", "faults", {"kind": kind, **more})

    def set(self, **settings: Any) -> None:
        """Changes settings."""
        assert "error" not in self.control("POST", "settings", settings)

    def messages(self) -> Any:
        """The books."""
        return self.control("GET", "messages")

    def report(self) -> Any:
        """The only message in the books."""
        (message,) = self.messages()
        return message

    def binds(self) -> Any:
        """Who is bound."""
        return self.control("GET", "smpp/binds")["binds"]


@pytest.fixture
def world() -> Iterator[World]:
    """A1 with its usual settings but without its own enquire_link, at a fixed time."""
    clock = Clock()
    clock.advance(NOW)
    settings = A1Settings(smpp_enquire_link_interval=0)
    outgoing: Any = None
    a1 = SandboxA1(clock, outgoing, user="375291234567", apikey="sandbox-apikey", settings=settings)
    made = World(clock, a1, StubTreq(a1.resource()))
    yield made
    a1.stop()
    for esme in made.esmes:
        esme.lose()
    assert clock.getDelayedCalls() == []


def pass_time(world: World, *steps: float) -> None:
    """Lets time pass."""
    for step in steps:
        world.clock.advance(step)


def fields_of(receipt: Pdu) -> dict[str, str]:
    """The fields of a receipt's text by their labels, as they are written."""
    found = re.findall(
        r"(id|sub|dlvrd|submit date|done date|stat|err):(\S+)", receipt.octets("short_message").decode()
    )
    return dict(found)


def delivered(world: World, esme: Esme, *, after: float = 2) -> list[Pdu]:
    """The deliveries once the time of final receipts has come."""
    pass_time(world, 1, after)
    return esme.take()


# Binds


@pytest.mark.parametrize("kind", ["transceiver", "transmitter", "receiver"])
def test_a_bind_with_the_right_account_is_accepted_and_shown(world: World, kind: str) -> None:
    """With the centre's name and its version of SMPP."""
    esme = world.connect()
    answer = esme.bind(kind)
    assert (answer.status, answer.text("system_id")) == (CommandStatus.OK, "A1-SMSC")
    assert answer.tlv_number("sc_interface_version") == 0x34
    (shown,) = world.binds()
    assert (shown["bind"], shown["system_id"], shown["bound_since"]) == (kind, "sandbox", NOW)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"system_id": "another"}, CommandStatus.INVALID_SYSTEM_ID),
        ({"system_id": ""}, CommandStatus.INVALID_SYSTEM_ID),
        ({"password": "wrong"}, CommandStatus.INVALID_PASSWORD),
        ({"password": ""}, CommandStatus.INVALID_PASSWORD),
    ],
)
def test_a_bind_with_a_wrong_account_is_refused(world: World, fields: dict[str, str], status: int) -> None:
    """And leaves the connection unbound."""
    esme = world.connect()
    assert esme.bind(**fields).status == status
    assert world.binds() == []
    assert esme.refusal() == CommandStatus.INVALID_BIND_STATUS
    assert esme.bind().status == CommandStatus.OK


def test_a_connection_is_bound_once(world: World) -> None:
    """A second bind on it is ESME_RALYBND."""
    assert world.bound().bind("receiver").status == CommandStatus.ALREADY_BOUND


def test_several_binds_are_allowed_unless_the_setting_says_otherwise(world: World) -> None:
    """With it a further bind in the same direction is ESME_RALYBND; a pair is not."""
    world.bound()
    world.bound()
    for esme in list(world.esmes):
        esme.lose()
    world.set(smpp_one_bind=True)
    world.bound("transmitter")
    receiver = world.bound("receiver")
    for kind in ("transmitter", "receiver", "transceiver"):
        assert world.connect().bind(kind).status == CommandStatus.ALREADY_BOUND
    receiver.lose()
    assert world.connect().bind("receiver").status == CommandStatus.OK


def test_who_is_not_bound_for_it_cannot_submit_or_query(world: World) -> None:
    """ESME_RINVBNDSTS, and nothing is accepted."""
    esme = world.connect()
    assert esme.refusal() == CommandStatus.INVALID_BIND_STATUS
    assert esme.ask("query_sm", message_id="1").status == CommandStatus.INVALID_BIND_STATUS
    assert world.bound("receiver").refusal() == CommandStatus.INVALID_BIND_STATUS
    assert world.messages() == []


def test_an_unbind_is_answered_and_the_connection_closed(world: World) -> None:
    """After the answer has gone out; nothing more is taken."""
    esme = world.bound()
    assert esme.ask("unbind").status == CommandStatus.OK
    assert (esme.closed, esme.cut) == (True, False)
    esme.post()
    assert world.messages() == []
    assert world.binds() == []


def test_an_enquire_link_is_answered_in_any_state(world: World) -> None:
    """And the last one shown."""
    assert world.connect().ask("enquire_link").status == CommandStatus.OK
    esme = world.bound()
    pass_time(world, 5)
    assert esme.ask("enquire_link").status == CommandStatus.OK
    assert world.binds()[0]["last_enquire_link"] == NOW + 5


def test_the_centre_enquires_too_and_ends_a_link_that_does_not_answer(world: World) -> None:
    """After the response timeout."""
    world.set(smpp_enquire_link_interval=20, smpp_response_timeout=4)
    esme = world.bound()
    for _ in range(2):
        pass_time(world, 20)
        (asked,) = esme.read("enquire_link")
        esme.send("enquire_link_resp", sequence=asked.sequence)
    pass_time(world, 20, 3)
    assert not esme.closed
    pass_time(world, 1)
    assert esme.cut
    assert world.binds() == []


# Submits


def test_a_submit_is_answered_with_an_identifier_and_stands_in_the_books(world: World) -> None:
    """With text, number, sender and what the part was submitted with."""
    identifier = world.bound().submit(b"hello", tlvs={"user_message_reference": 4711})
    assert identifier.isdecimal()
    report = world.report()
    shown = {name: report[name] for name in ("transport", "method", "text", "msisdn", "sender", "parts", "status")}
    assert shown == {
        "transport": "smpp",
        "method": "submit_sm",
        "text": "hello",
        "msisdn": NUMBER,
        "sender": SENDER,
        "parts": 1,
        "status": "ENROUTE",
    }
    assert (report["message_ids"], report["duplicates"], report["complete"]) == ([identifier], 0, True)
    (accepted,) = report["accepted"]
    assert (accepted["message_id"], accepted["user_message_reference"]) == (identifier, 4711)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"destination_addr": "+375291112233"}, CommandStatus.INVALID_DESTINATION),
        ({"destination_addr": "80291112233"}, CommandStatus.INVALID_DESTINATION),
        ({"destination_addr": "37529111223"}, CommandStatus.INVALID_DESTINATION),
        ({"destination_addr": "375171112233"}, CommandStatus.INVALID_DESTINATION),
        ({"destination_addr": "74951234567"}, CommandStatus.INVALID_DESTINATION),
        ({"destination_addr": ""}, CommandStatus.INVALID_DESTINATION),
        ({"dest_addr_ton": 5}, CommandStatus.INVALID_DESTINATION_TON),
        ({"dest_addr_npi": 9}, CommandStatus.INVALID_DESTINATION_NPI),
        ({"source_addr": "Unknown"}, CommandStatus.INVALID_SOURCE),
        ({"source_addr_ton": 1}, CommandStatus.INVALID_SOURCE_TON),
        ({"source_addr": "", "source_addr_ton": 7}, CommandStatus.INVALID_SOURCE_TON),
        ({"destination_addr": "375291112204"}, CommandStatus.REJECTED),
        ({"destination_addr": "375290000001"}, CommandStatus.REJECTED),
        ({"short_message": "Казино рядом".encode("utf-16-be"), "data_coding": 8}, CommandStatus.REJECTED),
        ({"short_message": b""}, INVALID_MESSAGE_LENGTH),
        ({"short_message": b"x" * 161}, INVALID_MESSAGE_LENGTH),
        ({"short_message": b"x" * 142, "data_coding": 8}, INVALID_MESSAGE_LENGTH),
        ({"short_message": b"xyz", "data_coding": 8}, INVALID_MESSAGE_LENGTH),
        ({"short_message": b"x" * 141, "data_coding": 3}, INVALID_MESSAGE_LENGTH),
        ({"short_message": b"\5\0\3\1\2\1" + b"x" * 154, "esm_class": 0x40}, INVALID_MESSAGE_LENGTH),
        (
            {"short_message": b"\5\0\3\1\2\1" + b"x" * 136, "esm_class": 0x40, "data_coding": 8},
            INVALID_MESSAGE_LENGTH,
        ),
        ({"short_message": b"\x50ab", "esm_class": 0x40}, INVALID_ESM_CLASS),
        ({"short_message": b"\3\0\3\1ab", "esm_class": 0x40}, INVALID_ESM_CLASS),
        ({"short_message": b"\5\0\3\1\2\3ab", "esm_class": 0x40}, INVALID_ESM_CLASS),
        ({"short_message": b"\5\0\3\1\0\0ab", "esm_class": 0x40}, INVALID_ESM_CLASS),
        ({"data_coding": 245}, CommandStatus.SUBMIT_FAILED),
    ],
)
def test_a_submit_that_is_wrong_is_refused_with_its_status(world: World, more: dict[str, Any], status: int) -> None:
    """And nothing enters the books."""
    world.set(stop_list=["375290000001"])
    octets = more.pop("short_message", b"hello")
    assert world.bound().refusal(octets, **more) == status
    assert world.messages() == []


@pytest.mark.parametrize(
    "more",
    [
        {"source_addr": "", "source_addr_ton": 0},
        {"dest_addr_ton": 0, "dest_addr_npi": 0},
        {"destination_addr": "375251112233"},
        {"short_message": b"x" * 160},
        {"short_message": b"\0x" * 70, "data_coding": 8},
        {"short_message": b"\5\0\3\1\2\1" + b"x" * 153, "esm_class": 0x40},
        {"short_message": b"\5\0\3\1\2\1" + b"\0x" * 67, "esm_class": 0x40, "data_coding": 8},
        {"short_message": b"", "tlvs": {"message_payload": b"hello"}},
    ],
)
def test_the_limits_themselves_are_accepted(world: World, more: dict[str, Any]) -> None:
    """A numeric sender, unknown types of number, full parts."""
    octets = more.pop("short_message", b"hello")
    assert world.bound().submit(octets, **more)


def test_the_centre_reads_gsm_by_a_table_of_its_own() -> None:
    """Which agrees with the gateway's for every code, alone and behind an escape."""
    for code in range(128):
        if code != 0x1B:
            assert smsc_text.read(bytes((code,)), 0) == gsm_decode(bytes((code,)))
    for character in "\f^{}\\[~]|€":
        coding, (octets,) = smsc_text.written(character)
        assert (coding, octets[0], gsm_decode(octets)) == (0, 0x1B, character)


@pytest.mark.parametrize(
    ("text", "coding", "parts"),
    [
        ("hello", 0, 1),
        ("x" * 160, 0, 1),
        ("x" * 161, 0, 2),
        ("x" * 152 + "€" + "x" * 10, 0, 2),
        ("я" * 70, 8, 1),
        ("я" * 71, 8, 2),
        ("я" * 66 + "😀" + "я" * 10, 8, 2),
    ],
)
def test_what_the_centre_writes_it_reads(text: str, coding: int, parts: int) -> None:
    """In parts that hold whole characters."""
    chosen, written_parts = smsc_text.written(text)
    assert (chosen, len(written_parts)) == (coding, parts)
    assert "".join(smsc_text.read(octets, chosen) or "" for octets in written_parts) == text


def test_the_parts_of_a_message_are_put_together(world: World) -> None:
    """Whatever their order, in either alphabet, by 8 or 16 bits or by TLVs."""
    esme = world.bound()
    for number in (2, 1):
        esme.submit(bytes((5, 0, 3, 9, 2, number)) + b"ab"[number - 1 : number], esm_class=0x40)
    halves = ["При", "вет"]
    for number, text in enumerate(halves, start=1):
        header = bytes((6, 8, 4, 1, 9, 2, number))
        esme.submit(header + text.encode("utf-16-be"), esm_class=0x40, data_coding=8)
    for number in (1, 2):
        place = {"sar_msg_ref_num": 9, "sar_total_segments": 2, "sar_segment_seqnum": number}
        esme.submit(b"cd"[number - 1 : number], tlvs=place, destination_addr="375291112234")
    assert [(each["text"], each["parts"], each["complete"]) for each in world.messages()] == [
        ("ab", 2, True),
        ("Привет", 2, True),
        ("cd", 2, True),
    ]


def test_a_message_that_lacks_a_part_is_not_complete(world: World) -> None:
    """What is there is shown."""
    esme = world.bound()
    esme.submit_in_parts(b"a", b"b", b"c", first=2)
    report = world.report()
    assert (report["text"], report["complete"], report["parts"]) == ("bc", False, 3)
    pass_time(world, 1, 2)
    assert world.report()["status"] == "ENROUTE"


def test_a_pair_that_is_cut_in_two_shows(world: World) -> None:
    """Each part is read alone, as some phones do."""
    esme = world.bound()
    esme.submit_in_parts(b"a\x1b", b"\x65b", reference=1)
    smile = "😀".encode("utf-16-be")
    esme.submit_in_parts(smile[:2], smile[2:], reference=2, data_coding=8)
    assert [message["text"] for message in world.messages()] == ["a�eb", "��"]


def test_a_part_that_was_accepted_again_is_counted_in_its_message(world: World) -> None:
    """Under another identifier: the subscriber gets it twice."""
    esme = world.bound()
    reference = {"user_message_reference": 17}
    identifiers = [esme.submit(tlvs=reference) for _ in range(3)]
    assert len(set(identifiers)) == 3
    report = world.report()
    assert report["duplicates"] == 2
    assert [each["message_id"] for each in report["accepted"]] == identifiers
    assert len(delivered(world, esme)) == 3


def test_parts_are_recognised_as_the_same_by_place_octets_and_reference(world: World) -> None:
    """The second part of the first message came twice; the other message has the same header."""
    esme = world.bound()
    esme.submit_in_parts(b"a", b"b")
    esme.submit_in_parts(b"a", b"b", first=2)
    esme.submit_in_parts(b"x", b"y")
    shown = [(message["text"], message["duplicates"]) for message in world.messages()]
    assert shown == [("ab", 1), ("xy", 0)]


def test_without_a_reference_or_with_another_one_the_same_text_is_another_message(world: World) -> None:
    """There is nothing to tell a repetition by."""
    esme = world.bound()
    esme.submit()
    esme.submit()
    for reference in (1, 2):
        esme.submit(tlvs={"user_message_reference": reference})
    assert [message["duplicates"] for message in world.messages()] == [0, 0, 0, 0]


def test_more_messages_a_second_than_the_rate_allows_are_throttled(world: World) -> None:
    """ESME_RTHROTTLED until time has passed; nothing of them is accepted."""
    world.set(smpp_messages_per_second=2)
    esme = world.bound()
    esme.submit()
    esme.submit()
    assert esme.refusal() == CommandStatus.THROTTLED
    pass_time(world, 1)
    esme.submit()
    assert len(world.messages()) == 3


# Queries and commands


def test_a_query_is_answered_with_the_state_of_the_part(world: World) -> None:
    """A final one with its time."""
    esme = world.bound()
    identifier = esme.submit(registered_delivery=0)
    states = []
    for step in (0.5, 1, 2):
        answer = esme.ask("query_sm", message_id=identifier)
        states.append((answer.number("message_state"), answer.text("final_date")))
        pass_time(world, step)
    answer = esme.ask("query_sm", message_id=identifier)
    assert states == [(6, ""), (6, ""), (1, "")]
    assert (answer.text("message_id"), answer.number("message_state")) == (identifier, 2)
    assert answer.text("final_date") == "261122190003012+"


def test_a_query_for_an_unknown_message_is_refused(world: World) -> None:
    """And where the contract does not have queries, the command is not known."""
    esme = world.bound()
    assert esme.ask("query_sm", message_id="4711").status == CommandStatus.INVALID_MESSAGE_ID
    world.set(smpp_query_sm=False)
    answer = esme.ask("query_sm", message_id="4711")
    assert (answer.command, answer.status) == ("generic_nack", CommandStatus.INVALID_COMMAND)


def test_an_unknown_command_gets_a_generic_nack(world: World) -> None:
    """The link goes on."""
    esme = world.bound()
    esme.session.dataReceived(bytes.fromhex("00000010 00000042 00000000 00000063"))
    (answer,) = esme.read()
    assert (answer.command, answer.status, answer.sequence) == ("generic_nack", CommandStatus.INVALID_COMMAND, 99)
    assert esme.submit()


def test_a_pdu_that_does_not_add_up_gets_a_generic_nack(world: World) -> None:
    """The link goes on after one with a broken body, and ends after a length that cannot be."""
    esme = world.bound()
    esme.session.dataReceived(bytes.fromhex("00000014 00000004 00000000 00000063 ffffffff"))
    (answer,) = esme.read()
    assert (answer.command, answer.status, answer.sequence) == ("generic_nack", CommandStatus.INVALID_LENGTH, 99)
    assert esme.submit()
    esme.session.dataReceived(bytes.fromhex("0000000f 00000004"))
    (answer,) = esme.read()
    assert (answer.command, answer.status) == ("generic_nack", CommandStatus.INVALID_LENGTH)
    assert esme.closed


def test_answers_to_nothing_are_ignored(world: World) -> None:
    """The link goes on."""
    esme = world.bound()
    esme.send("deliver_sm_resp", sequence=1234)
    esme.send("generic_nack", sequence=1234, status=3)
    assert esme.read() == []
    assert esme.submit()


@given(cuts=st.lists(st.binary(max_size=60), max_size=12))
def test_no_stream_of_octets_brings_the_centre_down(cuts: list[bytes]) -> None:
    """It is answered or ends the connection; others can still bind."""
    clock = Clock()
    outgoing: Any = None
    a1 = SandboxA1(clock, outgoing, user="u", apikey="k")
    stranger = Esme(clock, a1.smsc.buildProtocol(None))
    for octets in cuts:
        stranger.session.dataReceived(octets)
    assert Esme(clock, a1.smsc.buildProtocol(None)).bind().status == CommandStatus.OK
    a1.stop()


# Outcomes and receipts


@pytest.mark.parametrize(
    ("ending", "told", "status"),
    [
        ("00", [("REJECTD", 8)], "REJECTED"),
        ("01", [("UNDELIV", 5)], "UNDELIVERABLE"),
        ("02", [("EXPIRED", 3)], "EXPIRED"),
        ("03", [], "ENROUTE"),
        ("05", [("SOMETHING_NEW", 99), ("DELIVRD", 2)], "DELIVERED"),
        ("33", [("DELIVRD", 2)], "DELIVERED"),
    ],
)
def test_the_last_digits_choose_the_outcome(
    world: World, ending: str, told: list[tuple[str, int]], status: str
) -> None:
    """Books and receipts tell the same."""
    esme = world.bound()
    esme.submit(destination_addr=f"3752911122{ending}")
    receipts = delivered(world, esme)
    assert [(fields_of(each)["stat"], each.tlv_number("message_state")) for each in receipts] == told
    assert world.report()["status"] == status


def test_a_receipt_is_as_the_standard_has_it(world: World) -> None:
    """From the subscriber to the sender, with text and TLVs."""
    esme = world.bound()
    identifier = esme.submit(b"hello, how are you today?", tlvs={"user_message_reference": 5})
    (receipt,) = delivered(world, esme)
    assert (receipt.text("source_addr"), receipt.text("destination_addr")) == (NUMBER, SENDER)
    assert (receipt.number("esm_class"), receipt.number("data_coding")) == (0x04, 0)
    assert receipt.octets("short_message").decode() == (
        f"id:{identifier} sub:001 dlvrd:001 submit date:2611221900 done date:2611221900 stat:DELIVRD err:000 "
        "text:hello, how are you t"
    )
    assert receipt.tlv("receipted_message_id") == identifier.encode() + b"\0"
    assert receipt.tlv("user_message_reference") is None


@pytest.mark.parametrize(
    ("registered", "number", "count"),
    [(0, NUMBER, 0), (1, NUMBER, 1), (2, NUMBER, 0), (2, "375291112201", 1), (0x11, NUMBER, 2)],
)
def test_receipts_come_as_registered_delivery_asks(world: World, registered: int, number: str, count: int) -> None:
    """None, all, failures only, intermediate ones too."""
    esme = world.bound()
    esme.submit(registered_delivery=registered, destination_addr=number)
    assert len(delivered(world, esme)) == count


def test_an_intermediate_notification_has_its_own_esm_class(world: World) -> None:
    """0x20, where the setting has them sent."""
    world.set(smpp_intermediate=True)
    esme = world.bound()
    esme.submit()
    receipts = delivered(world, esme)
    assert [(each.number("esm_class"), fields_of(each)["stat"]) for each in receipts] == [
        (0x20, "ENROUTE"),
        (0x04, "DELIVRD"),
    ]


def test_receipts_wait_until_somebody_is_bound_to_receive(world: World) -> None:
    """In their order, and a transmitter gets none."""
    transmitter = world.bound("transmitter")
    identifiers = [transmitter.submit() for _ in range(3)]
    assert delivered(world, transmitter) == []
    assert world.control("GET", "smpp/binds")["deliveries_waiting"] == 3
    receiver = world.bound("receiver")
    assert [fields_of(each)["id"] for each in receiver.take()] == identifiers
    assert world.control("GET", "smpp/binds")["deliveries_waiting"] == 0


def test_no_more_than_the_window_is_in_flight(world: World) -> None:
    """The next goes out for every answer."""
    world.set(smpp_window=2)
    esme = world.bound()
    for _ in range(5):
        esme.submit()
    pass_time(world, 1, 2)
    first, second = esme.read("deliver_sm")
    assert world.binds()[0]["deliveries_in_flight"] == 2
    esme.send("deliver_sm_resp", sequence=second.sequence)
    assert len(esme.read("deliver_sm")) == 1
    assert world.binds()[0]["deliveries_in_flight"] == 2
    esme.send("deliver_sm_resp", sequence=first.sequence)
    assert len(esme.take()) == 2


def test_a_receipt_that_is_not_taken_comes_again(world: World) -> None:
    """After a pause, until it is answered with status 0; the books show how often."""
    world.set(smpp_receipt_pause=5, smpp_response_timeout=3)
    esme = world.bound()
    esme.submit()
    pass_time(world, 1, 2)
    assert len(esme.take(status=CommandStatus.TEMPORARY)) == 1
    pass_time(world, 4.9)
    assert esme.read("deliver_sm") == []
    pass_time(world, 0.1)
    assert len(esme.read("deliver_sm")) == 1
    pass_time(world, 3, 5)
    assert len(esme.take()) == 1
    pass_time(world, 60)
    assert esme.read("deliver_sm") == []
    (receipt,) = world.report()["receipts"]
    assert [at - NOW for at in receipt["sent_at"]] == [3, 8, 16]
    assert (receipt["answer"], receipt["answered_at"] - NOW, receipt["word"]) == (0, 16, "DELIVRD")


def test_what_a_lost_link_had_not_answered_comes_again_in_its_order(world: World) -> None:
    """Over the next bind, and before what was made later."""
    esme = world.bound()
    identifiers = [esme.submit() for _ in range(3)]
    pass_time(world, 1, 2)
    first, *_ = esme.read("deliver_sm")
    esme.send("deliver_sm_resp", sequence=first.sequence)
    identifiers.append(esme.submit())
    esme.lose()
    pass_time(world, 1, 2)
    assert [fields_of(each)["id"] for each in world.bound().take()] == identifiers[1:]


def test_a_link_that_is_being_closed_gets_nothing_more(world: World) -> None:
    """Between the end of the one and the bind of the other receipts wait."""
    esme = world.bound()
    esme.submit()
    esme.ask("unbind")
    assert delivered(world, esme) == []
    esme.lose()
    assert len(world.bound().take()) == 1


def test_every_part_gets_a_receipt_of_its_own(world: World) -> None:
    """And the message is delivered when all are."""
    esme = world.bound()
    identifiers = esme.submit_in_parts(b"a", b"b", b"c")
    assert [fields_of(each)["id"] for each in delivered(world, esme)] == identifiers
    assert world.report()["history"][-1]["status"] == "DELIVERED"


@pytest.mark.parametrize(("choice", "which"), [("first", 0), ("last", 2)])
def test_a_message_can_get_one_receipt_for_the_whole(world: World, choice: str, which: int) -> None:
    """Under the identifier of its first or last part, once all parts are there."""
    world.set(smpp_receipts_for=choice)
    esme = world.bound()
    identifiers = esme.submit_in_parts(b"a", b"b", b"c")
    whole = esme.submit(b"whole")
    told = [fields_of(each)["id"] for each in delivered(world, esme)]
    assert told == [identifiers[which], whole]
    esme.submit_in_parts(b"a", b"b", reference=8, first=2)
    assert delivered(world, esme) == []


def test_a_part_alone_can_fail(world: World) -> None:
    """Then the whole has failed."""
    esme = world.bound()
    world.fault("part_undelivered", times=1)
    esme.submit_in_parts(b"a", b"b")
    assert [fields_of(each)["stat"] for each in delivered(world, esme)] == ["UNDELIV", "DELIVRD"]
    assert world.report()["status"] == "UNDELIVERABLE"


def test_a_status_can_be_put_by_hand(world: World) -> None:
    """With its receipt: late ones, contradicting ones, and words of any kind."""
    esme = world.bound()
    identifier = esme.submit()
    delivered(world, esme)
    for code in ("DELETED", "UNKNOWN", "ACCEPTD", 5, "WHO_KNOWS"):
        world.control("POST", "status", {"message_id": identifier, "code": code})
    told = [(fields_of(each)["stat"], each.number("esm_class")) for each in esme.take()]
    assert told == [("DELETED", 4), ("UNKNOWN", 4), ("ACCEPTD", 4), ("ENROUTE", 0x20), ("WHO_KNOWS", 4)]
    assert "error" in world.control("POST", "status", {"message_id": "4711", "code": 3})


# Oddities of identifiers and receipts


@pytest.mark.parametrize("form", list(Identifiers))
def test_an_identifier_has_the_form_of_the_setting_in_answer_and_receipt(world: World, form: Identifiers) -> None:
    """Unless the receipt has one of its own."""
    world.set(smpp_identifier=form)
    esme = world.bound()
    identifier = esme.submit()
    (receipt,) = delivered(world, esme)
    assert fields_of(receipt)["id"] == receipt.tlv_text("receipted_message_id") == identifier
    assert esme.ask("query_sm", message_id=identifier).status == CommandStatus.OK
    world.set(smpp_identifier="decimal", smpp_receipt_identifier=form)
    number = int(esme.submit())
    (receipt,) = delivered(world, esme)
    assert receipt.tlv_text("receipted_message_id") == written(form, number)


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("decimal", r"\d{13}"),
        ("decimal_zeros", r"0+\d{13}"),
        ("hex", r"[0-9a-f]{11}"),
        ("hex_upper", r"[0-9A-F]{11}"),
        ("hex_zeros", r"0+[0-9a-f]{11}"),
        ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("uuid_upper", r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"),
        ("long", r"(?=.{40,64}$)A1_smsc-01-[0-9a-f]+-[0-9a-f]{24}"),
    ],
)
def test_identifiers_have_the_shape_that_their_name_says(form: str, shape: str) -> None:
    """And are distinct."""
    serials = range(int(NOW * 1000), int(NOW * 1000) + 50)
    identifiers = {written(Identifiers(form), serial) for serial in serials}
    assert len(identifiers) == 50
    assert all(re.fullmatch(shape, identifier) for identifier in identifiers)


def receipt_with(world: World, **settings: Any) -> tuple[str, Pdu]:
    """An identifier and its receipt with these settings."""
    world.set(**settings)
    esme = world.esmes[0] if world.esmes else world.bound()
    identifier = esme.submit(b"hello", tlvs={"user_message_reference": 77})
    (receipt,) = delivered(world, esme)
    return identifier, receipt


def test_a_receipt_can_be_without_tlvs_or_without_text(world: World) -> None:
    """What is left says all."""
    identifier, receipt = receipt_with(world, smpp_receipt_tlvs=False)
    assert receipt.tlvs == {}
    assert fields_of(receipt)["id"] == identifier
    identifier, receipt = receipt_with(world, smpp_receipt_tlvs=True, smpp_receipt_text=False)
    assert receipt.octets("short_message") == b""
    assert receipt.tlv_text("receipted_message_id") == identifier


def test_the_tlv_can_be_without_its_nul(world: World) -> None:
    """Octet by octet the identifier and nothing more."""
    identifier, receipt = receipt_with(world, smpp_receipt_tlv_nul=False)
    assert receipt.tlv("receipted_message_id") == identifier.encode()


def test_text_and_tlvs_can_disagree(world: World) -> None:
    """The TLVs are right."""
    identifier, receipt = receipt_with(world, smpp_receipt_disagrees=True)
    assert (receipt.tlv_text("receipted_message_id"), receipt.tlv_number("message_state")) == (identifier, 2)
    fields = fields_of(receipt)
    assert (fields["id"] != identifier, fields["stat"]) == (True, "UNDELIV")


def test_the_quoted_text_can_look_like_fields(world: World) -> None:
    """Behind `text:` where the standard has the message itself."""
    _, receipt = receipt_with(world, smpp_receipt_quotes=True)
    assert receipt.octets("short_message").endswith(b" text:id:99999 stat:REJECTD")


def test_fields_can_come_in_another_order_every_time(world: World) -> None:
    """All of them."""
    world.set(smpp_receipt_order="shuffled")
    esme = world.bound()
    for _ in range(20):
        esme.submit()
    texts = [each.octets("short_message").decode() for each in delivered(world, esme)]
    labels = [re.findall(r"(submit date|done date|\w+):", text) for text in texts]
    assert {tuple(sorted(each)) for each in labels} == {
        ("dlvrd", "done date", "err", "id", "stat", "sub", "submit date", "text")
    }
    assert len({tuple(each) for each in labels}) > 10


@pytest.mark.parametrize(
    ("case", "label", "word"),
    [("upper", "STAT", "DELIVRD"), ("lower", "stat", "delivrd"), ("capitalised", "Stat", "Delivrd")],
)
def test_fields_can_be_in_another_letter_case(world: World, case: str, label: str, word: str) -> None:
    """The word too."""
    _, receipt = receipt_with(world, smpp_receipt_case=case)
    assert f" {label}:{word} ".encode() in receipt.octets("short_message")


def test_fields_can_be_missing(world: World) -> None:
    """Those that are named."""
    identifier, receipt = receipt_with(
        world, smpp_receipt_without=["sub", "dlvrd", "submit date", "done date", "err", "text"]
    )
    assert receipt.octets("short_message") == f"id:{identifier} stat:DELIVRD".encode()


def test_the_reference_can_come_back(world: World) -> None:
    """As it was submitted."""
    _, receipt = receipt_with(world, smpp_receipt_reference=True)
    assert receipt.tlv_number("user_message_reference") == 77


def test_esm_class_and_data_coding_of_receipts_can_be_odd(world: World) -> None:
    """With 8 the text is in UCS-2, and in message_payload where that is too long."""
    _, receipt = receipt_with(world, smpp_receipt_esm_class=0x07, smpp_receipt_data_coding=3)
    assert (receipt.number("esm_class"), receipt.number("data_coding")) == (0x07, 3)
    identifier, receipt = receipt_with(
        world, smpp_receipt_data_coding=8, smpp_receipt_without=["text", "submit date", "done date"]
    )
    text = receipt.octets("short_message").decode("utf-16-be")
    assert text == f"id:{identifier} sub:001 dlvrd:001 stat:DELIVRD err:000"
    identifier, receipt = receipt_with(world, smpp_identifier="long", smpp_receipt_without=[])
    payload = receipt.tlv("message_payload")
    assert payload is not None
    assert (receipt.octets("short_message"), payload.decode("utf-16-be")[:52]) == (b"", f"id:{identifier}")


def test_a_receipt_can_come_before_the_answer_to_its_submit(world: World) -> None:
    """The final one, beyond the window if need be."""
    world.set(smpp_window=1)
    world.fault("receipt_early", times=2)
    esme = world.bound()
    esme.post()
    esme.post()
    heard = [pdu.command for pdu in esme.read()]
    assert heard == ["deliver_sm", "submit_sm_resp"] * 2
    pass_time(world, 60)
    esme.take()
    assert [len(message["receipts"]) for message in world.messages()] == [1, 1]
    esme.submit()
    assert len(delivered(world, esme)) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("receipt_double", ["DELIVRD", "DELIVRD"]),
        ("no_receipt", []),
        ("no_delivery", []),
    ],
)
def test_receipts_can_go_wrong(world: World, kind: str, words: list[str]) -> None:
    """For as many submits as the fault was given."""
    world.fault(kind, times=1)
    esme = world.bound()
    esme.submit()
    assert [fields_of(each)["stat"] for each in delivered(world, esme)] == words
    assert world.report()["status"] == ("ENROUTE" if kind == "no_delivery" else "DELIVERED")
    esme.submit()
    assert len(delivered(world, esme)) == 1


def test_an_intermediate_notification_can_come_after_the_final_receipt(world: World) -> None:
    """A second later."""
    world.fault("receipt_reorder")
    esme = world.bound()
    esme.submit()
    assert [each.number("esm_class") for each in delivered(world, esme)] == [0x04]
    pass_time(world, 1)
    assert [(each.number("esm_class"), fields_of(each)["stat"]) for each in esme.take()] == [(0x20, "ENROUTE")]


def test_a_receipt_can_be_late(world: World) -> None:
    """While a query knows already."""
    world.fault("receipt_late", seconds=600)
    esme = world.bound()
    identifier = esme.submit()
    assert delivered(world, esme) == []
    assert esme.ask("query_sm", message_id=identifier).number("message_state") == 2
    pass_time(world, 600)
    assert len(esme.take()) == 1


def test_a_foreign_receipt_names_what_was_never_sent(world: World) -> None:
    """Beside the right one, in the form of the others."""
    world.set(smpp_identifier="uuid")
    world.fault("receipt_foreign", times=1)
    esme = world.bound()
    identifier = esme.submit()
    right, foreign = [fields_of(each)["id"] for each in delivered(world, esme)]
    assert (right, len(foreign)) == (identifier, 36)
    assert esme.ask("query_sm", message_id=foreign).status == CommandStatus.INVALID_MESSAGE_ID
    assert [each["kind"] for each in world.report()["receipts"]] == ["receipt", "foreign"]


# Faults of binds and submits


@pytest.mark.parametrize("status", [None, CommandStatus.INVALID_PASSWORD, 0x500])
def test_binds_can_be_refused_with_any_status(world: World, status: int | None) -> None:
    """For the next ones, ESME_RBINDFAIL unless another is named; then all is well again."""
    world.fault("bind_refused", times=2, status=status)
    told = [world.connect().bind().status for _ in range(3)]
    assert told == [status or CommandStatus.BIND_FAILED] * 2 + [CommandStatus.OK]


def test_a_bind_can_stay_without_an_answer(world: World) -> None:
    """Of one kind alone, when that is named."""
    world.fault("bind_ignored", method="bind_receiver")
    esme = world.connect()
    esme.send("bind_receiver", **ACCOUNT)
    assert esme.read() == []
    assert world.binds() == []
    world.bound("transmitter")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (None, CommandStatus.SYSTEM_ERROR),
        (CommandStatus.QUEUE_FULL, CommandStatus.QUEUE_FULL),
        (CommandStatus.TEMPORARY, CommandStatus.TEMPORARY),
        (0xFFFFFFFF, 0xFFFFFFFF),
    ],
)
def test_submits_can_be_refused_with_any_status(world: World, status: int | None, told: int) -> None:
    """Nothing is accepted, and no other command is touched."""
    world.fault("refused", times=2, status=status)
    esme = world.bound()
    assert esme.ask("enquire_link").status == CommandStatus.OK
    assert [esme.refusal(), esme.refusal()] == [told, told]
    assert world.messages() == []
    esme.submit()


def test_other_commands_can_be_refused_or_ignored_when_they_are_named(world: World) -> None:
    """And only those."""
    world.fault("refused", method="query_sm", status=0x67)
    world.fault("ignored", method="unbind")
    esme = world.bound()
    identifier = esme.submit()
    assert esme.ask("query_sm", message_id=identifier).status == 0x67
    esme.send("unbind")
    assert esme.read() == []
    assert not esme.closed


@pytest.mark.parametrize(("kind", "accepted"), [("ignored", 0), ("no_response", 1)])
def test_a_submit_can_stay_without_an_answer(world: World, kind: str, accepted: int) -> None:
    """With the message accepted, or not; the link goes on."""
    world.fault(kind, times=1)
    esme = world.bound()
    esme.post()
    pass_time(world, 3600)
    esme.take()
    assert esme.read() == []
    assert (len(world.messages()), world.binds()[0]["submits_unanswered"]) == (accepted, accepted)
    esme.submit()


def test_an_answer_can_come_late_and_others_before_it(world: World) -> None:
    """The message is accepted at once; when the link ends before, the answer is lost."""
    world.fault("late_response", times=1, seconds=20)
    esme = world.bound()
    late = esme.post()
    prompt = esme.post()
    assert [pdu.sequence for pdu in esme.read("submit_sm_resp")] == [prompt]
    assert (len(world.messages()), world.binds()[0]["submits_unanswered"]) == (2, 1)
    pass_time(world, 20)
    assert [pdu.sequence for pdu in esme.read("submit_sm_resp")] == [late]
    assert world.binds()[0]["submits_unanswered"] == 0
    world.fault("late_response", times=1, seconds=20)
    esme.post()
    esme.lose()
    pass_time(world, 20)
    assert esme.read("submit_sm_resp") == []


@pytest.mark.parametrize(("kind", "accepted"), [("cut_before_accept", 0), ("cut_after_accept", 1)])
def test_a_connection_can_be_cut_at_a_submit(world: World, kind: str, accepted: int) -> None:
    """Before or after acceptance, without the answer; what came behind it is not taken."""
    world.fault(kind, times=1)
    esme = world.bound()
    submit: dict[str, Any] = {"destination_addr": NUMBER, "short_message": b"x"}
    both = b"".join(encode("submit_sm", sequence=number, **submit) for number in (7, 8))
    esme.session.dataReceived(both)
    assert (esme.cut, esme.read()) == (True, [])
    assert len(world.messages()) == accepted
    assert world.binds() == []


def test_chance_is_the_same_for_the_same_seed(world: World) -> None:
    """And about as often as the probability says."""

    def cuts(seed: int) -> list[bool]:
        world.fault("cut_after_accept", probability=0.25, seed=seed)
        happened = []
        for _ in range(200):
            esme = world.bound()
            esme.post()
            happened.append(esme.cut)
            esme.lose()
        return happened

    once, again, other = cuts(3), cuts(3), cuts(4)
    assert once == again != other
    assert 30 < sum(once) < 70


def test_a_fault_that_misses_does_not_hide_another(world: World) -> None:
    """Each has dice of its own."""
    world.fault("refused", method="submit_sm", probability=1e-12)
    world.fault("refused", status=0x14)
    assert world.bound().refusal() == 0x14


def test_a_connection_can_end_after_a_while(world: World) -> None:
    """Anything from nothing to twice the seconds after the bind, on the average those, by the seed."""
    world.fault("disconnect", seconds=10, seed=5)
    lives = []
    for _ in range(40):
        esme = world.bound()
        began = world.clock.seconds()
        while not esme.cut:
            pass_time(world, 0.1)
        lives.append(world.clock.seconds() - began)
        esme.lose()
    assert 0 <= min(lives) < 5
    assert 15 < max(lives) < 20.2
    assert 7 < sum(lives) / len(lives) < 13
    expected = Fault(kind="disconnect", seconds=10, seed=5)
    assert abs(expected.drawn_seconds() - lives[0]) < 0.11


def test_an_enquire_link_can_stay_without_an_answer(world: World) -> None:
    """Submits are answered all the same."""
    world.fault("enquire_link_ignored", times=1)
    esme = world.bound()
    esme.send("enquire_link")
    assert esme.read() == []
    esme.submit()
    assert esme.ask("enquire_link").status == CommandStatus.OK


# The wire


def test_pdus_can_go_out_octet_by_octet(world: World) -> None:
    """Each in a write of its own."""
    world.set(smpp_cuts="octets")
    esme = world.connect()
    esme.send("enquire_link", sequence=5)
    esme.send("enquire_link", sequence=6)
    pass_time(world, 0)
    assert [len(octets) for octets in esme.transport.writes] == [1] * 32
    assert [pdu.sequence for pdu in esme.read()] == [5, 6]


def test_pdus_can_go_out_together(world: World) -> None:
    """Those of 50 ms at once; and at the latest when the connection is closed."""
    world.set(smpp_cuts="together")
    esme = world.connect()
    esme.send("enquire_link", sequence=5)
    esme.send("enquire_link", sequence=6)
    assert esme.transport.value() == b""
    pass_time(world, 0.05)
    assert [pdu.sequence for pdu in esme.read()] == [5, 6]
    esme.send("enquire_link", sequence=7)
    esme.send("unbind", sequence=8)
    assert [pdu.sequence for pdu in esme.read()] == [7, 8]
    assert esme.closed


def stream(kind: str, world: World, esme: Esme) -> bytes:
    """What a disturbance sends."""
    esme.transport.clear()
    world.control("POST", "smpp/disturb", {"kind": kind})
    return bytes(esme.transport.value())


def test_the_centre_can_send_what_it_should_not(world: World) -> None:
    """A body that makes no sense, lengths that cannot be, a command that is not there."""
    esme = world.bound()
    garbage = stream("garbage", world, esme)
    assert (int.from_bytes(garbage[:4]), garbage[16:]) == (len(garbage), b"\xff" * 24)
    with pytest.raises(ValueError, match="deliver_sm"):
        decode(garbage)
    assert int.from_bytes(stream("short_length", world, esme)[:4]) == 8
    assert int.from_bytes(stream("huge_length", world, esme)[:4]) == 0x7FFFFFFF
    unknown = decode(stream("unknown_command", world, esme))
    assert (unknown.command, unknown.response) == ("0x00000042", False)
    assert decode(stream("enquire_link", world, esme)).command == "enquire_link"
    assert (stream("cut", world, esme), esme.cut) == (b"", True)
    assert "error" in world.control("POST", "smpp/disturb", {"kind": "earthquake"})


@pytest.mark.parametrize("answers", [True, False])
def test_the_centre_can_unbind(world: World, answers: bool) -> None:
    """And closes the connection after the answer, or when there is none in time."""
    esme = world.bound()
    world.control("POST", "smpp/disturb", {"kind": "unbind"})
    (asked,) = esme.read("unbind")
    assert not esme.closed
    if answers:
        esme.send("unbind_resp", sequence=asked.sequence)
    else:
        pass_time(world, 10)
    assert (esme.closed, esme.cut) == (True, False)


@pytest.mark.parametrize("kind", ["unbind", "garbage", "short_length", "huge_length", "unknown_command"])
def test_disturbances_can_come_as_faults_after_an_answer(world: World, kind: str) -> None:
    """To as many requests as were named; who is not bound is left alone."""
    world.fault(kind, times=1, method="submit_sm")
    assert world.connect().refusal() == CommandStatus.INVALID_BIND_STATUS
    esme = world.bound()
    esme.post()
    sent = esme.transport.value()
    end = int.from_bytes(sent[:4])
    assert decode(sent[:end]).command == "submit_sm_resp"
    assert len(sent) > end
    assert world.control("GET", "faults")["faults"] == []


# Subscribers


def test_a_subscriber_can_write_in(world: World) -> None:
    """To whoever is bound or will be; the answer shows."""
    shown = world.control("POST", "smpp/subscriber", {"number": NUMBER, "text": "STOP", "to": "7788"})
    assert shown == world.control("GET", "smpp/subscriber")
    assert shown[0]["parts"][0]["sent_at"] == []
    (pdu,) = world.bound().take()
    assert (pdu.text("source_addr"), pdu.text("destination_addr")) == (NUMBER, "7788")
    assert (pdu.number("esm_class"), pdu.number("data_coding"), pdu.octets("short_message")) == (0, 0, b"STOP")
    assert pdu.tlvs == {}
    (message,) = world.control("GET", "smpp/subscriber")
    assert (message["text"], message["parts"][0]["answer"]) == ("STOP", 0)


@pytest.mark.parametrize("text", ["x" * 200 + "€", "Ж" * 80 + "😀"])
@pytest.mark.parametrize("concatenation", ["udh", "udh16", "sar"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_long_message_of_a_subscriber_comes_in_parts(
    world: World, text: str, concatenation: str, reverse: bool
) -> None:
    """By any of the three ways, in either order."""
    esme = world.bound()
    world.control(
        "POST",
        "smpp/subscriber",
        {"number": NUMBER, "text": text, "concatenation": concatenation, "reverse": reverse},
    )
    parts = esme.take()
    header = {"udh": 6, "udh16": 7, "sar": 0}[concatenation]
    numbers = [
        pdu.octets("short_message")[header - 1] if header else pdu.tlv_number("sar_segment_seqnum") for pdu in parts
    ]
    assert numbers == ([2, 1] if reverse else [1, 2])
    assert {pdu.number("esm_class") for pdu in parts} == ({0x40} if header else {0})
    ordered = reversed(parts) if reverse else parts
    pieces = [smsc_text.read(pdu.octets("short_message")[header:], pdu.number("data_coding")) for pdu in ordered]
    assert "".join(piece or "" for piece in pieces) == text


def test_what_no_subscriber_could_write_is_refused(world: World) -> None:
    """With a word on what is wrong."""
    for wrong in ({"text": "x"}, {"number": NUMBER, "text": ""}, {"number": "я", "text": "x"}):
        assert "error" in world.control("POST", "smpp/subscriber", wrong)
    assert "255" in world.control("POST", "smpp/subscriber", {"number": "1", "text": "x" * 50_000})["error"]
    assert world.control("GET", "smpp/subscriber") == []


# Control


def test_both_transports_are_in_the_same_books(world: World) -> None:
    """In the order of acceptance, with numbers of one series, and they share the balance and the counts."""
    account = {"user": "375291234567", "apikey": "sandbox-apikey"}

    def call(method: str, **fields: str) -> Any:
        answers: list[Any] = []
        asked = world.client.post(f"http://127.0.0.1:8091/api/{method}", data={**account, **fields})
        asked.addCallback(world.client.json_content).addCallback(answers.append)
        world.client.flush()
        return answers[0]

    world.set(callbacks=False)
    esme = world.bound()
    first = call("send/sms", msisdn=NUMBER, text="one")["message_id"]
    pass_time(world, 0.1)
    second = esme.submit(b"two")
    pass_time(world, 0.1)
    call("send/sms", msisdn=NUMBER, text="three")
    assert [(each["transport"], each["text"]) for each in world.messages()] == [
        ("http", "one"),
        ("smpp", "two"),
        ("http", "three"),
    ]
    assert [each["text"] for each in world.control("GET", "messages?last=2")] == ["two", "three"]
    assert int(second) == first + 1
    assert call("balances")["sms"] == 99.865
    requests = world.control("GET", "requests")
    assert requests == {"bind_transceiver": 1, "send/sms": 2, "submit_sm": 1, "balances": 1}


def test_reset_forgets_messages_and_deliveries_and_leaves_binds(world: World) -> None:
    """What was in flight is not sent again, and its answer harms nothing."""
    esme = world.bound()
    esme.submit()
    pass_time(world, 1, 2)
    (in_flight,) = esme.read("deliver_sm")
    esme.submit()
    world.fault("garbage")
    world.set(smpp_identifier="uuid")
    world.control("POST", "smpp/subscriber", {"number": NUMBER, "text": "STOP"})
    esme.read("deliver_sm")
    world.control("POST", "reset")
    assert world.clock.getDelayedCalls() == []
    assert (world.messages(), world.control("GET", "smpp/subscriber")) == ([], [])
    assert world.control("GET", "requests") == {}
    assert world.control("GET", "settings")["smpp_identifier"] == "decimal"
    esme.send("deliver_sm_resp", sequence=in_flight.sequence)
    pass_time(world, 60)
    assert esme.read() == []
    assert world.binds()[0]["deliveries_in_flight"] == 0
    esme.submit()
    assert len(delivered(world, esme)) == 1


def test_wrong_settings_and_faults_of_smpp_are_refused(world: World) -> None:
    """All or none."""
    for wrong in ({"smpp_window": 0}, {"smpp_identifier": "roman"}, {"smpp_receipt_without": ["colour"]}):
        assert "error" in world.control("POST", "settings", wrong)
    assert world.control("GET", "settings")["smpp_window"] == 10
    for name, value in (("probability", 0), ("probability", 1.5), ("status", 0)):
        assert "error" in world.control("POST", "faults", {"kind": "refused", name: value})
    assert world.control("GET", "faults")["faults"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_setting_and_disturbance_is_in_the_readmes(language: str) -> None:
    """In the first column of a table; settings with their defaults, and no other setting of SMPP's."""
    readme = read(language)
    assert {*SmppFault, *Disturbance} - set(readme.first_column()) == set()
    rows = [row for table in readme.tables for row in table if row[0].startswith("`smpp_")]
    shown = {row[0].strip("`"): json.loads(row[2].strip("`")) for row in rows}
    settings = A1Settings().model_dump(mode="json")
    assert shown == {name: value for name, value in settings.items() if name.startswith("smpp_")}


def test_the_page_has_words_for_every_fault_in_three_languages() -> None:
    """And a place for each group."""
    folder = Path(command.__file__).parent
    words = (folder / "static" / "words.js").read_text("utf-8")
    assert [kind for kind in (*A1Fault, *SmppFault) if words.count(f'"{kind}": ') < 3] == []
    card = (folder / "templates" / "card.html").read_text("utf-8")
    assert re.findall(r'data-group="(\w+)"', card) == ["http", "smpp", "portal"]


# With an implementation that is not ours


@dataclass
class Running:
    """`a1gateway sandbox` in a process of its own."""

    port: int
    control: str

    def ask(self, method: str, route: str, content: Any = None) -> Any:
        """What a control route answers."""
        return fetch(method, f"{self.control}/sandbox/{route}", content=content).json()


@pytest.fixture
def running() -> Iterator[Running]:
    """The sandbox on free ports, with short delays."""
    options = ["--a1-port=0", "--smpp-port=0", "--portal-port=0", "--no-install"]
    with subprocess.Popen(
        [sys.executable, "-m", "a1gateway.sandbox", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        a1 = re.fullmatch(r"A1 HTTP API: (http://127\.0\.0\.1:\d+)/api/\n", lines[0])
        smsc = re.fullmatch(r"A1 SMSC: smpp://127\.0\.0\.1:(\d+)\n", lines[1])
        assert a1 is not None
        assert smsc is not None
        made = Running(int(smsc[1]), a1[1])
        made.ask("POST", "settings", {"enroute_delay": 0.05, "final_delay": 0.1})
        yield made
        process.terminate()
    assert process.returncode == 0


class Blocking:
    """smpplib's client, which keeps what it hears."""

    def __init__(self, port: int) -> None:
        self.client = Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
        self.identifiers: list[str] = []
        self.receipts: list[Any] = []
        self.client.set_message_sent_handler(lambda pdu: self.identifiers.append(pdu.message_id.decode()))
        self.client.set_message_received_handler(lambda pdu: self.receipts.append(pdu))
        self.client.connect()

    def send(self, parts: Sequence[bytes], **more: Any) -> None:
        """Submits parts."""
        for part in parts:
            self.client.send_message(
                source_addr_ton=5,
                source_addr=SENDER,
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=NUMBER,
                registered_delivery=True,
                short_message=part,
                **more,
            )

    def listen(self, *, identifiers: int, receipts: int) -> None:
        """Reads until so many have come."""
        deadline = time.monotonic() + 15
        while len(self.identifiers) < identifiers or len(self.receipts) < receipts:
            assert time.monotonic() < deadline, (self.identifiers, self.receipts)
            self.client.read_once(auto_send_enquire_link=False)


@pytest.mark.parametrize("cuts", ["whole", "octets", "together"])
def test_another_implementation_sends_and_gets_receipts(running: Running, cuts: str) -> None:
    """smpplib's blocking client over a real connection: bind, two messages, receipts, a subscriber, unbind."""
    running.ask("POST", "settings", {"smpp_cuts": cuts})
    link = Blocking(running.port)
    with link.client:
        link.client.bind_transceiver(**ACCOUNT)
        link.send([b"hello"])
        halves = [bytes((5, 0, 3, 1, 2, number)) + "Привет, ".encode("utf-16-be") for number in (1, 2)]
        link.send(halves, esm_class=0x40, data_coding=8)
        link.listen(identifiers=3, receipts=3)
        told = {receipt.receipted_message_id.decode().rstrip("\0") for receipt in link.receipts}
        assert told == set(link.identifiers)
        assert {receipt.message_state for receipt in link.receipts} == {2}
        running.ask("POST", "smpp/subscriber", {"number": NUMBER, "text": "STOP"})
        link.listen(identifiers=3, receipts=4)
        assert link.receipts[-1].short_message == b"STOP"
        messages = running.ask("GET", "messages")
        assert [(each["text"], each["status"]) for each in messages] == [
            ("hello", "DELIVERED"),
            ("Привет, Привет, ", "DELIVERED"),
        ]
        (bind,) = running.ask("GET", "smpp/binds")["binds"]
        assert (bind["bind"], bind["submits"]) == ("transceiver", 3)
        running.ask("POST", "smpp/disturb", {"kind": "enquire_link"})
        link.client.read_once(auto_send_enquire_link=False)
    assert running.ask("GET", "requests") == {"bind_transceiver": 1, "submit_sm": 3, "unbind": 1}
    assert running.ask("GET", "smpp/binds")["binds"] == []
