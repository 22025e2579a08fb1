"""The gateway's automation rules: how Bitrix24 shows them, and what their properties mean."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..hours import Hours, OpenHours
from ..message import Kind, Refusal
from ..sender_id.name import SENDER_ID
from .moments import DATE_AT, midnight, read_aheads, read_moment, zone_of
from .template import fields_left_in
from .terms import Terms
from .values import event_values

SEND, REMIND = "a1_sms_send", "a1_sms_reminder"
CODES_IN_ORDER = (SEND, REMIND)
CODES = frozenset(CODES_IN_ORDER)
DEFAULT_AHEADS = "1 day, 1 hour"
_YES = ("y", "yes", "1", "true", "да")
# Its fallback is never needed: a reminder is of a date.
_EVENT = re.compile(r"#EVENT_(DATE|TIME|DAY)(?:\|[^#]*)?#", re.IGNORECASE)
_BETWEEN = r"(\s*,?\s*(?:\b(?:в|у|at)\s+)?)"

_DOCUMENTS = [
    ["crm", "CCrmDocumentLead"],
    ["crm", "CCrmDocumentDeal"],
    ["crm", "CCrmDocumentContact"],
    ["crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic"],
]


def _named(ru: str, be: str, en: str) -> dict[str, str]:
    return {"ru": ru, "be": be, "en": en}


_COMMON: dict[str, dict[str, Any]] = {
    "phone": {
        "Name": _named("Получатель", "Атрымальнік", "Recipient"),
        "Description": _named(
            "Номер телефона. Пусто: номер контакта",
            "Нумар тэлефона. Пуста: нумар кантакта",
            "A phone number. Empty: the contact's",
        ),
        "Type": "string",
        "Required": "N",
    },
    "text": {
        "Name": _named("Текст SMS", "Тэкст SMS", "Text of the SMS"),
        "Description": _named(
            "В напоминаниях дату пишите как #EVENT_DATE#, время как #EVENT_TIME#: при переносе они изменятся",
            "У напамінах дату пішыце як #EVENT_DATE#, час як #EVENT_TIME#: пры пераносе яны зменяцца",
            "In reminders write the date as #EVENT_DATE#, the time as #EVENT_TIME#: they move with the date",
        ),
        "Type": "text",
        "Required": "Y",
    },
    "sender_id": {
        "Name": _named("Имя отправителя", "Імя адпраўніка", "Sender ID"),
        "Description": _named(
            "Одобренное A1. Пусто: из настроек шлюза",
            "Ухваленае A1. Пуста: з налад шлюза",
            "Approved by A1. Empty: that of the gateway's configuration",
        ),
        "Type": "string",
        "Required": "N",
    },
    "kind": {
        "Name": _named("Вид SMS", "Від SMS", "Kind of SMS"),
        "Description": _named(
            "Рекламные SMS уходят только тем, кто дал согласие",
            "Рэкламныя SMS ідуць толькі тым, хто даў згоду",
            "Marketing SMS go only to those who have agreed",
        ),
        "Type": "select",
        "Required": "Y",
        "Options": {
            "transactional": "Сервисное (transactional)",
            "marketing": "Рекламное (marketing)",
        },
        "Default": "transactional",
    },
    "wait": {
        "Name": _named("Ждать доставки", "Чакаць дастаўкі", "Wait for delivery"),
        "Description": _named(
            "Следующий робот узнает итоговый статус SMS",
            "Наступны робат даведаецца пра канчатковы статус SMS",
            "The next automation rule learns the final status of the SMS",
        ),
        "Type": "bool",
        "Required": "N",
        "Default": "N",
    },
}
_OF_REMINDERS: dict[str, dict[str, Any]] = {
    "at": {
        "Name": _named("Дата и время события", "Дата і час падзеі", "Date and time of the event"),
        "Description": _named(
            "О чём напомнить: приём, доставка, срок оплаты. Перенос даты переносит и SMS",
            "Пра што нагадаць: прыём, дастаўка, тэрмін аплаты. Перанос даты пераносіць і SMS",
            "What to remind of: a visit, a delivery, a payment. When the date moves, so do the SMS",
        ),
        "Type": "datetime",
        "Required": "Y",
    },
    "ahead": {
        "Name": _named("За сколько напомнить", "За колькі нагадаць", "How long before"),
        "Description": _named(
            "Через запятую: 1 day, 1 hour", "Праз коску: 1 day, 1 hour", "With commas: 1 day, 1 hour"
        ),
        "Type": "string",
        "Required": "N",
        "Default": DEFAULT_AHEADS,
    },
    "field": {
        "Name": _named("Поле с датой", "Поле з датай", "Field with the date"),
        "Description": _named(
            "Код поля, например UF_CRM_VISIT. Пусто: поле с этой же датой найдёт шлюз",
            "Код поля, напрыклад UF_CRM_VISIT. Пуста: поле з гэтай жа датай знойдзе шлюз",
            "The field's code, such as UF_CRM_VISIT. Empty: the gateway finds the field with this date",
        ),
        "Type": "string",
        "Required": "N",
    },
    "urgent": {
        "Name": _named("Отправлять и ночью", "Адпраўляць і ноччу", "Send at night too"),
        "Type": "bool",
        "Required": "N",
        "Default": "N",
    },
}
_RETURNED: dict[str, dict[str, Any]] = {
    "status": {
        "Name": _named("Статус SMS", "Статус SMS", "Status of the SMS"),
        "Type": "string",
    },
    "error": {"Name": _named("Причина отказа", "Прычына адмовы", "Reason of a failure"), "Type": "string"},
    "final_at": {"Name": _named("Время статуса", "Час статусу", "Time of the status"), "Type": "datetime"},
    "segments": {"Name": _named("Частей SMS", "Частак SMS", "Segments"), "Type": "int"},
    "price": {"Name": _named("Цена, BYN", "Кошт, BYN", "Price, BYN"), "Type": "double"},
    "a1_id": {"Name": _named("Номер SMS в A1", "Нумар SMS у A1", "A1's id of the SMS"), "Type": "string"},
    "message_id": {"Name": _named("Номер SMS в шлюзе", "Нумар SMS у шлюзе", "Id of the SMS"), "Type": "string"},
    "phone": {"Name": _named("Номер получателя", "Нумар атрымальніка", "Recipient's number"), "Type": "string"},
}
_PLANNED = {"planned": {"Name": _named("Запланировано SMS", "Запланавана SMS", "Reminders planned"), "Type": "int"}}


def definitions(handler_url: str) -> list[dict[str, Any]]:
    """What `bizproc.robot.add` takes, for each of them."""
    common = {"HANDLER": handler_url, "USE_SUBSCRIPTION": "Y", "FILTER": {"INCLUDE": _DOCUMENTS}}
    return [
        {
            "CODE": SEND,
            **common,
            "NAME": _named("SMS через A1", "SMS праз A1", "SMS through A1"),
            "DESCRIPTION": _named(
                "Отправляет SMS через A1 и при желании ждёт доставки",
                "Адпраўляе SMS праз A1 і пры жаданні чакае дастаўкі",
                "Sends an SMS through A1 and, if wanted, waits until it is delivered",
            ),
            "PROPERTIES": _COMMON,
            "RETURN_PROPERTIES": _RETURNED,
        },
        {
            "CODE": REMIND,
            **common,
            "NAME": _named("SMS-напоминание через A1", "SMS-напамін праз A1", "SMS reminder through A1"),
            "DESCRIPTION": _named(
                "Напоминает о дате: за день, за час. Перенос даты переносит SMS, отмена отменяет",
                "Нагадвае пра дату: за дзень, за гадзіну. Перанос даты пераносіць SMS, адмена адмяняе",
                "Reminds of a date: a day, an hour before. Moves when the date moves, and is dropped with it",
            ),
            "PROPERTIES": _COMMON | _OF_REMINDERS,
            "RETURN_PROPERTIES": _RETURNED | _PLANNED,
        },
    ]


def terms_of(properties: Mapping[str, str]) -> tuple[Terms, Refusal | None]:
    """What a run sends, and why it cannot."""
    sender_id = properties.get("sender_id", "").strip()
    marketing = properties.get("kind", "").strip().lower() == Kind.MARKETING
    fits = not sender_id or SENDER_ID.fullmatch(sender_id) is not None
    terms = Terms(
        properties.get("text", ""),
        Kind.MARKETING if marketing else Kind.TRANSACTIONAL,
        sender_id if sender_id and fits else None,
        properties.get("phone", "").strip(),
    )
    return terms, None if fits else Refusal.BAD_SENDER_ID


def waits(properties: Mapping[str, str]) -> bool:
    """Whether a run's workflow wants to hear of the end of the SMS."""
    return says_yes(properties.get("wait", "")) or properties.get("wait", "").strip().lower() == "final"


