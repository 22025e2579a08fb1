"""The page of the set-up: what it says of each finding, that it is live, and the test SMS that is followed on it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.admission import Admission
from a1gateway.bitrix24.trouble import _OPERATOR
from a1gateway.carriers.a1answers import Cost
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Refused, Trouble
from a1gateway.checklist.findings import Check, Finding, State
from a1gateway.checklist.lines import OF_THE_PAGE
from a1gateway.journal import Journal, Store
from a1gateway.journal.overdue import MOST_COUNTED, Overdue
from a1gateway.message import Source, Status, StatusReport
from a1gateway.pages.setup_page import SetupPages
from a1gateway.pages.trial import TrialPages
from a1gateway.pages.views import Page
from a1gateway.words.catalogue import catalogue

from ..conftest import START, run
from .world import ADMIN, MANAGER, Reply, Visit, World

SCRIPT = "<script>alert('x')</script>"
FACTS = {
    "portal": "shop.bitrix24.by",
    "code": "INVALID_GRANT",
    "installed_at": START,
    "refreshed_at": START,
    "missing": ["crm", "placement"],
    "granted": ["messageservice"],
    "name": "MyShop",
    "field": "UF_CRM_SMS",
    "kind": "file",
    "since": START,
    "amount": Decimal("12.50"),
    "below": Decimal(20),
    "until": START,
    "days": 13,
    "asked_at": START,
    "names": ["MyShop"],
    "setting": "a1.sender_id",
    "approved": ["Other"],
    "alike": "MYSHOP",
    "address": "https://sms.example.by/a1/callback/",
    "id_field": "message_id",
    "status_field": "status",
    "at": START,
    "looked_at": START,
    "answered_at": None,
    "every": 60.0,
    "free": 4_200_000_000,
    "count": 3,
    "queues": [Overdue("submit", MOST_COUNTED, START), Overdue("portal", 2, START)],
}
# Those that have their words elsewhere `a1gateway doctor` alone finds.
OF_THE_DAEMON = [each for each in Finding if f"finding.{each.word}" in catalogue("setup", "ru")]
GOOD = [Finding.TOKENS_WORK, Finding.A1_ANSWERS, Finding.STORE_WORKS]


class FakeChecklist:
    """Finds what it is told."""

    def __init__(self) -> None:
        self.found: Sequence[Check] = [Check(each, FACTS) for each in GOOD]

    async def checks(self) -> list[Check]:
        return list(self.found)


class FakePrices:
    """A1, asked for the price of one SMS."""

    def __init__(self) -> None:
        self.answer: Cost | Exception = Cost(Decimal("0.045"), 1)
        self.asked: list[tuple[str, list[str], str | None]] = []

    async def cost(self, text: str, numbers: list[str], sender_id: str | None) -> Cost:
        self.asked.append((text, numbers, sender_id))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Bench:
    """The page with a checklist and prices that are told what to say."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, folder: Path, *, priced: bool = True) -> None:
        self.checklist = FakeChecklist()
        self.prices = FakePrices()

        def pages(world: World) -> list[Page]:
            prices = self.prices if priced else None
            trial = TrialPages(clock, world.reader, world.sender, prices, world.users)
            return SetupPages(self.checklist, trial).pages()

        self.world = World(clock, journal, store, folder, admission=Admission(3, "MyShop"), more=pages)
        self.journal = journal


