"""Marketing SMS with real processes: consent, campaigns, opting out, and the commands about them."""

from __future__ import annotations

import json
import signal
import stat
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .campaign import CONSENT, FIELD, LIMITS, campaign, with_the_field
from .commands import check_config, command
from .processes import Warden, eventually
from .stack import NUMBER, Sent, Stack
from .together import Scenario, Stacks, Together


def contact(stack: Stack, consent: object, *phones: str, **more: Any) -> int:
    """A contact of the portal, with this in the field; its id."""
    item = {"entityTypeId": 3, "phones": list(phones), "fields": {FIELD: consent}, **more}
    return int(stack.portal.ask("POST", "crm/item", item)["id"])


def field_of(stack: Stack, id_: int) -> Any:
    """What a contact's field holds."""
    item = stack.portal.ask("GET", f"crm/items?entityTypeId=3&id={id_}")
    return item["fields"].get(FIELD)


def through(stack: Stack, sender: str, text: str, to: str = NUMBER, **more: Any) -> Sent:
    """Send an SMS from the card through a sender that is named."""
    row = stack.portal.ask("POST", "send", {"to": to, "text": text, "module": "crm", "sender": sender, **more})
    return Sent(row["message_id"], text, to)


@pytest.fixture(scope="module")
def agreeing(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon that sends marketing SMS, for all tests that leave it as they found it."""
    stack = Stack(warden, tmp_path_factory.mktemp("marketing"), warm=True, consent=CONSENT, log={"format": "json"})
    with_the_field(stack)
    stack.started()
    yield stack
    stack.close()
    stack.kept_its_secrets()


@pytest.fixture
def marketing(agreeing: Stack) -> Stack:
    """The same, its counterparts as good as new."""
    agreeing.a1.reset()
    agreeing.portal.reset()
    return with_the_field(agreeing)


def test_a_mailing_reaches_those_who_agreed_and_nobody_else(marketing: Stack) -> None:
    contact(marketing, "Y", "8 029 111-22-33")
    contact(marketing, "N", "+375 44 765-43-21")
    agreed = marketing.send(module="sender", text="Скидка «20%» & подарок")
    refused = marketing.send("+375447654321", module="sender")
    unknown = marketing.send("+375331234567", module="sender")
    marketing.is_delivered_once(agreed)
    for each in (refused, unknown):
        assert marketing.told(each) == ["failed"]
        assert marketing.sms(each) == []
        message = marketing.gateway.message(each.message_id)
        assert message is not None
        assert (message["kind"], message["status"], message["reason"]) == ("marketing", "rejected", "no_consent")
    metric = marketing.gateway.metric
    assert metric('a1gateway_consents_total{verdict="granted"}') >= 1
    assert metric('a1gateway_consents_total{verdict="refused"}') >= 2
    assert metric('a1gateway_messages_accepted_total{kind="marketing"}') >= 3


def test_the_second_sender_makes_a_message_marketing(marketing: Stack) -> None:
    """Whoever sends through it; and the contact that it was sent from decides."""
    senders = {each["code"]: each["name"] for each in marketing.portal.ask("GET", "state")["senders"]}
    assert "A1 SMS: marketing" in str(senders["a1sms_by_marketing"])
    bound = contact(marketing, "Y", NUMBER)
    contact(marketing, "N", NUMBER)
    bindings = [{"OWNER_TYPE_ID": 3, "OWNER_ID": bound}]
    from_card = through(marketing, "a1sms_by_marketing", "Из карточки", bindings=bindings)
    marketing.is_delivered_once(from_card)
    other = through(marketing, "a1sms_by_marketing", "Другому", bindings=[{"OWNER_TYPE_ID": 2, "OWNER_ID": 999}])
    assert marketing.told(other) == ["failed"]
    # Through the first one it is an ordinary message, that needs nobody's consent.
    marketing.is_delivered_once(through(marketing, "a1sms_by", "Заказ готов"))


def test_the_portal_away_in_the_middle_of_a_mailing_lets_nothing_out_unasked(marketing: Stack) -> None:
    contact(marketing, "Y", NUMBER)
    marketing.portal.fault("portal_down", method="batch")
    sent = marketing.send(module="sender")
    assert marketing.taken(sent) == 200
    ordinary = marketing.send()
    eventually(lambda: marketing.sms(ordinary) or None, 10, "others go out")
    unreachable = 'a1gateway_portal_requests_total{method="batch",result="unreachable"}'
    eventually(lambda: marketing.gateway.metric(unreachable) or None, 10, "the portal is asked in vain")
    assert marketing.sms(sent) == []
    marketing.portal.mend()
    marketing.is_delivered_once(sent, 30)


def test_opting_out_by_command_holds_at_once_and_stands_in_the_crm(marketing: Stack) -> None:
    id_ = contact(marketing, "Y", NUMBER)
    out = command(marketing, "opt-out", "8 029 111-22-33", "--note", "звонок")
    assert (out.returncode, out.stderr) == (0, "")
    assert out.stdout.startswith(f"{NUMBER} gets no marketing SMS from now on")
    sent = marketing.send(module="sender")
    assert marketing.told(sent) == ["failed"]
    message = marketing.gateway.message(sent.message_id)
    assert message is not None
    assert message["reason"] == "stop_list"
    eventually(lambda: field_of(marketing, id_) is False or None, 15, "the contact's field says no")
    comments = marketing.portal.ask("GET", "crm/comments")
    assert [(each["ENTITY_ID"], "отказался" in each["COMMENT"]) for each in comments] == [(id_, True)]
    into = command(marketing, "opt-in", NUMBER)
    assert (into.returncode, into.stderr) == (0, "")
    eventually(lambda: field_of(marketing, id_) is True or None, 15, "the contact's field says yes")
    marketing.is_delivered_once(marketing.send(module="sender"))


def test_the_evidence_is_printed_for_a1(marketing: Stack) -> None:
    number = "+375259990011"
    id_ = contact(marketing, "Y", number)
    marketing.is_delivered_once(marketing.send(number, module="sender"))
    said = command(marketing, "consent-evidence", "--number", "025 999 00 11")
    assert (said.returncode, said.stderr) == (0, "")
    assert f'контакт {id_}, поле {FIELD}: "Y"' in said.stdout
    assert "согласие есть" in said.stdout
    as_json = json.loads(command(marketing, "consent-evidence", "--number", number, "--json").stdout)
    ((found,),) = [message["found"] for message in as_json["messages"]]
    assert (found["contact"], found["field"], found["value"], found["granted"]) == (id_, FIELD, '"Y"', True)
    nothing = command(marketing, "consent-evidence", "--number", "+375331112299", "--language", "be")
    assert "не было" in nothing.stdout


@pytest.mark.parametrize("arguments", [("opt-out", "+7 495 123-45-67"), ("consent-evidence", "--number", "abc")])
def test_a_command_about_a_number_that_is_none_says_so(marketing: Stack, arguments: tuple[str, ...]) -> None:
    ended = command(marketing, *arguments)
    assert ended.returncode == 1
    assert "is no Belarusian mobile number" in ended.stderr


def test_the_socket_of_the_commands_is_for_the_owner_alone(marketing: Stack) -> None:
    (socket,) = Path(marketing.gateway.data).glob("*.control")
    assert stat.S_ISSOCK(socket.stat().st_mode)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def the_field_is_created_and_looked_at(stack: Stack) -> None:
    """Before it is there, the start and `check-config` say so; the command makes it, with its names."""
    stack.portal.ask("POST", "crm/reset")
    eventually(lambda: f"have no field {FIELD}" in stack.gateway.process.out or None, 20, "the daemon says so")
    checked = check_config(stack)
    assert checked.returncode == 1
    assert f"consent.contact_field: the portal's contacts have no field {FIELD}" in checked.stderr
    made = command(stack, "consent-field")
    assert (made.returncode, made.stderr) == (0, "")
    assert check_config(stack).returncode == 0
    again = command(stack, "consent-field")
    assert again.returncode == 0
    assert "already" in again.stdout
    contact(stack, "Y", NUMBER)
    stack.is_delivered_once(stack.send(module="sender"), 30)
    # Without the daemon the commands do it themselves, and the daemon starts again after them.
    stack.gateway.process.signal(signal.SIGTERM)
    stack.gateway.process.wait(30)
    written = stack.gateway.config.read_text("utf-8")
    # Nor do they need the socket that systemd holds for the daemon alone.
    listening = f"tcp:{stack.gateway.port}:interface=127.0.0.1"
    stack.gateway.config.write_text(written.replace(listening, "systemd:domain=INET:index=0"), "utf-8")
    alone = command(stack, "opt-out", NUMBER)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "согласие есть" in command(stack, "consent-evidence", "--number", NUMBER).stdout
    assert check_config(stack).returncode == 0
    stack.gateway.config.write_text(written, "utf-8")
    stack.gateway.start()
    stack.gateway.ready()
    assert stack.told(stack.send(module="sender")) == ["failed"]


def a_field_that_says_neither_yes_nor_no_is_named(stack: Stack) -> None:
    """At the next start, too."""
    stack.portal.ask("POST", "crm/field", {"entityTypeId": 3, "name": FIELD, "type": "file"})
    stack.gateway.process.kill()
    stack.gateway.start()
    eventually(lambda: "is of the type file" in stack.gateway.process.out or None, 20, "the daemon says so")
    checked = check_config(stack)
    assert checked.returncode == 1
    assert "says neither yes nor no" in checked.stderr


def a_campaign_goes_on_after_a_kill(stack: Stack) -> None:
    """In whatever of its steps: nobody gets it twice, and nobody who has not agreed."""
    with_the_field(stack)
    # The daemon looks again.
    assert check_config(stack).returncode == 0
    agreed = {f"+3752940{index:03}10" for index in range(120)}
    refused = {f"+3752944{index:03}10" for index in range(60)}
    for number in [*agreed, *refused]:
        contact(stack, "Y" if number in agreed else "N", number)
    text = "Скидка 20% до воскресенья"
    # Each part of them meets a daemon that listens, however long the machine takes to start it.
    everybody = sorted(agreed | refused, key=lambda number: number[-5:])
    for part, stage in enumerate(("consent", "ready", "sent")):
        stack.portal.ask("POST", "campaign", {"text": text, "numbers": everybody[part::4], "per_second": 40})
        query = "SELECT 1 FROM messages WHERE stage = ?"
        eventually(partial(stack.gateway.rows, query, stage), 10, f"one is {stage}")
        stack.gateway.process.kill()
        stack.gateway.start()
        stack.gateway.ready()
    undisturbed = everybody[3::4]
    stack.portal.ask("POST", "campaign", {"text": text, "numbers": undisturbed, "per_second": 40})

    def all_told() -> bool:
        rows = [row for row in stack.portal.messages() if row["calls"]]
        taken = [row for row in rows if 200 in row["calls"]]
        return len(rows) == 180 and all(row["history"] for row in taken)

    eventually(all_told, 60, "the portal is told of all that were taken in")
    reached = Counter(
        f"+{message['msisdn'].lstrip('+')}" for message in stack.a1.messages() if message["text"] == text
    )
    assert set(reached.values()) == {1}
    assert agreed.intersection(undisturbed) <= set(reached) <= agreed
    rows = {row["to"]: row["status"] for row in stack.portal.messages() if row["history"]}
    assert {rows[number] for number in reached} == {"delivered"}
    assert {status for number, status in rows.items() if number in refused} == {"failed"}


SCENARIOS = {
    "field": Scenario(the_field_is_created_and_looked_at, changes={"consent": CONSENT}, takes=25),
    "no such type": Scenario(a_field_that_says_neither_yes_nor_no_is_named, changes={"consent": CONSENT}, takes=10),
    "killed": Scenario(a_campaign_goes_on_after_a_kill, changes={"consent": CONSENT}, takes=25),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_marketing_with_a_daemon_of_its_own(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)


def test_a_campaign_within_the_portals_limits(stacks: Stacks) -> None:
    """Its published ones. Of 600 messages 200 are to people who have not agreed; `make campaign-proof` sends more."""
    figures = campaign(stacks.make("campaign", consent=CONSENT, bitrix24=LIMITS), 600, per_second=200, within=100)
    assert (figures.agreed, figures.reached, figures.strangers) == (400, 400, 0)
    assert figures.refused_for_rate == 0
    # 600 statuses are 12 full requests, and 600 numbers three.
    assert figures.requests <= 26
    assert figures.reminder_after < 2
