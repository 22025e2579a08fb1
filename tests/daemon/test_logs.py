"""What the daemon writes: enough to follow every message, and nothing that it must keep to itself."""

from __future__ import annotations

import json
from functools import partial

import pytest

from .calls import fetch
from .processes import eventually
from .stack import CALLBACK_SECRET, HANDLER_SECRET, Stack
from .together import Scenario, Together


def a_bad_day_is_logged_without_a_secret(stack: Stack, form: str) -> None:
    """Everything goes wrong once, at the log's finest level; whoever plays scenarios reads all of it afterwards."""
    gateway = stack.gateway
    portal = stack.portal.base.removeprefix("http://")
    # Strangers, and calls that carry secrets to the wrong place.
    for path in (
        f"/bitrix24/handler/{CALLBACK_SECRET}",
        f"/a1/callback/{HANDLER_SECRET}",
        # An address that was not copied as a whole.
        f"/a1/{CALLBACK_SECRET}",
        f"/{HANDLER_SECRET}",
    ):
        assert fetch("POST", gateway.url + path, form={"message_id": "m"}).status == 404
    assert fetch("GET", f"{gateway.url}/bitrix24/handler/{HANDLER_SECRET}?x=1").status == 405
    assert gateway.hand_over({"message_to": "+375291112233", "message_body": "Без номера сообщения"}).status == 400
    junk = {"Content-Type": "application/json"}
    url = f"{gateway.url}/bitrix24/handler/{HANDLER_SECRET}"
    assert fetch("POST", url, body=b'{"message_to": "+375291112233"', headers=junk).status == 400
    (tokens,) = gateway.rows("SELECT * FROM installation")
    forged = {
        "event": "ONAPPINSTALL",
        "auth[access_token]": tokens["access_token"],
        "auth[refresh_token]": tokens["refresh_token"],
        "auth[application_token]": tokens["application_token"],
        "auth[client_endpoint]": f"http://{portal}@192.0.2.1/rest/",
        "auth[domain]": portal,
    }
    assert fetch("POST", f"{gateway.url}/bitrix24/install", form=forged).status == 403
    # Messages of every fate.
    stack.a1.fault("html", times=1, method="send/sms")
    stack.portal.fault("http_500", times=1, method="batch")
    stack.portal.fault("portal_down", times=1, method="oauth/token")
    stack.portal.ask("POST", "expire-token")
    numbers = (
        "+375291112200",
        "+375291112204",
        "8 (029) 111-22-05",
        "+375171234567",
        "+79161234567",
        "+375291112233",
    )
    sent = [stack.send(number) for number in numbers]
    sent.append(stack.send(text="Ваше казино ждёт вас сегодня"))
    sent.append(stack.send(module="sender"))
    for each in sent:
        stack.told(each, 40)
    stack.note_secrets()
    # The journal is away, a status comes for nobody.
    with gateway.locked():
        waiting = stack.send()
        assert stack.taken(waiting) == 200
        assert gateway.callback({"message_id": "123456789", "status": "НЕЧТО"}).status == 200
    stack.is_delivered_once(waiting)
    # The application goes and comes back; its sender is refused at first.
    assert stack.portal.ask("POST", "uninstall", {})["answers"] == [200]
    stack.portal.fault("license", times=1, method="messageservice.sender.list")
    assert stack.portal.ask("POST", "install", {})["answer"] == 200
    stack.note_secrets()
    eventually(lambda: "is not registered" in gateway.process.out or None, 10, "the operator is told")
    gateway.process.kill()
    gateway.start()
    stack.wait_for_sender()

    log = gateway.processes[0].out
    for each in [*sent, waiting]:
        assert each.message_id in log, "every message can be followed"
    if form == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        assert all({"time", "level", "part", "event"} <= line.keys() for line in lines)
        assert {"debug", "info", "warn", "error", "critical"} <= {line["level"] for line in lines}
        assert not [line for line in lines if "traceback" in line]
    assert "Traceback" not in log
    assert gateway.processes[0].errors == ""


SCENARIOS = {
    form: Scenario(
        partial(a_bad_day_is_logged_without_a_secret, form=form),
        changes={"log": {"format": form, "level": "debug"}},
        takes=20,
    )
    for form in ("text", "json")
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_no_secret_no_number_and_no_text_is_in_any_log(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)
