"""Charts as plain data: bars on top of each other, names in lines that leave room for the bars."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import a1gateway.pages
from a1gateway.pages import charts
from a1gateway.pages.charts import BAD, GOOD, Chart, Height, Series, lying, upright

TWO = [Series("доставлено", GOOD, [3, 4]), Series("не дошло", BAD, [1, 0])]


def upright_bars() -> Chart:
    return upright(["пн", "вт"], TWO, gist="больше всего во вторник", language="be")


def test_upright_bars_stand_on_top_of_each_other() -> None:
    chart = upright_bars()
    assert (chart.gist, chart.height) == ("больше всего во вторник", Height.USUAL)
    config = json.loads(json.dumps(chart.config))
    assert config["data"]["labels"] == ["пн", "вт"]
    assert [(each["label"], each["data"]) for each in config["data"]["datasets"]] == [
        ("доставлено", [3, 4]),
        ("не дошло", [1, 0]),
    ]
    options = config["options"]
    assert (options["indexAxis"], options["locale"]) == ("x", "be")
    assert options["scales"]["x"]["stacked"]
    assert options["scales"]["y"]["stacked"]
    assert options["plugins"]["legend"]["display"]


def test_one_colour_needs_no_legend() -> None:
    config = upright(["пн"], TWO[:1], gist="", language="ru").config
    assert not config["options"]["plugins"]["legend"]["display"]


def test_names_beside_lying_bars_are_in_short_lines_and_none_is_left_out() -> None:
    chart = lying(["робот «SMS-напоминание через A1»", "другое"], TWO, gist="", language="ru")
    assert chart.config["data"]["labels"] == [["робот «SMS-напоминание", "через A1»"], ["другое"]]
    assert chart.config["options"]["indexAxis"] == "y"
    assert chart.config["options"]["scales"]["y"]["ticks"]["autoSkip"] is False
    (cut,) = lying(["очень " * 20], TWO[:1], gist="", language="ru").config["data"]["labels"]
    assert len(cut) == 2
    assert all(len(line) <= 23 for line in cut)


@pytest.mark.parametrize(("bars", "height"), [(1, Height.LOW), (3, Height.LOW), (6, Height.USUAL), (10, Height.HIGH)])
def test_a_chart_is_as_high_as_its_bars_need(bars: int, height: Height) -> None:
    names = [str(number) for number in range(bars)]
    assert lying(names, [Series("", GOOD, [1.0] * bars)], gist="", language="ru").height is height


def test_the_style_has_every_colour_and_every_height() -> None:
    style = (Path(a1gateway.pages.__path__[0]) / "static" / "pages.css").read_text("utf-8")
    colours = set(re.findall(r"--(\w+):", style))
    assert {charts.GOOD, charts.BAD, charts.PENDING, *charts.NAMES} <= colours
    assert all(f".chart.{height}" in style for height in Height if height)
