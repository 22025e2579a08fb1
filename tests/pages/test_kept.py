"""What the pages keep for a while holds for that while, and of too many the oldest goes."""

from __future__ import annotations

from a1gateway.pages.kept import Kept


def test_it_holds_for_its_time() -> None:
    kept: Kept[str, tuple[str, ...]] = Kept(60.0, 2)
    kept.keep("a", (), 100.0)
    assert [kept.find("a", now) for now in (100.0, 159.9, 160.0)] == [(), (), None]
    assert kept.find("b", 100.0) is None


def test_of_too_many_the_one_that_was_kept_first_goes() -> None:
    kept: Kept[str, int] = Kept(60.0, 2)
    for value, key in enumerate(["a", "b", "a", "c"]):
        kept.keep(key, value, 100.0 + value)
    assert {key: kept.find(key, 104.0) for key in "abc"} == {"a": 2, "b": None, "c": 3}
