"""Belarusian mobile numbers, in every form in which people type them and Bitrix24 rewrites them.

A number is read in three steps: its characters are brought to a few plain ones, what stands around it (a label, an
extension, a second number) is told from the number itself, and its digits are judged. The last step rests on two
facts of the Belarusian plan: a mobile number has nine digits behind 375, and so has a fixed line. Hence the last nine
digits are the number, and what stands before them is one of the few prefixes that are dialled or written there (8,
80, 0, 375, 8 10 375, 00375), or the number is refused. Which ranges are in use, and what is a number of another
country, comes from `phonenumbers`.

A number that can be read in two ways is refused: an SMS to a wrong person is worse than none. What was decided in
doubt:

- `8 916 123-45-67` is Russian: eleven digits with 8 in front are Belarusian only as 80 and nine digits.
- `+7` with nine digits, 25, 29, 33 or 44 first, is Belarusian (Bitrix24 took its 8 for Russia's). Where Kazakhstan
  has the ten digits as a number of its own, this holds only with the plus and in a known range; else `foreign`.
- `+29...` with nine digits is Belarusian, although numbers of +298 and +299 (Faroe Islands, Greenland) are as long:
  Bitrix24 makes it of `29 8...`. Written `+298 21 12 34` it is `foreign`. So is +252 (Somalia) where Somalia has the
  number, as `phonenumbers` knows no Belarusian range there.
- A trunk prefix behind the country code (`+375 (0)29`, `+375 029`, `+375 8 029`, `+375 8 29`) is dropped.
- Words are tolerated only when they are on a short list (telephone, mobile, a messenger, an operator), at either end.
  Any other text may say that the number is old, a fax or somebody else's: `not_a_number`. Letters are never digits.
- Up to four digits behind a comma or a semicolon are an extension, more are a second number.
- A slash may follow the code (`8029/1234567`); behind a whole number it begins a second one (`123-45-67/68`).
- `.0` behind nine or more digits in a row is what a spreadsheet adds to a number, and dropped.
- Struck-out digits, superscript digits, digits under a right-to-left override, and text with a lost character in it
  are `not_a_number`.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass

import phonenumbers

RANGE_UNKNOWN = "range_unknown"
"""The warning that the code is a mobile one, but `phonenumbers` does not know this range."""


class NumberFault(enum.StrEnum):
    """Why no SMS can be sent to what was received; the words are the operator's contract."""

    EMPTY_NUMBER = "empty_number"
    """There is nothing, or nothing but spaces and punctuation."""
    FOREIGN = "foreign"
    FIXED_LINE = "fixed_line"
    """A Belarusian fixed line, which no SMS reaches."""
    TOO_SHORT = "too_short"
    TOO_MANY_DIGITS = "too_many_digits"
    SEVERAL_NUMBERS = "several_numbers"
    NOT_A_NUMBER = "not_a_number"
    """There is text in it, or it can be read in more than one way."""
    UNKNOWN_CODE = "unknown_code"
    """Belarusian by its form, but its code is neither a mobile one nor a fixed line's."""


@dataclass(frozen=True, slots=True)
class Msisdn:
    """A mobile number that an SMS can be sent to."""

    number: str
    """`+375XXXXXXXXX`, with 25, 29, 33 or 44 behind the 375."""
    warning: str | None = None
    """`RANGE_UNKNOWN`, or None."""


@dataclass(frozen=True, slots=True)
class RefusedNumber:
    """No SMS is sent to what was received."""

    fault: NumberFault


_MOBILE = frozenset(("25", "29", "33", "44"))
_FIXED = frozenset(("15", "16", "17", "21", "22", "23"))
_NATIONAL = 9
# Everything that may stand before the nine digits, but for Russia's 7.
_TRUNK = ("", "0", "8", "80")
_COUNTRY = ("375", "00375", "810375")
_PREFIXES = frozenset((*_TRUNK, *(country + trunk for country in _COUNTRY for trunk in _TRUNK)))

