"""The local application on the simulated portal: its installation, and what Bitrix24 tells it about that."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import php
from a1gateway.sandbox.oauth import Holder, Pair, Tokens
from a1gateway.sandbox.outgoing import Outgoing
from a1gateway.sandbox.placements import DEFAULT, DEFAULT_OPTIONS
from a1gateway.sandbox.settings import Adjustable, PortalSettings
from a1gateway.sandbox.users import INSTALLER_ID


@dataclass(frozen=True, slots=True)
class Application:
    """What identifies the application and its portal; `base` is the portal's address without a slash at its end."""

    base: str
    client_id: str

    @property
    def domain(self) -> str:
        """The portal's host, with its port."""
        return self.base.partition("//")[2]

    @property
    def protocol(self) -> int:
        """1 for https, else 0."""
        return int(self.base.startswith("https:"))

    @property
    def rest(self) -> str:
        """`client_endpoint`, and here `server_endpoint` too."""
        return self.base + "/rest/"

    @property
    def member_id(self) -> str:
        """The portal's identifier; the same at every start."""
        return hashlib.sha256(self.client_id.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class FrameForm:
    """What is posted into a frame, and to where."""

    address: str
    fields: Mapping[str, str]


class Installation:
    """Whether and how the application is installed."""

    def __init__(
        self,
        clock: IReactorTime,
        application: Application,
        tokens: Tokens,
        outgoing: Outgoing,
        settings: Adjustable[PortalSettings],
    ) -> None:
        self._clock = clock
        self.application = application
        self._tokens = tokens
        self._outgoing = outgoing
        self._settings = settings
        self.known = False  # the portal knows the application: REST answers it
        self.finished = False  # and it is installed for everybody
        self.version = 0
        self.application_token = ""
        self.answer: int | None = None  # the HTTP status of the gateway's answer to the last installation

    def holder(self, user_id: int) -> Holder:
        """A user of the portal; the installer is its administrator."""
        return Holder(user_id, admin=user_id == INSTALLER_ID and self._settings.now.installer_is_admin)

    def auth(self, pair: Pair | None = None, user_id: int = INSTALLER_ID) -> dict[str, Any]:
        """The `auth` of a call: without tokens when no user stands behind it; an empty refresh token is left out."""
        fields: dict[str, Any] = {}
        if pair is not None:
            fields = {
                "access_token": pair.access,
                "refresh_token": pair.refresh or None,
                "expires": int(pair.expires),
                "expires_in": int(pair.lifetime),
                "scope": ",".join(self._settings.now.scopes),
                "user_id": user_id,
            }
        return {
            **fields,
            "domain": self.application.domain,
            "server_endpoint": self.application.rest,
            "client_endpoint": self.application.rest,
            "status": "L",
            "member_id": self.application.member_id,
            "application_token": self.application_token,
        }

    def begin(self) -> Pair:
        """The application is saved in the portal: a new installation with tokens of its own."""
        self.known = True
        self.finished = False
        self.version = 1
        self.application_token = secrets.token_hex(16)
        return self._tokens.issue(self.holder(INSTALLER_ID))

    async def install(self, gateway: str) -> int | None:
        """An installation of an application that uses the API only; the HTTP status of the gateway's answer."""
        pair = self.begin()
        self.finished = True
        body = self._event("ONAPPINSTALL", self._data(ACTIVE="Y", INSTALLED="Y"), pair)
        self.answer = await self._outgoing.post_form(gateway + "/bitrix24/install", php.pairs(body))
        return self.answer

    async def install_with_page(self, gateway: str) -> int | None:
        """The same for an application with pages, the frame's POST made here; `finish` has to follow."""
        form = self.frame_form(f"{gateway}/bitrix24/install", self.begin())
        self.answer = await self._outgoing.post_form(form.address, list(form.fields.items()))
        return self.answer

    def frame_form(
        self,
        handler: str,
        pair: Pair,
        *,
        sid: str | None = None,
        language: str = "ru",
        placement: str = DEFAULT,
        options: Mapping[str, str] = DEFAULT_OPTIONS,
    ) -> FrameForm:
        """What Bitrix24 posts to `handler` when it shows the application; `sid` is the rendering's APP_SID.

        b24restdocs, api-reference/widgets/_includes/widget_data.md.
        """
        query = {
            "DOMAIN": self.application.domain,
            "PROTOCOL": str(self.application.protocol),
            "LANG": language,
            "APP_SID": sid or secrets.token_hex(16),
        }
        # PHP writes a slash in JSON so.
        written = json.dumps(options, separators=(",", ":")).replace("/", "\\/")
        fields = {
            "AUTH_ID": pair.access,
            "AUTH_EXPIRES": str(int(pair.lifetime)),
            "REFRESH_ID": pair.refresh,
            "SERVER_ENDPOINT": self.application.rest,
            "APPLICATION_TOKEN": self.application_token,
            "APPLICATION_SCOPE": ",".join(self._settings.now.scopes),
            "member_id": self.application.member_id,
            "status": "L",
            "PLACEMENT": placement,
            "PLACEMENT_OPTIONS": written,
        }
        return FrameForm(f"{handler}{'&' if '?' in handler else '?'}{urlencode(query)}", fields)

    def finish(self) -> None:
        """The application has ended its installation (`setInstallFinish`)."""
        self.finished = self.known

    def update(self) -> dict[str, Any]:
        """A new version: the body of ONAPPUPDATE."""
        self.version += 1
        pair = self._tokens.issue(self.holder(INSTALLER_ID))
        return self._event("ONAPPUPDATE", self._data(PREVIOUS_VERSION=str(self.version - 1)), pair)

    def uninstall(self, *, clean: bool) -> dict[str, Any]:
        """The application is deleted and its tokens with it: the body of ONAPPUNINSTALL."""
        body = self._event("ONAPPUNINSTALL", {"LANGUAGE_ID": "ru", "CLEAN": "1" if clean else "0"}, None)
        self.forget()
        return body

    def forget(self) -> None:
        """The portal does not know the application."""
        self.known = False
        self.finished = False
        self._tokens.revoke()

    def _data(self, **more: str) -> dict[str, str]:
        return {"VERSION": str(self.version), "LANGUAGE_ID": "ru", **more}

    def _event(self, name: str, data: dict[str, str], pair: Pair | None) -> dict[str, Any]:
        return {"event": name, "data": data, "ts": int(self._clock.seconds()), "auth": self.auth(pair)}
