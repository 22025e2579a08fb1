"""The pages of campaigns: how far each is, live, and pausing, resuming, cancelling for administrators."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from a1gateway.campaigns import Campaigns
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Trouble
from a1gateway.control import campaigns as in_control
from a1gateway.gate import Gate
from a1gateway.hours import Hours
from a1gateway.journal import Journal, Store
from a1gateway.journal.campaign_progress import Progress, Terms, Waiting
from a1gateway.journal.campaigns import State
from a1gateway.journal.reader import Reader
from a1gateway.message import Kind, Price, Source, Status, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.pages.campaign_standing import WAITS, Action, Shown, Standing
from a1gateway.pages.campaigns_page import AT_ONCE, CampaignPages
from a1gateway.receipts import Receipts
from a1gateway.words.catalogue import catalogue
from a1gateway.words.words import LANGUAGES

from ..conftest import START, agree, arrival, run
from .world import ADMIN, MANAGER, Reply, Visit, World

HOUR, DAY = 3600.0, 86400.0
TEXT = "Скидка 20% до воскресенья в MyShop"
LOOKS = ("campaigns", "campaigns-list", "campaigns-one", "campaigns-figures")
ACTS = (
    "campaigns-pause",
    "campaigns-resume",
    "campaigns-cancel",
    "campaigns-cancel-ask",
    "campaigns-anew",
    "campaigns-anew-ask",
)


class CampaignWorld(World):
    """The pages, with campaigns whose messages follow when they are told to."""

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        store: Store,
        folder: Path,
        *,
        terms: Terms | None = None,
        configured: bool = True,
    ) -> None:
        receipts = Receipts(journal, Metrics(), lambda: None)
        self.campaigns = Campaigns(
            clock, journal, Reader(store.path, execute), receipts, terms or Terms(), on_due=lambda: None
        )
        self.gate = Gate(clock, lambda: 0.0)
        pages = CampaignPages(self.campaigns, self.gate, configured=configured, give_up_after=3 * DAY)
        super().__init__(clock, journal, store, folder, more=pages.pages())
        self.count = 0

    def mail(self, count: int, **more: Any) -> None:
        """Bitrix24 hands over so many messages, to a number each."""
        values = {
            "kind": Kind.MARKETING,
            "text": TEXT,
            "sender_id": "MyShop",
            "origin": {"module_id": "sender"},
            "received_at": self.clock.seconds(),
        } | more
        for _ in range(count):
            self.count += 1
            run(self.journal.accept(arrival(f"m{self.count}", msisdn=f"+37529{self.count:07}", **values)))

    def send(self, most: int, price: str | None = "0.089") -> None:
        """A1 takes up to so many of those that wait."""
        now = self.clock.seconds()
        agree(self.journal, now)
        given = Price(amount=Decimal(price)) if price else Price()
        for each in run(self.journal.claim(now, most)).submissions:
            run(self.journal.record([(each, Accepted(each.message_id, price=given), now + 60)], now))

    def settle(self, statuses: dict[str, Status]) -> None:
        """A1 tells how messages have ended."""
        reports = [
            StatusReport(name, status, status, Source.POLL, self.clock.seconds()) for name, status in statuses.items()
        ]
        run(self.journal.settle(reports))

    def follow(self) -> None:
        """All messages follow the states of their campaigns."""
        run(self.campaigns._follow())

    def state(self, campaign: int = 1) -> tuple[State, str | None]:
        found = run(self.campaigns.progress(campaign))
        return found.state, found.state_by


Make = Callable[..., CampaignWorld]


@pytest.fixture
def make(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Make:
    return lambda **more: CampaignWorld(clock, journal, store, tmp_path, **more)


@pytest.fixture
def world(make: Make) -> CampaignWorld:
    return make()


@pytest.fixture
def visit(world: CampaignWorld) -> Visit:
    return world.enter()


def text(reply: Reply) -> str:
    """What people read."""
    assert reply.code == 200, reply.text
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", reply.text)).replace("\xa0", " ").split())


def mark(reply: Reply) -> str:
    found = re.search(r'"mark": "([0-9a-f]+)"', html.unescape(reply.text))
    assert found is not None, reply.text
    return found[1]


def offered(reply: Reply) -> list[str]:
    """The buttons that do something."""
    return re.findall(r'id="(pause|resume|cancel|anew)"', reply.text)


def values_of(reply: Reply, button: str) -> dict[str, Any]:
    """What a button sends."""
    found = re.search(rf"""id="{button}"[^>]*hx-vals='([^']*)'""", reply.text)
    assert found is not None, reply.text
    values: dict[str, Any] = json.loads(html.unescape(found[1]))
    return values


