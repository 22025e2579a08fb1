"""Bitrix24's REST API: one method or a batch, within the request budget, with the stored tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..errors import AnswerLost, NotSent
from ..http_client import Answer, IHttpClient
from ..journal.journal import Installation
from ..metrics import Metrics
from .addresses import endpoint_address
from .budget import Budget, Use
from .queries import query
from .trouble import (
    EXPIRED,
    INVALID_TOKEN,
    NO_AUTH_FOUND,
    OPERATION_LIMIT,
    QUERY_LIMIT,
    PortalError,
    PortalTrouble,
    judge,
)

MOST_IN_A_BATCH = 50
# Bitrix24 itself ends a request after 60 s.
_TIMEOUT = 65.0
_OF_TOKENS = (EXPIRED, INVALID_TOKEN, NO_AUTH_FOUND)
# Nobody means the year 5138.
_LAST_MOMENT = 1e11
_MOVED = (301, 302, 307, 308)


class ITokens(Protocol):
    """The pair of tokens that the portal is called with."""

    def current(self) -> Installation:
        """The tokens to use; raises `NotInstalled`."""

    def refresh(self, expired: str) -> Deferred[Installation]:
        """A pair newer than the access token `expired`; fails with `PortalTrouble`."""


class Portal:
    """Calls the portal that installed the application. See `interfaces.IPortal` for what is promised."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, client: IHttpClient, tokens: ITokens, budget: Budget, metrics: Metrics
    ) -> None:
        self._clock = clock
        self._client = client
        self._tokens = tokens
        self._budget = budget
        self._metrics = metrics
        self._exhausted: dict[str, float] = {}
        self.trouble: PortalTrouble | None = None
        """What kept the portal from answering the latest request; None when it did answer."""

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """See `IPortal`."""
        return await self._noted(method, parameters, paid=False)

    async def _noted(self, method: str, parameters: Mapping[str, Any], *, paid: bool) -> Any:
        with self._giving_back(paid):
            spent = self._exhausted_by(method)
            if spent is not None:
                raise spent
        try:
            result = await self._call(method, parameters, paid=paid)
        except PortalTrouble as trouble:
            self._note(trouble)
            raise
        except PortalError as refusal:
            if method == "batch":
                # It says nothing of any command.
                of_all = PortalTrouble(f"Bitrix24 answers {refusal}", code=refusal.code)
                self._note(of_all)
                raise of_all from None
            self._note(None)
            raise
        self._note(None)
        return result

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        """See `IPortal`."""
        assert len(commands) <= MOST_IN_A_BATCH
        spent = {name: trouble for name, (method, _) in commands.items() if (trouble := self._exhausted_by(method))}
        with self._giving_back(paid):
            if len(spent) == len(commands) > 0:
                raise next(iter(spent.values()))
        outcome: dict[str, Any] = dict(spent)
        commands = {name: command for name, command in commands.items() if name not in spent}
        written = {name: f"{method}?{query(parameters)}" for name, (method, parameters) in commands.items()}
        answer = await self._noted("batch", {"halt": 0, "cmd": written}, paid=paid)
        results = _part(answer, "result")
        errors = _part(answer, "result_error")
        times = _part(answer, "result_time")
        shut_out: list[PortalTrouble] = []
        expired = False
        for name, (method, _) in commands.items():
            if name in errors:
                code, description = _error(errors[name])
                time = times.get(name) if isinstance(times.get(name), dict) else None
                error = self._judge(method, code, description, time)
                if isinstance(error, PortalTrouble) and code.upper() in _OF_TOKENS:
                    # Left out, as if it had not been run: it goes again with the new token.
                    expired = True
                elif isinstance(error, PortalTrouble) and error.operator:
                    # Of one command it says something about that command, of all of them about the application.
                    shut_out.append(error)
                    outcome[name] = PortalError(code, description)
                else:
                    outcome[name] = error
                    if isinstance(error, PortalTrouble):
                        self._note(error)
            elif name in results:
                outcome[name] = results[name]
        if len(shut_out) == len(commands) > 0:
            self._note(shut_out[0])
            raise shut_out[0]
        if expired:
            try:
                await self._tokens.refresh(self._tokens.current().access_token)
            except PortalTrouble as trouble:
                # What has been done is done all the same.
                self._note(trouble)
        return outcome

    async def ask_as(
        self, endpoint: str, token: str, method: str, parameters: Mapping[str, Any] = MappingProxyType({})
    ) -> Any:
        """The result of a method, asked of any endpoint with any token: to see whose it is, or what it may see.

        Raises `PortalTrouble` when nothing can be said now, and `PortalError` when the endpoint does not accept the
        token.
        """
        await self._budget.take(Use.LOOK_UPS)
        content = await self._send(endpoint, method, {**parameters, "auth": token})
        if "error" in content:
            code, description = _error(content)
            error = self._judge(method, code, description, content.get("time"))
            if isinstance(error, PortalTrouble) and not error.operator and error.code != EXPIRED:
                raise error
            raise PortalError(code or "error", description)
        return content["result"]

    async def _call(self, method: str, parameters: Mapping[str, Any], *, paid: bool) -> Any:
        with self._giving_back(paid):
            installation = self._tokens.current()
        refreshed = False
        while True:
            if not paid:
                await self._budget.take(Use.LOOK_UPS)
            paid = False
            content = await self._send(
                installation.client_endpoint, method, {**parameters, "auth": installation.access_token}
            )
            if "error" not in content:
                return content["result"]
            code, description = _error(content)
            if code.upper() not in _OF_TOKENS or refreshed:
                error = self._judge(method, code, description, content.get("time"))
                raise error
            refreshed = True
            installation = await self._tokens.refresh(installation.access_token)

    async def _send(self, endpoint: str, method: str, content: Mapping[str, Any]) -> dict[str, Any]:
        result = "unreachable"
        try:
            answer = await self._client.post_json(f"{endpoint}{method}.json", content, timeout=_TIMEOUT)
            moved = _new_home(endpoint, answer)
            if moved is not None:
                # A renamed portal; the refreshed tokens will name its new address.
                answer = await self._client.post_json(f"{moved}{method}.json", content, timeout=_TIMEOUT)
            result = "not_understood"
            understood = _content(answer)
            result = _label(understood)
        except (NotSent, AnswerLost) as trouble:
            raise PortalTrouble(f"Bitrix24 cannot be reached: {trouble}") from None
        finally:
            self._metrics.count(self._metrics.portal_requests, method, result)
            self._budget.answered()
        return understood

    @contextmanager
    def _giving_back(self, paid: bool) -> Iterator[None]:
        """What fails in here fails before the request that a turn was taken for."""
        try:
            yield
        except PortalTrouble:
            if paid:
                self._budget.give_back()
            raise

    def _judge(self, method: str, code: str, description: str, time: Any) -> PortalTrouble | PortalError:
        reset_at, now = _moment(time, "operating_reset_at"), _moment(time, "finish")
        if now is None:
            # Its own clock is the better one to go by, for the two may differ.
            now = self._clock.seconds()
        error = judge(code, description, reset_in=None if reset_at is None else reset_at - now)
        if isinstance(error, PortalTrouble) and error.pause is not None:
            if error.code == QUERY_LIMIT:
                self._budget.drain(error.pause)
            elif error.code == OPERATION_LIMIT:
                self._exhausted[method] = self._clock.seconds() + error.pause
        return error

    def _exhausted_by(self, method: str) -> PortalTrouble | None:
        """Why a method is not to be asked for now; None when it is."""
        left = self._exhausted.get(method, 0.0) - self._clock.seconds()
        if left > 0:
            return PortalTrouble(f"Bitrix24 has spent its time on {method}", code=OPERATION_LIMIT, pause=left)
        self._exhausted.pop(method, None)
        return None

    def _note(self, trouble: PortalTrouble | None) -> None:
        before, self.trouble = self.trouble, trouble
        if trouble is None:
            if before is not None:
                self._log.info("Bitrix24 is well again")
        elif before is None or before.code != trouble.code:
            if trouble.operator:
                self._log.critical("{trouble}", trouble=str(trouble))
            else:
                self._log.warn("{trouble}", trouble=str(trouble))


