"""The simulated portal's pages around the application: its own page, a tab in a card, its installation.

The page and its script do what Bitrix24's do (bitrix-core-business, modules/rest: the component app.layout and
install/js/rest/applayout.js): a form with fresh tokens is posted into a frame whose name tells the portal's address,
and messages from the frame are answered.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from twisted.web.server import Request

from a1gateway.sandbox.answers import json_answer, query_of
from a1gateway.sandbox.app_frame_words import Words, words_for
from a1gateway.sandbox.control import BadControl, bad_control, control_object
from a1gateway.sandbox.crm import Crm, EntityType, Item
from a1gateway.sandbox.crm_item import item_id
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.oauth import Pair, Tokens
from a1gateway.sandbox.placements import DEFAULT, DEFAULT_OPTIONS, Placements, tab_of
from a1gateway.sandbox.portal_pages import PortalPages
from a1gateway.sandbox.users import INSTALLER_ID, USERS, User

_LANGUAGE = re.compile(r"[a-z]{2}")

# What a tab may not do to the page around it.
_DENIED_IN_TABS = ("setTitle", "setScroll", "reloadWindow")

# Renderings whose frames may still ask for fresh tokens.
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the application is shown: by which handler, in which placement, and what it is told of the place."""

    handler: str
    placement: str = DEFAULT
    options: Mapping[str, str] = field(default_factory=lambda: DEFAULT_OPTIONS)
    installs: bool = False


@dataclass(frozen=True, slots=True)
class _Viewer:
    """Who looks, and in which language."""

    user: User
    language: str

    @property
    def query(self) -> str:
        """For links to other pages of the same viewer."""
        return urlencode({"user": self.user.id, "lang": self.language})


@dataclass(frozen=True, slots=True)
class _Around:
    """What the page shows around the frame; `tab` is what the application calls its tab for this viewer."""

    viewer: _Viewer
    item: tuple[EntityType, Item] | None
    tab: str = ""

    @property
    def words(self) -> Words:
        """The page's own words."""
        return words_for(self.viewer.language)

    @property
    def users(self) -> list[User]:
        """Everybody there is."""
        return list(USERS.values())

    @property
    def title(self) -> str:
        """The page's title."""
        if self.item is None:
            return self.words["application"]
        kind, item = self.item
        name = " ".join(filter(None, (item.name, item.last_name))) or item.title
        return f"{self.words[kind.name.lower()]}: {item.title or name}"


