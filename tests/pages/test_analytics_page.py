"""The statistics for people: what the page says is what the journal has, and its links find those messages."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from a1gateway.carriers.outcome import Accepted, Outcome, Refused
from a1gateway.hours import MINSK
from a1gateway.journal import Journal, Store, statistics
from a1gateway.journal.reader import Reader, reading
from a1gateway.message import Kind, Price, Source, Status, StatusReport
from a1gateway.operators import operator_of
from a1gateway.pages.analytics_page import AnalyticsPages
from a1gateway.text import segments
from a1gateway.words.words import LANGUAGES, words

from ..conftest import START, agree, arrival, run
from .world import ADMIN, MANAGER, Reply, Visit, World

SCRIPT = "<script>alert('x')</script>"
HOUR, DAY = 3600.0, 86400.0
# START is a Sunday, three in the morning.
TODAY = "2026-11-22"
SHORT, LONG = "Заказ готов", "я" * 75


class AnalyticsWorld(World):
    """The pages with the statistics among them, and a journal that can be filled."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, folder: Path) -> None:
        pages = AnalyticsPages(Reader(store.path, execute)).pages()
        super().__init__(clock, journal, store, folder, more=pages)
        self.path = store.path
        self._sent = 0

    def send(
        self,
        at: float = START,
        *,
        outcome: Status | str | None = Status.DELIVERED,
        took: float = 5.0,
        price: str | None = "0.045",
        **more: Any,
    ) -> None:
        """A message that is accepted then, and comes to this end: a status, A1's reason for a refusal, or none."""
        self._sent += 1
        name = f"m{self._sent}"
        values = {"text": SHORT} | more
        run(self.journal.accept(arrival(name, received_at=at, segments=segments(values["text"]), **values)))
        if more.get("kind") is Kind.MARKETING:
            agree(self.journal, at)
        for each in run(self.journal.claim(at + 1, 10)).submissions:
            of_segment = None if price is None else Decimal(price)
            amount = None if of_segment is None else of_segment * segments(each.text)
            answer: Outcome = Accepted(name, segments(each.text), Price(of_segment, amount))
            if isinstance(outcome, str) and not isinstance(outcome, Status):
                answer = Refused(outcome, "101")
            run(self.journal.record([(each, answer, at + HOUR)], at + 1))
        if isinstance(outcome, Status):
            report = StatusReport(name, str(outcome).upper(), outcome, Source.CALLBACK, at + took)
            run(self.journal.settle([report]))

    def count(self) -> None:
        """As the daemon does."""
        while True:
            with reading(self.path) as connection:
                batch = statistics.uncounted(connection, 1000)
            if batch is None:
                return
            assert run(self.journal.within(statistics.add, batch))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the journal itself."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def world(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> AnalyticsWorld:
    return AnalyticsWorld(clock, journal, store, tmp_path)


def shop(world: AnalyticsWorld) -> None:
    """Some days of a shop, in order; all kinds of messages, and all kinds of ends."""
    numbers = ("+375291112233", "+375331112233", "+375251112233", "+375441112233")
    origins = ({"module_id": "crm"}, {"scenario": "visit"}, {"code": "a1_sms_send"}, {"module_id": "bizproc"})
    ends = [*[Status.DELIVERED] * 5, Status.EXPIRED, Status.UNDELIVERABLE, Status.REJECTED, "stop_list", None]
    for number in range(44):
        world.send(
            START - 3 * DAY + number * 6301,
            outcome=ends[number % len(ends)],
            took=2.0 + number * 40,
            text=LONG if number % 3 == 0 else "Order is ready" if number % 7 == 0 else SHORT,
            number_received=numbers[number % 4],
            msisdn=numbers[number % 4],
            origin=origins[number * 7 % 4],
            sender_id=(None, "MyShop", "MyShop")[number % 3],
        )
    world.send(START + DAY * 0.4, kind=Kind.MARKETING, origin={"module_id": "sender"}, sender_id="Promo")
    world.send(START + DAY * 0.4, outcome=None, msisdn=None, number_received="+7 495 123-45-67", refusal="foreign")
    world.count()


# Reading the page


