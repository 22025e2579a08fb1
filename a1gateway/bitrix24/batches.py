"""Any number of commands to Bitrix24, in as few requests as they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..interfaces import IPortal
from .contacts import Command
from .portal import MOST_IN_A_BATCH
from .trouble import CommandTrouble, PortalError, PortalTrouble

# Every application may call it.
_ALIVE: tuple[str, Command] = ("alive", ("app.info", {}))


async def run_all(portal: IPortal, commands: Mapping[str, Command], *, apart: bool = False) -> dict[str, Any]:
    """All of them by their names, each with its result, or the `PortalTrouble` or `PortalError` that it came to.

    `apart`: that an application may not do this is said of the commands, also when it is said of all of them. Raises
    `PortalTrouble` when the portal as a whole cannot be asked; what has been run by then is not told.
    """
    results: dict[str, Any] = {}
    every = list(commands.items())
    beside = [_ALIVE] if apart else []
    most = MOST_IN_A_BATCH - len(beside)
    for start in range(0, len(every), most):
        asked = every[start : start + most]
        # Beside something that every application may do, a refusal is known for what it is.
        answered = await portal.batch(dict([*asked, *beside]))
        results |= {name: answered.get(name, PortalTrouble("Bitrix24 has not run a command")) for name, _ in asked}
    return results


async def run_one(portal: IPortal, command: Command) -> Any:
    """The result of a command that the application may not be allowed.

    Raises `CommandTrouble` and `PortalError`, and `PortalTrouble` when the portal as a whole cannot be asked.
    """
    return result_of((await run_all(portal, {"one": command}, apart=True))["one"])


def result_of(result: Any) -> Any:
    """What one command of several has come to; raises `CommandTrouble` and `PortalError`."""
    if isinstance(result, PortalTrouble):
        raise CommandTrouble.of(result)
    if isinstance(result, PortalError):
        raise result
    return result
