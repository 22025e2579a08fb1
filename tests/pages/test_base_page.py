"""The contact base's page: begun, followed, looked at before anything is written, and what stands in the way."""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.contact_base.audit import Found
from a1gateway.contact_base.changes import FieldFault
from a1gateway.contact_base.clean import Tally
from a1gateway.contact_base.items import Entity
from a1gateway.contact_base.job import (
    PLAN_HOLDS,
    SHOWN,
    Cause,
    ConsentColumn,
    Job,
    JobFault,
    Kind,
    Next,
    PlannedLine,
    State,
    WhyNot,
)
from a1gateway.contact_base.jobs import JobView, NotBegun
from a1gateway.contact_base.patience import Waiting
from a1gateway.contact_base.plan import Applied
from a1gateway.contact_base.undo import Undone
from a1gateway.contact_base.writer import NotTaken, Why
from a1gateway.journal import Journal, Store
from a1gateway.pages.base_page import QUESTIONS, WRITES, BasePages
from a1gateway.pages.renderer import Assets, Renderer
from a1gateway.pages.sessions import Session, Visitor
from a1gateway.pages.views import Answer, Asked, Fragment
from a1gateway.words.catalogue import catalogue
from a1gateway.words.words import LANGUAGES, words

from ..conftest import START, run
from ..crm_in_memory import CONTACT, LEAD, CrmInMemory
from ..test_contact_base_audit import big
from ..test_contact_base_clean import AWAY, BOOLEAN, MARK, PORTAL, TEXT, small
from ..test_contact_base_jobs import CONSENT, CONSENT_FIELD
from ..test_contact_base_jobs import World as Jobs
from .world import ADMIN, MANAGER, Reply, World

SCRIPT = "<script>alert(1)</script>"
RENDERER = Renderer(Assets())
NAMES = [page.name for page in BasePages(Clock(), Any, execute).pages()]  # type: ignore[arg-type]  # only named


class Base:
    """The page, with the daemon's jobs on a CRM in memory behind it."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, folder: Path, crm: CrmInMemory, **more: Any):
        self.crm = crm
        self.jobs = Jobs(folder / "contact-base", crm, clock=clock, **more)
        pages = BasePages(clock, self.jobs.jobs, execute).pages()
        self.world = World(clock, journal, store, folder, more=pages)
        self.admin = self.world.enter(ADMIN)
        self.last = ""
        """The job that was done last."""

    def job(self, reply: Reply) -> str:
        """The job that a page shows."""
        found = re.search(r'data-page="base-job" data-with-job="([^"]+)"', reply.text)
        assert found is not None, reply.text
        return found[1]

    def done(self, name: str, **fields: str) -> str:
        """Begin something and wait for its end; the job's page then."""
        self.last = self.job(self.admin.page(name, fields))
        self.jobs.over(self.jobs.view(self.last).job)
        page = self.admin.page("base-job", job=self.last)
        assert page.code == 200
        return page.text


@pytest.fixture
def base_of(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Iterator[Callable[..., Base]]:
    made: list[Base] = []

    def base(crm: CrmInMemory | None = None, **more: Any) -> Base:
        made.append(Base(clock, journal, store, tmp_path, small() if crm is None else crm, **more))
        return made[-1]

    yield base
    for each in made:
        each.jobs.stopped()


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def tiles(page: str) -> list[str]:
    """The figures that stand out, each with what it is."""
    return [text_of(each) for each in re.findall(r"<li>(.*?)</li>", page.partition('class="tiles"')[2])]


def cells(page: str, title: str) -> list[list[str]]:
    """The rows of the table in the section with this title, by its id."""
    section = page.partition(f'id="{title}"')[2].partition("</section>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", section.partition("<tbody>")[2], re.DOTALL)
    return [[text_of(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)] for row in rows]


def asks(page: str, piece: str) -> dict[str, str]:
    """What the live piece with this id sends when it asks again."""
    found = re.search(rf"id=\"{piece}\"[^>]*?hx-vals='([^']*)'", page)
    assert found is not None, page
    values: dict[str, str] = json.loads(html.unescape(found[1]))
    return values


def button(page: str, id_: str) -> str:
    """The tag of a button; empty when there is none."""
    found = re.search(rf'<button[^>]* id="{id_}"[^>]*>', page)
    return found[0] if found else ""


# Getting in


@pytest.mark.parametrize("name", NAMES)
def test_a_manager_is_refused(base_of: Callable[..., Base], name: str) -> None:
    base = base_of()
    assert base.world.enter(MANAGER).page(name).code == 403
    assert base.jobs.jobs.jobs() == []
    assert base.crm.requests == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ru", ["База контактов", "Начать проверку", "Составить список", "В CRM ничего не изменится"]),
        ("be", ["База кантактаў", "Пачаць праверку", "Скласці спіс", "У CRM нічога не зменіцца"]),
        ("en", ["Contact base", "Begin the audit", "Make the list", "Nothing changes in the CRM"]),
    ],
)
def test_it_says_what_can_be_begun(base_of: Callable[..., Base], language: str, said: list[str]) -> None:
    base = base_of()
    page = base.admin.page("base", speak=language)
    assert page.code == 200
    assert [each for each in said if each not in page.text] == []


