"""A Bitrix24 portal with its OAuth server: the installation, the sender, statuses, and the limit of requests."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .books import Books

CLIENT_ID = "local.benchmark"
CLIENT_SECRET = "client-secret-of-the-benchmark"
APPLICATION_TOKEN = "d41c0a6e9f3b4c5d8e7f60718293a4b5"
MEMBER_ID = "77aa1f2e3d4c5b6a79880716253443ff"
_UPDATE = "messageservice.message.status.update"
_MOST_IN_A_BATCH = 50


class _Refused(Exception):
    """A REST error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Bucket:
    """Bitrix24's leaky bucket: `burst` requests at once, `rate` a second in the long run."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._level = 0.0
        self._seen = 0.0

    def level(self) -> float:
        """How many requests it holds now."""
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._seen) * self.rate)
        self._seen = now
        return self._level

    def admits(self) -> bool:
        """Whether a request fits now; one that does not leaves the bucket as it was."""
        if self.level() + 1 > self.burst:
            return False
        self._level += 1
        return True


class Portal:
    """Answers the REST methods that the gateway calls; keeps the books of statuses."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.port = 0
        self.requests: Counter[str] = Counter()
        """Of HTTP, by method."""
        self.refused = 0
        """Requests that were answered QUERY_LIMIT_EXCEEDED."""
        self.updates = 0
        self.limit: Bucket | None = None
        """None: no limit."""
        self.items: dict[tuple[int, int], dict[str, Any]] = {}
        """What its CRM shows besides the ids, by type and id."""
        self._serial = 0
        self._access_token = ""
        self._refresh_token = ""
        self._senders: dict[str, Any] = {}
        self._events: list[dict[str, Any]] = []
        self.new_tokens()

    @property
    def host(self) -> str:
        """As the configuration names it."""
        return f"127.0.0.1:{self.port}"

    @property
    def registered(self) -> bool:
        """Whether the gateway has registered its sender and bound its events."""
        return bool(self._senders) and len(self._events) > 1

    def new_tokens(self) -> None:
        """Another pair; the one before is dead."""
        self._serial += 1
        self._access_token = f"{self._serial:08x}access{'0' * 50}"
        self._refresh_token = f"{self._serial:08x}refresh{'0' * 49}"

    def auth(self) -> dict[str, str]:
        """What calls for a message bring to show whose they are."""
        return {
            "access_token": self._access_token,
            "expires_in": "3600",
            "scope": "crm,messageservice",
            "domain": self.host,
            "server_endpoint": f"http://{self.host}/rest/",
            "status": "L",
            "client_endpoint": f"http://{self.host}/rest/",
            "member_id": MEMBER_ID,
            "user_id": "1",
            "application_token": APPLICATION_TOKEN,
        }

    def frame(self) -> dict[str, str]:
        """What its frame posts to the application's page to say who looks: the administrator."""
        return {
            "DOMAIN": self.host,
            "AUTH_ID": self._access_token,
            "REFRESH_ID": self._refresh_token,
            "APPLICATION_TOKEN": APPLICATION_TOKEN,
            "member_id": MEMBER_ID,
            "status": "L",
        }

    def installation(self) -> bytes:
        """The body of the call that installs the application."""
        fields = {
            "event": "ONAPPINSTALL",
            "data[VERSION]": "1",
            "data[ACTIVE]": "Y",
            "data[INSTALLED]": "Y",
            "data[LANGUAGE_ID]": "ru",
            "ts": str(int(time.time())),
        }
        auth = self.auth() | {"refresh_token": self._refresh_token}
        return urlencode(fields | {f"auth[{name}]": value for name, value in auth.items()}).encode()

    def respond(self, target: str, body: bytes) -> tuple[int, bytes]:
        """For `http_wire.serve`."""
        path, _, query = target.partition("?")
        if path.startswith("/oauth/"):
            return self._token(dict(parse_qsl(query)) | dict(parse_qsl(body.decode())))
        method = path.removeprefix("/rest/").removesuffix(".json")
        fields = json.loads(body)
        self.requests[method] += 1
        try:
            if self.limit is not None and not self.limit.admits():
                self.refused += 1
                raise _Refused(503, "QUERY_LIMIT_EXCEEDED")
            if fields.pop("auth", None) != self._access_token:
                raise _Refused(401, "expired_token")
            result = self._batch(fields["cmd"]) if method == "batch" else self._call(method, fields)
        except _Refused as error:
            content: dict[str, Any] = {"error": error.code, "error_description": "refused by the benchmark's portal"}
            return error.status, json.dumps(content).encode()
        return 200, json.dumps({"result": result, "time": _time()}).encode()

    def _batch(self, commands: Mapping[str, str]) -> dict[str, Any]:
        if len(commands) > _MOST_IN_A_BATCH:
            raise _Refused(400, "ERROR_BATCH_LENGTH_EXCEEDED")
        results: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, written in commands.items():
            method, _, query = written.partition("?")
            try:
                results[name] = self._call(method, dict(parse_qsl(query)))
            except _Refused as error:
                errors[name] = {"error": error.code, "error_description": ""}
        return {
            "result": results or [],
            "result_error": errors or [],
            "result_total": [],
            "result_next": [],
            "result_time": {name: _time() for name in results} or [],
        }

    def _call(self, method: str, fields: Mapping[str, Any]) -> Any:
        if method == _UPDATE:
            self.updates += 1
            self.books.told(fields["MESSAGE_ID"], fields["STATUS"])
            return True
        if method == "app.info":
            return {"ID": 5, "CODE": CLIENT_ID, "VERSION": 1, "STATUS": "L", "INSTALLED": True, "LICENSE": "by_std"}
        if method == "profile":
            return {"ID": "1", "ADMIN": True, "NAME": "Администратор", "LAST_NAME": "", "TIME_ZONE": ""}
        if method == "crm.item.get":
            entity_type, id_ = int(fields["entityTypeId"]), int(fields["id"])
            return {"item": {"id": id_, "entityTypeId": entity_type, **self.items[entity_type, id_]}}
        if method == "messageservice.sender.list":
            return list(self._senders)
        if method in ("messageservice.sender.add", "messageservice.sender.update"):
            self._senders[fields["CODE"]] = fields
            return True
        if method == "event.get":
            return self._events
        if method == "event.bind":
            self._events.append(dict(fields))
            return True
        raise _Refused(404, "ERROR_METHOD_NOT_FOUND")

    def _token(self, fields: Mapping[str, str]) -> tuple[int, bytes]:
        self.requests["oauth"] += 1
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 400, b'{"error": "invalid_client"}'
        if fields.get("refresh_token") != self._refresh_token:
            return 400, b'{"error": "invalid_grant"}'
        self.new_tokens()
        return 200, json.dumps(self.auth() | {"refresh_token": self._refresh_token}).encode()


def _time() -> dict[str, Any]:
    return {"operating": 0.05, "operating_reset_at": int(time.time()) + 600}