@dataclass(frozen=True)
class Section:
    """What a section says."""

    heading: str
    head: list[str]
    rows: list[list[str]]
    """The cells of its table, the name first."""
    links: dict[str, dict[str, str]]
    """What its names ask the journal for."""
    label: str | None
    """The chart's, for those who do not see it."""
    chart: Any

    def numbers(self, column: int = 1) -> dict[str, int]:
        """A column of whole numbers, by name; without what there is none of."""
        found = {row[0]: int(re.sub(r"\D", "", row[column])) for row in self.rows}
        return {name: number for name, number in found.items() if number}

    def bars(self) -> dict[str, list[float]]:
        """The bars' lengths by colour."""
        return {each["label"]: each["data"] for each in self.chart["data"]["datasets"]}


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).replace("\N{NO-BREAK SPACE}", " ").strip()


def links(markup: str) -> dict[str, dict[str, str]]:
    found = re.findall(r"""hx-post="/bitrix24/pages/journal"[^>]*hx-vals='([^']*)'>(.*?)</button>""", markup)
    return {plain(name): json.loads(html.unescape(fields)) for fields, name in found}


def section(reply: Reply, name: str) -> Section:
    assert reply.code == 200, reply.text
    found = re.search(rf'<section[^>]*aria-labelledby="section-{name}">(.*?)</section>', reply.text, re.DOTALL)
    assert found is not None, reply.text
    heading = re.search(r"<h2[^>]*>(.*?)</h2>", found[1])
    assert heading is not None
    lines = [
        [plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)]
        for line in re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    ]
    chart = re.search(r"data-chart='([^']*)'", found[1])
    label = re.search(r'role="img" aria-label="([^"]*)"', found[1])
    return Section(
        plain(heading[1]),
        lines[0],
        lines[1:],
        links(found[1]),
        None if label is None else plain(label[1]),
        None if chart is None else json.loads(html.unescape(chart[1])),
    )


def tiles(reply: Reply) -> dict[str, str]:
    """The totals by what they are called."""
    found = re.findall(r"<li><b>(.*?)</b>(.*?)</li>", reply.text, re.DOTALL)
    return {plain(label): plain(figure) for figure, label in found}


def sections(reply: Reply) -> list[str]:
    return re.findall(r'aria-labelledby="section-(\w+)"', reply.text)


def messages_found(visit: Visit, fields: Mapping[str, str]) -> int:
    """How many the journal shows."""
    reply = visit.page("journal", fields)
    assert "invalid" not in reply.text
    return reply.text.count('class="text-of"')


WHOLE = {"since": "2026-11-01", "until": "2026-11-30"}


def test_the_totals_are_those_of_the_journal(world: AnalyticsWorld) -> None:
    shop(world)
    statuses = Counter(status for (status,) in world.rows("SELECT status FROM messages"))
    found = tiles(world.enter(MANAGER).page("analytics", WHOLE))
    assert found["принято"] == "46"
    assert found["доставлено"] == "24 52,2 %"
    assert found["не дошло"] == "18 39,1 %"
    assert found["в пути"] == "4 8,7 %"
    assert statuses["delivered"] == 24
    assert statuses["sent"] == 4
    (sums,) = world.rows("SELECT sum(a1_segments), sum(CAST(amount AS REAL)) FROM messages")
    assert found["сегментов"] == str(sums[0])
    assert found["стоимость"] == f"{sums[1]:.2f} BYN".replace(".", ",")


@pytest.mark.parametrize("column", ["sent_by", "kind", "sender_id"])
def test_the_tables_by_name_are_those_of_the_journal(world: AnalyticsWorld, column: str) -> None:
    shop(world)
    russian = words("ru")
    counted: Counter[str] = Counter()
    for (word,) in world.rows(f"SELECT {column} FROM messages"):  # noqa: S608
        named = {
            "sent_by": lambda: russian.sent_by(word),  # noqa: B023
            "kind": lambda: russian(f"analytics.kind.{word}"),  # noqa: B023
            "sender_id": lambda: word or russian("sender.none"),  # noqa: B023
        }
        counted[named[column]()] += 1
    shown = section(
        world.enter().page("analytics", WHOLE), {"kind": "kinds", "sender_id": "senders"}.get(column, column)
    )
    assert shown.numbers() == counted


