"""The simulated CRM's REST methods by name, with the search for duplicates and the comments of timelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from a1gateway.sandbox.crm import Comment, Crm, EntityType, phone_digits
from a1gateway.sandbox.crm_filter import named, several
from a1gateway.sandbox.crm_item import CrmItem, item_id, moment
from a1gateway.sandbox.crm_lists import CrmLists
from a1gateway.sandbox.crm_old import OLD_TYPES, OldCrm
from a1gateway.sandbox.crm_rights import Rights
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError
from a1gateway.sandbox.rest_page import Page, page_of, start_of

_VALUES = 20  # distinct ones that a search looks at
_FOUND = 20  # ids that one value finds

Method = Callable[[Mapping[str, Any], Holder], Any]


class CrmMethods:
    """What is not one type's own, and the table of all methods."""

    def __init__(self, crm: Crm, rights: Rights) -> None:
        self._crm = crm
        item = CrmItem(crm, rights)
        self.table: dict[str, Method] = {
            "crm.item.list": item.item_list,
            "crm.item.get": item.item_get,
            "crm.item.add": item.item_add,
            "crm.item.update": item.item_update,
            "crm.item.delete": item.item_delete,
            "crm.item.fields": item.item_fields,
            "crm.duplicate.findbycomm": self.find_by_comm,
            "crm.timeline.comment.add": self.comment_add,
            "crm.timeline.comment.list": self.comment_list,
            **CrmLists(crm).table,
        }
        for kind in OLD_TYPES:
            old, prefix = OldCrm(crm, kind, rights), f"crm.{kind.name.lower()}"
            self.table |= {
                f"{prefix}.list": old.item_list,
                f"{prefix}.get": old.item_get,
                f"{prefix}.update": old.item_update,
                f"{prefix}.userfield.add": old.field_add,
                f"{prefix}.userfield.list": old.field_list,
                f"{prefix}.userfield.get": old.field_get,
            }

    def find_by_comm(self, given: Mapping[str, Any], caller: Holder) -> dict[str, list[int]] | list[int]:
        """`crm.duplicate.findbycomm`: by 20 texts, 20 ids for each whatever their type; nothing is an empty list."""
        del caller
        if str(given.get("TYPE") or "").upper() not in ("PHONE", "EMAIL"):
            raise RestError("ERROR_CORE", "Communication type is not defined or invalid.")
        values = [value for value in several(given.get("VALUES")) if isinstance(value, str)]
        if not several(given.get("VALUES")):
            raise RestError("ERROR_CORE", "Communication values is not defined.")
        if str(given["TYPE"]).upper() == "EMAIL":
            return []
        name = str(given.get("ENTITY_TYPE") or "").upper()
        kinds = [kind for kind in OLD_TYPES if not name or kind.name == name]
        hits: dict[str, dict[int, None]] = {}
        for value in list(dict.fromkeys(values))[:_VALUES]:
            digits = phone_digits(value)
            pairs = [(kind, number) for kind in kinds for number in self._crm.items[kind].with_digits(digits)]
            for kind, number in pairs[:_FOUND]:
                hits.setdefault(kind.name, {})[number] = None
        return {each: list(numbers) for each, numbers in hits.items()} or []

    def comment_add(self, given: Mapping[str, Any], caller: Holder) -> int:
        """`crm.timeline.comment.add`."""
        fields = {str(name).upper(): value for name, value in named(given.get("FIELDS")).items()}
        text = str(fields.get("COMMENT") or "")
        if not text:
            raise RestError("", "Empty comment message")
        name = str(fields.get("ENTITY_TYPE") or "").lower()
        kind = EntityType.named(name)
        number = item_id(fields.get("ENTITY_ID"))
        if kind is None or self._crm.items[kind].get(number) is None:
            raise RestError("", "Owner is not found")
        return self._crm.comment(entity_id=number, entity_type=name, text=text, author=caller.user_id).id

    def comment_list(self, given: Mapping[str, Any], caller: Holder) -> Page:
        """`crm.timeline.comment.list`: of the item that the filter names."""
        del caller
        asked = {str(name).upper().lstrip("="): value for name, value in named(given.get("FILTER")).items()}
        if not asked.get("ENTITY_ID") or not asked.get("ENTITY_TYPE"):
            raise RestError("", "ENTITY_ID and ENTITY_TYPE are required in the filter")
        number, name = item_id(asked["ENTITY_ID"]), str(asked["ENTITY_TYPE"]).lower()
        comments = [each for each in self._crm.comments if (each.entity_id, each.entity_type) == (number, name)]
        order = {str(column).upper(): str(way).upper() for column, way in named(given.get("ORDER")).items()}
        if "DESC" in (order.get("ID"), order.get("CREATED")):
            comments.reverse()
        select = {str(column).upper() for column in several(given.get("SELECT"))} - {"*"}

        def shown(page: list[Comment]) -> list[dict[str, Any]]:
            rows = [comment_shown(each) for each in page]
            return [{key: row[key] for key in row if not select or key in select} for row in rows]

        return page_of(comments, start_of(given.get("START")), shown)


def comment_shown(comment: Comment) -> dict[str, Any]:
    """A comment as REST gives it."""
    return {
        "ID": str(comment.id),
        "ENTITY_ID": comment.entity_id,
        "ENTITY_TYPE": comment.entity_type,
        "CREATED": moment(comment.created),
        "COMMENT": comment.text,
        "AUTHOR_ID": str(comment.author),
    }
