"""What the gateway does to its journal. Each method is one transaction, on disk when its Deferred fires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from twisted.internet.defer import Deferred

from ..carriers.outcome import Accepted, Outcome, Standing
from ..carriers.smpp.deliveries import SubscriberPart
from ..message import (
    Acceptance,
    Arrival,
    Change,
    IncomingMessage,
    PortalUpdate,
    Source,
    Stage,
    Status,
    StatusReport,
    Submission,
    custom_id,
)
from . import parts, subscribers
from .evidence import Evidence
from .lane import ILane
from .matching import Unsettled
from .outcomes import not_found, record, release
from .rows import (
    by_id,
    due,
    ending,
    find,
    next_due,
    report_values,
    reschedule,
    settle,
    submission,
    take,
    write_history,
)
from .schema import history, installation, messages, unmatched

_NOT_ASKED = 3600.0
_QUEUES = {
    Stage.READY: "submit",
    Stage.IN_FLIGHT: "submit",
    Stage.ASKING: "asking",
    Stage.SENT: "status",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages to submit now, and when the next ones are due (None: none waits)."""

    submissions: list[Submission]
    next_due: float | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of status reports: the statuses taken, and how many reports no message was found for."""

    changes: list[Change]
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages wait somewhere, and since when the oldest has (None: none waits)."""

    count: int
    oldest: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Installation:
    """The portal that installed the application, with its tokens."""

    member_id: str
    domain: str
    client_endpoint: str
    access_token: str
    refresh_token: str
    application_token: str
    scope: str
    user_id: str
    language: str
    installed_at: float
    refreshed_at: float


