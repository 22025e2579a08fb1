"""A marketing campaign within Bitrix24's published limits, and what it cost of them.

`make campaign-proof` runs it with 10,000 messages, of which a third go to people who have not agreed; the test suite
runs a short one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .processes import Warden, eventually
from .stack import Stack

FIELD = "UF_CRM_SMS_CONSENT"
CONSENT = {"contact_field": FIELD}
LIMITS = {"requests_per_second": 2, "burst": 50}
_TEXT = "Скидка 20% до воскресенья"


@dataclass(frozen=True)
class Figures:
    """What a campaign came to."""

    agreed: int
    reached: int
    """How many got it, each once."""
    strangers: int
    """How many got it who had not agreed."""
    requests: int
    """To the portal, for consents and statuses together."""
    refused_for_rate: int
    reminder_after: float
    """Seconds until a transactional message, sent in the middle, was at A1."""
    seconds: float
    """Until the portal was told of every one."""


def with_the_field(stack: Stack) -> Stack:
    """The portal's contacts have a field of consent, and there are none."""
    stack.portal.ask("POST", "crm/reset")
    stack.portal.ask("POST", "crm/field", {"entityTypeId": 3, "name": FIELD, "type": "boolean"})
    return stack


def campaign(stack: Stack, count: int, *, per_second: float, within: float) -> Figures:
    """Send a mailing to `count` contacts, a third of whom have not agreed, and wait `within` seconds for its end."""
    with_the_field(stack)
    stack.started()
    stack.portal.set(**LIMITS, marketing_id_delay=1.0)
    agreed: set[str] = set()
    for index in range(count):
        # They end in figures with which the simulated A1 delivers.
        number = f"+37529{4000 + index // 80:05}{index % 80 + 10:02}"
        agrees = index % 3 != 0
        contact = {"entityTypeId": 3, "phones": [number], "fields": {FIELD: "Y" if agrees else "N"}}
        stack.portal.ask("POST", "crm/item", contact)
        if agrees:
            agreed.add(number)
    numbers = [item["phones"][0]["value"] for item in stack.portal.ask("GET", "crm/items?entityTypeId=3")]
    before = Counter(stack.portal.ask("GET", "requests"))
    begun = time.monotonic()
    stack.portal.ask("POST", "campaign", {"text": _TEXT, "numbers": numbers, "per_second": per_second})
    time.sleep(count / per_second / 2)
    reminder, sent_at = stack.send("+375299999910", text="Ваш врач ждёт вас завтра"), time.monotonic()
    eventually(lambda: stack.sms(reminder) or None, within, "a reminder in the middle reaches A1")
    reminder_after = time.monotonic() - sent_at

    def all_told() -> bool:
        time.sleep(count / 10_000)
        return all(row["history"] for row in stack.portal.messages())

    eventually(all_told, within, "the portal is told of all of them")
    seconds = time.monotonic() - begun
    spent = _spent(before, stack.portal.ask("GET", "requests"))
    got = Counter(f"+{message['msisdn'].lstrip('+')}" for message in stack.a1.messages() if message["text"] == _TEXT)
    return Figures(
        agreed=len(agreed),
        reached=sum(got[number] == 1 for number in agreed),
        strangers=len(set(got) - agreed),
        requests=sum(times for method, times in spent.items() if not method.startswith(("batch/", "refused/"))),
        refused_for_rate=spent["refused/rate"],
        reminder_after=reminder_after,
        seconds=seconds,
    )


def _spent(before: Counter[str], after: Mapping[str, int]) -> Counter[str]:
    return Counter(after) - before


def main() -> int:
    """`make campaign-proof`: print the figures; 1 when one of them is not as promised."""
    parser = argparse.ArgumentParser(prog="make campaign-proof", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=300.0, help="calls of the portal's queue servers")
    given = parser.parse_args()
    warden = Warden()
    try:
        with tempfile.TemporaryDirectory() as directory:
            stack = Stack(warden, Path(directory) / "campaign", consent=CONSENT, bitrix24=LIMITS)
            figures = campaign(stack, given.messages, per_second=given.per_second, within=900)
    finally:
        warden.close()
    sys.stdout.write(f"{figures}\n")
    most = given.messages * 0.026
    well = figures.reached == figures.agreed and not figures.strangers and not figures.refused_for_rate
    return 0 if well and figures.requests < most and figures.reminder_after < 2 else 1


if __name__ == "__main__":
    sys.exit(main())
