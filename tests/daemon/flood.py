"""Many requests over connections that are kept open, each of which waits for its answer before the next one."""

from __future__ import annotations

import selectors
import socket
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlencode

_LONGEST_WAIT = 30.0
_END_OF_HEADERS = b"\r\n\r\n"


class _Line:
    """One connection, and what of an answer has come."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_LONGEST_WAIT)
        self._received = b""

    def read(self) -> int | None:
        """Take what has come; the status of the answer once that is whole."""
        piece = self.socket.recv(65536)
        assert piece, "the daemon closed a connection that was to be kept"
        self._received += piece
        head, end, body = self._received.partition(_END_OF_HEADERS)
        if not end:
            return None
        lines = head.lower().split(b"\r\n")
        (length,) = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
        if len(body) < length:
            return None
        assert len(body) == length, "more than one answer to one request"
        self._received = b""
        return int(lines[0].split()[1])


def flood(port: int, path: str, forms: Iterable[dict[str, str]], connections: int) -> Counter[int]:
    """Post the forms over so many connections; how often each HTTP status was the answer."""
    waiting = iter(forms)
    answers: Counter[int] = Counter()

    def post(line: _Line) -> bool:
        form = next(waiting, None)
        if form is None:
            return False
        body = urlencode(form)
        line.socket.sendall(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        return True

    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            line = _Line(port)
            if post(line):
                selector.register(line.socket, selectors.EVENT_READ, line)
            else:
                line.socket.close()
        while selector.get_map():
            ready = selector.select(_LONGEST_WAIT)
            assert ready, f"no answer for {_LONGEST_WAIT:g} s, after {answers}"
            for key, _ in ready:
                status = key.data.read()
                if status is None:
                    continue
                answers[status] += 1
                if not post(key.data):
                    selector.unregister(key.data.socket)
                    key.data.socket.close()
    return answers
