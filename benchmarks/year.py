"""A journal of a year, for what people look at: many kinds of messages, senders, scenarios, operators and ends.

Made up row by row, always the same for the same number of messages; a busy shop's: working days and hours, more from
month to month, a campaign every week. Its statistics are not counted yet.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count
from pathlib import Path
from random import Random
from typing import Any

from a1gateway.journal import Store
from a1gateway.journal.campaigns import State
from a1gateway.journal.origins import items_of, sent_by
from a1gateway.message import Kind, Source, Stage, Status, custom_id
from a1gateway.text import segments

from .filling import filled, insert, kept, schema_of

END = 1_796_072_400.0
"""The end of the year: a midnight in Minsk, in seconds since the epoch."""
DAYS = 365
HOUR = 3600.0

_SEED = 375
_CUSTOMERS = 80_000
_ITEMS = 300_000
_MARKETING = 0.25
_DAYS_BETWEEN_CAMPAIGNS = 7
# Messages a second.
_PACE_OF_A_CAMPAIGN = 20.0
_AT_ONCE = 10_000
# For so much of the time A1 had not approved the Sender ID.
_WITHOUT_SENDER_ID = 0.2
# Of the day, in Minsk: most is sent while people work.
_OF_HOURS = (1, 1, 1, 1, 1, 2, 4, 10, 30, 70, 90, 90, 80, 75, 80, 85, 85, 75, 60, 45, 30, 15, 6, 2)
_OF_WEEKDAYS = (1.1, 1.0, 1.0, 1.05, 1.2, 0.6, 0.4)
# Prefixes with the share of the customers, and what half of the deliveries take there, in seconds.
_PREFIXES = {
    "291": 14, "293": 6, "296": 14, "299": 4, "44": 9,
    "292": 10, "295": 8, "297": 8, "298": 4, "33": 12,
    "255": 2, "256": 4, "257": 2, "259": 3,
}  # fmt: skip
_MEDIANS = {"25": 9.0, "33": 6.0, "44": 4.0}
_SPELLINGS = ("+375{}", "375{}", "+375 {}", "80{}", "8 0{}", "+375 ({})")
_PRICE = {Kind.TRANSACTIONAL: 45_000, Kind.MARKETING: 62_000}

_REFUSED_AT_THE_DOOR = ("not_a_number", "foreign", "fixed_line", "too_short", "empty_number", "several_numbers")
_REFUSED_BY_A1 = ("stop_list", "bad_recipient", "gateway_fault", "duplicate")

_Row = dict[str, Any]
_Origin = Callable[[int, int], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Sender:
    """Somebody or something that sends messages; the origin is made of a deal and a contact."""

    share: int
    origin: _Origin
    texts: Sequence[str]


def _scenario(share: int, name: str, *texts: str) -> _Sender:
    return _Sender(share, lambda deal, contact: {"scenario": name, "document": f"deal:{deal}"}, texts)


def _rule(share: int, code: str, *texts: str) -> _Sender:
    document = ("crm", "CCrmDocumentDeal", "DEAL_{}")
    return _Sender(
        share,
        lambda deal, contact: {"code": code, "document_id": [each.format(deal) for each in document]},
        texts,
    )


_SENDERS = (
    _Sender(
        14,
        lambda deal, contact: {
            "module_id": "crm",
            "code": "a1sms_by",
            "bindings": [
                {"OWNER_TYPE_ID": "2", "OWNER_ID": str(deal)},
                {"OWNER_TYPE_ID": "3", "OWNER_ID": str(contact)},
            ],
        },
        (
            "Добрый день! По заказу {0} менеджер перезвонит вам сегодня",
            "Здравствуйте! Не смогли до вас дозвониться по заказу {0}, перезвоните, пожалуйста, на +375 17 200-00-00",
            "OK, {0}",
            "Отправили счёт {0} на почту. Если письма нет, проверьте папку «Спам» или ответьте, вышлем ещё раз",
        ),
    ),
    _Sender(
        16,
        lambda deal, contact: {"module_id": "bizproc", "document_id": ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]},
        (
            "Заказ {0} принят. Спасибо!",
            "Заказ {0} передан в доставку, курьер позвонит за час",
            "Your order {0} has been shipped. Track it at example.by/t/{0}",
        ),
    ),
    _rule(10, "a1_sms_send", "Ваш код: {0}. Никому его не сообщайте", "Код подтверждения {0}"),
    _rule(6, "a1_sms_reminder", "Напоминаем: завтра в 10:30 ждём вас на примерку по заказу {0}, ул. Немига, 5"),
    _scenario(
        14, "order_ready", "Заказ {0} готов, ждём вас до 20:00", "Заказ {0} готов к выдаче: ТЦ «Замок», 2 этаж"
    ),
    _scenario(9, "visit", "Ждём вас завтра в 12:00. Если планы изменились, ответьте на сообщение или позвоните: {0}"),
    _scenario(7, "missed_call", "Вы звонили нам, а мы не ответили. Перезвоним в ближайшее время. Заявка {0}"),
    _scenario(8, "payment", "Оплата по заказу {0} получена, спасибо", "Счёт {0} ждёт оплаты до конца недели"),
    _scenario(5, "delivery", "Курьер уже в пути с заказом {0}, будет у вас в течение часа. Хорошего дня!"),
    _scenario(3, "birthday", "С днём рождения! Дарим скидку 10 % на любую покупку в течение недели. Промокод {0}"),
    _scenario(3, "after_sale", "Как вам покупка? Оцените заказ {0} по ссылке example.by/o/{0}, это займёт минуту"),
    _scenario(3, "new_deal", "Заявка {0} принята"),
    _Sender(2, lambda deal, contact: {"module_id": "telephony"}, ("Заявка {0}",)),
)
_MAILING = _Sender(
    0,
    lambda deal, contact: {"module_id": "sender", "code": "a1sms_by"},
    (
        "Скидки до 50 % на зимнюю коллекцию только до воскресенья! Подробности: example.by/s{0}. Отказ: СТОП",
        "Чёрная пятница в «Мой магазин»: минус 30 % на всё. Отказ: СТОП",
        "Новая коллекция уже в магазинах. Покажите это сообщение на кассе и получите подарок. Отказ: СТОП. Код {0}",
    ),
)


def year_of(count_: int, folder: Path, cache: Path) -> Path:
    """A journal of a year with so many messages, from `cache` where it is there already; `folder` is for working."""
    empty = folder / "empty.sqlite3"
    store = Store(f"sqlite:///{empty}")
    store.prepare()
    store.close()

    def make(file: Path) -> None:
        unfinished = Store(f"sqlite:///{file}")
        unfinished.prepare()
        unfinished.close()
        with filled(file) as connection:
            write(connection, count_)

    made = kept(cache, "year", count_, schema_of(empty) + Path(__file__).read_bytes(), make)
    empty.unlink()
    return made


def write(connection: sqlite3.Connection, count_: int, *, end: float = END, days: int = DAYS) -> None:
    """Write so many messages of the days before `end`, a midnight in Minsk."""
    _Year(connection, count_, end, days).write()


@dataclass
class _Year:
    """What is being written."""

    connection: sqlite3.Connection
    count: int
    end: float
    days: int
    random: Random = field(default_factory=lambda: Random(_SEED))  # noqa: S311  # no secret
    rows: dict[str, list[_Row]] = field(default_factory=lambda: defaultdict(list))
    later: list[tuple[float, int, _Row]] = field(default_factory=list)
    """Records of the history that are to come, with their times and numbers that keep their order."""
    seen: set[tuple[str, str]] = field(default_factory=set)
    """Who has sent messages, and under which Sender IDs."""
    campaigns: dict[int, _Row] = field(default_factory=dict)
    lines: Iterator[int] = field(default_factory=lambda: count(1))
    records: Iterator[int] = field(default_factory=lambda: count(1))

    def write(self) -> None:
        """All of it."""
        self._customers = [self._customer() for _ in range(_CUSTOMERS)]
        bounds = list(accumulate(each.share for each in _SENDERS))
        for number, (received_at, campaign) in enumerate(self._arrivals(), 1):
            sender = _MAILING if campaign else _SENDERS[bisect(bounds, self.random.random() * bounds[-1])]
            self._message(number, received_at, sender, campaign)
            self._come_to(received_at)
            if number % _AT_ONCE == 0:
                self._flush()
        self._come_to(float("inf"))
        self.rows["campaigns"] = list(self.campaigns.values())
        self.rows["message_sources"] = [{"sent_by": by, "sender_id": under} for by, under in sorted(self.seen)]
        self._flush()

    def _flush(self) -> None:
        for table, rows in self.rows.items():
            insert(self.connection, table, rows)
        self.rows.clear()

    def _come_to(self, now: float) -> None:
        while self.later and self.later[0][0] <= now:
            _, _, row = heapq.heappop(self.later)
            self.rows["history"].append({"id": next(self.records), **row})

    def _customer(self) -> str:
        (prefix,) = self.random.choices(list(_PREFIXES), list(_PREFIXES.values()))
        return f"{prefix}{self.random.randrange(10 ** (9 - len(prefix))):0{9 - len(prefix)}d}"

    def _arrivals(self) -> Iterator[tuple[float, int]]:
        """When messages come, in order, and of which campaign they are; 0 for none."""
        begin = self.end - self.days * 24 * HOUR
        in_campaigns, how_many = int(self.count * _MARKETING), self.days // _DAYS_BETWEEN_CAMPAIGNS
        campaigns = {
            int((at + 0.5) * self.days / how_many) * 24 + self.random.choice((10, 12, 15)): (
                at + 1,
                (at + 1) * in_campaigns // how_many - at * in_campaigns // how_many,
            )
            for at in range(how_many)
        }
        weights = [
            _OF_HOURS[hour % 24]
            * _OF_WEEKDAYS[hour // 24 % 7]
            * (1 + hour / (self.days * 24))
            * self.random.uniform(0.8, 1.2)
            for hour in range(self.days * 24)
        ]
        others, passed, done = self.count - in_campaigns, 0.0, 0
        whole = sum(weights)
        for hour, weight in enumerate(weights):
            passed += weight
            here = round(others * passed / whole) - done
            done += here
            times = [(self.random.random() * HOUR, 0) for _ in range(here)]
            campaign, size = campaigns.get(hour, (0, 0))
            times += [(each / _PACE_OF_A_CAMPAIGN, campaign) for each in range(size)]
            for second, of in sorted(times):
                yield begin + hour * HOUR + second, of

    def _message(self, number: int, received_at: float, sender: _Sender, campaign: int) -> None:
        random = self.random
        marketing = sender is _MAILING
        kind = Kind.MARKETING if marketing else Kind.TRANSACTIONAL
        customer = int(_CUSTOMERS * random.random() ** 1.5)
        national = self._customers[customer]
        deal, contact = random.randrange(1, _ITEMS), customer + 1
        origin = sender.origin(deal, contact)
        text = random.choice(sender.texts).format(random.randrange(1000, 999_999))
        message_id = f"{random.getrandbits(128):032x}"
        registered = received_at > self.end - (1 - _WITHOUT_SENDER_ID) * self.days * 24 * HOUR
        row: _Row = {
            "id": number,
            "message_id": message_id,
            "custom_id": custom_id(message_id),
            "a1_id": None,
            "received_at": received_at,
            "kind": str(kind),
            "origin": json.dumps(origin, ensure_ascii=False),
            "sent_by": sent_by(origin),
            "campaign": campaign or None,
            "number_received": random.choice(_SPELLINGS).format(national),
            "msisdn": f"+375{national}",
            "text": text,
            "sender_id": None if not registered else "ShopPromo" if marketing else "MyShop",
            "segments": segments(text),
            "a1_segments": None,
            "price": None,
            "amount": None,
            "refusal": None,
            "stage": str(Stage.OVER),
            "attempts": 0,
            "asked": 0,
        }
        way = _Way(row, received_at)
        self._end(way, marketing=marketing, median=_MEDIANS.get(national[:2], 5.0))
        self.rows["messages"].append(row)
        self.seen.add((row["sent_by"], row["sender_id"] or ""))
        if campaign:
            self._campaign(campaign, row)
        for item in items_of(origin):
            belongs = {"entity_type": item.entity_type, "item": item.id, "message": number}
            self.rows["message_items"].append(belongs)
        for record in way.records:
            heapq.heappush(self.later, (record["at"], next(self.lines), record))

    def _campaign(self, number: int, message: _Row) -> None:
        """It has one message more."""
        begun = {
            "id": number,
            "began_at": message["received_at"],
            "latest_at": message["received_at"],
            "text": message["text"],
            "sender_id": message["sender_id"],
            "sent_by": message["sent_by"],
            "state": str(State.RUNNING),
            "state_at": message["received_at"],
            "state_by": None,
            "unsettled": 0,
        }
        self.campaigns.setdefault(number, begun)["latest_at"] = message["received_at"]

    def _end(self, way: _Way, *, marketing: bool, median: float) -> None:
        """What became of it."""
        random, row = self.random, way.row
        lot = random.random()
        if not marketing and lot < 0.015:
            reason = random.choice(_REFUSED_AT_THE_DOOR)
            row.update({"refusal": reason, "msisdn": None})
            way.ends(Status.REJECTED, Source.GATEWAY, 0.0, reason, reason)
            return
        way.takes(Status.QUEUED, Source.PORTAL, 0.0, "accepted")
        if marketing and lot < 0.07:
            reason = "no_consent" if lot < 0.055 else "stop_list"
            way.ends(Status.REJECTED, Source.PORTAL, random.uniform(2, 20), reason, reason)
            return
        if marketing:
            way.hears(Source.PORTAL, random.uniform(2, 20), "consent")
        answered = way.after + random.uniform(0.1, 2.0)
        row["attempts"] = 1
        if lot > 0.995:
            reason = random.choice(_REFUSED_BY_A1)
            way.ends(Status.REJECTED, Source.API, answered, reason, "101")
            return
        price = _PRICE[Kind(row["kind"])]
        row.update(
            {
                "a1_id": str(7_000_000 + row["id"]),
                "a1_segments": row["segments"],
                "price": f"{price / 1e6:.4f}",
                "amount": f"{price * row['segments'] / 1e6:.4f}",
            }
        )
        way.takes(Status.SENT, Source.API, answered, "accepted")
        lot = random.random()
        if lot < 0.95:
            seconds = random.lognormvariate(0.0, 0.7) * median if lot < 0.88 else random.lognormvariate(7.0, 1.5)
            way.ends(Status.DELIVERED, Source.CALLBACK, answered + min(seconds, 172_800.0), None, "3")
        elif lot < 0.975:
            way.ends(Status.UNDELIVERABLE, Source.CALLBACK, answered + random.uniform(5, 7_200), None, "5")
        elif lot < 0.997:
            way.ends(Status.EXPIRED, Source.POLL, answered + random.uniform(86_400, 172_800), None, "4")
        else:
            way.ends(Status.EXPIRED, Source.GATEWAY, answered + 259_200, "no_answer", "gave_up")


class _Way:
    """Of one message: its records in the history, and what its row says at the end. Times are seconds behind."""

    def __init__(self, row: _Row, received_at: float) -> None:
        self.row = row
        self.after = 0.0
        self.records: list[_Row] = []
        self._received_at = received_at

    def hears(self, source: Source, after: float, word: str, status: Status | None = None) -> None:
        """A record."""
        self.after = after
        self.records.append(
            {
                "message": self.row["id"],
                "at": self._received_at + after,
                "source": str(source),
                "status": None if status is None else str(status),
                "word": word,
            }
        )

    def takes(self, status: Status, source: Source, after: float, word: str) -> None:
        """A status."""
        self.hears(source, after, word, status)
        self.row.update({"status": str(status), "word": word})

    def ends(self, status: Status, source: Source, after: float, reason: str | None, word: str) -> None:
        """The last one, which Bitrix24 has confirmed."""
        self.takes(status, source, after, word)
        final_at = self._received_at + after
        self.hears(Source.PORTAL, after + 1.0, f"confirmed:{status.told}")
        self.row.update(
            {
                "reason": reason,
                "final_at": final_at,
                "told": status.told,
                "tell_tries": 1,
                "confirmed_at": final_at + 1.0,
            }
        )
