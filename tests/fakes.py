"""Counterparts in memory: an HTTP client that answers as it is told, a carrier, a portal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Standing
from a1gateway.http_client import Answer
from a1gateway.message import Submission

Answering = Callable[[str, Any], Answer | Exception]


def answer(content: Any, code: int = 200) -> Answer:
    """An answer in JSON, or with the given text."""
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    return Answer(code, body)


class FakeHttp:
    """Answers each request from a queue, or by a function; keeps what was asked."""

    def __init__(self, *answers: Answer | Exception | Deferred[Answer], by: Answering | None = None) -> None:
        self.answers = list(answers)
        self.by = by
        self.asked: list[tuple[str, Any]] = []

    async def post_form(self, url: str, form: Mapping[str, str], *, timeout: float) -> Answer:
        return await self._answer(url, dict(form))

    async def post_json(self, url: str, content: Any, *, timeout: float) -> Answer:
        return await self._answer(url, json.loads(json.dumps(content)))

    async def get(self, url: str, query: Mapping[str, str], *, timeout: float) -> Answer:
        return await self._answer("GET " + url, dict(query))

    async def _answer(self, url: str, content: Any) -> Answer:
        self.asked.append((url, content))
        result = self.answers.pop(0) if self.answers else self.by(url, content) if self.by else None
        assert result is not None, f"nobody expected {url}"
        if isinstance(result, Deferred):
            result = await result
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def methods(self) -> list[str]:
        """The last two parts of the addresses asked, in order."""
        return ["/".join(url.split("/")[-2:]) for url, _ in self.asked]


class FakeCarrier:
    """Takes every message, unless it is told what to make of them."""

    bulk_size = 500
    batch_size = 500
    submits_at_once = 4

    def __init__(self) -> None:
        self.submitted: list[Submission] = []
        self.outcomes: list[Outcome | Deferred[Outcome]] = []
        self.known: dict[str, Standing] = {}
        self.trouble: LinkTrouble | None = None
        self.probes = 0
        self.turns_used = 0
        self.polled: list[str] = []
        self.left_out: set[str] = set()

    async def turns(self, most: int) -> int:
        self.turns_used += 1
        return 1

    def give_back(self, turns: int) -> None:
        self.turns_used -= turns

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for each in submissions:
            self.submitted.append(each)
            outcome = self.outcomes.pop(0) if self.outcomes else Accepted(f"a{each.id}")
            outcomes.append(await outcome if isinstance(outcome, Deferred) else outcome)
        return outcomes

    async def look_up(self, submissions: Sequence[Submission]) -> dict[int, Standing | None]:
        found = self._standings(submissions)
        return {each.id: found.get(each.id) for each in submissions if each.message_id not in self.left_out}

    async def statuses(self, submissions: Sequence[Submission]) -> dict[int, Standing]:
        self.polled += [each.message_id for each in submissions]
        return self._standings(submissions)

    async def probe(self) -> None:
        self.probes += 1
        if self.trouble is not None:
            raise self.trouble

    def _standings(self, submissions: Sequence[Submission]) -> dict[int, Standing]:
        if self.trouble is not None:
            raise self.trouble
        return {each.id: self.known[each.message_id] for each in submissions if each.message_id in self.known}


class FakePortal:
    """Confirms everything, unless it is told otherwise."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.batches: list[dict[str, tuple[str, Any]]] = []
        self.results: dict[str, Any] = {}
        self.told: list[tuple[str, str]] = []
        self.errors: list[Any] = []

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self.calls.append((method, dict(parameters)))
        result = self.results.get(method, True)
        if isinstance(result, list) and result and isinstance(result[0], Exception):
            result = result.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, str]]], *, paid: bool = False
    ) -> dict[str, Any]:
        assert paid, "its turn has not been taken"
        self.batches.append({name: (method, dict(query)) for name, (method, query) in commands.items()})
        results: dict[str, Any] = {}
        if self.errors and isinstance(self.errors[0], Exception):
            raise self.errors.pop(0)
        wrong: dict[str, Any] = self.errors.pop(0) if self.errors else {}
        for name, (_, query) in commands.items():
            message_id = query["MESSAGE_ID"]
            if message_id in wrong:
                if wrong[message_id] is not None:
                    results[name] = wrong[message_id]
                continue
            results[name] = True
            self.told.append((message_id, query["STATUS"]))
        return results
