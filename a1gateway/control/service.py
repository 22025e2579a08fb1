"""The daemon's end: HTTP over the socket, one operation a request."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from ..errors import GatewayError
from .operations import Operations, written
from .place import short_path

_LARGEST_QUESTION = 16 * 1024 * 1024


class ControlService(Service):
    """Listens while the daemon works. Without it the daemon goes on, and the commands say that they cannot."""

    _log = Logger()

    def __init__(self, reactor: Any, socket: Path, operations: Operations) -> None:
        self.setName("control")
        self._reactor = reactor
        self._socket = socket
        self._asked = _Operations(operations)
        self._site = Site(self._asked, reactor=reactor)
        self._site.noisy = False
        self._held = ExitStack()
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        """Listen; whoever held the socket before is dead, as the store's lock has shown."""
        super().startService()
        try:
            path = self._held.enter_context(short_path(self._socket))
            if Path(path).exists() and not Path(path).is_socket():
                raise FileExistsError(f"{self._socket} is no socket: move it away")
            Path(path).unlink(missing_ok=True)
            # Nobody else gets in, not even for the moment until the mode is set.
            before = os.umask(0o177)
            try:
                self._port = self._reactor.listenUNIX(path, self._site, mode=0o600)
            finally:
                os.umask(before)
        except (OSError, CannotListenError) as error:
            self._held.close()
            self._log.warn("the commands cannot reach this daemon: {error}", error=str(error))

    def stopService(self) -> Deferred[None]:
        """Fires when nobody is listened to any more, and what was asked for has been answered."""
        super().stopService()
        port, self._port = self._port, None
        ending: Deferred[Any] = succeed(None) if port is None else maybeDeferred(port.stopListening)
        ending.addBoth(lambda _: self._held.close())
        return ending.addCallback(lambda _: DeferredList(self._asked.under_way)).addCallback(lambda _: None)


class _Operations(Resource):
    isLeaf = True
    _log = Logger()

    def __init__(self, operations: Operations) -> None:
        super().__init__()
        self._operations = operations
        self.under_way: set[Deferred[None]] = set()

    def render_POST(self, request: Request) -> int:  # noqa: N802
        """Do what the path names, with the arguments in the body."""
        work = Deferred.fromCoroutine(self._answer(request))
        ended: Deferred[None] = Deferred()
        self.under_way.add(ended)
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(content: bytes) -> None:
            if not gone:
                request.setHeader(b"Content-Type", b"application/json; charset=utf-8")
                request.write(content)
                request.finish()

        work.addCallback(answer)
        work.addErrback(lambda why: self._log.failure("a command could not be answered", failure=why))
        work.addCallback(lambda _: self._end(ended))
        return NOT_DONE_YET

    def _end(self, ended: Deferred[None]) -> None:
        self.under_way.discard(ended)
        ended.callback(None)

    async def _answer(self, request: Request) -> bytes:
        name = request.path.decode("ascii", "replace").strip("/")
        try:
            operation = self._operations.get(name)
            if operation is None:
                raise GatewayError(f"this daemon knows no {name!r}; is it of an older version than the command?")
            content = request.content
            body = content.read(_LARGEST_QUESTION + 1) if content is not None else b""
            if len(body) > _LARGEST_QUESTION:
                raise GatewayError("the question is larger than anything that can be asked")
            arguments = json.loads(body)
            if not isinstance(arguments, dict):
                raise GatewayError("the arguments are no JSON object")
            answer: dict[str, Any] = {"result": await operation(arguments)}
        except ValueError as error:
            answer = {"error": written(GatewayError(f"{name}: {error}"))}
        except GatewayError as error:
            answer = {"error": written(error)}
        except Exception as error:
            self._log.failure("{operation}: a fault of the gateway", operation=name)
            answer = {"error": written(error)}
        return json.dumps(answer, ensure_ascii=False, default=str).encode()
