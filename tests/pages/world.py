"""The pages as the portal's frame and the browser ask for them: a real client on the real resources, in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from treq.testing import StubTreq
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from a1gateway.admission import Admission, MarketingTerms
from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.lifecycle import Lifecycle
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.by_hand import Sender
from a1gateway.http_client import Answer
from a1gateway.intake import Intake
from a1gateway.journal import Journal, Spool, Store
from a1gateway.journal.reader import Reader
from a1gateway.metrics import Metrics
from a1gateway.pages.entry import Entry
from a1gateway.pages.front import PagesFront
from a1gateway.pages.journal_pages import JournalPages
from a1gateway.pages.resending import IPrices, ResendPages
from a1gateway.pages.sessions import Sessions
from a1gateway.pages.users_portal import UsersPortal
from a1gateway.pages.views import Page
from a1gateway.receipts import Receipts

from ..conftest import START, run
from ..fakes import FakeHttp, answer
from ..test_portal import INSTALLATION

PUBLIC_URL = "https://sms.example.by"
ADMIN, MANAGER, STRANGER, OTHER_APP = "token-admin", "token-manager", "token-stranger", "token-other-app"
PEOPLE = {
    ADMIN: {"ID": "1", "ADMIN": True, "NAME": "Анна", "LAST_NAME": "Ковалёва"},
    MANAGER: {"ID": "7", "ADMIN": False, "NAME": "Пётр", "LAST_NAME": "Мороз"},
}
FRAME = {
    "DOMAIN": "shop.bitrix24.by",
    "PROTOCOL": "1",
    "LANG": "ru",
    "APP_SID": "705f",
    "AUTH_EXPIRES": "3600",
    "REFRESH_ID": "r",
    "APPLICATION_TOKEN": INSTALLATION.application_token,
    "member_id": INSTALLATION.member_id,
    "status": "L",
    "PLACEMENT": "DEFAULT",
}


class PortalOutside:
    """Bitrix24, as far as the pages ask it."""

    def __init__(self) -> None:
        self.people = {token: dict(person) for token, person in PEOPLE.items()}
        self.codes = {ADMIN: "local.1", MANAGER: "local.1", OTHER_APP: "local.2"}
        self.items: dict[tuple[int, int], dict[str, Any]] = {}
        self.phones: dict[str, str] = {}
        """The users' numbers, by their tokens, where the portal tells them."""
        self.hidden: set[tuple[str, int, int]] = set()
        """Tokens, types and ids of what is not shown to whom."""
        self.down = False
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, url: str, content: Any) -> Answer | Exception:
        method = url.rpartition("/")[2].removesuffix(".json")
        self.asked.append((method, content))
        if self.down:
            return answer({"error": "INTERNAL_SERVER_ERROR"}, 500)
        token = content.get("auth")
        if token not in self.codes:
            return answer({"error": "invalid_token"}, 401)
        if method == "app.info":
            return answer({"result": {"CODE": self.codes[token]}})
        if method == "profile":
            return answer({"result": self.people.get(token, {"ID": "9", "ADMIN": True})})
        if method == "user.current":
            return answer({"result": {"ID": "1", "PERSONAL_MOBILE": self.phones.get(token, "")}})
        assert method == "crm.item.get", method
        key = (int(content["entityTypeId"]), int(content["id"]))
        if (token, *key) in self.hidden:
            return answer({"error": "ACCESS_DENIED", "error_description": "Access denied."}, 403)
        if key not in self.items:
            return answer({"error": "NOT_FOUND", "error_description": "Not found."}, 400)
        return answer({"result": {"item": {"id": key[1], **self.items[key]}}})


