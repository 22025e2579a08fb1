"""What a visitor looks for in the journal: the form as it was filled in, and the search that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..journal.search import Search
from ..journal.search_form import FieldFault, read_search
from ..message import Status
from ..msisdn import NumberFault
from .views import Asked

FIELDS = ("number", "status", "kind", "sent_by", "sender", "since", "until", "reason", "campaign")
"""The names of the form's fields."""
GROUPS: Mapping[str, frozenset[Status]] = {
    "under_way": frozenset({Status.QUEUED, Status.SENT}),
    "delivered": frozenset({Status.DELIVERED}),
    "failed": frozenset({Status.EXPIRED, Status.UNDELIVERABLE, Status.REJECTED}),
    **{str(status): frozenset({status}) for status in Status if status is not Status.DELIVERED},
}
"""What can be chosen as a status: some are several."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The form, and what is looked for by it."""

    search: Search
    fields: Mapping[str, str]
    """What the form shows again."""
    faults: Mapping[str, NumberFault | FieldFault]
    """What could not be understood, by the field's name."""

    @property
    def narrowed(self) -> bool:
        """Whether anything is chosen at all."""
        return any(self.fields.values())


def read(asked: Asked) -> Filters:
    """The filters that a form brings."""
    fields = {name: asked.text(name) for name in FIELDS}
    meant = {name: [value] for name, value in fields.items()}
    meant["status"] = [str(status) for status in GROUPS.get(fields["status"], ())]
    found = read_search(meant)
    return Filters(found.search, fields, found.faults)
