"""Applying for a Sender ID, step by step: the name, who applies, and the letter to look at before it is kept.

Everything that was typed travels with the form, from step to step and into another language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..journal import Journal, sender_ids
from ..journal.reader import IReader
from ..journal.spool import OffThread
from ..journal.statements import Connection
from ..sender_id.applications import Application, Sighting, State, sighted
from ..sender_id.conflicts import LikelyConflict, conflicts_of
from ..sender_id.name import MOST_CHARACTERS, FaultOfName, faults_of, suggestion_for
from ..sender_id.particulars import FIELDS, MOST, Particulars, Wrong, read_particulars, read_purpose
from .sender_id_letter import FIXED, draft
from .sender_id_standing import UNDER_WAY, INames
from .views import Answer, Asked, Fragment, Page

STEPS = ("name", "company", "letter")
"""The wizard's steps, in order."""
GROUPS: Mapping[str, Sequence[str]] = {
    "sms": ("purpose",),
    "company": ("company", "unp", "address", "contract"),
    "signatory": ("signatory", "position", "ground"),
    "contact": ("contact", "phone", "email"),
}
"""The fields of the step `company`, as they stand together."""
_TYPED = ("name", "purpose", *FIELDS)


@dataclass(frozen=True, slots=True)
class NameCheck:
    """What there is to say of a wanted name."""

    name: str
    faults: Sequence[FaultOfName] = ()
    suggestion: str | None = None
    """A name without faults that is meant by it."""
    conflicts: Sequence[LikelyConflict] = ()
    seen: Sighting | None = None
    """What A1 says of it; None when nobody knows."""
    applied_for: Application | None = None
    """An application for it that is under way already."""

    @property
    def bad(self) -> frozenset[str]:
        """The characters that cannot stay."""
        return frozenset("".join(each.characters for each in self.faults))


@dataclass(frozen=True, slots=True)
class _Whole:
    """An application that can be kept."""

    name: str
    purpose: str
    particulars: Particulars

    @property
    def form(self) -> dict[str, str]:
        """The same as the form has it."""
        return {"name": self.name, "purpose": self.purpose, **asdict(self.particulars)}


