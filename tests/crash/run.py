"""One run: messages without a pause, a daemon that is killed again and again, and the books compared at the end."""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict

from ..centre.books import Fault
from ..centre.centre import Manner
from ..centre.proof import MANNER, counted
from ..daemon.calls import NO_ANSWER
from ..daemon.processes import Process
from ..daemon.stack import Stack
from .books import Books, Verdict, compare
from .kills import Kill, Part, Transport
from .older import OlderJournals
from .stream import Stream
from .way import way

Say = Callable[[str], None]

# How many messages a second the portal sends.
_A_SECOND = 40.0
# How long the portal's tokens live, and how long A1 and the portal take for an answer, in seconds.
_TOKEN_LIFETIME = 2.5
_LATENCY = 0.03
# What the last daemon is given to bring everything to its end, in seconds.
_CALM = 120.0
_LOOK_EVERY = 0.05
# What the daemon says when the portal's tokens are dead and a person has to act.
_REINSTALL = "reinstall the application"

MANNERS: Mapping[Transport, Manner | None] = {"http": None, "smpp": MANNER}
CHANGES: Mapping[Transport, Mapping[str, Mapping[str, object]]] = {
    "http": {"log": {"level": "info"}},
    "smpp": {
        "a1.smpp": {"window": 32, "messages_per_second": 0, "uncertain_hold": 1, "response_timeout": 30},
        "log": {"level": "info"},
    },
}


