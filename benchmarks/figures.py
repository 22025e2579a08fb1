"""What is measured, the values of its runs, and what is wanted of it."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar


class Figure(enum.Enum):
    """A figure: its name in the table and how many decimals it has."""

    ACCEPTED = ("accepted messages a second", 0)
    ANSWER_P50 = ("time to the answer at full speed, p50, ms", 1)
    ANSWER_P99 = ("time to the answer at full speed, p99, ms", 1)
    THROUGH = ("messages a second, handler to final status", 0)
    CPU = ("CPU ms a message", 3)
    CPU_USER = ("of it user", 3)
    CPU_SYSTEM = ("of it system", 3)
    PACED_P50 = ("time to the answer at {rate:g} a second, p50, ms", 1)
    PACED_P99 = ("time to the answer at {rate:g} a second, p99, ms", 1)
    PACED_CPU = ("CPU ms a message at {rate:g} a second", 3)
    PEAK = ("peak resident memory, MB", 0)
    A1_REQUESTS = ("requests to A1 a message", 3)
    PORTAL_REQUESTS = ("requests to the portal a message", 3)
    OTHERS = ("other processes on the measured core, %", 1)

    CAMPAIGN = ("campaign of {campaign:,}, first call to last status, s", 1)
    CAMPAIGN_RATIO = ("the same against the limit's own minimum", 3)
    CAMPAIGN_REQUESTS = ("requests to the portal for it", 0)
    CAMPAIGN_REFUSED = ("of them refused by the limit", 0)
    A1_TOTAL = ("requests to A1 for {campaign:,} at full speed", 0)
    WAITING_ACCEPTED = ("accepted messages a second, A1 away", 0)
    WAITING_PEAK = ("peak resident memory, {waiting:,} waiting, MB", 0)
    DRAINED_PEAK = ("the same once all of them are delivered, MB", 0)
    START = ("start with {past:,} messages in the journal until ready, s", 2)
    IMPORTS = ("of it imports, s", 2)
    START_CPU = ("the start in CPU seconds", 2)
    IMPORTS_CPU = ("of it imports, in CPU seconds", 2)

    COUNTING = ("counting {past:,} messages into the statistics, s", 1)
    COUNTING_CPU = ("the same in CPU seconds", 1)
    COUNTING_HOLD = ("the longest that the journal's thread is held by it, ms", 1)
    ANALYTICS_YEAR = ("analytics of a year, ms", 0)
    ANALYTICS_SCENARIO = ("analytics of a year, one scenario alone, ms", 0)
    ANALYTICS_MONTH = ("analytics of a month, ms", 0)
    ANALYTICS_DAY = ("analytics of a day, ms", 0)
    JOURNAL_NEWEST = ("the newest messages, with the menus of the filters, ms", 0)
    JOURNAL_NOTHING = ("the same with filters that find nothing, and how many there are, ms", 0)
    JOURNAL_NUMBER = ("messages to a number, ms", 0)
    JOURNAL_NUMBER_PART = ("messages to numbers with a part that none has, ms", 0)
    JOURNAL_CARD = ("messages of a contact's card, ms", 0)
    JOURNAL_MESSAGE = ("one message with its whole way, ms", 0)
    CHECKLIST = ("what the checklist asks at its first look, ms", 0)
    CAMPAIGNS = ("the latest campaigns, ms", 0)
    ONE_CAMPAIGN = ("one campaign, ms", 0)
    EXPORT_CSV = ("export of {past:,} messages as CSV, s", 1)
    EXPORT_CSV_PEAK = ("peak resident memory of the process that writes CSV, MB", 0)
    EXPORT_CSV_SERVER = ("by how much the memory of a server grows that exports CSV, MB", 1)
    EXPORT_XLSX = ("export of {past:,} messages as XLSX, s", 1)
    EXPORT_XLSX_PEAK = ("peak resident memory of the process that writes XLSX, MB", 0)
    EXPORT_XLSX_SERVER = ("by how much the memory of a server grows that exports XLSX, MB", 1)

    def __init__(self, label: str, decimals: int) -> None:
        self.label = label
        self.decimals = decimals


@dataclass(frozen=True, slots=True)
class PageTime:
    """A figure: how long a page takes over HTTP, from the request until all of it is there."""

    of: str
    decimals: ClassVar[int] = 0

    @property
    def label(self) -> str:
        """Its name in the table."""
        return f"page: {self.of}, ms"


LOOKS = (
    Figure.ANALYTICS_YEAR,
    Figure.ANALYTICS_SCENARIO,
    Figure.ANALYTICS_MONTH,
    Figure.ANALYTICS_DAY,
    Figure.JOURNAL_NEWEST,
    Figure.JOURNAL_NOTHING,
    Figure.JOURNAL_NUMBER,
    Figure.JOURNAL_NUMBER_PART,
    Figure.JOURNAL_CARD,
    Figure.JOURNAL_MESSAGE,
    Figure.CAMPAIGNS,
    Figure.ONE_CAMPAIGN,
    Figure.CHECKLIST,
)
"""What a page needs of the journal."""


@dataclass
class Measured:
    """What one scenario has come to: the values of each figure, one a run."""

    scenario: str
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """The daemon's that are not defaults, by section."""
    notes: list[str] = field(default_factory=list)
    values: dict[Figure | PageTime, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, **values: float) -> None:
        """The values of one run, by the figures' names in small letters."""
        for name, value in values.items():
            self.values[Figure[name.upper()]].append(value)

    def add_pages(self, took: Mapping[PageTime, float]) -> None:
        """The pages of one run, in milliseconds."""
        for of, value in took.items():
            self.values[of].append(value)

    def said(self) -> str:
        """The latest value of each figure, for whoever waits."""
        return ", ".join(
            f"{figure.name.lower().replace('_', ' ')} {values[-1]:.{figure.decimals}f}"
            for figure, values in self.values.items()
            if isinstance(figure, Figure)
        )

    def middle(self, figure: Figure | PageTime) -> float | None:
        """The median of a figure's runs; None when it was not measured."""
        values = self.values.get(figure)
        return median(values) if values else None


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of the values (in order) do not exceed."""
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted, and what was measured against it."""

    name: str
    wanted: str
    measured: str
    reached: bool