_PLAIN = re.compile(r"(?:\+?375|\+?80)?((?:25|29|33|44)[0-9]{7})")
_DIALLED_ABROAD = re.compile(r"\A(?:810|00)")
_RUN_TOGETHER = re.compile(
    r"(?:(?:(?:(?:00|810)?375)?(?:80?|0)?|7)(?:(?:25|29|33|44)|(?:1[567]|2[123]))[0-9]{7}){2,}"
)
# With + before it, this may still be a Belarusian number that Bitrix24 took for something else.
_PERHAPS_REWRITTEN = re.compile(r"[08]|7?(?:25|29|33|44)")

# Far more than any number with its label needs, and little enough for every expression below.
_LONGEST = 1000


def _mobile_ranges() -> re.Pattern[str]:
    """What `phonenumbers` knows of them, in its own words.

    Its `number_type` tries one type after another, for a tenth of a millisecond; those before the mobile ones begin
    with 8 or 9 in Belarus.
    """
    belarus = phonenumbers.PhoneMetadata.metadata_for_region("BY")
    assert belarus is not None
    assert belarus.mobile is not None
    assert belarus.mobile.national_number_pattern is not None
    return re.compile(belarus.mobile.national_number_pattern)


_KNOWN_MOBILE = _mobile_ranges()

_LETTER = r"[^\W\d_]"
_SOFT = r"[ \-.()\[\]{}_~]"
_LABEL = (
    r"(?:телефон|тел|тэлефон|тэл|мобильный|мобильны|мабільны|моб|сотовый|сот|контактный|рабочий|раб|домашний|дом"
    r"|номер|нумар|т|м|tel|telephone|phone|mobile|mob|cell|sms|смс|callto|viber|вайбер|whatsapp|ватсап|telegram"
    rf"|телеграм|мтс|mts|velcom|велком|life|лайф)(?!{_LETTER})"
)
_AROUND = rf"(?::|{_SOFT}|{_LABEL})*"
_WORDS = re.compile(_AROUND, re.IGNORECASE)
_WRITTEN = re.compile(
    rf"{_AROUND}(?P<number>\+?{_SOFT}*(?P<first>[0-9]+)(?:{_SOFT}*[0-9])*){_AROUND}",
    re.IGNORECASE,
)
# The operator's own name has a digit in it.
_A1 = re.compile(r"(?<![^\W_])[aа]1(?![^\W_])", re.IGNORECASE)

# Each alternative begins where its separators begin, so that a long run of them is looked at once.
_EXTENSION = re.compile(
    r"(?:(?<![ (,;])[ (,;]*"
    rf"(?<!{_LETTER})(?<!\*)(?:доб(?:авочный|ав)?|вн(?:утр(?:енний)?)?|дад(?:атковы)?|унутр(?:аны)?|ext(?:ension|n)?|[#*xх])"
    r"[ .:=#\-]*[0-9]{0,7}[ .)]*"
    r"|(?<![ ,;]) *[,;][,; ]*[0-9]{1,4})$",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r";phone-context=\+375(?![0-9])", re.IGNORECASE)
_BETWEEN = re.compile(
    rf"[\n,;/\\|&#*]|(?=\+)|(?<!{_LETTER})(?:и|или|либо|і|ці|або|or|and)(?!{_LETTER})", re.IGNORECASE
)
# What may stand before a slash that divides nothing.
_UP_TO_THE_CODE = re.compile(r"(?:(?:810|00)?375)?8?0?(?:25|29|33|44|15|16|17|21|22|23)?")
# A spreadsheet's number without its format: 375291234567.0
_FLOAT = re.compile(r"(?<=[0-9]{9})\.0+$")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_DIGIT = re.compile(r"[0-9]")
_SPACES = re.compile(r" {2,}")
_NOTHING = re.compile(r"(?:\+|:|[\n,;/]|" + _SOFT + r")*")