def test_the_tables_by_day_and_operator_are_those_of_the_journal(world: AnalyticsWorld) -> None:
    shop(world)
    rows = world.rows("SELECT received_at, msisdn, status FROM messages")
    reply = world.enter().page("analytics", WHOLE)
    days = Counter(datetime.fromtimestamp(at, MINSK).strftime("%d.%m.%Y") for at, _, _ in rows)
    course = section(reply, "course")
    assert {day.split(",")[0]: number for day, number in course.numbers().items()} == days
    assert len(course.rows) == 30
    names = {"a1": "A1", "mts": "МТС", "life": "life:)", "": "неверный номер"}
    operators = Counter(names[operator_of(msisdn).value] for _, msisdn, _ in rows)
    assert section(reply, "operators").numbers() == operators
    hours = Counter(datetime.fromtimestamp(at, MINSK).hour for at, _, _ in rows)
    by_hour = section(reply, "hours").numbers()
    assert {int(name[:2]): number for name, number in by_hour.items()} == hours


def test_reasons_are_counted_and_named_as_the_journal_names_them(world: AnalyticsWorld) -> None:
    shop(world)
    names = {
        ("expired", None): "телефон был вне сети",
        ("undeliverable", None): "номер не принимает SMS",
        ("rejected", None): "заблокировал оператор абонента",
        ("rejected", "stop_list"): "номер в стоп-листе",
        ("rejected", "foreign"): "номер не белорусский",
    }
    failed = world.rows("SELECT status, reason FROM messages WHERE status NOT IN ('queued', 'sent', 'delivered')")
    shown = section(world.enter().page("analytics", WHOLE), "failures")
    assert shown.numbers() == Counter(names[each] for each in failed)
    assert len(shown.rows) == 5
    assert shown.heading == "Не дошло 18, чаще всего: номер в стоп-листе (27,8 %)"
    assert shown.rows[0][2] == "27,8 %"


def test_every_link_leads_to_as_many_messages_as_its_number_says(world: AnalyticsWorld) -> None:
    shop(world)
    visit = world.enter()
    reply = visit.page("analytics", WHOLE)
    followed = 0
    for name in sections(reply):
        shown = section(reply, name)
        for of, fields in shown.links.items():
            (row,) = (row for row in shown.rows if row[0] == of)
            assert messages_found(visit, fields) == int(row[1]) or name == "texts", (name, of, fields)
            followed += 1
    assert followed > 15
    for label, fields in links(reply.text[: reply.text.index("<section")]).items():
        assert messages_found(visit, fields) == int(tiles(reply)[label].split(" ")[0]), label


@pytest.mark.parametrize(
    ("only", "where"),
    [
        ({"kind": "marketing"}, "kind = 'marketing'"),
        ({"sender": "MyShop"}, "sender_id = 'MyShop'"),
        ({"sender": "-"}, "sender_id IS NULL"),
        ({"sent_by": "scenario:visit"}, "sent_by = 'scenario:visit'"),
        ({"operator": "mts"}, "msisdn LIKE '+37533%'"),
        ({"operator": "-"}, "msisdn IS NULL"),
        ({"operator": "a1", "sender": "MyShop"}, "substr(msisdn, 5, 2) IN ('29', '44') AND sender_id = 'MyShop'"),
    ],
)
def test_the_filters_count_what_they_say(world: AnalyticsWorld, only: dict[str, str], where: str) -> None:
    shop(world)
    visit = world.enter()
    reply = visit.page("analytics", WHOLE | only)
    (counted,) = world.rows(f"SELECT count(*) FROM messages WHERE {where}")  # noqa: S608
    assert 0 < counted[0] < 46
    assert tiles(reply)["принято"] == str(counted[0])
    for name, value in only.items():
        assert re.search(
            rf'<select id="{name}".*?<option value="{value}" selected>.*?</select>', reply.text, re.DOTALL
        )
    # The journal cannot look for an operator: then there are no links that would find others too.
    assert ("operator" in only) == (links(reply.text) == {})
    assert all(messages_found(visit, fields) <= counted[0] for fields in links(reply.text).values())