# Audits


def test_an_audit_is_begun_and_followed_to_its_figures_and_its_report(base_of: Callable[..., Base]) -> None:
    crm = big(3000)
    crm.fields[CONTACT] = CONSENT_FIELD
    base = base_of(crm, seconds=2.0, consent=CONSENT)
    job = base.job(base.admin.page("base-audit"))
    first = base.admin.page("base-job", job=job).text
    assert 'value="0.0"' in first
    assert "через несколько секунд" in first
    base.jobs.until(lambda: base.jobs.view(job).job.share > 0.4)
    running = base.admin.page("base-job", job=job).text
    view = base.jobs.view(job)
    assert f'<progress max="100" value="{round(100 * view.job.share, 1)}"' in running
    assert "осталось около" in running
    assert f"Контакты {_number(view.job.counted[Entity.CONTACT])} " in text_of(running)
    piece = asks(running, "base-job")
    base.jobs.over(view.job)
    ended = base.admin.page("base-job-state", piece)
    assert ended.code == 200
    found = base.jobs.view(job).job.found
    assert found is not None
    assert tiles(ended.text) == [
        f"{_number(sum(found.valid.values()))} Годные номера",
        f"{_number(sum(found.invalid.values()))} Негодные номера",
        f"{_number(found.without_number)} Карточки без номера",
        f"{_number(found.shared)} Номера с повторами, всего у {_number(found.sharing)} контактов",
    ]
    reasons = cells(ended.text, "invalid-title")
    assert {row[1] for row in reasons} == {_number(count) for count in found.invalid.values()}
    assert "городской номер На городские номера SMS не приходят." in [row[0] for row in reasons]
    assert [row[1] for row in cells(ended.text, "consent-title")] == [_number(n) for n in found.consents.values()]
    report = base.admin.page("base-report", job=job)
    assert report.code == 200
    assert report.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert report.headers["Content-Disposition"] == f'attachment; filename="{job}.csv"'
    assert report.headers["Cache-Control"] == "no-store"
    assert report.content == (base.jobs.folder / f"{job}.csv").read_bytes()


def test_a_live_piece_says_nothing_new_until_there_is_something(base_of: Callable[..., Base]) -> None:
    base = base_of(big(1000), seconds=2.0)
    overview = base.admin.page("base").text
    now, kept = asks(overview, "base-now"), asks(overview, "base-kept")
    assert (base.admin.page("base-now", now).code, base.admin.page("base-kept", kept).code) == (204, 204)
    job = base.job(base.admin.page("base-audit"))
    begun = base.admin.page("base-now", now)
    assert begun.code == 200
    assert base.admin.page("base-now", asks(begun.text, "base-now")).code == 204
    kept = asks(base.admin.page("base-kept", kept).text, "base-kept")
    assert base.admin.page("base-kept", kept).code == 204
    base.jobs.until(lambda: base.jobs.view(job).job.share > 0.2)
    assert base.admin.page("base-now", asks(begun.text, "base-now")).code == 200
    # The list has nothing to tell of how far it is.
    assert base.admin.page("base-kept", kept).code == 204
    ended = base.jobs.over(base.jobs.view(job).job)
    assert base.admin.page("base-kept", kept).code == 200
    page = base.admin.page("base-job", job=ended.job.id).text
    assert base.admin.page("base-job-state", asks(page, "base-job")).code == 204


