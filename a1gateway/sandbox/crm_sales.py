"""What the simulated leads, deals and smart processes have beside contacts: stages, amounts, who is responsible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEAD, DEAL = 1, 2
FIRST_SMART_PROCESS = 128
NOBODY = 1
"""The user who is responsible unless another is named: the installer."""


@dataclass(frozen=True, slots=True)
class Status:
    """An entry of one of the CRM's lists; `semantics` is `S` for a success, `F` for a failure, else empty."""

    entity_id: str
    status_id: str
    name: str
    semantics: str = ""


@dataclass(slots=True)
class Sales:
    """The part of an item that moves through stages; times in Unix seconds, `opportunity` as REST writes it."""

    stage: str
    moved: float = 0.0
    previous_stage: str = ""
    category: int = 0
    opportunity: str = "0"
    currency: str = "BYN"
    assigned: int = NOBODY
    source: str = ""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """An entry of the history of stages; `type` 1: the item was made, 2: moved, 3: made or moved into a final one."""

    id: int
    entity_type: int
    owner: int
    type: int
    at: float
    category: int
    stage: str
    semantics: str


@dataclass(frozen=True, slots=True)
class SmartProcess:
    """A type of items of the portal's own."""

    entity_type: int
    title: str
    has_client: bool = True
    has_stages: bool = True


_DEAL_STAGES = (
    ("NEW", "Новая", ""),
    ("PREPARATION", "Подготовка документов", ""),
    ("PREPAYMENT_INVOICE", "Ожидает оплаты", ""),
    ("EXECUTING", "В работе", ""),
    ("FINAL_INVOICE", "Финальный счёт", ""),
    ("WON", "Сделка успешна", "S"),
    ("LOSE", "Сделка провалена", "F"),
    ("APOLOGY", "Отменён", "F"),
)
_LEAD_STAGES = (
    ("NEW", "Не обработан", ""),
    ("IN_PROCESS", "В работе", ""),
    ("CONVERTED", "Качественный лид", "S"),
    ("JUNK", "Некачественный лид", "F"),
)
_SMART_STAGES = (
    ("NEW", "Начало", ""),
    ("PREPARATION", "Подготовка", ""),
    ("SUCCESS", "Успех", "S"),
    ("FAIL", "Провал", "F"),
)
_SOURCES = (("CALL", "Звонок"), ("WEB", "Веб-сайт"), ("RECOMMENDATION", "По рекомендации"))
SALES_PIPELINE = 5
"""The second pipeline of deals."""


def statuses(processes: Mapping[int, SmartProcess]) -> list[Status]:
    """All lists of the CRM."""
    found = [Status("STATUS", *each) for each in _LEAD_STAGES]
    found += [Status("DEAL_STAGE", *each) for each in _DEAL_STAGES]
    found += [
        Status(f"DEAL_STAGE_{SALES_PIPELINE}", f"C{SALES_PIPELINE}:{stage}", name, semantics)
        for stage, name, semantics in _DEAL_STAGES
    ]
    for of in (number for number, each in processes.items() if each.has_stages):
        found += [
            Status(f"DYNAMIC_{of}_STAGE_1", f"DT{of}_1:{stage}", name, semantics)
            for stage, name, semantics in _SMART_STAGES
        ]
    return found + [Status("SOURCE", code, name) for code, name in _SOURCES]


def first_stage(entity_type: int) -> str:
    """The stage that a new item begins in."""
    return f"DT{entity_type}_1:NEW" if entity_type >= FIRST_SMART_PROCESS else "NEW"


def stage_list(entity_type: int, category: int) -> str:
    """The list that an item's stages are of."""
    if entity_type == LEAD:
        return "STATUS"
    if entity_type == DEAL:
        return f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"
    return f"DYNAMIC_{entity_type}_STAGE_1"


def has_sales(entity_type: int) -> bool:
    """Whether items of a type move through stages."""
    return entity_type in (LEAD, DEAL) or entity_type >= FIRST_SMART_PROCESS
