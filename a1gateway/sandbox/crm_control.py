"""The control routes of the simulated CRM, below `/sandbox/crm/`."""

from __future__ import annotations

from typing import Any

from klein import Klein
from pydantic import BaseModel, ConfigDict, Field
from twisted.web.resource import IResource
from twisted.web.server import Request

from a1gateway.sandbox.answers import json_answer, query_of
from a1gateway.sandbox.control import BadControl, bad_control, control_object
from a1gateway.sandbox.crm import Crm, EntityType, Item, Phone
from a1gateway.sandbox.crm_fields import Value, full_name, taken
from a1gateway.sandbox.crm_filling import Filling, fill
from a1gateway.sandbox.crm_item import WITH_PHONES, item_id, moment
from a1gateway.sandbox.crm_methods import comment_shown
from a1gateway.sandbox.crm_old import new_field
from a1gateway.sandbox.crm_sales import Sales, first_stage, has_sales


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    entityTypeId: int = Field(default=EntityType.CONTACT.value, ge=1)  # noqa: N815 - as in REST


class _Sales(_Wanted):
    stageId: str | None = None  # noqa: N815
    categoryId: int | None = None  # noqa: N815
    opportunity: str | None = None
    currencyId: str | None = None  # noqa: N815
    assignedById: int | None = None  # noqa: N815
    sourceId: str | None = None  # noqa: N815

    def give(self, sales: Sales) -> None:
        """What is named, but the stage."""
        for name, value in (
            ("category", self.categoryId),
            ("opportunity", self.opportunity),
            ("currency", self.currencyId),
            ("assigned", self.assignedById),
            ("source", self.sourceId),
        ):
            if value is not None:
                setattr(sales, name, value)


class _Item(_Sales):
    id: int | None = Field(default=None, ge=1)
    title: str = ""
    name: str = ""
    lastName: str = ""  # noqa: N815
    phones: tuple[str, ...] = ()
    contactIds: tuple[int, ...] = ()  # noqa: N815
    companyId: int = 0  # noqa: N815
    fields: dict[str, Any] = {}


class _Change(_Sales):
    id: int
    title: str | None = None
    name: str | None = None
    fields: dict[str, Any] = {}


class _Type(_Wanted):
    title: str = "Смарт-процесс"
    client: bool = True
    stages: bool = True


class _Named(_Wanted):
    id: int


class _CustomField(_Wanted):
    name: str
    type: str = "boolean"
    list: tuple[str, ...] = ()
    multiple: bool = False


