"""The few questions: asked in order, each answer checked at once by the configuration's own rules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..config_secrets import Place
from ..config_values import Fault
from ..words.words import Words
from .console import IConsole
from .draft import Draft

NONE = "-"
"""Typed for a value that is to be taken away."""


def _always(draft: Draft) -> bool:
    return True


def _over_http(draft: Draft) -> bool:
    return draft.get(("a1", "transport")) == "http"


def _over_smpp(draft: Draft) -> bool:
    return draft.get(("a1", "transport")) == "smpp"


def _with_keys(draft: Draft) -> bool:
    return bool(draft.get(("bitrix24", "client_id")))


@dataclass(frozen=True, slots=True)
class Question:
    """A key that is asked for."""

    place: Place
    is_asked: Callable[[Draft], bool] = _always
    otherwise: str | int = ""
    """What holds when nothing is typed and nothing was there."""
    secret: bool = False
    may_lack: bool = False
    """Whether there may be none."""
    whole_section: bool = False
    """Whether its section goes with it."""

    @property
    def key(self) -> str:
        """The key as an operator writes it."""
        return ".".join(self.place)


QUESTIONS: Sequence[Question] = (
    Question(("a1", "transport"), otherwise="http"),
    Question(("http", "public_url")),
    Question(("a1", "http", "user"), _over_http),
    Question(("a1", "http", "apikey"), _over_http, secret=True),
    Question(("a1", "smpp", "host"), _over_smpp),
    Question(("a1", "smpp", "port"), _over_smpp, otherwise=2775),
    Question(("a1", "smpp", "system_id"), _over_smpp),
    Question(("a1", "smpp", "password"), _over_smpp, secret=True),
    Question(("a1", "sender_id"), may_lack=True),
    Question(("bitrix24", "portal"), may_lack=True),
    Question(("bitrix24", "client_id"), may_lack=True),
    Question(("bitrix24", "client_secret"), _with_keys, secret=True),
    Question(("consent", "contact_field"), may_lack=True, whole_section=True),
)


def ask_all(draft: Draft, words: Words, console: IConsole) -> None:
    """Ask until the configuration's rules find nothing wrong with the answers.

    Faults in what is not asked for are left. Raises `EOFError` and `KeyboardInterrupt`, when whoever answers leaves.
    """
    questions: Sequence[Question] = QUESTIONS
    while questions:
        for question in questions:
            if question.is_asked(draft):
                _ask(question, draft, words, console)
            elif question.place == ("bitrix24", "client_secret"):
                draft.set(question.place, "")
        draft.complete()
        # Answers that are right alone may be wrong together.
        faults = draft.faults()
        questions = [each for each in QUESTIONS if each.is_asked(draft) and _of(each, faults)]
        for question in questions:
            for fault in _of(question, faults):
                console.fault(str(fault))


def _ask(question: Question, draft: Draft, words: Words, console: IConsole) -> None:
    console.say()
    console.say(words(f"server.ask.{question.key}"))
    before = copy.deepcopy(draft.table)
    while True:
        typed = console.ask(_prompt(question, draft, words), secret=question.secret).strip()
        if typed:
            _answer(question, draft, None if typed == NONE and question.may_lack else typed)
        elif not draft.is_given(question.place):
            _answer(question, draft, None if question.may_lack else question.otherwise)
        faults = _of(question, draft.faults())
        if not faults:
            return
        for fault in faults:
            console.fault(str(fault))
        draft.table = copy.deepcopy(before)


def _answer(question: Question, draft: Draft, answer: str | int | None) -> None:
    if answer is None and question.whole_section:
        draft.set(question.place[:-1], None)
    elif answer is None and question.place == ("bitrix24", "client_id"):
        draft.set(question.place, "")
    elif isinstance(question.otherwise, int) and str(answer).isdecimal() and len(str(answer)) < 10:
        draft.set(question.place, int(str(answer)))
    else:
        draft.set(question.place, answer)


def _prompt(question: Question, draft: Draft, words: Words) -> str:
    present = draft.get(question.place)
    if question.secret:
        shown = words("server.kept") if draft.is_given(question.place) and present != "" else ""
    elif present not in (None, ""):
        shown = str(present)
        if question.may_lack:
            shown += f"; {words('server.none', none=NONE)}"
    else:
        shown = words("server.nothing") if question.may_lack else str(question.otherwise)
    return f"{question.key} [{shown}]: " if shown else f"{question.key}: "


def _of(question: Question, faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.key in (question.key, f"{question.key}_file")]