def test_while_one_is_under_way_no_other_can_be_begun(base_of: Callable[..., Base]) -> None:
    base = base_of(big(1000), seconds=2.0)
    overview = base.admin.page("base").text
    assert overview.count("disabled>") == 0
    base.admin.page("base-audit")
    piece = base.admin.page("base-now", asks(overview, "base-now")).text
    # The buttons outside of the piece come with it.
    assert piece.count('hx-swap-oob="true"') == piece.count("disabled>") == 2
    page = base.admin.page("base").text
    assert "hx-swap-oob" not in page
    assert page.count("disabled>") == 2


@pytest.mark.parametrize("name", ["base-audit", "base-plan"])
def test_of_two_administrators_the_second_sees_the_job_of_the_first(base_of: Callable[..., Base], name: str) -> None:
    base = base_of(big(1000), seconds=2.0)
    second = base.world.enter(ADMIN)
    job = base.job(base.admin.page("base-audit"))
    reply = second.page(name)
    assert base.job(reply) == job
    assert "начал другой администратор" in reply.text
    assert len(base.jobs.jobs.jobs()) == 1
    assert "Сейчас идёт: Проверка номеров" in second.page("base").text


def test_an_audit_is_stopped_without_a_question_and_goes_on(base_of: Callable[..., Base]) -> None:
    base = base_of(big(1000), seconds=2.0)
    job = base.job(base.admin.page("base-audit"))
    base.jobs.until(lambda: base.jobs.view(job).job.share > 0.3)
    assert 'hx-post="/bitrix24/pages/base-cancel"' in button(base.admin.page("base").text, "base-cancel")
    stopped = base.admin.page("base-cancel", job=job).text
    assert "можно продолжить с того же места" in stopped
    assert 'hx-post="/bitrix24/pages/base-go-on"' in button(stopped, "base-next")
    assert base.done("base-go-on", job=job).count("Годные номера") == 1


def test_what_has_ended_by_itself_is_not_cancelled(base_of: Callable[..., Base]) -> None:
    base = base_of()
    job = base.job(base.admin.page("base-audit"))
    assert "Годные номера" in base.admin.page("base-cancel", job=job).text


def test_what_is_waited_for_is_said(base_of: Callable[..., Base]) -> None:
    base = base_of(big(1000), seconds=1.0)
    job = base.job(base.admin.page("base-audit"))
    base.jobs.until(lambda: base.jobs.view(job).job.share > 0.2)
    base.crm.trouble = iter([AWAY] * 1000)
    base.jobs.until(lambda: base.jobs.view(job).waiting is not None)
    page = base.admin.page("base-job", job=job).text
    assert "Битрикс24 не отвечает." in page
    assert "Дольше 30 мин подряд он ждать не будет" in page
    assert str(AWAY) in html.unescape(page)
    base.jobs.over(base.jobs.view(job).job)
    base.admin = base.world.enter(ADMIN)
    ended = base.admin.page("base-job", job=job).text
    assert "Битрикс24 слишком долго не отвечал" in ended
    assert "base-go-on" in button(ended, "base-next")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("QUERY_LIMIT_EXCEEDED", "просит спрашивать реже"),
        ("OPERATION_TIME_LIMIT", "проходит за десять минут"),
        ("SOMETHING_ELSE", "Битрикс24 не отвечает."),
    ],
)
def test_a_portal_that_has_had_enough_is_told_from_one_that_is_away(
    base_of: Callable[..., Base], code: str, said: str
) -> None:
    base = base_of(big(1000), seconds=1.0)
    base.crm.trouble = iter([PortalTrouble("wait", code=code, pause=60)])
    job = base.job(base.admin.page("base-audit"))
    base.jobs.until(lambda: base.jobs.view(job).waiting is not None)
    assert said in base.admin.page("base-job", job=job).text


# Cleaning


