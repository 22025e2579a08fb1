"""The letter that asks A1 for a Sender ID: what it says, in Russian, whatever file it is written into.

No form of A1's for it could be found in public. The letter says what such registrations are asked for elsewhere: the
name, its purpose, who the company is, and papers where the right to the name is not obvious (AWS, "Belarus sender ID
registration"; docs.alphasms.net, "How to create a sender's name"; wlaunch.net, "SMS signature"). A1's manager may
want another form.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from .conflicts import Conflict
from .particulars import Particulars, printable_line

ADDRESSEE = ("Унитарное предприятие «А1»", "ул. Интернациональная, 36-2", "220030, г. Минск")
"""Whom the letter goes to; name and legal address as other public letters to A1 have them."""

OUTGOING = "____.____.20____  № ______________"
ANSWER_TO = "На № __________ от ____.____.20____"
SUBJECT = "О регистрации имени отправителя SMS-сообщений"
_REQUEST = (
    "Просим зарегистрировать для отправки SMS-сообщений имя отправителя (Sender\N{NO-BREAK SPACE}ID, альфа-имя):"
)
_CONFIRMATION = (
    "Подтверждаем, что имеем право использовать это имя, что оно не вводит абонентов в заблуждение относительно "
    "отправителя и что рекламные сообщения отправляются только абонентам, давшим на это согласие."
)
_ANSWER = "О результатах рассмотрения просим сообщить контактному лицу."
PARTICULARS = "Сведения о заявителе"
ATTACHMENTS = "Приложения:"
_SHEETS = "на ____ л. в 1 экз.".replace(" ", "\N{NO-BREAK SPACE}")
SIGNATURE = "________________"
STAMP = "М.П. (при наличии)"

_ROWS = (
    ("Наименование", "company"),
    ("УНП", "unp"),
    ("Юридический адрес", "address"),
    ("Договор с А1", "contract"),
    ("Письмо подписывает", "signatory"),
    ("Должность", "position"),
    ("Основание полномочий", "ground"),
    ("Контактное лицо", "contact"),
    ("Телефон", "phone"),
    ("E-mail", "email"),
)


class Attachment(enum.StrEnum):
    """A paper that goes with the letter."""

    REGISTRATION = "registration"
    """The certificate of the company's registration."""
    AUTHORITY = "authority"
    """That whoever signs may sign."""
    RIGHT_TO_NAME = "right_to_name"
    """That the company may use the name: a trade mark, a licence, a domain."""
    SAMPLES = "samples"
    """What the SMS will say."""


_PAPERS = {
    Attachment.REGISTRATION: "Копия свидетельства о государственной регистрации",
    Attachment.AUTHORITY: "Копия документа о полномочиях лица, подписавшего письмо",
    Attachment.RIGHT_TO_NAME: (
        "Копия документа, подтверждающего право на имя (свидетельство на товарный знак, лицензионный договор, "
        "свидетельство о регистрации доменного имени)"
    ),
    Attachment.SAMPLES: "Образцы текстов SMS-сообщений",
}
_TO_BE_PROVED = frozenset({Conflict.NOT_THE_COMPANY, Conflict.WELL_KNOWN})


def usual_attachments(conflicts: Iterable[Conflict]) -> tuple[Attachment, ...]:
    """The papers usually wanted for a name with these conflicts, in the letter's order.

    Usually: A1's manager confirms the list.
    """
    proved = not _TO_BE_PROVED.intersection(conflicts)
    return tuple(each for each in Attachment if not (proved and each is Attachment.RIGHT_TO_NAME))


@dataclass(frozen=True, slots=True)
class Letter:
    """What differs from letter to letter."""

    name: str
    """The wanted Sender ID, without faults."""
    purpose: str
    """What the SMS will be about, one line."""
    particulars: Particulars
    attachments: Collection[Attachment]

    @property
    def title(self) -> str:
        """What the file is about, for its properties."""
        return f"{SUBJECT}: {printable_line(self.name)}"

    @property
    def company(self) -> str:
        """Whose letter it is."""
        return printable_line(self.particulars.company)

    @property
    def before_name(self) -> str:
        """The paragraph that leads to the name."""
        return _REQUEST

    @property
    def spelled_out(self) -> str:
        """The name character by character: 0 and O, l and I look the same in many a font."""
        return f"Посимвольно: {', '.join(_spelled_out(self.name))}."

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The paragraphs after the name."""
        purpose = printable_line(self.purpose).rstrip(" .")
        return (f"Назначение сообщений: {purpose}.", _CONFIRMATION, _ANSWER)

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The particulars with their names, without those that are empty."""
        given = ((label, printable_line(getattr(self.particulars, name))) for label, name in _ROWS)
        return tuple((label, value) for label, value in given if value)

    @property
    def papers(self) -> tuple[str, ...]:
        """The attachments, numbered; how many sheets each has is for a pen to say."""
        chosen = [text for each, text in _PAPERS.items() if each in self.attachments]
        return tuple(f"{number}. {text}, {_SHEETS}" for number, text in enumerate(chosen, 1))

    @property
    def signature(self) -> tuple[str, str]:
        """The position and the name of whoever signs."""
        return printable_line(self.particulars.position), printable_line(self.particulars.signatory)

    @property
    def drafted_by(self) -> str:
        """Whom A1 may call about the letter, as letters in Belarus say it at their foot."""
        return printable_line(f"{self.particulars.contact}, {self.particulars.phone}")


# One of a kind, and several.
_KINDS = {
    "letter": ("латинская буква", "латинские буквы"),
    "digit": ("цифра", "цифры"),
    "sign": ("знак", "знаки"),
    "space": ("пробел", "пробелы"),
}


def _spelled_out(name: str) -> Iterator[str]:
    for kind, run in groupby(name, _kind):
        characters = list(run)
        word = _KINDS[kind][len(characters) > 1]
        yield word if kind == "space" else f"{word} {' '.join(characters)}"


def _kind(character: str) -> str:
    if character == " ":
        return "space"
    if character.isdigit():
        return "digit"
    return "letter" if character.isalpha() else "sign"