class AppFrame:
    """Renders the application in its frame, and hands out fresh tokens to the page around it."""

    def __init__(
        self,
        installation: Installation,
        tokens: Tokens,
        placements: Placements,
        *,
        crm: Crm,
        gateway: str,
        pages: PortalPages,
    ) -> None:
        self._installation = installation
        self._tokens = tokens
        self._placements = placements
        self._crm = crm
        self._gateway = gateway
        self._pages = pages
        self._viewers: dict[str, int] = {}  # the user's id by APP_SID, the oldest first

    def application(self, request: Request) -> bytes:
        """The menu item, to the query's `user` in the language `lang`; 404 when there is no such user."""
        viewer = _viewer(request)
        if viewer is None:
            return self._nothing(request)
        place = _Place(f"{self._gateway}/bitrix24/app")
        return self._installed(request, viewer, place, _Around(viewer, None))

    def card(self, request: Request, kind: str, number: str) -> bytes:
        """The tab in the card of an item; 404 when there is no such item, user or tab."""
        viewer = _viewer(request)
        entity_type = EntityType.named(kind)
        item = self._crm.items[entity_type].get(item_id(number)) if entity_type is not None else None
        if viewer is None or entity_type is None or item is None:
            return self._nothing(request)
        around = _Around(viewer, (entity_type, item))
        bound = self._placements.of(tab_of(entity_type))
        if bound is None:
            return self._none(request, around, "unbound" if self._installation.known else "absent", 404)
        options = {"ID": str(item.id), "URI": f"/crm/{kind}/details/{item.id}/"}
        around = replace(around, tab=bound.title(viewer.language))
        return self._installed(request, viewer, _Place(bound.handler, bound.placement, options), around)

    def installation(self, request: Request) -> bytes:
        """A new installation of an application with pages, by the administrator."""
        pair = self._installation.begin()
        administrator = USERS[INSTALLER_ID]
        viewer = _Viewer(administrator, _language(dict(query_of(request)).get("lang", ""), administrator))
        return self._framed(request, viewer, self._install_place(), _Around(viewer, None), pair)

    def fresh(self, request: Request) -> bytes:
        """Fresh tokens for the viewer of the rendering `sid`, as the page around the frame asks for them."""
        try:
            sid = str(control_object(request).get("sid"))
        except BadControl as error:
            return bad_control(request, error)
        user = self._viewers.get(sid)
        if user is None or not self._installation.known:
            return json_answer(request, {"error": "no such rendering"}, 404)
        pair = self._tokens.issue(self._installation.holder(user))
        return json_answer(
            request,
            {"access_token": pair.access, "refresh_token": pair.refresh, "expires_in": str(int(pair.lifetime))},
        )

    def _install_place(self) -> _Place:
        return _Place(f"{self._gateway}/bitrix24/install", installs=True)

    def _installed(self, request: Request, viewer: _Viewer, place: _Place, around: _Around) -> bytes:
        if not self._installation.known:
            return self._none(request, around, "absent", 404)
        holder = self._installation.holder(viewer.user.id)
        if not self._installation.finished:
            if not holder.admin:
                return self._none(request, around, "unfinished", 403)
            place = self._install_place()
        return self._framed(request, viewer, place, around, self._tokens.issue(holder))

    def _framed(self, request: Request, viewer: _Viewer, place: _Place, around: _Around, pair: Pair) -> bytes:
        sid = secrets.token_hex(16)
        form = self._installation.frame_form(
            place.handler, pair, sid=sid, language=viewer.language, placement=place.placement, options=place.options
        )
        self._viewers[sid] = viewer.user.id
        while len(self._viewers) > _REMEMBERED:
            del self._viewers[next(iter(self._viewers))]
        parts = urlsplit(place.handler)
        origin = f"{parts.scheme}://{parts.netloc}"
        application = self._installation.application
        opening = {
            "origin": origin,
            "sid": sid,
            "query": viewer.query,
            "denied": _DENIED_IN_TABS if place.placement != DEFAULT else (),
            "init": self._init_data(viewer, place, pair),
        }
        values: dict[str, object] = {
            "around": around,
            "form": form,
            "frame_name": f"{application.domain}|{application.protocol}|{sid}",
            "opening": json.dumps(opening, ensure_ascii=False),
            "installs": place.installs,
        }
        return self._pages.render(request, "frame.html", values, framed=origin)

    def _init_data(self, viewer: _Viewer, place: _Place, pair: Pair) -> dict[str, Any]:
        """The answer to `getInitData`."""
        application = self._installation.application
        return {
            "LANG": viewer.language,
            "DOMAIN": application.domain,
            "PROTOCOL": application.protocol,
            "PATH": "/rest",
            "AUTH_ID": pair.access,
            "AUTH_EXPIRES": str(int(pair.lifetime)),
            "REFRESH_ID": pair.refresh,
            "MEMBER_ID": application.member_id,
            "FIRST_RUN": False,
            "IS_ADMIN": self._installation.holder(viewer.user.id).admin,
            "INSTALL": place.installs,
            "USER_OPTIONS": {},
            "APP_OPTIONS": {},
            "PLACEMENT": place.placement,
            "PLACEMENT_OPTIONS": dict(place.options),
        }

    def _nothing(self, request: Request) -> bytes:
        administrator = USERS[INSTALLER_ID]
        return self._none(request, _Around(_Viewer(administrator, administrator.language), None), "nothing", 404)

    def _none(self, request: Request, around: _Around, why: str, status: int) -> bytes:
        """The page with a word in the place of the frame."""
        return self._pages.render(request, "frame_none.html", {"around": around, "why": why}, status=status)


def _viewer(request: Request) -> _Viewer | None:
    """Whom the query names, the administrator without a name; None when there is nobody of that id."""
    query = dict(query_of(request))
    user = USERS.get(item_id(query.get("user", INSTALLER_ID)))
    return None if user is None else _Viewer(user, _language(query.get("lang", ""), user))


def _language(wanted: str, user: User) -> str:
    return wanted if _LANGUAGE.fullmatch(wanted) else user.language
