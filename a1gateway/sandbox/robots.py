"""The automation rules, called robots, that an application has registered in the simulated portal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from a1gateway.sandbox import php
from a1gateway.sandbox.bizproc_documents import Document
from a1gateway.sandbox.messageservice import check_administrator, check_handler
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError

TYPES = frozenset({"bool", "date", "datetime", "double", "int", "select", "string", "text", "user"})

_CODE = re.compile(r"[a-zA-Z0-9._-]+")
_PROPERTY = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")

# The names right below these are the application's own; all others are read whatever their case.
_NAMED_BY_APPLICATION = ("PROPERTIES", "RETURN_PROPERTIES", "OPTIONS")

# The columns' lengths.
_CODE_LENGTH = 128
_HANDLER_LENGTH = 1000

# How a filter names Bitrix24 in the cloud.
_EDITION = "b24"

Properties = dict[str, dict[str, Any]]
Value = str | int | float | bool | list[str | int | float | bool | None] | None


@dataclass(frozen=True, slots=True)
class Robot:
    """A registered robot; its properties by name, what is said of each by upper-case name."""

    code: str
    handler: str
    name: Any
    description: Any = None
    properties: Properties = field(default_factory=dict)
    return_properties: Properties = field(default_factory=dict)
    waits: bool = False  # for the application's answer
    auth_user_id: int = 0  # in whose name the handler is called; 0: nobody's
    filter: dict[str, Any] = field(default_factory=dict)

    def is_offered(self, document: Document) -> bool:
        """Whether its filter lets it be chosen for documents of this type."""
        for way, rules in self.filter.items():
            fits = _fits(rules, document.type)
            if (way == "INCLUDE" and not fits) or (way == "EXCLUDE" and fits):
                return False
        return True

    def filled(self, given: Mapping[str, Value]) -> dict[str, Any]:
        """Its properties as the handler gets them, defaults for what is not given.

        Raises ValueError on an unknown one, and on a required one that is empty.
        """
        unknown = given.keys() - self.properties.keys()
        if unknown:
            raise ValueError(f"the robot {self.code} has no property {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {}
        for name, described in self.properties.items():
            value = _as_array(given.get(name, described.get("DEFAULT")))
            if _says_yes(described.get("REQUIRED")) and value in (None, "", []):
                raise ValueError(f"the robot {self.code} requires the property {name}")
            values[name] = [_written(each) for each in value] if isinstance(value, list) else _written(value)
        return values

    def report(self) -> dict[str, Any]:
        """For the control route."""
        return {
            "code": self.code,
            "handler": self.handler,
            "name": self.name,
            "description": self.description,
            "properties": self.properties,
            "return_properties": self.return_properties,
            "use_subscription": "Y" if self.waits else "N",
            "auth_user_id": self.auth_user_id,
            "filter": self.filter,
        }


class Robots:
    """The REST methods `bizproc.robot.*`."""

    def __init__(self) -> None:
        self.registered: dict[str, Robot] = {}
        self.table: dict[str, Callable[[Mapping[str, Any], Holder], Any]] = {
            "bizproc.robot.add": self.add,
            "bizproc.robot.update": self.update,
            "bizproc.robot.list": self.list_codes,
            "bizproc.robot.delete": self.delete,
        }

    def add(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`bizproc.robot.add`."""
        check_administrator(caller)
        data = _prepared(given)
        if not data:
            raise _validation("Empty data!")
        code, handler = _code(data), _handler(data.get("HANDLER"))
        if not data.get("NAME"):
            raise _validation("Empty activity NAME!")
        robot = Robot(code, handler, data["NAME"], **_checked(data))
        if code in self.registered:
            raise RestError("ERROR_ACTIVITY_ALREADY_INSTALLED", "Activity or Robot already installed!")
        if _too_long(robot):
            raise RestError("ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!")
        self.registered[code] = robot
        return True

    def update(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`bizproc.robot.update`: what FIELDS names; an empty NAME changes nothing."""
        check_administrator(caller)
        data = _prepared(given)
        robot = self._found(_code(data))
        fields = data.get("FIELDS")
        if not isinstance(fields, dict):
            raise _validation("No fields to update")
        changes: dict[str, Any] = {}
        if fields.get("HANDLER") is not None:
            changes["handler"] = _handler(fields["HANDLER"])
        if fields.get("NAME"):
            changes["name"] = fields["NAME"]
        changes |= _checked(fields)
        if not changes and not _document_type_given(fields):
            raise _validation("No fields to update")
        changed = replace(robot, **changes)
        if _too_long(changed):
            raise _validation("The value is too long")
        self.registered[robot.code] = changed
        return True

    def list_codes(self, _: Mapping[str, Any], caller: Holder) -> list[str]:
        """`bizproc.robot.list`: codes only."""
        check_administrator(caller)
        return list(self.registered)

    def delete(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`bizproc.robot.delete`."""
        check_administrator(caller)
        del self.registered[self._found(_code(given)).code]
        return True

    def _found(self, code: str) -> Robot:
        robot = self.registered.get(code)
        if robot is None:
            raise RestError("ERROR_ACTIVITY_NOT_FOUND", "Activity or Robot not found!")
        return robot


def _prepared(given: Mapping[str, Any], *, keep_names: bool = False) -> dict[str, Any]:
    """`given` with the names in upper case on every level, but for those that the application has chosen."""
    prepared: dict[str, Any] = {}
    for name, value in given.items():
        key = name if keep_names else name.upper()
        inner = isinstance(value, Mapping)
        prepared[key] = _prepared(value, keep_names=key in _NAMED_BY_APPLICATION) if inner else value
    return prepared


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a robot's optional attributes that `data` has. Raises RestError."""
    found: dict[str, Any] = {}
    for name, attribute in (("PROPERTIES", "properties"), ("RETURN_PROPERTIES", "return_properties")):
        if data.get(name) is not None:
            found[attribute] = _properties(data[name])
    if _document_type_given(data):
        _check_document_type(data["DOCUMENT_TYPE"])
    if data.get("FILTER") is not None:
        if not isinstance(data["FILTER"], dict | list):
            raise _validation("Wrong activity FILTER!")
        found["filter"] = data["FILTER"] if isinstance(data["FILTER"], dict) else {}
    if data.get("USE_SUBSCRIPTION") is not None:
        # Nothing but this letter is a yes, not even a JSON `true`.
        found["waits"] = data["USE_SUBSCRIPTION"] == "Y"
    if data.get("AUTH_USER_ID") is not None:
        found["auth_user_id"] = _number(data["AUTH_USER_ID"])
    if data.get("DESCRIPTION") is not None:
        found["description"] = data["DESCRIPTION"]
    return found


def _properties(given: Any) -> Properties:
    """Checked properties; stricter than Bitrix24, which takes an unknown type for a text. Raises RestError."""
    if isinstance(given, list):
        given = {str(index): value for index, value in enumerate(given)}
    if not isinstance(given, dict):
        raise _validation("Wrong properties array!")
    for key, described in given.items():
        if _PROPERTY.fullmatch(key) is None:
            raise _validation(f"Wrong property key ({key})!")
        if not isinstance(described, dict) or not described.get("NAME"):
            raise _validation(f"Empty property NAME ({key})!")
        kind = described.get("TYPE", "string")
        if kind not in TYPES:
            raise _validation("Wrong properties array!")
        if kind == "select" and not isinstance(described.get("OPTIONS"), dict | list):
            raise _validation("Wrong properties array!")
    return given


def _document_type_given(data: Mapping[str, Any]) -> bool:
    return data.get("DOCUMENT_TYPE") is not None


def _check_document_type(given: Any) -> None:
    parts = _as_array(given)
    if not isinstance(parts, list) or len(parts) != 3 or not all(part and isinstance(part, str) for part in parts):
        raise _validation("Wrong activity DOCUMENT_TYPE!")


def _fits(rules: Any, document_type: tuple[str, str, str]) -> bool:
    listed = _as_array(rules)
    for rule in listed if isinstance(listed, list) else [listed]:
        parts = _as_array(rule)
        if not isinstance(parts, list):
            if parts == _EDITION:
                return True
        # A rule may name the module, the entity of it, and the type, or only the first of them.
        elif parts and tuple(parts[:3]) == document_type[: len(parts)]:
            return True
    return False


def _as_array(value: Any) -> Any:
    return php.encoded(value) if isinstance(value, dict) else value


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)


def _says_yes(value: Any) -> bool:
    return str(value).upper() in ("Y", "YES", "TRUE", "1")


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _code(data: Mapping[str, Any]) -> str:
    code = data.get("CODE")
    if not code:
        raise _validation("Empty activity code!")
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise _validation("Wrong activity code!")
    return code


def _handler(given: Any) -> str:
    handler = str(given or "")
    check_handler(handler)
    return handler


def _too_long(robot: Robot) -> bool:
    return len(robot.code) > _CODE_LENGTH or len(robot.handler) > _HANDLER_LENGTH


def _validation(description: str) -> RestError:
    return RestError("ERROR_ACTIVITY_VALIDATION_FAILURE", description)
