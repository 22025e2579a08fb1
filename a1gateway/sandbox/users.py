"""The people of the simulated portal: what they are called, and the language each has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

INSTALLER_ID = 1
"""The administrator, in whose name the application is installed."""
EMPLOYEE_ID = 7
"""A manager, who is no administrator."""


@dataclass(frozen=True, slots=True)
class User:
    """A person; `language` is that of Bitrix24's interface."""

    id: int
    name: str
    last_name: str
    gender: str
    language: str = "ru"
    work_phone: str = ""
    mobile: str = ""

    @property
    def full_name(self) -> str:
        """As it stands in the portal's corner."""
        return f"{self.name} {self.last_name}"

    def row(self) -> dict[str, object]:
        """As `user.get` and `user.current` give it."""
        return {
            "ID": str(self.id),
            "ACTIVE": True,
            "NAME": self.name,
            "LAST_NAME": self.last_name,
            "WORK_PHONE": self.work_phone,
            "PERSONAL_MOBILE": self.mobile,
        }


USERS: Mapping[int, User] = {
    user.id: user
    for user in (
        User(INSTALLER_ID, "Ольга", "Администратор", "F", work_phone="+375 17 200-11-22"),
        User(EMPLOYEE_ID, "Пётр", "Менеджер", "M", mobile="+375 29 700-70-07"),
    )
}