@pytest.mark.parametrize(
    ("fields", "since", "until", "often"),
    [
        ({}, "2026-10-24", TODAY, "days30"),
        ({"choose": "today"}, TODAY, TODAY, "today"),
        ({"choose": "week", "since": "2026-01-01"}, "2026-11-16", TODAY, "week"),
        ({"choose": "this_month"}, "2026-11-01", TODAY, "this_month"),
        ({"choose": "last_month"}, "2026-10-01", "2026-10-31", "last_month"),
        ({"choose": "year"}, "2025-11-23", TODAY, "year"),
        ({"choose": "nonsense"}, "2026-10-24", TODAY, "days30"),
        ({"since": "2026-11-05", "until": "2026-11-07"}, "2026-11-05", "2026-11-07", None),
        ({"since": "5.11.2026"}, "2026-11-05", TODAY, None),
        ({"until": "2026-11-07"}, "2026-10-09", "2026-11-07", None),
        ({"since": "2016-11-20", "until": "2026-11-07"}, "2016-11-20", "2026-11-07", None),
    ],
)
def test_a_period_is_chosen_or_typed(
    world: AnalyticsWorld, fields: dict[str, str], since: str, until: str, often: str | None
) -> None:
    text = world.enter().page("analytics", fields).text
    assert f'name="since" type="date" value="{since}"' in text
    assert f'name="until" type="date" value="{until}"' in text
    assert re.findall(r'id="often-(\w+)"[^>]* aria-pressed="true"', text) == ([often] if often else [])


def test_the_period_that_was_chosen_is_the_one_that_is_shown_as_chosen(clock: Clock, world: AnalyticsWorld) -> None:
    """On the first of a month, that month is today as well."""
    clock.advance(9 * DAY)
    text = world.enter().page("analytics", {"choose": "this_month"}).text
    assert 'name="since" type="date" value="2026-12-01"' in text
    assert re.findall(r'id="often-(\w+)"[^>]* aria-pressed="true"', text) == ["this_month"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"since": "2026-13-01"}, "это не дата"),
        ({"since": "tomorrow", "until": "2026-11-01"}, "это не дата"),
        ({"since": "2026-11-05", "until": "2026-11-01"}, "период кончается раньше, чем начинается"),
        ({"since": "2016-11-01", "until": "2026-11-30"}, "период не может быть длиннее десяти лет"),
        ({"since": "0001-01-01"}, "период не может быть длиннее десяти лет"),
        ({"until": "9999-12-31"}, "это не дата"),
    ],
)
def test_days_that_are_none_are_said_to_be(world: AnalyticsWorld, fields: dict[str, str], said: str) -> None:
    shop(world)
    reply = world.enter().page("analytics", fields)
    assert reply.code == 200
    assert said in reply.text
    assert f'value="{next(iter(fields.values()))}"' in reply.text
    assert sections(reply) == []
    assert "не было" not in reply.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["since", "until", "kind", "sender", "sent_by", "operator", "step", "choose"]),
        st.one_of(st.text(max_size=12), st.dates().map(str), st.datetimes().map(str)),
    )
)
def test_whatever_the_form_brings_there_is_an_answer(world: AnalyticsWorld, fields: dict[str, str]) -> None:
    if not world.rows("SELECT 1 FROM messages LIMIT 1"):
        world.send()
        world.count()
    assert (
        world.enter().page("analytics", {name: value.replace("\0", "") for name, value in fields.items()}).code == 200
    )


@pytest.mark.parametrize(
    ("since", "until", "step", "points"),
    [
        ("2026-11-20", "2026-11-20", "", 24),
        ("2026-11-20", "2026-11-22", "", 72),
        ("2026-11-16", "2026-11-22", "", 7),
        ("2026-11-16", "2026-11-22", "hour", 168),
        ("2026-11-01", "2026-11-22", "hour", 22),
        ("2026-09-01", "2026-11-30", "", 91),
        ("2026-01-15", "2026-11-30", "", 11),
        ("2026-01-15", "2026-11-30", "day", 320),
        ("2024-01-15", "2026-11-30", "day", 35),
        ("2026-11-16", "2026-11-22", "month", 1),
        ("2026-11-16", "2026-11-22", "nonsense", 7),
    ],
)
def test_a_chart_has_as_many_bars_as_can_be_read(
    world: AnalyticsWorld, since: str, until: str, step: str, points: int
) -> None:
    shop(world)
    reply = world.enter().page("analytics", {"since": since, "until": until, "step": step})
    course = section(reply, "course")
    assert len(course.rows) == len(course.chart["data"]["labels"]) == points
    assert all(len(bars) == points for bars in course.bars().values())


