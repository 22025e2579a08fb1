"""The daemon as the commands of the contact base need it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..carriers.a1answers import Cost
from ..carriers.outcome import LinkTrouble, Trouble
from ..config_sections import Config
from ..control.command import run_command
from ..control.operations import IDesk, RemotePortal
from ..errors import TryLater
from .command import Console, Daemon


def run(name: str) -> Callable[[str, Callable[[Daemon], Awaitable[int]]], int]:
    """What does the work of the command `name` with the daemon of a configuration."""

    def run_one(config_path: str, work: Callable[[Daemon], Awaitable[int]]) -> int:
        async def with_the_daemon(desk: IDesk, config: Config) -> int:
            from twisted.internet import reactor

            clock: Any = reactor
            http = config.a1.transport == "http"
            portal_name = str(await desk.ask("portal.name", {}))
            prices = Prices(desk) if http else None
            return await work(Daemon(clock, config, RemotePortal(desk), portal_name, _Consents(desk), prices))

        return run_command(name, config_path, with_the_daemon)

    return run_one


def console() -> Console:
    """The one that the command was started at."""
    return Console(sys.stdin, sys.stdout, sys.stderr)


class _Consents:
    """See `campaign.IConsentDesk`."""

    def __init__(self, desk: IDesk) -> None:
        self._desk = desk

    async def consents(self, numbers: Sequence[str]) -> Mapping[str, str]:
        answer = await self._desk.ask("marketing.consents", {"numbers": list(numbers)})
        return {str(number): str(word) for number, word in answer.items()}


class Prices:
    """See `campaign.IPriceDesk`."""

    def __init__(self, desk: IDesk, sender_id: str | None = None) -> None:
        """`sender_id`: another than that of marketing SMS."""
        self._desk = desk
        self._sender_id = sender_id

    async def cost(self, text: str, numbers: Sequence[str]) -> Cost:
        try:
            answer = await self._desk.ask(
                "a1.cost", {"text": text, "numbers": list(numbers), "sender_id": self._sender_id}
            )
        except TryLater as trouble:
            raise LinkTrouble(Trouble.UNAVAILABLE, str(trouble)) from None
        return Cost(Decimal(answer["amount"]), int(answer["messages"]), answer["refused"])