def tiles(reply: Reply) -> dict[str, str]:
    """The figures by their names."""
    shown = reply.text.partition('<ul class="tiles')[2].partition("</ul>")[0]
    return {name.strip(): figure for figure, name in re.findall(r"<li[^>]*><b>([^<]*?) ?<.*?/b> ([^<]*)", shown)}


# The list


def test_the_newest_campaign_comes_first_with_how_far_it_is(world: CampaignWorld, visit: Visit) -> None:
    world.mail(4)
    world.send(3)
    world.settle({"m1": Status.DELIVERED, "m2": Status.DELIVERED, "m3": Status.UNDELIVERABLE})
    world.clock.advance(600)
    world.mail(1, text="Приглашаем на дегустацию сыров в субботу", sender_id=None)
    shown = text(visit.page("campaigns"))
    rows = [row.strip() for row in shown.partition("Закончится")[2].split("№")]
    assert rows[0] == "Приглашаем на дегустацию сыров в субботу"
    assert rows[1].startswith("2 номер A1 22.11.2026 03:10 отправляется 0 из 1 Скидка")
    assert rows[2] == "1 MyShop 22.11.2026 03:00 отправляется 3 из 4 66,7 %"


def test_the_page_says_what_a_campaign_is(visit: Visit) -> None:
    assert "не сообщает, из какой рассылки каждое SMS" in text(visit.page("campaigns"))


def test_without_campaigns_it_says_when_there_will_be_one(world: CampaignWorld, visit: Visit) -> None:
    first = visit.page("campaigns")
    assert "Рассылок ещё не было" in text(first)
    assert "не настроены" not in text(first)
    assert visit.page("campaigns-list", mark=mark(first)).code == 204
    world.mail(1)
    assert "Скидка 20%" in text(visit.page("campaigns-list", mark=mark(first)))


def test_without_marketing_it_says_that_it_has_to_be_set_up(make: Make) -> None:
    world = make(configured=False)
    assert "Рекламные SMS не настроены" in text(world.enter().page("campaigns"))
    # What came all the same was refused.
    world.mail(2, refusal="marketing_disabled")
    assert "завершена" not in text(world.enter().page("campaigns"))
    assert "2 рекламные SMS не настроены" in text(world.enter().page("campaigns-one", id="1"))


def test_there_is_nothing_new_until_a_figure_changes(world: CampaignWorld, visit: Visit) -> None:
    world.mail(3)
    seen = {page: mark(visit.page(page, id="1")) for page in ("campaigns", "campaigns-one")}

    def news() -> list[int]:
        asked = {"campaigns-list": seen["campaigns"], "campaigns-figures": seen["campaigns-one"]}
        return [visit.page(page, id="1", mark=given).code for page, given in asked.items()]

    world.clock.advance(60)
    run(world.journal.accept(arrival("another")))
    assert news() == [204, 204]
    world.send(1)
    assert news() == [200, 200]


def test_the_end_is_said_anew_every_minute(make: Make) -> None:
    world = make(terms=Terms(per_second=lambda segments: 1 / 60))
    world.mail(10)
    visit = world.enter()
    first = visit.page("campaigns-one", id="1")
    assert "около 22.11.2026 03:10 по Минску, примерно через 10 мин" in text(first)
    world.clock.advance(30)
    assert visit.page("campaigns-figures", id="1", mark=mark(first)).code == 204
    world.clock.advance(30)
    assert "около 22.11.2026 03:11" in text(visit.page("campaigns-figures", id="1", mark=mark(first)))


