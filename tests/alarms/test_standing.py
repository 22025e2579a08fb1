"""How an alarm stands: told once when its trouble has lasted, over once it has stayed away, however it flaps."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from a1gateway.alarms.alarm import Alarm
from a1gateway.alarms.seen import Seen
from a1gateway.alarms.standing import REMEMBERED, Patience, Standing, Word, due, is_past, looked, told
from a1gateway.checklist.findings import Check, Finding

PATIENCE = Patience(after=300, over_after=300)
SLOW, QUICK, OF_PORTAL = Alarm.A1_AWAY, Alarm.MESSAGES_LOST, Alarm.PORTAL_AWAY
CHECKS = {
    SLOW: Check(Finding.A1_UNREACHABLE),
    QUICK: Check(Finding.MESSAGES_LOST),
    OF_PORTAL: Check(Finding.PORTAL_AWAY),
}
STEP = 15.0


class World:
    """One alarm, looked at every fifteen seconds; whoever is told hears it at once unless nobody can be."""

    def __init__(self, alarm: Alarm, patience: Patience = PATIENCE) -> None:
        self.alarm, self.patience, self.now = alarm, patience, 1000.0
        self.standings: dict[Alarm, Standing] = {}
        self.heard: list[tuple[float, Word]] = []
        self.reached = True

    def look(self, there: bool | None) -> None:
        """The trouble is there, is not, or (None) nobody knows."""
        self.now += STEP
        unclear = frozenset({self.alarm}) if there is None else frozenset[Alarm]()
        seen = Seen({self.alarm: CHECKS[self.alarm]} if there else {}, unclear)
        self.standings = looked(self.standings, seen, self.now)
        standing = self.standings.get(self.alarm)
        if standing is None:
            return
        word = due(self.alarm, standing, self.patience, self.now)
        if word is not None and self.reached:
            self.heard.append((self.now, word))
            self.standings[self.alarm] = told(standing, word, self.now)
        elif word is None and is_past(standing, self.patience, self.now):
            del self.standings[self.alarm]

    def go_on(self, there: bool | None, seconds: float) -> None:
        for _ in range(int(seconds / STEP)):
            self.look(there)

    def words(self) -> list[Word]:
        return [word for _, word in self.heard]


def test_a_trouble_that_lasts_is_told_once_and_once_that_it_is_over() -> None:
    world = World(SLOW)
    world.go_on(True, 3600)
    began = 1000 + STEP
    assert world.heard == [(began + 300, Word.BEGUN)]
    world.go_on(False, 3600)
    assert world.words() == [Word.BEGUN, Word.OVER]
    standing = world.standings[SLOW]
    assert (standing.since, standing.gone_at) == (began, began + 3600)


def test_a_short_trouble_is_not_told_and_forgotten() -> None:
    world = World(SLOW)
    world.go_on(True, 285)
    world.go_on(False, 600)
    assert world.heard == []
    assert world.standings == {}


def test_what_must_not_wait_is_told_at_once() -> None:
    world = World(QUICK)
    world.look(True)
    assert world.words() == [Word.BEGUN]
    world.go_on(False, 3600)
    assert world.words() == [Word.BEGUN, Word.OVER]


def test_a_look_that_says_nothing_leaves_an_alarm_as_it_is() -> None:
    world = World(SLOW)
    world.go_on(None, 3600)
    assert world.standings == {}
    world.go_on(True, 600)
    world.go_on(None, 3600)
    assert world.words() == [Word.BEGUN]
    world.go_on(False, 400)
    assert world.words() == [Word.BEGUN, Word.OVER]


def test_what_could_not_be_told_while_it_lasted_is_told_in_one_message() -> None:
    world = World(SLOW)
    world.reached = False
    world.go_on(True, 3600)
    world.go_on(False, 3600)
    world.reached = True
    world.look(False)
    assert world.words() == [Word.BEEN]
    world.go_on(False, 3600)
    assert world.words() == [Word.BEEN]


def test_what_lasts_still_when_somebody_can_be_told_is_told_as_it_is() -> None:
    world = World(SLOW)
    world.reached = False
    world.go_on(True, 3600)
    world.reached = True
    world.go_on(True, 60)
    assert world.words() == [Word.BEGUN]


def test_that_the_portal_is_away_is_told_when_it_is_back() -> None:
    world = World(OF_PORTAL)
    world.go_on(True, 3600)
    assert world.heard == []
    world.go_on(False, 600)
    assert world.words() == [Word.BEEN]


def test_a_trouble_that_flaps_quickly_is_one_trouble() -> None:
    world = World(SLOW)
    for _ in range(100):
        world.go_on(True, 120)
        world.go_on(False, 120)
    assert world.words() == [Word.BEGUN]
    world.go_on(False, 600)
    assert world.words() == [Word.BEGUN, Word.OVER]


def test_a_trouble_that_comes_back_all_day_is_told_a_few_times() -> None:
    """Ten minutes on, ten minutes off, for a day: 72 times."""
    world = World(SLOW)
    for _ in range(72):
        world.go_on(True, 600)
        world.go_on(False, 600)
    assert len(world.heard) <= 4
    world.go_on(False, 6000)
    assert world.words()[-1] is Word.OVER


def test_what_has_not_come_for_a_day_counts_as_new() -> None:
    world = World(SLOW)
    world.go_on(True, 600)
    world.go_on(False, 600)
    world.go_on(True, 600)
    assert world.standings[SLOW].times == 1
    world.go_on(False, 3600)
    world.go_on(False, REMEMBERED + STEP)
    assert world.standings == {}


def test_what_is_over_does_not_begin_before_its_end() -> None:
    standing = Standing(since=100.0, gone_at=200.0, told_at=150.0, over_at=500.0)
    check = Check(Finding.A1_UNREACHABLE, {"since": 100.0})
    found = looked({SLOW: standing}, Seen({SLOW: check}, frozenset()), 600.0)
    assert found == {SLOW: Standing(since=500.0, times=1)}


looks = st.lists(
    st.tuples(st.sampled_from([True, False, None]), st.integers(1, 60), st.booleans()), min_size=1, max_size=12
)


@given(looks, st.sampled_from([SLOW, QUICK, OF_PORTAL]), st.sampled_from([0.0, 60.0, 300.0, 1800.0]))
def test_whatever_happens_a_beginning_is_told_once_before_its_end(
    happened: Iterable[tuple[bool | None, int, bool]], alarm: Alarm, patience: float
) -> None:
    world = World(alarm, Patience(patience, patience))
    for there, times, reached in happened:
        world.reached = reached
        for _ in range(times):
            world.look(there)
    words = world.words()
    # Never the same in a row but for what has been and gone; never an end without a beginning.
    for before, after in zip([None, *words], words, strict=False):
        assert (after is Word.OVER) == (before is Word.BEGUN), words
    # And once all is well, and somebody can be told, everything that was begun is over.
    world.reached = True
    world.go_on(False, 16 * patience + 600)
    assert world.words().count(Word.BEGUN) == world.words().count(Word.OVER)


@given(looks, st.sampled_from([SLOW, QUICK]))
def test_messages_about_a_trouble_are_never_close_together(
    happened: Iterable[tuple[bool | None, int, bool]], alarm: Alarm
) -> None:
    world = World(alarm)
    for there, times, _ in happened:
        for _ in range(times):
            world.look(there)
    ends = [at for at, word in world.heard if word is Word.OVER]
    begins = [at for at, word in world.heard if word is Word.BEGUN]
    assert all(end - begin >= PATIENCE.over_after for begin, end in zip(begins, ends, strict=False))