class CrmControl:
    """Fills, shows and changes the CRM without REST."""

    app = Klein()

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    def resource(self) -> IResource:
        """To be put below `/sandbox/crm/`."""
        return self.app.resource()

    @app.route("/fill", methods=["POST"])
    def fill(self, request: Request) -> bytes:
        """Adds made-up items, the same for the same `seed`: see `Filling`."""
        try:
            made = fill(self._crm, Filling.model_validate(control_object(request)))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return json_answer(request, made)

    @app.route("/item", methods=["POST"])
    def put(self, request: Request) -> bytes:
        """Makes an item, or puts it in the place of the one with its `id`; `fields` by their upper-case names."""
        try:
            wanted = _Item.model_validate(control_object(request))
            kind = self._known(wanted.entityTypeId)
            custom = self._custom(kind, wanted.fields)
            sales = self._sales(kind, wanted)
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        item = Item(
            wanted.id or self._crm.next_item_id(kind),
            wanted.title,
            wanted.name,
            wanted.lastName,
            tuple(Phone(self._crm.next_id(), number) for number in wanted.phones) if kind in WITH_PHONES else (),
            wanted.contactIds,
            wanted.companyId,
            custom=custom,
            sales=sales,
        )
        self._crm.added(kind, item)
        return json_answer(request, _shown(kind, item))

    @app.route("/change", methods=["POST"])
    def change(self, request: Request) -> bytes:
        """Changes the item `id`: what is named, the stage too."""
        try:
            wanted = _Change.model_validate(control_object(request))
            kind = self._known(wanted.entityTypeId)
            item = self._crm.items[kind].get(wanted.id)
            if item is None:
                raise BadControl(f"there is no item {wanted.id}")
            item.custom.update(self._custom(kind, wanted.fields))
            item.title = item.title if wanted.title is None else wanted.title
            item.name = item.name if wanted.name is None else wanted.name
            if item.sales is not None:
                wanted.give(item.sales)
            self._crm.updated(kind, item, wanted.stageId)
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return json_answer(request, _shown(kind, item))

    @app.route("/type", methods=["POST"])
    def type(self, request: Request) -> bytes:
        """Makes a smart process with this `entityTypeId`: `title`, whether it has `client` and `stages`."""
        try:
            wanted = _Type.model_validate(control_object(request))
            made = self._crm.add_process(
                wanted.entityTypeId, wanted.title, has_client=wanted.client, has_stages=wanted.stages
            )
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return json_answer(request, {"entityTypeId": made.entity_type, "title": made.title})

    @app.route("/delete", methods=["POST"])
    def delete(self, request: Request) -> bytes:
        """Deletes the item `id`."""
        try:
            wanted = _Named.model_validate(control_object(request))
            kind = self._known(wanted.entityTypeId)
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return json_answer(request, {"deleted": self._crm.removed(kind, wanted.id)})

    @app.route("/items", methods=["GET"])
    def items(self, request: Request) -> bytes:
        """All items of `entityTypeId`, or the one with `id`."""
        query = dict(query_of(request))
        try:
            kind = self._known(item_id(query.get("entityTypeId", "3")))
        except BadControl as error:
            return bad_control(request, error)
        items = self._crm.items[kind]
        if "id" not in query:
            return json_answer(request, [_shown(kind, item) for item in items.all()])
        item = items.get(item_id(query["id"]))
        if item is None:
            return json_answer(request, {"error": "no such item"}, 404)
        return json_answer(request, _shown(kind, item))

    @app.route("/comments", methods=["GET"])
    def comments(self, request: Request) -> bytes:
        """All comments of all timelines, oldest first."""
        return json_answer(request, [comment_shown(comment) for comment in self._crm.comments])

    @app.route("/field", methods=["POST"])
    def field(self, request: Request) -> bytes:
        """Adds a custom field: `name`, `type`, the values of a `list`, `multiple`; the list's ids are answered."""
        try:
            wanted = _CustomField.model_validate(control_object(request))
            custom = new_field(
                self._crm,
                self._known(wanted.entityTypeId),
                name=wanted.name,
                kind=wanted.type,
                multiple=wanted.multiple,
                values=[{"VALUE": value} for value in wanted.list],
            )
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        values = {value.value: value.id for value in custom.values}
        return json_answer(request, {"id": custom.id, "name": custom.name, "list": values})

    @app.route("/reset", methods=["POST"])
    def reset(self, request: Request) -> bytes:
        """Empties the CRM: no item, field or comment is left."""
        self._crm.empty()
        return json_answer(request, {"reset": True})

    def _known(self, kind: int) -> int:
        if kind not in self._crm.items:
            raise BadControl(f"there is no type {kind}; /sandbox/crm/type makes smart processes")
        return kind

    def _custom(self, kind: int, given: dict[str, Any]) -> dict[str, Value]:
        custom: dict[str, Value] = {}
        for name, value in given.items():
            field = self._crm.fields[kind].get(full_name(name))
            if field is None:
                raise BadControl(f"there is no field {name}")
            custom[field.name] = taken(field, value)
        return custom

    def _sales(self, kind: int, wanted: _Sales) -> Sales | None:
        if not has_sales(kind):
            return None
        sales = Sales(wanted.stageId or first_stage(kind))
        wanted.give(sales)
        if self._crm.semantics(sales.stage, kind, sales.category) is None:
            raise BadControl(f"there is no stage {sales.stage}")
        return sales


def _shown(kind: int, item: Item) -> dict[str, Any]:
    return {
        "entityTypeId": kind,
        "id": item.id,
        "title": item.title,
        "name": item.name,
        "lastName": item.last_name,
        "phones": [{"id": phone.id, "valueType": phone.value_type, "value": phone.value} for phone in item.phones],
        "contactIds": item.contact_ids,
        "companyId": item.company_id,
        "createdTime": moment(item.created),
        "updatedTime": moment(item.updated),
        "stageId": "" if item.sales is None else item.sales.stage,
        "fields": item.custom,
    }