def test_a_clean_is_looked_at_written_and_taken_back(base_of: Callable[..., Base]) -> None:
    crm = small()
    crm.fields[CONTACT] = crm.fields[LEAD] = BOOLEAN
    base = base_of(crm)
    before = copy.deepcopy(crm.items)
    plan = base.done("base-plan", mark_field=MARK.lower())
    view = base.jobs.view(base.last)
    assert crm.items == before
    assert view.job.planned is not None
    assert view.job.mark_field == MARK
    assert [row[2:] for row in cells(plan, "lines-title")] == [
        [each.old, each.new] if each.field == "PHONE" else ["пусто", "да"] for each in view.job.lines
    ]
    assert 'data-open-path="/crm/contact/details/7/"' in plan
    assert "Компании не будут отмечены: поля UF_CRM_BAD_PHONE у них нет" in plan
    dialog = base.admin.page("base-ask", job=view.job.id, question="apply")
    phones, marks, cards = view.job.planned.phones, view.job.planned.marks, view.job.planned.changed
    assert (phones, marks, cards) == (4, 1, 4)
    assert "Будет записано: 4 номера и 1 отметка в 4 карточках." in dialog.text
    assert "хранятся 90 дней" in dialog.text
    assert crm.items == before
    listed = base.admin.page("base-report", job=view.job.id)
    assert listed.content == (base.jobs.folder / f"{view.job.id}.csv").read_bytes()

    written = base.done("base-apply", job=view.job.id)
    assert "Всё записано и прочитано обратно." in written
    assert tiles(written)[:2] == ["4 Записано номеров", "1 Поставлено отметок"]
    assert crm.items != before
    application = base.last
    assert "Будет возвращено: 4 номера и 1 отметка." in base.admin.page(
        "base-ask", job=application, question="undo"
    ).text  # fmt: skip
    # What has been written once is not offered again.
    assert "Это уже сделано целиком." in base.admin.page("base-job", job=view.job.id).text
    assert base.admin.page("base-apply", job=view.job.id).code == 409

    back = base.done("base-undo", job=application)
    assert "Прежние значения вернулись." in back
    assert tiles(back)[0] == "5 Возвращено значений"
    assert _held(crm) == _held_of(before)


