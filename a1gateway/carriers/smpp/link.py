"""The lasting link to the centre: one transceiver bind, or a transmitter's and a receiver's."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from ..outcome import LinkTrouble
from .bind import LastingBind
from .exchange import Values
from .pdu import Pdu
from .receiving import OnDelivery
from .settings import Bind, LinkSettings

__all__ = ["Link", "LinkSettings"]


class Link(Service):
    """Connected from its start to its stop, and bound anew whenever that breaks."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        settings: LinkSettings,
        *,
        label: str,
        on_delivery: OnDelivery,
        on_change: Callable[[], None],
        on_room: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        """`label` names the centre to the operator, as `smpp.example.by:2775`.

        `on_delivery` writes a deliver_sm or data_sm down and says with which command status it is answered; raises
        it, the centre is asked to try again. `on_change` is called after every change of `bound` and `trouble`,
        `on_room` whenever a full window has a free place again. `random` gives numbers from 0 to 1.
        """

        def lasting(bind: Bind, centre: str) -> LastingBind:
            return LastingBind(
                clock,
                endpoint,
                settings,
                bind,
                centre=centre,
                on_delivery=on_delivery,
                on_change=lambda: self._tell(on_change),
                on_room=lambda: self._tell(on_room),
                random=random,
            )

        centre = f"A1's SMSC {label}"
        if settings.pair:
            self._submitting = lasting(Bind.TRANSMITTER, f"{centre} (transmitter)")
            self._binds = [self._submitting, lasting(Bind.RECEIVER, f"{centre} (receiver)")]
        else:
            self._submitting = lasting(Bind.TRANSCEIVER, centre)
            self._binds = [self._submitting]

    def startService(self) -> None:
        """Connect."""
        super().startService()
        for each in self._binds:
            each.start()

    def stopService(self) -> Deferred[None]:
        """Take no more requests, wait a little for those in flight, unbind; fires when no connection is left."""
        super().stopService()
        return gatherResults([each.stop() for each in self._binds]).addCallback(lambda _: None)

    def request(self, command: str, *, tlvs: Values | None = None, **fields: int | str | bytes) -> Deferred[Pdu]:
        """Send a submit_sm or query_sm; see `Session.request`. Fails with `NotSent` when it cannot submit."""
        return self._submitting.request(command, tlvs=tlvs, **fields)

    @property
    def bound(self) -> bool:
        """Whether every bind stands."""
        return all(each.bound for each in self._binds)

    @property
    def tried(self) -> bool:
        """Whether every bind has been tried, well or in vain."""
        return all(each.tried for each in self._binds)

    @property
    def can_submit(self) -> bool:
        """Whether requests are taken; of a pair, whether the transmitter is bound."""
        return self._submitting.bound

    @property
    def in_flight(self) -> int:
        """How many requests have left and have no answer."""
        return self._submitting.in_flight

    @property
    def room(self) -> int:
        """How many requests would leave at once; 0 when none is taken."""
        return self._submitting.room

    @property
    def trouble(self) -> LinkTrouble | None:
        """Why it is not bound, for the operator; None when it is."""
        return next((each.trouble for each in self._binds if each.trouble is not None), None)

    @property
    def bound_since(self) -> float | None:
        """Since when `bound` holds, on the clock's time; None when it does not."""
        return max(each.bound_since or 0.0 for each in self._binds) if self.bound else None

    @property
    def last_enquire_link(self) -> float | None:
        """When an enquire_link was last answered, theirs or ours; of a pair the earlier. None: not yet."""
        times = [each.last_enquire_link for each in self._binds]
        return min((each for each in times if each is not None), default=None)

    @property
    def reconnections(self) -> int:
        """How many binds came after the first one, or after the first of each of a pair."""
        return sum(each.reconnections for each in self._binds)

    @property
    def unexpected_responses(self) -> int:
        """How many responses came that answer no request."""
        return sum(each.unexpected_responses for each in self._binds)

    def _tell(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            # Whatever is wrong with whoever listens, the bind goes on.
            self._log.failure("whoever follows the link has failed; this is a fault of the gateway")