class World:
    """The pages with a journal in a real file; time stands still unless it is moved on."""

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        store: Store,
        folder: Path,
        *,
        prices: IPrices | None = None,
        admission: Admission | None = None,
        more: Sequence[Page] | Callable[[World], Sequence[Page]] = (),
    ) -> None:
        self.clock, self.journal = clock, journal
        self.portal = PortalOutside()
        self.metrics = Metrics()
        self.http = http = FakeHttp(by=self.portal)
        self.tokens = Tokens(clock, journal, http, oauth_url="", client_id="local.1", client_secret="")
        run(self.tokens.adopt(INSTALLATION))
        portal = Portal(clock, http, self.tokens, Budget(clock, 1000, 1000), self.metrics)
        lifecycle = Lifecycle(
            clock,
            portal,
            self.tokens,
            portal_name="shop.bitrix24.by",
            client_id="local.1",
            oauth_endpoint="https://oauth.bitrix.info/rest/",
            on_change=lambda: None,
        )
        spool = Spool(str(folder / "spool"), execute)
        spool.prepare()
        intake = Intake(
            clock,
            journal,
            spool,
            Receipts(journal, self.metrics, lambda: None),
            self.metrics,
            on_message=lambda: None,
            on_refusal=lambda: None,
            on_spooled=lambda: None,
        )
        self.reader = Reader(store.path, execute)
        self.sessions = Sessions(clock)
        self.admission = admission or Admission(3, "MyShop", MarketingTerms("MyShop"))
        self.sender = Sender(intake, self.admission)
        self.users = UsersPortal(portal, self.tokens)
        pages = [
            *JournalPages(self.reader, self.users).pages(),
            *ResendPages(self.reader, self.sender, prices).pages(),
        ]
        others = more(self) if callable(more) else more
        pages += others
        self.front = front = PagesFront(
            clock,
            Entry(lifecycle, self.sessions),
            self.sessions,
            self.tokens,
            pages,
            public_url=PUBLIC_URL,
        )
        self._client: Any = StubTreq(_Bitrix24(front))

    def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Reply:
        """What is answered to a form."""
        return self.ask("POST", path, urlencode(fields).encode(), headers)

    def ask(self, method: str, path: str, data: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """What is answered."""
        return run(self._begin(method, path, data, headers))

    def begin(
        self, method: str, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Deferred[Reply]:
        """The same for a form, whenever it is answered."""
        return self._begin(method, path, urlencode(fields).encode(), headers)

    def _begin(self, method: str, path: str, data: bytes, headers: Mapping[str, str] | None) -> Deferred[Reply]:
        async def asked() -> Reply:
            given = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
            response = await self._client.request(method, f"{PUBLIC_URL}{path}", data=data, headers=given)
            content = await response.content()
            names = {name.decode(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
            return Reply(response.code, names, content)

        answered = Deferred.fromCoroutine(asked())
        self.flush(answered)
        return answered

    def flush(self, until: Deferred[Any] | None = None) -> None:
        """Let client and server talk."""
        for _ in range(100):
            self._client.flush()
            self.clock.advance(0)
            if until is not None and until.called:
                break

    def open(self, token: str = ADMIN, **more: str) -> Reply:
        """The portal's frame is opened by the user with this token."""
        return self.post("/bitrix24/app", {**FRAME, "AUTH_ID": token, **more})

    def enter(self, token: str = ADMIN, **more: str) -> Visit:
        """The same, for going on."""
        reply = self.open(token, **more)
        assert reply.code == 200, reply.text
        found = re.search(r'data-session="([^"]+)"', reply.text)
        assert found is not None, reply.text
        return Visit(self, found[1])


class Reply:
    """An answer."""

    def __init__(self, code: int, headers: dict[str, str], content: bytes) -> None:
        self.code, self.headers, self.content = code, headers, content

    @property
    def text(self) -> str:
        """Its body, in UTF-8."""
        return self.content.decode()


class Visit:
    """Somebody who has been let in."""

    def __init__(self, world: World, session: str) -> None:
        self.session = session
        self._world = world

    def page(self, name: str, fields: Mapping[str, str] | None = None, **more: str) -> Reply:
        """A page."""
        return self._world.post(f"/bitrix24/pages/{name}", {**(fields or {}), **more}, {"X-A1-Session": self.session})


def _Bitrix24(front: PagesFront) -> Any:  # noqa: N802
    from twisted.web.pages import notFound

    from a1gateway.web.site import ByFirstPart, Root

    root = Root(notFound())
    owners = dict.fromkeys((b"app", b"session", b"pages", b"static"), front.resource())
    root.putChild(b"bitrix24", ByFirstPart(notFound(), owners))
    return root


__all__ = ["ADMIN", "FRAME", "MANAGER", "OTHER_APP", "START", "STRANGER", "Reply", "Visit", "World"]
