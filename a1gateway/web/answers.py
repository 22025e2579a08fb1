"""Answers in JSON, and the one place that turns errors into them."""

from __future__ import annotations

import functools
import hmac
import json
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from ..errors import TryLater
from .forms import BadBody, TooLarge
from .site import answer_nothing

P = ParamSpec("P")
S = TypeVar("S")

_log = Logger()
_AS_JSON = json.JSONEncoder(ensure_ascii=False)
_RETRY_AFTER = b"30"


class NotGenuine(Exception):
    """A call that claims to be Bitrix24's and is not proved to be; answered with 403. The text is for the log."""


class WrongSecret(Exception):
    """An address with a wrong secret; answered as if there were nothing."""


class TooManyCalls(Exception):
    """One call too many of a client whose calls have proved to be nobody's; answered with 429."""

    def __init__(self, after: float) -> None:
        """`after` is when the next may come, in seconds."""
        super().__init__("too many calls of a client that is not known")
        self.after = after


def check_secret(given: str, secret: str) -> None:
    """Raises `WrongSecret` unless they are the same; takes the same time however much of it is right."""
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode()):
        raise WrongSecret


def json_answer(request: IRequest, content: Any, code: int = 200) -> bytes:
    """`content` as the body of an answer."""
    request.setResponseCode(code)
    request.setHeader(b"Content-Type", b"application/json; charset=utf-8")
    request.setHeader(b"Cache-Control", b"no-store")
    body = _AS_JSON.encode(content).encode()
    request.setHeader(b"Content-Length", str(len(body)).encode())
    return body


def retry_after(request: IRequest, much: TooManyCalls) -> None:
    """Say when the next call may come."""
    request.setHeader(b"Retry-After", b"%d" % math.ceil(max(1.0, much.after)))


def refused(request: IRequest, why: Exception) -> bool:
    """Give a page about `why` (`NotGenuine`, `TooManyCalls`, `TryLater`) its status; True: try it again later."""
    later = not isinstance(why, NotGenuine)
    request.setResponseCode(503 if later else 403)
    if isinstance(why, TooManyCalls):
        request.setResponseCode(429)
        retry_after(request, why)
    return later


def error_answer(request: IRequest, code: int, error: str, description: str) -> bytes:
    """An error in the form that the operator's contract gives it."""
    return json_answer(request, {"error": error, "error_description": description}, code)


Route = Callable[Concatenate[S, IRequest, P], Coroutine[Any, Any, bytes]]


def answering(route: Route[S, P]) -> Route[S, P]:
    """A route whose errors become answers."""

    @functools.wraps(route)
    async def answered(self: S, request: IRequest, *arguments: P.args, **named: P.kwargs) -> bytes:
        work = _whatever_the_client_does(route(self, request, *arguments, **named))
        return await guarded(request, route.__name__, work)

    return answered  # type: ignore[return-value]  # functools.wraps loses that `self` is positional


async def guarded(request: IRequest, route: str, work: Awaitable[bytes]) -> bytes:
    """What `work` answers, or what its error makes of it."""
    try:
        return await work
    except CancelledError:
        # Nobody is left to be answered.
        return b""
    except WrongSecret:
        answer_nothing(request)
        return b""
    except BadBody as bad:
        _log.info("{route}: answered 400: {why}", route=route, why=bad.description)
        return error_answer(request, 400, bad.code, bad.description)
    except NotGenuine as forged:
        _log.warn("{route}: answered 403: {why}", route=route, why=str(forged))
        return error_answer(request, 403, "not_genuine", "this call is not proved to come from the portal")
    except TooManyCalls as much:
        retry_after(request, much)
        return error_answer(
            request, 429, "too_many_calls", "too many calls that were not the portal's; try again later"
        )
    except TooLarge:
        return error_answer(request, 413, "too_large", "the body is too large")
    except TryLater as trouble:
        _log.error("{route}: answered 503: {why}", route=route, why=str(trouble))
        request.setHeader(b"Retry-After", _RETRY_AFTER)
        return error_answer(request, 503, "try_later", "the gateway cannot take this at the moment")
    except Exception:
        _log.failure("{route}: answered 500; this is a fault of the gateway", route=route)
        return error_answer(request, 500, "gateway_fault", "the gateway failed; its log says why")


def _whatever_the_client_does(work: Coroutine[Any, Any, bytes]) -> Deferred[bytes]:
    """The result of `work`, which goes on when Klein cancels the route of a client that has gone.

    A message that is half taken in when Bitrix24 hangs up is a message that nobody goes on with.
    """
    answer: Deferred[bytes] = Deferred()

    def done(result: bytes | Failure) -> None:
        if not answer.called:
            answer.callback(result)
        elif isinstance(result, Failure):
            _log.failure("a request whose client has gone failed", failure=result)

    Deferred.fromCoroutine(work).addBoth(done)
    return answer


def http_error(request: IRequest, failure: Any) -> bytes:
    """For Klein: what its routing found wrong with an address or a method."""
    problem: HTTPException = failure.value
    if isinstance(problem, MethodNotAllowed):
        allowed = ", ".join(sorted(problem.valid_methods or ()))
        request.setHeader(b"Allow", allowed.encode("ascii"))
        return error_answer(request, 405, "method_not_allowed", f"this address takes {allowed}")
    if isinstance(problem, NotFound):
        answer_nothing(request)
        return b""
    return error_answer(request, problem.code or 400, "bad_request", "the request cannot be understood")
