"""What happens to a message after the simulated A1 has accepted it: its statuses and the callbacks about them."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.a1_books import AcceptedMessage, CallbackMade, Code, Outcome, word
from a1gateway.sandbox.faults import A1Fault
from a1gateway.sandbox.outgoing import Outgoing
from a1gateway.sandbox.settings import A1Settings, Adjustable, CallbackForm
from a1gateway.sandbox.tasks import Tasks

# The faults that concern a message's life rather than the answer to its submission.
LIFE_FAULTS = frozenset(
    {
        A1Fault.CALLBACK_EARLY,
        A1Fault.CALLBACK_DOUBLE,
        A1Fault.CALLBACK_REORDER,
        A1Fault.NO_CALLBACK,
        A1Fault.NO_DELIVERY,
    }
)

# How long after the final callback a reordered one comes.
_REORDER_PAUSE = 1.0


class Lives:
    """Leads accepted messages through their statuses."""

    def __init__(
        self, clock: IReactorTime, outgoing: Outgoing, settings: Adjustable[A1Settings], tasks: Tasks
    ) -> None:
        self._clock = clock
        self._outgoing = outgoing
        self._settings = settings
        self._tasks = tasks

    async def begin(self, message: AcceptedMessage, faults: frozenset[A1Fault]) -> None:
        """Starts a message's life; with `CALLBACK_EARLY` it ends, final callback made, before this returns."""
        if A1Fault.NO_DELIVERY in faults:
            message.outcome = Outcome.NEVER_ENDS
        if A1Fault.CALLBACK_EARLY not in faults:
            self._tasks.start(self._live(message, faults))
            return
        for code in message.outcome.value:
            self._enter(message, code)
        if self._calls_back(faults):
            await self._make(message, self._told(message.code))

    async def _live(self, message: AcceptedMessage, faults: frozenset[A1Fault]) -> None:
        scheduled = message.submission.send_at
        if scheduled is not None:
            await self._tasks.pause(scheduled - self._clock.seconds())
        settings = self._settings.now
        first, *final = message.outcome.value
        await self._tasks.pause(settings.enroute_delay)
        self._enter(message, first)
        if not final or A1Fault.CALLBACK_REORDER not in faults:
            self._call_back(message, first, faults)
        await self._tasks.pause(settings.final_delay - settings.enroute_delay)
        for code in final:
            self._enter(message, code)
            self._call_back(message, code, faults)
        if final and A1Fault.CALLBACK_REORDER in faults:
            await self._tasks.pause(_REORDER_PAUSE)
            self._call_back(message, first, faults)

    def put(self, message: AcceptedMessage, code: Code) -> None:
        """Gives a message any status, with its callback; its life goes on all the same."""
        self._enter(message, code)
        self._call_back(message, code, frozenset())

    def _enter(self, message: AcceptedMessage, code: Code) -> None:
        message.code = code
        message.history.append((self._clock.seconds(), code))

    def _calls_back(self, faults: frozenset[A1Fault]) -> bool:
        settings = self._settings.now
        return settings.callbacks and bool(settings.callback_url) and A1Fault.NO_CALLBACK not in faults

    def _told(self, code: Code) -> str:
        return word(code) if self._settings.now.callback_words else str(code)

    def _call_back(self, message: AcceptedMessage, code: Code, faults: frozenset[A1Fault]) -> None:
        if not self._calls_back(faults):
            return
        status = self._told(code)
        for _ in range(2 if A1Fault.CALLBACK_DOUBLE in faults else 1):
            self._tasks.start(self._insist(message, status))

    async def _insist(self, message: AcceptedMessage, status: str) -> None:
        for attempt in range(self._settings.now.callback_attempts):
            if attempt:
                await self._tasks.pause(self._settings.now.callback_pause)
            answer = await self._make(message, status)
            if answer is not None and 200 <= answer < 300:
                return

    async def _make(self, message: AcceptedMessage, status: str) -> int | None:
        settings = self._settings.now
        at = self._clock.seconds()
        fields = [
            (settings.callback_id_field, str(message.message_id)),
            (settings.callback_status_field, status),
        ]
        if settings.callback_form is CallbackForm.GET:
            answer = await self._outgoing.get(settings.callback_url, fields)
        elif settings.callback_form is CallbackForm.FORM:
            answer = await self._outgoing.post_form(settings.callback_url, fields)
        else:
            answer = await self._outgoing.post_json(
                settings.callback_url,
                {settings.callback_id_field: message.message_id, settings.callback_status_field: status},
            )
        message.callbacks.append(CallbackMade(at, status, answer))
        return answer