def says_yes(value: str) -> bool:
    """Whether a property of the type `bool` is set."""
    return value.strip().lower() in _YES


def hours_of(properties: Mapping[str, str], open_hours: OpenHours) -> Hours | None:
    """When a run's reminders may go out; None: at any time."""
    terms, _ = terms_of(properties)
    return open_hours.of(terms.kind, urgent=says_yes(properties.get("urgent", "")))


def moment_and_aheads(properties: Mapping[str, str]) -> tuple[float, list[float]]:
    """What a run reminds of, and how many seconds ahead; raises `ValueError` with what is wrong."""
    at = properties.get("at", "")
    moment = moment_at(at)
    if moment is None:
        raise ValueError(f"{at[:40]!r} is no date")
    return moment, read_aheads(properties.get("ahead", "").strip() or DEFAULT_AHEADS)


def moment_at(at: str) -> float | None:
    """What a rule was handed over as its date; None: that is none.

    A date without a time comes as its midnight, and means the time of day that such a date means everywhere.
    """
    moment = read_moment(at)
    return moment if moment is None or has_time(at) else midnight(moment, zone_of(at)) + DATE_AT


def has_time(at: str) -> bool:
    """Whether a moment is written with a time of the day."""
    moment = read_moment(at, 0.0)
    return moment is not None and moment != midnight(moment, zone_of(at))