def test_earlier_campaigns_come_when_they_are_asked_for(world: CampaignWorld, visit: Visit) -> None:
    for number in range(AT_ONCE + 5):
        world.mail(1, sender_id=f"Shop{number}")
    first = visit.page("campaigns")
    assert first.text.count('id="open-') == AT_ONCE
    more = visit.page("campaigns-list", count=str(values_of(first, "older")["count"]))
    assert more.text.count('id="open-') == AT_ONCE + 5
    assert 'id="older"' not in more.text
    # They stay, whatever happens meanwhile.
    world.mail(1, sender_id="Other")
    again = visit.page("campaigns-list", count="40", mark=mark(more))
    assert again.text.count('id="open-') == AT_ONCE + 6


@pytest.mark.parametrize("count", ["0", "-5", "x", "9" * 30, "1e3"])
def test_a_made_up_number_of_campaigns_does_no_harm(world: CampaignWorld, visit: Visit, count: str) -> None:
    world.mail(1)
    assert "Скидка 20%" in text(visit.page("campaigns-list", count=count))


# One campaign


def test_a_campaign_shows_its_figures(world: CampaignWorld, visit: Visit) -> None:
    world.mail(10)
    world.mail(2, refusal="foreign")
    world.mail(1, refusal="stop_list")
    world.send(6)
    world.settle({"m1": Status.DELIVERED, "m2": Status.DELIVERED, "m3": Status.DELIVERED, "m4": Status.EXPIRED})
    reply = visit.page("campaigns-one", id="1")
    assert tiles(reply) == {
        "Передал Битрикс24": "13",
        "Завершено": "7",
        "Доставлено": "3",
        "Не доставлено": "1",
        "Отклонено": "3",
        "В пути у A1": "2",
        "Ждёт отправки": "4",
    }
    shown = text(reply)
    assert "7 из 13 53,8 %" in shown
    assert "6 сегментов, 0,534 BYN" in shown
    assert "Имя отправителя MyShop Откуда рассылка CRM-маркетинга Начата 22.11.2026 03:00" in shown
    assert f"Текст {TEXT} Это текст первого сообщения" in shown
    (strip,) = re.findall(r"<svg.*?</svg>", reply.text, re.DOTALL)
    assert 'aria-valuemax="13" aria-valuenow="7" aria-valuetext="7 из 13"' in strip
    parts = re.findall(r'class="is-(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', strip)
    assert [name for name, _, _ in parts] == ["delivered", "not_delivered", "refused", "under_way"]
    assert sum(float(width) for _, _, width in parts) == pytest.approx(9 / 13 * 1000, abs=0.1)


def test_every_reason_leads_to_its_messages_in_the_journal(world: CampaignWorld, visit: Visit) -> None:
    world.mail(2, refusal="foreign")
    world.mail(3, refusal="stop_list")
    world.mail(1, refusal="foreign", sender_id="Other")
    reply = visit.page("campaigns-one", id="1")
    assert "Почему не дошли 3 номер в стоп-листе 2 номер не белорусский" in text(reply)
    asked = values_of(reply, "journal-foreign")
    assert asked == {"reason": "foreign", "campaign": "1"}
    journal = visit.page("journal", asked)
    assert re.findall(r'"id": "(m\d)"', html.unescape(journal.text)) == ["m2", "m1"]
    assert values_of(reply, "journal-all") == {"campaign": "1"}


def test_what_a1_could_not_deliver_is_found_in_the_journal(world: CampaignWorld, visit: Visit) -> None:
    world.mail(3)
    world.mail(1, refusal="foreign")
    world.send(3)
    world.settle({"m1": Status.DELIVERED, "m2": Status.UNDELIVERABLE, "m3": Status.EXPIRED})
    reply = visit.page("campaigns-one", id="1")
    assert "2 A1 не смог доставить 1 номер не белорусский" in text(reply)
    journal = visit.page("journal", values_of(reply, "journal-not_reached"))
    assert re.findall(r'"id": "(m\d)"', html.unescape(journal.text)) == ["m3", "m2"]


