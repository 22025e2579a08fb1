"""What the operator is told, and by which of Bitrix24's methods.

A user gets a notification (`im.notify.system.add`), which takes the place of an earlier one with its tag: what is
told twice because an answer was lost is seen once. In a chat (`im.message.add`) nothing of the kind exists. Source:
Bitrix24's documentation of both; the permission is `im`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bitrix24.queries import REFERENCE
from ..checklist.findings import Check
from ..checklist.lines import lines_of
from ..words.words import Words
from .alarm import Alarm
from .standing import Standing, Word

_LONGEST_SAID = 300
Command = tuple[str, Mapping[str, Any]]


def told_to(to: str, text: str, tag: str) -> Command:
    """The command that tells `text` to a user (by an id, such as `7`) or a chat (`chat42`)."""
    # A portal would take that for a reference to another command.
    text = text.replace(REFERENCE, "$ result[")
    if to.isdecimal():
        return "im.notify.system.add", {"USER_ID": to, "MESSAGE": text, "TAG": tag}
    return "im.message.add", {"DIALOG_ID": to, "MESSAGE": text, "URL_PREVIEW": "N"}


def tag_of(alarm: Alarm, standing: Standing, word: Word) -> str:
    """The same whenever the same is told again."""
    return f"{alarm.word}|{standing.since:.0f}|{'begun' if word is Word.BEGUN else 'over'}"


class Letters:
    """Puts alarms into words: what has happened, since when, what to do, and which gateway says so."""

    def __init__(self, words: Words, gateway: str) -> None:
        """`gateway` is the host by which people know this one."""
        self._words = words
        self._gateway = gateway

    def text(self, alarm: Alarm, standing: Standing, word: Word, check: Check | None) -> str:
        """What is told; `check` is what was found now, of a trouble that has begun."""
        words = self._words
        title = words(f"alarm.{alarm.word}")
        if word is Word.BEGUN:
            assert check is not None
            (line,) = lines_of([check], words)
            said = [
                words(f"alarm.title.{alarm.severity}", alarm=title),
                line.text,
                words("alarm.since", since=words.minute(standing.since)),
                words("alarm.do", what_to_do=line.what_to_do),
            ]
            if line.said:
                said.append(f"{words('setup.said')} {line.said[:_LONGEST_SAID]}")
        else:
            assert standing.gone_at is not None
            said = [
                words("alarm.title.over" if word is Word.OVER else "alarm.title.been", alarm=title),
                words(
                    "alarm.lasted",
                    time=words.duration(standing.gone_at - standing.since),
                    since=words.minute(standing.since),
                    until=words.minute(standing.gone_at),
                ),
            ]
        said.append(words("alarm.gateway", gateway=self._gateway))
        return "\n".join(said)