@pytest.fixture
def bench(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Bench:
    return Bench(clock, journal, store, tmp_path)


@pytest.fixture
def over_smpp(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Bench:
    return Bench(clock, journal, store, tmp_path, priced=False)


def values(reply: Reply, name: str) -> dict[str, str]:
    """What the piece asks again with that asks for `name`."""
    found = re.search(rf"hx-post=\"/bitrix24/pages/{name}\".*?hx-vals='([^']*)'", reply.text)
    assert found is not None, reply.text
    sent: dict[str, str] = json.loads(html.unescape(found[1]))
    return sent


def hidden(reply: Reply, name: str) -> str:
    """A hidden field of the form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', reply.text)
    assert found is not None, reply.text
    return html.unescape(found[1])


# The checklist


@pytest.mark.parametrize("page", ["setup", "setup-checks", "trial", "trial-ask", "trial-send", "trial-way"])
def test_managers_see_none_of_it(bench: Bench, page: str) -> None:
    assert bench.world.enter(MANAGER).page(page).code == 403


@pytest.mark.parametrize("language", ["ru", "be", "en"])
def test_every_finding_can_be_shown_in_every_language(bench: Bench, language: str) -> None:
    visit = bench.world.enter()
    for finding in OF_THE_DAEMON:
        bench.checklist.found = [Check(finding, FACTS, "what the log says")]
        text = visit.page("setup", speak=language).text
        assert f'<li class="is-{finding.state}">' in text, finding
        assert "what the log says" in text, finding
        to_do = re.search("what to do|что сделать|што зрабіць", text.lower())
        assert (to_do is not None) is (finding.state is State.BAD), finding
        assert "{" not in re.sub(r"hx-\w+='[^']*'", "", text), finding


@pytest.mark.parametrize("code", sorted(_OPERATOR))
def test_each_code_of_a_portal_that_shuts_us_out_has_its_advice(bench: Bench, code: str) -> None:
    bench.checklist.found = [Check(Finding.PORTAL_SHUTS_OUT, FACTS | {"code": code})]
    text = bench.world.enter().page("setup", speak="en").text
    assert code in text
    assert "What to do:" in text


def test_facts_are_written_as_people_read_them(bench: Bench) -> None:
    bench.checklist.found = [
        Check(Finding.PERMISSIONS_MISSING, FACTS),
        Check(Finding.BALANCE_LEFT, FACTS),
        Check(Finding.POLLING_WORKS, FACTS),
        Check(Finding.SPACE_LOW, FACTS),
        Check(Finding.QUEUES_STAND, FACTS),
    ]
    text = html.unescape(bench.world.enter().page("setup").text)
    assert "CRM (crm), Встраивание приложений (placement)" in text
    assert "12,50 BYN, как сказал A1 22.11.2026 03:00" in text
    assert "каждые 1 мин, последний раз 22.11.2026 03:00. Ответ A1 на вопрос о статусах: ещё не было" in text
    assert "Свободно только 4,2 ГБ" in text
    assert "к отправке: 1\N{NO-BREAK SPACE}000+ (с 22.11.2026 03:00); статусы для Битрикс24: 2 (с" in text


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (GOOD, "Everything is in place"),
        ([*GOOD[:2], Finding.STORE_AWAY], "1 item has to be put right"),
        ([Finding.NO_KEYS, Finding.A1_REFUSES, Finding.CALLBACK_AWAITED], "2 items have to be put right"),
        ([*GOOD[:2], Finding.SPACE_UNKNOWN], "not everything is known yet: 1"),
    ],
)
def test_the_first_line_says_how_much_is_to_be_put_right(bench: Bench, found: list[Finding], said: str) -> None:
    bench.checklist.found = [Check(each, FACTS) for each in found]
    assert said in bench.world.enter().page("setup", speak="en").text


def test_the_list_says_nothing_new_until_something_has_changed(bench: Bench) -> None:
    visit = bench.world.enter()
    bench.checklist.found = [Check(Finding.A1_REFUSES, FACTS)]
    asks = values(visit.page("setup"), "setup-checks")
    assert visit.page("setup-checks", asks).code == 204
    bench.checklist.found = [Check(Finding.A1_ANSWERS, FACTS)]
    news = visit.page("setup-checks", asks)
    assert news.code == 200
    assert 'class="is-good"' in news.text
    assert "data-live" in news.text
    assert visit.page("setup-checks", values(news, "setup-checks")).code == 204
    assert visit.page("setup-checks", values(news, "setup-checks"), speak="en").code == 200


def test_script_in_what_others_say_is_text(bench: Bench) -> None:
    bench.checklist.found = [
        Check(Finding.SENDER_REFUSED, FACTS | {"name": SCRIPT}, f"ERROR: {SCRIPT}"),
        Check(Finding.SENDER_ID_REFUSED, FACTS | {"approved": [SCRIPT]}),
    ]
    text = bench.world.enter().page("setup", number=SCRIPT, text=SCRIPT).text
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") == 5


def test_no_secret_and_no_whole_token_is_on_the_page(bench: Bench) -> None:
    bench.checklist.found = [Check(Finding.CALLBACK_NEVER, FACTS), Check(Finding.TOKENS_WORK, FACTS)]
    text = bench.world.enter().page("setup").text
    assert ADMIN not in text
    assert "https://sms.example.by/a1/callback/КЛЮЧ" in text


def test_every_subject_of_the_checklist_has_its_place(bench: Bench) -> None:
    found = {each.subject: each for each in OF_THE_DAEMON}
    bench.checklist.found = [Check(each, FACTS) for each in found.values()]
    text = bench.world.enter().page("setup").text
    assert len(re.findall(r'<li class="is-(?:good|bad|wait|off)">', text)) == len(OF_THE_PAGE)


# The test SMS

NUMBER = "8 029 111-22-33"


def ask(visit: Visit, number: str = NUMBER, text: str = "Проверка") -> Reply:
    reply = visit.page("trial-ask", number=number, text=text)
    assert reply.code == 200, reply.text
    return reply


def send(visit: Visit, asked: Reply) -> Reply:
    fields = {name: hidden(asked, name) for name in ("number", "text", "once")}
    reply = visit.page("trial-send", fields)
    assert reply.code == 200, reply.text
    return reply


def goes_to_a1(bench: Bench, a1_id: str = "7001", refused: Refused | None = None) -> None:
    for each in run(bench.journal.claim(START + 1, 10)).submissions:
        run(bench.journal.record([(each, refused or Accepted(a1_id), START + 60)], START + 1.5))


def ends(bench: Bench, status: Status, at: float = START + 4, a1_id: str = "7001") -> None:
    run(bench.journal.settle([StatusReport(a1_id, str(status).upper(), status, Source.CALLBACK, at)]))


def test_the_form_knows_the_visitors_number_where_the_portal_tells_it(bench: Bench) -> None:
    visit = bench.world.enter()
    assert 'name="number" type="tel" value=""' in visit.page("setup").text
    bench.world.portal.phones[ADMIN] = "+375 29 700-70-07"
    assert 'name="number" type="tel" value="+375297007007"' in visit.page("setup").text
    bench.world.portal.phones[ADMIN] = "+375 17 200-11-22"
    assert 'name="number" type="tel" value=""' in visit.page("setup").text


def test_a_portal_that_takes_long_to_tell_the_number_holds_up_nothing(
    bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(access_token: str) -> str:
        clock.callLater(0, clock.advance, 2.0)
        return await Deferred()

    visit = bench.world.enter()
    monkeypatch.setattr(bench.world.users, "phone", never)
    assert 'name="number" type="tel" value=""' in visit.page("setup").text


def test_the_price_is_said_before_anything_is_sent(bench: Bench) -> None:
    text = html.unescape(ask(bench.world.enter()).text)
    assert "Стоимость: 0,045 BYN, 1 сегмент." in text
    assert "+375 29 111-22-33" in text
    assert "MyShop" in text
    assert bench.prices.asked == [("Проверка", ["+375291112233"], "MyShop")]
    assert run(bench.journal.depths())["submit"].count == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused"), "A1 cannot be reached: refused"),
        (Cost(Decimal(0), 0, {"stop_list": 1}), "стоп-лист"),
    ],
)
def test_a_price_that_is_not_known_says_why_and_stops_nobody(bench: Bench, answer: Cost, said: str) -> None:
    bench.prices.answer = answer
    text = ask(bench.world.enter()).text
    assert "Стоимость неизвестна" in text
    assert said in text.lower() or said in text
    assert 'name="once"' in text


def test_over_smpp_no_price_is_known(over_smpp: Bench) -> None:
    assert "по SMPP A1 цену не сообщает" in ask(over_smpp.world.enter()).text


@pytest.mark.parametrize(
    ("number", "text", "said"),
    [
        ("+7 495 123-45-67", "Проверка", "номер не белорусский"),
        ("29 11", "Проверка", "Отправить нельзя"),
        ("", "Проверка", "Отправить нельзя"),
        (NUMBER, "", "Отправить нельзя"),
        (NUMBER, "Я" * 300, "Отправить нельзя"),
        (NUMBER, "#DEAL_TITLE#", "Отправить нельзя"),
        (SCRIPT, SCRIPT, "Отправить нельзя"),
    ],
)
def test_what_cannot_be_sent_says_why_and_nothing_typed_is_lost(
    bench: Bench, number: str, text: str, said: str
) -> None:
    reply = ask(bench.world.enter(), number, text)
    assert said in reply.text
    assert 'role="alert"' in reply.text
    assert f'value="{html.escape(number)}"'.replace("&#x27;", "&#39;") in reply.text
    assert html.escape(text).replace("&#x27;", "&#39;") in reply.text
    assert "<script>" not in reply.text
    assert bench.prices.asked == []


def test_an_sms_is_followed_to_its_delivery(bench: Bench, clock: Clock) -> None:
    visit = bench.world.enter()
    way = send(visit, ask(visit))
    assert way.text.count("is-good") == 1
    assert way.text.count("ждём") == 2
    assert visit.page("trial-way", values(way, "trial-way")).code == 204
    goes_to_a1(bench)
    way = visit.page("trial-way", values(way, "trial-way"))
    assert way.text.count('<li class="is-good">') == 2
    assert "через 1,5 с" in way.text
    ends(bench, Status.DELIVERED)
    done = visit.page("trial-way", values(way, "trial-way"))
    assert done.text.count('<li class="is-good">') == 3
    assert "Доставлено за 4 с" in done.text
    assert "data-live" not in done.text
    assert re.search(r'hx-post="/bitrix24/pages/message"', done.text)


def test_it_goes_out_once_however_often_the_button_is_pressed(bench: Bench) -> None:
    visit = bench.world.enter()
    asked = ask(visit)
    first, second = send(visit, asked), send(visit, asked)
    assert values(first, "trial-way")["trial"] == values(second, "trial-way")["trial"]
    assert run(bench.journal.depths())["submit"].count == 1


def test_it_says_in_the_journal_who_sent_it_for_what(bench: Bench) -> None:
    visit = bench.world.enter()
    name = values(send(visit, ask(visit)), "trial-way")["trial"]
    message = run(bench.journal.message(name))
    assert message is not None
    assert message["origin"] == {"page": "test", "user": 1}
    assert (message["teller"], message["sent_by"], message["kind"]) == ("nobody", "page", "transactional")


def test_one_that_a1_refuses_says_why_and_what_to_do(bench: Bench) -> None:
    visit = bench.world.enter()
    way = send(visit, ask(visit))
    goes_to_a1(bench, refused=Refused("sender_not_approved", "104", "no such sender"))
    done = visit.page("trial-way", values(way, "trial-way"))
    assert '<li class="is-bad">' in done.text
    assert "notice is-bad" in done.text
    assert "Что сделать:" in done.text
    assert "ждём" not in done.text


def test_one_that_is_not_delivered_says_so(bench: Bench) -> None:
    visit = bench.world.enter()
    way = send(visit, ask(visit))
    goes_to_a1(bench)
    ends(bench, Status.UNDELIVERABLE)
    done = visit.page("trial-way", values(way, "trial-way"))
    assert "Не доставлено" in done.text
    assert "notice is-bad" in done.text


def test_one_that_is_delivered_before_a1_has_said_that_it_has_it(bench: Bench) -> None:
    visit = bench.world.enter()
    way = send(visit, ask(visit))
    name = values(way, "trial-way")["trial"]
    message = run(bench.journal.message(name))
    assert message is not None
    run(bench.journal.claim(START + 1, 10))
    report = StatusReport(message["custom_id"], "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 3)
    run(bench.journal.settle([report]))
    done = visit.page("trial-way", values(way, "trial-way"))
    assert done.text.count('<li class="is-good">') == 3


def test_one_that_waits_outside_the_journal_is_followed_all_the_same(bench: Bench) -> None:
    visit = bench.world.enter()
    reply = visit.page("trial-way", trial="test:" + "x" * 32)
    assert reply.code == 200
    assert "ждёт журнала" in reply.text
    assert values(reply, "trial-way") == {"trial": "test:" + "x" * 32, "step": "0"}


@pytest.mark.parametrize("name", ["", "m1", "resend:" + "x" * 32, "test:short", f"test:{SCRIPT}", "test:" + "x" * 65])
def test_nothing_but_a_test_sms_is_followed_here(bench: Bench, name: str) -> None:
    assert bench.world.enter().page("trial-way", trial=name).code == 400


@pytest.mark.parametrize("once", ["", "short", f"{SCRIPT}xxxxxxxxxxxxxxxxxxx"])
def test_a_sending_without_its_token_is_refused(bench: Bench, once: str) -> None:
    reply = bench.world.enter().page("trial-send", number=NUMBER, text="Проверка", once=once)
    assert reply.code == 400
    assert run(bench.journal.depths())["submit"].count == 0


def test_a_change_of_language_keeps_what_was_typed_and_what_is_followed(bench: Bench) -> None:
    visit = bench.world.enter()
    page = visit.page("setup", {"speak": "en", "shell": "1", "number": "+375 29 1", "text": "Half a text"}).text
    assert 'value="+375 29 1"' in page
    assert "Half a text" in page
    name = values(send(visit, ask(visit)), "trial-way")["trial"]
    assert f'name="trial" value="{name}"' in visit.page("setup", trial=name).text
    assert "Принято шлюзом" in visit.page("setup", trial=name, speak="ru").text


@pytest.mark.parametrize("language", ["ru", "be", "en"])
@pytest.mark.parametrize("status", [Status.DELIVERED, Status.UNDELIVERABLE, Status.EXPIRED, Status.REJECTED])
def test_every_end_is_told_in_every_language(bench: Bench, language: str, status: Status) -> None:
    visit = bench.world.enter()
    visit.page("setup", speak=language)
    way = send(visit, ask(visit))
    goes_to_a1(bench)
    ends(bench, status)
    done = visit.page("trial-way", values(way, "trial-way")).text
    assert ("notice is-good" in done) is (status is Status.DELIVERED)
    assert "{" not in re.sub(r"hx-\w+='[^']*'", "", done)
