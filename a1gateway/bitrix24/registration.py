"""Making the gateway known to the portal: its SMS sender, and the events of the application's life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..due_loop import DueLoop
from ..interfaces import IPortal
from ..journal.journal import Installation
from .backoff import Backoff
from .calls import marketing_code
from .placements import bind_tabs
from .tokens import Tokens
from .trouble import PortalError, PortalTrouble

_IDLE = 3600.0
_FIRST_RETRY = 2.0
_LONGEST_RETRY = 300.0
_EVENTS = ("ONAPPUPDATE", "ONAPPUNINSTALL")

_DESCRIPTION = {
    "ru": "SMS через A1 (a1gateway), со статусами доставки",
    "be": "SMS праз A1 (a1gateway), са статусамі дастаўкі",
    "en": "SMS through A1 (a1gateway), with delivery statuses",
}


_MARKETING_NAMES = {"ru": "реклама", "be": "рэклама", "en": "marketing"}
_MARKETING_DESCRIPTION = {
    "ru": "Рекламные SMS через A1 (a1gateway): только тем, кто дал согласие",
    "be": "Рэкламныя SMS праз A1 (a1gateway): толькі тым, хто даў згоду",
    "en": "Marketing SMS through A1 (a1gateway): only to those who have agreed",
}


class Registration(DueLoop):
    """Brings the senders and their handler's address up to date, at every start and when the application changes."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        portal: IPortal,
        tokens: Tokens,
        *,
        sender_code: str,
        sender_name: str,
        handler_url: str,
        event_url: str,
        random: Callable[[], float],
        marketing: bool = False,
        app_url: str | None = None,
    ) -> None:
        """`marketing`: whether there is a second sender, for such messages. `app_url`: where the pages are."""
        super().__init__("registration", clock, self._register)
        self._portal = portal
        self._tokens = tokens
        self._code = sender_code
        self._senders = [_sender(sender_code, handler_url, dict.fromkeys(_DESCRIPTION, sender_name), _DESCRIPTION)]
        if marketing:
            names = {language: f"{sender_name}: {word}" for language, word in _MARKETING_NAMES.items()}
            self._senders.append(_sender(marketing_code(sender_code), handler_url, names, _MARKETING_DESCRIPTION))
        self._event_url = event_url
        self._app_url = app_url
        self._backoff = Backoff(clock, first=_FIRST_RETRY, longest=_LONGEST_RETRY, random=random)
        self._done_for: Installation | None = None
        self._changes = 0
        self._waiting: list[Deferred[None]] = []
        self.tabs_trouble: str | None = None
        """Why the pages are not in the cards; None while they are, or nothing is known to be wrong."""
        self.trouble: str | None = None
        """Why the sender could not be registered; None while nothing is known to be wrong."""

    @property
    def stands(self) -> bool:
        """Whether the portal has confirmed the sender since this daemon started and the application was installed."""
        return self._done_for is not None

    def renew(self) -> None:
        """The application has been installed, updated or uninstalled."""
        # A registration that is under way may be of the time before.
        self._changes += 1
        self._done_for = None
        self._backoff.reset()
        self.trouble = None
        self.wake()

    def settled(self) -> Deferred[None]:
        """Fires when the registration stands or has been tried in vain; cancel it to wait no longer."""
        waiting: Deferred[None] = Deferred(lambda gone: self._waiting.remove(gone))
        self._waiting.append(waiting)
        return waiting

    async def _register(self) -> float:
        installation = self._tokens.installation
        if installation is None or self.stands:
            if installation is not None and self.tabs_trouble is not None:
                # The permission may have been given meanwhile.
                with suppress(PortalTrouble):
                    await self._bind_tabs()
            return _IDLE
        changes = self._changes
        try:
            await self._register_senders()
            await self._bind_events()
            await self._bind_tabs()
        except (PortalTrouble, PortalError) as error:
            if self.trouble != str(error):
                self.trouble = str(error)
                self._log.error("the sender {code} is not registered: {trouble}", code=self._code, trouble=str(error))
            self._tell_waiting()
            return self._backoff.failed(error)
        if changes != self._changes:
            return 0.0
        # Tokens refreshed meanwhile make another installation object of the same installation.
        self._done_for = self._tokens.installation
        self._backoff.reset()
        self.trouble = None
        self._log.info("the sender {code} is registered in {portal}", code=self._code, portal=installation.domain)
        self._tell_waiting()
        return _IDLE

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    async def _register_senders(self) -> None:
        known = await self._portal.call("messageservice.sender.list", {})
        codes = list(known.values() if isinstance(known, dict) else known or [])
        for sender in self._senders:
            await self._register_sender(sender, known=sender["CODE"] in codes)

    async def _register_sender(self, sender: dict[str, Any], *, known: bool) -> None:
        if not known:
            try:
                await self._portal.call("messageservice.sender.add", sender | {"TYPE": "SMS"})
            except PortalError as error:
                if error.code != "ERROR_SENDER_ALREADY_INSTALLED":
                    raise
            else:
                return
        # The list does not tell the handler's address: it is brought up to date without asking.
        try:
            await self._portal.call("messageservice.sender.update", sender)
        except PortalError as error:
            if error.code not in ("ERROR_METHOD_NOT_FOUND", "ERROR_SENDER_NOT_FOUND"):
                raise
            if error.code == "ERROR_METHOD_NOT_FOUND":
                # An on-premise portal that is too old to update.
                await self._portal.call("messageservice.sender.delete", {"CODE": sender["CODE"]})
            await self._portal.call("messageservice.sender.add", sender | {"TYPE": "SMS"})

    async def _bind_events(self) -> None:
        """Without these the gateway works, but does not hear of an update or an uninstallation: no reason to fail."""
        try:
            bound = await self._portal.call("event.get", {})
            for event in _EVENTS:
                if not _is_bound(bound, event, self._event_url):
                    await self._portal.call("event.bind", {"event": event, "handler": self._event_url})
        except PortalError as error:
            self._log.warn("the application's events cannot be bound: {error}", error=str(error))

    async def _bind_tabs(self) -> None:
        """Without these the gateway works, and its pages are in the menu alone: no reason to fail."""
        if self._app_url is None:
            return
        try:
            await bind_tabs(self._portal, self._app_url)
        except PortalError as error:
            if self.tabs_trouble != str(error):
                self._log.warn("the tabs in the cards of the CRM cannot be shown: {error}", error=str(error))
            self.tabs_trouble = str(error)
        else:
            self.tabs_trouble = None


def _sender(code: str, handler: str, name: dict[str, str], description: dict[str, str]) -> dict[str, Any]:
    return {"CODE": code, "HANDLER": handler, "NAME": name, "DESCRIPTION": description}


def _is_bound(bound: Any, event: str, url: str) -> bool:
    entries = bound if isinstance(bound, list) else []
    return any(
        isinstance(entry, dict)
        and str(entry.get("event", "")).upper() == event
        and str(entry.get("handler", "")) == url
        for entry in entries
    )
