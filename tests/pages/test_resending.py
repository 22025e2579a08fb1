"""Sending a message again from its page: asked first, priced, once, and never what cannot be sent."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from a1gateway.admission import Admission
from a1gateway.carriers.a1answers import Cost
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Trouble
from a1gateway.journal import Journal, Store
from a1gateway.message import Kind, Source, Status, StatusReport

from ..conftest import START, arrival, run
from .world import ADMIN, MANAGER, Visit, World


class Prices:
    """A1, telling what SMS cost."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str], str | None]] = []
        self.answer: Cost | Exception = Cost(Decimal("0.09"), 1)

    async def cost(self, text: str, numbers: list[str], sender_id: str | None) -> Cost:
        self.asked.append((text, numbers, sender_id))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def prices() -> Prices:
    return Prices()


@pytest.fixture
def world(clock: Clock, journal: Journal, store: Store, tmp_path: Path, prices: Prices) -> World:
    return World(clock, journal, store, tmp_path, prices=prices)


def ended(world: World, status: Status = Status.UNDELIVERABLE, **more: object) -> None:
    """The message `m1`, which has come to its end."""
    run(world.journal.accept(arrival("m1", **{"sender_id": "MyShop", **more})))
    for each in run(world.journal.claim(START + 1, 1)).submissions:
        run(world.journal.record([(each, Accepted("7001"), START + 60)], START + 1))
    run(world.journal.settle([StatusReport("7001", "4", status, Source.CALLBACK, START + 5)]))


def once(text: str) -> str:
    found = re.search(r'name="once" value="([^"]+)"', text)
    assert found is not None, text
    return found[1]


def ask(visit: Visit) -> str:
    reply = visit.page("resend-ask", id="m1")
    assert reply.code == 200, reply.text
    return html.unescape(reply.text)


def sent(world: World) -> list[str]:
    """The messages that wait to leave."""
    return [each.message_id for each in run(world.journal.claim(START + 1e6, 10)).submissions]


def test_it_asks_first_and_says_what_it_costs(world: World, prices: Prices) -> None:
    ended(world)
    dialog = ask(world.enter(LANG="en"))
    assert "It costs 0.09 BYN for 1 segment." in dialog
    assert prices.asked == [("Заказ готов", ["+375291112233"], "MyShop")]
    assert sent(world) == []


def test_it_says_and_prices_the_name_that_it_would_go_out_under(world: World, prices: Prices) -> None:
    """Also where the first had none: it was sent before there was one."""
    ended(world, sender_id=None)
    assert "MyShop" in ask(world.enter())
    assert prices.asked == [("Заказ готов", ["+375291112233"], "MyShop")]


