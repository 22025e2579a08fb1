"""Making automation known to the portal: its rules, and the events that it listens to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import Logger

from ..bitrix24.crm_answers import listed
from ..bitrix24.trouble import CommandTrouble, PortalError, PortalTrouble
from ..journal import reminders
from ..journal.journal import Installation
from . import robots
from .checks import faults_of
from .parts import Parts
from .portal_loop import PortalLoop
from .scenarios import CALL_END, Scenarios, changed, deleted
from .template import Prefix

_OF_THE_APPLICATION = ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL")
# Of an employee, with `user_brief` there is the name alone.
_CONTACT_DATA = frozenset({"PHONE", "EMAIL", "PERSONAL_MOBILE", "WORK_PHONE"})
_IDLE = 3600.0
_LOOK_AGAIN = 300.0
_FIRST_RETRY = 2.0
_LONGEST_RETRY = 300.0


class AutomationRegistration(PortalLoop):
    """Makes the automation rules known to the portal, and has the gateway called for the events it listens to.

    At every start and when the application changes: both are gone after an update of the application.
    """

    _log = Logger()

    def __init__(self, parts: Parts, *, robot_url: str | None, event_url: str) -> None:
        """`robot_url` is None when there are to be no automation rules."""
        super().__init__(
            "automation registration", parts, self._register, first_retry=_FIRST_RETRY, longest_retry=_LONGEST_RETRY
        )
        self._definitions = [] if robot_url is None else robots.definitions(robot_url)
        self._event_url = event_url
        self._done_for: Installation | None = None
        self._changes = 0
        self._bound: frozenset[str] = frozenset()
        self._told_of_plan = False
        self._troubles: list[str] = []

    @property
    def trouble(self) -> str | None:
        """What is missing for automation; None while nothing is known to be."""
        return "; ".join(self._troubles) or None

    def renew(self) -> None:
        """As of all; what is registered with the portal may be gone."""
        # A registration that is under way may be of the time before.
        self._changes += 1
        self._done_for = None
        super().renew()

    async def _register(self) -> float:
        if self._portal_pause > 0:
            return self._portal_pause
        changes, installation = self._changes, self._tokens.installation
        troubles: list[str] = []
        try:
            events = await self._wanted_events()
            if self._done_for is None:
                scopes = await self._scopes()
                troubles += _missing(scopes, events, self._scenarios, rules=bool(self._definitions))
                if "bizproc" in scopes:
                    troubles += await self._register_rules()
            if self._done_for is None or events != self._bound:
                troubles += await self._bind(events)
            # Without permissions everything would be missing.
            if self._done_for is None and not troubles:
                troubles += await self._faults_of_scenarios()
        except (PortalTrouble, PortalError) as error:
            self._log.warn("automation is not registered: {trouble}", trouble=str(error))
            return self._backoff.failed(error)
        if changes != self._changes:
            return 0.0
        self._backoff.reset()
        self._bound = events
        if self._done_for is None or troubles:
            self._tell(troubles)
        # Somebody may mend it in the portal, which tells nobody.
        self._done_for = None if self._troubles else installation
        return _LOOK_AGAIN if self._troubles else _IDLE

    async def _wanted_events(self) -> frozenset[str]:
        """Those of the scenarios, and of documents that have reminders to come."""
        types = await self._journal.within(reminders.types)
        return self._scenarios.events | {event(of) for of in types for event in (changed, deleted)}

    async def _scopes(self) -> set[str]:
        return {str(each).lower() for each in listed(await self._portal.call("scope", {}))}

    async def _register_rules(self) -> list[str]:
        """What stands in the way of one of them is no reason to leave the other out."""
        try:
            known = {str(each) for each in listed(await self._portal.call("bizproc.robot.list", {}))}
        except PortalError as error:
            if error.code != "ERROR_METHOD_NOT_FOUND":
                return [f"the automation rules cannot be registered: {error}"]
            if self._definitions and not self._told_of_plan:
                self._told_of_plan = True
                self._log.warn("automation: the portal's plan has no automation rules; scenarios do without")
            return []
        troubles = []
        if not self._definitions:
            for code in sorted(known & robots.CODES):
                troubles += await self._try(f"the automation rule {code} cannot be removed", "delete", {"CODE": code})
            return troubles
        for definition in self._definitions:
            code, fields = definition["CODE"], {k: v for k, v in definition.items() if k != "CODE"}
            trouble = f"the automation rule {code} cannot be registered"
            if code in known:
                troubles += await self._try(trouble, "update", {"CODE": code, "FIELDS": fields})
            else:
                troubles += await self._try(trouble, "add", definition)
        if not troubles:
            self._log.info("the automation rules {codes} are registered", codes=", ".join(robots.CODES_IN_ORDER))
        return troubles

    async def _try(self, trouble: str, what: str, parameters: Mapping[str, Any]) -> list[str]:
        try:
            await self._portal.call(f"bizproc.robot.{what}", parameters)
        except PortalError as error:
            return [f"{trouble}: {error}"]
        return []

    async def _faults_of_scenarios(self) -> list[str]:
        """What they name and the portal does not have, `check-config` says too."""
        try:
            faults = await faults_of(self._reader, self._scenarios.all)
        except CommandTrouble as trouble:
            return [f"what scenarios name cannot be looked for: {trouble}"]
        return [f"scenario {name}, {key}: {text}" for name, key, text in faults]

    async def _bind(self, events: frozenset[str]) -> list[str]:
        """Have the gateway called for these events, and for none that nobody listens to any more."""
        bound = {
            str(each.get("event", "")).upper()
            for each in listed(await self._portal.call("event.get", {}))
            if isinstance(each, Mapping) and str(each.get("handler", "")) == self._event_url
        }
        troubles = []
        for event in sorted(events - bound):
            try:
                await self._portal.call("event.bind", {"event": event, "handler": self._event_url})
            except PortalError as error:
                troubles.append(f"the event {event} cannot be bound: {error}")
        for event in sorted(bound - events - set(_OF_THE_APPLICATION)):
            try:
                await self._portal.call("event.unbind", {"event": event, "handler": self._event_url})
            except PortalError as error:
                # It is called for nothing, no more.
                self._log.info("the event {event} cannot be unbound: {error}", event=event, error=str(error))
        return troubles

    def _tell(self, troubles: list[str]) -> None:
        """Once for each, as long as it lasts."""
        for trouble in troubles:
            if trouble not in self._troubles:
                self._log.warn("automation: {trouble}", trouble=trouble)
        self._troubles = troubles


def _missing(scopes: set[str], events: frozenset[str], scenarios: Scenarios, *, rules: bool) -> list[str]:
    wanted = {"bizproc"} if rules else set()
    if CALL_END in events:
        wanted.add("telephony")
    if wanted or events:
        wanted.add("crm")
    of_employees = {
        each.field for scenario in scenarios.all for each in scenario.placeholders if each.prefix is Prefix.ASSIGNED
    }
    if of_employees & _CONTACT_DATA and not scopes & {"user", "user_basic"}:
        wanted.add("user_basic")
    elif of_employees and not scopes & {"user", "user_basic", "user_brief"}:
        wanted.add("user_brief")
    missing = sorted(wanted - scopes)
    if not missing:
        return []
    return [f"the application lacks the permissions {', '.join(missing)}; tick them in Bitrix24 and reinstall it"]
