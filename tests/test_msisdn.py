"""Phone numbers: every form that people type, every form that Bitrix24 makes of it, and what is refused."""

import re
import string
import sys
import unicodedata

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a1gateway.msisdn import RANGE_UNKNOWN, Msisdn, NumberFault, RefusedNumber, masked, read_number

CODES = ("25", "29", "33", "44")
CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1)]
DASHES = [character for character in CHARACTERS if unicodedata.category(character) == "Pd"] + ["\N{MINUS SIGN}"]
SPACES = [character for character in CHARACTERS if unicodedata.category(character) == "Zs"]
IGNORED = ["\ufeff", "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2066", "\u2069", "\u202a", "\u202c", "\xad"]
EMOJI = [
    "\N{TELEPHONE RECEIVER}",
    "\N{BLACK TELEPHONE}\ufe0f",
    "\U0001f1e7\U0001f1fe",
    "\N{WAVING HAND SIGN}\U0001f3fb",
]

digits7 = st.text("0123456789", min_size=7, max_size=7)
nationals = st.builds(str.__add__, st.sampled_from(CODES), digits7)


def read(received: str) -> str:
    """The number read, or the word of the refusal."""
    verdict = read_number(received)
    return verdict.number if isinstance(verdict, Msisdn) else str(verdict.fault)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("+375291234567", id="international"),
        pytest.param("80291234567", id="as dialled within the country"),
        pytest.param("375 29 123-45-67", id="international without plus"),
        pytest.param("29 1234567", id="code and number"),
        pytest.param("291234567", id="nine digits"),
        pytest.param("375291234567", id="twelve digits"),
        pytest.param("+375 29 123 45 67", id="in groups"),
        pytest.param("+375 (29) 123 45 67", id="code in brackets"),
        pytest.param("(+375 29) 123-45-67", id="plus in brackets"),
        pytest.param("+ 375 29 1234567", id="plus and a space"),
        pytest.param("++375291234567", id="two pluses"),
        pytest.param("8 (029) 123-45-67", id="8 and code in brackets"),
        pytest.param("8(029)1234567", id="8 and code in brackets, tight"),
        pytest.param("(8029) 123-45-67", id="8 in brackets too"),
        pytest.param("8-029-123-45-67", id="dashes only"),
        pytest.param("8.029.123.45.67", id="dots only"),
        pytest.param("8_029_123_45_67", id="underscores only"),
        pytest.param("8~029~1234567", id="tilde of the dialling tone"),
        pytest.param("8029 1234567", id="8 and code together"),
        pytest.param("029 1234567", id="trunk zero"),
        pytest.param("(029)1234567", id="trunk zero in brackets"),
        pytest.param("8 29 123-45-67", id="8 without zero"),
        pytest.param("8 10 375 29 1234567", id="through 8 10"),
        pytest.param("8~10 375 29 123-45-67", id="through 8 10 with tilde"),
        pytest.param("810375291234567", id="through 8 10, tight"),
        pytest.param("+810375291234567", id="through 8 10 with plus"),
        pytest.param("00375291234567", id="through 00"),
        pytest.param("00 375 (29) 123-45-67", id="through 00 in groups"),
        pytest.param("+375 (0)29 123-45-67", id="superfluous zero in brackets"),
        pytest.param("+375 029 1234567", id="superfluous zero"),
        pytest.param("+375-80-29-123-45-67", id="superfluous 80"),
        pytest.param("+375 8 029 123-45-67", id="superfluous 8 and zero"),
        pytest.param("+375 8 29 123-45-67", id="superfluous 8"),
        pytest.param("375\xa029\xa0123\xa045\xa067", id="no-break spaces"),
        pytest.param("8\u2009029\u2009123\u200945\u200967", id="thin spaces"),
        pytest.param("8\t029\t1234567", id="tabs"),
        pytest.param("\t80291234567\n", id="tab and line end around"),
        pytest.param("8–029–123—45−67", id="en dash, em dash, minus"),
        pytest.param("8‑029‑123‑45‑67", id="non-breaking hyphens"),
        pytest.param("8029123\xad45\xad67", id="soft hyphens"),
        pytest.param("８（０２９）１２３－４５－６７", id="full width"),
        pytest.param("＋375291234567", id="full width plus"),
        pytest.param("٨٠٢٩١٢٣٤٥٦٧", id="Arabic digits"),
        pytest.param("२९ १२३४५६७", id="Devanagari digits"),
        pytest.param("2\ufe0f\u20e39\ufe0f\u20e3 123-45-67", id="keycaps"),
        pytest.param("\ufeff80291234567", id="byte order mark"),
        pytest.param("\u202a+375 29 123-45-67\u202c", id="copied from a telephone's contacts"),
        pytest.param("\u20688029\u200b1234567\u2069", id="isolates and a zero width space"),
        pytest.param("\u200f29 1234567\u200e", id="marks of direction"),
        pytest.param("📞 +375291234567 🇧🇾", id="emoji around"),
        pytest.param("☎️ 8 029 123-45-67", id="telephone sign"),
        pytest.param("№ 29 1234567", id="numero sign"),
        pytest.param("'80291234567", id="spreadsheet's apostrophe"),
        pytest.param('="80291234567"', id="spreadsheet's formula"),
        pytest.param("«29 1234567»", id="quotation marks"),
        pytest.param("375291234567.0", id="spreadsheet's float"),
        pytest.param("tel:+375291234567", id="tel URI"),
        pytest.param("tel:+375-29-123-45-67;ext=12", id="tel URI with extension"),
        pytest.param("tel:291234567;phone-context=+375", id="local tel URI"),
        pytest.param("TEL: 8029 1234567", id="Latin label"),
        pytest.param("тел. 29 1234567", id="label"),
        pytest.param("Моб.тел.: 8 (029) 123-45-67", id="two labels"),
        pytest.param("моб.: 8029 1234567 (МТС)", id="label and operator"),
        pytest.param("A1 29 1234567", id="operator with a digit in front"),
        pytest.param("29 1234567 (А1)", id="operator with a digit behind"),
        pytest.param("29 1234567, Viber", id="messenger behind a comma"),
        pytest.param("тел. и вайбер: 29 1234567", id="two labels with and"),
        pytest.param("8029/1234567", id="slash behind the code"),
        pytest.param("8/029/123-45-67", id="slashes"),
        pytest.param("+375/29/1234567", id="slashes, international"),
        pytest.param("80291234567,", id="comma at the end"),
        pytest.param("80291234567;", id="semicolon at the end"),
    ],
)
def test_every_form_that_people_type_is_the_same_number(typed: str) -> None:
    assert read_number(typed) == Msisdn("+375291234567")