def test_a_day_has_hours_and_no_chart_of_the_hours_of_days(world: AnalyticsWorld) -> None:
    shop(world)
    reply = world.enter().page("analytics", {"since": "2026-11-20", "until": "2026-11-20"})
    assert "hours" not in sections(reply)
    course = section(reply, "course")
    assert [row[0] for row in course.rows[:2]] == ["20.11.2026, 00:00", "20.11.2026, 01:00"]
    assert course.chart["data"]["labels"][:2] == ["00:00", "01:00"]
    assert course.links == {}
    # One day's money is one number.
    assert section(reply, "costs").chart is None


def test_months_lead_to_the_journal_as_far_as_they_were_asked_for(world: AnalyticsWorld) -> None:
    shop(world)
    fields = {"since": "2025-02-10", "until": TODAY, "step": "month"}
    found = section(world.enter().page("analytics", fields), "course").links
    assert found == {"ноябрь 2026": {"since": "2026-11-01", "until": TODAY}}
    world.send(datetime(2026, 2, 11, tzinfo=MINSK).timestamp())
    world.count()
    found = section(world.enter().page("analytics", fields | {"since": "2026-02-10"}), "course").links
    assert found["февраль 2026"] == {"since": "2026-02-10", "until": "2026-02-28"}


def test_every_chart_says_its_gist_and_has_a_table_behind_it(world: AnalyticsWorld) -> None:
    shop(world)
    reply = world.enter().page("analytics", WHOLE)
    assert sections(reply) == [
        "course",
        "costs",
        "hours",
        "times",
        "failures",
        "sent_by",
        "operators",
        "texts",
        "senders",
        "kinds",
    ]
    for name in sections(reply):
        shown = section(reply, name)
        assert shown.rows
        if shown.chart is not None:
            assert shown.label
            assert shown.heading in shown.label or name == "course"
    assert reply.text.count("<details") == len(sections(reply)) + 1
    assert reply.text.count('scope="row"') == sum(len(section(reply, name).rows) for name in sections(reply))
    assert reply.text.count("<caption") == len(sections(reply))
    gist = section(reply, "course").label
    assert gist == "Доставлено 24, не дошло 18, в пути 4. Больше всего сообщений, 14: 20 нояб."


def test_bars_are_as_long_as_the_tables_numbers(world: AnalyticsWorld) -> None:
    shop(world)
    reply = world.enter().page("analytics", WHOLE)
    for name in ("course", "hours", "sent_by", "operators", "senders", "kinds"):
        shown = section(reply, name)
        bars = shown.bars()
        assert list(bars) == ["доставлено", "не дошло", "в пути"]
        for label, column in (("доставлено", 2), ("не дошло", 4), ("в пути", 5)):
            assert bars[label] == [int(row[column]) for row in shown.rows], (name, label)


def test_a_chart_of_many_names_has_the_rest_together(world: AnalyticsWorld) -> None:
    for number in range(14):
        for _ in range(1 + (number < 3)):
            world.send(START, origin={"scenario": f"s{number:02}"})
    world.count()
    shown = section(world.enter().page("analytics", WHOLE), "sent_by")
    assert len(shown.rows) == 14
    labels = [" ".join(lines) for lines in shown.chart["data"]["labels"]]
    assert labels[:1] + labels[-1:] == ["сценарий: s00", "остальные"]
    assert shown.bars() == {"доставлено": [2, 2, 2, 1, 1, 1, 1, 1, 1, 5]}
    assert shown.heading == "Кто отправляет: больше всего — сценарий: s00, 11,8 %"


def test_times_to_delivery_are_told_in_bands_and_by_name(world: AnalyticsWorld) -> None:
    for took in [3.0] * 12 + [30.0] * 5 + [400.0, 7200.0, 100_000.0]:
        world.send(START, took=took)
    world.count()
    reply = world.enter().page("analytics", WHOLE)
    shown = section(reply, "times")
    assert [(row[0], row[1], row[3]) for row in shown.rows] == [
        ("до 10 с", "12", "60 %"),
        ("10 с – 1 мин", "5", "85 %"),
        ("1 мин – 10 мин", "1", "90 %"),
        ("10 мин – 1 ч", "0", "90 %"),
        ("1 ч – 1 дн.", "1", "95 %"),
        ("дольше 1 дн.", "1", "100 %"),
    ]
    assert shown.bars() == {"доставлено": [12, 5, 1, 0, 1, 1]}
    median, percentile = tiles(reply)["половина доставлена за"], tiles(reply)["95 % доставлены за"]
    assert shown.heading == f"Половина доставлена за {median}, 95 % за {percentile}"
    assert section(reply, "operators").rows[0][-2:] == [median, percentile]


