"""The Sender ID: what is in force, applying for one, its letter, and how far an application has come."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from a1gateway.config import check_table
from a1gateway.journal import Journal, Store, sender_ids
from a1gateway.journal.reader import Reader
from a1gateway.pages.sender_id_letter import SenderIdLetters
from a1gateway.pages.sender_id_page import LONGEST_NOTE, SenderIdPages
from a1gateway.pages.sender_id_standing import Standing, noon, standings
from a1gateway.pages.sender_id_wizard import SenderIdWizard
from a1gateway.sender_id.applications import Application, State, Step
from a1gateway.sender_id.in_use import InUse, names_in_use

from ..conftest import START, run
from ..sender_id.test_particulars import FORM, OURS
from .world import ADMIN, MANAGER, Reply, Visit, World

SCRIPT = "<script>alert('x')</script>"
WHOLE = {"name": "MyShop", "purpose": "уведомления о заказах", **FORM}
IN_USE = (InUse("a1", "MyShop"),)
DAY = 86400.0


class FakeNames:
    """What A1 has said."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] | None = None
        self.asked_at: float | None = None
        self.trouble: str | None = None
        self.wanted = False
        self.asked = 0

    def ask_now(self) -> None:
        self.asked += 1
        self.wanted = True

    def says(self, *names: str) -> None:
        """A1 answers."""
        self.names, self.asked_at, self.wanted = names, START, False


class SenderIdWorld(World):
    """The pages of the Sender ID, over HTTP unless `names` is None."""

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        store: Store,
        folder: Path,
        names: FakeNames | None,
        used: tuple[InUse, ...] = IN_USE,
    ) -> None:
        reader = Reader(store.path, execute)
        pages = [
            *SenderIdPages(reader, journal, names, used, execute).pages(),
            *SenderIdWizard(reader, journal, names, execute).pages(),
            *SenderIdLetters(reader, execute).pages(),
        ]
        super().__init__(clock, journal, store, folder, more=pages)
        self.of_sender_id = [page.name for page in pages]

    def prepare(self, name: str = "MyShop", **more: str) -> int:
        """An application; `more` are other particulars."""
        made = replace(OURS, **more)
        return run(self.journal.within(sender_ids.prepare, name, WHOLE["purpose"], made, "Анна", START)).id

    def take(self, row: int, step: Step, at: float = START, note: str | None = None) -> None:
        """Something has happened to it."""
        assert run(self.journal.within(sender_ids.take_step, row, step, at, note)) is not None

    def all(self) -> list[Application]:
        """All applications, the newest first."""
        return run(self.journal.within(sender_ids.applications))


@pytest.fixture
def names() -> FakeNames:
    return FakeNames()


@pytest.fixture
def world(clock: Clock, journal: Journal, store: Store, tmp_path: Path, names: FakeNames) -> SenderIdWorld:
    return SenderIdWorld(clock, journal, store, tmp_path, names)


