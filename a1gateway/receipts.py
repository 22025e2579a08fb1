"""The one door for statuses, whoever brings them: callback, poll, or the answer to a submit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.logger import Logger

from .journal import Journal
from .journal.heard import Heard
from .message import Change, Refusal, Source, Status, StatusReport
from .metrics import Metrics

_WONDERS_AT_MOST = 1000


class Receipts:
    """Puts statuses into the journal, and lets the log, the metrics and the reporter know what they changed."""

    _log = Logger()

    def __init__(
        self,
        journal: Journal,
        metrics: Metrics,
        on_final: Callable[[], None],
        *,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_fault` is called for each message that was refused for a fault of the gateway."""
        self._journal = journal
        self._metrics = metrics
        self._on_final = on_final
        self._on_fault = on_fault
        self._wondered: set[tuple[str, str]] = set()
        self._heard: dict[Source, Heard] = {}

    @property
    def heard(self) -> Mapping[Source, Heard]:
        """When each source was last heard from, since the start of the daemon."""
        return self._heard

    async def settle(self, reports: Sequence[StatusReport], again: Mapping[int, float] | None = None) -> None:
        """Apply reports; on disk when this returns. `again` is when to poll messages next, by their row id."""
        for report in reports:
            if report.status is None and (report.identifier, report.word) not in self._wondered:
                # Polls say the same again and again.
                if len(self._wondered) >= _WONDERS_AT_MOST:
                    self._wondered.clear()
                self._wondered.add((report.identifier, report.word))
                self._metrics.unknown_words.inc()
                self._log.warn(
                    "A1's message {a1_id}: nobody knows what {word!r} means, it is kept",
                    a1_id=report.identifier,
                    word=report.word,
                )
        settled = await self._journal.settle(reports, again)
        if settled.unmatched:
            self._metrics.unmatched.inc(settled.unmatched)
            self._log.info("{count} statuses of messages not known by them yet, kept", count=settled.unmatched)
        for report in reports:
            self._hear(report.source, Heard(report.at))
        if settled.changes and reports:
            # They all come from one source.
            self._hear(reports[0].source, Heard(changed_at=max(report.at for report in reports)))
        self.announce(settled.changes)

    def announce(self, changes: Iterable[Change]) -> None:
        """These statuses are in the journal now."""
        final = False
        for change in changes:
            self._metrics.count_change(change)
            if change.status is Status.REJECTED and change.reason is not None:
                self._metrics.count(self._metrics.rejected, change.reason)
                if change.reason == Refusal.GATEWAY_FAULT:
                    self._on_fault()
            self._log.info(
                "message {message_id}: {status} ({word}, by {source})",
                message_id=change.message_id,
                status=str(change.status),
                word=change.word,
                source=str(change.source),
                reason=change.reason,
            )
            final = final or change.status.final
        if final:
            self._on_final()

    def _hear(self, source: Source, more: Heard) -> None:
        self._heard[source] = self._heard.get(source, Heard()).and_then(more)
