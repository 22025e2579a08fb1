"""Strangers on the public routes: who has shown nothing yet, and how much may be spent on them.

Nobody who brings what only the portal or A1 can know is ever counted or limited: Bitrix24 does not repeat a call.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from ..metrics import Metrics
from ..pacing import TokenBucket
from .answers import NotGenuine, TooManyCalls, WrongSecret, check_secret
from .clients import HERE, Clients

GUESSES, GUESSES_A_SECOND = 100, 1.0
"""So many wrong secrets at once, and then so many a second, get the usual answer; for each client."""
PROOFS, PROOFS_A_SECOND = 10, 1 / 30
"""The same for calls that the portal has been asked about in vain; for each client."""
PROOFS_OF_ALL, PROOFS_OF_ALL_A_SECOND = 60, 0.5
"""The same for all clients together that the portal has never vouched for."""
AT_ONCE = 5
"""For so many calls of strangers to a route the portal is asked at a time."""
# A bucket takes a kilobyte.
_MOST_BUCKETS = 2_000
_MOST_VOUCHED_FOR = 10_000
_REMEMBERED = 86_400.0
_BETWEEN_WARNINGS = 60.0


class Strangers:
    """Counts what has proved to be nobody's, for each client, and answers too much of it with 429."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, metrics: Metrics, clients: Clients | None = None) -> None:
        self._clock = clock
        self._metrics = metrics
        self._clients = clients or Clients()
        self._guesses = _Buckets(lambda: TokenBucket(clock, GUESSES_A_SECOND, GUESSES))
        self._proofs = _Buckets(lambda: TokenBucket(clock, PROOFS_A_SECOND, PROOFS))
        self._of_all = TokenBucket(clock, PROOFS_OF_ALL_A_SECOND, PROOFS_OF_ALL)
        self._vouched_for: OrderedDict[str, float] = OrderedDict()
        self._asking: Tally[str] = Tally()
        self._warned_at = -_BETWEEN_WARNINGS

    def check_secret(self, request: IRequest, given: str, secret: str) -> None:
        """Raises `WrongSecret` unless they are the same, and `TooManyCalls` for one of too many wrong ones."""
        try:
            check_secret(given, secret)
        except WrongSecret:
            self._metrics.count(self._metrics.strangers, "wrong_secret")
            self._spend(request, self._guesses)
            raise

    @contextmanager
    def proving(self, request: IRequest, route: str, *, vouched: bool) -> Iterator[None]:
        """Around asking the portal whether a call is genuine.

        `vouched`: it brings what only the portal knows, so that it is limited by nothing here. Raises `TooManyCalls`
        before anything is asked.
        """
        client = self._clients.of(request)
        known = vouched or self._is_known(client)
        if not vouched:
            self._look(client, self._proofs.of(client))
            if not known:
                self._look(client, self._of_all)
        if not known and client != HERE and self._asking[route] >= AT_ONCE:
            raise self._too_many(1.0)
        self._asking[route] += not known
        try:
            yield
        except NotGenuine:
            self._metrics.count(self._metrics.strangers, "not_genuine")
            if not vouched and client != HERE:
                self._proofs.of(client).take_more(1)
                if not known:
                    self._of_all.take_more(1)
            raise
        else:
            self._remember(client)
        finally:
            self._asking[route] -= not known

    def _spend(self, request: IRequest, buckets: _Buckets) -> None:
        client = self._clients.of(request)
        if client != HERE:
            self._look(client, buckets.of(client))
            buckets.of(client).take_more(1)

    def _look(self, client: str, bucket: TokenBucket) -> None:
        if client == HERE or bucket.wait == 0:
            return
        now = self._clock.seconds()
        if now - self._warned_at >= _BETWEEN_WARNINGS:
            self._warned_at = now
            self._log.warn("calls of {client} get 429: too many of them were nobody's", client=client)
        raise self._too_many(bucket.wait)

    def _too_many(self, after: float) -> TooManyCalls:
        self._metrics.count(self._metrics.strangers, "too_many")
        return TooManyCalls(after)

    def _is_known(self, client: str) -> bool:
        since = self._vouched_for.get(client)
        return since is not None and self._clock.seconds() - since < _REMEMBERED

    def _remember(self, client: str) -> None:
        self._vouched_for[client] = self._clock.seconds()
        self._vouched_for.move_to_end(client)
        while len(self._vouched_for) > _MOST_VOUCHED_FOR:
            self._vouched_for.popitem(last=False)


class _Buckets:
    """One for each client, of so many clients as have come last."""

    def __init__(self, make: Callable[[], TokenBucket]) -> None:
        self._make = make
        self._kept: OrderedDict[str, TokenBucket] = OrderedDict()

    def of(self, client: str) -> TokenBucket:
        """The client's."""
        bucket = self._kept.get(client)
        if bucket is None:
            bucket = self._kept[client] = self._make()
            if len(self._kept) > _MOST_BUCKETS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(client)
        return bucket
