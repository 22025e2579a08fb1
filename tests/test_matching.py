"""The nine cases of receipts that get lost elsewhere (reference: delivery receipts), each with two hundred messages.

Every receipt has to be with its own message, and none with another's: whatever the identifiers look like, in whatever
order answers and receipts come, whether the messages go to one number or to many. Each receipt carries a note of its
own, and the history of a message shows whose receipts it was given.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a1gateway.carriers.outcome import Accepted, Outcome, Uncertain
from a1gateway.journal import Journal, Store
from a1gateway.journal.journal import Settled
from a1gateway.message import StatusReport, Submission

from .conftest import START, arrival, fresh, run
from .journal_in_parts import BROKEN, FINAL, GRACE, InOneTransaction, Traffic, says

Identifiers = Callable[[random.Random], list[tuple[str, str]]]
"""Of so many messages: A1's identifier in the answer to the submit, and in the receipt."""

COUNT = 200


def hexadecimal(number: int) -> str:
    return f"{number:x}"


def counted(first: int, in_answer: Callable[[int], str], in_receipt: Callable[[int], str]) -> Identifiers:
    """One number after the other."""
    return lambda drawn: [(in_answer(each), in_receipt(each)) for each in range(first, first + COUNT)]


def numbers(below: int, in_answer: Callable[[int], str], in_receipt: Callable[[int], str]) -> Identifiers:
    """Numbers in no order."""
    return lambda drawn: [(in_answer(each), in_receipt(each)) for each in drawn.sample(range(below), COUNT)]


def texts(
    make: Callable[[random.Random], str],
    in_answer: Callable[[str], str] = str,
    in_receipt: Callable[[str], str] = str,
) -> Identifiers:
    """Identifiers that are no numbers."""

    def identifiers(drawn: random.Random) -> list[tuple[str, str]]:
        made = {make(drawn): None for _ in range(COUNT)}
        assert len(made) == COUNT
        return [(in_answer(each), in_receipt(each)) for each in made]

    return identifiers


def a_uuid(drawn: random.Random) -> str:
    return str(uuid.UUID(int=drawn.getrandbits(128), version=4))


def characters(length: int, alphabet: str) -> Callable[[random.Random], str]:
    return lambda drawn: "".join(drawn.choices(alphabet, k=length))


