"""Who would get a campaign, what it would cost and how long it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.carriers.a1answers import Cost
from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.config_sections import A1, A1Callback, A1Http, A1Smpp, Consent
from a1gateway.contact_base.campaign import (
    Campaign,
    Recipients,
    check,
    contacts_of,
    numbers_of,
    price_of,
    told,
)
from a1gateway.contact_base.pages import BaseReader
from a1gateway.contact_base.patience import Patience
from a1gateway.contact_base.progress import Progress
from a1gateway.hours import Hours, end_of
from a1gateway.journal.consents import GRANTED
from a1gateway.normalize import numbers_in
from a1gateway.text import segments

from .conftest import START, run
from .crm_in_memory import CONTACT, LEAD, CrmInMemory
from .test_contact_base_pages import awaited

HTTP = A1(
    http=A1Http(
        url="https://a1.example/api/", user="375291234567", apikey=SecretStr("key"), requests_per_second=10.0
    ),
    callback=A1Callback(secret=SecretStr("a-secret-for-the-callback-of-a1")),
)
SMPP = A1(
    transport="smpp",
    smpp=A1Smpp(
        host="smpp.example.by", port=2775, system_id="shop", password=SecretStr("pass"), messages_per_second=50.0
    ),
)
CONSENT = Consent(contact_field="UF_CRM_SMS_CONSENT")
TEXT = "Скидки до 50%"


class Desk:
    """Everybody has agreed, but those who are named."""

    def __init__(self, refused: Mapping[str, str | None] | None = None, *troubles: PortalTrouble) -> None:
        self.refused = refused or {}
        self.troubles = list(troubles)
        self.asked: list[int] = []

    async def consents(self, numbers: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(len(numbers))
        if self.troubles:
            raise self.troubles.pop(0)
        said = {number: self.refused.get(number, GRANTED) for number in numbers}
        return {number: word for number, word in said.items() if word is not None}


class Prices:
    """A message costs so much; A1 refuses some numbers."""

    def __init__(self, price: str = "0.045", *refused: str, trouble: LinkTrouble | None = None) -> None:
        self.price = Decimal(price)
        self.refused = refused
        self.trouble = trouble
        self.asked: list[int] = []

    async def cost(self, text: str, numbers: Sequence[str]) -> Cost:
        self.asked.append(len(numbers))
        if self.trouble is not None:
            raise self.trouble
        refused = sum(number in self.refused for number in numbers)
        taken = len(numbers) - refused
        return Cost(self.price * segments(text) * taken, taken, {"stop_list": refused} if refused else {})


def checked(
    recipients: Recipients,
    text: str = TEXT,
    *,
    a1: A1 = HTTP,
    consent: Consent | None = CONSENT,
    desk: Desk | None = None,
    prices: Prices | None = None,
    exact: bool = False,
) -> Campaign:
    clock = Clock()
    result: Campaign = awaited(
        clock,
        check(
            text,
            recipients,
            a1=a1,
            consent=consent,
            desk=desk or Desk(),
            prices=prices,
            exact=exact,
            patience=Patience(clock, 60),
            progress=Progress(StringIO(), clock.seconds),
            now=START,
        ),
    )
    return result


def many(count: int) -> list[str]:
    return [f"+37529{number:07}" for number in range(1_000_000, 1_000_000 + count)]


def test_everything_is_told_before_money_is_spent() -> None:
    source = StringIO(
        "phone;name\n8 029 111-22-33;А\n+375291112233;Б\n80171234567;В\n+375291112244;Г\n29 111 22 55;Д\n"
    )
    desk = Desk({"+375291112244": "no_consent", "+375291112255": "stop_list"})
    campaign = checked(numbers_of(numbers_in(source)), desk=desk, prices=Prices())
    assert list(told(campaign)) == [
        "text: 13 characters, alphabet ucs2, segments a message: 1",
        "recipients read: 5",
        "would get it: 1",
        "refused: 4",
        "  fixed_line: 1",
        "  no_consent: 1",
        "  repeated_number: 1",
        "  stop_list: 1",
        "price: 0.05 BYN (0.0450 BYN a message)",
        "time: about 1 s at up to 4,000 messages a second (a1.http.requests_per_second, consent.share);"
        " begun now it is over at 03:00 on 22.11.2026 in Minsk",
    ]


def test_of_each_contact_the_first_mobile_number_counts() -> None:
    crm = CrmInMemory()
    crm.put(CONTACT, 1, "8 017 212-34-56", "8 029 111-22-33", "+375291112244")
    crm.put(CONTACT, 2, "+375 29 111-22-33")
    crm.put(CONTACT, 3, "8 017 212-34-56", "уточнить")
    crm.put(CONTACT, 4)
    crm.put(LEAD, 5, "+375291112255")
    clock = Clock()
    reader = BaseReader(clock, crm, Patience(clock, 0))
    recipients = run(contacts_of(reader, Progress(StringIO(), clock.seconds)))
    assert recipients.read == 4
    assert list(recipients.numbers) == ["+375291112233"]
    assert recipients.refused == {"repeated_number": 1, "fixed_line": 1, "no_number": 1}


def test_consents_are_asked_for_in_groups_and_again_when_the_portal_was_away() -> None:
    desk = Desk({many(1)[0]: None}, PortalTrouble("away"))
    campaign = checked(numbers_of(many(1200)), desk=desk, prices=Prices())
    assert desk.asked == [500, 500, 500, 200]
    assert campaign.would_get == 1199
    assert campaign.recipients.refused == {"consent_unknown": 1}


def test_a_portal_that_stays_away_ends_it() -> None:
    with pytest.raises(PortalTrouble):
        checked(numbers_of(many(1)), desk=Desk(None, *[PortalTrouble("away")] * 50))


def test_a_test_segment_refuses_the_others_unasked() -> None:
    desk = Desk()
    consent = CONSENT.model_copy(update={"test_numbers": [many(3)[1], "+375297777777"]})
    campaign = checked(numbers_of(many(3)), consent=consent, desk=desk)
    assert (campaign.would_get, desk.asked) == (1, [1])
    assert campaign.recipients.refused == {"not_a_test_number": 2}


@pytest.mark.parametrize(
    ("text", "consent", "reason"),
    [(TEXT, None, "marketing_disabled"), (" \n", CONSENT, "empty_text"), ("я" * 671, CONSENT, "too_long")],
)
def test_what_refuses_all_is_not_asked_for(text: str, consent: Consent | None, reason: str) -> None:
    desk, prices = Desk(), Prices()
    campaign = checked(numbers_of(many(2)), text, consent=consent, desk=desk, prices=prices)
    assert (campaign.would_get, desk.asked, prices.asked) == (0, [], [])
    assert list(told(campaign))[1:] == ["recipients read: 2", "would get it: 0", "refused: 2", f"  {reason}: 2"]


def test_the_price_of_many_is_that_of_five_hundred_of_them() -> None:
    prices = Prices()
    campaign = checked(numbers_of(many(10_000)), prices=prices)
    assert prices.asked == [500]
    assert "price: 450.00 BYN (about, by A1's price for 500 of them; 0.0450 BYN a message)" in list(told(campaign))


def test_the_exact_price_is_asked_for_all_and_counts_what_a1_refuses() -> None:
    prices = Prices("0.045", *many(3))
    campaign = checked(numbers_of(many(1100)), prices=prices, exact=True)
    assert prices.asked == [500, 500, 100]
    lines = list(told(campaign))
    assert lines[2:5] == ["would get it: 1,097", "refused: 3", "  stop_list: 3"]
    # 49.365, half a kopeck up.
    assert lines[5] == "price: 49.37 BYN (0.0450 BYN a message)"
    assert lines[6] == "of the 1,100 asked for, A1 would refuse 3: stop_list 3"


@given(st.integers(1, 3000), st.booleans())
def test_an_estimate_is_what_all_would_cost(count: int, exact: bool) -> None:
    price = run(price_of(TEXT, many(count), Prices("0.0333"), exact=exact))
    assert price.amount == Decimal("0.0333") * count
    assert price.exact is (exact or count <= 500)


def test_nobody_whom_a1_takes_is_nobody() -> None:
    campaign = checked(numbers_of(many(2)), prices=Prices("0.045", *many(2)))
    assert campaign.would_get == 0
    assert "price: 0.00 BYN (0 BYN a message)" in list(told(campaign))


def test_a_price_that_is_not_known_is_said_with_its_reason() -> None:
    away = Prices(trouble=LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused"))
    assert "price: not known: A1 cannot be reached: refused" in list(told(checked(numbers_of(many(1)), prices=away)))
    over_smpp = list(told(checked(numbers_of(many(1)), a1=SMPP)))
    assert "price: not known: A1 tells prices over its HTTP API alone, and a1.transport is smpp" in over_smpp


def test_over_smpp_parts_are_counted() -> None:
    consent = CONSENT.model_copy(update={"share": 0.5})
    lines = list(told(checked(numbers_of(many(3000)), "я" * 71, a1=SMPP, consent=consent)))
    assert lines[0].endswith("segments a message: 2; 1 character fewer would be one segment fewer")
    # 50 parts a second, of which half: 12.5 messages of two.
    assert lines[-1].startswith("time: about 4 min at up to 12.5 messages a second")


def test_without_a_rate_there_is_no_time() -> None:
    assert SMPP.smpp is not None
    free = SMPP.model_copy(update={"smpp": SMPP.smpp.model_copy(update={"messages_per_second": 0.0})})
    lines = list(told(checked(numbers_of(many(1)), a1=free)))
    assert lines[-1].startswith("time: no rate is configured (a1.smpp.messages_per_second")


# START is three o'clock in Minsk.
HOUR = 3600.0


@pytest.mark.parametrize(
    ("hours", "seconds", "end"),
    [
        (None, 600, 600),
        (Hours.read("09:00-21:00"), 600, 6 * HOUR + 600),
        (Hours.read("09:00-21:00"), 12 * HOUR, 18 * HOUR),
        (Hours.read("09:00-21:00"), 13 * HOUR, 31 * HOUR),
        (Hours.read("02:00-04:00"), 5 * HOUR, 49 * HOUR),
        (Hours.read("22:00-04:00"), 2 * HOUR, 20 * HOUR),
    ],
)
def test_a_campaign_goes_on_the_next_day(hours: Hours | None, seconds: float, end: float) -> None:
    assert end_of(START, seconds, hours) == START + end


@given(st.lists(st.one_of(st.text(max_size=5), st.integers(0, 5).map(lambda end: f"8029111223{end}"))))
def test_every_number_is_counted_once(received: list[str]) -> None:
    desk = Desk({"+375291112231": "no_consent"})
    campaign = checked(numbers_of(received), desk=desk)
    assert campaign.recipients.read == len(received)
    assert campaign.would_get + campaign.recipients.refused.total() == len(received)
    assert all(count > 0 for count in Counter(campaign.recipients.refused).values())
