"""The SMS centre on node-smpp, as the tests see it: started, told how to behave, asked what has happened.

`centre.js` is the program. It reads and writes SMPP by the npm package `smpp`, so what stands in its book was
understood by an implementation that is not the gateway's.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from ..daemon.calls import fetch
from ..daemon.processes import Process, Warden, eventually

SYSTEM_ID = "a1gateway"
PASSWORD = "smpp-key"
SENDER_ID = "MyShop"

FOLDER = Path(__file__).parent
PACKAGE = FOLDER / "node_modules" / "smpp" / "package.json"

T = TypeVar("T")

# The two statuses of a submit_sm_resp that the tests give most; the standard's 0x58 and 0x08.
THROTTLED = 0x58
SYSTEM_ERROR = 0x08

Form = Literal[
    "decimal",
    "hexadecimal",
    "capitals",
    "zeros",
    "hexadecimal_zeros_capitals",
    "uuid",
    "uuid_capitals",
    "long",
    "twins",
]
"""How an identifier is written; `identifiers.js` has the forms."""


Cut = Literal["before", "after", "half", "answered", "unbind"]
"""How a connection ends at a submit: it was not taken; taken and not answered; half of the answer went out; answered;
answered, and the centre unbinds."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """When receipts are sent and what they look like. Times are seconds."""

    when: Literal["later", "before_answer", "held", "never"] = "later"
    """`held`: not before `Centre.release`."""
    after: tuple[float, float] = (0.02, 0.05)
    """How long after the answer to the submit, drawn between these."""
    gap: float = 0.02
    """From one receipt for a part to the next."""
    identifiers: Form | Literal["same"] = "same"
    """In the receipt; `same` as in the answer."""
    part: Literal["each", "first", "last"] = "each"
    """Which part of a message gets receipts; `first` and `last` once all parts are there."""
    steps: tuple[str, ...] = ("DELIVRD",)
    """The words, in order."""
    outcomes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other words by the last two digits of the number: `01`; or for one part alone: `01/2`."""
    times: int = 1
    """How often each receipt is sent."""
    tlvs: bool = True
    text: bool = True
    contradicting: bool = False
    """Whether the text speaks of the message before this one, and says that it was not delivered."""
    reference: float = 0.0
    """The share of receipts that give user_message_reference back."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A submit to a number that ends so is turned away, so many times (-1: always)."""

    ending: str
    status: int
    times: int = -1


@dataclass(frozen=True, slots=True)
class Manner:
    """How the centre behaves. Times are seconds."""

    accounts: Mapping[str, str] = field(default_factory=lambda: {SYSTEM_ID: PASSWORD})
    bind_status: int = 0
    """What every bind is refused with; 0: none is that has an account."""
    serials_from: int = 0x12345600
    """The number of the message before the first: many from here on look decimal when written as hexadecimal."""
    identifiers: Form = "decimal"
    """In the answer to a submit."""
    answer_after: tuple[float, float] = (0.0, 0.0)
    """How long the answer to a submit takes, drawn between these."""
    refusals: tuple[Refusal, ...] = ()
    throttle: int = 0
    """Submits that are taken within any second; 0: all."""
    ignored: tuple[str, ...] = ()
    """Commands that get no answer and have no effect."""
    enquire_every: float = 0.0
    """The centre's own enquire_link on connections that are made from now on; 0: none."""
    query: int | None = None
    """The message_state that a query_sm is answered with; None: the command is refused."""
    receipts: Receipts = field(default_factory=Receipts)


@dataclass(frozen=True, slots=True)
class Session:
    """A connection that was made to the centre."""

    number: int
    opened_at: float
    asked: str | None
    """The command that it tried to bind with."""
    system_id: str | None
    system_type: str | None
    interface_version: int | None
    bind_status: int | None
    bound_at: float | None
    ended_at: float | None
    ended_by: str | None
    enquiries_received: int
    enquiries_sent: int
    enquiries_answered: int

    @property
    def bound(self) -> bool:
        """Whether it is, now."""
        return self.bound_at is not None and self.ended_at is None


