"""A1's HTTP API that takes everything and delivers it, calling back or waiting to be asked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .books import Books
from .http_wire import Pool, form

_FIRST_ID = 100_000_000
_DELIVERED = {"code": 3, "name": "Доставлено"}
_ENROUTE = {"code": 1, "name": "Принято оператором"}
_UNKNOWN = {"code": False, "name": "Сообщение не найдено"}
# How often callbacks that are due are looked at, in seconds.
_TICK = 0.005
_CONNECTIONS = 10


class A1:
    """Answers the methods that the gateway calls; keeps the books of what it took."""

    def __init__(self, books: Books, *, login: str, apikey: str, receipt_after: float) -> None:
        """`receipt_after` is how long after its acceptance a message is delivered, in seconds."""
        self.books = books
        self.receipt_after = receipt_after
        self.port = 0
        self.requests: Counter[str] = Counter()
        """By method."""
        self._credentials = (login, apikey)
        self._identifiers = _FIRST_ID
        self._delivered_at: dict[int, float] = {}
        self._names: dict[str, int] = {}
        self._due: deque[int] = deque()
        self._callbacks: Pool | None = None
        self._callback = ("", "")
        self._timer: asyncio.TimerHandle | None = None

    def call_back(self, port: int, secret: str) -> None:
        """Call the gateway with every final status from now on."""
        self._callbacks = Pool(port, _CONNECTIONS)
        self._callback = (f"/a1/callback/{secret}", f"127.0.0.1:{port}")

    def close(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._callbacks is not None:
            self._callbacks.close()
            self._callbacks = None

    def respond(self, target: str, body: bytes) -> tuple[int, bytes]:
        """For `http_wire.serve`."""
        method = target.partition("?")[0].removeprefix("/api/")
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True))
        self.requests[method] += 1
        if (fields.get("user"), fields.get("apikey")) != self._credentials:
            content: dict[str, Any] = {"status": False, "error": {"code": 4, "description": "wrong credentials"}}
        else:
            content = {"status": True} | self._answer(method, fields)
        return 200, json.dumps(content, ensure_ascii=False).encode()

    def _answer(self, method: str, fields: Mapping[str, str]) -> dict[str, Any]:
        match method:
            case "send/sms":
                return self._take(fields)
            case "sendBulk/sms":
                return {"messages": [self._take(each) for each in json.loads(fields["messages"])]}
            case "status/sms":
                return {"message_status": self._status(int(fields["message_id"]))}
            case "statusCustom/sms":
                return {"message_status": self._status(self._names.get(fields["custom_id"], 0))}
            case "statusBulk/sms":
                asked = [int(each) for each in fields["message_ids"].split(",")]
                return {"messages_status": [self._status(each) | {"message_id": each} for each in asked]}
            case "statusCustomBulk/sms":
                names = fields["message_ids"].split(",")
                return {"messages_status": [self._named(each) for each in names]}
            case "balances":
                return {"sms": "1000.00", "viber": "0.00"}
            case "senderNames":
                return {"sms": ["MyShop"]}
        return {"status": False, "error": {"code": 2, "description": "no such call"}}

    def _take(self, fields: Mapping[str, str]) -> dict[str, Any]:
        name = fields["custom_id"]
        if name in self._names:
            return {"error": {"code": 20, "description": "duplicate"}}
        self.books.taken(fields["msisdn"].removeprefix("+"), fields["text"])
        self._identifiers += 1
        self._names[name] = self._identifiers
        loop = asyncio.get_running_loop()
        self._delivered_at[self._identifiers] = loop.time() + self.receipt_after
        if self._callbacks is not None:
            self._due.append(self._identifiers)
            if self._timer is None:
                self._timer = loop.call_later(_TICK, self._tick)
        return {
            "message_id": self._identifiers,
            "price": "0.0450",
            "parts": 1,
            "amount": "0.0450",
            "custom_id": name,
        }

    def _status(self, identifier: int) -> dict[str, Any]:
        delivered_at = self._delivered_at.get(identifier)
        if delivered_at is None:
            return _UNKNOWN
        return _DELIVERED if delivered_at <= asyncio.get_running_loop().time() else _ENROUTE

    def _named(self, name: str) -> dict[str, Any]:
        identifier = self._names.get(name, 0)
        return self._status(identifier) | {"message_id": identifier or None, "custom_id": name}

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._due and self._delivered_at[self._due[0]] <= now:
            self._tell(self._due.popleft())
        self._timer = loop.call_later(_TICK, self._tick) if self._due else None

    def _tell(self, identifier: int) -> None:
        if self._callbacks is None:
            return
        target, host = self._callback
        written = form("POST", target, host, urlencode({"message_id": identifier, "status": "DELIVERED"}).encode())

        def done(status: int, body: bytes) -> None:
            if status != 200:
                # As A1 does: later again.
                asyncio.get_running_loop().call_later(1.0, self._tell, identifier)

        self._callbacks.call(written, done)
