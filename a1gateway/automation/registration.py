"""Making automation known to the portal: its rules, and the events that it listens to."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.logger import Logger

from ..bitrix24.crm_answers import listed
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import DueLoop
from ..journal import reminders
from ..journal.journal import Installation
from . import robots
from .checks import faults_of
from .parts import Parts
from .scenarios import CALL_END, events_of

_OF_THE_APPLICATION = ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL")
_IDLE = 3600.0
_LOOK_AGAIN = 300.0
_FIRST_RETRY = 2.0
_LONGEST_RETRY = 300.0


class AutomationRegistration(DueLoop):
    """Makes the automation rules known to the portal, and has the gateway called for the events it listens to.

    At every start and when the application changes: both are gone after an update of the application.
    """

    _log = Logger()

    def __init__(self, parts: Parts, *, robot_url: str | None, event_url: str) -> None:
        """`robot_url` is None when there are to be no automation rules."""
        super().__init__("automation registration", parts.clock, self._register)
        self._journal = parts.journal
        self._portal = parts.portal
        self._tokens = parts.tokens
        self._scenarios = parts.scenarios
        self._reader = parts.reader
        self._definitions = [] if robot_url is None else robots.definitions(robot_url)
        self._event_url = event_url
        self._backoff = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)
        self._done_for: Installation | None = None
        self._bound: frozenset[str] = frozenset()
        self._told_of_plan = False
        self.trouble: str | None = None
        """What is missing for automation; None while nothing is known to be."""

    def renew(self) -> None:
        """The application has been installed, updated or uninstalled."""
        self._done_for = None
        self._backoff.reset()
        self.wake()

    async def _register(self) -> float:
        if self._tokens.installation is None:
            return _IDLE
        if self._backoff.left > 0:
            return self._backoff.left
        try:
            events = await self._wanted_events()
            if self._done_for is None:
                scopes = await self._scopes()
                self._note(_missing(scopes, events, rules=bool(self._definitions)))
                if "bizproc" in scopes:
                    await self._register_rules()
                if self.trouble is None:
                    await self._check_scenarios()
            if self._done_for is None or events != self._bound:
                await self._bind(events)
        except (PortalTrouble, PortalError) as error:
            self._log.warn("automation is not registered: {trouble}", trouble=str(error))
            return self._backoff.failed(error)
        self._done_for = self._tokens.installation
        self._bound = events
        self._backoff.reset()
        if self.trouble is not None:
            # Somebody may mend it in the portal, which tells nobody.
            self._done_for = None
            return _LOOK_AGAIN
        return _IDLE

    async def _wanted_events(self) -> frozenset[str]:
        """Those of the scenarios, and of documents that have reminders to come."""
        types = await self._journal.within(reminders.types)
        return self._scenarios.events | {event for of in types for event in events_of(of)}

    async def _scopes(self) -> set[str]:
        return {str(each).lower() for each in listed(await self._portal.call("scope", {}))}

    async def _register_rules(self) -> None:
        try:
            known = {str(each) for each in listed(await self._portal.call("bizproc.robot.list", {}))}
        except PortalError as error:
            if error.code != "ERROR_METHOD_NOT_FOUND":
                raise
            if self._definitions and not self._told_of_plan:
                self._told_of_plan = True
                self._log.warn("automation: the portal's plan has no automation rules; scenarios do without")
            return
        if not self._definitions:
            for code in sorted(known & robots.CODES):
                await self._portal.call("bizproc.robot.delete", {"CODE": code})
            return
        for definition in self._definitions:
            code, fields = definition["CODE"], {k: v for k, v in definition.items() if k != "CODE"}
            if code in known:
                await self._portal.call("bizproc.robot.update", {"CODE": code, "FIELDS": fields})
            else:
                await self._portal.call("bizproc.robot.add", definition)
        self._log.info("the automation rules {codes} are registered", codes=", ".join(robots.CODES_IN_ORDER))

    async def _check_scenarios(self) -> None:
        """What they name and the portal does not have, `check-config` says too."""
        for name, key, text in await faults_of(self._reader, self._scenarios.all):
            self._note(f"scenario {name}, {key}: {text}")

    async def _bind(self, events: frozenset[str]) -> None:
        """Have the gateway called for these events, and for none that nobody listens to any more."""
        bound = {
            str(each.get("event", "")).upper()
            for each in listed(await self._portal.call("event.get", {}))
            if isinstance(each, Mapping) and str(each.get("handler", "")) == self._event_url
        }
        for event in sorted(events - bound):
            try:
                await self._portal.call("event.bind", {"event": event, "handler": self._event_url})
            except PortalError as error:
                self._log.warn("the event {event} cannot be bound: {error}", event=event, error=str(error))
        for event in sorted(bound - events - set(_OF_THE_APPLICATION)):
            await self._portal.call("event.unbind", {"event": event, "handler": self._event_url})

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self.trouble:
            self._log.warn("automation: {trouble}", trouble=trouble)
        self.trouble = trouble


def _missing(scopes: set[str], events: frozenset[str], *, rules: bool) -> str | None:
    wanted = {"bizproc"} if rules else set()
    if CALL_END in events:
        wanted.add("telephony")
    if wanted or events:
        wanted.add("crm")
    missing = sorted(wanted - scopes)
    if not missing:
        return None
    return f"the application lacks the permissions {', '.join(missing)}; tick them in Bitrix24 and reinstall it"