_BREAKS = "\n\r\v\f\x85\u2028\u2029"
_ASCII = dict.fromkeys((*range(32), 127)) | {ord(character): "\n" for character in "\n\r\v\f"} | {9: " "}
_ALIKE = {
    "\u2044": "/",  # fraction slash
    "\u2215": "/",  # division slash
    "\u060c": ",",  # Arabic comma
    "\u061b": ";",  # Arabic semicolon
    "\u3001": ",",  # ideographic comma
    "\u2212": "-",  # minus
    "\u02d7": "-",  # modifier letter minus
    "\u2043": "-",  # hyphen bullet
    "\u223c": "~",  # tilde operator
    "\uff5e": "~",
    "\u00b7": ".",  # middle dot, bullets
    "\u2022": ".",
    "\u2219": ".",
    "\u201a": '"',  # low quotation marks
    "\u201e": '"',
    "\u20e3": "",  # the keycap around a digit
    "\u202e": "\ufffd",  # from here on the reader sees another order than we do
    "\ufffd": "\ufffd",  # a character was lost
}


def read_number(received: str) -> Msisdn | RefusedNumber:
    """The number that `received` means, or why no SMS is sent to it; never raises, whatever the string."""
    plain = _PLAIN.fullmatch(received)
    if plain is not None:
        # Most numbers by far. The rest of this module says the same of them, only later.
        return _mobile(plain[1])
    verdict = _read(_characters(received))
    return RefusedNumber(verdict) if isinstance(verdict, NumberFault) else verdict


def masked(number: str) -> str:
    """`number` for a log: `+37529*****67`.

    Of a number with 375 the code and the last two digits stay, of any other string with nine or more digits the last
    two, of anything else nothing. No more than seven digits are ever shown, and never any other character.
    """
    digits = _NOT_DIGITS.sub("", _characters(number[:_LONGEST]))
    if len(digits) == len("375") + _NATIONAL and digits.startswith("375"):
        return f"+{digits[:5]}*****{digits[-2:]}"
    return f"*******{digits[-2:]}" if len(digits) >= _NATIONAL else "***"


def _characters(received: str) -> str:
    """`received` in the few characters that the expressions above know; any other is left as it is."""
    if received.isascii():
        return received.translate(_ASCII)
    return "".join(map(_character, unicodedata.normalize("NFC", received)))


def _character(character: str) -> str:
    if character in _BREAKS:
        return "\n"
    if character.isascii():
        return character.translate(_ASCII)
    alike = _ALIKE.get(character)
    if alike is not None:
        return alike
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.decimal(character))
        case "Zs" | "So" | "Sk":  # spaces; emoji, the numero sign and the like; skin tones
            return " "
        case "Pd":
            return "-"
        case "Pi" | "Pf":
            return '"'
        case "Cf" | "Cc":  # joiners, marks of direction, soft hyphens, byte order marks
            return ""
        case "Mn" if "VARIATION SELECTOR" in unicodedata.name(character, ""):
            return ""
    compatible = unicodedata.normalize("NFKC", character)
    # The full width brackets and signs, but neither letters nor superscript digits.
    return compatible if len(compatible) == 1 and compatible.isascii() and not compatible.isalnum() else character


def _read(text: str) -> Msisdn | NumberFault:
    text = _SPACES.sub(" ", text).strip(" \n'\"=<>`")
    if len(text) > _LONGEST:
        return NumberFault.NOT_A_NUMBER
    if not _DIGIT.search(text):
        return NumberFault.EMPTY_NUMBER if _NOTHING.fullmatch(text) else NumberFault.NOT_A_NUMBER
    text = _A1.sub("velcom", _CONTEXT.sub("", text))
    pieces = [piece.strip() for piece in _BETWEEN.split(_soft_slashes(_EXTENSION.sub("", text)))]
    numbers = [piece for piece in pieces if _DIGIT.search(piece)]
    if len(numbers) != 1:
        return _of_several(numbers)
    written = _WRITTEN.fullmatch(_FLOAT.sub("", numbers[0]))
    if written is None or not all(_WORDS.fullmatch(piece) for piece in pieces if piece not in (numbers[0], "+")):
        return NumberFault.NOT_A_NUMBER
    return _judged(
        _NOT_DIGITS.sub("", written["number"]), plus=written["number"].startswith("+"), first=len(written["first"])
    )


def _of_several(numbers: list[str]) -> NumberFault:
    """What is said of pieces with digits in them, when there is not exactly one."""
    lengths = [len(_NOT_DIGITS.sub("", piece)) for piece in numbers]
    if sum(length >= 5 for length in lengths) > 1:
        return NumberFault.SEVERAL_NUMBERS
    # Such as 123-45-67/68: the second differs in its last digits.
    endings = max(lengths, default=0) >= _NATIONAL and all(_WRITTEN.fullmatch(piece) for piece in numbers)
    return NumberFault.SEVERAL_NUMBERS if endings else NumberFault.NOT_A_NUMBER


