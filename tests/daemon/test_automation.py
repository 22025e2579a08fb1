"""Automation with real processes: the gateway's rules run by the portal, its scenarios, its reminders."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from a1gateway.hours import MINSK

from .commands import check_config, command
from .processes import Warden, eventually
from .reminding import CHANGES, reminding
from .stack import NUMBER, Stack
from .together import Scenario, Stacks, Together

_numbers = count(100)
AUTOMATION = {"quiet": 0.2, "sweep": 2.0}


def run_robot(stack: Stack, code: str, document: str = "contact:275", **properties: str) -> str:
    """Let the portal run a rule; the run's token."""
    run = stack.portal.ask("POST", "robot", {"code": code, "document": document, "properties": properties})
    return str(run["event_token"])


def ended(stack: Stack, token: str, within: float = 20.0) -> dict[str, Any]:
    """A run once its workflow has gone on."""
    found: dict[str, Any] = {}

    def check() -> bool:
        found.update(stack.portal.ask("GET", f"robot/{token.replace('|', '%7C')}"))
        return bool(found["state"] == "ended")

    eventually(check, within, "the workflow goes on")
    return found


@pytest.fixture(scope="module")
def automated(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon with automation, for all tests that leave it as they found it."""
    stack = Stack(warden, tmp_path_factory.mktemp("automation"), warm=True, automation=AUTOMATION)
    stack.started()
    registered(stack)
    yield stack
    stack.close()
    stack.kept_its_secrets()


def registered(stack: Stack) -> None:
    """Wait until the portal knows the rules."""
    eventually(lambda: len(stack.portal.ask("GET", "robots")["robots"]) == 2 or None, 20, "the rules are registered")


@pytest.fixture
def stack(automated: Stack) -> Stack:
    """The same, its counterparts as good as new."""
    automated.a1.reset()
    automated.portal.reset()
    return automated


def test_the_rules_are_registered_in_three_languages(stack: Stack) -> None:
    rules = {each["code"]: each for each in stack.portal.ask("GET", "robots")["robots"]}
    assert set(rules) == {"a1_sms_send", "a1_sms_reminder"}
    for rule in rules.values():
        assert {language.lower() for language in rule["name"]} == {"ru", "be", "en"}
        assert rule["use_subscription"] == "Y"


def test_a_rule_that_waits_learns_of_the_delivery(stack: Stack) -> None:
    token = run_robot(stack, "a1_sms_send", phone="8 029 111-22-33", text="Заказ готов", wait="Y")
    run = ended(stack, token)
    values = run["values"]
    assert (values["status"], values["error"], values["phone"]) == ("delivered", "", NUMBER)
    assert (int(values["segments"]), values["price"]) == (1, "0.045")
    assert values["a1_id"] in {str(message["message_id"]) for message in stack.a1.messages()}
    assert abs(datetime.fromisoformat(values["final_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert [message["text"] for message in stack.a1.messages()] == ["Заказ готов"]
    # Nobody but the workflow is told: the portal knows no such message of its sender's.
    assert [row["history"] for row in stack.portal.messages()] == []


def test_a_rule_that_does_not_wait_goes_on_when_the_sms_is_taken_in(stack: Stack) -> None:
    stack.a1.fault("hang", method="submit")
    run = ended(stack, run_robot(stack, "a1_sms_send", phone=NUMBER, text="Заказ принят"))
    assert run["values"]["status"] == "queued"


def test_a_rule_without_a_recipient_writes_to_the_documents_contact(stack: Stack) -> None:
    ended(stack, run_robot(stack, "a1_sms_send", text="Из карточки", wait="Y"))
    assert [(f"+{each['msisdn'].lstrip('+')}", each["text"]) for each in stack.a1.messages()] == [
        (NUMBER, "Из карточки")
    ]


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        ({"phone": "abc", "text": "Т"}, "not_a_number"),
        ({"phone": NUMBER, "text": "Т", "kind": "marketing"}, "marketing_disabled"),
        ({"phone": NUMBER, "text": "Т", "sender_id": "Кириллица"}, "bad_sender_id"),
    ],
)
def test_what_cannot_be_sent_is_returned_with_its_reason(
    stack: Stack, properties: dict[str, str], error: str
) -> None:
    run = ended(stack, run_robot(stack, "a1_sms_send", wait="Y", **properties))
    assert (run["values"]["status"], run["values"]["error"]) == ("rejected", error)
    assert stack.a1.messages() == []


def test_a_document_that_is_deleted_is_an_end_too(stack: Stack) -> None:
    run = ended(stack, run_robot(stack, "a1_sms_send", "deal:987654", text="Т", wait="Y"))
    assert (run["values"]["status"], run["values"]["error"]) == ("rejected", "document_deleted")


def test_a_run_that_is_delivered_twice_sends_once(stack: Stack) -> None:
    given = {"code": "a1_sms_send", "document": "contact:275", "calls": 3}
    properties = {"phone": NUMBER, "text": "Один раз", "wait": "Y"}
    token = stack.portal.ask("POST", "robot", given | {"properties": properties})["event_token"]
    run = ended(stack, token)
    assert run["calls"] == [200, 200, 200]
    assert len(run["events"]) == 1
    assert [each["text"] for each in stack.a1.messages()] == ["Один раз"]


def test_fields_in_a_cards_text_are_those_of_its_deal(stack: Stack) -> None:
    id_ = deal(stack, title="Шкаф")
    bindings = [{"OWNER_TYPE_ID": 2, "OWNER_ID": id_}]
    given = {"to": NUMBER, "text": "#CONTACT_NAME#, заказ #DEAL_ID# «#DEAL_TITLE#» готов", "bindings": bindings}
    sent = stack.portal.ask("POST", "send", given)
    delivered(stack, f"Анна, заказ {id_} «Шкаф» готов")
    told = "SELECT told FROM messages WHERE message_id = ?"
    eventually(lambda: stack.gateway.rows(told, sent["message_id"])[0]["told"] == "delivered", 10, "the card is told")


def test_a_field_that_is_empty_is_seen_on_the_card(stack: Stack) -> None:
    given = {"to": NUMBER, "text": "Оплатите: #DEAL_UF_NO_LINK#"}
    sent = stack.portal.ask("POST", "send", given | {"bindings": [{"OWNER_TYPE_ID": 2, "OWNER_ID": deal(stack)}]})

    def failed() -> bool:
        return any(
            row["message_id"] == sent["message_id"] and row["status"] == "failed" for row in stack.portal.messages()
        )

    eventually(failed, 20, "the card shows that it failed")
    assert stack.a1.messages() == []


NEW_LEAD = {
    "name": "new-lead",
    "event": "new",
    "of": "lead",
    "text": "{NAME|Здравствуйте}, мы получили Вашу заявку. Менеджер скоро позвонит.",
}
AWAITING_PAYMENT = {
    "name": "awaiting-payment",
    "event": "stage",
    "of": "deal",
    "stage": ["Ожидает оплаты"],
    "text": "Заказ #DEAL_ID# на #DEAL_OPPORTUNITY#. Оплатить: #DEAL_UF_ERIP_LINK#",
}
CLOSED = {
    "name": "closed-successfully",
    "event": "stage",
    "of": "deal",
    "stage": ["WON"],
    "text": "#CONTACT_NAME|Здравствуйте#, спасибо за покупку! Ваш менеджер: #ASSIGNED_NAME|наш отдел продаж#.",
}
APPOINTMENT = {
    "name": "appointment",
    "event": "date",
    "of": "deal",
    "field": "UF_CRM_VISIT",
    "ahead": ["1 day", "1 hour"],
    "cancelled": ["Отменён"],
    "text": "#CONTACT_NAME|Здравствуйте#, ждём Вас #DEAL_UF_VISIT#.",
}
MISSED_CALL = {
    "name": "missed-call",
    "event": "missed_call",
    "text": "Вы звонили нам в #CALL_TIME|это время#. Мы перезвоним Вам в ближайшее время.",
}
SCENARIOS = [NEW_LEAD, AWAITING_PAYMENT, CLOSED, APPOINTMENT, MISSED_CALL]


def texts(stack: Stack) -> list[str]:
    """What A1 has, in order."""
    return [message["text"] for message in stack.a1.messages()]


def delivered(stack: Stack, text: str, within: float = 15.0) -> None:
    """Wait until the SMS with this text is delivered, and once only."""
    query = "SELECT status FROM messages WHERE text = ?"
    eventually(lambda: [row["status"] for row in stack.gateway.rows(query, text)] == ["delivered"], within, text)
    assert texts(stack).count(text) == 1


def prepared(stack: Stack) -> Stack:
    """With the fields that the scenarios name."""
    for name, kind in (("ERIP_LINK", "url"), ("VISIT", "datetime")):
        stack.portal.ask("POST", "crm/field", {"entityTypeId": 2, "name": name, "type": kind})
    return stack


@pytest.fixture(scope="module")
def scripted(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon with the five scenarios that companies ask for first."""
    stack = Stack(warden, tmp_path_factory.mktemp("scenarios"), warm=True, automation=AUTOMATION, scenario=SCENARIOS)
    prepared(stack).started()
    bound = "SELECT 1 FROM positions WHERE name IN ('stages:1', 'stages:2', 'changes:2')"
    eventually(lambda: len(stack.gateway.rows(bound)) == 3 or None, 20, "the sweep has begun")
    yield stack
    stack.close()
    stack.kept_its_secrets()


def deal(stack: Stack, **more: Any) -> int:
    """A deal of the card's contact; its id."""
    given = {"entityTypeId": 2, "title": "Заказ", "contactIds": [275], **more}
    return int(stack.portal.ask("POST", "crm/item", given)["id"])


def move(stack: Stack, id_: int, stage: str, **more: Any) -> None:
    """Move a deal into a stage."""
    stack.portal.ask("POST", "crm/change", {"entityTypeId": 2, "id": id_, "stageId": stage, **more})


def test_a_new_lead_hears_that_somebody_will_call(scripted: Stack) -> None:
    lead = {"entityTypeId": 1, "title": "Заявка", "name": "Игорь", "phones": ["8 029 333-44-55"]}
    scripted.portal.ask("POST", "crm/item", lead)
    delivered(scripted, "Игорь, мы получили Вашу заявку. Менеджер скоро позвонит.")


def test_a_deal_that_waits_for_payment_brings_its_link(scripted: Stack) -> None:
    id_ = deal(scripted, opportunity="1250.5", fields={"ERIP_LINK": "https://pay.example/42"})
    move(scripted, id_, "PREPAYMENT_INVOICE")
    delivered(scripted, f"Заказ {id_} на 1 250,50 BYN. Оплатить: https://pay.example/42")


def test_a_deal_that_is_closed_successfully_is_thanked_for(scripted: Stack) -> None:
    id_ = deal(scripted, assignedById=7)
    move(scripted, id_, "WON")
    delivered(scripted, "Анна, спасибо за покупку! Ваш менеджер: Пётр.")


def somebody(stack: Stack, name: str) -> int:
    """A contact of this name with a number of its own; its id."""
    number = f"+3752944{next(_numbers):03}10"
    given = {"entityTypeId": 3, "name": name, "phones": [number]}
    return int(stack.portal.ask("POST", "crm/item", given)["id"])


def in_(seconds: float) -> tuple[str, str]:
    """A moment so many seconds from now, as the portal and as people write it."""
    moment = datetime.fromtimestamp(time.time() + seconds, MINSK)
    return moment.isoformat(timespec="seconds"), f"{moment:%d.%m.%Y %H:%M}"


def test_an_appointment_is_reminded_of_in_time(scripted: Stack) -> None:
    at, written = in_(3600 + 4)
    id_ = deal(scripted, fields={"VISIT": at})
    delivered(scripted, f"Анна, ждём Вас {written}.")
    rows = scripted.gateway.rows("SELECT ahead, state, reason FROM reminders WHERE item = ? ORDER BY ahead", id_)
    # There was no day left for the other one.
    assert [tuple(row.values()) for row in rows] == [(3600, "sent", None), (86400, "dropped", "past")]


def reminders_of(stack: Stack, id_: int, state: str) -> list[dict[str, Any]]:
    """Those of a deal that have come to this."""
    query = "SELECT moment, ahead, reason FROM reminders WHERE item = ? AND state = ? ORDER BY moment, ahead"
    return stack.gateway.rows(query, id_, state)


def test_an_appointment_that_moves_takes_its_reminders_along(scripted: Stack) -> None:
    at, _ = in_(5 * 86400)
    id_ = deal(scripted, contactIds=[somebody(scripted, "Борис")], fields={"VISIT": at})
    eventually(lambda: len(reminders_of(scripted, id_, "planned")) == 2 or None, 10, "both are planned")
    sooner, written = in_(3600 + 5)
    scripted.portal.ask("POST", "crm/change", {"entityTypeId": 2, "id": id_, "fields": {"VISIT": sooner}})
    delivered(scripted, f"Борис, ждём Вас {written}.")
    assert len(reminders_of(scripted, id_, "moved")) == 2


@pytest.mark.parametrize(
    ("how", "change", "reason"),
    [
        ("crm/delete", {}, "deleted"),
        ("crm/change", {"stageId": "APOLOGY"}, "cancelled"),
        ("crm/change", {"fields": {"VISIT": ""}}, "cancelled"),
    ],
)
def test_an_appointment_that_is_no_more_is_not_reminded_of(
    scripted: Stack, how: str, change: dict[str, Any], reason: str
) -> None:
    at, _ = in_(3600 + 6)
    id_ = deal(scripted, fields={"VISIT": at})
    eventually(lambda: reminders_of(scripted, id_, "planned") or None, 10, "it is planned")
    scripted.portal.ask("POST", how, {"entityTypeId": 2, "id": id_, **change})
    dropped = "SELECT 1 FROM reminders WHERE item = ? AND state = 'dropped' AND reason = ?"
    eventually(lambda: scripted.gateway.rows(dropped, id_, reason) or None, 15, "it is dropped")
    sent = "SELECT 1 FROM messages WHERE origin LIKE ?"
    assert scripted.gateway.rows(sent, f'%"deal:{id_}"%') == []


def test_a_missed_call_is_answered_and_others_are_not(scripted: Stack) -> None:
    missed = scripted.portal.ask("POST", "call", {"number": "+375 29 555-66-77"})
    scripted.portal.ask("POST", "call", {"number": "+375 29 555-66-78", "failedCode": "200", "duration": 40})
    scripted.portal.ask("POST", "call", {"number": "+375 29 555-66-79", "type": 1})
    at = datetime.fromisoformat(missed["CALL_START_DATE"])
    delivered(scripted, f"Вы звонили нам в {at:%H:%M}. Мы перезвоним Вам в ближайшее время.")
    handed = eventually(lambda: len(scripted.portal.ask("GET", "events")["delivered"]) >= 3 or None, 5, "all came")
    assert handed
    calls = scripted.gateway.rows("SELECT number_received FROM messages WHERE origin LIKE '%missed-call%'")
    assert [row["number_received"] for row in calls] == ["+375 29 555-66-77"]


def test_twenty_moves_in_a_minute_send_once_for_each_entry(scripted: Stack) -> None:
    """Though events come late, doubled and out of order, or not at all; and a few look-ups do for all of them."""
    scripted.portal.ask("POST", "events", {"late": 0.3, "doubled": 0.5, "shuffled": 0.5, "lost": 0.2, "seed": 7})
    id_ = deal(scripted, opportunity="10", fields={"ERIP_LINK": "https://pay.example/0"})
    before = scripted.portal.requests("batch")
    for number in range(10):
        link = f"https://pay.example/{number}"
        move(scripted, id_, "EXECUTING")
        move(scripted, id_, "PREPAYMENT_INVOICE", fields={"ERIP_LINK": link})
    entries = "SELECT status, text FROM messages WHERE origin LIKE '%awaiting-payment%' AND origin LIKE ?"
    mine = f'%"deal:{id_}"%'

    def all_there() -> bool:
        found = scripted.gateway.rows(entries, mine)
        return len(found) == 10 and all(row["status"] in ("delivered", "rejected") for row in found)

    eventually(all_there, 20, "every entry has its message")
    found = scripted.gateway.rows("SELECT status, reason FROM messages WHERE origin LIKE ?", mine)
    # The link was read when all was over: nine of ten would have said the same to the same person again.
    assert (
        sorted((row["status"], row["reason"]) for row in found)
        == [("delivered", None)] + [("rejected", "repeated")] * 9
    )
    assert scripted.portal.requests("batch") - before < 20
    # What comes again, comes to nothing.
    scripted.portal.ask("POST", "events", {})
    scripted.portal.ask("POST", "crm/change", {"entityTypeId": 2, "id": id_, "title": "Другое имя"})
    eventually(lambda: not scripted.gateway.rows("SELECT 1 FROM look_ups") or None, 10, "all is looked into")
    assert len(scripted.gateway.rows(entries, mine)) == 10


def test_events_that_are_lost_are_found_by_the_sweep(scripted: Stack) -> None:
    before = len(scripted.portal.ask("POST", "events", {"lost": 1.0})["delivered"])
    lead = {"entityTypeId": 1, "title": "Заявка", "name": "Лидия", "phones": ["8 029 333-44-66"]}
    scripted.portal.ask("POST", "crm/item", lead)
    delivered(scripted, "Лидия, мы получили Вашу заявку. Менеджер скоро позвонит.")
    assert len(scripted.portal.ask("POST", "events", {})["delivered"]) == before


def test_an_empty_field_stops_the_message_and_says_which(scripted: Stack) -> None:
    id_ = deal(scripted, opportunity="10")
    move(scripted, id_, "PREPAYMENT_INVOICE")
    query = "SELECT message_id, status, reason FROM messages WHERE origin LIKE ?"
    row = eventually(
        lambda: next(iter(scripted.gateway.rows(query, f'%"deal:{id_}"%')), None), 10, "the journal has it"
    )
    assert (row["status"], row["reason"]) == ("rejected", "empty_field")
    history = "SELECT note FROM history JOIN messages m ON m.id = message WHERE message_id = ?"
    assert [each["note"] for each in scripted.gateway.rows(history, row["message_id"])] == ["#DEAL_UF_ERIP_LINK#"]


def test_a_template_is_shown_with_its_parts_and_its_price(scripted: Stack) -> None:
    id_ = deal(scripted, title="Шкаф", opportunity="99")
    text = "#CONTACT_NAME#, #DEAL_TITLE#: #DEAL_OPPORTUNITY# (#DEAL_UF_ERIP_LINK|без ссылки#)"
    shown = command(scripted, "template", "--document", f"deal:{id_}", "--text", text)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "Анна, Шкаф: 99 BYN (без ссылки)",
        "",
        f"to: {NUMBER}",
        "characters: 31, alphabet: ucs2, segments: 1",
        "price: 0.045 BYN",
    ]
    given = ("--document", f"deal:{id_}", "--text", "Ждём #EVENT_DAY# в #EVENT_TIME#", "--at", "24.11.2026 10:30")
    assert command(scripted, "template", *given).stdout.startswith("Ждём 24.11 в 10:30\n")
    for document, wrong, said in (
        (f"deal:{id_}", "#DEAL_UF_ERIP_LINK#", "#DEAL_UF_ERIP_LINK# is empty, and has no fallback"),
        (f"deal:{id_}", "#DEAL_COMPANY#", "a field of the type crm_company cannot be written in an SMS"),
        (f"deal:{id_}", "#DEAL_PHONE#", "there are no phones here; write #CONTACT_PHONE#"),
        (f"deal:{id_}", "#DEAL_TITEL#", "#DEAL_TITEL#: there is no such field; did you mean TITLE?"),
        (f"deal:{id_}", "#DEEL_TITLE#", "--text: #DEEL_TITLE#: no such field"),
        ("deal:987654", "#DEAL_TITLE#", "the portal has no document deal:987654"),
        ("дело:1", "Т", "--document: "),
    ):
        failed = command(scripted, "template", "--document", document, "--text", wrong)
        assert failed.returncode == 1
        assert said in failed.stderr