@dataclass(frozen=True, slots=True)
class Submit:
    """A submit_sm that the centre took, as node-smpp reads it."""

    number: int
    session: int
    at: float
    sequence: int
    serial: int
    identifier: str
    source: str
    source_ton: int
    source_npi: int
    destination: str
    destination_ton: int
    destination_npi: int
    esm_class: int
    data_coding: int
    registered_delivery: int
    user_message_reference: int | None
    text: str | None
    header_octets: int
    text_octets: int
    reference: int | None
    total: int
    part: int
    answered_at: float | None
    """When the answer was given to the operating system."""

    @property
    def air_octets(self) -> int:
        """What it takes of the 140 octets of an SMS: the default alphabet is packed, eight characters in seven."""
        if self.data_coding:
            return self.header_octets + self.text_octets
        header = -(-self.header_octets * 8 // 7)
        return -(-(header + self.text_octets) * 7 // 8)


@dataclass(frozen=True, slots=True)
class Turned:
    """A submit_sm that the centre turned away."""

    session: int
    at: float
    destination: str
    text: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A deliver_sm that the centre sent or has to send: a receipt, a foreign one, or a piece from a subscriber."""

    number: int
    kind: Literal["receipt", "foreign", "subscriber"]
    submit: int | None
    word: str | None
    made_at: float
    sent: int
    """How often it went out."""
    sent_at: float | None
    session: int | None
    status: int | None
    """Of the latest answer."""
    answered_at: float | None
    """When it was answered with ESME_ROK; it is not sent again after that."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query_sm."""

    at: float
    identifier: str
    found: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the centre put it together: parts of one number with one reference, each once."""

    parts: tuple[Submit, ...]
    """In the order of their numbers."""
    copies: int
    """How many submits more there were for these parts."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(part.text or "" for part in self.parts)

    @property
    def destination(self) -> str:
        """The number, as it was submitted."""
        return self.parts[0].destination

    @property
    def whole(self) -> bool:
        """Whether no part is missing."""
        return [part.part for part in self.parts] == list(range(1, self.parts[0].total + 1))


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is in the book."""

    bound: int
    sessions: int
    submits: int
    refused: int
    receipts: int
    receipts_answered: int
    queries: int


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that has happened at the centre, each list in order."""

    sessions: list[Session]
    submits: list[Submit]
    refused: list[Turned]
    deliveries: list[Delivery]
    queries: list[Query]
    faults: list[str]

    @property
    def messages(self) -> list[Message]:
        """What was sent, put together, in the order in which the first parts came."""
        return list(_put_together(self.submits))

    @property
    def bound(self) -> list[Session]:
        """The sessions that are bound now."""
        return [session for session in self.sessions if session.bound]


def _put_together(submits: list[Submit]) -> Iterator[Message]:
    # A message that is sent anew with the same reference after it was whole is another one to the subscriber.
    groups: list[tuple[dict[int, Submit], list[Submit]]] = []
    open_groups: dict[tuple[str, int, int], tuple[dict[int, Submit], list[Submit]]] = {}
    for submit in submits:
        if submit.reference is None:
            groups.append(({1: submit}, []))
            continue
        key = (submit.destination, submit.reference, submit.total)
        group = open_groups.get(key)
        if group is None:
            group = open_groups[key] = ({}, [])
            groups.append(group)
        parts, copies = group
        if submit.part in parts:
            copies.append(submit)
        else:
            parts[submit.part] = submit
        if len(parts) == submit.total:
            del open_groups[key]
    for parts, copies in groups:
        yield Message(tuple(parts[number] for number in sorted(parts)), len(copies))


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files that make the centre speak TLS."""

    certificate: Path
    key: Path


def why_not() -> str | None:
    """Why there can be no such centre on this machine; None when there can.

    Raises `AssertionError` where npm is there and the package is not: then it is the set-up that is missing.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node or no npm here (Debian has them in the packages nodejs and npm)"
    assert PACKAGE.exists(), f"{PACKAGE} is missing: run `make test`, or `npm ci` in {FOLDER}"
    return None


class Centre:
    """One centre, as a process."""

    def __init__(
        self,
        warden: Warden,
        directory: Path,
        manner: Manner | None = None,
        *,
        certificate: Certificate | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.manner = manner or Manner()
        node = shutil.which("node")
        assert node is not None
        arguments = [str(FOLDER / "centre.js"), "--manner", json.dumps(asdict(self.manner))]
        if certificate is not None:
            arguments += ["--key", str(certificate.key), "--cert", str(certificate.certificate)]
        self.process: Process = warden.start(node, arguments, directory=directory, name="centre")
        ports = eventually(self._ports, 30, "the centre says where it listens")
        self.port: int = ports["smpp"]
        self._control = f"http://127.0.0.1:{ports['control']}"

    def _ports(self) -> dict[str, int] | None:
        assert self.process.status is None, self.process.written()
        line, end, _ = self.process.out.partition("\n")
        ports: dict[str, int] | None = json.loads(line) if end else None
        return ports

    def _ask(self, route: str, content: object = None) -> Any:
        reply = fetch("POST", f"{self._control}/{route}", content=content or {}, timeout=60)
        assert reply.status == 200, f"{route}: {reply.status} {reply.text}"
        return reply.json()

    def behaves(self, **changes: Any) -> None:
        """Change the manner; with `serials_from` among the changes, identifiers are counted from there."""
        self.manner = replace(self.manner, **changes)
        self._ask("manner", asdict(self.manner))

    def receipts(self, **changes: Any) -> None:
        """Change the manner of receipts."""
        self.behaves(receipts=replace(self.manner.receipts, **changes))

    def book(self) -> Book:
        """What has happened until now."""
        read = self._ask("book")
        return Book(
            sessions=_each(Session, read["sessions"]),
            submits=_each(Submit, read["submits"]),
            refused=_each(Turned, read["refused"]),
            deliveries=_each(Delivery, read["receipts"]),
            queries=_each(Query, read["queries"]),
            faults=list(read["faults"]),
        )

    def counts(self) -> Counts:
        """How much has happened until now."""
        return Counts(**self._ask("counts"))

    def bound(self, within: float = 15.0, sessions: int = 1) -> list[Session]:
        """The sessions that are bound, once there are so many."""
        eventually(lambda: self.counts().bound == sessions, within, f"{sessions} sessions are bound")
        return self.book().bound

    def cut(self, how: Literal["reset", "close", "unbind"] = "reset") -> None:
        """End every connection from this side."""
        self._ask("cut", {"how": how})

    def cut_at_submits(self, *kinds: Cut, count: int, every: int = 1, seed: int = 1) -> None:
        """From now on end the connection at a submit, on average at each `every`-th, `count` times.

        Without `kinds`, any of them.
        """
        self._ask("cuts", {"seed": seed, "count": count, "every": every, "kinds": kinds})

    def cuts_made(self) -> dict[str, int]:
        """How many there were of each kind."""
        made: dict[str, int] = self._ask("cuts/made")
        return made

    def shut(self) -> None:
        """Be gone, as for a restart: every connection ends and none is taken."""
        self._ask("shut")

    def open(self) -> None:
        """Be back, on the same port, with the same book."""
        self._ask("open")

    def release(self, count: int | None = None) -> None:
        """Send the receipts that were held, or the first so many of them."""
        self._ask("release", {"count": count})

    def send_foreign(self, count: int, from_number: str = "375291110000") -> None:
        """Send receipts for messages that nobody ever sent."""
        self._ask("foreign", {"count": count, "from": from_number, "to": SENDER_ID})

    def subscriber_writes(
        self,
        text: str,
        *,
        from_number: str = "375291110001",
        to: str = SENDER_ID,
        coding: Literal["ASCII", "UCS2"] = "UCS2",
        reference: int = 1,
        backwards: bool = False,
    ) -> int:
        """Send a subscriber's message; how many parts it has. ASCII is node-smpp's name of the default alphabet."""
        message = {
            "text": text,
            "from": from_number,
            "to": to,
            "coding": coding,
            "reference": reference,
            "backwards": backwards,
        }
        return int(self._ask("subscriber", message)["parts"])

    def close(self) -> None:
        """End the process."""
        self.process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _each(kind: type[T], rows: list[dict[str, Any]]) -> list[T]:
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return [kind(**{name: value for name, value in row.items() if name in names}) for row in rows]