def _soft_slashes(text: str) -> str:
    """`text` with the slashes that follow a prefix or a code as spaces: they do not begin another number."""
    head, slash, tail = text.partition("/")
    while slash:
        before = _NOT_DIGITS.sub("", head)
        if not before or not _UP_TO_THE_CODE.fullmatch(before):
            break
        more, slash, tail = tail.partition("/")
        head = f"{head} {more}"
    return head + slash + tail


def _judged(digits: str, *, plus: bool, first: int) -> Msisdn | NumberFault:
    """The verdict on bare digits; `plus` stood before them, and the first group of them was `first` digits long."""
    prefix, national = digits[:-_NATIONAL], digits[-_NATIONAL:]
    if len(national) == _NATIONAL and (prefix in _PREFIXES or prefix == "7"):
        if national[:2] in _MOBILE:
            mobile = _mobile(national)
            return NumberFault.FOREIGN if _rather_foreign(digits, prefix, mobile, plus, first) else mobile
        if national[:2] in _FIXED and prefix in _PREFIXES:
            return NumberFault.FOREIGN if plus and _known_abroad(digits) else NumberFault.FIXED_LINE
    return _fault(digits, plus)


def _mobile(national: str) -> Msisdn:
    known = _KNOWN_MOBILE.fullmatch(national) is not None
    return Msisdn("+375" + national, None if known else RANGE_UNKNOWN)


def _rather_foreign(digits: str, prefix: str, mobile: Msisdn, plus: bool, first: int) -> bool:
    """Whether digits that can be read as `mobile` are as likely a number of another country."""
    known = mobile.warning is None
    if prefix == "7":
        return not (plus and known) and _known_abroad("7" + digits)
    # Behind any prefix that begins with 375, 80 or 0 another country's number is never found.
    return plus and (not known or (not prefix and first == 3)) and _known_abroad(digits)


def _known_abroad(digits: str) -> bool:
    """Whether `digits`, country code first, are a number in use outside Belarus."""
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return False
    return number.country_code != 375 and phonenumbers.is_valid_number(number)


def _special(digits: str) -> bool:
    """Whether `digits`, as dialled in Belarus, are a number in use there: a toll-free one, for instance."""
    try:
        return phonenumbers.is_valid_number_for_region(phonenumbers.parse(digits, "BY"), "BY")
    except phonenumbers.NumberParseException:
        return False


def _russian(digits: str) -> bool:
    """Whether `digits` are a number of Russia or Kazakhstan as dialled there, with 8 or a mobile one without it."""
    if len(digits) == 11 and digits[0] == "8":
        return _known_abroad("7" + digits[1:])
    return len(digits) == 10 and digits[0] == "9" and _known_abroad("7" + digits)


def _fault(digits: str, plus: bool) -> NumberFault:
    """Why `digits`, neither a mobile number nor a fixed line, are refused."""
    abroad = _DIALLED_ABROAD.sub("", digits)
    belarusian = abroad.startswith("375")
    if not belarusian and (_known_abroad(abroad) or _russian(digits)):
        return NumberFault.FOREIGN
    if _RUN_TOGETHER.fullmatch(digits):
        return NumberFault.SEVERAL_NUMBERS
    if _special(digits):
        return NumberFault.UNKNOWN_CODE
    international = abroad != digits or (plus and not _PERHAPS_REWRITTEN.match(digits))
    if international and not belarusian and len(digits) > _NATIONAL:
        return NumberFault.FOREIGN
    rest = abroad.removeprefix("375") if belarusian else digits
    trunk = "80" if rest.startswith("80") else rest[:1] if rest[:1] in ("8", "0") else ""
    missing = len(trunk) + _NATIONAL - len(rest)
    if missing > 0:
        return NumberFault.TOO_SHORT
    return NumberFault.TOO_MANY_DIGITS if missing < 0 else NumberFault.UNKNOWN_CODE