class Run:
    """A stack that is ready, and what is done to it."""

    def __init__(self, stack: Stack, transport: Transport, kills: Sequence[Kill], *, seed: int, say: Say) -> None:
        """`seed` decides what is sent; `say` gets a line for every kill."""
        self._stack = stack
        self._transport = transport
        self._gateway = stack.gateway
        self._kills = kills
        self._say = say
        self._stream = Stream(stack.portal.base, seed, a_second=_A_SECOND)
        self._older = OlderJournals(stack.directory / "older")
        self._in_flight: set[str] = set()
        self._deaths: list[str] = []
        self._installing: Future[None] | None = None
        self._read: tuple[Process, int] | None = None
        self._threads = ThreadPoolExecutor(1)
        self.installations = 0
        """How often the application had to be installed anew, because a kill had cost the portal's tokens."""
        self.missed = 0
        """How many daemons did not come to the step that they were to die at, and were killed from outside."""

    def play(self) -> Verdict:
        """Kill, start again, wait for calm, compare."""
        self._disturb()
        self._gateway.process.kill()
        self._stream.start()
        begun = time.monotonic()
        try:
            for number, kill in enumerate(self._kills, 1):
                done = self._live_and_die(kill)
                row = counted(self._stack)
                self._say(
                    f"kill {number:>4}/{len(self._kills)} {time.monotonic() - begun:5.0f} s  "
                    f"{len(self._stream.sent)} sent, {row['n']} taken, {row['confirmed']} confirmed  ({kill}){done}"
                )
            self._gateway.start()
            self._stream.stop()
            calm = self._becomes_calm()
        finally:
            self._stream.stop()
            self._threads.shutdown()
        self._say(f"calm after {time.monotonic() - begun:.0f} s" if calm else f"no calm within {_CALM:.0f} s")
        books = self._books()
        verdict = compare(books)
        if not calm and not verdict.faults:
            verdict.faults.append(Fault("the run", "the books agree, and yet something is not at its end"))
        if verdict.faults:
            self._keep(books, verdict)
        return verdict

    def _disturb(self) -> None:
        """Make what the daemon waits for last long enough to be killed in it."""
        self._stack.a1.fault("latency", seconds=_LATENCY)
        self._stack.portal.set(token_lifetime=_TOKEN_LIFETIME)
        self._stack.portal.ask("POST", "expire-token", {})
        for method in ("batch", "oauth/token"):
            self._stack.portal.fault("slow", seconds=_LATENCY, method=method)

    def _live_and_die(self, kill: Kill) -> str:
        """One daemon, from its start to its end; what is to be said of it."""
        said = ""
        if kill.part is Part.MIGRATION:
            said = f", version {self._older.take_back(self._gateway.journal)}"
        if kill.step is None:
            process = self._gateway.launch()
        else:
            arguments = (str(self._gateway.config), kill.step, "start", str(kill.into))
            process = self._gateway.launch(program="crashing", arguments=arguments)
        deadline = time.monotonic() + kill.seconds
        while process.status is None and time.monotonic() < deadline:
            time.sleep(min(_LOOK_EVERY, max(0.0, deadline - time.monotonic())))
            self._mind_the_portal()
        if process.status is None and kill.step is not None:
            self.missed += 1
            said += ", not reached"
        process.kill()
        assert process.status == -signal.SIGKILL, f"it ended by itself:\n{process.written()}"
        self._deaths.append(f"  daemon {process.pid} died at {time.time():.3f}: {kill}{said}")
        if kill.part is Part.MIGRATION:
            (version,) = self._gateway.rows("SELECT version_num FROM alembic_version")
            said += f", then {version['version_num']}"
        self._in_flight |= {
            row["message_id"]
            for row in self._gateway.rows("SELECT message_id FROM messages WHERE stage IN ('in_flight', 'asking')")
        }
        return said

    def _mind_the_portal(self) -> None:
        """Do what an administrator does when the daemon says that the portal's tokens are dead."""
        process = self._gateway.process
        if self._installing is not None and not self._installing.done():
            return
        out = process.out
        if self._installing is not None:
            self._installing.result()
            self._installing = None
            self._read = process, len(out)
            return
        begin = self._read[1] if self._read is not None and self._read[0] is process else 0
        if _REINSTALL in out[begin:]:
            self.installations += 1
            self._installing = self._threads.submit(self._install)

    def _install(self) -> None:
        # The daemon may be killed meanwhile.
        with suppress(*NO_ANSWER):
            self._stack.portal.ask("POST", "install", {})

    def _becomes_calm(self) -> bool:
        deadline = time.monotonic() + _CALM
        while not self._is_calm():
            if time.monotonic() > deadline:
                return False
            self._mind_the_portal()
            time.sleep(0.3)
        return True

    def _is_calm(self) -> bool:
        """Whether all that is on disk has come to its end, and the portal has an answer to every call or none."""
        row = counted(self._stack)
        if row["confirmed"] < row["n"] or self._gateway.spooled():
            return False
        return all(card["calls"] for card in self._stack.portal.messages())

    def _books(self) -> Books:
        stack = self._stack
        return Books(
            sent=self._stream.sent,
            cards={row["message_id"]: row for row in stack.portal.messages()},
            journal={row["message_id"]: row for row in self._gateway.rows("SELECT * FROM messages")},
            taken=stack.a1.messages() if self._transport == "http" else stack.centre.book(),
            in_flight=self._in_flight,
        )

    def _keep(self, books: Books, verdict: Verdict) -> None:
        """Write down what the processes would take with them, and the ways of the messages that are not right."""
        taken = books.taken if isinstance(books.taken, Sequence) else asdict(books.taken)
        for name, book in (("portal", list(books.cards.values())), ("a1", taken)):
            file = self._stack.directory / f"{name}.json"
            file.write_text(json.dumps(book, ensure_ascii=False, indent=1), "utf-8")
        wrong: dict[str, list[str]] = defaultdict(list)
        for fault in verdict.faults:
            wrong[fault.message_id].append(f"! {fault.what}")
        lines = []
        for each in books.sent:
            if each.message_id in wrong:
                lines += [*wrong.pop(each.message_id), *way(self._stack, books, each), ""]
        # Of no message that was sent.
        for name, faults in wrong.items():
            lines += [*faults, f"  {name}", ""]
        lines += ["The daemons:", *self._deaths, ""]
        (self._stack.directory / "disagreements.txt").write_text("\n".join(lines), "utf-8")