def left_in(code: str, properties: Mapping[str, str]) -> str:
    """The fields of templates in a rule's text, which nobody puts in; empty when there are none.

    Bitrix24 has put its own in, with what customers have typed among them: that must not name others.
    """
    text = properties.get("text", "")
    return fields_left_in(_EVENT.sub("", text) if code == REMIND else text)


def rule_name(properties: Mapping[str, str]) -> str:
    """What runs of the reminder rule have in common that remind the same person of the same thing.

    A deal that comes into its stage once more runs the rule once more, perhaps with another date in the text: nobody
    is to be reminded twice.
    """
    wording = re.sub(r"\d+", "0", " ".join(properties.get("text", "").split())).casefold()
    others = (
        properties.get(name, "").strip().casefold() for name in ("phone", "kind", "sender_id", "field", "urgent")
    )
    aheads = read_aheads(properties.get("ahead", "").strip() or DEFAULT_AHEADS)
    return f"{REMIND}:{hashlib.sha256(repr((wording, *others, aheads)).encode()).hexdigest()[:16]}"


def text_at(properties: Mapping[str, str], moment: float) -> tuple[str, str]:
    """The text of a reminder of `moment`, and what of it is out of date for good; empty when nothing is.

    Bitrix24 has put the document's fields into it when the rule ran: a date that was written out then moves along.
    """
    values = event_values(moment)
    text = _EVENT.sub(lambda mark: values[mark[1].upper()], properties.get("text", ""))
    at = properties.get("at", "").strip()
    original = moment_at(at)
    if original is None or abs(original - moment) < 60:
        return text, ""
    old, new = (datetime.fromtimestamp(each, zone_of(at)) for each in (original, moment))
    if len(at) > len("24.11.2026"):
        text = re.sub(rf"(?<!\d){re.escape(at)}(?!\d)", f"{new:%d.%m.%Y %H:%M}", text)
    day, time = re.escape(f"{old:%d.%m.%Y}"), f"{old:%H:%M}"
    both = re.compile(rf"(?<!\d){day}{_BETWEEN}{time}(?::\d\d)?(?!\d)")
    text = both.sub(lambda found: f"{new:%d.%m.%Y}{found[1]}{new:%H:%M}", text)
    text = re.sub(rf"(?<!\d){day}(?!\d)", f"{new:%d.%m.%Y}", text)
    stale = []
    if old.date() != new.date():
        stale += re.findall(rf"(?<![\d.]){re.escape(f'{old:%d.%m.%y}')}(?!\d|\.\d)", text)
    if f"{old:%d.%m}" != f"{new:%d.%m}":
        stale += re.findall(rf"(?<![\d.]){re.escape(f'{old:%d.%m}')}(?!\d|\.\d)", text)
    if time != f"{new:%H:%M}" and ":" in at:
        stale += re.findall(rf"(?<![\d:]){time}(?!\d)", text)
    return text, ", ".join(dict.fromkeys(stale))