@pytest.mark.parametrize("number", ["80291234567", "+375 (29) 123-45-67"])
@pytest.mark.parametrize(
    "extension",
    [
        "доб. 12", "доб.12", "(доб. 12)", "доб 12", "добавочный 12", ", доб. 12", "вн. 3", "вн.3", "внутр. 3",
        "внутренний №3", "дад. 12", "ext 5", "ext. 5", "EXT5", "extn 5", "extension 5", "#12", "# 12", "*12", "x12",
        "X 12", "х12", ",12", ", 12", ",,12", ";12", ";ext=5", ";ext=", "доб.", "#",
    ],
)  # fmt: skip
@pytest.mark.parametrize("between", ["", " "])
def test_an_extension_is_dropped(number: str, extension: str, between: str) -> None:
    assert read_number(number + between + extension) == Msisdn("+375291234567")


# In the card; what Bitrix24 makes of it. The number is 111-22-33 behind the code.
REWRITTEN = {
    "international": ("+375 {0} 111-22-33", "+375{0}1112233"),
    "international without plus": ("375 {0} 111-22-33", "+375{0}1112233"),
    "international, tight": ("+375{0}1112233", "+375{0}1112233"),
    "through 00": ("00375{0}1112233", "+375{0}1112233"),
    "through 8 10": ("8 10 375 {0} 1112233", "+810375{0}1112233"),
    "as dialled": ("80{0}1112233", "+80{0}1112233"),
    "as dialled, in groups": ("8 0{0} 111-22-33", "+80{0}1112233"),
    "as dialled, with plus": ("+80{0}1112233", "+80{0}1112233"),
    "trunk zero": ("0{0} 111-22-33", "+{0}1112233"),
    "code and number": ("{0} 1112233", "+{0}1112233"),
    "nine characters": ("{0}1112233", "{0}1112233"),
    "superfluous zero": ("+375 (0){0} 111-22-33", "+3750{0}1112233"),
    "extension": ("80{0}1112233 #12", "+80{0}1112233#12"),
    "pause": ("80{0}1112233,12", "+80{0}1112233,12"),
}


