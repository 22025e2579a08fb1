"""Messages from subscribers: kept once, whole, whatever way their parts come."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a1gateway.carriers.smpp.deliveries import SubscriberPart
from a1gateway.choice_words import ChoiceWords
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import Choice, ChoiceSource, IncomingMessage, Kind
from a1gateway.text import gsm_encode

from .conftest import START, arrival, fresh, run

DAY = 86400.0
GSM, UCS2, BINARY = 0, 8, 4


@pytest.fixture
def inbox(empty_journal: Path) -> Iterator[Inbox]:
    with fresh(empty_journal) as store:
        yield Inbox(store)


class Inbox:
    """What subscribers write, and what is kept of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._journal = Journal(InlineLane(store), in_parts=True)

    def take(self, *parts: SubscriberPart) -> list[IncomingMessage]:
        """These come; the messages that have become whole."""
        made = [run(self._journal.take_incoming(part)) for part in parts]
        return [received.message for received in made if received is not None]

    def give_up(self, before: float) -> list[IncomingMessage]:
        """The messages that are not waited for any longer."""
        return [received.message for received in run(self._journal.give_up_parts(before))]

    def restart(self) -> Inbox:
        """The daemon ends and starts again."""
        self._store.close()
        return Inbox(self._store)

    def kept(self) -> list[str]:
        """The texts in the journal."""
        with closing(sqlite3.connect(self._store.path)) as file:
            return [row[0] for row in file.execute("SELECT text FROM incoming ORDER BY id")]

    def waiting(self) -> int:
        """How many parts the journal holds."""
        with closing(sqlite3.connect(self._store.path)) as file:
            return int(file.execute("SELECT count(*) FROM incoming_parts").fetchone()[0])


def part(
    octets: bytes,
    number: int = 1,
    total: int = 1,
    *,
    reference: int | None = 7,
    source: str = "375291112233",
    data_coding: int = GSM,
    at: float = START,
) -> SubscriberPart:
    return SubscriberPart(source, "5050", data_coding, octets, None if total == 1 else reference, total, number, at)


def test_a_whole_message_is_kept_as_it_is(inbox: Inbox) -> None:
    [message] = inbox.take(part(gsm_encode("STOP {1} €"), at=START + 5))
    assert message == IncomingMessage(START + 5, "375291112233", "5050", "+375291112233", "STOP {1} €", 1, 1)
    assert inbox.kept() == ["STOP {1} €"]
    assert inbox.waiting() == 0


@pytest.mark.parametrize("source", ["5050", "BANK", "+4915112345678", ""])
def test_a_source_that_is_no_mobile_number_is_kept_as_it_came(inbox: Inbox, source: str) -> None:
    [message] = inbox.take(part(b"hi", source=source))
    assert (message.source, message.msisdn) == (source, None)


def test_parts_make_a_message_when_the_last_of_them_is_there(inbox: Inbox) -> None:
    parts = [part(gsm_encode(text), number, 3, at=START + number) for number, text in ((3, "c"), (1, "a"), (2, "b"))]
    assert inbox.take(parts[0], parts[1]) == []
    assert inbox.kept() == []
    [message] = inbox.restart().take(parts[2])
    assert (message.text, message.parts, message.parts_received, message.received_at) == ("abc", 3, 3, START + 3)


def test_a_part_that_a1_repeats_changes_nothing_neither_before_the_message_is_whole_nor_after(inbox: Inbox) -> None:
    """A1 repeats what it has not heard the answer to."""
    first, second = part(b"one ", 1, 2), part(b"two", 2, 2, at=START + 1)
    made = inbox.take(first, first, second, second, first)
    assert [message.text for message in made] == ["one two"]
    assert inbox.kept() == ["one two"]
    assert inbox.give_up(START + DAY) == []
    assert inbox.kept() == ["one two"]
    assert inbox.waiting() == 0


def test_a_stop_in_a_subscribers_message_holds_with_the_message_itself(store_of_words: Journal) -> None:
    """In one transaction: there is no moment in which one is there without the other."""
    journal = store_of_words
    run(journal.accept(arrival("m1", kind=Kind.MARKETING)))
    received = run(journal.take_incoming(part("Стоп".encode("utf-16-be"), data_coding=UCS2)))
    assert received is not None
    assert (received.choice, [change.message_id for change in received.changes]) == (Choice.OUT, ["m1"])
    assert run(journal.stopped(["+375291112233", "+375447654321"])) == {"+375291112233"}
    ((choice,), _) = run(journal.pending_choices(START + 1, 10))
    assert (choice.source, choice.note) == (ChoiceSource.SUBSCRIBER, "Стоп")


def test_a_stop_that_came_in_parts_holds_when_the_rest_comes_no_more(store_of_words: Journal) -> None:
    run(store_of_words.take_incoming(part(b"STOP please ", 1, 2)))
    (received,) = run(store_of_words.give_up_parts(START + DAY))
    assert received.choice is Choice.OUT