def _content(answer: Answer) -> dict[str, Any]:
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not ("result" in content or "error" in content):
        raise PortalTrouble(f"Bitrix24 answers HTTP {answer.code} and nothing that can be understood")
    return content


def _error(content: Any) -> tuple[str, str]:
    """Code and description; Bitrix24's own code is sometimes empty, a number or a sentence."""
    if not isinstance(content, Mapping):
        return str(content)[:200], ""
    return str(content.get("error", ""))[:200], str(content.get("error_description", ""))[:500]


def _moment(time: Any, name: str) -> float | None:
    """A moment of an answer's `time`, in seconds since the epoch; None when there is none that makes sense."""
    moment = time.get(name) if isinstance(time, Mapping) else None
    return float(moment) if isinstance(moment, (int, float, Decimal)) and 0 < moment < _LAST_MOMENT else None


def _part(answer: Any, name: str) -> dict[str, Any]:
    """A part of a batch's answer; PHP writes an empty one as a list."""
    part = answer.get(name) if isinstance(answer, Mapping) else None
    return part if isinstance(part, dict) else {}


def _new_home(endpoint: str, answer: Answer) -> str | None:
    """Where a renamed portal sends us, as an endpoint; None when it does not or it must not be followed."""
    if answer.code not in _MOVED or not answer.location:
        return None
    split = urlsplit(answer.location)
    if not split.netloc:
        return None
    return endpoint_address(f"{split.scheme}://{split.netloc}{urlsplit(endpoint).path}")


def _label(content: Mapping[str, Any]) -> str:
    """The result as a label: Bitrix24's codes are words, and nothing else may make a label of its own."""
    if "error" not in content:
        return "ok"
    code = _error(content)[0].lower()
    return code if code.replace("_", "").isalpha() and len(code) < 50 else "error"
