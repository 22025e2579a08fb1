"""The simulated portal's REST: which methods there are, who may call them, and `batch` with its oddities."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import php
from a1gateway.sandbox.a1_books import MINSK
from a1gateway.sandbox.crm_lists import user_current, user_get
from a1gateway.sandbox.events import Events
from a1gateway.sandbox.faults import Faults, PortalFault
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.messageservice import MessageService
from a1gateway.sandbox.oauth import Holder, Tokens
from a1gateway.sandbox.operating import OperatingTime
from a1gateway.sandbox.rest_errors import (
    RestError,
    expired_token,
    licence,
    method_not_found,
    operation_time_limit,
    query_limit_exceeded,
)
from a1gateway.sandbox.rest_page import Page
from a1gateway.sandbox.settings import Adjustable, PortalSettings
from a1gateway.sandbox.users import USERS

_BATCH_LENGTH = 50

# Faults that are an error of REST.
ERROR_FAULTS: Mapping[PortalFault, Callable[[], RestError]] = {
    PortalFault.RATE_LIMIT: query_limit_exceeded,
    PortalFault.OPERATION_TIME_LIMIT: operation_time_limit,
    PortalFault.EXPIRED_TOKEN: expired_token,
    PortalFault.LICENSE: licence,
}

_RESULT = re.compile(r"\$result((?:\[[^\]]*\])+)")

Method = Callable[[Mapping[str, Any], Holder], Any]


class Rest:
    """Calls methods by name; says nothing of HTTP."""

    def __init__(
        self,
        clock: IReactorTime,
        settings: Adjustable[PortalSettings],
        *,
        tokens: Tokens,
        installation: Installation,
        messageservice: MessageService,
        events: Events,
        faults: Faults,
        requests: Counter[str],
        crm: Mapping[str, Method],
        bizproc: Mapping[str, Method],
        telephony: Mapping[str, Method],
        placement: Mapping[str, Method],
        im: Mapping[str, Method],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._tokens = tokens
        self._installation = installation
        self._faults = faults
        self._requests = requests
        self.operating = OperatingTime(clock)
        # The scope a method needs, empty for `basic`, and what it does.
        self._methods: dict[str, tuple[str, Method]] = {
            "app.info": ("", self._app_info),
            "profile": ("", self._profile),
            "scope": ("", lambda given, caller: list(settings.now.scopes)),
            "method.get": ("", self._method_get),
            "server.time": ("", lambda given, caller: self.moment()),
            "event.bind": ("", events.bind),
            "event.get": ("", events.get),
            "event.unbind": ("", events.unbind),
            "messageservice.sender.add": ("messageservice", messageservice.sender_add),
            "messageservice.sender.update": ("messageservice", messageservice.sender_update),
            "messageservice.sender.list": ("messageservice", messageservice.sender_list),
            "messageservice.sender.delete": ("messageservice", messageservice.sender_delete),
            "messageservice.message.status.update": ("messageservice", messageservice.status_update),
            **{name: ("crm", work) for name, work in crm.items()},
            **{name: ("bizproc", work) for name, work in bizproc.items()},
            **{name: ("telephony", work) for name, work in telephony.items()},
            **{name: ("placement", work) for name, work in placement.items()},
            **{name: ("im", work) for name, work in im.items()},
            "user.get": ("user_brief", user_get),
            "user.current": ("user_brief", user_current),
        }

    def moment(self) -> str:
        """The portal's time as its REST writes it."""
        return datetime.fromtimestamp(self._clock.seconds(), MINSK).isoformat(timespec="seconds")

    def time(self, method: str) -> dict[str, Any]:
        """The `time` of an answer of `method`."""
        now = self._clock.seconds()
        return {
            "start": now,
            "finish": now,
            "duration": 0.001,
            "processing": 0.001,
            "date_start": self.moment(),
            "date_finish": self.moment(),
            "operating_reset_at": self.operating.reset_at(method),
            "operating": round(self.operating.used(method), 3),
        }

    def has(self, method: str) -> bool:
        """Whether there is such a method at all, in this portal's plan."""
        if method.startswith("bizproc.") and not self._settings.now.automation:
            return False
        return method == "batch" or method in self._methods

    def caller(self, token: str) -> Holder:
        """Who calls. Raises RestError when nobody that may."""
        if not self._installation.known:
            raise RestError("APPLICATION_NOT_FOUND", "Application not found", 401)
        if not token:
            raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
        return self._tokens.holder(token)

    def call(self, method: str, given: Mapping[str, Any], caller: Holder) -> Any:
        """A method's `result`, or a Page of it. Raises RestError."""
        if method == "batch":
            return self._batch(given, caller)
        if not self.has(method):
            raise method_not_found()
        scope, work = self._methods[method]
        if scope and scope not in self._settings.now.scopes:
            raise RestError("insufficient_scope", "The request requires higher privileges than provided", 403)
        seconds = self._settings.now.operating_seconds
        if scope == "crm" and seconds > 0:
            if not self.operating.admits(method):
                self._requests["refused/operating"] += 1
                raise operation_time_limit()
            self.operating.add(method, seconds)
        return work({name.upper(): value for name, value in given.items()}, caller)

    # batch

    def _batch(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        commands = given.get("cmd")
        if isinstance(commands, list):
            commands = {str(index): command for index, command in enumerate(commands)}
        if not isinstance(commands, dict):
            commands = {}
        results: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        totals: dict[str, Any] = {}
        nexts: dict[str, Any] = {}
        times: dict[str, Any] = {}
        for index, (key, command) in enumerate(commands.items()):
            try:
                if index >= _BATCH_LENGTH:
                    raise RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
                method, answer = self._command(str(command), results, caller)
                page = answer if isinstance(answer, Page) else Page(answer)
                results[key] = page.result
                if page.total is not None:
                    totals[key] = page.total
                if page.next is not None:
                    nexts[key] = page.next
                times[key] = self.time(method)
            except RestError as error:
                errors[key] = error.answer()
                if php.is_true(given.get("halt")):
                    break
        return {
            "result": php.encoded(results),
            "result_error": php.encoded(errors),
            "result_total": php.encoded(totals),
            "result_next": php.encoded(nexts),
            "result_time": php.encoded(times),
        }

    def _command(self, command: str, results: Mapping[str, Any], caller: Holder) -> tuple[str, Any]:
        # A bare # cuts the rest off, as in any address.
        name, _, query = command.partition("#")[0].partition("?")
        method = name.strip("/").lower()
        self._requests["batch/" + method] += 1
        if method == "batch":
            raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
        fault = self._faults.take(method, ERROR_FAULTS, named=True)
        if fault is not None:
            raise ERROR_FAULTS[PortalFault(fault.kind)]()
        given = php.nested(parse_qsl(query, keep_blank_values=True, errors="replace"))
        return method, self.call(method, _substituted(given, results), caller)

    # The methods that belong to no module

    def _app_info(self, _: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        del caller
        return {
            "ID": "1",
            "CODE": self._installation.application.client_id,
            "VERSION": str(self._installation.version),
            "STATUS": "L",
            "INSTALLED": self._installation.finished,
            "PAYMENT_EXPIRED": "N",
            "DAYS": None,
            "LANGUAGE_ID": "ru",
            "LICENSE": "by_basic",
        }

    def _profile(self, _: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        user = USERS.get(caller.user_id)
        return {
            "ID": str(caller.user_id),
            "ADMIN": caller.admin,
            "NAME": user.name if user else "",
            "LAST_NAME": user.last_name if user else "",
            "PERSONAL_GENDER": user.gender if user else "",
            "PERSONAL_PHOTO": "",
            "TIME_ZONE": "Europe/Minsk",
            "TIME_ZONE_OFFSET": 0,
        }

    def _method_get(self, given: Mapping[str, Any], caller: Holder) -> dict[str, bool]:
        del caller
        name = str(given.get("NAME") or "").lower()
        if not self.has(name):
            return {"isExisting": False, "isAvailable": False}
        scope = "" if name == "batch" else self._methods[name][0]
        return {"isExisting": True, "isAvailable": not scope or scope in self._settings.now.scopes}


def _substituted(value: Any, results: Mapping[str, Any]) -> Any:
    """`value` with every `$result[key][field]` replaced by what an earlier command of the batch has given."""
    if isinstance(value, dict):
        return {key: _substituted(inner, results) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    whole = _RESULT.fullmatch(value)
    if whole is not None:
        return _looked_up(whole.group(1), results)
    return _RESULT.sub(lambda found: str(_looked_up(found.group(1), results)), value)


def _looked_up(path: str, results: Mapping[str, Any]) -> Any:
    value: Any = results
    for step in re.findall(r"\[([^\]]*)\]", path):
        if isinstance(value, Mapping):
            value = value.get(step, "")
        elif isinstance(value, list) and php.is_index(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    return value