def targets(results: Sequence[Measured]) -> list[Target]:
    """Every target of which something was measured."""
    found: list[Target] = []
    by_name = {each.scenario: each for each in results}

    def compare(
        name: str, figure: Figure | PageTime, most: float, wanted: str, scenario: str, *, least: bool = False
    ) -> None:
        result = by_name.get(scenario)
        value = result.middle(figure) if result is not None else None
        if value is not None:
            reached = value >= most if least else value <= most
            found.append(Target(f"{name} ({scenario})", wanted, f"{value:.{figure.decimals}f}", reached))

    for kannel in ("kannel", "kannel-debian"):
        if kannel in by_name:
            limit = by_name[kannel].middle(Figure.CPU)
            assert limit is not None
            compare("CPU ms a message", Figure.CPU, limit, f"at most {limit:.3f}, that of {kannel}", "smpp")
    for scenario in ("smpp", "http"):
        compare("accepted a second", Figure.ACCEPTED, 1500, "at least 1500", scenario, least=True)
        compare("p99 of the answer, paced, ms", Figure.PACED_P99, 25, "at most 25", scenario)
        compare(
            "campaign against the minimum", Figure.CAMPAIGN_RATIO, 1.1, "at most 1.1 times", f"campaign-{scenario}"
        )
    compare("requests to A1", Figure.A1_TOTAL, 150, "at most 150", "a1-requests")
    for scenario in ("smpp", "http"):
        found += _with_a_past(by_name.get(scenario), by_name.get(f"{scenario}-past"))
    for scenario in ("waiting-smpp", "waiting-http"):
        compare("peak resident memory, waiting, MB", Figure.WAITING_PEAK, 150, "at most 150", scenario)
    compare("start until ready, s", Figure.START, 2, "at most 2", "start")
    pages = by_name["pages"].values if "pages" in by_name else {}
    of_pages: list[Figure | PageTime] = [*LOOKS, *(each for each in pages if isinstance(each, PageTime))]
    for each in of_pages:
        compare(each.label, each, 1000, "at most 1000", "pages")
    for figure in (Figure.EXPORT_CSV_PEAK, Figure.EXPORT_XLSX_PEAK):
        compare(figure.label, figure, 60, "at most 60", "export")
    for figure in (Figure.EXPORT_CSV_SERVER, Figure.EXPORT_XLSX_SERVER):
        compare(figure.label, figure, 2, "at most 2", "export")
    return found


_COMPARED = (Figure.CPU, Figure.PACED_P99, Figure.A1_REQUESTS, Figure.PORTAL_REQUESTS)
_COMPARED_INVERSELY = (Figure.ACCEPTED, Figure.THROUGH)


def _with_a_past(empty: Measured | None, past: Measured | None) -> list[Target]:
    if empty is None or past is None:
        return []
    found = []
    for figure in (*_COMPARED, *_COMPARED_INVERSELY):
        without, with_it = empty.middle(figure), past.middle(figure)
        if without and with_it:
            ratio = without / with_it if figure in _COMPARED_INVERSELY else with_it / without
            name = f"{figure.name.lower().replace('_', ' ')}, with a past against without ({empty.scenario})"
            found.append(Target(name, "at most 1.1 times", f"{ratio:.3f}", ratio <= 1.1))
    return found
