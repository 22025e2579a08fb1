"""What became of the SMS of an automation rule, returned to its workflow."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from ..bitrix24.backoff import pause_after
from ..bitrix24.portal import MOST_IN_A_BATCH
from ..bitrix24.queries import REFERENCE
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import DueLoop, until
from ..journal import runs
from ..journal.runs import Answer
from .parts import Parts

_IDLE = 60.0
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0
_METHOD = "bizproc.event.send"
# What the portal refuses for good is tried for an hour: its workflow may be held up for a moment.
_MOST_REFUSALS = 12
_FIRST_AFTER_REFUSAL = 5.0
_LONGEST_AFTER_REFUSAL = 600.0


class RobotAnswers(DueLoop):
    """Answers workflows, each until Bitrix24 has taken the answer. The first one ends the run; it ignores others.

    What is returned is written down before it is tried, so that a repetition says the same.
    """

    _log = Logger()

    def __init__(self, parts: Parts) -> None:
        super().__init__("robot answers", parts.clock, self._answer_due)
        self._journal = parts.journal
        self._portal = parts.portal
        self._tokens = parts.tokens
        self._random = parts.random
        self._backoff = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self.wake()

    async def _answer_due(self) -> float:
        if self._tokens.installation is None:
            return _IDLE
        if self._backoff.left > 0:
            return self._backoff.left
        now = self._clock.seconds()
        due, next_due = await self._journal.within(runs.answers, now, MOST_IN_A_BATCH - 1)
        if not due:
            return until(next_due, now, _IDLE)
        commands: dict[str, tuple[str, dict[str, Any]]] = {
            f"r{each.id}": (_METHOD, {"EVENT_TOKEN": each.event_token, "RETURN_VALUES": _told(each)}) for each in due
        }
        # A workflow that is gone is refused like an application that may nothing. Beside something that every
        # application may, it is known for what it is.
        commands["alive"] = ("app.info", {})
        try:
            results = await self._portal.batch(commands)
        except (PortalTrouble, PortalError) as error:
            self._backoff.failed(error)
            return self._backoff.left
        self._backoff.succeeded()
        taken = []
        for each in due:
            result = results.get(f"r{each.id}", PortalTrouble("Bitrix24 has not run a command"))
            if isinstance(result, (PortalTrouble, PortalError)):
                await self._refused(each, result)
            else:
                taken.append(each)
        if taken:
            await self._journal.within(runs.over, [each.id for each in taken], self._clock.seconds())
        for each in taken:
            self._log.info(
                "run {run} of {code}: its workflow has the answer {status}",
                run=each.id,
                code=each.code,
                status=str(each.values.get("status", "")),
                message_id=each.values.get("message_id"),
            )
        return 0.0

    async def _refused(self, answer: Answer, error: PortalTrouble | PortalError) -> None:
        now, tries = self._clock.seconds(), answer.tries + 1
        if isinstance(error, PortalError) and tries > _MOST_REFUSALS:
            await self._journal.within(runs.over, [answer.id], now, str(error))
            self._log.warn(
                "run {run} of {code}: its workflow does not take the answer: {error}",
                run=answer.id,
                code=answer.code,
                error=str(error),
            )
            return
        final = isinstance(error, PortalError)
        first, longest = (_FIRST_AFTER_REFUSAL, _LONGEST_AFTER_REFUSAL) if final else (_FIRST_RETRY, _LONGEST_RETRY)
        pause = pause_after(error, tries, first, longest, self._random)
        await self._journal.within(runs.put_off, answer.id, tries, now + pause, str(error))


def _told(answer: Answer) -> dict[str, Any]:
    """The values as a batch can carry them."""
    return {
        name: value.replace(REFERENCE, "$ result[") if isinstance(value, str) else value
        for name, value in answer.values.items()
    }