def rewritten(card: str) -> str:
    """What Bitrix24 makes of a number in the card: of fewer than ten characters nothing, else plus and these."""
    if len(card) < 10:
        return card
    kept = re.sub(r"[^0-9#*,;]", "", "00" + card[1:] if card.startswith("+8") else card)
    if len(kept) >= 10:
        for begins, becomes in {"80": "80", "81": "81", "82": "82", "00": "", "011": "", "8": "7", "0": ""}.items():
            if kept.startswith(begins):
                return "+" + becomes + kept.removeprefix(begins)
    return "+" + kept


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("card", "message_to"), REWRITTEN.values(), ids=REWRITTEN)
def test_what_bitrix24_makes_of_a_number_is_the_number_in_the_card(card: str, message_to: str, code: str) -> None:
    card, message_to = card.format(code), message_to.format(code)
    assert rewritten(card) == message_to
    assert read(message_to) == read(card) == f"+375{code}1112233"


@pytest.mark.parametrize(
    ("card", "message_to", "number"),
    [
        pytest.param("8 29 111-22-33", "+8291112233", "+375291112233", id="8 29"),
        pytest.param("8 25 711-22-33", "+8257112233", "+375257112233", id="8 25"),
        pytest.param("8 33 1112233", "+7331112233", "+375331112233", id="8 33"),
        pytest.param("8 44 1112233", "+7441112233", "+375441112233", id="8 44"),
    ],
)
def test_an_8_without_zero_is_kept_or_taken_for_russias(card: str, message_to: str, number: str) -> None:
    assert rewritten(card) == message_to
    assert read_number(message_to) == read_number(card) == Msisdn(number)


@pytest.mark.parametrize("code", CODES)
def test_plus_7_with_nine_digits_is_belarusian(code: str) -> None:
    assert read(f"+7{code}1112233") == f"+375{code}1112233"


@pytest.mark.parametrize("third", string.digits[1:])
def test_plus_29_with_nine_digits_is_belarusian_whichever_country_has_that_code(third: str) -> None:
    assert read_number(f"+29{third}123456") == Msisdn(f"+37529{third}123456")


