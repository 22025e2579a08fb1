"""What the gateway does to its journal. Each method is one transaction, on disk when its Deferred fires."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import bindparam, delete, func, literal_column, select, text, update
from twisted.internet.defer import Deferred

from ..carriers.outcome import Accepted, Outcome, Standing
from ..carriers.smpp.deliveries import SubscriberPart
from ..choice_words import ChoiceWords
from ..message import (
    Acceptance,
    Arrival,
    Change,
    Choice,
    ChoiceSource,
    IncomingMessage,
    Kind,
    PendingChoice,
    PortalUpdate,
    Received,
    Refusal,
    Source,
    Stage,
    Status,
    StatusReport,
    Submission,
    Unasked,
    Verdict,
)
from . import campaigns, consents, deadlines, parts, stop_list, subscribers
from .acceptance import accept
from .depths import Depth, depths
from .evidence import Evidence
from .lane import ILane
from .matching import Unsettled
from .outcomes import not_found, record, release
from .portal_change import take_portal
from .rows import (
    IN_ORDER,
    STATE,
    TO_BE_SUBMITTED,
    by_id,
    due,
    next_due,
    report_values,
    reschedule,
    settle,
    submission,
    take,
    write_history,
)
from .schema import history, installation, messages, unmatched
from .statements import Connection, Statement, among, change_by_id, insertion, listed
from .store import Store

P = ParamSpec("P")
T = TypeVar("T")

_NOT_ASKED = 3600.0
_LONGEST_NOTE = 200
# Bitrix24's documentation of OAuth: 180 days.
_REFRESH_TOKEN_LASTS = 180 * 86400.0
_REASONS_OF_EXPIRY = {
    Stage.FIELDS: str(Refusal.PORTAL_AWAY),
    Stage.READY: "not_sent_in_time",
    Stage.CONSENT: consents.CONSENT_UNKNOWN,
    Stage.HELD: "not_sent_in_time",
}
_RECOVER = Statement(
    update(messages)
    .where(messages.c.stage == Stage.IN_FLIGHT, messages.c.due_at.is_not(None))
    .values(stage=Stage.ASKING, due_at=bindparam("at"), asked=0, uncertain="restart")
)
_CLAIM = Statement(
    update(messages)
    .where(messages.c.id.in_(among("rows")))
    .values(stage=Stage.IN_FLIGHT, due_at=bindparam("at"), attempts=messages.c.attempts + 1)
)
_DOUBT = Statement(
    update(messages)
    .where(messages.c.id.in_(among("rows")), messages.c.stage == Stage.IN_FLIGHT)
    .values(stage=Stage.ASKING, due_at=bindparam("at"), asked=0, uncertain="not_recorded")
)
_OVERDUE = Statement(
    select(*STATE)
    # The sign keeps SQLite from the index of all messages by their time: those that wait are few, and have their own.
    .where(messages.c.due_at.is_not(None), literal_column("+messages.received_at") <= bindparam("before"))
    .where(messages.c.stage != Stage.IN_FLIGHT)
    .limit(bindparam("most"))
)
_UNTOLD = Statement(
    select(
        messages.c.id,
        messages.c.message_id,
        messages.c.told,
        messages.c.tell_tries,
        messages.c.final_at,
        func.json_extract(messages.c.origin, "$.code"),
    )
    .where(messages.c.kind == bindparam("of"), messages.c.tell_at <= bindparam("now"))
    .order_by(messages.c.tell_at)
    .limit(bindparam("most"))
)
_NEXT_UNTOLD = Statement(
    select(func.min(messages.c.tell_at)).where(
        messages.c.kind == bindparam("of"), messages.c.tell_at > bindparam("now")
    )
)
_CONFIRM = change_by_id(messages, ("tell_at", "confirmed_at", "tell_tries"))
_TELL_LATER = change_by_id(messages, ("tell_at", "tell_tries"))
_INSTALLATION = Statement(select(installation))
_UNINSTALL = Statement(delete(installation))
_MESSAGE = Statement(select(messages).where(messages.c.message_id == bindparam("name")))
_HISTORY = Statement(select(history).where(history.c.message == bindparam("row")).order_by(history.c.id))


# What is due later than it could be if the clock had not been set back becomes due, by the bounds that `Dispatcher`
# (doublings of a hold) and `Polling.pause` keep to. The first bound of each is for the index.
_CATCH_UP = tuple(
    Statement(text(statement))
    for statement in (
        # What waits for its hours goes on waiting for them: a day at most.
        "UPDATE messages SET due_at = max(:now, min(coalesce(not_before, :now), :now + 86400))"
        " WHERE stage = 'ready' AND due_at > :now",
        "UPDATE messages SET due_at = :now + :ask_within * (1 << min(resent, 6)) WHERE stage = 'asking'"
        " AND due_at > :now + :ask_within AND due_at > :now + :ask_within * (1 << min(resent, 6))",
        "UPDATE messages SET due_at = :now + max(:poll_within, min((:now - received_at) / 10, 3600))"
        " WHERE stage = 'sent' AND due_at > :now + :poll_within"
        " AND due_at > :now + max(:poll_within, min((:now - received_at) / 10, 3600))",
        "UPDATE messages SET due_at = :now WHERE stage = 'fields' AND due_at > :now",
        "UPDATE messages SET tell_at = :now WHERE tell_at > :now",
        "UPDATE messages SET partly_at = :now WHERE partly_at > :now",
        # What comes now in the words of a campaign is of it still, and what was begun anew stays so.
        "UPDATE campaigns SET latest_at = :now WHERE latest_at > :now",
        "UPDATE campaigns SET anew_at = :now WHERE anew_at > :now",
        "UPDATE unmatched SET due_at = :now WHERE due_at > :now",
        "UPDATE unmatched SET at = :now WHERE at > :now",
        "UPDATE runs SET due_at = :now WHERE due_at > :now + 600",
        # Whoever was missed may be called back for hours, and hears nothing before.
        "UPDATE look_ups SET due_at = :now, first_at = min(first_at, :now) WHERE due_at > :now + 3600"
        " AND (entity_type IS NOT NULL OR latest_at > :now)",
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages to submit now, and when the next ones are due (None: none waits)."""

    submissions: list[Submission]
    next_due: float | None
    next_marketing_due: float | None = None
    """The same of marketing messages, where these were claimed apart."""
    asked_again: int = 0
    """How many were not claimed because the portal has to be asked again."""
    changes: Sequence[Change] = ()
    """Those that have come to their end instead."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a message that waits to be submitted is chosen by."""

    attempts: int
    """How often it may have reached A1."""
    marketing: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of status reports: the statuses taken, and how many reports no message was found for."""

    changes: list[Change]
    unmatched: int = 0


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

    @property
    def refresh_token_ends_at(self) -> float:
        """When it is of no use any more unless it is used before, in seconds since the epoch."""
        return self.refreshed_at + _REFRESH_TOKEN_LASTS


def read_installation(connection: Connection) -> Installation | None:
    """The portal that installed the application; None when none has, or it uninstalled."""
    row = connection.first(_INSTALLATION)
    return None if row is None else Installation(**dict(row))


class Journal:
    """Messages, their history, and the portal's tokens."""

    def __init__(self, lane: ILane, *, in_parts: bool = False, words: ChoiceWords | None = None) -> None:
        """`in_parts`: messages go out in parts of their own, each with its identifier and its receipt (SMPP).

        `words` are those by which subscribers opt out of marketing, and in again.
        """
        self._lane = lane
        self._in_parts = in_parts
        self._words = words or ChoiceWords()

    def close(self) -> Deferred[None]:
        """Fires when everything handed over is on disk and the file is closed."""
        return self._lane.close()

    def check(self) -> Deferred[None]:
        """Fails with `JournalUnavailable` when the journal could not take a message now."""
        return self._lane.run(lambda connection: None)

    def within(
        self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs
    ) -> Deferred[T]:
        """Do `work` of one of the journal's other modules, in a transaction; fires with its result."""
        # Whoever looks at what the lane does sees the work's own name.
        return self._lane.run(partial(_do, work, arguments, named))

    def tidy(self) -> Deferred[bool]:
        """After something was masked or deleted: leave little of it in unused places; whether for certain nothing."""
        return self._lane.apart(Store.tidy)

    def compact(self) -> Deferred[tuple[int, int]]:
        """Write the file anew without what is not used; fires with its size before and after, in octets."""
        return self._lane.apart(Store.compact)

    # Messages, from the door to A1.

    def accept(self, arrival: Arrival) -> Deferred[Acceptance]:
        """Take a message in, once: a repetition changes nothing and gets the first answer."""
        return self._lane.each(accept, arrival, awaited=True)

    def recover(self, at: float) -> Deferred[int]:
        """At a start: what was in flight when the daemon ended is uncertain and looked at `at` that time.

        Fires with how many there are.
        """

        def operation(connection: Connection) -> int:
            return connection.execute(_RECOVER, {"at": at}).rowcount

        return self._lane.run(operation)

    def catch_up(self, now: float, *, ask_within: float, poll_within: float) -> Deferred[None]:
        """At a start: bring forward what is due later than it could be, had the clock not been set back since.

        Messages are due to be submitted, and final statuses to be told, now; A1 is asked and polled as late as if
        that had been put off just now. `ask_within` and `poll_within` are the least that it is put off, in seconds.
        """

        def operation(connection: Connection) -> None:
            for statement in _CATCH_UP:
                connection.execute(statement, {"now": now, "ask_within": ask_within, "poll_within": poll_within})

        return self._lane.run(operation)

    def claim(
        self,
        now: float,
        limit: int,
        choose: Callable[[Sequence[Waiting]], Sequence[int]] | None = None,
        *,
        marketing: bool = True,
        asked_after: float = 0.0,
    ) -> Deferred[Claim]:
        """Take up to `limit` messages that are due, oldest first, and mark them as in flight.

        `choose` is told of each of them, and says which of them to take, by their places; the others stay due. It
        runs outside the reactor's thread. `marketing`: whether such messages may go now; those whose consent was
        asked for before `asked_after` have to be asked for again.
        """
        kinds = IN_ORDER if marketing else (Kind.TRANSACTIONAL,)

        def operation(connection: Connection) -> Claim:
            due_now = due(connection, Stage.READY, now, limit, kinds)
            in_time, late = deadlines.sift(connection, due_now, now)
            going_on = campaigns.put_aside(connection, in_time, now)
            waiting, old, refused = consents.sift(connection, going_on, asked_after, now)
            if choose is not None:
                of_each = [Waiting(row["attempts"], row["kind"] == Kind.MARKETING) for row in waiting]
                waiting = [waiting[place] for place in choose(of_each)]
            if waiting:
                connection.execute(_CLAIM, {"rows": listed(row["id"] for row in waiting), "at": now})
            ways = parts.prepare(connection, waiting) if self._in_parts else {}
            submissions = []
            for row in waiting:
                concatenation, of_it = ways.get(row["id"], (None, ()))
                submissions.append(submission(row, row["attempts"] + 1, of_it, concatenation, now))
            return Claim(
                submissions,
                next_due(connection, Stage.READY, kinds=(Kind.TRANSACTIONAL,)),
                next_due(connection, Stage.READY, kinds=(Kind.MARKETING,)),
                old,
                [*late, *refused],
            )

        return self._lane.run(operation)

    def record(self, outcomes: Sequence[tuple[Submission, Outcome, float]], now: float) -> Deferred[list[Change]]:
        """Write down what became of submits.

        The third of each is when the message is due again: to be polled when it was accepted, submitted when it was
        postponed, asked for when nobody knows. Statuses that came before the answer are applied.
        """
        return self._lane.each(_record, (outcomes, now))

    # Marketing.

    def unasked(self, now: float, limit: int) -> Deferred[tuple[list[Unasked], float | None]]:
        """Up to `limit` marketing messages whose consent is to be asked for; and when the next is due."""
        return self._lane.run(lambda connection: consents.unasked(connection, now, limit))

    def judge(self, verdicts: Sequence[Verdict], due_at: float, now: float) -> Deferred[list[Change]]:
        """Write down what the portal said of consents; what may go out is due at `due_at`."""
        return self._lane.run(lambda connection: consents.judge(connection, verdicts, due_at, now))

    def give_up_consents(self, before: float, now: float, limit: int = 500) -> Deferred[list[Change]]:
        """End up to `limit` messages whose consent could have been asked for since `before`, and is not known."""
        return self._lane.run(lambda connection: consents.give_up(connection, before, now, limit))

    def open_hours(self, now: float) -> Deferred[int]:
        """The hours of marketing have begun: what waited for them is due; fires with how many did."""
        return self._lane.run(lambda connection: consents.open_hours(connection, now))

    def refuse_marketing(self, now: float, limit: int = 500) -> Deferred[list[Change]]:
        """End up to `limit` marketing messages that have not left: marketing is not configured any more."""
        return self._lane.run(lambda connection: consents.refuse_all(connection, now, limit))

    def choose(
        self, msisdn: str, choice: Choice, source: ChoiceSource, note: str, now: float
    ) -> Deferred[list[Change]]:
        """A subscriber has opted out of marketing SMS, or in; fires with what has come to its end by that."""
        return self._lane.run(lambda connection: stop_list.choose(connection, msisdn, choice, source, note, now))

    def stopped(self, msisdns: Sequence[str]) -> Deferred[set[str]]:
        """Those of the numbers that are on the stop list."""
        return self._lane.run(lambda connection: stop_list.stopped(connection, msisdns))

    def pending_choices(self, now: float, limit: int) -> Deferred[tuple[list[PendingChoice], float | None]]:
        """Up to `limit` choices that the CRM is to be told of now, and when the next is due (None: none waits)."""
        return self._lane.run(lambda connection: stop_list.pending(connection, now, limit))

    def choice_written(
        self, choice: PendingChoice, contacts: Sequence[int], *, again_at: float | None, trouble: str | None
    ) -> Deferred[None]:
        """A choice stands in these contacts now; `again_at`: it has to be tried again then, because of `trouble`."""

        def operation(connection: Connection) -> None:
            stop_list.written(connection, choice.id, again_at, choice.tries + 1, contacts, trouble)

        return self._lane.run(operation)

    def evidence(self, msisdn: str) -> Deferred[dict[str, Any]]:
        """What is known of the consent of a number: `messages` with what was found, `choices`, `stopped`."""

        def operation(connection: Connection) -> dict[str, Any]:
            return {
                "messages": consents.evidence(connection, msisdn),
                "choices": stop_list.of_number(connection, msisdn),
                "stopped": bool(stop_list.stopped(connection, [msisdn])),
            }

        return self._lane.run(operation)

    # Messages of which nobody knows whether A1 has them.

    def doubt(self, submissions: Sequence[Submission], at: float) -> Deferred[None]:
        """What became of these could not be written down: A1 has to be asked for them."""

        def operation(connection: Connection) -> None:
            connection.execute(_DOUBT, {"rows": listed(each.id for each in submissions), "at": at})

        return self._lane.run(operation)

    def name_parts(self, submitted: Submission, named: Mapping[int, str], now: float) -> Deferred[list[Change]]:
        """Write down that A1 has these parts of a message that is being submitted, under these identifiers."""

        def operation(connection: Connection) -> list[Change]:
            row = by_id(connection, submitted.id)
            if row is None:
                return []
            parts.accept(connection, row, named)
            return parts.settle_early(connection, named.values(), now) if parts.any_unmatched(connection) else []

        return self._lane.run(operation)

    def record_late(
        self, submitted: Submission, outcome: Outcome, due_at: float, now: float
    ) -> Deferred[list[Change]]:
        """Write down an answer that came after its message had been taken for uncertain, unless it is settled."""

        def operation(connection: Connection) -> list[Change]:
            row = by_id(connection, submitted.id)
            if row is None or row["stage"] not in (Stage.ASKING, *TO_BE_SUBMITTED):
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
        return self._lane.each(_settle, (reports, again or {}))

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
            return [
                take(connection, row, Status.EXPIRED, Source.GATEWAY, "gave_up", now, reason=reason)
                for row in connection.all(_OVERDUE, {"before": before, "most": limit})
                for reason in [_REASONS_OF_EXPIRY.get(row["stage"], "no_answer")]
            ]

        return self._lane.run(operation)

    def end_late(self, now: float, limit: int = 500) -> Deferred[list[Change]]:
        """End up to `limit` messages that have not left, and for which it is too late now."""
        return self._lane.run(lambda connection: deadlines.end_late(connection, now, limit))

    # Messages from subscribers.

    def take_incoming(self, part: SubscriberPart) -> Deferred[Received | None]:
        """Keep a subscriber's message, or one part of it; fires with the message when it is whole now.

        A choice that it makes holds at once.
        """

        def operation(connection: Connection) -> Received | None:
            message = subscribers.take_in(connection, part)
            return None if message is None else self._received(connection, message)

        return self._lane.run(operation)

    def give_up_parts(self, before: float) -> Deferred[list[Received]]:
        """Keep messages from subscribers as far as they came, of which no part has come since `before`."""

        def operation(connection: Connection) -> list[Received]:
            given_up = subscribers.give_up_parts(connection, before)
            return [self._received(connection, message) for message in given_up]

        return self._lane.run(operation)

    def _received(self, connection: Connection, message: IncomingMessage) -> Received:
        choice = self._words.read(message.text)
        if choice is None or message.msisdn is None:
            return Received(message)
        note = message.text[:_LONGEST_NOTE]
        at = message.received_at
        changes = stop_list.choose(connection, message.msisdn, choice, ChoiceSource.SUBSCRIBER, note, at)
        return Received(message, choice, tuple(changes))

    # What Bitrix24 has to be told.

    def untold(
        self, now: float, limit: int, *, marketing_after: float = 0.0
    ) -> Deferred[tuple[list[PortalUpdate], float | None]]:
        """Up to `limit` final statuses that are due to be told, and when the next is (None: none waits).

        Those of marketing are due `marketing_after` seconds later than the others.
        """

        def operation(connection: Connection) -> tuple[list[PortalUpdate], float | None]:
            updates: list[PortalUpdate] = []
            due_before = {Kind.TRANSACTIONAL: now, Kind.MARKETING: now - marketing_after}
            for kind, before in due_before.items():
                values = {"of": kind, "now": before, "most": limit - len(updates)}
                updates += [
                    PortalUpdate(id_, message_id, told, tries, final_at, code, kind)
                    for id_, message_id, told, tries, final_at, code in connection.execute(_UNTOLD, values)
                ]
            if len(updates) == limit:
                return updates, now
            times = [
                at + now - before
                for kind, before in due_before.items()
                if (at := connection.value(_NEXT_UNTOLD, {"of": kind, "now": before})) is not None
            ]
            return updates, min(times, default=None)

        return self._lane.run(operation)

    def confirm(self, updates: Sequence[PortalUpdate], now: float) -> Deferred[None]:
        """Bitrix24 has confirmed these; they are never told again."""

        def operation(connection: Connection) -> None:
            for told in updates:
                values = {"tell_at": None, "confirmed_at": now, "tell_tries": told.tries + 1}
                connection.execute(_CONFIRM, {"row": told.id, **values})
                write_history(connection, told.id, now, Source.PORTAL, None, f"confirmed:{told.told}")

        return self._lane.run(operation)

    def tell_later(self, updates: Sequence[tuple[PortalUpdate, float | None, str]], now: float) -> Deferred[None]:
        """Bitrix24 has not confirmed these: try at the given time, or never again where that is None."""

        def operation(connection: Connection) -> None:
            for told, at, why in updates:
                connection.execute(_TELL_LATER, {"row": told.id, "tell_at": at, "tell_tries": told.tries + 1})
                if at is None or told.tries == 0:
                    write_history(connection, told.id, now, Source.PORTAL, None, why)

        return self._lane.run(operation)

    # The portal.

    def installation(self) -> Deferred[Installation | None]:
        """The portal that installed the application; None when none has, or it uninstalled."""
        return self._lane.run(read_installation)

    def install(self, installed: Installation) -> Deferred[None]:
        """Keep the portal's tokens, in place of any older ones; what automation knows of another portal's is over."""

        def operation(connection: Connection) -> None:
            connection.execute(_UNINSTALL)
            values = {field.name: getattr(installed, field.name) for field in fields(installed)}
            connection.execute(insertion(installation, tuple(values)), values)
            take_portal(connection, installed.member_id, installed.domain, installed.refreshed_at)

        return self._lane.run(operation)

    def uninstall(self) -> Deferred[None]:
        """Forget the portal and its tokens."""

        def operation(connection: Connection) -> None:
            connection.execute(_UNINSTALL)

        return self._lane.run(operation)

    # Looking.

    def depths(self) -> Deferred[dict[str, Depth]]:
        """How much waits, see `depths.depths`."""
        return self._lane.run(depths)

    def message(self, message_id: str) -> Deferred[dict[str, Any] | None]:
        """Everything that is known of a message, its history in order under `history`; None when it is unknown."""

        def operation(connection: Connection) -> dict[str, Any] | None:
            row = connection.first(_MESSAGE, {"name": message_id})
            if row is None:
                return None
            way = [dict(step) for step in connection.all(_HISTORY, {"row": row["id"]})]
            return dict(row) | {"origin": json.loads(row["origin"]), "history": way}

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