def test_a_message_leads_to_its_campaign(world: CampaignWorld, visit: Visit) -> None:
    world.mail(1)
    assert values_of(visit.page("message", id="m1"), "campaign") == {"id": 1}


def test_what_waits_says_what_for(make: Make) -> None:
    world = make(terms=Terms(Hours.read("09:00-21:00")))
    world.mail(3)
    night = world.enter().page("campaigns-one", id="1")
    assert "Чего ждут те, что не ушли 3 часов для рекламных SMS, которые начнутся 22.11.2026 09:00 по Минску" in text(
        night
    )
    assert "ждёт своих часов Сейчас не время для рекламных SMS. Отправка продолжится сама 22.11.2026 09:00" in text(
        night
    )
    world.clock.advance(6 * HOUR)
    day = world.enter().page("campaigns-one", id="1")
    assert "3 проверки согласия" in text(day)
    agree(world.journal, world.clock.seconds())
    assert "3 своей очереди на отправку" in text(world.enter().page("campaigns-one", id="1"))


def test_the_end_comes_with_the_rate_that_it_is_reckoned_by(world: CampaignWorld, visit: Visit) -> None:
    world.mail(100)
    assert "пока сказать нельзя" in text(visit.page("campaigns-one", id="1"))
    for _ in range(11):
        world.send(2)
        world.clock.advance(1)
    shown = text(visit.page("campaigns-one", id="1"))
    assert "уйдёт меньше чем через минуту." in shown
    assert "Если скорость останется такой, как сейчас: 2 SMS в секунду." in shown
    world.clock.advance(180)
    assert "6,9 SMS в минуту" in text(visit.page("campaigns-one", id="1"))


@pytest.mark.parametrize("trouble", Trouble)
def test_what_keeps_a1_from_taking_them_stands_in_the_place_of_the_end(make: Make, trouble: Trouble) -> None:
    world = make(terms=Terms(per_second=lambda segments: 1 / 60))
    world.mail(2)
    agree(world.journal)
    visit = world.enter(LANG="en")
    seen = mark(visit.page("campaigns-one", id="1"))
    world.gate.doubtful(LinkTrouble(trouble, "gone"))
    shown = text(visit.page("campaigns-figures", id="1", mark=seen))
    assert f"wrong with A1 at the moment: {catalogue('journal', 'en')[f'word.{trouble}']}. The messages wait" in shown
    assert "The last of those" not in shown
    assert "about" not in text(visit.page("campaigns"))
    # What is held waits for something else.
    assert "wrong with A1" not in text(visit.page("campaigns-pause", id="1"))


def test_over_smpp_there_are_segments_and_no_money(world: CampaignWorld, visit: Visit) -> None:
    world.mail(2)
    world.send(2, price=None)
    shown = text(visit.page("campaigns-one", id="1"))
    assert "Отправлено на сейчас 2 сегмента Все её сообщения" in shown


@pytest.mark.parametrize("id_", ["", "0", "7", "x", "-1", "9" * 30, "1; DROP TABLE campaigns"])
def test_a_campaign_that_is_not_there_is_said_to_be_none(world: CampaignWorld, visit: Visit, id_: str) -> None:
    world.mail(1)
    for page in ("campaigns-one", "campaigns-figures", *ACTS):
        reply = visit.page(page, id=id_)
        assert reply.code == 400
        assert "такой рассылки нет" in reply.text


def test_what_people_have_written_is_text(world: CampaignWorld) -> None:
    script = "<script>alert(1)</script> '\"><img src=x onerror=alert(2)>"
    world.portal.people[ADMIN]["NAME"] = script
    world.mail(1, text=script, sender_id=None)
    visit = world.enter()
    visit.page("campaigns-pause", id="1")
    for page in (*LOOKS, "campaigns-cancel-ask"):
        reply = visit.page(page, id="1")
        assert "alert(1)" in reply.text
        assert "<script" not in reply.text
        assert "<img" not in reply.text


