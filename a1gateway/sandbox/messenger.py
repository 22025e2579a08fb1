"""The simulated portal's messenger: notifications of users, and messages in chats.

Source: Bitrix24's documentation of `im.notify.system.add`, `im.notify.personal.add` and `im.message.add`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError
from a1gateway.sandbox.users import USERS

_CHATS = frozenset(f"chat{number}" for number in range(1, 10))


@dataclass(frozen=True)
class Told:
    """A notification or a message."""

    id: int
    to: str
    text: str
    at: float
    tag: str = ""


class Messenger:
    """Keeps what was told to whom, in order. There are the portal's users, and the chats `chat1` to `chat9`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._count = 0
        self.told: list[Told] = []
        self.table: dict[str, Callable[[Mapping[str, Any], Holder], Any]] = {
            "im.notify.system.add": self.notify,
            "im.notify.personal.add": self.notify,
            "im.message.add": self.message,
        }

    def clear(self) -> None:
        """Nobody was ever told anything."""
        self.told.clear()

    def reports(self) -> list[dict[str, Any]]:
        """All of it, oldest first."""
        return [asdict(each) for each in self.told]

    def notify(self, given: Mapping[str, Any], caller: Holder) -> int | bool:
        """A notification; of one tag only the latest stays. False for a user that there is not."""
        del caller
        user, text = str(given.get("USER_ID") or ""), str(given.get("MESSAGE") or "").strip()
        if not user.isdecimal() or int(user) <= 0:
            raise RestError("USER_ID_EMPTY", "User ID can't be empty")
        if not text:
            raise RestError("MESSAGE_EMPTY", "Message can't be empty")
        if int(user) not in USERS:
            return False
        tag = str(given.get("TAG") or "")
        if tag:
            self.told = [each for each in self.told if (each.to, each.tag) != (user, tag)]
        return self._tell(user, text, tag)

    def message(self, given: Mapping[str, Any], caller: Holder) -> int:
        """A message to a chat, or to a user in a chat of two."""
        del caller
        dialog, text = str(given.get("DIALOG_ID") or ""), str(given.get("MESSAGE") or "").strip()
        if not text:
            raise RestError("MESSAGE_EMPTY", "Message can't be empty")
        if dialog not in _CHATS and not (dialog.isdecimal() and int(dialog) in USERS):
            raise RestError("ACCESS_ERROR", "You do not have access to the specified dialog", 403)
        return self._tell(dialog, text, "")

    def _tell(self, to: str, text: str, tag: str) -> int:
        self._count += 1
        self.told.append(Told(self._count, to, text, self._clock.seconds(), tag))
        return self._count