def test_texts_that_are_nearly_shorter_are_counted_with_what_they_cost(world: AnalyticsWorld) -> None:
    for _ in range(3):
        world.send(text=LONG, origin={"scenario": "visit"})
    world.send(text="я" * 100, origin={"scenario": "visit"})
    for _ in range(4):
        world.send(text=SHORT)
    world.send(text="Order is ready")
    world.count()
    reply = world.enter().page("analytics", WHOLE)
    shown = section(reply, "texts")
    assert shown.heading == "37,5 % кириллических SMS могли бы быть на сегмент короче"
    assert "В 3 из 8 SMS достаточно убрать до 10 знаков: стало бы на 3 сегмента меньше. Это около 0,14" in reply.text
    assert shown.rows == [
        ["сценарий: visit", "4", "3", "75 %", "0,14 BYN"],
        ["другое", "4", "0", "0 %", "0,00 BYN"],
    ]


def test_where_a1_names_no_price_segments_are_shown(world: AnalyticsWorld) -> None:
    world.send(START - DAY, price=None, text=LONG)
    world.send(START, price=None)
    world.count()
    reply = world.enter().page("analytics", WHOLE)
    assert "стоимость" not in tiles(reply)
    shown = section(reply, "costs")
    assert shown.heading == "3 сегмента"
    assert "Цену этих сообщений A1 не назвал" in reply.text
    assert shown.head == ["Время", "сегментов"]
    assert shown.bars() == {"номер A1": [0] * 20 + [2, 1] + [0] * 8}
    assert section(reply, "texts").rows == [["другое", "2", "1", "50 %", "—"]]


def test_money_is_shown_by_day_and_sender(world: AnalyticsWorld) -> None:
    world.send(START - DAY, text=LONG, sender_id="MyShop")
    world.send(START - DAY, sender_id="Promo")
    world.send(START, price=None, sender_id="MyShop")
    world.count()
    reply = world.enter().page("analytics", {"since": "2026-11-21", "until": TODAY})
    shown = section(reply, "costs")
    assert shown.heading == "0,14 BYN за 4 сегмента"
    assert "Цену A1 назвал для 66,7\N{NO-BREAK SPACE}% сообщений." in reply.text
    assert shown.head[3:] == [
        "MyShop: сегментов",
        "MyShop: стоимость",
        "Promo: сегментов",
        "Promo: стоимость",
    ]
    assert shown.rows == [
        ["21.11.2026, сб", "3", "0,14 BYN", "2", "0,09 BYN", "1", "0,05 BYN"],
        ["22.11.2026, вс", "1", "0,00 BYN", "1", "0,00 BYN", "0", "0,00 BYN"],
    ]
    assert shown.bars() == {"MyShop": [0.09, 0.0], "Promo": [0.045, 0.0]}


def test_of_no_messages_nothing_is_shown_but_that(world: AnalyticsWorld) -> None:
    visit = world.enter()
    reply = visit.page("analytics")
    assert "За это время сообщений не было." in reply.text
    assert (sections(reply), tiles(reply)) == ([], {})
    world.send()
    world.count()
    narrowed = visit.page("analytics", {"sent_by": "scenario:visit"})
    assert "За это время таких сообщений не было." in narrowed.text
    assert sections(visit.page("analytics", {"sent_by": "other"})) != []


def test_nothing_delivered_and_nothing_failed_are_no_faults(world: AnalyticsWorld) -> None:
    world.send(outcome=None)
    world.count()
    reply = world.enter().page("analytics", WHOLE)
    assert section(reply, "course").heading == "Доставлено 0 % из 1 сообщения"
    assert not {"times", "failures"} & set(sections(reply))
    assert section(reply, "kinds").heading == "Виды: только сервисные"