class SenderIdWizard:
    """`sender_id-apply`, `sender_id-name`, `sender_id-prepare`."""

    def __init__(self, reader: IReader, journal: Journal, known: INames | None, off_thread: OffThread) -> None:
        """`known` is None where A1 cannot be asked for names (SMPP); `off_thread` does what blocks elsewhere."""
        self._reader = reader
        self._journal = journal
        self._known = known
        self._off_thread = off_thread

    def pages(self) -> list[Page]:
        """All of them."""
        return [
            Page("sender_id-apply", self.apply, for_admins=True),
            Page("sender_id-name", self.name, for_admins=True),
            Page("sender_id-prepare", self.prepare, for_admins=True),
        ]

    async def apply(self, asked: Asked) -> Answer:
        """The step that comes next by what was pressed, or the same one when something in it is wrong."""
        step, go = asked.text("step"), asked.text("go")
        if step not in STEPS:
            return await self._show("name", await self._begun(asked), tell=False)
        form = _typed(asked)
        at = STEPS.index(step)
        if go == "back":
            return await self._show(STEPS[max(0, at - 1)], form, tell=False)
        if go != "next":
            return await self._show(step, form, tell=bool(asked.text("told")))
        if step != "name":
            return await self._read(form)
        is_wrong = bool(faults_of(form["name"]))
        return await self._show("name" if is_wrong else "company", form, tell=is_wrong)

    async def name(self, asked: Asked) -> Answer:
        """What there is to say of the name while it is being typed."""
        check = await self._check(asked.text("name"), asked.text("company"))
        return Fragment("sender_id_name.html", {"check": check, "most": MOST_CHARACTERS, "tell": bool(check.name)})

    async def prepare(self, asked: Asked) -> Answer:
        """Keep the application, and show it with its letter."""
        whole = await self._off_thread(_whole, _typed(asked))
        if not isinstance(whole, _Whole):
            return await self._show(whole, _typed(asked), tell=True)
        kept = await self._journal.within(_prepare_once, whole, asked.visitor.label, asked.now)
        return Fragment("sender_id_go.html", {"page": "sender_id-application", "application": kept.id})

    async def _begun(self, asked: Asked) -> dict[str, str]:
        """The form as it is first shown: with what the latest application said of the company."""
        form = dict.fromkeys(_TYPED, "") | {"contact": asked.visitor.name}
        latest = next(iter(await self._reader.read(sender_ids.applications)), None)
        if latest is not None:
            form |= _Whole("", latest.purpose, latest.particulars).form
        return form | {"name": asked.text("name")}

    async def _read(self, form: Mapping[str, str]) -> Answer:
        """The letter that the form makes, or the step that is in its way."""
        whole = await self._off_thread(_whole, form)
        if not isinstance(whole, _Whole):
            return await self._show(whole, form, tell=True)
        made = await self._off_thread(draft, whole.name, whole.purpose, whole.particulars)
        check = await self._check(whole.name, whole.particulars.company)
        values = {"step": "letter", "steps": STEPS, "form": whole.form, "told": False}
        return Fragment("sender_id_review.html", {**values, "draft": made, "fixed": FIXED, "check": check})

    async def _show(self, step: str, form: Mapping[str, str], *, tell: bool) -> Answer:
        """A step; `tell` whether it says what is wrong with what stands in its fields."""
        if step == "letter":
            return await self._read(form)
        values = {"step": step, "steps": STEPS, "form": form, "told": tell}
        if step == "name":
            check = await self._check(form["name"], form["company"])
            more = {"check": check, "most": MOST_CHARACTERS, "tell": tell or bool(check.name)}
            return Fragment("sender_id_wanted.html", {**values, **more})
        faults = await self._off_thread(_faults, form) if tell else {}
        return Fragment("sender_id_company.html", {**values, "groups": GROUPS, "faults": faults, "most": MOST})

    async def _check(self, name: str, company: str) -> NameCheck:
        faults = faults_of(name)
        if faults:
            return NameCheck(name, faults, suggestion_for(name))
        seen = None
        if self._known is not None and self._known.names is not None:
            seen = sighted(name, self._known.names)
        under_way = await self._reader.read(_under_way, name)
        conflicts = await self._off_thread(conflicts_of, name, company[: MOST["company"]])
        return NameCheck(name, conflicts=conflicts, seen=seen, applied_for=under_way)


def _typed(asked: Asked) -> dict[str, str]:
    return {name: asked.text(name) for name in _TYPED}


def _whole(form: Mapping[str, str]) -> _Whole | str:
    """The application that the form makes, or the first step with a fault. Blocks for a moment, the first time."""
    if faults_of(form["name"]):
        return "name"
    purpose, particulars = read_purpose(form["purpose"]), read_particulars(form)
    if isinstance(purpose, str) and isinstance(particulars, Particulars):
        return _Whole(form["name"], purpose, particulars)
    return "company"


def _faults(form: Mapping[str, str]) -> dict[str, Wrong]:
    """What is wrong with the step `company`, by the field's name. Blocks for a moment, the first time."""
    purpose, particulars = read_purpose(form["purpose"]), read_particulars(form)
    faults = [] if isinstance(purpose, str) else [purpose]
    faults += [] if isinstance(particulars, Particulars) else particulars
    return {each.field: each.wrong for each in faults}


def _under_way(connection: Connection, name: str) -> Application | None:
    found = (each for each in sender_ids.applications(connection) if each.state in UNDER_WAY)
    return next((each for each in found if each.name == name), None)


def _prepare_once(connection: Connection, whole: _Whole, by: str, now: float) -> Application:
    """Keep it; a button pressed twice, or a letter made over, is one application."""
    for each in sender_ids.applications(connection):
        same = (each.name, each.purpose, each.particulars) == (whole.name, whole.purpose, whole.particulars)
        if same and each.state is State.PREPARED:
            return each
    return sender_ids.prepare(connection, whole.name, whole.purpose, whole.particulars, by, now)