def scenarios_are_checked_against_the_portal(stack: Stack) -> None:
    """Every field, stage and type that they name and the portal does not have."""
    checked = check_config(stack)
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == [
        'scenario[1].stage: there is no stage "Ожидает платы"; give its name or its id, such as C5:WON',
        "scenario[2].text: #DEAL_UF_NOBODY_HAS#: there is no such field",
        "scenario[2].field: UF_CRM_VISITE is no field with a date",
        "scenario[3].of: the portal has no type of documents with the number 177",
        "scenario[4].when: there is no field UF_CRM_CITY",
    ]


def a_rule_that_waits_is_answered_after_a_kill(stack: Stack) -> None:
    """Whenever that comes: before the SMS is taken in, on its way, and when it is delivered."""
    registered(stack)
    stack.a1.set(final_delay=3.0)
    tokens = [run_robot(stack, "a1_sms_send", phone=NUMBER, text="Первое", wait="Y")]
    stack.gateway.process.kill()
    stack.gateway.start()
    stack.gateway.ready()
    tokens.append(run_robot(stack, "a1_sms_send", phone=NUMBER, text="Второе", wait="Y"))
    eventually(lambda: "Второе" in texts(stack) or None, 10, "it is at A1")
    stack.portal.fault("portal_down", method="batch")
    eventually(lambda: stack.gateway.rows("SELECT 1 FROM runs WHERE state = 'answer'") or None, 15, "one is due")
    stack.gateway.process.kill()
    stack.portal.mend()
    stack.gateway.start()
    stack.gateway.ready()
    for token in tokens:
        taken = stack.portal.ask("GET", f"robot/{token.replace('|', '%7C')}")["calls"]
        if taken and taken[0] == 200:
            run = ended(stack, token, 30)
            assert run["values"]["status"] == "delivered"
            assert len([event for event in run["events"] if event["ended"]]) == 1
    assert sorted(Counter(texts(stack)).values()) in ([1], [1, 1])
    assert texts(stack).count("Второе") == 1


