"""The routes of the pages: who asks is known, may ask for it, and gets what the page answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from klein import Klein
from klein.resource import KleinResource
from markupsafe import Markup
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from ..bitrix24.calls import ApplicationCall, read_application_call
from ..bitrix24.tokens import Tokens
from ..bitrix24.trouble import PortalError
from ..errors import GatewayError, TryLater
from ..metrics import Metrics
from ..web.answers import NotGenuine, TooManyCalls, answering, http_error, json_answer, refused
from ..web.forms import OF_STRANGERS, BadBody, header, read_fields, text_field
from ..web.strangers import Strangers
from ..words.words import LANGUAGES, Words, language_of, words
from .entry import Entry, Place, place_of
from .renderer import Assets, Renderer, framed_by, secured
from .sessions import Session, Sessions
from .views import Answer, Asked, CannotAnswer, File, Fragment, NotForVisitor, Page, Unchanged

HEADER = b"X-A1-Session"
"""What a page shows its session in; a form that fetches a file has it in its field `session`."""
MENU = ("journal", "analytics", "campaigns", "composer", "base", "sender_id", "setup")
"""The pages that the menu offers, in order, as far as there are any of these names."""
_FIRST, _TAB = "journal", "card"
_FOREVER = b"public, max-age=31536000, immutable"


class PagesFront:
    """`/bitrix24/app`, `/bitrix24/session`, `/bitrix24/pages/...`, `/bitrix24/static/...`."""

    app = Klein()
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        entry: Entry,
        sessions: Sessions,
        tokens: Tokens,
        pages: Sequence[Page],
        *,
        public_url: str,
        strangers: Strangers | None = None,
    ) -> None:
        """`public_url` is this server's own address."""
        self._clock = clock
        self._entry = entry
        self._sessions = sessions
        self._tokens = tokens
        self._pages = {page.name: page for page in pages}
        self._origin = _origin(public_url)
        self._strangers = strangers or Strangers(clock, Metrics())
        self._assets = Assets()
        self._renderer = Renderer(self._assets)

    def resource(self) -> IResource:
        """All the routes."""
        return KleinResource(self.app)

    @app.route("/app", methods=["POST"])
    @answering
    async def application(self, request: IRequest) -> bytes:
        """The application in the portal's frame: the menu item, or the tab of a card."""
        fields = read_fields(request, most=OF_STRANGERS)
        call = read_application_call(fields)
        language = language_of(call.language)
        try:
            token = await self._let_in(request, call, fields, language)
        except (NotGenuine, TryLater, TooManyCalls) as why:
            return self._refusal(request, language, why)
        session = self._sessions.find(token)
        assert session is not None
        return await self._shell(request, session, token, place_of(fields))

    @app.route("/session", methods=["POST"])
    @answering
    async def session(self, request: IRequest) -> bytes:
        """A new session in the place of one that has ended, for a page that the portal has given tokens anew."""
        fields = read_fields(request, most=OF_STRANGERS)
        call = read_application_call(fields)
        token = await self._let_in(request, call, fields, _chosen(text_field(fields, "language"), call.language))
        return json_answer(request, {"session": token})

    @app.route("/pages/<name>", methods=["POST"])
    @answering
    async def page(self, request: IRequest, name: str) -> bytes:
        """A page, a piece of one, or something that is to be done."""
        fields = read_fields(request)
        token = header(request, HEADER) or text_field(fields, "session")
        session = self._sessions.find(token)
        spoken = self._words(session.language if session is not None else text_field(fields, "language"))
        page = self._pages.get(name)
        if not self._is_our_own(request):
            return self._notice(request, spoken, 403, "refused.forged")
        if session is None:
            return self._notice(request, spoken, 401, "refused.over")
        if page is None:
            return self._notice(request, spoken, 404, "refused.no_page")
        if page.for_admins and not session.visitor.admin:
            self._log.info("user {user} may not ask for {page}", user=session.visitor.id, page=name)
            return self._notice(request, spoken, 403, "refused.not_admin")
        if (language := text_field(fields, "speak")) in LANGUAGES:
            self._sessions.speak(token, language)
            session, spoken = self._sessions.find(token) or session, self._words(language)
        asked = Asked(session, spoken, fields, self._clock.seconds())
        answer = await self._answered(page, asked)
        if text_field(fields, "shell") and isinstance(answer, Fragment):
            # All that stands around the page has to be said in the language that was chosen.
            secured(request, "frame-ancestors 'none'")
            request.setResponseCode(answer.code)
            return self._renderer.render("shell_body.html", spoken, self._shell_of(page, asked, answer, token))
        return await self._answer(request, page, asked, answer)

    @app.route("/static/<path:name>", methods=["GET"])
    @answering
    async def static(self, request: IRequest, name: str) -> bytes:
        """A script or a style."""
        found = self._assets.read(name)
        if found is None:
            request.setResponseCode(404)
            request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
            return b"Not found\n"
        kind, content = found
        request.setHeader(b"Content-Type", kind.encode("ascii"))
        request.setHeader(b"Cache-Control", _FOREVER)
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        return content

    @app.handle_errors(HTTPException)
    def _http_error(self, request: IRequest, failure: Any) -> bytes:
        return http_error(request, failure)

    async def _let_in(
        self, request: IRequest, call: ApplicationCall, fields: Mapping[str, Any], language: str
    ) -> str:
        if not call.framed:
            raise BadBody("not_an_application_call", "there is an event in the call, and no frame")
        with self._strangers.proving(request, "app", vouched=self._entry.vouches(call)):
            return await self._entry.let_in(call, fields, language)

    def _is_our_own(self, request: IRequest) -> bool:
        """Whether no other site's page has made the browser send this."""
        site = header(request, b"Sec-Fetch-Site")
        return header(request, b"Origin") in ("", self._origin) and site in ("", "same-origin")

    async def _shell(self, request: IRequest, session: Session, token: str, place: Place) -> bytes:
        name, fields = _FIRST, dict[str, Any]()
        if place.is_tab:
            name = _TAB
            if place.item is not None:
                fields = {"entity_type": str(place.item.entity_type), "item": str(place.item.id)}
        spoken = self._words(session.language)
        asked = Asked(session, spoken, fields, self._clock.seconds())
        page = self._pages[name]
        answer = await self._answered(page, asked)
        assert isinstance(answer, Fragment), name
        framed_by(request, self._tokens.current().client_endpoint)
        request.setResponseCode(answer.code)
        values = self._shell_of(page, asked, answer, token, with_menu=not place.is_tab)
        return self._renderer.render("shell.html", spoken, values)

    def _shell_of(
        self, page: Page, asked: Asked, answer: Fragment, token: str, *, with_menu: bool = True
    ) -> dict[str, Any]:
        """What the template of all that stands around a page is filled with."""
        there = [self._pages[name] for name in MENU if name in self._pages]
        offered = [each.name for each in there if asked.visitor.admin or not each.for_admins]
        return {
            "session": token,
            "visitor": asked.visitor,
            "menu": offered if with_menu and not asked.text("in_card") else (),
            "current": page.name,
            "in_card": asked.in_card,
            "languages": LANGUAGES,
            "content": Markup(self._rendered(asked, answer).decode()),  # noqa: S704  # our own template's
        }

    async def _answer(self, request: IRequest, page: Page, asked: Asked, answer: Answer) -> bytes:
        secured(request, "frame-ancestors 'none'")
        if isinstance(answer, Unchanged):
            request.setResponseCode(204)
            return b""
        if isinstance(answer, Fragment):
            request.setResponseCode(answer.code)
            if answer.events:
                request.setHeader(b"HX-Trigger", ", ".join(answer.events).encode("ascii"))
            return self._rendered(asked, answer)
        request.setHeader(b"Content-Type", answer.kind.encode("ascii"))
        request.setHeader(b"Content-Disposition", f'attachment; filename="{answer.name}"'.encode("ascii"))
        if isinstance(answer, File):
            return answer.content
        try:
            await answer.write(request)
        except TryLater as trouble:
            # It opens in a window of its own.
            self._log.warn("the page {page} cannot be shown now: {why}", page=page.name, why=str(trouble))
            request.responseHeaders.removeHeader(b"Content-Disposition")
            secured(request, "frame-ancestors 'none'")
            request.setResponseCode(503)
            return self._renderer.render("refusal.html", asked.words, {"key": "file.later"})
        return b""

    async def _answered(self, page: Page, asked: Asked) -> Answer:
        """What the page answers; what fails for a reason that people can be told becomes a notice."""
        try:
            return await page.view(asked)
        except NotForVisitor:
            return _notice(403, "refused.not_readable")
        except CannotAnswer as why:
            return _notice(400, "refused.failed", why=str(why))
        except TryLater as trouble:
            self._log.warn("the page {page} cannot be shown now: {why}", page=page.name, why=str(trouble))
            return _notice(503, "refused.later", why=str(trouble))
        except (PortalError, GatewayError) as error:
            return _notice(422, "refused.failed", why=str(error))

    def _rendered(self, asked: Asked, answer: Fragment) -> bytes:
        values = {"visitor": asked.visitor, "now": asked.now, "in_card": asked.in_card, **answer.values}
        return self._renderer.render(answer.template, asked.words, values)

    def _notice(self, request: IRequest, spoken: Words, code: int, key: str) -> bytes:
        secured(request, "frame-ancestors 'none'")
        request.setResponseCode(code)
        answer = _notice(code, key)
        return self._renderer.render(answer.template, spoken, answer.values)

    def _refusal(self, request: IRequest, language: str, why: Exception) -> bytes:
        """Shown to whoever asks, so it names nothing."""
        self._log.warn("a page of the application is refused: {why}", why=str(why))
        secured(request, "frame-ancestors *")
        values = {"key": "entry.later" if refused(request, why) else "entry.refused"}
        return self._renderer.render("refusal.html", self._words(language), values)

    def _words(self, language: str) -> Words:
        return words(_chosen(language, ""))


def _origin(url: str) -> str:
    """What browsers call the place that an address is at: they leave its scheme's own port out."""
    split = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(split.scheme)
    host = f"[{split.hostname}]" if ":" in (split.hostname or "") else split.hostname
    return f"{split.scheme}://{host}" + ("" if split.port in (None, usual) else f":{split.port}")


def _chosen(language: str, portal: str) -> str:
    """The language that the visitor has chosen, else that of the portal's word for it."""
    return language if language in LANGUAGES else language_of(portal)


def _notice(code: int, key: str, **values: object) -> Fragment:
    return Fragment("notice.html", {"key": key, "with": values}, code)
