"""Connections without a whole request: how long they may take, and which give way when all places are taken."""

from __future__ import annotations

from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from .clients import Clients

REQUEST_WITHIN = 30.0
"""Seconds from the first octet of a request to its last."""
LEAVES_WITHIN = 60.0
"""Seconds for taking the rest of the last answer on a connection."""
_SAFE_FOR = 1.0
# Proxies hand over whole requests, unless their clients are slow.
_PROXY_SAFE_FOR = 5.0
_GIVE_WAY = 50
_LOOKS_AGAIN = 1.0


class Channel(HTTPChannel):
    """One connection; its site's `Unanswered` knows whether it has a whole request."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self._unanswered.is_idle(self)

    def dataReceived(self, data: bytes) -> None:
        if not self._handlingRequest:
            self._unanswered.has_begun(self)
        super().dataReceived(data)

    def allContentReceived(self) -> None:
        """A request is whole; until it is answered nothing is asked of the connection."""
        self._unanswered.forget(self)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """It has been answered."""
        behind = any(self._dataBuffer)
        if not self.persistent:
            self._unanswered.is_leaving(self)
        elif behind:
            self._unanswered.has_begun(self)
        else:
            self._unanswered.is_idle(self)
        super().requestDone(request)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's own has no default either
        self._unanswered.forget(self)
        super().connectionLost(reason)

    @property
    def _unanswered(self) -> Unanswered:
        known: Unanswered = self.site.unanswered  # type: ignore[attr-defined]  # set by Site
        return known


class Unanswered:
    """All of them, by what they are at and since when."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        *,
        clients: Clients | None = None,
        on_cut: Callable[[str], None] = lambda why: None,
    ) -> None:
        """The connections that proxies keep never give way; `on_cut` is told why a connection is broken off."""
        self._clock = clock
        self._clients = clients or Clients()
        self._on_cut = on_cut
        self._idle: OrderedDict[Channel, float] = OrderedDict()
        self._begun: OrderedDict[Channel, float] = OrderedDict()
        self._leaving: OrderedDict[Channel, float] = OrderedDict()
        self._alarm: IDelayedCall | None = None
        self._shut = False
        self._looking: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._idle) + len(self._begun) + len(self._leaving)

    def are_there(self, since: float) -> bool:
        """Whether a request may be on its way: one has begun, or a connection has been waiting for one since then."""
        return bool(self._begun) or any(at >= since for at in self._idle.values())

    def is_idle(self, channel: Channel) -> None:
        """Nothing of a request has come yet. Twisted ends that after a time."""
        self.forget(channel)
        self._idle[channel] = self._clock.seconds()

    def has_begun(self, channel: Channel) -> None:
        """Something of a request has come."""
        if channel not in self._begun:
            self.forget(channel)
            self._begun[channel] = self._clock.seconds()
            self._set_alarm()

    def is_leaving(self, channel: Channel) -> None:
        """The last answer is on its way, and nobody but its reader can make it faster."""
        self.forget(channel)
        self._leaving[channel] = self._clock.seconds()
        self._set_alarm()

    def forget(self, channel: Channel) -> None:
        """It has a whole request, or is gone."""
        self._idle.pop(channel, None)
        self._begun.pop(channel, None)
        self._leaving.pop(channel, None)

    def door_is_shut(self, shut: bool) -> None:
        """Whether all places are taken."""
        self._shut = shut
        if shut and self._looking is None:
            self._make_room()

    def _set_alarm(self) -> None:
        if self._alarm is None:
            due = [
                next(iter(several.values())) + within
                for several, within in ((self._begun, REQUEST_WITHIN), (self._leaving, LEAVES_WITHIN))
                if several
            ]
            if due:
                self._alarm = self._clock.callLater(max(0.0, min(due) - self._clock.seconds()), self._look)

    def _look(self) -> None:
        self._alarm = None
        now = self._clock.seconds()
        for several, within in ((self._begun, REQUEST_WITHIN), (self._leaving, LEAVES_WITHIN)):
            self._doom([each for each, since in several.items() if now - since >= within], "too_slow")
        self._clock.callLater(0, self._set_alarm)

    def _make_room(self) -> None:
        """Those of whom most are here give way first, the oldest of them; nobody who has only just come."""
        self._looking = None
        if not self._shut:
            return
        now = self._clock.seconds()
        waiting: list[tuple[float, str, Channel]] = []
        for several in (self._begun, self._idle, self._leaving):
            for channel, since in several.items():
                peer = channel.getPeer()
                if self._clients.trusts(peer):
                    # It may be about to send on a connection that it keeps, and nobody would send that again.
                    gives_way = several is self._begun and now - since >= _PROXY_SAFE_FOR
                else:
                    gives_way = now - since >= _SAFE_FOR
                if gives_way:
                    waiting.append((since, self._clients.at(peer), channel))
        waiting.sort(key=itemgetter(0))
        tally = Tally(client for _, client, _ in waiting)
        most = sorted(waiting, key=lambda each: -tally[each[1]])[:_GIVE_WAY]
        self._doom([channel for _, _, channel in most], "no_room")
        self._looking = self._clock.callLater(_LOOKS_AGAIN, self._make_room)

    def _doom(self, channels: Sequence[Channel], why: str) -> None:
        """Break them off in the next turn: if the reactor was held up, what they have sent is read in this one."""
        if channels:
            self._clock.callLater(0, self._cut, [(each, self._since(each)) for each in channels], why)

    def _cut(self, doomed: Sequence[tuple[Channel, float | None]], why: str) -> None:
        for channel, since in doomed:
            if since is not None and self._since(channel) == since:
                self.forget(channel)
                self._on_cut(why)
                self._log.debug("a connection is broken off: {why}", why=why)
                transport: Any = channel.transport
                transport.abortConnection()

    def _since(self, channel: Channel) -> float | None:
        return self._begun.get(channel) or self._idle.get(channel) or self._leaving.get(channel)