class Journal:
    """Messages, their history, and the portal's tokens."""

    def __init__(self, lane: ILane, *, in_parts: bool = False) -> None:
        """`in_parts`: messages go out in parts of their own, each with its identifier and its receipt (SMPP)."""
        self._lane = lane
        self._in_parts = in_parts

    def close(self) -> Deferred[None]:
        """Fires when everything handed over is on disk and the file is closed."""
        return self._lane.close()

    def check(self) -> Deferred[None]:
        """Fails with `JournalUnavailable` when the journal could not take a message now."""
        return self._lane.run(lambda connection: None)

    # Messages, from the door to A1.

    def accept(self, arrival: Arrival) -> Deferred[Acceptance]:
        """Take a message in, once: a repetition changes nothing and gets the first answer."""

        def operation(connection: Connection) -> Acceptance:
            known = connection.execute(
                select(messages.c.refusal).where(messages.c.message_id == arrival.message_id)
            ).first()
            if known is not None:
                return Acceptance(arrival.message_id, known.refusal, repeated=True)
            refused = arrival.refusal is not None
            status = Status.REJECTED if refused else Status.QUEUED
            values = {
                "message_id": arrival.message_id,
                "custom_id": custom_id(arrival.message_id),
                "received_at": arrival.received_at,
                "kind": arrival.kind,
                "origin": arrival.origin,
                "number_received": arrival.number_received,
                "msisdn": arrival.msisdn,
                "warning": arrival.warning,
                "text": arrival.text,
                "sender_id": arrival.sender_id,
                "segments": arrival.segments,
                "refusal": arrival.refusal,
                "status": status,
                "stage": Stage.OVER if refused else Stage.READY,
                "due_at": None if refused else arrival.received_at,
            }
            if refused:
                values |= ending(status, arrival.received_at, arrival.refusal)
            row = connection.execute(insert(messages), values).inserted_primary_key
            assert row is not None
            source = Source.GATEWAY if refused else Source.PORTAL
            write_history(connection, row[0], arrival.received_at, source, status, arrival.refusal or "accepted")
            return Acceptance(arrival.message_id, arrival.refusal)

        return self._lane.run(operation)

    def recover(self, at: float) -> Deferred[int]:
        """At a start: what was in flight when the daemon ended is uncertain and looked at `at` that time.

        Fires with how many there are.
        """

        def operation(connection: Connection) -> int:
            return connection.execute(
                update(messages)
                .where(messages.c.stage == Stage.IN_FLIGHT, messages.c.due_at.is_not(None))
                .values(stage=Stage.ASKING, due_at=at, asked=0, uncertain="restart")
            ).rowcount

        return self._lane.run(operation)

    def claim(self, now: float, limit: int) -> Deferred[Claim]:
        """Take up to `limit` messages that are due, oldest first, and mark them as in flight."""

        def operation(connection: Connection) -> Claim:
            waiting = due(connection, Stage.READY, now, limit)
            if waiting:
                connection.execute(
                    update(messages)
                    .where(messages.c.id.in_([row["id"] for row in waiting]))
                    .values(stage=Stage.IN_FLIGHT, due_at=now, attempts=messages.c.attempts + 1)
                )
            ways = parts.prepare(connection, waiting) if self._in_parts else {}
            submissions = []
            for row in waiting:
                concatenation, of_it = ways.get(row["id"], (None, ()))
                submissions.append(submission(row, row["attempts"] + 1, of_it, concatenation))
            return Claim(submissions, next_due(connection, Stage.READY))

        return self._lane.run(operation)

    def record(self, outcomes: Sequence[tuple[Submission, Outcome, float]], now: float) -> Deferred[list[Change]]:
        """Write down what became of submits.

        The third of each is when the message is due again: to be polled when it was accepted, submitted when it was
        postponed, asked for when nobody knows. Statuses that came before the answer are applied.
        """

        def operation(connection: Connection) -> list[Change]:
            changes: list[Change] = []
            for submitted, outcome, due_at in outcomes:
                row = by_id(connection, submitted.id)
                if row is not None:
                    changes += record(connection, row, outcome, due_at, now)
            return changes

        return self._lane.run(operation)

    # Messages of which nobody knows whether A1 has them.

    def doubt(self, submissions: Sequence[Submission], at: float) -> Deferred[None]:
        """What became of these could not be written down: A1 has to be asked for them."""

        def operation(connection: Connection) -> None:
            connection.execute(
                update(messages)
                .where(messages.c.id.in_([each.id for each in submissions]), messages.c.stage == Stage.IN_FLIGHT)
                .values(stage=Stage.ASKING, due_at=at, asked=0, uncertain="not_recorded")
            )

        return self._lane.run(operation)

    def name_parts(self, submitted: Submission, named: Mapping[int, str], now: float) -> Deferred[list[Change]]:
        """Write down that A1 has these parts of a message that is being submitted, under these identifiers."""

        def operation(connection: Connection) -> list[Change]:
            row = by_id(connection, submitted.id)
            if row is None:
                return []
            parts.accept(connection, row, named)
            return parts.settle_early(connection, named.values(), now)

        return self._lane.run(operation)

    def record_late(
        self, submitted: Submission, outcome: Outcome, due_at: float, now: float
    ) -> Deferred[list[Change]]:
        """Write down an answer that came after its message had been taken for uncertain, unless it is settled."""

        def operation(connection: Connection) -> list[Change]:
            row = by_id(connection, submitted.id)
            if row is None or row["stage"] not in (Stage.ASKING, Stage.READY):
                return []
            return record(connection, row, outcome, due_at, now)

        return self._lane.run(operation)

    def release(self, now: float, limit: int, *, resend: bool) -> Deferred[tuple[list[Change], int, float | None]]:
        """End the hold of up to `limit` uncertain messages that nobody can be asked for: submit them again, or fail.

        Fires with the changes, how many go again, and when the next is due (None: none waits).
        """

        def operation(connection: Connection) -> tuple[list[Change], int, float | None]:
            held = due(connection, Stage.ASKING, now, limit)
            released = [release(connection, row, now, resend=resend) for row in held]
            changes = [change for settled in released for change in settled or []]
            return changes, released.count(None), next_due(connection, Stage.ASKING)

        return self._lane.run(operation)

    def uncertain(self, now: float, limit: int) -> Deferred[Claim]:
        """Up to `limit` messages that A1 has to be asked for now."""
        return self._look(Stage.ASKING, now, limit)

    def record_standings(
        self,
        found: Sequence[tuple[Submission, Standing]],
        missing: Sequence[Submission],
        now: float,
        *,
        poll_at: float,
        ask_at: float,
    ) -> Deferred[list[Change]]:
        """Write down what A1 said when it was asked: what it has is ours; what it has not may go again.

        A message that is missing is asked for once more at `ask_at`; the second time it becomes due to be submitted,
        or is rejected as `duplicate` when it was A1 that called it one.
        """

        def operation(connection: Connection) -> list[Change]:
            changes: list[Change] = []
            for asked, standing in found:
                row = by_id(connection, asked.id)
                if row is not None:
                    changes += record(connection, row, Accepted(standing.a1_id, word="found"), poll_at, now)
                    report = StatusReport(
                        asked.custom_id, standing.word, standing.status, Source.API, now, standing.name
                    )
                    changes += settle(connection, report) or []
            for asked in missing:
                row = by_id(connection, asked.id)
                if row is not None and row["stage"] == Stage.ASKING:
                    changes += not_found(connection, row, ask_at, now)
            return changes

        return self._lane.run(operation)

    # Statuses.

    def sent(self, now: float, limit: int) -> Deferred[Claim]:
        """Up to `limit` messages whose status is to be asked for now."""
        return self._look(Stage.SENT, now, limit)

    def settle(self, reports: Sequence[StatusReport], again: Mapping[int, float] | None = None) -> Deferred[Settled]:
        """Apply what outside parties said; `again` gives the next time to ask for messages by their row id."""

        def operation(connection: Connection) -> Settled:
            changes: list[Change] = []
            unknown = 0
            for report in reports:
                if report.source is Source.RECEIPT:
                    settled = parts.settle_receipt(connection, report, Evidence(connection), report.at)
                    if isinstance(settled, Unsettled):
                        unknown += 1
                        parts.keep_receipt(connection, report, settled)
                    else:
                        changes += settled
                    continue
                taken = settle(connection, report)
                if taken is None:
                    unknown += 1
                    connection.execute(insert(unmatched), report_values(report))
                else:
                    changes += taken
            reschedule(connection, Stage.SENT, again or {})
            return Settled(changes, unknown)

        return self._lane.run(operation)

    def settle_waiting(
        self, now: float, grace: float, limit: int = 500
    ) -> Deferred[tuple[list[Change], float | None]]:
        """What receipts were waited for, and have not come within `grace` seconds, is decided without them.

        Fires with the changes, and when there is something to look at again (None: nothing waits).
        """

        def operation(connection: Connection) -> tuple[list[Change], float | None]:
            changes = parts.settle_waiting(connection, now, grace, limit)
            changes += parts.end_partly(connection, now - grace, now, limit)
            return changes, parts.next_look(connection, grace)

        return self._lane.run(operation)

    def postpone(self, stage: Stage, due: Mapping[int, float]) -> Deferred[None]:
        """Look at messages of `stage`, by their row id, at the given times."""
        return self._lane.run(lambda connection: reschedule(connection, stage, due))

    def expire(self, before: float, now: float, limit: int = 500) -> Deferred[list[Change]]:
        """End up to `limit` messages that were accepted before `before` and have no final status yet."""

        def operation(connection: Connection) -> list[Change]:
            overdue = connection.execute(
                select(messages)
                .where(messages.c.due_at.is_not(None), messages.c.received_at <= before)
                .where(messages.c.stage != Stage.IN_FLIGHT)
                .limit(limit)
            ).mappings()
            return [
                take(connection, row, Status.EXPIRED, Source.GATEWAY, "gave_up", now, reason=reason)
                for row in overdue.all()
                for reason in ["not_sent_in_time" if row["stage"] == Stage.READY else "no_answer"]
            ]

        return self._lane.run(operation)

    # Messages from subscribers.

    def take_incoming(self, part: SubscriberPart) -> Deferred[IncomingMessage | None]:
        """Keep a subscriber's message, or one part of it; fires with the message when it is whole now."""
        return self._lane.run(lambda connection: subscribers.take_in(connection, part))

    def give_up_parts(self, before: float) -> Deferred[list[IncomingMessage]]:
        """Keep messages from subscribers as far as they came, of which no part has come since `before`."""
        return self._lane.run(lambda connection: subscribers.give_up_parts(connection, before))

    # What Bitrix24 has to be told.

    def untold(self, now: float, limit: int) -> Deferred[tuple[list[PortalUpdate], float | None]]:
        """Up to `limit` final statuses that are due to be told, and when the next is (None: none waits)."""

        def operation(connection: Connection) -> tuple[list[PortalUpdate], float | None]:
            rows = connection.execute(
                select(
                    *(messages.c[name] for name in ("id", "message_id", "told", "tell_tries", "final_at", "origin"))
                )
                .where(messages.c.tell_at <= now)
                .order_by(messages.c.tell_at)
                .limit(limit)
            ).all()
            updates = [
                PortalUpdate(row.id, row.message_id, row.told, row.tell_tries, row.final_at, row.origin.get("code"))
                for row in rows
            ]
            later = connection.execute(select(func.min(messages.c.tell_at)).where(messages.c.tell_at > now)).scalar()
            return updates, now if len(updates) == limit else later

        return self._lane.run(operation)

    def confirm(self, updates: Sequence[PortalUpdate], now: float) -> Deferred[None]:
        """Bitrix24 has confirmed these; they are never told again."""

        def operation(connection: Connection) -> None:
            for told in updates:
                connection.execute(
                    update(messages)
                    .where(messages.c.id == told.id)
                    .values(tell_at=None, confirmed_at=now, tell_tries=told.tries + 1)
                )
                write_history(connection, told.id, now, Source.PORTAL, None, f"confirmed:{told.told}")

        return self._lane.run(operation)

    def tell_later(self, updates: Sequence[tuple[PortalUpdate, float | None, str]], now: float) -> Deferred[None]:
        """Bitrix24 has not confirmed these: try at the given time, or never again where that is None."""

        def operation(connection: Connection) -> None:
            for told, at, why in updates:
                connection.execute(
                    update(messages).where(messages.c.id == told.id).values(tell_at=at, tell_tries=told.tries + 1)
                )
                if at is None or told.tries == 0:
                    write_history(connection, told.id, now, Source.PORTAL, None, why)

        return self._lane.run(operation)

    # The portal.

    def installation(self) -> Deferred[Installation | None]:
        """The portal that installed the application; None when none has, or it uninstalled."""

        def operation(connection: Connection) -> Installation | None:
            row = connection.execute(select(installation)).mappings().first()
            return None if row is None else Installation(**row)

        return self._lane.run(operation)

    def install(self, installed: Installation) -> Deferred[None]:
        """Keep the portal's tokens, in place of any older ones."""

        def operation(connection: Connection) -> None:
            connection.execute(delete(installation))
            connection.execute(
                insert(installation),
                {field.name: getattr(installed, field.name) for field in fields(installed)},
            )

        return self._lane.run(operation)

    def uninstall(self) -> Deferred[None]:
        """Forget the portal and its tokens."""

        def operation(connection: Connection) -> None:
            connection.execute(delete(installation))

        return self._lane.run(operation)

    # Looking.

    def depths(self) -> Deferred[dict[str, Depth]]:
        """How much waits: `submit`, `asking`, `status`, `portal`."""

        def operation(connection: Connection) -> dict[str, Depth]:
            depths = {name: Depth(0, None) for name in _QUEUES.values()} | {"portal": Depth(0, None)}
            waiting = connection.execute(
                select(messages.c.stage, func.count(), func.min(messages.c.received_at))
                .where(messages.c.due_at.is_not(None))
                .group_by(messages.c.stage)
            ).all()
            for stage, count, oldest in waiting:
                queue = _QUEUES[stage]
                before = depths[queue]
                depths[queue] = Depth(
                    before.count + count, min(oldest, before.oldest if before.oldest is not None else oldest)
                )
            count, oldest = connection.execute(
                select(func.count(), func.min(messages.c.final_at)).where(messages.c.tell_at.is_not(None))
            ).one()
            depths["portal"] = Depth(count, oldest)
            return depths

        return self._lane.run(operation)

    def message(self, message_id: str) -> Deferred[dict[str, Any] | None]:
        """Everything that is known of a message, its history in order under `history`; None when it is unknown."""

        def operation(connection: Connection) -> dict[str, Any] | None:
            row = find(connection, messages.c.message_id == message_id)
            if row is None:
                return None
            way = connection.execute(
                select(history).where(history.c.message == row["id"]).order_by(history.c.id)
            ).mappings()
            return dict(row) | {"history": [dict(step) for step in way]}

        return self._lane.run(operation)

    def _look(self, stage: Stage, now: float, limit: int) -> Deferred[Claim]:
        def operation(connection: Connection) -> Claim:
            waiting = due(connection, stage, now, limit)
            if stage is Stage.SENT and not self._in_parts:
                # What went out over SMPP has identifiers of another kind: only its receipts can tell.
                of_smpp = parts.load(connection, [row["id"] for row in waiting])
                reschedule(connection, stage, dict.fromkeys(of_smpp, now + _NOT_ASKED))
                waiting = [row for row in waiting if row["id"] not in of_smpp]
            later = None if len(waiting) == limit else next_due(connection, stage, after=now)
            of_them = parts.load(connection, [row["id"] for row in waiting]) if self._in_parts else {}
            return Claim(
                [submission(row, row["attempts"], of_them.get(row["id"], ())) for row in waiting],
                now if len(waiting) == limit else later,
            )

        return self._lane.run(operation)