# What is done about it


def test_a_pause_holds_at_once_and_says_who_made_it(world: CampaignWorld, visit: Visit) -> None:
    world.mail(3)
    before = visit.page("campaigns-one", id="1")
    assert offered(before) == ["pause", "cancel"]
    paused = visit.page("campaigns-pause", values_of(before, "pause"))
    assert world.state() == (State.PAUSED, "Анна Ковалёва (id 1)")
    shown = text(paused)
    assert "на паузе Ничего не уходит." in shown
    assert "те, что прождут 3 дн., истекут" in shown
    assert "Поставлена на паузу 22.11.2026 03:00: Анна Ковалёва (id 1)" in shown
    # They may not have followed yet: they wait all the same.
    assert "3 продолжения рассылки" in shown
    assert offered(paused) == ["resume", "cancel"]
    resumed = visit.page("campaigns-resume", values_of(paused, "resume"))
    assert world.state()[0] is State.RUNNING
    assert "Продолжена 22.11.2026 03:00: Анна Ковалёва (id 1)" in text(resumed)


def test_cancelling_asks_first_and_says_what_it_means(world: CampaignWorld, visit: Visit) -> None:
    world.mail(23)
    world.send(2)
    page = visit.page("campaigns-one", id="1")
    dialog = visit.page("campaigns-cancel-ask", values_of(page, "cancel"))
    assert world.state()[0] is State.RUNNING
    asked = text(dialog)
    assert "21 сообщение, которое ещё не ушло, будет отклонено, и всё, что Битрикс24 передаст ещё, тоже." in asked
    assert "Битрикс24 покажет отклонённые как ошибки отправки. Вернуть это нельзя" in asked
    assert "2 сообщения уже у A1: их не остановить." in asked
    cancelled = visit.page("campaigns-cancel", id="1")
    assert cancelled.headers["Hx-Trigger"] == "close-dialog"
    assert "отменена" in text(cancelled)
    assert "21 отклонения: рассылка отменена" in text(cancelled)
    world.follow()
    after = visit.page("campaigns-one", id="1")
    assert "Почему не дошли 21 рассылка отменена" in text(after)
    assert offered(after) == ["anew"]


def test_when_nothing_waits_cancelling_is_about_what_comes(world: CampaignWorld, visit: Visit) -> None:
    world.mail(1)
    world.send(1)
    assert offered(visit.page("campaigns-one", id="1")) == ["pause", "cancel"]
    assert "Сейчас ни одно сообщение не ждёт отправки" in text(visit.page("campaigns-cancel-ask", id="1"))


def test_two_administrators_who_want_the_same_are_both_right(world: CampaignWorld) -> None:
    world.portal.people["token-second"] = {"ID": "2", "ADMIN": True, "NAME": "Олег", "LAST_NAME": ""}
    world.portal.codes["token-second"] = "local.1"
    first, second = world.enter(), world.enter("token-second")
    world.mail(2)
    for page, state in (
        ("campaigns-pause", State.PAUSED),
        ("campaigns-resume", State.RUNNING),
        ("campaigns-cancel", State.CANCELLED),
        ("campaigns-anew", State.CANCELLED),
    ):
        both = [visit.page(page, id="1") for visit in (first, second)]
        assert [reply.code for reply in both] == [200, 200]
        assert world.state() == (state, "Анна Ковалёва (id 1)")
        assert "Анна Ковалёва" in text(both[1])
        assert 'role="alert"' not in both[1].text