def a_run_goes_into_the_spool_while_the_journal_is_away(stack: Stack) -> None:
    """And its workflow goes on once that is back."""
    registered(stack)
    with stack.gateway.locked():
        token = run_robot(stack, "a1_sms_send", phone=NUMBER, text="Из очереди", wait="Y")
        eventually(lambda: stack.gateway.spooled() or None, 10, "it is in the spool")
    run = ended(stack, token, 30)
    assert (run["calls"], run["values"]["status"]) == ([200], "delivered")
    assert texts(stack) == ["Из очереди"]


def a_portal_without_automation_rules_has_scenarios(stack: Stack) -> None:
    """Its plan has no methods for rules: that is said once, and harms nothing."""
    stack.portal.set(automation=False)
    stack.gateway.process.kill()
    stack.gateway.start()
    stack.gateway.ready()
    said = "automation: the portal's plan has no automation rules"
    eventually(lambda: said in stack.gateway.process.out or None, 20, "the daemon says so")
    stack.is_delivered_once(stack.send())
    begun = "SELECT 1 FROM positions WHERE name = 'stages:177'"
    eventually(lambda: stack.gateway.rows(begun) or None, 20, "the sweep has begun")
    item = {"entityTypeId": 177, "title": "Договор", "contactIds": [275]}
    id_ = stack.portal.ask("POST", "crm/item", item)["id"]
    delivered(stack, "Анна, документ «Договор» создан.")
    stack.portal.ask("POST", "crm/change", {"entityTypeId": 177, "id": id_, "stageId": "DT177_1:SUCCESS"})
    delivered(stack, "Договор: Успех.")