def twins(first: int) -> Identifiers:
    """Each two are the same number in different bases; the centre knows decimal digits alone."""
    pairs = [(f"{number}", f"{int(str(number), 16)}") for number in range(first, first + COUNT // 2)]
    return lambda drawn: [(each, each) for pair in pairs for each in pair]


IDENTIFIERS: dict[str, Identifiers] = {
    # A centre that has just begun to count: 10 is another message's 16, and its a.
    "1: few digits, decimal both times": counted(1, str, str),
    "1: few digits, hexadecimal both times": counted(1, hexadecimal, hexadecimal),
    "1: few digits, hexadecimal then decimal": counted(1, hexadecimal, str),
    "1: few digits, decimal then hexadecimal": counted(1, str, hexadecimal),
    "1: three digits, hexadecimal then decimal": numbers(1000, hexadecimal, str),
    "1: three digits, decimal then hexadecimal": numbers(1000, str, hexadecimal),
    "1: eight digits in a row": counted(10_000_000, str, str),
    "1: eight digits in a row, decimal then hexadecimal": counted(10_000_000, str, hexadecimal),
    "1: ten digits, decimal then hexadecimal": numbers(10**10, str, hexadecimal),
    "1: eight hexadecimal digits, then decimal": numbers(2**32, lambda n: f"{n:08x}", str),
    "1: twins, each the other's in the other base": twins(600),
    "1: long twins, each the other's in the other base": twins(30_000_000),
    "2: zeros in the answer": counted(1, lambda n: f"{n:010}", str),
    "2: zeros in the receipt": counted(90, str, lambda n: f"{n:010}"),
    "2: zeros in the answer, capitals in the receipt": numbers(2**32, lambda n: f"{n:016x}", lambda n: f"{n:X}"),
    "2: capitals and zeros, then decimal": counted(90, lambda n: f"{n:08X}", str),
    "2: decimal with zeros, then capitals": counted(90, lambda n: f"{n:08}", lambda n: f"{n:X}"),
    "3: UUIDs": texts(a_uuid),
    "3: UUIDs in capitals in the receipt": texts(a_uuid, in_receipt=str.upper),
    "3: dashes": texts(lambda drawn: "-".join(str(drawn.randrange(10**6)) for _ in range(3))),
    "3: sixty characters": texts(characters(60, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ-_.")),
    "3: forty digits": texts(characters(40, "0123456789")),
    "3: five letters and digits": texts(characters(5, "0123456789abcdefghijklmnopqrstuvwxyz")),
}

Event = tuple[str, int]
"""`answer` or `receipt`, and of which message."""
Order = Callable[[random.Random], list[Event]]


def one_after_the_other(drawn: random.Random) -> list[Event]:
    return [(kind, index) for index in range(COUNT) for kind in ("answer", "receipt")]


def all_answers_first(drawn: random.Random) -> list[Event]:
    return [(kind, index) for kind in ("answer", "receipt") for index in range(COUNT)]


def all_receipts_first(drawn: random.Random) -> list[Event]:
    """Case 4: before the answer."""
    return [(kind, index) for kind in ("receipt", "answer") for index in drawn.sample(range(COUNT), COUNT)]


def shuffled(drawn: random.Random) -> list[Event]:
    events = one_after_the_other(drawn)
    drawn.shuffle(events)
    return events


def interleaved(drawn: random.Random) -> list[Event]:
    """As a window makes it: answers and receipts of neighbours overtake each other."""
    return sorted(one_after_the_other(drawn), key=lambda event: event[1] + drawn.uniform(0, 40))


ORDERS = [one_after_the_other, all_answers_first, all_receipts_first, shuffled, interleaved]
FEW_DIGITS = [name for name in IDENTIFIERS if "few digits" in name or "three digits" in name or "1: twins" in name]
# Not to one number: there no pair of them would be found by anything but the order.
LONG_TWINS = "1: long twins, each the other's in the other base"
MANY_DIGITS = [name for name in IDENTIFIERS if name not in (*FEW_DIGITS, LONG_TWINS)]


def zip_round(names: Sequence[str], orders: Sequence[Order]) -> list[tuple[str, Order]]:
    """Each name with one of the orders, in turn."""
    return list(zip(names, cycle(orders), strict=False))


def one_number(index: int) -> str:
    return "+375291112233"


def different_numbers(index: int) -> str:
    return f"+37529{index:07}"


def few_numbers(index: int) -> str:
    return f"+37529{index % 7:07}"


@pytest.fixture
def traffic(empty_journal: Path) -> Iterator[Traffic]:
    with fresh(empty_journal) as store:
        yield Traffic(store)


class Crowd:
    """Messages that have left together, and what comes of them, in one transaction."""

    def __init__(self, store: Store, to: Sequence[str], *, with_number: bool = True) -> None:
        self._store = store
        self._lane = InOneTransaction(store)
        self._journal = Journal(self._lane, in_parts=True)
        self._to = to
        self._with_number = with_number
        for index, number in enumerate(to):
            self._journal.accept(arrival(f"m{index}", msisdn=number))
        claim = self._journal.claim(START, len(to))
        self._lane.commit()
        self._submissions: list[Submission] = run(claim).submissions
        self._words = list(FINAL)
        self._unmatched = 0
        self._answers: list[tuple[Submission, Outcome, float]] = []
        self._receipts: list[StatusReport] = []

    def answer(self, index: int, identifier: str) -> None:
        """A1 has taken this message."""
        accepted = Accepted(identifier, segments=1, parts={1: identifier})
        self._record(index, accepted)

    def receipt(self, index: int, identifier: str, word: str = "") -> None:
        """The receipt of this message; its note says whose it is."""
        number = self._to[index] if self._with_number else None
        report = says(identifier, word or self.word(index), START + 1, number, note=f"{index}")
        self._settle(report)

    def lose(self, index: int) -> None:
        """The link broke before this message's answer."""
        self._record(index, Uncertain(BROKEN))

    def foreign(self, identifier: str, number: str) -> None:
        """A receipt of a message that another system has sent."""
        self._settle(says(identifier, "DELIVRD", START + 1, number, note="foreign"))

    def _record(self, index: int, outcome: Outcome) -> None:
        if self._receipts:
            self._hand_over()
        self._answers.append((self._submissions[index], outcome, START + 60))

    def _settle(self, report: StatusReport) -> None:
        if self._answers:
            self._hand_over()
        self._receipts.append(report)

    def _hand_over(self) -> None:
        """What has come in a row, in one call."""

        def count(settled: Settled) -> None:
            self._unmatched += settled.unmatched

        self._journal.record(self._answers, START + 1)
        self._journal.settle(self._receipts).addCallback(count)
        self._answers, self._receipts = [], []

    def word(self, index: int) -> str:
        """What becomes of this message."""
        return self._words[index % len(self._words)]

    def commit(self) -> None:
        """All of it, and what is decided later, within the grace."""
        self._hand_over()
        for wait in range(5, int(GRACE) + 10, 5):
            self._journal.settle_waiting(START + 1 + wait, GRACE)
        self._lane.commit()

    def see(self) -> list[tuple[str, set[str]]]:
        """The status of each message, and whose receipts it was given."""
        seen: dict[int, tuple[str, set[str]]] = {}
        for row, status, note in Traffic(self._store).rows(
            "SELECT messages.id, messages.status, history.note FROM messages LEFT JOIN history "
            "ON history.message = messages.id AND history.source = 'receipt' ORDER BY messages.id"
        ):
            seen.setdefault(row, (status, set()))[1].update({note} - {None})
        return list(seen.values())

    def restart(self) -> None:
        """The daemon ends and starts again."""
        self._hand_over()
        self._lane.commit()
        self._store.close()
        self._lane = InOneTransaction(self._store)
        self._journal = Journal(self._lane, in_parts=True)

    def kept(self) -> list[str]:
        """The identifiers of the receipts that no message is known for."""
        return Traffic(self._store).kept()

    def unmatched(self) -> int:
        """How many receipts were said to be kept."""
        return self._unmatched

    def expected(self) -> list[tuple[str, set[str]]]:
        """Everything at home."""
        return [(FINAL[self.word(index)], {f"{index}"}) for index in range(len(self._to))]


def play(crowd: Crowd, identifiers: Sequence[tuple[str, str]], events: Sequence[Event]) -> None:
    for kind, index in events:
        in_answer, in_receipt = identifiers[index]
        if kind == "answer":
            crowd.answer(index, in_answer)
        else:
            crowd.receipt(index, in_receipt)
    crowd.commit()


def every_receipt_is_at_home(
    empty_journal: Path,
    identifiers: Identifiers,
    to: Callable[[int], str],
    order: Order,
    *,
    with_number: bool = True,
) -> None:
    drawn = random.Random(f"{order.__name__} {to.__name__}")
    with fresh(empty_journal) as store:
        crowd = Crowd(store, [to(index) for index in range(COUNT)], with_number=with_number)
        play(crowd, identifiers(drawn), order(drawn))
        assert crowd.see() == crowd.expected()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", [name for name in FEW_DIGITS if name.startswith("1: few") and "then" in name])
def test_identifiers_of_few_digits_in_two_bases_to_one_number(empty_journal: Path, name: str, order: Order) -> None:
    every_receipt_is_at_home(empty_journal, IDENTIFIERS[name], one_number, order)


@pytest.mark.parametrize(("name", "order"), zip_round(FEW_DIGITS, ORDERS))
def test_identifiers_of_few_digits_to_one_number(empty_journal: Path, name: str, order: Order) -> None:
    every_receipt_is_at_home(empty_journal, IDENTIFIERS[name], one_number, order)


@pytest.mark.parametrize("name", [*FEW_DIGITS, LONG_TWINS])
def test_identifiers_that_may_be_alike_by_chance_to_a_few_numbers(empty_journal: Path, name: str) -> None:
    every_receipt_is_at_home(empty_journal, IDENTIFIERS[name], few_numbers, shuffled)


@pytest.mark.parametrize(("name", "order"), zip_round(MANY_DIGITS, ORDERS))
def test_identifiers_that_cannot_be_alike_by_chance_to_one_number(
    empty_journal: Path, name: str, order: Order
) -> None:
    every_receipt_is_at_home(empty_journal, IDENTIFIERS[name], one_number, order)


@pytest.mark.parametrize(("name", "order"), zip_round(list(IDENTIFIERS), ORDERS))
def test_identifiers_of_every_kind_to_different_numbers(empty_journal: Path, name: str, order: Order) -> None:
    every_receipt_is_at_home(empty_journal, IDENTIFIERS[name], different_numbers, order)


@pytest.mark.parametrize(("name", "order"), zip_round([*FEW_DIGITS, *MANY_DIGITS[::4], LONG_TWINS], ORDERS[1:]))
def test_receipts_that_do_not_name_the_subscriber(empty_journal: Path, name: str, order: Order) -> None:
    """Case 8: what is missing is done without."""
    every_receipt_is_at_home(empty_journal, IDENTIFIERS[name], different_numbers, order, with_number=False)


@pytest.mark.parametrize("name", ["1: few digits, decimal then hexadecimal", "3: UUIDs"])
def test_receipts_after_a_restart(empty_journal: Path, name: str) -> None:
    """Case 5: nothing that is needed to match is kept in memory."""
    identifiers = IDENTIFIERS[name](random.Random(5))
    with fresh(empty_journal) as store:
        crowd = Crowd(store, [one_number(index) for index in range(COUNT)])
        for index, (in_answer, in_receipt) in enumerate(identifiers):
            crowd.answer(index, in_answer)
            if index % 2:
                crowd.receipt(index, in_receipt)
        crowd.restart()
        for index, (_, in_receipt) in enumerate(identifiers):
            if not index % 2:
                crowd.receipt(index, in_receipt)
        crowd.commit()
        assert crowd.see() == crowd.expected()


@pytest.mark.parametrize("name", [*FEW_DIGITS, "1: eight hexadecimal digits, then decimal", "3: UUIDs"])
def test_receipts_that_come_twice_and_states_that_come_after_the_final_one(empty_journal: Path, name: str) -> None:
    """Case 7."""
    drawn = random.Random(7)
    identifiers = IDENTIFIERS[name](drawn)
    with fresh(empty_journal) as store:
        crowd = Crowd(store, [one_number(index) for index in range(COUNT)])
        for kind, index in interleaved(drawn):
            in_answer, in_receipt = identifiers[index]
            if kind == "answer":
                crowd.answer(index, in_answer)
                continue
            crowd.receipt(index, in_receipt)
            crowd.receipt(index, in_receipt)
            earlier = drawn.randrange(index + 1)
            crowd.receipt(earlier, identifiers[earlier][1], "ENROUTE")
        crowd.commit()
        assert crowd.see() == crowd.expected()
        assert crowd.kept() == []


@pytest.mark.parametrize("name", [*FEW_DIGITS, LONG_TWINS, "1: ten digits, decimal then hexadecimal", "3: UUIDs"])
def test_receipts_of_messages_that_this_gateway_never_sent(empty_journal: Path, name: str) -> None:
    """Case 9: another system uses the same account; its receipts are counted, kept, and nobody's."""
    drawn = random.Random(9)
    # One counter for both systems.
    identifiers = IDENTIFIERS[name](drawn)
    ours, foreign = identifiers[0::2], [in_receipt for _, in_receipt in identifiers[1::2]]
    with fresh(empty_journal) as store:
        crowd = Crowd(store, [few_numbers(index) for index in range(len(ours))])
        for index, (in_answer, in_receipt) in enumerate(ours):
            crowd.foreign(foreign[index], "+375449998877")
            crowd.answer(index, in_answer)
            crowd.receipt(index, in_receipt)
        crowd.commit()
        assert crowd.see() == crowd.expected()
        assert crowd.kept() == foreign
        assert crowd.unmatched() >= len(foreign)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=14),
    st.sampled_from([(str, str), (hexadecimal, hexadecimal), (hexadecimal, str), (str, hexadecimal)]),
    st.integers(1, 3),
    st.sets(st.integers(0, 13)),
    st.randoms(use_true_random=False),
)
def test_however_few_there_are_and_whatever_is_lost_no_receipt_is_given_to_another_message(
    empty_journal: Path,
    counted_as: list[int],
    written: tuple[Callable[[int], str], Callable[[int], str]],
    different: int,
    lost: set[int],
    drawn: random.Random,
) -> None:
    """What cannot be told is kept: a status that is late is better than a wrong one."""
    in_answer, in_receipt = written
    count = len(counted_as)
    with fresh(empty_journal) as store:
        crowd = Crowd(store, [f"+37529{index % different:07}" for index in range(count)])
        events = [(kind, index) for kind in ("answer", "receipt") for index in range(count)]
        drawn.shuffle(events)
        for kind, index in events:
            if kind == "receipt":
                crowd.receipt(index, in_receipt(counted_as[index]))
            elif index in lost:
                crowd.lose(index)
            else:
                crowd.answer(index, in_answer(counted_as[index]))
        crowd.commit()
        for index, (status, given_to_it) in enumerate(crowd.see()):
            assert given_to_it <= {f"{index}"}
            assert (status in FINAL.values()) == bool(given_to_it)


@pytest.mark.parametrize(
    "in_answer",
    ["1", "9", "12", "4711", "10000000", "00000012", "1a", "1A2B3C4D", "m-7", "4f1c0d9e-88aa-4c0e-9d5e-0123456789ab"],
)
def test_the_first_message_on_a_link_has_its_status_at_once(traffic: Traffic, in_answer: str) -> None:
    traffic.sent("m1", in_answer)
    traffic.receipt(in_answer)
    assert traffic.status() == "delivered"


def test_with_the_subscriber_s_number_a_short_identifier_in_the_other_base_is_told_at_once(traffic: Traffic) -> None:
    """Others in the same base may still be out to other numbers."""
    for index in range(1, 17):
        traffic.sent(f"m{index}", f"{index:08X}", number=f"+3752911122{index:02}")
    traffic.receipt("10", number="+375291112210")
    assert traffic.status("m10") == "delivered"
    assert traffic.status("m16") == "sent"


@pytest.mark.parametrize(
    ("in_answer", "in_receipt"),
    [("1a2b3c4d", "439041101"), ("1A2B3C4D", "0439041101"), ("439041101", "1A2B3C4D"), ("00001a2b3c4d", "439041101")],
)
def test_the_first_message_on_a_link_has_its_status_at_once_in_the_other_base(
    traffic: Traffic, in_answer: str, in_receipt: str
) -> None:
    traffic.sent("m1", in_answer)
    traffic.receipt(in_receipt)
    assert traffic.status() == "delivered"


def test_a_receipt_that_could_mean_two_messages_waits_until_others_tell(traffic: Traffic) -> None:
    for name, identifier in (("ten", "10"), ("sixteen", "16"), ("seventeen", "17")):
        traffic.sent(name, identifier)
    # 10, or 16 in hexadecimal digits.
    traffic.receipt("10")
    assert (traffic.status("ten"), traffic.status("sixteen")) == ("sent", "sent")
    assert traffic.kept() == ["10"]
    # No message fits these but as they are.
    for other in range(3):
        traffic.sent(f"other{other}", f"{98 + other}")
        traffic.receipt(f"{98 + other}")
    traffic.wait(5)
    assert (traffic.status("ten"), traffic.status("sixteen")) == ("delivered", "sent")
    assert traffic.kept() == []


def test_what_could_mean_two_messages_to_the_last_is_kept_and_given_to_neither(traffic: Traffic) -> None:
    traffic.sent("ten", "10")
    traffic.sent("sixteen", "16")
    traffic.receipt("10")
    traffic.wait()
    assert (traffic.status("ten"), traffic.status("sixteen")) == ("sent", "sent")
    assert traffic.kept() == ["10"]
    assert run(traffic.journal.settle_waiting(traffic.now, GRACE)) == ([], None)


def test_of_two_that_a_receipt_could_mean_the_one_to_its_number_is_meant(traffic: Traffic) -> None:
    traffic.sent("ten", "10", number="+375291000010")
    traffic.sent("sixteen", "16", number="+375291000016")
    traffic.receipt("10", number="+375291000010")
    assert traffic.status("ten") == "delivered"
    # In whatever form the number is written.
    traffic.receipt("16", number="80291000016")
    assert traffic.status("sixteen") == "delivered"


def test_of_two_that_a_receipt_could_mean_the_one_whose_reference_it_gives_back_is_meant(traffic: Traffic) -> None:
    traffic.sent("ten", "10")
    sixteen = traffic.sent("sixteen", "16")
    traffic.receipt("10", reference=sixteen.parts[0].reference)
    assert (traffic.status("ten"), traffic.status("sixteen")) == ("sent", "delivered")


def test_while_an_answer_to_the_same_number_is_out_a_short_identifier_says_nothing_yet(traffic: Traffic) -> None:
    traffic.sent("m1", "16")
    under_way = traffic.leave("m2")
    # It may be the one that is under way, written in the other base.
    traffic.receipt("16")
    assert traffic.status("m1") == "sent"
    traffic.accepted(under_way, "17")
    traffic.wait(5)
    assert traffic.status("m1") == "delivered"


def test_a_long_identifier_is_believed_more_than_the_number_beside_it(traffic: Traffic) -> None:
    """Some centres write their own address into the receipt, or a number that was ported."""
    traffic.sent("m1", "1a2b3c4d")
    traffic.receipt("1a2b3c4d", number="+375447654321")
    assert traffic.status("m1") == "delivered"


def test_a_short_code_in_the_place_of_the_number_says_nothing(traffic: Traffic) -> None:
    traffic.sent("m1", "4711")
    traffic.receipt("4711", number="5050")
    assert traffic.status("m1") == "delivered"


def test_a_short_identifier_with_another_number_is_nobodys(traffic: Traffic) -> None:
    traffic.sent("m1", "4711")
    traffic.receipt("4711", number="+375447654321")
    traffic.wait()
    assert traffic.status("m1") == "sent"
    assert traffic.kept() == ["4711"]


def test_of_identifiers_that_differ_only_in_letter_case_the_exact_one_is_meant(traffic: Traffic) -> None:
    for name, identifier in (("m1", "x7Qa9TtB"), ("m2", "X7qA9tTb"), ("m3", "x7qa9ttb")):
        traffic.sent(name, identifier)
    traffic.receipt("x7Qa9TtB")
    assert [traffic.status(name) for name in ("m1", "m2", "m3")] == ["delivered", "sent", "sent"]


def test_what_has_been_called_otherwise_is_not_meant_by_a_short_identifier(traffic: Traffic) -> None:
    ten = traffic.sent("ten", "10")
    traffic.sent("sixteen", "16")
    traffic.receipt("a", reference=ten.parts[0].reference)
    # Now 10 can only be 16 in hexadecimal digits.
    traffic.receipt("10", "UNDELIV")
    traffic.wait()
    assert (traffic.status("ten"), traffic.status("sixteen")) == ("delivered", "undeliverable")
    assert traffic.words("ten") == ["DELIVRD"]


@pytest.mark.parametrize(
    ("in_answer", "in_receipt"),
    [
        ("7", "7"),
        ("17", "17"),
        ("4711", "4711"),
        ("10000000", "10000000"),
        ("1a2b3c4d", "1A2B3C4D"),
        ("1a2b3c4d", "439041101"),
        ("439041101", "1a2b3c4d"),
    ],
)
def test_of_an_identifier_that_comes_round_again_the_newest_unfinished_message_is_meant(
    traffic: Traffic, in_answer: str, in_receipt: str
) -> None:
    traffic.sent("silent", in_answer)
    traffic.sent("finished", in_answer)
    traffic.receipt(in_receipt)
    assert (traffic.status("silent"), traffic.status("finished")) == ("sent", "delivered")
    traffic.sent("new", in_answer)
    traffic.receipt(in_receipt, "UNDELIV")
    assert [traffic.status(name) for name in ("silent", "finished", "new")] == ["sent", "delivered", "undeliverable"]
    traffic.receipt(in_receipt, "EXPIRED")
    assert traffic.status("silent") == "expired"


@pytest.mark.parametrize("identifier", ["7", "17", "1a", "m-7"])
def test_an_identifier_that_comes_round_again_before_the_answer_is_not_the_old_messages(
    traffic: Traffic, identifier: str
) -> None:
    traffic.sent("old", identifier)
    traffic.receipt(identifier)
    new = traffic.leave("new")
    traffic.receipt(identifier)
    assert traffic.status("new") == "queued"
    traffic.accepted(new, identifier)
    traffic.wait(5)
    assert traffic.status("new") == "delivered"
    assert traffic.kept() == []


def test_what_was_kept_long_ago_is_not_a_new_messages(traffic: Traffic) -> None:
    traffic.receipt("4711", number=None)
    traffic.now += 3600
    traffic.sent("m1", "4711")
    assert traffic.status("m1") == "sent"
    assert traffic.kept() == ["4711"]


def test_a_receipt_that_nobody_is_known_for_is_counted_and_kept_with_all_it_says(traffic: Traffic) -> None:
    report = says("deadbeef", "REJECTD", traffic.now, "+375291112233", 77, "err:045")
    settled = run(traffic.journal.settle([report]))
    assert (settled.changes, settled.unmatched) == ([], 1)
    assert traffic.rows(
        "SELECT identifier, word, status, source, note, number, reference, due_at FROM unmatched"
    ) == [("deadbeef", "REJECTD", "rejected", "receipt", "err:045", "375291112233", 77, None)]


@pytest.mark.parametrize("identifier", ["", "f" * 60000, "id with blanks", "\N{SNOWMAN}", "0", "00"])
def test_whatever_a_receipt_calls_its_message_it_is_kept(traffic: Traffic, identifier: str) -> None:
    traffic.sent("m1", "4711")
    assert run(traffic.journal.settle([says(identifier, "DELIVRD", traffic.now, None)])).unmatched == 1
    assert traffic.kept() == [identifier]
    assert traffic.status("m1") == "sent"
