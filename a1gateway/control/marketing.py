"""What the commands ask about marketing: choices, evidence, consents, the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..bitrix24.consent import ConsentCheck, fault_of
from ..bitrix24.consent_field import NoSuchField, describe
from ..carriers.a1http import A1HttpCarrier
from ..errors import GatewayError
from ..interfaces import IPortal
from ..journal import Journal
from ..journal.consents import GRANTED, NO_CONSENT
from ..message import Choice, ChoiceSource, Refusal
from ..metrics import Metrics
from ..receipts import Receipts
from .operations import Operation


def cost_operation(carrier: A1HttpCarrier, sender_id: str | None) -> Operation:
    """What A1 would charge for SMS: marketing from `sender_id`, unless another is named."""

    async def cost(given: dict[str, Any]) -> Any:
        found = await carrier.cost(
            str(given["text"]), [str(each) for each in given["numbers"]], given.get("sender_id") or sender_id
        )
        return {"amount": str(found.amount), "messages": found.messages, "refused": dict(found.refused)}

    return cost


def marketing_operations(
    clock: IReactorTime,
    journal: Journal,
    portal: IPortal,
    receipts: Receipts,
    metrics: Metrics,
    check: ConsentCheck | None,
    *,
    on_choice: Callable[[], None],
) -> dict[str, Operation]:
    """`check` is None while marketing is not configured; `on_choice`: one may have to be written into the CRM."""

    def configured() -> ConsentCheck:
        if check is None:
            raise GatewayError("there is no section [consent] in the configuration that the daemon runs with")
        return check

    async def choose(given: dict[str, Any]) -> Any:
        choice = Choice(given["choice"])
        source = ChoiceSource.OPERATOR
        changes = await journal.choose(
            str(given["number"]), choice, source, str(given.get("note", "")), clock.seconds()
        )
        receipts.announce(changes)
        metrics.count(metrics.choices, str(choice), str(source))
        on_choice()
        return {"ended": len(changes)}

    async def evidence(given: dict[str, Any]) -> Any:
        return await journal.evidence(str(given["number"]))

    async def stopped(given: dict[str, Any]) -> Any:
        return sorted(await journal.stopped([str(each) for each in given["numbers"]]))

    async def consents(given: dict[str, Any]) -> Any:
        numbers = [str(each) for each in given["numbers"]]
        on_the_list = await journal.stopped(numbers)
        verdicts = await configured().verdicts([each for each in numbers if each not in on_the_list])
        return dict.fromkeys(on_the_list, str(Refusal.STOP_LIST)) | {
            number: GRANTED if verdict.granted else NO_CONSENT for number, verdict in verdicts.items()
        }

    async def field(given: dict[str, Any]) -> Any:
        found = await describe(portal, str(given["name"]))
        if check is not None:
            # It may have been made just now.
            check.renew()
        missing = isinstance(found, NoSuchField)
        return {"name": found.name, "missing": missing, "fault": fault_of(found)}

    return {
        "marketing.choose": choose,
        "marketing.evidence": evidence,
        "marketing.stopped": stopped,
        "marketing.consents": consents,
        "marketing.field": field,
    }
