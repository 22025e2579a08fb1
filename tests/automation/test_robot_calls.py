"""What Bitrix24 says when an automation rule runs; whatever else is said is answered with 400."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.robots import CODES, REMIND, SEND
from a1gateway.bitrix24.robot_calls import read_run
from a1gateway.journal.runs import RunCall
from a1gateway.web.forms import BadBody, nested

from ..conftest import START

TOKEN = "6560f1ab.7|A71234_5|0.5d8c-1@x:2"
BODY = (
    "workflow_id=6560f1ab&code=a1_sms_send&event_token=6560f1ab|A71234_5|0.5d8c&ts=1795363300"
    "&document_id[0]=crm&document_id[1]=CCrmDocumentDeal&document_id[2]=DEAL_4182"
    "&document_type[0]=crm&document_type[1]=CCrmDocumentDeal&document_type[2]=DEAL"
    "&properties[phone]=%2B375291112233&properties[text]=%D0%97%D0%B0%D0%BA%D0%B0%D0%B7+4182&properties[wait]=Y"
    "&properties[sender_id]=&use_subscription=Y&timeout_duration=3600"
    "&auth[access_token]=secret1&auth[refresh_token]=secret2&auth[application_token]=secret3"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["event_token", "code", "document_id", "document_type", "properties", "workflow_id"])
BRACKETED = st.builds(
    lambda name, keys: name + "".join(f"[{key}]" for key in keys),
    NAMES | st.text(max_size=5),
    st.lists(st.sampled_from(["", "0", "2", "text", "phone"]) | st.text(max_size=3), max_size=3),
)
WORDS = st.sampled_from([SEND, REMIND, "t|1", "DEAL_5", "DYNAMIC_177_12", "CONTACT_0"]) | st.text(max_size=10)


def form(body: str) -> dict[str, Any]:
    return nested(parse_qsl(body, keep_blank_values=True))


def read(**more: Any) -> RunCall:
    return read_run({"event_token": TOKEN, "code": SEND} | more, START, CODES)


def test_a_run_as_bitrix24_tells_of_it() -> None:
    run = read_run(form(BODY), START, CODES)
    assert run.event_token == "6560f1ab|A71234_5|0.5d8c"
    assert (run.code, run.received_at) == (SEND, START)
    assert (run.entity_type, run.item) == (2, 4182)
    assert run.properties == {"phone": "+375291112233", "text": "Заказ 4182", "wait": "Y", "sender_id": ""}
    assert run.origin["workflow_id"] == "6560f1ab"
    assert run.origin["document_id"] == {"0": "crm", "1": "CCrmDocumentDeal", "2": "DEAL_4182"}


def test_what_gives_access_to_the_portal_is_not_kept() -> None:
    assert "secret" not in repr(read_run(form(BODY), START, CODES))


@pytest.mark.parametrize(
    ("document", "entity_type", "item"),
    [
        (["crm", "CCrmDocumentLead", "LEAD_456"], 1, 456),
        (["crm", "CCrmDocumentContact", "CONTACT_9"], 3, 9),
        (["crm", "CCrmDocumentCompany", "COMPANY_9"], 4, 9),
        (["crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic", "DYNAMIC_177_12"], 177, 12),
        (["crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\SmartInvoice", "SMART_INVOICE_3"], 31, 3),
        ({"0": "crm", "1": "CCrmDocumentDeal", "2": "DEAL_4182"}, 2, 4182),
        (["lists", "BizprocDocument", "17"], None, None),
        (["crm", "CCrmDocumentDeal", "DEAL_"], None, None),
        (["crm", "CCrmDocumentDeal", "DEAL_" + "9" * 30], None, None),
        ("DEAL_4182", None, None),
        ([], None, None),
        (None, None, None),
    ],
)
def test_documents(document: Any, entity_type: int | None, item: int | None) -> None:
    run = read(document_id=document)
    assert (run.entity_type, run.item) == (entity_type, item)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Заказ", "Заказ"),
        (" Заказ\r\n", " Заказ\r\n"),
        ("", ""),
        (5, "5"),
        (None, ""),
        (["", "+375291112233", "+375331112233"], "+375291112233"),
        ({"0": "", "1": "+375291112233"}, "+375291112233"),
        ({"0": {"VALUE": "+375291112233", "VALUE_TYPE": "WORK"}}, "+375291112233"),
        ([], ""),
        ({}, ""),
        ("x" * 30_000, "x" * 20_000),
    ],
)
def test_a_property_is_a_text(value: Any, text: str) -> None:
    assert read(properties={"phone": value}).properties == {"phone": text}


@pytest.mark.parametrize("body", ["properties[phone][]=&properties[phone][]=1", "properties[phone][0][VALUE]=1"])
def test_a_property_may_be_an_array(body: str) -> None:
    run = read_run(form(f"event_token=t&code={SEND}&{body}"), START, CODES)
    assert run.properties == {"phone": "1"}


@pytest.mark.parametrize("properties", [None, "", "text", [], ["text"]])
def test_a_run_without_properties(properties: Any) -> None:
    assert read(properties=properties).properties == {}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"event_token": ""}, "missing_event_token"),
        ({"event_token": " "}, "missing_event_token"),
        ({"event_token": None}, "missing_event_token"),
        ({"event_token": ["t"]}, "missing_event_token"),
        ({"event_token": {"0": "t"}}, "missing_event_token"),
        ({"event_token": "a b"}, "bad_event_token"),
        ({"event_token": "t&EVENT_TOKEN=u"}, "bad_event_token"),
        ({"event_token": "t?x=1"}, "bad_event_token"),
        ({"event_token": "$result[a]"}, "bad_event_token"),
        ({"event_token": "t%26"}, "bad_event_token"),
        ({"event_token": "t\nu"}, "bad_event_token"),
        ({"event_token": "жетон"}, "bad_event_token"),
        ({"event_token": "t" * 256}, "bad_event_token"),
        ({"code": ""}, "bad_code"),
        ({"code": "A1_SMS_SEND"}, "bad_code"),
        ({"code": "another"}, "bad_code"),
        ({"code": [SEND]}, "bad_code"),
        ({"properties": {str(number): "" for number in range(51)}}, "too_many_properties"),
    ],
)
def test_what_is_no_run_of_ours(more: dict[str, Any], code: str) -> None:
    with pytest.raises(BadBody) as bad:
        read(**more)
    assert bad.value.code == code


def test_the_longest_token_and_the_most_properties() -> None:
    run = read(event_token=f" {'t' * 255} ", properties={str(number): "x" for number in range(50)})
    assert run.event_token == "t" * 255
    assert len(run.properties) == 50


def test_an_origin_that_is_too_long_is_left_out() -> None:
    run = read(workflow_id="w" * 5000, document_id=["crm", "CCrmDocumentDeal", "DEAL_4182"])
    assert run.origin == {}
    assert run.item == 4182


def test_a_property_that_is_too_deep_is_empty() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    assert read(properties={"text": deep}).properties == {"text": ""}


def _is_sound(run: RunCall) -> bool:
    """Whether it can be kept in the journal."""
    json.dumps([run.properties, run.origin])
    texts = [*run.properties.keys(), *run.properties.values()]
    return run.code in CODES and bool(run.event_token) and all(isinstance(each, str) for each in texts)


@given(st.lists(st.tuples(BRACKETED, WORDS), max_size=12))
def test_whatever_form_comes_is_a_run_or_answered_with_400(pairs: list[tuple[str, str]]) -> None:
    try:
        run = read_run(nested([("event_token", "t"), ("code", SEND), *pairs]), START, CODES)
    except BadBody:
        return
    assert _is_sound(run)


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON | WORDS, max_size=8), st.booleans())
def test_whatever_json_comes_is_a_run_or_answered_with_400(fields: dict[str, Any], named: bool) -> None:
    try:
        run = read_run(fields | ({"event_token": "t", "code": SEND} if named else {}), START, CODES)
    except BadBody:
        return
    assert _is_sound(run)
