"""The seams of the gateway: what each part promises to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .carriers.outcome import Outcome, Standing
from .message import Submission


class ICarrier(Protocol):
    """A way to A1. One exists in a gateway, chosen in the config."""

    bulk_size: int
    """The most messages that `submit` takes at once."""
    batch_size: int
    """The most messages that `look_up` and `statuses` take at once."""
    submits_at_once: int
    """The most submits that may be under way."""

    async def turns(self, most: int) -> int:
        """Wait until a submit may go out under A1's limits, and say how many may, up to `most`.

        Every `submit` uses up one turn. 0: none can for now; the dispatcher is woken when that changes.
        """

    def give_back(self, turns: int) -> None:
        """These were not used: there was nothing to submit."""

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Hand messages over; exactly one outcome for each, in the same order, and no exception for what A1 says.

        When it ends without a result (cancelled, or the process dies), every message has to be looked up.
        """

    async def look_up(self, submissions: Sequence[Submission]) -> dict[int, Standing | None]:
        """Ask A1 whether it has these, by `custom_id`: the standing by row id, None where A1 says that it has none.

        Of those left out A1 has said nothing. Raises `LinkTrouble` when it gave no usable answer at all.
        """

    async def statuses(self, submissions: Sequence[Submission]) -> dict[int, Standing]:
        """Ask for the statuses of messages that A1 has taken, by row id; raises `LinkTrouble`."""

    async def probe(self) -> None:
        """Ask A1 for something harmless; raises `LinkTrouble` when it does not let us in."""


class IPortal(Protocol):
    """Bitrix24's REST API, as the application that was installed."""

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """The `result` of one method; raises `PortalTrouble`."""

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        """Run up to 50 commands, methods with their parameters, in one request.

        `paid`: its turn in the budget has been taken.

        Gives, by the commands' names, each one's result or its `PortalError`; a command that was not run is left
        out. Raises `PortalTrouble` when the request as a whole brought nothing.
        """
