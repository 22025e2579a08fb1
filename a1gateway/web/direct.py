"""Routes that are called for every message, beside Klein: it takes as long to find one as the rest of the answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from .answers import guarded

DirectRoute = Callable[[IRequest, str], Coroutine[Any, Any, bytes]]
"""Answers a request, given the secret in its address."""


class Direct(Resource):
    """Answers `<name>/<secret>` itself, and leaves every other address and method to Klein's resource."""

    isLeaf = True

    def __init__(self, others: IResource, name: str, methods: tuple[bytes, ...], route: DirectRoute) -> None:
        super().__init__()
        self._others = others
        self._name = name
        self._place = name.encode("ascii")
        self._methods = methods
        self._route = route

    def render(self, request: IRequest) -> Any:
        """See `IResource`."""
        secret = self._secret(request)
        if secret is None:
            return self._others.render(request)
        # It goes on when the client has gone: a message that is half taken in is one that nobody goes on with.
        answer = Deferred.fromCoroutine(guarded(request, self._name, self._route(request, secret)))
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)  # type: ignore[attr-defined]  # every request of twisted.web has it
        answer.addCallback(self._finish, request, gone)
        return NOT_DONE_YET

    def _secret(self, request: IRequest) -> str | None:
        place: list[bytes] = request.postpath
        if request.method not in self._methods or len(place) != 2 or place[0] != self._place or not place[1]:
            return None
        try:
            return place[1].decode("ascii")
        except UnicodeDecodeError:
            return None

    @staticmethod
    def _finish(body: bytes, request: IRequest, gone: Sequence[Failure]) -> None:
        if not gone:
            request.write(body)
            request.finish()
