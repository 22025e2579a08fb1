"""Which findings of the checklist set off which alarm, and of which a look says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..checklist.findings import Check, Finding, State, Subject
from ..journal.overdue import Overdue
from .alarm import Alarm

_SET_OFF_BY: Mapping[Alarm, frozenset[Finding]] = {
    Alarm.MESSAGES_LOST: frozenset({Finding.MESSAGES_LOST}),
    Alarm.SMS_STAND: frozenset({Finding.QUEUES_STAND}),
    Alarm.GATEWAY_FAULTS: frozenset({Finding.GATEWAY_FAULTS}),
    Alarm.A1_REFUSES: frozenset({Finding.A1_REFUSES, Finding.SMPP_REFUSED}),
    Alarm.A1_AWAY: frozenset(
        {
            Finding.A1_UNREACHABLE,
            Finding.A1_UNAVAILABLE,
            Finding.A1_TOO_FAST,
            Finding.A1_FAULT,
            Finding.SMPP_BROKEN,
            Finding.SMPP_SILENT,
        }
    ),
    Alarm.RECEIPTS_WAIT: frozenset({Finding.SMPP_HALF}),
    Alarm.BALANCE_SPENT: frozenset({Finding.BALANCE_SPENT}),
    Alarm.BALANCE_LOW: frozenset({Finding.BALANCE_LOW}),
    Alarm.SENDER_ID_REFUSED: frozenset({Finding.SENDER_ID_REFUSED, Finding.SENDER_ID_SPELT_OTHERWISE}),
    Alarm.CALLBACK_SILENT: frozenset({Finding.CALLBACK_SILENT, Finding.CALLBACK_NEVER}),
    Alarm.POLLING_STANDS: frozenset({Finding.POLLING_STANDS}),
    Alarm.PORTAL_SHUTS_OUT: frozenset({Finding.PORTAL_SHUTS_OUT}),
    Alarm.PORTAL_AWAY: frozenset({Finding.PORTAL_AWAY}),
    Alarm.KEYS_MISSING: frozenset({Finding.NO_KEYS}),
    Alarm.REFRESH_TOKEN_ENDS: frozenset({Finding.REFRESH_TOKEN_ENDS}),
    Alarm.PERMISSIONS_MISSING: frozenset({Finding.PERMISSIONS_MISSING}),
    Alarm.SENDER_MISSING: frozenset({Finding.SENDER_REFUSED}),
    Alarm.STATUSES_STAND: frozenset({Finding.QUEUES_STAND}),
    Alarm.AUTOMATION_LACKS: frozenset({Finding.AUTOMATION_LACKS}),
    Alarm.AUTOMATION_STANDS: frozenset({Finding.QUEUES_STAND}),
    Alarm.CONSENT_UNREADABLE: frozenset({Finding.CONSENT_NO_FIELD, Finding.CONSENT_NO_MEANING}),
    Alarm.CERTIFICATE_EXPIRED: frozenset({Finding.CERTIFICATE_EXPIRED}),
    Alarm.CERTIFICATE_ENDS: frozenset({Finding.CERTIFICATE_ENDS}),
    Alarm.JOURNAL_AWAY: frozenset({Finding.STORE_AWAY}),
    Alarm.SPACE_SHORT: frozenset({Finding.SPACE_SHORT}),
    Alarm.SPACE_LOW: frozenset({Finding.SPACE_LOW}),
    Alarm.SPOOL_HOLDS: frozenset({Finding.SPOOL_HOLDS}),
}
QUEUES_OF: Mapping[Alarm, frozenset[str]] = {
    Alarm.SMS_STAND: frozenset({"fields", "submit", "asking"}),
    Alarm.STATUSES_STAND: frozenset({"portal"}),
    Alarm.AUTOMATION_STANDS: frozenset({"robots", "reminders"}),
}
"""The queues whose standing each of these is about."""
# While the worse one is found, nobody can say that the other is over, nor need be told of it.
_LEFT_AS_THEY_ARE: Mapping[Finding, frozenset[Alarm]] = {
    Finding.BALANCE_SPENT: frozenset({Alarm.BALANCE_LOW}),
    Finding.SPACE_SHORT: frozenset({Alarm.SPACE_LOW}),
    Finding.CERTIFICATE_EXPIRED: frozenset({Alarm.CERTIFICATE_ENDS}),
    Finding.PORTAL_SHUTS_OUT: frozenset({Alarm.KEYS_MISSING, Alarm.REFRESH_TOKEN_ENDS}),
    Finding.PORTAL_AWAY: frozenset({Alarm.KEYS_MISSING, Alarm.REFRESH_TOKEN_ENDS}),
    # Whoever has not installed it yet knows so, and there is no portal to tell them by.
    Finding.NOT_INSTALLED: frozenset(
        {Alarm.PORTAL_SHUTS_OUT, Alarm.PORTAL_AWAY, Alarm.KEYS_MISSING, Alarm.REFRESH_TOKEN_ENDS}
    ),
}
_OF_SUBJECT: Mapping[Subject, frozenset[Alarm]] = {
    subject: frozenset(
        alarm for alarm, findings in _SET_OFF_BY.items() if any(each.subject is subject for each in findings)
    )
    for subject in Subject
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the checklist means for the alarms."""

    troubles: Mapping[Alarm, Check]
    """Those whose trouble is there."""
    unclear: frozenset[Alarm]
    """Those of which this look says nothing: they stay as they are."""


def seen(checks: Iterable[Check]) -> Seen:
    """What these checks mean; an alarm that is in neither part is over, or was never set off."""
    troubles: dict[Alarm, Check] = {}
    unclear: set[Alarm] = set()
    for check in checks:
        if check.state is State.WAIT:
            unclear |= _OF_SUBJECT[check.finding.subject]
        unclear |= _LEFT_AS_THEY_ARE.get(check.finding, frozenset())
        troubles.update(_set_off(check))
    return Seen(troubles, frozenset(unclear - troubles.keys()))


def since_of(check: Check, now: float) -> float:
    """Since when it has been so: as far as that is known, else `now`."""
    since = check.facts.get("since")
    queues = check.facts.get("queues")
    if isinstance(queues, Sequence):
        since = min((each.since for each in queues if isinstance(each, Overdue)), default=None)
    return min(since, now) if isinstance(since, float) else now


def _set_off(check: Check) -> Iterator[tuple[Alarm, Check]]:
    for alarm in _OF_SUBJECT[check.finding.subject]:
        if check.finding not in _SET_OFF_BY[alarm]:
            continue
        if alarm not in QUEUES_OF:
            yield alarm, check
            continue
        queues = check.facts["queues"]
        assert isinstance(queues, Sequence)
        mine = [each for each in queues if isinstance(each, Overdue) and each.queue in QUEUES_OF[alarm]]
        if mine:
            yield alarm, replace(check, facts={"queues": mine})