def what_comes_to_fulfil_a_condition_is_said_once(stack: Stack) -> None:
    """What was before there was the scenario is nothing; then once for each time."""
    begun = "SELECT 1 FROM positions WHERE name LIKE 'changed:ready:%' AND at > 0"
    eventually(lambda: stack.gateway.rows(begun) or None, 20, "the scenario has begun")
    items = [
        stack.portal.ask("POST", "crm/item", {"entityTypeId": 177, "title": title, "contactIds": [275]})["id"]
        for title in ("Первый", "Второй")
    ]
    for sent in range(1, 3):
        for ready in ("Y", "N"):
            change = {"entityTypeId": 177, "id": items[0], "fields": {"READY": ready}}
            stack.portal.ask("POST", "crm/change", change)
            eventually(partial(_stands, stack, items[0], ready == "Y"), 20, f"it is {ready}")
        assert len(stack.gateway.rows("SELECT 1 FROM messages WHERE text = 'Первый готов.'")) == sent
    assert [text for text in texts(stack) if text.startswith("Второй")] == []


def _stands(stack: Stack, item: int, holds: bool) -> bool:
    query = "SELECT 1 FROM conditions WHERE scenario LIKE 'ready:%' AND item = ? AND held = ?"
    return bool(stack.gateway.rows(query, item, holds))