def test_it_is_said_how_far_the_counting_has_come(world: AnalyticsWorld) -> None:
    world.send(START - HOUR)
    world.count()
    visit = world.enter()
    assert "Данные на 22.11.2026 03:00" in visit.page("analytics").text
    world.send(START - 30, outcome=None)
    only_just = visit.page("analytics").text
    assert "Данные на 22.11.2026 02:59" in only_just
    assert "ещё считает" not in only_just
    world.clock.advance(HOUR / 2)
    assert "Шлюз ещё считает: того, что было после 22.11.2026 02:59:30" in visit.page("analytics").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_every_language(world: AnalyticsWorld, language: str) -> None:
    shop(world)
    visit = world.enter(MANAGER)
    reply = visit.page("analytics", WHOLE, speak=language)
    wanted = {
        "ru": ("Аналитика", "Доставлено 52,2 % из 46 сообщений", "нояб"),
        "be": ("Аналітыка", "Дастаўлена 52,2 % з 46 паведамленняў", "ліс"),
        "en": ("Analytics", "52.2% of 46 messages delivered", "Nov"),
    }
    title, heading, month = wanted[language]
    assert f"<h1>{title}</h1>" in reply.text
    course = section(reply, "course")
    assert course.heading == heading
    assert month in course.chart["data"]["labels"][0]
    assert len(sections(reply)) == 10


def test_what_people_have_written_is_text(world: AnalyticsWorld) -> None:
    world.send(START - DAY, origin={"code": SCRIPT}, sender_id=SCRIPT)
    world.send(START, origin={"scenario": "it's <b>"}, sender_id="a'b\"<i>")
    world.count()
    reply = world.enter().page("analytics", WHOLE, sent_by="", operator=SCRIPT)
    assert SCRIPT not in reply.text
    reply = world.enter().page("analytics", WHOLE)
    assert SCRIPT not in reply.text
    assert "<i>" not in reply.text
    assert set(section(reply, "senders").numbers()) == {SCRIPT, "a'b\"<i>"}
    assert section(reply, "costs").bars().keys() == {SCRIPT, "a'b\"<i>"}


# As a file


def table(reply: Reply, delimiter: str = ";") -> list[list[str]]:
    assert reply.code == 200, reply.text
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(reply.content.decode("utf-8-sig")), delimiter=delimiter))


def test_a_table_can_be_kept_as_a_file(world: AnalyticsWorld) -> None:
    shop(world)
    visit = world.enter(MANAGER)
    reply = visit.page("analytics-table", WHOLE, table="operators")
    assert reply.headers["Content-Disposition"] == ('attachment; filename="sms-operators-2026-11-01-2026-11-30.csv"')
    kept = table(reply)
    assert kept[0][:4] == ["Оператор", "принято", "доставлено", "доля доставленных, %"]
    assert kept[0][6:] == ["сегментов", "стоимость, BYN", "половина за, с", "95 % за, с"]
    shown = section(visit.page("analytics", WHOLE), "operators")
    assert [(row[0], row[1]) for row in kept[1:]] == [(row[0], row[1]) for row in shown.rows]
    assert re.fullmatch(r"\d+,\d", kept[1][3])
    assert all(
        len(table(visit.page("analytics-table", WHOLE, table=name))) > 1
        for name in sections(visit.page("analytics", WHOLE))
    )


def test_days_are_written_as_the_readers_spreadsheet_reads_them(world: AnalyticsWorld) -> None:
    shop(world)
    visit = world.enter()
    names = {"course": WHOLE, "costs": {"since": "2026-01-01", "until": TODAY}}
    russian = {name: table(visit.page("analytics-table", fields, table=name))[1][0] for name, fields in names.items()}
    assert russian == {"course": "01.11.2026", "costs": "01.2026"}
    visit.page("analytics", speak="en")
    english = {
        name: table(visit.page("analytics-table", fields, table=name), ",")[1][0] for name, fields in names.items()
    }
    assert english == {"course": "2026-11-01", "costs": "2026-01"}
    hours = table(visit.page("analytics-table", {"since": TODAY, "until": TODAY}, table="course"), ",")
    assert hours[2][0] == "2026-11-22 01:00"


def test_a_spreadsheet_computes_nothing_of_it(world: AnalyticsWorld) -> None:
    world.send(sender_id="=1+1", origin={"scenario": "x"})
    world.count()
    assert table(world.enter().page("analytics-table", WHOLE, table="senders"))[1][0] == "'=1+1"


def test_a_table_that_there_is_not_is_no_file(world: AnalyticsWorld) -> None:
    visit = world.enter(ADMIN)
    assert visit.page("analytics-table", WHOLE, table="course").code == 400
    shop(world)
    assert visit.page("analytics-table", WHOLE, table="nonsense").code == 400
    assert visit.page("analytics-table", {"since": "nonsense"}, table="course").code == 400