def test_it_goes_out_as_a_message_of_its_own_that_bitrix24_is_not_told_of(world: World) -> None:
    origin = {"module_id": "crm", "bindings": {"0": {"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}}}
    ended(world, origin=origin)
    visit = world.enter()
    reply = visit.page("resend", id="m1", once=once(ask(visit)))
    assert reply.code == 200
    assert reply.headers["Hx-Trigger"] == "close-dialog"
    (name,) = sent(world)
    again = run(world.journal.message(name))
    assert again is not None
    assert (again["msisdn"], again["text"], again["sender_id"]) == ("+375291112233", "Заказ готов", "MyShop")
    assert again["origin"] == {"page": "resend", "of": "m1", "bindings": origin["bindings"], "user": 1}
    assert (again["sent_by"], again["teller"]) == ("page", "nobody")
    # The deal's card shows it, and each of the two leads to the other.
    assert name in html.unescape(visit.page("message", id="m1").text)
    assert '"id": "m1"' in html.unescape(visit.page("message", id=name).text)


def test_two_presses_of_the_button_are_one_sms(world: World) -> None:
    ended(world)
    visit = world.enter()
    token = once(ask(visit))
    for _ in range(2):
        assert visit.page("resend", id="m1", once=token).code == 200
    assert len(sent(world)) == 1


def test_without_having_been_asked_nothing_is_sent(world: World) -> None:
    ended(world)
    for token in ("", "x", "a" * 65, "../../etc/passwd_1234"):
        assert world.enter().page("resend", id="m1", once=token).code == 400
    assert sent(world) == []


def test_a_manager_can_neither_ask_nor_send(world: World) -> None:
    ended(world)
    manager = world.enter(MANAGER)
    assert "resend-ask" not in manager.page("message", id="m1").text
    assert "resend-ask" in world.enter(ADMIN).page("message", id="m1").text
    token = once(ask(world.enter(ADMIN)))
    assert manager.page("resend-ask", id="m1").code == 403
    assert manager.page("resend", id="m1", once=token).code == 403
    assert sent(world) == []


def test_whoever_sends_again_from_a_card_or_a_search_goes_on_there(world: World) -> None:
    ended(world)
    visit = world.enter()
    place = {"entity_type": "2", "item": "4182"}
    dialog = visit.page("resend-ask", place, id="m1").text
    for name, value in place.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in dialog
    shown = html.unescape(visit.page("resend", {**place, "status": "failed"}, id="m1", once=once(dialog)).text)
    assert '"entity_type": "2"' in shown
    assert '<input type="hidden" name="status" value="failed">' in shown


def test_what_is_still_under_way_is_not_sent_again(world: World) -> None:
    run(world.journal.accept(arrival("m1")))
    visit = world.enter()
    assert "ещё в пути" in ask(visit)
    assert visit.page("resend", id="m1", once="a" * 32).code == 400
    assert sent(world) == ["m1"]


@pytest.mark.parametrize(
    ("status", "warning"),
    [
        (Status.DELIVERED, "уже доставлено"),
        (Status.EXPIRED, "неизвестно: человек может получить"),
        (Status.UNDELIVERABLE, None),
    ],
)
def test_whoever_may_get_it_twice_is_warned_of(world: World, status: Status, warning: str | None) -> None:
    ended(world, status)
    dialog = ask(world.enter())
    assert ('class="notice"' in dialog) is (warning is not None)
    assert warning is None or warning in dialog


def test_a_number_that_is_none_is_not_offered(world: World, prices: Prices) -> None:
    run(world.journal.accept(arrival("m1", number_received="12", msisdn=None, refusal="too_short")))
    dialog = ask(world.enter())
    assert "Отправить нельзя" in dialog
    assert "<form" not in dialog
    assert prices.asked == []


def test_a_text_with_a_field_left_in_it_is_not_offered(world: World) -> None:
    run(world.journal.accept(arrival("m1", text="Здравствуйте, #CONTACT_NAME#!", refusal="unfilled_field")))
    assert "<form" not in ask(world.enter())


def test_marketing_has_its_consent_asked_for_anew(world: World) -> None:
    run(world.journal.accept(arrival("m1", kind=Kind.MARKETING, refusal="no_consent")))
    visit = world.enter()
    dialog = ask(visit)
    assert "согласие будет проверено заново" in dialog
    visit.page("resend", id="m1", once=once(dialog))
    (waiting,), _ = run(world.journal.unasked(START + 1e6, 10))
    assert waiting.message_id.startswith("resend:")


@pytest.mark.parametrize(
    "answer",
    [
        LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached"),
        Cost(Decimal(0), 0, {"stop_list": 1}),
    ],
)
def test_a_price_that_is_not_known_is_said_to_be(world: World, prices: Prices, answer: Cost | Exception) -> None:
    ended(world)
    prices.answer = answer
    dialog = ask(world.enter(LANG="en"))
    assert "not known" in dialog


def test_over_smpp_there_is_no_price(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> None:
    world = World(clock, journal, store, tmp_path)
    ended(world)
    assert "A1 tells no prices over SMPP" in ask(world.enter(LANG="en"))


def test_it_is_refused_by_the_same_rules_as_any_other(
    clock: Clock, journal: Journal, store: Store, tmp_path: Path
) -> None:
    world = World(clock, journal, store, tmp_path, admission=Admission(1, "MyShop"))
    run(journal.accept(arrival("m1", text="Д" * 100, refusal="too_long")))
    assert "<form" not in ask(world.enter())


def test_the_dialog_of_a_stranger_text_is_text(world: World) -> None:
    ended(world, text="<img src=x onerror=alert(1)>")
    reply = world.enter().page("resend-ask", id="m1")
    assert "<img" not in reply.text


def test_what_the_button_sends_is_json(world: World) -> None:
    ended(world)
    page = world.enter().page("message", id="m1").text
    for values in re.findall(r"hx-vals='([^']*)'", page):
        json.loads(html.unescape(values))
