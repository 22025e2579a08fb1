"""HTTP as the tests speak it: one request, one connection, a bounded wait."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

# What a daemon that is not there, or is being killed, answers with.
NO_ANSWER = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


def fetch(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    content: Any = None,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 15.0,
) -> Reply:
    """Send a form, JSON (`content`) or any body; raises one of `NO_ANSWER`."""
    given = {"Connection": "close", **(headers or {})}
    if form is not None:
        body = urlencode(form).encode()
        given["Content-Type"] = "application/x-www-form-urlencoded"
    elif content is not None:
        body = json.dumps(content).encode()
        given["Content-Type"] = "application/json"
    address = urlsplit(url)
    target = address.path + (f"?{address.query}" if address.query else "")
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    try:
        connection.request(method, target, body=body, headers=given)
        with connection.getresponse() as response:
            return Reply(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()
