"""The simulated CRM's lists: statuses, the history of stages, types, currencies, users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from a1gateway.sandbox.crm import Crm
from a1gateway.sandbox.crm_filter import named, several
from a1gateway.sandbox.crm_item import entity_type_of, item_id, moment
from a1gateway.sandbox.crm_sales import LEAD, StageRecord, Status, has_sales
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError
from a1gateway.sandbox.rest_page import PAGE, Page, page_of, start_of
from a1gateway.sandbox.users import USERS

Method = Callable[[Mapping[str, Any], Holder], Any]

_CURRENCIES: Mapping[str, Mapping[str, Any]] = {
    "BYN": {
        "FULL_NAME": "Белорусский рубль",
        "FORMAT_STRING": "# BYN",
        "DEC_POINT": ".",
        "THOUSANDS_VARIANT": "B",
        "THOUSANDS_SEP": "&nbsp;",
        "DECIMALS": "2",
        "HIDE_ZERO": "Y",
    },
    "USD": {
        "FULL_NAME": "Доллар США",
        "FORMAT_STRING": "$#",
        "DEC_POINT": ".",
        "THOUSANDS_VARIANT": "C",
        "THOUSANDS_SEP": None,
        "DECIMALS": "2",
        "HIDE_ZERO": "N",
    },
}


class CrmLists:
    """The REST methods of these lists."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self.table: dict[str, Method] = {
            "crm.status.list": self.status_list,
            "crm.stagehistory.list": self.stage_history,
            "crm.type.list": self.type_list,
            "crm.currency.list": self.currency_list,
            "crm.currency.localizations.get": self.localizations,
        }

    def status_list(self, given: Mapping[str, Any], caller: Holder) -> list[dict[str, Any]]:
        """`crm.status.list`: by `ENTITY_ID`, `STATUS_ID`, `NAME`; all at once, whatever page is asked for."""
        del caller
        wanted = {str(name).upper().lstrip("="): raw for name, raw in named(given.get("FILTER")).items()}
        rows = [_status(number, each) for number, each in enumerate(self._crm.statuses(), 1)]
        return [
            row
            for row in rows
            if all(row.get(name) in {str(each) for each in several(raw)} for name, raw in wanted.items())
        ]

    def stage_history(self, given: Mapping[str, Any], caller: Holder) -> Page:
        """`crm.stagehistory.list`: by `ID`, `OWNER_ID`, `TYPE_ID` and the stage, in order of `ID`."""
        del caller
        kind = entity_type_of(self._crm, given)
        if not has_sales(kind):
            raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"{kind} entity is not supported")
        rows = [each for each in self._crm.stage_records if each.entity_type == kind]
        for key, raw in named(given.get("FILTER")).items():
            rows = [each for each in rows if _fits(str(key), raw, _record(each))]
        if "DESC" in {str(way).upper() for way in named(given.get("ORDER")).values()}:
            rows.reverse()
        start = start_of(given.get("START"))
        select = {str(name).upper() for name in several(given.get("SELECT"))}

        def shown(page: list[StageRecord]) -> dict[str, Any]:
            whole = [_record(each) for each in page]
            return {"items": [{k: v for k, v in each.items() if not select or k in select} for each in whole]}

        return page_of(rows if start >= 0 else rows[:PAGE], start, shown)

    def type_list(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.type.list`."""
        del given, caller
        types = self._crm.processes.values()
        return {
            "types": [
                {
                    "id": number,
                    "title": each.title,
                    "entityTypeId": each.entity_type,
                    "isStagesEnabled": "Y" if each.has_stages else "N",
                    "isClientEnabled": "Y" if each.has_client else "N",
                }
                for number, each in enumerate(types, 1)
            ]
        }

    def currency_list(self, given: Mapping[str, Any], caller: Holder) -> list[dict[str, Any]]:
        """`crm.currency.list`."""
        del given, caller
        return [
            {"CURRENCY": code, "BASE": "Y" if code == "BYN" else "N", "FULL_NAME": each["FULL_NAME"]}
            for code, each in _CURRENCIES.items()
        ]

    def localizations(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.currency.localizations.get`."""
        del caller
        found = _CURRENCIES.get(str(given.get("ID") or "").upper())
        if found is None:
            raise RestError("ERROR_NOT_FOUND", "Currency not found")
        return {"ru": dict(found)}


def user_get(given: Mapping[str, Any], caller: Holder) -> Page:
    """`user.get`: by `ID`, in the filter or beside it."""
    del caller
    wanted = {str(name).upper(): raw for name, raw in named(given.get("FILTER")).items()}
    asked = {item_id(each) for each in several(wanted.get("ID", given.get("ID")))}
    rows = [user.row() for user in USERS.values() if not asked or user.id in asked]
    return page_of(rows, start_of(given.get("START")), lambda page: page)


def user_current(given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
    """`user.current`: whoever calls."""
    del given
    user = USERS.get(caller.user_id)
    return {"ID": str(caller.user_id), "ACTIVE": True} if user is None else user.row()


def _status(number: int, status: Status) -> dict[str, Any]:
    return {
        "ID": str(number),
        "ENTITY_ID": status.entity_id,
        "STATUS_ID": status.status_id,
        "NAME": status.name,
        "SORT": str(number * 10),
        "SYSTEM": "N",
        "SEMANTICS": status.semantics or None,
    }


def _record(record: StageRecord) -> dict[str, Any]:
    of_lead = record.entity_type == LEAD
    common = {
        "ID": record.id,
        "TYPE_ID": record.type,
        "OWNER_ID": record.owner,
        "CREATED_TIME": moment(record.at),
    }
    if of_lead:
        return common | {"STATUS_SEMANTIC_ID": record.semantics or "P", "STATUS_ID": record.stage}
    return common | {
        "CATEGORY_ID": record.category,
        "STAGE_SEMANTIC_ID": record.semantics or "P",
        "STAGE_ID": record.stage,
    }


def _fits(key: str, raw: Any, row: Mapping[str, Any]) -> bool:
    sign = next((each for each in (">=", "<=", ">", "<", "=") if key.startswith(each)), "")
    name = key.removeprefix(sign).upper()
    if name not in row:
        raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
    if sign in (">", ">=", "<", "<="):
        value: Any = row[name]
        other: Any = item_id(raw) if isinstance(value, int) else str(raw)
        return bool({">": value > other, ">=": value >= other, "<": value < other, "<=": value <= other}[sign])
    return str(row[name]) in {str(each) for each in several(raw)}