def test_a_question_answered_closes_its_dialog(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.done("base-plan")
    plan = base.last
    for reply in (base.admin.page("base-apply", job=plan), base.admin.page("base-apply", job=plan)):
        assert reply.headers["Hx-Trigger"] == "close-dialog"


def test_a_text_for_a_mark_is_explained(base_of: Callable[..., Base]) -> None:
    crm = small()
    crm.fields[CONTACT] = TEXT
    plan = base_of(crm).done("base-plan", mark_field=MARK)
    marks = [row for row in cells(plan, "lines-title") if row[1] == MARK]
    assert [row[3:] for row in marks] == [["not_a_number (это не номер)"]]


def test_only_the_first_changes_are_shown_and_the_others_counted(base_of: Callable[..., Base]) -> None:
    crm = CrmInMemory()
    for number in range(1, 121):
        crm.put(CONTACT, number, f"8 029 111 {number:04}")
    plan = base_of(crm).done("base-plan")
    assert len(cells(plan, "lines-title")) == SHOWN
    assert "Первые 50 из 120; остальные — в файле." in plan


def test_a_base_that_is_clean_is_said_to_be(base_of: Callable[..., Base]) -> None:
    crm = CrmInMemory()
    crm.put(CONTACT, 1, "+375291112233")
    plan = base_of(crm).done("base-plan")
    assert "Исправлять нечего" in plan
    assert button(plan, "base-next") == ""


@pytest.mark.parametrize("typed", ["TITLE", "NAME", "UF_CRM_", SCRIPT, "UF_CRM_ПОЛЕ", "UF_CRM_" + "X" * 60])
def test_only_a_field_of_ones_own_can_be_marked(base_of: Callable[..., Base], typed: str) -> None:
    base = base_of()
    reply = base.admin.page("base-plan", mark_field=typed)
    assert "Это не код поля." in reply.text
    assert f'value="{html.escape(typed)}"'.replace("&#x27;", "&#39;") in reply.text
    assert SCRIPT not in reply.text
    assert base.jobs.jobs.jobs() == []


@given(st.text(max_size=70) | st.from_regex(r"\A(?i:uf_crm_)\w{0,60}\Z"))
def test_whatever_is_typed_a_list_is_made_only_for_a_field_of_ones_own(typed: str) -> None:
    fields: list[str] = []

    class Refusing(Known):
        def plan(self, mark_field: str) -> NotBegun:
            fields.append(mark_field)
            return NotBegun(WhyNot.NOT_READY)

    rendered(Refusing(), "base-plan", mark_field=typed)
    for field in fields:
        assert field == "" or re.fullmatch(r"UF_CRM_[A-Z0-9_]{1,50}", field)


def test_a_field_that_is_not_there_fails_in_words(base_of: Callable[..., Base]) -> None:
    plan = base_of().done("base-plan", mark_field=MARK)
    assert "Поля для отметки нет" in plan
    assert "Создайте в CRM поле с этим кодом" in plan
    assert f'"mark_field": "{MARK}"' in html.unescape(button(plan, "base-next"))


def test_the_field_of_the_last_list_stands_in_the_form_again(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.done("base-plan", mark_field=MARK)
    assert f'value="{MARK}"' in base.admin.page("base").text


def test_what_people_have_changed_since_stays_and_is_named(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.done("base-plan")
    plan = base.jobs.view(base.last).job
    line = next(each for each in plan.lines if each.entity is Entity.CONTACT)
    changed = base.crm.items[CONTACT][line.id]["fm"]
    changed[0]["value"] = "+375445556677"
    written = base.done("base-apply", job=plan.id)
    assert "Записано не всё" in written
    assert [row[1:] for row in cells(written, "left-title")] == [
        [line.old, "изменено раньше, чем дошла очередь: оставлено как есть"]
    ]
    application = base.last
    listed = base.admin.page("base-report", job=application)
    assert "changed_since" in listed.text


@pytest.mark.parametrize("question", ["apply", "undo"])
def test_what_writes_is_stopped_only_after_a_question(base_of: Callable[..., Base], question: str) -> None:
    crm = CrmInMemory()
    for number in range(1, 200):
        crm.put(CONTACT, number, f"8 029 111 {number:04}")
    base = base_of(crm, seconds=1.0)
    base.done("base-plan")
    job = base.last
    if question == "undo":
        base.done("base-apply", job=job)
        job = base.last
    page = base.admin.page(f"base-{question}", job=job)
    running = base.job(page)
    assert 'hx-post="/bitrix24/pages/base-ask"' in button(page.text, "base-cancel")
    dialog = base.admin.page("base-ask", job=running, question="cancel").text
    assert 'hx-post="/bitrix24/pages/base-cancel"' in dialog
    base.jobs.until(lambda: base.jobs.view(running).job.share > 0.2)
    assert "останавливается" in base.admin.page("base-cancel", job=running).text
    ended = base.jobs.over(base.jobs.view(running).job)
    assert (ended.job.state, 0 < ended.job.share < 1) == (State.CANCELLED, True)
    stopped = base.admin.page("base-job", job=running).text
    assert ("его можно вернуть" if question == "apply" else "остальное можно вернуть ещё раз") in stopped
    rest = json.loads(re.search(r"hx-vals='([^']*)'", html.unescape(button(stopped, "base-rest")))[1])  # type: ignore[index]
    assert rest == {"job": job, "question": question}
    done = base.done(f"base-{question}", job=job)
    assert "Всё записано" in done if question == "apply" else "Прежние значения вернулись." in done
    assert button(done, "base-rest") == ""


# What is kept


def test_deleting_asks_first_and_whoever_looks_at_it_is_told(base_of: Callable[..., Base]) -> None:
    base = base_of()
    page = base.done("base-audit")
    job = base.last
    piece = asks(page, "base-job")
    dialog = base.admin.page("base-ask", job=job, question="forget").text
    assert "Отчёт и цифры удалятся." in dialog
    assert base.jobs.jobs.jobs() != []
    reply = base.admin.page("base-forget", job=job)
    assert "Пока ничего." in reply.text
    assert list(base.jobs.folder.iterdir()) == []
    assert "Этой работы больше нет" in base.admin.page("base-job-state", piece).text
    for name in ("base-job", "base-report", "base-forget", "base-cancel"):
        assert base.admin.page(name, job=job).code == 400


def test_what_is_in_use_is_not_deleted(base_of: Callable[..., Base]) -> None:
    base = base_of(big(500), seconds=1.0)
    base.done("base-plan")
    plan = base.last
    running = base.job(base.admin.page("base-apply", job=plan))
    for job in (plan, running):
        assert base.admin.page("base-forget", job=job).code == 409
    assert len(base.jobs.jobs.jobs()) == 2


def test_a_folder_that_cannot_be_written_is_said(
    base_of: Callable[..., Base], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_of()
    base.done("base-audit")

    async def forget(name: str) -> bool:
        raise OSError(30, "Read-only file system", name)

    monkeypatch.setattr(base.jobs.jobs, "forget", forget)
    reply = base.admin.page("base-forget", job=base.last)
    assert reply.code == 409
    assert "права на папку contact-base" in reply.text


def test_a_report_that_is_gone_is_said(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.done("base-audit")
    job = base.last
    (base.jobs.folder / f"{job}.csv").unlink()
    reply = base.admin.page("base-report", job=job)
    assert (reply.code, "файла больше нет" in reply.text) == (400, True)


def test_all_stand_newest_first_with_what_came_of_them(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.done("base-audit")
    for name, step in (("base-plan", 60), ("base-apply", 60)):
        base.jobs.clock.advance(step)
        base.done(name, job=base.last)
    rows = cells(base.admin.page("base").text, "kept-title")
    assert [row[:3] for row in rows] == [
        ["Запись в CRM", "готово", "записано: 4 номера"],
        ["Список изменений", "готово", "к записи: 4 номера"],
        ["Проверка номеров", "готово", "годных 6, негодных 3"],
    ]
    assert [row[3] for row in rows] == ["22.11.2026 03:02", "22.11.2026 03:01", "22.11.2026 03:00"]


# What stands in the way


def test_a_list_holds_for_a_day(base_of: Callable[..., Base]) -> None:
    base = base_of()
    plan = base.done("base-plan")
    assert "можно до 23.11.2026 03:00" in plan
    job = base.last
    base.jobs.clock.advance(PLAN_HOLDS + 1)
    base.admin = base.world.enter(ADMIN)
    page = base.admin.page("base-job", job=job).text
    assert "Списку больше суток" in page
    assert 'hx-post="/bitrix24/pages/base-plan"' in button(page, "base-next")
    for name in ("base-ask", "base-apply"):
        reply = base.admin.page(name, job=job, question="apply")
        assert (reply.code, "Составьте новый." in reply.text) == (409, True)


def test_little_space_is_said_before_anything_is_begun(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.jobs.little_space = True
    page = base.admin.page("base").text
    assert "На диске сервера мало места" in page
    assert page.count("disabled>") == 2
    reply = base.admin.page("base-audit")
    assert (reply.code, reply.headers["Hx-Trigger"]) == (409, "close-dialog")


def test_another_portals_list_is_not_written(base_of: Callable[..., Base]) -> None:
    base = base_of()
    base.done("base-plan")
    job = base.last
    base.jobs.installed = "other.bitrix24.by"
    assert "в котором приложения сейчас нет" in base.admin.page("base-job", job=job).text
    assert base.admin.page("base-ask", job=job, question="apply").code == 409


@pytest.mark.parametrize("question", ["", "destroy", SCRIPT])
def test_a_question_that_is_none_is_not_asked(base_of: Callable[..., Base], question: str) -> None:
    base = base_of()
    base.done("base-audit")
    job = base.last
    assert base.admin.page("base-ask", job=job, question=question).code == 400


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("base", "base-now", "base-kept")])
def test_a_job_that_is_made_up_changes_nothing(base_of: Callable[..., Base], name: str) -> None:
    base = base_of()
    for job in ("", "../../etc/passwd", SCRIPT):
        if name in ("base-audit", "base-plan"):
            continue
        reply = base.admin.page(name, job=job, question="apply")
        assert reply.code in (200, 400, 409)
        assert SCRIPT not in reply.text
    assert base.crm.requests == []


# All that can be


class Known:
    """The daemon's jobs, when they are these."""

    def __init__(self, *views: JobView, hindrance: WhyNot | None = None) -> None:
        self.hindrance = hindrance
        self.under_way = next((view for view in views if view.job.state is State.RUNNING), None)
        self._views = {view.job.id: view for view in views}

    def jobs(self) -> list[JobView]:
        return list(self._views.values())

    def job(self, name: str) -> JobView | None:
        return self._views.get(name)


def rendered(known: Known, name: str, *, language: str = "ru", **fields: str) -> str:
    """A page of these jobs."""
    jobs: Any = known
    (page,) = (each for each in BasePages(Clock(), jobs, execute).pages() if each.name == name)
    session = Session(Visitor(1, "", admin=True), "token", START, language)
    asked = Asked(session, words(language), fields, START)

    async def answered() -> Answer:
        return await page.view(asked)

    answer = run(answered())
    assert isinstance(answer, Fragment)
    values = {"visitor": asked.visitor, "now": asked.now, **answer.values}
    return RENDERER.render(answer.template, asked.words, values).decode()


def all_jobs() -> Iterator[JobView]:
    """One of every kind in every state, with every fault, and all that can be done with it or is in the way."""
    given: dict[Kind, dict[str, Any]] = {
        Kind.AUDIT: {"consent": ConsentColumn.READ},
        Kind.PLAN: {"mark_field": MARK, "unmarked": dict(zip(Entity, FieldFault, strict=False))},
        Kind.APPLICATION: {"of": "plan-1", "applied": Applied(1, 2, 3, 4, 5), "undo_file": True},
        Kind.UNDO: {"of": "application-1", "undone": Undone(1, 2, 3, 4)},
    }
    left = tuple(NotTaken(Entity.LEAD, 5, "80291112233", why, "Access denied") for why in Why)
    found = Found(dict.fromkeys(Entity, 5), 1, {"": 7, "range_unknown": 2}, {"foreign": 2}, 1, 2, {"yes": 5})
    over: dict[Kind, dict[str, Any]] = {
        Kind.AUDIT: {"found": found, "report": "x.csv"},
        Kind.PLAN: {
            "planned": Tally(dict.fromkeys(Entity, 5), 3, 2, 2),
            "lines": (
                PlannedLine(Entity.CONTACT, 1, "PHONE", "80291112233", "+375291112233"),
                PlannedLine(Entity.LEAD, 1, MARK, "N", "Y"),
                PlannedLine(Entity.COMPANY, 1, MARK, "", "too_short"),
            ),
        },
        Kind.APPLICATION: {"left": left},
        Kind.UNDO: {"left": left},
    }
    for kind, state in product(Kind, State):
        job = Job(f"{kind}-1", kind, state, PORTAL, START, START, share=0.5, counted={Entity.LEAD: 3}, **given[kind])
        if state is State.RUNNING:
            waiting = Waiting(PortalTrouble("away"), START, START + 60)
            yield JobView(replace(job, totals={Entity.LEAD: 6}))
            yield JobView(job, stopping=True, seconds_left=0.4)
            yield JobView(replace(job, share=1.0), seconds_left=0.0)
            yield JobView(job, seconds_left=4000.0, waiting=waiting)
            continue
        ended = replace(job, ended_at=START + 60)
        if state is State.FINISHED:
            ended = replace(ended, **over[kind])
        for cause in Cause if state is State.FAILED else (None,):
            fault = None if cause is None else JobFault(cause, "it went wrong", "SOME_CODE")
            step = {Kind.AUDIT: Next.GO_ON, Kind.PLAN: Next.APPLY, Kind.APPLICATION: Next.UNDO}.get(kind)
            for next_, why in product((step, None), (None, *WhyNot)):
                if why not in (None, WhyNot.NOTHING_TO_DO) or kind in (Kind.PLAN, Kind.APPLICATION) or not why:
                    report = Path("/x.csv") if ended.report else None
                    yield JobView(replace(ended, fault=fault), report=report, next=next_, hindrance=why)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_job_can_be_shown(language: str) -> None:
    count = 0
    for view in all_jobs():
        count += 1
        for hindrance in (None, WhyNot.BUSY):
            known = Known(view, hindrance=hindrance)
            assert view.job.id in rendered(known, "base-job", language=language, job=view.job.id)
        assert view.job.id in rendered(known, "base", language=language)
    assert count > 200


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("column", ConsentColumn)
def test_what_is_known_of_consents_is_said(language: str, column: ConsentColumn) -> None:
    found = Found(dict.fromkeys(Entity, 5), 1, {"": 7}, {}, 0, 0, {})
    job = Job("audit-1", Kind.AUDIT, State.FINISHED, PORTAL, START, START, START, consent=column, found=found)
    texts = catalogue("base", language)
    page = html.unescape(rendered(Known(JobView(job)), "base-job", language=language, job="audit-1"))
    assert texts[f"base.consent.{'empty' if column is ConsentColumn.READ else column}"] in page
    assert (texts["base.consent.yes"] in page) is (column is ConsentColumn.READ)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_a_job_can_be_has_its_words(language: str) -> None:
    texts = catalogue("base", language)
    wanted = {
        *(f"base.kind.{kind}" for kind in Kind),
        *(f"base.state.{state}" for state in State),
        *(f"base.stopped.{state}" for state in (State.CANCELLED, State.INTERRUPTED)),
        *(f"base.left.{kind}" for kind in Kind),
        *(f"base.cause.{cause}{ending}" for cause in Cause for ending in ("", ".do")),
        *(f"base.why_not.{why}" for why in WhyNot),
        *(f"base.nothing.{kind}" for kind in (Kind.PLAN, Kind.APPLICATION)),
        *(f"base.{which}.{step}" for step in Next for which in ("next", "step")),
        *(f"base.rest.{step}" for step in (Next.APPLY, Next.UNDO)),
        *(f"base.consent.{column}" for column in ConsentColumn if column is not ConsentColumn.READ),
        *(f"base.unmarked.{fault}" for fault in FieldFault),
        *(f"base.why.{why}" for why in Why),
        *(f"base.entity.{entity.label}" for entity in Entity),
        *(f"base.download.{kind}" for kind in Kind),
        *(f"base.done.{kind}{ending}" for kind in WRITES for ending in ("", ".but")),
        *(f"base.ask.{question}{ending}" for question in QUESTIONS for ending in ("", ".yes")),
        *(f"base.ask.{question}.{kind}" for question in ("cancel", "forget") for kind in Kind),
    }
    assert wanted - texts.keys() == set()


def test_script_in_what_people_have_typed_is_shown_as_text() -> None:
    job = Job("plan-1", Kind.PLAN, State.FINISHED, SCRIPT, START, START, START)
    line = PlannedLine(Entity.LEAD, 5, SCRIPT, SCRIPT, SCRIPT)
    part = NotTaken(Entity.CONTACT, 5, SCRIPT, Why.REFUSED, SCRIPT)
    fault = JobFault(Cause.PORTAL_REFUSES, SCRIPT, SCRIPT)
    unmarked = {Entity.LEAD: FieldFault.NO_FIELD}
    for each in (
        replace(job, planned=Tally(), lines=(line,), mark_field=SCRIPT, unmarked=unmarked),
        replace(job, kind=Kind.APPLICATION, applied=Applied(not_taken=1), left=(part,)),
        replace(job, state=State.FAILED, fault=fault),
    ):
        page = rendered(Known(JobView(each)), "base-job", job=job.id)
        assert SCRIPT not in page
        assert page.count("&lt;script&gt;") > 1


def _number(value: int) -> str:
    return words("ru").number(value).replace("\xa0", " ")


def _held(crm: CrmInMemory) -> dict[int, dict[int, Any]]:
    return _held_of(crm.items)


def _held_of(items: dict[int, dict[int, dict[str, Any]]]) -> dict[int, dict[int, Any]]:
    """What items hold; a box that was ticked and is not any more is empty."""
    return {
        kind: {id_: {**item, "ufCrmBadPhone": item.get("ufCrmBadPhone") in ("Y", True)} for id_, item in of.items()}
        for kind, of in items.items()
    }