REFUSED = {
    NumberFault.EMPTY_NUMBER: ["", " ", "\t\n", "\xa0", "\u200b\ufeff", "-", "—", "+", "()", "...", "📞", "+(__)__"],
    NumberFault.FOREIGN: [
        "+7 916 123-45-67", "8 916 123 45 67", "79161234567", "9161234567", "+7 495 123-45-67", "8 (495) 123-45-67",
        "8 800 555-35-35", "+7 701 123 45 67", "7252123456", "+380 50 123 45 67", "380501234567", "00380501234567",
        "8 10 380 50 123 45 67", "810380501234567", "+380 50 123 45 6", "+48 501 234 567", "48501234567",
        "+370 612 34567", "+371 21 234 567", "+49 151 23456789", "+1 212 555 0123", "+86 131 2345 6789",
        "+82 10 1234 5678", "+44 7911 123456", "+33 6 12 34 56 78", "+298 21 12 34", "+299 22 12 34", "+252 123456",
        "+999 12 345 67 89",
    ],
    NumberFault.FIXED_LINE: [
        "8 017 212-34-56", "+375 17 212 34 56", "80172123456", "8 17 212-34-56", "017 2123456", "172123456",
        "80162123456", "8 (0162) 12-34-56", "+375 162 12-34-56", "8-0222-12-34-56", "+80172123456", "+172123456",
        "+8172123456", "8 017 212-34-56 доб. 3", "017/212-34-56", "тел. 8 017 212-34-56",
    ],
    NumberFault.TOO_SHORT: [
        "1", "101", "112", "212-34-56", "123-45", "+375", "375 29", "+375 29 123-45-6", "8029 123456", "29 123456",
        "029123456", "8 29 123456", "+375 (29) ___-__-__", "00375 29 123456", "+29 123456", "29 123-45 доб. 67",
    ],
    NumberFault.TOO_MANY_DIGITS: [
        "+375 29 123-45-678", "802912345678", "29 12345678", "8 029 123-45-67-8", "00375 29 12345678",
        "29 1234567 12", "+8029123456712", "8" * 40,
    ],
    NumberFault.SEVERAL_NUMBERS: [
        "80291234567, 80447654321", "80291234567,80447654321", "80291234567; 80447654321", "29 1234567 / 33 7654321",
        "80291234567\n80447654321", "80291234567\r\n80447654321", "80291234567\u202880447654321",
        "29 1234567 и 33 7654321", "29 1234567 или 33 7654321", "29 1234567 або 33 7654321",
        "29 1234567 or 33 7654321",
        "29 1234567 & 33 7654321", "29 1234567 | 33 7654321", "+375291234567+375337654321", "80291234567 80447654321",
        "80291234567\t80447654321", "8029123456780447654321", "+291234567337654321", "+80291234567,80447654321",
        "+80291234567#80447654321", "123-45-67, 765-43-21", "80291234567, 212-34-56", "80291234567, 2-34-56",
        "8 029 123-45-67/68", "моб. 80291234567, раб. 80172123456", "80291234567 (Иван), 80447654321 (Мария)",
        "80291234567 доб. 1, 80447654321 доб. 2", "80291234567, 80447654321, 12", "80291234567、80447654321",
    ],
    NumberFault.NOT_A_NUMBER: [
        "нет", "n/a", "?", "тел.", "звонить вечером 29 1234567", "29 1234567 Иван", "29 1234567 (жена)",
        "не 29 1234567",
        "факс 29 1234567", "т/ф 29 1234567", "29 1234567?", "29 моб 1234567", "8O291234567", "8О291234567",
        "З3 1234567", "1-800-FLOWERS", "80291234567A1", "29 123456²", "29 123456½", "\u0336".join("2912345677"),
        "\u202e291234567", "29 12\ufffd34567", "29 1234567\udc00", "3,75291E+11", "3.75291234567E+11",
        "%2B375291234567", "29&nbsp;1234567", "a@b.by", "8029\n1234567", "29, 1234567", "+37529 12***67",
        "+375 29 ***-**-67",
        "29 1234567 " * 100,
    ],
    NumberFault.UNKNOWN_CODE: [
        "+375 50 123 45 67", "8 050 1234567", "501234567", "50 1234567", "+375 24 912 34 56", "+375 18 123 45 67",
        "8 801 100 11 11", "+375 801 123 45 67", "+375 80 50 123 45 67",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("received", "fault"), [(received, fault) for fault, examples in REFUSED.items() for received in examples]
)
def test_refusals(received: str, fault: NumberFault) -> None:
    assert read_number(received) == RefusedNumber(fault)


def test_every_fault_has_examples() -> None:
    assert set(REFUSED) == set(NumberFault)


def test_the_ranges_are_those_of_phonenumbers() -> None:
    """Every range of the plan: mobile without a warning, fixed, mobile code in an unknown range, unknown code."""
    for first in range(10_000):
        national = f"{first:04}12345"
        kind = phonenumbers.number_type(phonenumbers.parse("+375" + national))
        verdict = read_number("+375 " + national)
        if kind == phonenumbers.PhoneNumberType.MOBILE:
            assert verdict == Msisdn("+375" + national)
        elif national[:2] in CODES:
            assert verdict == Msisdn("+375" + national, RANGE_UNKNOWN)
        else:
            assert isinstance(verdict, RefusedNumber)
            if kind == phonenumbers.PhoneNumberType.FIXED_LINE:
                assert verdict.fault is NumberFault.FIXED_LINE


@pytest.mark.parametrize("typed", ["+375251234567", "8 025 123-45-67", "25 1234567", "+251234567", "+8251234567"])
def test_a_range_that_is_not_known_is_a_warning(typed: str) -> None:
    assert read_number(typed) == Msisdn("+375251234567", RANGE_UNKNOWN)


@given(st.one_of(st.text(), st.text(alphabet="0123456789+-() .,;/#*xхдобилиеt:=\n\xa0А1", max_size=40)))
def test_any_string_is_a_mobile_number_or_a_refusal(received: str) -> None:
    verdict = read_number(received)
    if isinstance(verdict, RefusedNumber):
        assert isinstance(verdict.fault, NumberFault)
        return
    assert re.fullmatch(r"\+375(25|29|33|44)[0-9]{7}", verdict.number, re.ASCII)
    assert verdict.warning in (None, RANGE_UNKNOWN)
    figures = "".join(str(unicodedata.decimal(figure)) for figure in received if figure.isdecimal())
    assert verdict.number.removeprefix("+375") in figures, "digits were made up or moved"


@given(st.data(), nationals)
def test_any_separators_in_any_known_form(data: st.DataObject, national: str) -> None:
    prefix = data.draw(
        st.sampled_from([
            ("+375",), ("375",), ("+", "375"), ("00", "375"), ("00375",), ("8", "10", "375"), ("810375",), ("80",),
            ("8", "0"), ("8",), ("0",), (), ("+375", "0"), ("+375", "80"), ("375", "8", "0"),
        ])
    )  # fmt: skip
    separator = st.sampled_from(["", "", " ", ".", *SPACES, *DASHES, *IGNORED]).map(str)
    code = national[:2]
    if data.draw(st.booleans()):
        code = data.draw(separator) + f"({code})" + data.draw(separator)
    groups = [*prefix, code, national[2:5], national[5:7], national[7:]]
    typed = "".join(group + data.draw(separator) for group in groups)
    around = st.lists(st.sampled_from([" ", "\t", "\n", *IGNORED, *EMOJI]), max_size=3).map("".join)
    typed = data.draw(around) + typed + data.draw(around)
    # 802912345.00 is what a spreadsheet makes of nine digits.
    assume(not re.search(r"[0-9]{9}\.0+[^0-9]*$", typed))
    assert read(typed) == "+375" + national
    # And Bitrix24 may have had it first. It knows ASCII digits, all of ours, and drops the rest.
    known = read_number("+375" + national) == Msisdn("+375" + national)
    # What is left of 0252100000 is a number of Somalia; in a range that Belarus does not use, either may be meant.
    assert read(rewritten(typed)) in ("+375" + national, *(() if known else (NumberFault.FOREIGN,)))


@given(nationals, st.sampled_from(["", "+375", "375", "80", "+80"]))
def test_the_short_way_says_what_the_long_way_says(national: str, prefix: str) -> None:
    assert read_number(prefix + national) == read_number(f"\u200b{prefix}{national}\u200b")


@given(st.text("+3785029421", min_size=8, max_size=13))
def test_the_short_way_says_what_the_long_way_says_of_any_digits(received: str) -> None:
    assert read_number(received) == read_number(received + "\u200b")


@given(nationals, nationals, st.sampled_from(["", "+375", "80", "8", "0"]), st.sampled_from(",;/\n \t|&"))
def test_two_numbers_are_never_one(one: str, other: str, prefix: str, between: str) -> None:
    assert read_number(prefix + one + between + prefix + other) == RefusedNumber(NumberFault.SEVERAL_NUMBERS)


@given(nationals, st.characters(categories=["L"]), st.integers(1, 8))
def test_a_letter_within_a_number_is_never_read_over(national: str, letter: str, place: int) -> None:
    assert isinstance(read_number(national[:place] + letter + national[place:]), RefusedNumber)


@pytest.mark.parametrize("unit", ["8", "(", "+", " ", "8/", "т ", "и ", " , ;", "доб", "x1", "\u0301", "1\n", "(8 "])
def test_a_very_long_string_is_read_in_no_time(unit: str) -> None:
    """Quadratic work on these would not end within the tests' patience."""
    assert isinstance(read_number(unit * 200_000 + "1"), RefusedNumber)
    assert len(masked(unit * 200_000 + "1")) < 20


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+375291234567", "+37529*****67"),
        ("375291234567", "+37529*****67"),
        ("375 29 123-45-67", "+37529*****67"),
        ("+375172123456", "+37517*****56"),
        ("80291234567", "*******67"),
        ("291234567", "*******67"),
        ("+79161234567", "*******67"),
        ("80291234567, 80447654321", "*******21"),
        ("٨٠٢٩١٢٣٤٥٦٧", "*******67"),
        ("1234567", "***"),
        ("12", "***"),
        ("", "***"),
        ("Иван Иванов", "***"),
        ("Иван\n29 1234567", "*******67"),
    ],
)
def test_masked(number: str, expected: str) -> None:
    assert masked(number) == expected


@given(st.one_of(st.text(), st.text(alphabet="0123456789+ 375", max_size=30), nationals.map("+375".__add__)))
def test_masked_shows_at_most_seven_digits_and_nothing_else(number: str) -> None:
    shown = masked(number)
    assert set(shown) <= set("+*0123456789")
    figures = shown.lstrip("+").replace("*", "")
    assert len(figures) <= 2 or (len(figures) == 7 and figures.startswith("375"))
    assert len(shown) <= len("+37529*****67")


@given(st.sampled_from(("25", "29", "33", "44")), st.integers(0, 9_999_999))
def test_a_range_is_known_when_phonenumbers_knows_it_as_a_mobile_one(code: str, rest: int) -> None:
    national = f"{code}{rest:07}"
    number = phonenumbers.PhoneNumber(country_code=375, national_number=int(national))
    known = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    assert read_number("+375" + national) == Msisdn("+375" + national, None if known else RANGE_UNKNOWN)
