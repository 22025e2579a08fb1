"""Charts as Chart.js takes them, as plain data: `static/pages.js` draws them.

Colours are names of the style's variables (`static/pages.css`).
"""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GOOD, BAD, PENDING = "chart1", "chart3", "chart7"
"""What was delivered, what was not, and what is not known yet. Blue and red differ for everybody's eyes."""
NAMES = ("chart6", "chart4", "chart5", "chart2", "chart7", "chart1")
"""For what is told apart by nothing but its name."""
_THICKEST = 34
# Names beside lying bars, in characters: on a phone they share the width with the bars.
_WIDEST_NAME = 23
_LINES_OF_A_NAME = 2


class Height(enum.StrEnum):
    """How high a chart is, as a class of the style."""

    LOW = "is-low"
    USUAL = ""
    HIGH = "is-high"


@dataclass(frozen=True, slots=True)
class Series:
    """The bars of one colour."""

    label: str
    colour: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, with what it says in words for those who do not see it."""

    gist: str
    config: Mapping[str, Any]
    height: Height = Height.USUAL


def upright(labels: Sequence[str], series: Sequence[Series], *, gist: str, language: str) -> Chart:
    """Bars beside each other, those of a label on top of each other."""
    return Chart(gist, _config(list(labels), series, language, axis="x"))


def lying(labels: Sequence[str], series: Sequence[Series], *, gist: str, language: str) -> Chart:
    """Bars below each other, those of a label behind each other."""
    height = Height.LOW if len(labels) <= 3 else Height.USUAL if len(labels) <= 6 else Height.HIGH
    return Chart(gist, _config([_in_lines(each) for each in labels], series, language, axis="y"), height)


def _config(labels: Sequence[Any], series: Sequence[Series], language: str, *, axis: str) -> dict[str, Any]:
    names = {"stacked": True, "grid": {"display": False}, "border": {"display": False}}
    ticks: dict[str, Any] = {"maxRotation": 0, "autoSkipPadding": 14}
    if axis == "y":
        ticks = {"autoSkip": False, "font": {"size": 12}}
    values = {"stacked": True, "beginAtZero": True, "border": {"display": False}}
    return {
        "type": "bar",
        "data": {
            "labels": labels,
            "datasets": [
                {
                    "label": each.label,
                    "data": list(each.values),
                    "backgroundColor": each.colour,
                    "maxBarThickness": _THICKEST,
                    "categoryPercentage": 0.86,
                    "barPercentage": 0.96,
                }
                for each in series
            ],
        },
        "options": {
            "locale": language,
            "indexAxis": axis,
            "maintainAspectRatio": False,
            "interaction": {"mode": "index", "axis": axis, "intersect": False},
            "plugins": {
                "legend": {
                    "display": len(series) > 1,
                    "position": "bottom",
                    "labels": {"boxWidth": 12, "boxHeight": 12},
                }
            },
            "scales": {
                axis: names | {"ticks": ticks},
                "y" if axis == "x" else "x": values | {"ticks": {"maxTicksLimit": 6, "maxRotation": 0}},
            },
        },
    }


def _in_lines(name: str) -> list[str]:
    return textwrap.wrap(name, _WIDEST_NAME, max_lines=_LINES_OF_A_NAME, placeholder="…") or [""]