def test_a_cancelled_one_is_not_paused_and_nobody_takes_its_end_back_unawares(
    world: CampaignWorld, visit: Visit
) -> None:
    world.mail(2)
    paused = visit.page("campaigns-pause", id="1")
    visit.page("campaigns-cancel", id="1")
    late = visit.page("campaigns-pause", id="1")
    assert "её нельзя ни поставить на паузу, ни продолжить" in text(late)
    # The other still sees the pause, and lets it go on.
    late = visit.page("campaigns-resume", values_of(paused, "resume"))
    assert "её нельзя ни поставить на паузу, ни продолжить" in text(late)
    assert world.state()[0] is State.CANCELLED
    assert offered(late) == ["anew"]
    world.mail(1, text="Приглашаем на дегустацию сыров в субботу")
    assert "Эту рассылку не отменяли" in text(visit.page("campaigns-anew", id="2"))


def test_what_comes_in_the_words_of_a_cancelled_one_is_another_when_somebody_wants_it(
    world: CampaignWorld, visit: Visit
) -> None:
    world.mail(2)
    cancelled = visit.page("campaigns-cancel", id="1")
    assert "пока не пройдёт полчаса без таких сообщений; остановите рассылку и там" in text(cancelled)
    world.mail(1)
    dialog = visit.page("campaigns-anew-ask", values_of(cancelled, "anew"))
    assert "Уже отклонённые останутся отклонёнными." in text(dialog)
    found = re.search(r"campaigns-anew\"[^>]*hx-vals='([^']*)'", dialog.text)
    assert found is not None
    anew = visit.page("campaigns-anew", json.loads(html.unescape(found[1])))
    assert anew.headers["Hx-Trigger"] == "close-dialog"
    assert world.state()[0] is State.CANCELLED
    shown = text(anew)
    assert "Битрикс24 передаёт с этими словами с 22.11.2026 03:00, уже другая рассылка." in shown
    assert "остановите рассылку и там" not in shown
    assert offered(anew) == []
    world.mail(1)
    assert world.state(2)[0] is State.RUNNING
    assert tiles(visit.page("campaigns-one", id="1"))["Передал Битрикс24"] == "3"


def test_what_can_no_more_be_asked_for_is_said_to_be_so(world: CampaignWorld, visit: Visit) -> None:
    world.mail(1)
    assert "Это не нужно" in text(visit.page("campaigns-anew-ask", id="1"))
    visit.page("campaigns-cancel", id="1")
    assert "Отменять больше нечего" in text(visit.page("campaigns-cancel-ask", id="1"))
    world.clock.advance(2 * HOUR)
    visit = world.enter()
    assert "Это не нужно" in text(visit.page("campaigns-anew-ask", id="1"))
    assert "остановите рассылку и там" not in text(visit.page("campaigns-one", id="1"))


def test_the_command_line_is_named_in_the_visitors_language(world: CampaignWorld, visit: Visit) -> None:
    world.mail(1)
    run(world.campaigns.pause(1, in_control._BY))
    assert "командная строка на сервере" in text(visit.page("campaigns-one", id="1"))


def test_managers_look_and_administrators_act(world: CampaignWorld) -> None:
    world.mail(1)
    manager = world.enter(MANAGER)
    for page in LOOKS:
        reply = manager.page(page, id="1")
        assert reply.code == 200
        assert offered(reply) == []
    for page in ACTS:
        assert manager.page(page, id="1").code == 403
    assert world.state() == (State.RUNNING, None)