@pytest.fixture
def over_smpp(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> SenderIdWorld:
    return SenderIdWorld(clock, journal, store, tmp_path, None)


@pytest.fixture
def visit(world: SenderIdWorld) -> Visit:
    return world.enter()


def text(reply: Reply) -> str:
    """What is to be read there, without the tags and on one line."""
    assert reply.code == 200, reply.text
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", reply.text)).split())


def offered(reply: Reply) -> list[str]:
    """The steps that can be pressed."""
    return re.findall(r'<button type="button" id="(\w+)-\d+"[^>]* hx-post="[^"]*sender_id-step-ask"', reply.text)


def field(reply: Reply, name: str) -> str:
    """The tag of a field."""
    found = re.search(rf'<(?:input|textarea) [^>]*\bname="{name}"[^>]*>', reply.text)
    assert found is not None, reply.text
    return found[0]


def typed(reply: Reply, name: str) -> str:
    """What stands in a field."""
    if field(reply, name).startswith("<textarea"):
        found = re.search(rf'name="{name}"[^>]*>(.*?)</textarea>', reply.text, re.DOTALL)
    else:
        found = re.search(r'value="([^"]*)"', field(reply, name))
    assert found is not None
    return html.unescape(found[1])


def mark(reply: Reply) -> str:
    """What a live piece sends when it asks again."""
    found = re.search(r'"mark": "(\w+)"', html.unescape(reply.text))
    assert found is not None
    return found[1]


# Who may


def test_nothing_of_it_is_for_managers(world: SenderIdWorld) -> None:
    row = world.prepare()
    manager = world.enter(MANAGER)
    for name in world.of_sender_id:
        reply = manager.page(name, WHOLE, application=str(row), step="withdraw", file="pdf")
        assert reply.code == 403
        assert "MyShop" not in reply.text
    assert [each.state for each in world.all()] == [State.PREPARED]
    assert "menu.sender_id" not in world.open(MANAGER).text
    assert 'data-page="sender_id"' not in world.open(MANAGER).text
    assert 'data-page="sender_id"' in world.open(ADMIN).text


# What is in force


@pytest.mark.parametrize(
    ("name", "approved", "standing", "instead"),
    [
        ("MyShop", ("A1Sandbox", "MyShop"), Standing.APPROVED, None),
        ("MyShop", ("MYSHOP", "A1Sandbox"), Standing.OTHER_LETTERS, "MYSHOP"),
        ("MyShop", ("A1Sandbox",), Standing.NOT_APPROVED, "A1Sandbox"),
        ("MyShop", (), Standing.NOT_APPROVED, None),
        ("MyShop", None, Standing.NOT_ASKED, None),
        (None, ("A1Sandbox",), Standing.NUMBER, "A1Sandbox"),
        (None, (), Standing.NUMBER, None),
        # The configuration would not take it.
        ("MyShop", ("Имя",), Standing.NOT_APPROVED, None),
    ],
)
def test_a_name_stands_as_a1_says(
    names: FakeNames, name: str | None, approved: tuple[str, ...] | None, standing: Standing, instead: str | None
) -> None:
    names.names = approved
    (found,) = standings((InUse("a1", name),), names, ())
    assert (found.standing, found.instead) == (standing, instead)


def application(name: str, state: State) -> Application:
    return Application(1, name, "заказы", OURS, state, START, "Анна")


@pytest.mark.parametrize("state", [State.PREPARED, State.HANDED_IN])
def test_a_name_that_is_applied_for_is_not_approved_yet(names: FakeNames, state: State) -> None:
    names.says()
    applications = [application("MyShop", state)]
    assert standings(IN_USE, names, applications)[0].standing is Standing.APPLIED_FOR
    assert standings((InUse("a1", "Other"),), names, applications)[0].standing is Standing.NOT_APPROVED
    names.says("MyShop")
    assert standings(IN_USE, names, applications)[0].standing is Standing.APPROVED


def test_the_name_that_was_applied_for_is_the_one_to_take(names: FakeNames) -> None:
    names.says("A1Sandbox", "MyMarket")
    (found,) = standings((InUse("a1", None),), names, [application("MyMarket", State.APPROVED)])
    assert found.instead == "MyMarket"


def test_where_nobody_can_ask_a_note_counts() -> None:
    assert standings(IN_USE, None, ())[0].standing is Standing.NOBODY_KNOWS
    assert standings(IN_USE, None, [application("MyShop", State.HANDED_IN)])[0].standing is Standing.NOBODY_KNOWS
    noted = [application("MyShop", State.APPROVED)]
    assert standings(IN_USE, None, noted)[0].standing is Standing.NOTED
    (number,) = standings((InUse("a1", None),), None, noted)
    assert (number.standing, number.instead) == (Standing.NUMBER, "MyShop")


def configured(**more: Any) -> tuple[InUse, ...]:
    sections: dict[str, Any] = {
        "http": {"listen": "tcp:8080", "public_url": "https://sms.example.by"},
        "store": {"url": "sqlite:////var/lib/a1gateway/a.sqlite3", "spool": "/var/lib/a1gateway/spool"},
        "a1": {
            "http": {"url": "https://smart-sender.a1.by/api/", "user": "375291234567", "apikey": "k" * 32},
            "callback": {"secret": "c" * 32},
        },
        "bitrix24": {
            "portal": "shop.bitrix24.by",
            "client_id": "local.1",
            "client_secret": "s",
            "handler_secret": "h" * 32,
        },
    }
    for name, values in more.items():
        if isinstance(values, dict):
            sections.setdefault(name, {}).update(values)
        else:
            sections[name] = values
    return names_in_use(check_table(sections, Path("/etc/a1gateway")))


def test_every_place_of_the_configuration_that_names_one_counts() -> None:
    assert configured() == (InUse("a1", None),)
    assert configured(a1={"sender_id": "MyShop"}, consent={"contact_field": "UF_CRM_SMS"}) == IN_USE
    scenario = {"name": "payment", "event": "stage", "of": "deal", "stage": ["C1:NEW"], "text": "Оплата"}
    assert configured(
        a1={"sender_id": "MyShop"},
        consent={"contact_field": "UF_CRM_SMS", "sender_id": "MyShopPromo"},
        scenario=[scenario, {**scenario, "name": "urgent", "sender_id": "MyShopNow"}],
    ) == (*IN_USE, InUse("consent", "MyShopPromo"), InUse("scenario", "MyShopNow", "urgent"))


def test_what_to_change_is_said_to_the_line(
    clock: Clock, journal: Journal, store: Store, tmp_path: Path, names: FakeNames
) -> None:
    used = (InUse("a1", "MyShop"), InUse("consent", "Promo"), InUse("scenario", "Now", "payment"))
    world = SenderIdWorld(clock, journal, store, tmp_path, names, used)
    names.says("MYSHOP", "PROMO", "NOW")
    shown = html.unescape(world.enter().page("sender_id").text)
    for line in (
        '[a1]\nsender_id = "MYSHOP"',
        '[consent]\nsender_id = "PROMO"',
        '[[scenario]]\nname = "payment"\nsender_id = "NOW"',
    ):
        assert f"<code>{line}</code>" in shown
    assert "systemctl restart a1gateway" in shown


def test_what_a1_says_is_shown_with_its_time_and_what_keeps_it_from_being_newer(
    visit: Visit, names: FakeNames
) -> None:
    assert "A1 ещё не ответил" in text(visit.page("sender_id"))
    names.says("MyShop", "A1Sandbox")
    shown = text(visit.page("sender_id"))
    assert "MyShop используется A1Sandbox" in shown
    assert "По данным A1 на 22.11.2026 03:00" in shown
    names.trouble = "A1 cannot be reached"
    assert "A1 cannot be reached" in text(visit.page("sender_id"))


def test_an_a1_without_names_is_told_from_one_that_has_not_answered(visit: Visit, names: FakeNames) -> None:
    names.says()
    shown = text(visit.page("sender_id"))
    assert "A1 пока не одобрил ни одного имени" in shown
    assert "A1 ещё не ответил" not in shown


def test_somebody_can_have_a1_asked(visit: Visit, names: FakeNames) -> None:
    reply = visit.page("sender_id-ask")
    assert names.asked == 1
    assert "Спрашиваем A1" in text(reply)
    assert "data-live" in reply.text


def test_over_smpp_there_is_nobody_to_ask(over_smpp: SenderIdWorld) -> None:
    visit = over_smpp.enter()
    shown = visit.page("sender_id")
    assert "по SMPP узнать нельзя" in text(shown)
    assert "sender_id-ask" not in shown.text
    assert visit.page("sender_id-ask").code == 200


def test_the_page_says_nothing_new_until_something_has_happened(
    world: SenderIdWorld, visit: Visit, names: FakeNames
) -> None:
    seen = mark(visit.page("sender_id"))
    assert visit.page("sender_id-state", mark=seen).code == 204
    names.says("MyShop")
    news = visit.page("sender_id-state", mark=seen)
    assert "буква в букву" in text(news)
    seen = mark(news)
    assert visit.page("sender_id-state", mark=seen).code == 204
    row = world.prepare("Another")
    world.take(row, Step.HAND_IN)
    news = visit.page("sender_id-state", mark=seen)
    assert "Another передана A1" in text(news)
    # It is late from one moment to the next.
    world.clock.advance(60 * DAY)
    assert "Срок прошёл" in text(world.enter().page("sender_id-state", mark=mark(news)))


# Applications


def test_without_applications_it_says_how_it_goes(visit: Visit) -> None:
    shown = text(visit.page("sender_id"))
    assert "A1 решает от 3 до 10 рабочих дней" in shown
    assert "Новая заявка" in shown


def test_an_application_that_is_with_a1_says_when_a1_decides(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare()
    world.take(row, Step.HAND_IN, noon(date(2026, 12, 23)))
    # 25 December, 1 and 2 January are holidays; the government has made no bridges of that year known.
    for page in ("sender_id", "sender_id-application"):
        shown = text(visit.page(page, application=str(row)))
        assert "Передана 23 декабря 2026. Решение ожидается с 29 декабря 2026 по" in shown
        assert "Срок прошёл" not in shown


def test_an_application_that_is_late_says_so_and_what_to_do(world: SenderIdWorld, clock: Clock) -> None:
    row = world.prepare()
    world.take(row, Step.HAND_IN, START - 30 * DAY)
    shown = world.enter().page("sender_id")
    assert "Срок прошёл. Позвоните менеджеру A1" in text(shown)
    assert "is-late" in shown.text


@pytest.mark.parametrize(
    ("steps", "over_http", "over_smpp_"),
    [
        ([], ["hand_in", "withdraw"], ["hand_in", "approve", "withdraw"]),
        ([Step.HAND_IN], ["refuse", "withdraw", "take_back"], ["approve", "refuse", "withdraw", "take_back"]),
        ([Step.HAND_IN, Step.REFUSE], ["hand_in"], ["hand_in", "approve"]),
        ([Step.WITHDRAW], [], []),
        ([Step.APPROVE], [], []),
    ],
)
def test_the_steps_are_those_that_a_person_may_note(
    world: SenderIdWorld, steps: list[Step], over_http: list[str], over_smpp_: list[str], over_smpp: SenderIdWorld
) -> None:
    for each, wanted in ((world, over_http), (over_smpp, over_smpp_)):
        row = each.prepare()
        for step in steps:
            each.take(row, step)
        assert offered(each.enter().page("sender_id-application", application=str(row))) == wanted


def test_a_step_asks_first_and_then_is_taken(world: SenderIdWorld, visit: Visit, names: FakeNames) -> None:
    row = str(world.prepare())
    dialog = visit.page("sender_id-step-ask", application=row, step="hand_in", shown_on="sender_id")
    assert "Заявка на имя MyShop передана A1?" in text(dialog)
    assert typed(dialog, "on") == "2026-11-22"
    assert world.all()[0].state is State.PREPARED
    done = visit.page("sender_id-step", application=row, step="hand_in", on="2026-11-22", note="Ольге", shown_on="x")
    assert 'hx-post="/bitrix24/pages/sender_id"' in done.text
    (kept,) = world.all()
    assert (kept.state, kept.handed_in_at, kept.note) == (State.HANDED_IN, START, "Ольге")
    # It may be approved already.
    assert names.asked == 1
    shown = text(visit.page("sender_id"))
    assert "передана A1" in shown
    assert "Ольге" in shown


def test_a_step_shows_again_where_it_was_taken(world: SenderIdWorld, visit: Visit) -> None:
    row = str(world.prepare())
    done = visit.page(
        "sender_id-step", application=row, step="hand_in", on="2026-11-22", shown_on="sender_id-application"
    )
    assert 'hx-post="/bitrix24/pages/sender_id-application"' in done.text


def test_what_was_handed_in_days_ago_counts_from_then(world: SenderIdWorld, visit: Visit) -> None:
    row = str(world.prepare())
    visit.page("sender_id-step", application=row, step="hand_in", on="2026-11-16")
    (kept,) = world.all()
    assert kept.due_between() == (date(2026, 11, 19), date(2026, 11, 30))
    again = visit.page("sender_id-step-ask", application=row, step="take_back")
    assert "всё-таки не передана" in text(again)
    visit.page("sender_id-step", application=row, step="take_back", note="")
    assert world.all()[0].state is State.PREPARED


@pytest.mark.parametrize("on", ["2026-11-23", "2025-11-01", "", "вчера", "2026-13-01", "99999-01-01"])
def test_a_day_that_cannot_be_is_asked_for_again(world: SenderIdWorld, visit: Visit, on: str) -> None:
    row = str(world.prepare())
    again = visit.page("sender_id-step", application=row, step="hand_in", on=on, note="Ольге")
    assert "Укажите день" in text(again)
    assert 'aria-invalid="true"' in field(again, "on")
    assert typed(again, "note") == "Ольге"
    assert world.all()[0].state is State.PREPARED


def test_a_refusal_has_its_reason(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare()
    world.take(row, Step.HAND_IN)
    again = visit.page("sender_id-step", application=str(row), step="refuse", note=" ")
    assert "Напишите, почему A1 отказал" in text(again)
    assert 'aria-invalid="true"' in field(again, "note")
    again = visit.page("sender_id-step", application=str(row), step="refuse", note="ж" * (LONGEST_NOTE + 1))
    assert "Заметка длиннее 500 символов" in text(again)
    assert world.all()[0].state is State.HANDED_IN
    visit.page("sender_id-step", application=str(row), step="refuse", note="нет\nдоговора")
    assert (world.all()[0].state, world.all()[0].note) == (State.REFUSED, "нет договора")


@pytest.mark.parametrize("step", ["approve", "refuse", "take_back", "made_up", ""])
def test_a_step_that_cannot_be_taken_is_refused(world: SenderIdWorld, visit: Visit, step: str) -> None:
    """Over HTTP nobody approves but A1."""
    row = str(world.prepare())
    for page in ("sender_id-step-ask", "sender_id-step"):
        reply = visit.page(page, application=row, step=step, note="x", on="2026-11-22")
        assert reply.code == 400
    assert world.all()[0].state is State.PREPARED


def test_over_smpp_somebody_notes_the_approval(over_smpp: SenderIdWorld) -> None:
    row = over_smpp.prepare("Another")
    over_smpp.take(row, Step.HAND_IN)
    visit = over_smpp.enter()
    visit.page("sender_id-step", application=str(row), step="approve", note="по телефону")
    assert over_smpp.all()[0].state is State.APPROVED
    shown = visit.page("sender_id")
    assert "SMS с него пока не уходят: его нет в настройках" in text(shown)
    assert '[a1]\nsender_id = "Another"' in html.unescape(shown.text)


def test_an_approved_name_that_is_in_use_needs_nothing(world: SenderIdWorld, visit: Visit, names: FakeNames) -> None:
    row = world.prepare()
    world.take(row, Step.APPROVE)
    names.says("MyShop")
    for page in ("sender_id", "sender_id-application"):
        shown = visit.page(page, application=str(row))
        assert "одобрена" in text(shown)
        assert "sender_id = " not in shown.text


def test_the_live_part_of_an_application_changes_with_it(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare()
    seen = mark(visit.page("sender_id-application", application=str(row)))
    assert visit.page("sender_id-progress", application=str(row), mark=seen).code == 204
    world.take(row, Step.APPROVE)
    assert "одобрена" in text(visit.page("sender_id-progress", application=str(row), mark=seen))


@pytest.mark.parametrize("row", ["0", "77", "-1", "x", "9" * 30, ""])
def test_an_application_that_is_not_there_is_said_to_be_none(visit: Visit, row: str) -> None:
    for page in ("sender_id-application", "sender_id-progress", "sender_id-step-ask", "sender_id-letter"):
        reply = visit.page(page, application=row, step="hand_in", file="pdf")
        assert reply.code == 400
        assert "такой заявки нет" in reply.text


# Applying


def test_the_first_application_begins_empty_but_for_who_asks(visit: Visit) -> None:
    begun = visit.page("sender_id-apply")
    assert 'data-page="sender_id-apply"' in begun.text
    assert [typed(begun, name) for name in ("name", "company", "contact")] == ["", "", "Анна Ковалёва"]


def test_the_next_one_begins_with_what_the_latest_said(world: SenderIdWorld, visit: Visit) -> None:
    world.prepare("First", company="ООО «Старое имя»")
    world.prepare("Second")
    begun = visit.page("sender_id-apply")
    assert typed(begun, "name") == ""
    assert {name: typed(begun, name) for name in FORM} == FORM
    assert typed(begun, "purpose") == WHOLE["purpose"]


def about(visit: Visit, name: str, company: str = "") -> str:
    """What is said of a name while it is being typed."""
    return text(visit.page("sender_id-name", {"name": name, "company": company}))


def test_a_name_is_checked_while_it_is_typed(visit: Visit) -> None:
    assert about(visit, "") == ""
    assert "технически возможно" in about(visit, "MyShop", FORM["company"])
    assert "Символов: 6, можно не больше 11" in about(visit, "MyShop")
    assert "длиннее 11 символов. Сократите его" in about(visit, "MyShopInMinsk")
    assert "одни цифры. Добавьте" in about(visit, "2911")
    assert "недопустимые знаки: №" in about(visit, "Shop№")


def test_letters_that_look_alike_are_shown_and_set_right_at_a_press(visit: Visit) -> None:
    reply = visit.page("sender_id-name", {"name": "МуShор"})
    assert "кириллическая М и латинская M" in text(reply)
    assert 'data-fill="wanted" data-value="MyShop"' in reply.text
    assert reply.text.count('<li class="is-bad">') == 4


def test_what_a1_may_object_to_is_a_warning(visit: Visit) -> None:
    said = about(visit, "Priorbank", FORM["company"])
    assert "Похоже на «Priorbank» (банк)" in said
    assert "технически возможно" in said
    next_ = visit.page("sender_id-apply", {**WHOLE, "name": "Priorbank"}, step="name", go="next")
    assert 'name="step" value="company"' in next_.text


def test_a_name_that_needs_no_application_is_told(world: SenderIdWorld, visit: Visit, names: FakeNames) -> None:
    names.says("MYSHOP", "Market")
    assert "заявка не нужна" in about(visit, "Market")
    assert "уже одобрил вам имя MYSHOP" in about(visit, "MyShop")
    world.prepare("Another")
    assert "Заявка на это имя уже есть: подготовлена" in about(visit, "Another")


def test_a_name_with_faults_goes_no_further(visit: Visit) -> None:
    again = visit.page("sender_id-apply", {**WHOLE, "name": "Мой магазин"}, step="name", go="next")
    assert 'name="step" value="name"' in again.text
    assert 'aria-invalid="true"' in field(again, "name")
    assert typed(again, "name") == "Мой магазин"
    empty = visit.page("sender_id-apply", {**WHOLE, "name": " "}, step="name", go="next")
    assert "Имя не указано. Впишите" in text(empty)


def test_every_fault_of_the_particulars_stands_at_its_field(visit: Visit) -> None:
    wrong = {"unp": "200988542", "phone": "пять", "email": "a@b", "purpose": "", "address": "у" * 251}
    again = visit.page("sender_id-apply", {**WHOLE, **wrong}, step="company", go="next")
    assert 'name="step" value="company"' in again.text
    for name in (*FORM, "purpose"):
        tag = field(again, name)
        assert ('aria-invalid="true"' in tag) is (name in wrong)
        if name in wrong:
            described = re.search(r'aria-describedby="([^"]+)"', tag)
            assert described is not None
            assert f"{name}-fault" in described[1].split()
            assert f'<p id="{name}-fault" class="fault">' in again.text
        for id_ in re.findall(r'aria-describedby="([^"]+)"', tag):
            assert all(f'id="{each}"' in again.text for each in id_.split())
    shown = text(again)
    assert "Контрольная цифра не сходится" in shown
    assert "Длиннее 250 символов" in shown
    # Nothing that was typed is lost.
    assert {name: typed(again, name) for name in (*FORM, "purpose")} == {
        **{name: WHOLE[name] for name in (*FORM, "purpose")},
        **wrong,
    }


def test_going_back_keeps_what_was_typed_and_finds_no_fault_with_it(visit: Visit) -> None:
    back = visit.page("sender_id-apply", {**WHOLE, "unp": "1"}, step="company", go="back")
    assert 'name="step" value="name"' in back.text
    assert typed(back, "unp") == "1"
    forth = visit.page("sender_id-apply", {**WHOLE, "unp": "1"}, step="name", go="next")
    assert "aria-invalid" not in forth.text
    assert typed(forth, "unp") == "1"
    from_letter = visit.page("sender_id-apply", WHOLE, step="letter", go="back")
    assert 'name="step" value="company"' in from_letter.text


@pytest.mark.parametrize("step", ["name", "company", "letter"])
def test_another_language_keeps_step_and_fields(visit: Visit, step: str) -> None:
    there = visit.page("sender_id-apply", {**WHOLE, "shell": "1"}, step=step, speak="be")
    assert f'name="step" value="{step}"' in there.text
    assert typed(there, "company") == FORM["company"]
    assert (
        'data-page="sender_id" hx-post="/bitrix24/pages/sender_id" hx-target="#page" aria-current="page"'
        in there.text
    )


def test_another_language_says_the_same_faults(visit: Visit) -> None:
    wrong = {**WHOLE, "unp": "1"}
    assert "A UNP has 9 characters" not in text(visit.page("sender_id-apply", wrong, step="company", speak="en"))
    told = visit.page("sender_id-apply", wrong, step="company", speak="en", told="1")
    assert "A UNP has 9 characters" in text(told)


def test_the_letter_is_looked_at_before_anything_is_kept(world: SenderIdWorld, visit: Visit) -> None:
    ours = {**WHOLE, "name": "MoyMagazin", "phone": "8029 1112233"}
    review = visit.page("sender_id-apply", ours, step="company", go="next")
    shown = text(review)
    assert "Посимвольно: латинские буквы M o y M a g a z i n." in shown
    assert "+375 29 111-22-33" in shown
    assert "1. Копия свидетельства о государственной регистрации" in shown
    assert "подтверждающего право на имя" not in shown
    assert typed(review, "phone") == "+375 29 111-22-33"
    assert world.all() == []


def test_keeping_it_twice_keeps_one(world: SenderIdWorld, visit: Visit) -> None:
    for _ in range(2):
        reply = visit.page("sender_id-prepare", WHOLE)
        assert 'hx-post="/bitrix24/pages/sender_id-application"' in reply.text
    (kept,) = world.all()
    assert (kept.name, kept.purpose, kept.particulars) == ("MyShop", WHOLE["purpose"], OURS)
    assert (kept.state, kept.prepared_at, kept.prepared_by) == (State.PREPARED, START, "Анна Ковалёва (id 1)")
    visit.page("sender_id-prepare", {**WHOLE, "contact": "Другой"})
    assert len(world.all()) == 2


@pytest.mark.parametrize(("wrong", "step"), [({"name": "Имя"}, "name"), ({"email": "x"}, "company")])
def test_what_has_faults_is_not_kept(world: SenderIdWorld, visit: Visit, wrong: Mapping[str, str], step: str) -> None:
    for page in ("sender_id-prepare", "sender_id-apply"):
        reply = visit.page(page, {**WHOLE, **wrong}, step="letter")
        assert f'name="step" value="{step}"' in reply.text
        assert 'aria-invalid="true"' in reply.text
    assert world.all() == []


# The letter


def letter(visit: Visit, row: int, file: str, **attach: str) -> Reply:
    ticked = {f"attach[{name}]": value for name, value in attach.items()}
    return visit.page("sender_id-letter", ticked, application=str(row), file=file)


def test_the_letter_comes_as_docx_and_as_pdf(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare("My Shop & Co")
    for file in ("docx", "pdf"):
        reply = letter(visit, row, file, registration="1")
        assert reply.code == 200
        assert reply.headers["Content-Disposition"] == f'attachment; filename="Sender-ID-My-Shop-Co.{file}"'
        assert reply.headers["Cache-Control"] == "no-store"
    opened = docx.Document(BytesIO(letter(visit, row, "docx").content))
    assert any(paragraph.text == "My Shop & Co" for paragraph in opened.paragraphs)
    (page,) = PdfReader(BytesIO(letter(visit, row, "pdf").content)).pages
    assert "My Shop & Co" in page.extract_text()


def test_a_form_fetches_it_with_the_session_in_a_field(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare()
    fields = {"application": str(row), "file": "pdf", "session": visit.session}
    assert world.post("/bitrix24/pages/sender_id-letter", fields).content.startswith(b"%PDF-")
    assert world.post("/bitrix24/pages/sender_id-letter", {**fields, "session": "guess"}).code == 401
    forged = {"Origin": "https://evil.example"}
    assert world.post("/bitrix24/pages/sender_id-letter", fields, forged).code == 403


def test_it_names_the_papers_that_are_ticked(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare()
    opened = docx.Document(BytesIO(letter(visit, row, "docx", samples="1", right_to_name="1").content))
    papers = [each.text for each in opened.paragraphs if "экз." in each.text]
    assert [each.split(",")[0] for each in papers] == [
        "1. Копия документа",
        "2. Образцы текстов SMS-сообщений",
    ]


def test_the_usual_papers_are_ticked(world: SenderIdWorld, visit: Visit) -> None:
    def ticked(name: str) -> dict[str, bool]:
        reply = visit.page("sender_id-application", application=str(world.prepare(name)))
        return {each: bool(on) for each, on in re.findall(r'name="attach\[(\w+)\]" value="1"( checked)?', reply.text)}

    usual = {"registration": True, "authority": True, "samples": True}
    assert ticked("MoyMagazin") == {**usual, "right_to_name": False}
    assert ticked("MyShop") == {**usual, "right_to_name": True}


def test_it_can_be_had_again_however_the_application_has_ended(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare()
    world.take(row, Step.WITHDRAW)
    assert letter(visit, row, "pdf").content.startswith(b"%PDF-")


@pytest.mark.parametrize("file", ["", "exe", "../pdf"])
def test_there_are_no_other_files(world: SenderIdWorld, visit: Visit, file: str) -> None:
    assert letter(visit, world.prepare(), file).code == 400


def test_characters_that_the_pdf_has_not_are_warned_of(world: SenderIdWorld, visit: Visit) -> None:
    row = world.prepare(contact="Анна 😀")
    assert "В PDF не видны символы: 😀" in text(visit.page("sender_id-application", application=str(row)))
    review = visit.page("sender_id-apply", {**WHOLE, "contact": "Анна 😀"}, step="company", go="next")
    assert "В PDF не видны символы: 😀" in text(review)
    assert "В PDF не видны" not in text(visit.page("sender_id-application", application=str(world.prepare())))


# Whatever was typed


def test_script_is_shown_as_text(world: SenderIdWorld, visit: Visit, names: FakeNames) -> None:
    names.says(SCRIPT)
    names.trouble = SCRIPT
    spoilt = dict.fromkeys(WHOLE, SCRIPT)
    row = world.prepare(**dict.fromkeys(asdict(OURS), SCRIPT))
    world.take(row, Step.HAND_IN, note=SCRIPT)
    replies = [
        visit.page("sender_id"),
        visit.page("sender_id-application", application=str(row)),
        visit.page("sender_id-step-ask", application=str(row), step="refuse", shown_on=SCRIPT),
        visit.page("sender_id-step", application=str(row), step="refuse", note=SCRIPT * 30, shown_on=SCRIPT),
        *(visit.page("sender_id-apply", spoilt, step=step, told="1") for step in ("name", "company", "letter")),
        visit.page("sender_id-apply", {**WHOLE, "company": SCRIPT}, step="company", go="next"),
    ]
    for reply in replies:
        assert reply.code == 200
        assert "<script>alert" not in reply.text
        assert "&lt;script&gt;" in reply.text
    # Letter by letter.
    assert "&lt;</li><li>s</li>" in visit.page("sender_id-name", {"name": SCRIPT}).text


@pytest.mark.parametrize(("language", "says"), [("ru", "Заявки"), ("be", "Заяўкі"), ("en", "Applications")])
def test_every_language_says_all_of_it(world: SenderIdWorld, names: FakeNames, language: str, says: str) -> None:
    names.says("MYSHOP")
    rows = [world.prepare(each) for each in ("MyShop", "Priorbank", "Ab", "Ofis", "Another")]
    world.take(rows[1], Step.HAND_IN, START - 40 * DAY)
    world.take(rows[2], Step.WITHDRAW)
    world.take(rows[3], Step.APPROVE)
    world.take(rows[4], Step.HAND_IN)
    world.take(rows[4], Step.REFUSE, note="нет")
    visit = world.enter()
    assert says in text(visit.page("sender_id", speak=language))
    for row in rows:
        assert visit.page("sender_id-application", application=str(row)).code == 200
    for step, row in {"hand_in": rows[0], "withdraw": rows[0], "refuse": rows[1], "take_back": rows[1]}.items():
        assert visit.page("sender_id-step-ask", application=str(row), step=step).code == 200
    for name in ("Мой магазин №1!!", "2911", "MyShop", "Ab", "375291112233", "..", "Info"):
        assert visit.page("sender_id-name", {"name": name, "company": "ООО «Иное»"}).code == 200
    assert visit.page("sender_id-apply", dict.fromkeys(WHOLE, ""), step="company", go="next").code == 200


LINES = st.text(st.characters(codec="utf-8"), max_size=60)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=LINES, company=LINES, unp=LINES, phone=LINES, step=st.sampled_from(["name", "company", "letter", ""]))
def test_whatever_is_typed_is_answered(
    world: SenderIdWorld, name: str, company: str, unp: str, phone: str, step: str
) -> None:
    fields = {**WHOLE, "name": name, "company": company, "unp": unp, "phone": phone}
    visit = world.enter()
    assert visit.page("sender_id-name", fields).code == 200
    for go in ("next", "back", ""):
        assert visit.page("sender_id-apply", fields, step=step, go=go).code == 200
