"""The places in the simulated portal's pages in which applications can show theirs: the tabs of CRM cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from a1gateway.sandbox import php
from a1gateway.sandbox.crm import Crm, EntityType
from a1gateway.sandbox.messageservice import check_administrator, check_handler
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError
from a1gateway.sandbox.settings import Adjustable, PortalSettings

DEFAULT = "DEFAULT"
"""The place of the application's own page, which is not bound."""
DEFAULT_OPTIONS: Mapping[str, str] = {"any": "/"}
"""What the application is told of it."""

# The language of a portal in Belarus, which a title without a language is taken to be in.
_LANGUAGE = "ru"
_SCOPE = "crm"
_WORDS = ("TITLE", "DESCRIPTION", "GROUP_NAME")
_MORE_TYPES = ("QUOTE", "SMART_INVOICE")


def tab_of(kind: int) -> str:
    """The place that is a tab in the cards of a type, by `entityTypeId`."""
    name = EntityType(kind).name if kind in {each.value for each in EntityType} else f"DYNAMIC_{kind}"
    return f"CRM_{name}_DETAIL_TAB"


@dataclass(frozen=True, slots=True)
class Placement:
    """A page that an application has bound to a place; its words by language, then by name."""

    placement: str
    handler: str
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def title(self, language: str = _LANGUAGE) -> str:
        """What the tab is called for somebody with that language; empty when the application has not said."""
        own = self.words.get(language) or self.words.get(_LANGUAGE) or next(iter(self.words.values()), {})
        return own.get("TITLE", "")


class Placements:
    """The REST methods `placement.*`: bitrix-core-business, modules/rest/lib/api/placement.php."""

    def __init__(self, crm: Crm, settings: Adjustable[PortalSettings]) -> None:
        self._crm = crm
        self._settings = settings
        self.bound: list[Placement] = []
        self.table: dict[str, Callable[[Mapping[str, Any], Holder], Any]] = {
            "placement.bind": self.bind,
            "placement.unbind": self.unbind,
            "placement.get": self.get,
            "placement.list": self.list_names,
        }

    def of(self, placement: str) -> Placement | None:
        """The first that is bound to a place."""
        return next((each for each in self.bound if each.placement == placement), None)

    def bind(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`placement.bind`: a place takes several handlers, and each of them once."""
        check_administrator(caller)
        name, handler = _name(given), str(given.get("HANDLER") or "")
        if name == DEFAULT:
            raise RestError("ERROR_ARGUMENT", "Wrong value")
        if not handler:
            raise _missing("HANDLER")
        check_handler(handler)
        if name not in self._known() or _SCOPE not in self._settings.now.scopes:
            raise RestError("ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
        if str(given.get("USER_ID") or "0") != "0":
            raise RestError("ERROR_PLACEMENT_USER_MODE", "User mode is not available.")
        if any((each.placement, each.handler) == (name, handler) for each in self.bound):
            raise RestError("ERROR_CORE", "Unable to set placement handler: Handler already binded")
        self.bound.append(Placement(name, handler, _words(given)))
        return True

    def unbind(self, given: Mapping[str, Any], caller: Holder) -> dict[str, int]:
        """`placement.unbind`: of one handler, or of all; `count` is twice what there was, as in Bitrix24."""
        check_administrator(caller)
        name, handler = _name(given), given.get("HANDLER")
        kept = [each for each in self.bound if each.placement != name or (handler and each.handler != handler)]
        count = 2 * (len(self.bound) - len(kept))
        self.bound = kept
        return {"count": count}

    def get(self, _: Mapping[str, Any], caller: Holder) -> list[dict[str, Any]]:
        """`placement.get`: what is bound, the oldest first."""
        check_administrator(caller)
        return [
            {
                "placement": each.placement,
                "userId": 0,
                "handler": each.handler,
                "options": [],
                "title": each.title(),
                "description": each.words.get(_LANGUAGE, {}).get("DESCRIPTION", ""),
                "langAll": php.encoded(dict(each.words)),
            }
            for each in self.bound
        ]

    def list_names(self, given: Mapping[str, Any], caller: Holder) -> list[str]:
        """`placement.list`: the places of the application's own scopes, of a SCOPE, or with FULL of all."""
        del caller
        scope = given.get("SCOPE")
        if scope is not None:
            there = scope == _SCOPE
        else:
            there = php.is_true(given.get("FULL")) or _SCOPE in self._settings.now.scopes
        return list(self._known()) if there else []

    def _known(self) -> Iterator[str]:
        yield from (tab_of(kind) for kind in EntityType)
        yield from (f"CRM_{name}_DETAIL_TAB" for name in _MORE_TYPES)
        yield from (tab_of(kind) for kind in self._crm.processes)


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("PLACEMENT")
    if not name:
        raise _missing("PLACEMENT")
    if not isinstance(name, str):
        raise RestError("ERROR_ARGUMENT", "The value of an argument 'PLACEMENT' must be of type string")
    return name.upper()


def _words(given: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Those of LANG_ALL; where there is none, those beside it, in the portal's language."""
    by_language = given.get("LANG_ALL")
    if not by_language or not isinstance(by_language, dict):
        by_language = {_LANGUAGE: {name: given[name] for name in _WORDS if given.get(name)}}
    return {
        str(language): {name: str(words.get(name) or "").strip() for name in _WORDS}
        for language, words in by_language.items()
        if isinstance(words, dict) and words
    }


def _missing(argument: str) -> RestError:
    return RestError("ERROR_ARGUMENT", f"Argument '{argument}' is null or empty")