# In all languages


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_speaks_every_language(world: CampaignWorld, language: str) -> None:
    world.mail(3)
    world.mail(1, refusal="foreign")
    visit = world.enter(LANG={"be": "by"}.get(language, language))
    for act in (
        None,
        "campaigns-pause",
        "campaigns-resume",
        "campaigns-cancel",
        "campaigns-resume",
        "campaigns-anew",
    ):
        if act:
            assert visit.page(act, id="1").code == 200
        for page in (*LOOKS, "campaigns-cancel-ask", "campaigns-anew-ask"):
            assert visit.page(page, id="1").code == 200
        world.clock.advance(1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_gateway_has_its_text(language: str) -> None:
    texts = catalogue("campaigns", language)
    wanted = {
        *(f"campaigns.standing.{standing}{ending}" for standing in Standing for ending in ("", ".why")),
        *(f"campaigns.changed.{state}" for state in State),
        *(f"campaigns.waits.{name}" for name in WAITS),
        *(f"campaigns.{action}" for action in Action),
        f"campaigns.who.{in_control._BY}",
    }
    assert wanted - texts.keys() == set()


# Where a campaign stands


def progress(**more: Any) -> Progress:
    """A campaign of which nothing is left to do."""
    values: dict[str, Any] = {
        "id": 1,
        "text": TEXT,
        "sender_id": "MyShop",
        "sent_by": "mailing",
        "began_at": START,
        "latest_at": START,
        "state": State.RUNNING,
        "state_at": START,
        "state_by": None,
        "anew_at": None,
        "unsettled": False,
        "may_go_on": False,
        "total": 10,
        "waiting": Waiting(),
        "opens_at": None,
        "under_way": 0,
        "delivered": 10,
        "not_delivered": 0,
        "unknown": 0,
        "refused": {},
        "segments": 10,
        "amount": Decimal(0),
        "rate": None,
        "ends_at": None,
    }
    return Progress(**values | more)


@pytest.mark.parametrize(
    ("more", "standing", "actions"),
    [
        ({}, Standing.OVER, ()),
        ({"may_go_on": True}, Standing.LEFT, (Action.PAUSE, Action.CANCEL)),
        ({"may_go_on": True, "latest_at": START + 1}, Standing.GOING, (Action.PAUSE, Action.CANCEL)),
        ({"under_way": 1}, Standing.LEFT, ()),
        ({"waiting": Waiting(ready=1)}, Standing.GOING, (Action.PAUSE, Action.CANCEL)),
        ({"waiting": Waiting(hours=1)}, Standing.HOURS, (Action.PAUSE, Action.CANCEL)),
        ({"state": State.PAUSED, "waiting": Waiting(held=1)}, Standing.PAUSED, (Action.RESUME, Action.CANCEL)),
        ({"state": State.PAUSED, "may_go_on": True}, Standing.PAUSED, (Action.RESUME, Action.CANCEL)),
        ({"state": State.PAUSED}, Standing.OVER, ()),
        ({"state": State.CANCELLED}, Standing.CANCELLED, ()),
        ({"state": State.CANCELLED, "may_go_on": True}, Standing.CANCELLED, (Action.ANEW,)),
        ({"state": State.CANCELLED, "waiting": Waiting(ready=1)}, Standing.CANCELLED, ()),
    ],
)
def test_a_campaign_stands_where_its_messages_do(
    more: dict[str, Any], standing: Standing, actions: tuple[Action, ...]
) -> None:
    """Its latest message came two minutes ago."""
    each = Shown(progress(**more), START + 120)
    assert (each.standing, each.actions) == (standing, actions)


def test_what_did_not_arrive_is_told_by_reason_the_most_first() -> None:
    each = Shown(progress(not_delivered=5, unknown=2, refused={"stop_list": 1, "no_consent": 4, "foreign": 0}), START)
    assert each.reasons == [("no_consent", 4), ("-", 3), ("no_answer", 2), ("stop_list", 1)]
    assert Shown(progress(), START).reasons == []


@given(state=st.sampled_from(State), counts=st.tuples(*[st.integers(0, 9)] * 5))
def test_all_that_waits_is_told_with_what_it_waits_for(state: State, counts: tuple[int, ...]) -> None:
    waiting = Waiting(*counts)
    waits = Shown(progress(state=state, waiting=waiting), START).waits
    assert sum(waits.values()) == waiting.total
    assert set(waits) <= set(WAITS)
    assert 0 not in waits.values()


@given(text=st.text())
def test_the_beginning_of_a_text_is_one_short_line(text: str) -> None:
    beginning = Shown(progress(text=text), START).beginning
    assert len(beginning) <= 111
    assert " ".join(beginning.split()) == beginning
    assert beginning.removesuffix("…") in " ".join(text.split())