def has_smart_processes(stack: Stack) -> None:
    """One type, of the number 177."""
    stack.portal.ask("POST", "crm/type", {"entityTypeId": 177, "title": "Договоры"})
    stack.portal.ask("POST", "crm/field", {"entityTypeId": 177, "name": "READY", "type": "boolean"})


def scenario(name: str, event: str, of: object, text: str, **more: object) -> dict[str, object]:
    """One of the configuration."""
    return {"name": name, "event": event, "of": of, "text": text, "repeat_after": 0, **more}


FAULTY = [
    scenario("a", "stage", "deal", "Т", stage=["Ожидает платы", "WON"]),
    scenario("b", "date", "deal", "#DEAL_UF_NOBODY_HAS#", field="UF_CRM_VISITE"),
    scenario("c", "new", 177, "Т"),
    scenario("d", "new", "lead", "Т", when={"UF_CRM_CITY": "Минск"}),
]
OF_ITEMS = [
    scenario("made", "new", 177, "#CONTACT_NAME#, документ «#ITEM_TITLE#» создан."),
    scenario("done", "stage", 177, "#ITEM_TITLE#: #ITEM_STAGE#.", stage=["Успех"]),
]
OF_CHANGES = [scenario("ready", "changed", 177, "{TITLE} готов.", when={"UF_READY": "да"})]
PLAYS = {
    "check": Scenario(
        scenarios_are_checked_against_the_portal, changes={"automation": AUTOMATION, "scenario": FAULTY}, takes=8
    ),
    "killed": Scenario(a_rule_that_waits_is_answered_after_a_kill, changes={"automation": AUTOMATION}, takes=20),
    "spool": Scenario(a_run_goes_into_the_spool_while_the_journal_is_away, takes=12),
    "no rules": Scenario(
        a_portal_without_automation_rules_has_scenarios,
        before=has_smart_processes,
        changes={"automation": AUTOMATION, "scenario": OF_ITEMS},
        takes=20,
    ),
    "changed": Scenario(
        what_comes_to_fulfil_a_condition_is_said_once,
        before=has_smart_processes,
        changes={"automation": AUTOMATION, "scenario": OF_CHANGES},
        takes=15,
    ),
}


@pytest.mark.parametrize("scenario", PLAYS.values(), ids=PLAYS.keys())
def test_automation_with_a_daemon_of_its_own(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)


def test_many_reminders_across_a_kill(stacks: Stacks) -> None:
    """Each once, and in time; `make reminders-proof` sends more."""
    figures = reminding(stacks.make("reminders", **CHANGES), 1500, within=16, lead=9)
    assert (figures.reached, figures.twice, figures.early) == (1500, 0, 0)
    assert figures.latest < 15
    assert figures.requests < 100