@pytest.mark.parametrize(("text", "source"), [(b"stopover", "375291112233"), (b"STOP", "BANK")])
def test_what_is_no_stop_of_a_subscriber_changes_nothing(store_of_words: Journal, text: bytes, source: str) -> None:
    received = run(store_of_words.take_incoming(part(text, source=source)))
    assert received is not None
    assert received.choice is None
    assert run(store_of_words.pending_choices(START + 1, 10)) == ([], None)


@pytest.fixture
def store_of_words(store: Store) -> Journal:
    """A journal that knows what STOP means."""
    return Journal(InlineLane(store), in_parts=True, words=ChoiceWords(["STOP", "СТОП"], ["START"]))


def test_a_reference_comes_round_again(inbox: Inbox) -> None:
    made = inbox.take(part(b"a", 1, 2), part(b"b", 2, 2), part(b"c", 1, 2), part(b"d", 2, 2))
    assert [message.text for message in made] == ["ab", "cd"]


def test_two_subscribers_with_the_same_reference_are_kept_apart(inbox: Inbox) -> None:
    mine, other = "375291112233", "375447654321"
    made = inbox.take(
        part(b"my ", 1, 2, source=mine),
        part(b"your ", 1, 2, source=other),
        part(b"yours", 2, 2, source=other),
        part(b"own", 2, 2, source=mine),
    )
    assert [(message.source, message.text) for message in made] == [(other, "your yours"), (mine, "my own")]


def test_the_same_reference_with_another_count_is_another_message(inbox: Inbox) -> None:
    assert inbox.take(part(b"a", 1, 2), part(b"b", 2, 3)) == []


def test_a_surrogate_pair_and_an_escape_cut_between_parts_are_whole_again(inbox: Inbox) -> None:
    octets = "да 😀!".encode("utf-16-be")
    cut = octets.index(b"\xd8\x3d") + 2
    [message] = inbox.take(part(octets[:cut], 1, 2, data_coding=UCS2), part(octets[cut:], 2, 2, data_coding=UCS2))
    assert message.text == "да 😀!"
    [message] = inbox.take(part(b"5 \x1b", 1, 2), part(b"\x65", 2, 2))
    assert message.text == "5 €"


def test_each_part_is_read_in_its_own_alphabet(inbox: Inbox) -> None:
    [message] = inbox.take(part(gsm_encode("price "), 1, 2), part("да".encode("utf-16-be"), 2, 2, data_coding=UCS2))
    assert message.text == "price да"


def test_binary_data_is_kept_as_digits(inbox: Inbox) -> None:
    [message] = inbox.take(part(b"\x01\xff", data_coding=BINARY))
    assert message.text == "01ff"


def test_what_has_not_become_whole_in_a_day_is_kept_as_far_as_it_came(inbox: Inbox) -> None:
    assert inbox.take(part(b"one ", 1, 3), part(b"three", 3, 3, at=START + 60)) == []
    # A part has come since.
    assert inbox.give_up(START + 59) == []
    [message] = inbox.give_up(START + 60)
    assert (message.text, message.parts, message.parts_received) == ("one three", 3, 2)
    assert message.received_at == START + 60
    assert inbox.kept() == ["one three"]
    assert inbox.give_up(START + DAY) == []


def test_every_message_that_waits_too_long_is_given_up_at_once(inbox: Inbox) -> None:
    sources = [f"37529{index:07}" for index in range(20)]
    inbox.take(*(part(b"half", 1, 2, source=source) for source in sources))
    assert sorted(message.source for message in inbox.give_up(START)) == sources
    assert inbox.waiting() == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.text(max_size=12), st.integers(1, 4), st.sampled_from(["1", "2"])), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_in_whatever_order_and_however_often_parts_come_every_message_is_kept_once(
    empty_journal: Path, messages: list[tuple[str, int, str]], drawn: random.Random
) -> None:
    parts = []
    expected = []
    for reference, (text, total, source) in enumerate(messages):
        octets = text.encode("utf-16-be", "replace")
        # Anywhere, also within a character.
        cuts = sorted(drawn.randrange(len(octets) + 1) for _ in range(total - 1))
        pieces = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
        parts += [
            part(piece, number, total, reference=reference, source=source, data_coding=UCS2)
            for number, piece in enumerate(pieces, start=1)
        ]
        expected.append(octets.decode("utf-16-be"))
    arriving = parts + [each for each in parts if each.total > 1 and drawn.random() < 0.5]
    drawn.shuffle(arriving)
    with fresh(empty_journal) as store:
        inbox = Inbox(store)
        made = inbox.take(*arriving)
        assert sorted(message.text for message in made) == sorted(expected)
        assert inbox.give_up(START + DAY) == []
        assert sorted(inbox.kept()) == sorted(expected)
        assert inbox.waiting() == 0