def _do(work: Callable[..., T], arguments: Sequence[Any], named: Mapping[str, Any], connection: Connection) -> T:
    return work(connection, *arguments, **named)


# What is done with all that waits of one kind.


def _record(
    connection: Connection, bulks: Sequence[tuple[Sequence[tuple[Submission, Outcome, float]], float]]
) -> list[list[Change]]:
    return [_record_bulk(connection, outcomes, now) for outcomes, now in bulks]


def _record_bulk(
    connection: Connection, outcomes: Sequence[tuple[Submission, Outcome, float]], now: float
) -> list[Change]:
    changes: list[Change] = []
    for submitted, outcome, due_at in outcomes:
        row = by_id(connection, submitted.id)
        if row is not None:
            changes += record(connection, row, outcome, due_at, now)
    return changes


def _settle(
    connection: Connection, groups: Sequence[tuple[Sequence[StatusReport], Mapping[int, float]]]
) -> list[Settled]:
    return [_settle_group(connection, reports, again) for reports, again in groups]


def _settle_group(connection: Connection, reports: Sequence[StatusReport], again: Mapping[int, float]) -> Settled:
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
            values = report_values(report)
            connection.execute(insertion(unmatched, tuple(values)), values)
        else:
            changes += taken
    reschedule(connection, Stage.SENT, again)
    return Settled(changes, unknown)
