"""What the portal does not have of that which scenarios name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.automation.checks import faults_of, missing_field
from a1gateway.automation.documents import DocumentReader
from a1gateway.automation.scenarios import scenarios_of
from a1gateway.automation.template import Prefix, Template
from a1gateway.config_sections import Automation, Scenario
from a1gateway.sandbox.crm_fields import CustomField, ListValue

from ..conftest import run
from ..portal_in_memory import PortalInMemory

LEAD, DEAL, CONTACT, COMPANY, CONTRACT = 1, 2, 3, 4, 177
EVENTS: dict[str, dict[str, Any]] = {
    "new": {},
    "stage": {"stage": ["NEW"]},
    "changed": {},
    "date": {"field": "CREATED_TIME"},
    "missed_call": {},
}


@pytest.fixture
def portal(clock: Clock) -> PortalInMemory:
    portal = PortalInMemory(clock)
    portal.crm.empty()
    portal.crm.add_process(CONTRACT, "Договоры")
    for of in (LEAD, DEAL, CONTACT, COMPANY, CONTRACT):
        cities = (ListValue(44, "Минск"), ListValue(45, "Брест"))
        portal.crm.fields[of]["UF_CRM_CITY"] = CustomField(1, "UF_CRM_CITY", "enumeration", values=cities)
        for kind in ("string", "integer", "boolean", "date", "url", "address", "crm_company", "vote", "employee"):
            name = f"UF_CRM_{kind.upper()}"
            portal.crm.fields[of][name] = CustomField(2, name, kind)
    return portal


def faults(portal: PortalInMemory, event: str, of: object = None, text: str = "Т", **more: Any) -> list[str]:
    """What is wrong with one scenario, as `key: text`."""
    section = {"name": "a", "event": event, "text": text, **EVENTS[event], **more}
    if of is not None:
        section["of"] = of
    scenarios = scenarios_of([Scenario.model_validate(section)], Automation())
    reader = DocumentReader(Clock(), portal)
    return [f"{key}: {problem}" for _, key, problem in run(faults_of(reader, scenarios.all))]


@pytest.mark.parametrize(
    ("event", "of", "text"),
    [
        ("new", "lead", "{NAME} {FULL_NAME} {PHONE} #LEAD_PHONE# #LEAD_TITLE# #CONTACT_PHONE# #COMPANY_TITLE#"),
        ("stage", "deal", "#DEAL_TITLE# #LEAD_TITLE# #CONTACT_FULL_NAME# #COMPANY_PHONE# {NAME} {TITLE} {STAGE}"),
        ("changed", "deal", "#DEAL_OPPORTUNITY# #DEAL_CURRENCY# #DEAL_UF_ADDRESS# #DEAL_UF_EMPLOYEE# #DEAL_UF_URL#"),
        ("changed", "contact", "#CONTACT_NAME# #COMPANY_TITLE# #LEAD_TITLE# {PHONE}"),
        ("changed", "company", "#COMPANY_TITLE# #CONTACT_NAME# #LEAD_TITLE# {NAME}"),
        ("new", CONTRACT, "#ITEM_TITLE# #DEAL_TITLE# #LEAD_TITLE# #CONTACT_NAME# #COMPANY_TITLE# {NAME}"),
        ("date", "deal", "#EVENT_DATE# #EVENT_TIME# #EVENT_DAY#"),
        ("missed_call", None, "#CALL_NUMBER# #CALL_LINE# #CALL_DATE# #CALL_TIME# {NAME} {PHONE} #COMPANY_TITLE#"),
        ("missed_call", None, "#CONTACT_NAME|# #ASSIGNED_NAME|#"),
        ("new", "deal", "#ASSIGNED_NAME# #ASSIGNED_LAST_NAME# #ASSIGNED_SECOND_NAME# #ASSIGNED_FULL_NAME#"),
        ("new", "deal", "#ASSIGNED_PHONE# #ASSIGNED_EMAIL# #ASSIGNED_WORK_POSITION# #ASSIGNED_PERSONAL_MOBILE#"),
        ("new", "deal", "#ASSIGNED_WORK_PHONE#"),
    ],
)
def test_what_there_is_can_be_named(portal: PortalInMemory, event: str, of: object, text: str) -> None:
    assert faults(portal, event, of, text) == []


@pytest.mark.parametrize(
    ("event", "of", "text", "problem"),
    [
        ("new", "deal", "#DEAL_TITEL#", "there is no such field; did you mean TITLE?"),
        (
            "new",
            "deal",
            "#ASSIGNED_FOO#",
            "of an employee there are NAME, LAST_NAME, SECOND_NAME, FULL_NAME, PHONE, ",
        ),
        ("missed_call", None, "#CALL_FOO#", "of a call there are NUMBER, LINE, DATE, TIME"),
        ("date", "deal", "#EVENT_FOO#", "of a date there are DATE, TIME, DAY"),
        (
            "new",
            "lead",
            "#DEAL_TITLE#",
            "what this text is about has no DEAL; there are LEAD, CONTACT, COMPANY, ASSI",
        ),
        (
            "changed",
            "contact",
            "#DEAL_TITLE#",
            "what this text is about has no DEAL; there are CONTACT, COMPANY, LEAD",
        ),
        (
            "new",
            "deal",
            "#ITEM_TITLE#",
            "what this text is about has no ITEM; there are DEAL, LEAD, CONTACT, COMPANY",
        ),
        (
            "missed_call",
            None,
            "#LEAD_TITLE#",
            "what this text is about has no LEAD; there are CONTACT, COMPANY, ASSI",
        ),
        (
            "missed_call",
            None,
            "#DEAL_TITLE#",
            "what this text is about has no DEAL; there are CONTACT, COMPANY, ASSI",
        ),
        ("missed_call", None, "{TITLE}", "there is no such field"),
        ("new", "deal", "#DEAL_PHONE#", "there are no phones here; write #CONTACT_PHONE#"),
        ("new", "deal", "{PHONE}", "there are no phones here; write #CONTACT_PHONE#"),
        ("new", CONTRACT, "#ITEM_PHONE#", "there are no phones here; write #CONTACT_PHONE#"),
        ("new", "deal", "#DEAL_FULL_NAME#", "there is no such field"),
        ("changed", "company", "#COMPANY_FULL_NAME#", "there is no such field"),
        (
            "new",
            "deal",
            "#DEAL_COMPANY#",
            "a field of the type crm_company cannot be written in an SMS; write #COMPANY_TITLE#",
        ),
        ("new", "deal", "#DEAL_CATEGORY#", "a field of the type crm_category cannot be written in an SMS"),
        ("new", "deal", "#DEAL_UF_VOTE#", "a field of the type vote cannot be written in an SMS"),
        ("new", "deal", "{UF_VOTE}", "a field of the type vote cannot be written in an SMS"),
        ("new", "deal", "#CALL_TIME#", 'only event = "missed_call" knows a call'),
        ("changed", "deal", "#EVENT_DATE#", 'only event = "date" knows a date to remind of'),
        ("missed_call", None, "#EVENT_DATE#", 'only event = "date" knows a date to remind of'),
    ],
)
def test_a_text_that_names_what_there_is_not(
    portal: PortalInMemory, event: str, of: object, text: str, problem: str
) -> None:
    (fault,) = faults(portal, event, of, text)
    assert fault.startswith(f"text: {text}: {problem}")


class WithoutClients(PortalInMemory):
    """Its smart processes have no clients, as their settings say in Bitrix24."""

    def _answer(self, method: str, parameters: Mapping[str, Any]) -> Any:
        answer = super()._answer(method, parameters)
        if method == "batch" and f"f{CONTRACT}" in answer["result"]:
            for name in ("contactId", "contactIds", "companyId"):
                del answer["result"][f"f{CONTRACT}"]["fields"][name]
        return answer


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#CONTACT_NAME#", "what this text is about has no CONTACT; there are ITEM, DEAL, LEAD, ASSIGNED"),
        ("#COMPANY_TITLE#", "what this text is about has no COMPANY; there are ITEM, DEAL, LEAD, ASSIGNED"),
        ("{NAME}", "there is no such field"),
    ],
)
def test_a_smart_process_without_clients_has_none(clock: Clock, text: str, problem: str) -> None:
    portal = WithoutClients(clock)
    portal.crm.add_process(CONTRACT, "Договоры")
    (fault,) = faults(portal, "new", CONTRACT, text)
    assert fault.startswith(f"text: {text}: {problem}")


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ({"UF_CITY": "Минск"}, None),
        ({"UF_CITY": ["минск", "45", ""]}, None),
        ({"UF_CITY": ["Минск", "Гродно"]}, 'UF_CITY has no value "Гродно"; there are Минск, Брест'),
        ({"UF_CITY": "Миснк"}, 'UF_CITY has no value "Миснк"; did you mean Минск?'),
        ({"UF_CITY": "4"}, 'UF_CITY has no value "4"; there are Минск, Брест'),
        ({"SOURCE_ID": ["WEB", "веб-сайт"]}, None),
        ({"SOURCE": "FAX"}, 'SOURCE has no value "FAX"; there are Звонок, Веб-сайт, По рекомендации'),
        ({"UF_BOOLEAN": ["да", "Y", "1"]}, None),
        ({"UF_BOOLEAN": "yes"}, 'UF_BOOLEAN has no value "yes"; there are да, нет'),
        ({"UF_STRING": "что угодно"}, None),
        ({"UF_COMPANY": "5"}, "there is no field UF_COMPANY"),
        ({"COMPANY_ID": "5"}, None),
        ({"STAGE_ID": "C9:NEW"}, None),
    ],
)
def test_a_condition_that_nothing_ever_fulfils(
    portal: PortalInMemory, when: dict[str, Any], problem: str | None
) -> None:
    assert faults(portal, "new", "deal", when=when) == ([] if problem is None else [f"when: {problem}"])


@pytest.mark.parametrize(
    ("event", "of", "to", "problem"),
    [
        ("new", "deal", "+375291112233", None),
        ("new", "deal", "UF_CRM_STRING", None),
        ("new", "deal", "uf_integer", None),
        ("new", "deal", "UF_CITY", None),
        ("new", "lead", "PHONE", None),
        ("missed_call", None, "PHONE", None),
        ("new", "deal", "PHONE", "there are no phones here; leave it out, and the contact's number is taken"),
        ("new", "deal", "UF_CRM_PHONE", "there is no field UF_CRM_PHONE"),
        ("new", "deal", "FULL_NAME", "there is no field FULL_NAME"),
        (
            "new",
            "deal",
            "UF_DATE",
            "UF_DATE is a field of the type date, which holds no phone number; name one that holds text",
        ),
        (
            "new",
            "deal",
            "COMPANY_ID",
            "COMPANY_ID is a field of the type crm_company, which holds no phone number; name one that holds text",
        ),
    ],
)
def test_a_recipient_that_has_no_number(
    portal: PortalInMemory, event: str, of: object, to: str, problem: str | None
) -> None:
    assert faults(portal, event, of, to=to) == ([] if problem is None else [f"to: {problem}"])


@pytest.mark.parametrize(
    ("of", "more", "problem"),
    [
        ("deal", {"field": "UF_DATE"}, None),
        ("deal", {"field": "UF_STRING"}, "field: UF_STRING is no field with a date"),
        (31_000, {}, "of: the portal has no type of documents with the number 31000"),
    ],
)
def test_a_date_or_a_type_that_there_is_not(
    portal: PortalInMemory, of: object, more: dict[str, Any], problem: str | None
) -> None:
    assert faults(portal, "date", of, **more) == ([] if problem is None else [problem])


@pytest.mark.parametrize("prefix", Prefix)
def test_every_kind_of_field_is_judged(portal: PortalInMemory, prefix: Prefix) -> None:
    """Whatever is named, and whatever the text is about."""
    described = run(DocumentReader(Clock(), portal).described({LEAD, DEAL, CONTACT, COMPANY, CONTRACT}))
    (placeholder,) = Template.read(f"#{prefix}_NOBODY_HAS#").placeholders
    for of in (None, LEAD, DEAL, CONTACT, COMPANY, CONTRACT):
        problem = missing_field(placeholder, of, described)
        assert problem is not None
        assert problem.startswith(f"#{prefix}_NOBODY_HAS#: ")
