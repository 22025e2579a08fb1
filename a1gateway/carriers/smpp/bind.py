"""One lasting bind: connected, bound and, whenever it ends, bound anew after a pause.

    idle → connecting → binding → bound → parting → waiting → connecting …
    and from any of them → stopping → stopped

`parting` lasts from the end of a bind until its connection is gone, so that there are never two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import NotSent
from ...pacing import growing_pause
from ..outcome import LinkTrouble, Trouble
from .endpoint import why_not_connected
from .exchange import Values
from .life import Ending
from .pdu import CommandStatus, Pdu, status_name
from .receiving import OnDelivery
from .session import Session
from .settings import Bind, LinkSettings

# Seconds.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LONGEST_PAUSE_REFUSED = 60.0
PROVEN_AFTER = 10.0
"""A bind that lasted so long, or brought an answer, was a good one: the pauses begin anew."""

_OPERATORS: dict[int, str] = {
    CommandStatus.INVALID_SYSTEM_ID: "a1.smpp.system_id",
    CommandStatus.INVALID_PASSWORD: "a1.smpp.system_id and a1.smpp.password",
    CommandStatus.INVALID_SYSTEM_TYPE: "a1.smpp.system_type",
}
"""The refusals that only the operator can mend, with the keys to check."""


class _ILasting(Protocol):
    """What happens to a lasting bind. Nothing is returned, so whatever happens meanwhile waits its turn."""

    def start(self) -> None:
        """Connect, and stay bound from now on."""

    def connected(self) -> None:
        """See `IWatcher`."""

    def bound(self) -> None:
        """See `IWatcher`."""

    def ended(self, ending: Ending) -> None:
        """See `IWatcher`; also for an attempt that has not come to a connection."""

    def gone(self) -> None:
        """See `IWatcher`; likewise."""

    def again(self) -> None:
        """The pause is over."""

    def stop(self) -> None:
        """End the bind, and leave it so."""


@dataclass
class _Core:
    """What the states work with."""

    clock: IReactorTime
    endpoint: IStreamClientEndpoint
    centre: str
    make_session: Callable[[_ILasting], Session]
    on_change: Callable[[], None]
    random: Callable[[], float]
    trouble: LinkTrouble | None
    session: Session | None = None
    """The newest one, also while it is connecting or ending."""
    failures: int = 0
    pause: float = 0.0
    binds: int = 0
    tried: bool = False
    last_enquire_link: float | None = None
    unexpected: int = 0
    stoppers: list[Deferred[None]] = field(default_factory=list)
    log = Logger()

    def build(self, life: _ILasting) -> Session:
        """The session of a connection that has just come about."""
        self.session = self.make_session(life)
        return self.session

    def note_bound(self) -> None:
        """All is well."""
        self.binds += 1
        self.tried = True
        self.trouble = None
        self.on_change()

    def note_end(self, ending: Ending) -> None:
        """A bind has ended, or has not come about: say so, and how long the pause will be."""
        if self.session is not None and self._proven(self.session):
            self.failures = 0
        before, self.trouble = self.trouble, _trouble(self.centre, ending)
        if self.session is None and str(before) != str(self.trouble):
            # A session writes its own end into the log. An attempt in vain is told of once, not every time.
            self.log.warn("{trouble}", trouble=str(self.trouble))
        self.pause = self._next_pause(ending)
        self.tried = True
        self.on_change()

    def note_stop(self) -> None:
        """The bind is to be ended by the gateway."""
        self.trouble = LinkTrouble(Trouble.UNREACHABLE, f"the gateway has ended the bind to {self.centre}")
        self.on_change()

    def note_gone(self) -> None:
        """Keep of the session what outlasts it."""
        if self.session is not None:
            if self.session.last_enquire_link is not None:
                self.last_enquire_link = self.session.last_enquire_link
            self.unexpected += self.session.unexpected
            self.session = None

    def release(self) -> None:
        """Tell those that wait for the stop."""
        stoppers, self.stoppers = self.stoppers, []
        for each in stoppers:
            each.callback(None)

    def _proven(self, session: Session) -> bool:
        since = session.bound_since
        return since is not None and (session.answers > 0 or self.clock.seconds() - since >= PROVEN_AFTER)

    def _next_pause(self, ending: Ending) -> float:
        if ending.refusal in _OPERATORS:
            return growing_pause(1, LONGEST_PAUSE_REFUSED, LONGEST_PAUSE_REFUSED, self.random)
        self.failures += 1
        longest = LONGEST_PAUSE if ending.refusal is None else LONGEST_PAUSE_REFUSED
        return growing_pause(self.failures, FIRST_PAUSE, longest, self.random)


def _trouble(centre: str, ending: Ending) -> LinkTrouble:
    text = f"{centre} {ending.reason}"
    if ending.refusal is None:
        return LinkTrouble(Trouble.UNREACHABLE, text)
    code = status_name(ending.refusal)
    keys = _OPERATORS.get(ending.refusal)
    if keys is None:
        return LinkTrouble(Trouble.UNAVAILABLE, text, code=code)
    return LinkTrouble(Trouble.CREDENTIALS, f"{text}; check {keys}", code=code)


class _Sessions(Factory):
    noisy = False

    def __init__(self, build: Callable[[], Session]) -> None:
        self._build = build

    def buildProtocol(self, addr: object) -> Session:
        return self._build()


def _connect(life: _ILasting, core: _Core) -> Deferred[IProtocol]:
    """Try to connect. What comes of a connection is told by its session."""

    def failed(why: Failure) -> None:
        life.ended(Ending(why_not_connected(why)))
        life.gone()

    attempt: Deferred[IProtocol] = core.endpoint.connect(_Sessions(lambda: core.build(life)))
    attempt.addErrback(failed)
    return attempt


def _wait(life: _ILasting, core: _Core) -> IDelayedCall:
    return core.clock.callLater(core.pause, life.again)


def _machine() -> Callable[[_Core], _ILasting]:
    machine = TypeMachineBuilder(_ILasting, _Core)

    idle = machine.state("idle")
    connecting = machine.state("connecting", _connect)
    binding = machine.state("binding")
    bound = machine.state("bound")
    parting = machine.state("parting")
    waiting = machine.state("waiting", _wait)
    stopping = machine.state("stopping")
    stopped = machine.state("stopped")

    idle.upon(_ILasting.start).to(connecting).returns(None)
    stopped.upon(_ILasting.start).to(connecting).returns(None)
    connecting.upon(_ILasting.connected, nodata=True).to(binding).returns(None)

    @binding.upon(_ILasting.bound).to(bound)
    def is_bound(life: _ILasting, core: _Core) -> None:
        core.note_bound()

    @connecting.upon(_ILasting.ended).to(parting)
    def has_not_connected(life: _ILasting, core: _Core, attempt: Deferred[IProtocol], ending: Ending) -> None:
        core.note_end(ending)

    @binding.upon(_ILasting.ended).to(parting)
    @bound.upon(_ILasting.ended).to(parting)
    def has_ended(life: _ILasting, core: _Core, ending: Ending) -> None:
        core.note_end(ending)

    @parting.upon(_ILasting.gone).to(waiting)
    def is_gone(life: _ILasting, core: _Core) -> None:
        core.note_gone()

    waiting.upon(_ILasting.again, nodata=True).to(connecting).returns(None)

    @connecting.upon(_ILasting.stop).to(stopping)
    def stop_connecting(life: _ILasting, core: _Core, attempt: Deferred[IProtocol]) -> None:
        attempt.cancel()
        core.note_stop()

    @binding.upon(_ILasting.stop).to(stopping)
    @bound.upon(_ILasting.stop).to(stopping)
    def close(life: _ILasting, core: _Core) -> None:
        assert core.session is not None
        core.session.close()
        core.note_stop()

    @parting.upon(_ILasting.stop).to(stopping)
    def stop_parting(life: _ILasting, core: _Core) -> None:
        core.note_stop()

    stopping.upon(_ILasting.stop).loop().returns(None)
    stopping.upon(_ILasting.ended).loop().returns(None)

    @stopping.upon(_ILasting.gone).to(stopped)
    def has_stopped(life: _ILasting, core: _Core) -> None:
        core.note_gone()
        core.release()

    @waiting.upon(_ILasting.stop).to(stopped)
    def stop_waiting(life: _ILasting, core: _Core, timer: IDelayedCall) -> None:
        timer.cancel()
        core.note_stop()
        core.release()

    @idle.upon(_ILasting.stop).to(stopped)
    @stopped.upon(_ILasting.stop).loop()
    def nothing_to_stop(life: _ILasting, core: _Core) -> None:
        core.release()

    return machine.build()


_new_life = _machine()


class LastingBind:
    """Binds, and binds anew whenever the bind ends, after pauses that grow and are jittered, until it is stopped."""

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        settings: LinkSettings,
        bind: Bind,
        *,
        centre: str,
        on_delivery: OnDelivery,
        on_change: Callable[[], None],
        on_room: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        """`centre` names the other side to people; see `Link` for the rest."""

        def make_session(life: _ILasting) -> Session:
            return Session(
                clock,
                settings,
                bind,
                centre=centre,
                watcher=life,
                on_delivery=on_delivery,
                on_room=on_room,
            )

        not_yet = LinkTrouble(Trouble.UNREACHABLE, f"{centre} has not been reached yet")
        self._centre = centre
        self._core = _Core(clock, endpoint, centre, make_session, on_change, random, not_yet)
        self._life = _new_life(self._core)

    def start(self) -> None:
        """Connect. Not before an earlier stop has come through."""
        self._life.start()

    def stop(self) -> Deferred[None]:
        """End the bind cleanly; fires when nothing is left of it."""
        stopped: Deferred[None] = Deferred()
        self._core.stoppers.append(stopped)
        self._life.stop()
        return stopped

    def request(self, command: str, *, tlvs: Values | None = None, **fields: int | str | bytes) -> Deferred[Pdu]:
        """See `Session.request`; fails with `NotSent` when it is not bound."""
        if self._core.session is None:
            return fail(NotSent(f"{self._centre} is not connected"))
        return self._core.session.request(command, tlvs=tlvs, **fields)

    @property
    def bound(self) -> bool:
        """Whether requests are taken."""
        return self._core.session is not None and self._core.session.bound

    @property
    def tried(self) -> bool:
        """Whether an attempt has come to a bind, or to nothing."""
        return self._core.tried

    @property
    def in_flight(self) -> int:
        """See `Session`."""
        return self._core.session.in_flight if self._core.session is not None else 0

    @property
    def room(self) -> int:
        """See `Session`."""
        return self._core.session.room if self._core.session is not None else 0

    @property
    def bound_since(self) -> float | None:
        """When the bind was taken; None when it is not bound."""
        return self._core.session.bound_since if self._core.session is not None and self.bound else None

    @property
    def trouble(self) -> LinkTrouble | None:
        """Why it is not bound; None when it is."""
        return self._core.trouble

    @property
    def last_enquire_link(self) -> float | None:
        """When an enquire_link was last answered, over whatever connection."""
        last = self._core.session.last_enquire_link if self._core.session is not None else None
        return self._core.last_enquire_link if last is None else last

    @property
    def reconnections(self) -> int:
        """How many binds came after the first."""
        return max(0, self._core.binds - 1)

    @property
    def unexpected_responses(self) -> int:
        """How many responses came that answer nothing."""
        now = self._core.session.unexpected if self._core.session is not None else 0
        return self._core.unexpected + now
