"""What the commands can ask of the daemon, by name, and how what goes wrong crosses from one process to the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ..bitrix24.queries import Reference
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..errors import GatewayError, TryLater
from ..interfaces import IPortal

Operation = Callable[[dict[str, Any]], Awaitable[Any]]
"""Takes arguments and gives a result that can be written as JSON; raises `GatewayError`."""
Operations = Mapping[str, Operation]


class Fault(GatewayError):
    """The daemon failed at it; its log says why."""


class IDesk(Protocol):
    """Whoever does what a command asks for: the daemon, or the command's own process while there is none."""

    async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """The operation's result; raises `GatewayError`, of the kind that it was raised as."""


class OwnDesk:
    """Does it in this process."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """See `IDesk`."""
        if operation not in self._operations:
            raise GatewayError(f"with this configuration nobody can be asked for {operation}")
        return await self._operations[operation](dict(arguments))


class RemotePortal:
    """The portal as the daemon's process calls it: with its tokens, within its budget. See `interfaces.IPortal`."""

    def __init__(self, desk: IDesk) -> None:
        self._desk = desk

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """See `IPortal`."""
        return await self._desk.ask("portal.call", {"method": method, "parameters": parameters})

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        """See `IPortal`; nothing is ever paid here."""
        del paid
        asked = {
            name: [method, parameters, references(parameters)] for name, (method, parameters) in commands.items()
        }
        answer = await self._desk.ask("portal.batch", {"commands": asked})
        return {
            name: result["result"] if "result" in result else raised(result["error"])
            for name, result in answer.items()
        }


def portal_operations(portal: IPortal, name: Callable[[], str]) -> dict[str, Operation]:
    """The portal's methods, for `RemotePortal`, and its host, which `name` tells."""

    async def named(given: dict[str, Any]) -> Any:
        del given
        return name()

    async def call(given: dict[str, Any]) -> Any:
        return await portal.call(str(given["method"]), given["parameters"])

    async def batch(given: dict[str, Any]) -> Any:
        commands = {
            name: (method, referring(parameters, paths))
            for name, (method, parameters, paths) in given["commands"].items()
        }
        results = await portal.batch(commands)
        return {
            name: {"error": written(result)} if isinstance(result, Exception) else {"result": result}
            for name, result in results.items()
        }

    return {"portal.name": named, "portal.call": call, "portal.batch": batch}


def references(values: Any) -> list[list[Any]]:
    """Where in nested parameters a `Reference` stands, as paths of keys: JSON does not tell one from a text."""
    if isinstance(values, Reference):
        return [[]]
    inner = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    return [[key, *path] for key, value in inner for path in references(value)]


def referring(values: Any, paths: list[list[Any]]) -> Any:
    """The parameters with a `Reference` at these paths again."""
    for *way, last in paths:
        place = values
        for key in way:
            place = place[key]
        place[last] = Reference.read(place[last])
    return values


def written(error: Exception) -> dict[str, Any]:
    """An error as it crosses."""
    if isinstance(error, PortalTrouble):
        return {
            "kind": "portal_trouble",
            "text": str(error),
            "code": error.code,
            "pause": error.pause,
            "operator": error.operator,
        }
    if isinstance(error, PortalError):
        return {"kind": "portal_error", "code": error.code, "text": error.description}
    if isinstance(error, TryLater):
        return {"kind": "try_later", "text": str(error)}
    kind = "refused" if isinstance(error, GatewayError) and not isinstance(error, Fault) else "fault"
    text = str(error) if isinstance(error, GatewayError) else "the daemon failed at it; its log says why"
    return {"kind": kind, "text": text}


def raised(error: Mapping[str, Any]) -> GatewayError:
    """The error that was written so."""
    text = str(error.get("text", ""))
    kind = error.get("kind")
    if kind == "portal_trouble":
        pause = error.get("pause")
        return PortalTrouble(
            text,
            code=str(error.get("code", "")),
            pause=None if pause is None else float(pause),
            operator=bool(error.get("operator")),
        )
    if kind == "portal_error":
        return PortalError(str(error.get("code", "")), text)
    return {"try_later": TryLater, "refused": GatewayError}.get(str(kind), Fault)(text)
