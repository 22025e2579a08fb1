"""What became of the SMS of an automation rule, returned to its workflow."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from ..bitrix24.backoff import pause_after
from ..bitrix24.batches import run_all
from ..bitrix24.contacts import Command
from ..bitrix24.queries import REFERENCE
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import until
from ..journal import runs
from ..journal.runs import Answer
from .parts import Parts
from .portal_loop import IDLE, PortalLoop

# As many as there is room for in a batch.
_AT_ONCE = 49
_METHOD = "bizproc.event.send"
# An answer that is refused is tried for an hour: its workflow may be held up for a moment.
_MOST_REFUSALS = 12
_FIRST_AFTER_REFUSAL = 5.0
_LONGEST_AFTER_REFUSAL = 600.0
_FIRST_AFTER_TROUBLE = 10.0
_LEAST_PAUSE = 10.0


class RobotAnswers(PortalLoop):
    """Answers workflows, each until Bitrix24 has taken the answer. The first one ends the run; it ignores others.

    What is returned is written down before it is tried, so that a repetition says the same.
    """

    _log = Logger()

    def __init__(self, parts: Parts) -> None:
        super().__init__("robot answers", parts, self._answer_due)
        self._random = parts.random

    async def _answer_due(self) -> float:
        if self._portal_pause > 0:
            return self._portal_pause
        now = self._clock.seconds()
        due, next_due = await self._journal.within(runs.answers, now, _AT_ONCE)
        if not due:
            return until(next_due, now, IDLE)
        commands: dict[str, Command] = {
            f"r{each.id}": (_METHOD, {"EVENT_TOKEN": each.event_token, "RETURN_VALUES": _told(each)}) for each in due
        }
        try:
            # A workflow that is gone is refused like an application that may nothing.
            results = await run_all(self._portal, commands, apart=True)
        except PortalTrouble as error:
            self._backoff.failed(error)
            return self._backoff.left
        self._backoff.succeeded()
        taken = []
        for each in due:
            result = results[f"r{each.id}"]
            if isinstance(result, PortalError) and result.shuts_out:
                # No answer of any run will be taken before somebody mends that; and then all will.
                self._log.error("workflows wait for their answers: {error}", error=str(result))
                self._backoff.hold(_LONGEST_AFTER_REFUSAL)
                continue
            if isinstance(result, PortalTrouble):
                await self._put_off(each, result)
            elif isinstance(result, PortalError):
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

    async def _put_off(self, answer: Answer, trouble: PortalTrouble) -> None:
        tries = answer.tries + 1
        pause = pause_after(trouble, tries, _FIRST_AFTER_TROUBLE, _LONGEST_AFTER_REFUSAL, self._random)
        await self._journal.within(
            runs.put_off, answer.id, tries, self._clock.seconds() + max(pause, _LEAST_PAUSE), str(trouble)
        )

    async def _refused(self, answer: Answer, error: PortalError) -> None:
        now, refusals = self._clock.seconds(), answer.refusals + 1
        if refusals > _MOST_REFUSALS:
            await self._journal.within(runs.over, [answer.id], now, str(error))
            self._log.warn(
                "run {run} of {code}: its workflow does not take the answer: {error}",
                run=answer.id,
                code=answer.code,
                error=str(error),
            )
            return
        if refusals == 1:
            self._log.info(
                "run {run} of {code}: its workflow does not take the answer yet: {error}",
                run=answer.id,
                code=answer.code,
                error=str(error),
            )
        pause = pause_after(error, refusals, _FIRST_AFTER_REFUSAL, _LONGEST_AFTER_REFUSAL, self._random)
        await self._journal.within(runs.refused, answer, now + pause, str(error))


def _told(answer: Answer) -> dict[str, Any]:
    """The values as a batch can carry them."""
    return {
        name: value.replace(REFERENCE, "$ result[") if isinstance(value, str) else value
        for name, value in answer.values.items()
    }
