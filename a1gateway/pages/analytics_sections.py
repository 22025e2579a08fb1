"""What the page of statistics shows of a period: each section with what is seen in it, its chart, and its table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from ..journal.analytics import Analytics, Cost, Counts, Failure, Figures, Point, Step
from ..journal.search_form import NONE
from ..words.words import Words
from .analytics_form import Wanted
from .analytics_tables import Column, Row, Shows, Table, Value, share, to_the_kopek
from .charts import BAD, GOOD, NAMES, PENDING, Chart, Series, lying, upright

T = TypeVar("T")

MOST_BARS = 10
"""A chart shows so many names; the last bar is all others."""
_IN_GIST = 3
_HOUR_NAMES = [f"{hour:02}:00" for hour in range(25)]


@dataclass(frozen=True, slots=True)
class Section:
    """One of them."""

    name: str
    heading: str
    """What is seen."""
    table: Table
    chart: Chart | None = None
    """None where the table says it all."""
    lead: str = ""
    """A sentence about it."""
    whole: bool = False
    """Whether it needs the whole width."""


@dataclass(frozen=True, slots=True)
class _Named:
    """Messages that have something in common."""

    name: str
    figures: Figures
    in_journal: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Tile:
    """A total."""

    figure: str
    label: str
    share: str = ""
    in_journal: Mapping[str, str] | None = None


def tiles(words: Words, found: Analytics, wanted: Wanted) -> list[Tile]:
    """The totals."""
    total = found.total

    def of_messages(number: int, label: str, **status: str) -> Tile:
        part = share(words, number / total.accepted) if status and total.accepted else ""
        return Tile(words.number(number), label, part, wanted.in_journal(**status))

    shown = [
        of_messages(total.accepted, words("analytics.accepted")),
        of_messages(total.delivered, words("group.delivered"), status="delivered"),
        of_messages(total.failed, words("group.failed"), status="failed"),
        of_messages(total.under_way, words("group.under_way"), status="under_way"),
        Tile(words.number(total.segments), words("analytics.segments")),
    ]
    if total.priced:
        shown.append(Tile(to_the_kopek(words, total.amount), words("analytics.amount")))
    if total.times is not None:
        shown += [
            Tile(words.duration(total.times.median), words("analytics.median.tile")),
            Tile(words.duration(total.times.percentile_95), words("analytics.percentile.tile")),
        ]
    return shown


def sections(words: Words, found: Analytics, wanted: Wanted) -> list[Section]:
    """All that have something to show."""
    return list(_Sections(words, found, wanted).all())


class _Sections:
    def __init__(self, words: Words, found: Analytics, wanted: Wanted) -> None:
        self._words = words
        self._found = found
        self._wanted = wanted

    def all(self) -> Iterator[Section]:
        found = self._found
        if not found.total.accepted:
            return
        yield self._course()
        if found.total.segments:
            yield self._costs()
        if found.period.days > 1:
            yield self._hours()
        if found.total.delivered:
            yield self._times()
        if found.failures:
            yield self._failures()
        yield self._sent_by()
        yield self._operators()
        if found.total.unicode:
            yield self._texts()
        yield self._senders()
        yield self._kinds()

    def _course(self) -> Section:
        words, found = self._words, self._found
        total, labels = found.total, self._labels()
        most, label = max(zip(found.series, labels, strict=True), key=lambda each: each[0].counts.accepted)
        gist = words(
            "analytics.course.gist",
            delivered=words.number(total.delivered),
            failed=words.number(total.failed),
            under_way=words.number(total.under_way),
            most=words.number(most.counts.accepted),
            when=label,
        )
        timed = found.step is not Step.HOUR
        table = Table(
            words,
            words("analytics.time"),
            [*self._outcome_columns(), *(self._time_columns() if timed else ())],
            [
                Row(
                    self._when(point.begin),
                    [*_outcome(point.counts), *(_times(point) if timed else ())],
                    self._of_point(point),
                    self._when_in_file(point.begin),
                )
                for point in found.series
            ],
        )
        heading = words(
            "analytics.course.heading",
            share=share(words, total.delivered / total.accepted),
            messages=words.count("analytics.of_messages", total.accepted),
        )
        counts = [point.counts for point in found.series]
        return Section(
            "course", heading, table, self._upright(labels, self._outcome_series(counts), gist), whole=True
        )

    def _hours(self) -> Section:
        words, by_hour = self._words, self._found.by_hour_of_day
        busiest = max(range(len(by_hour)), key=lambda hour: by_hour[hour].accepted)
        heading = words("analytics.hours.heading", begin=_HOUR_NAMES[busiest], end=_HOUR_NAMES[busiest + 1])
        gist = words("analytics.hours.gist", heading=heading, messages=words.number(by_hour[busiest].accepted))
        rows = [
            Row(f"{_HOUR_NAMES[hour]}–{_HOUR_NAMES[hour + 1]}", _outcome(counts))
            for hour, counts in enumerate(by_hour)
        ]
        table = Table(words, words("analytics.hour"), self._outcome_columns(), rows)
        labels = [str(hour) for hour in range(len(by_hour))]
        return Section("hours", heading, table, self._upright(labels, self._outcome_series(by_hour), gist))

    def _times(self) -> Section:
        words, found = self._words, self._found
        assert found.total.times is not None
        heading = words(
            "analytics.times.heading",
            median=words.duration(found.total.times.median),
            percentile=words.duration(found.total.times.percentile_95),
        )
        rows: list[Row] = []
        before = 0
        for band in found.bands:
            before += band.messages
            shares = (band.messages / found.total.delivered, before / found.total.delivered)
            rows.append(Row(self._band(band.longer_than, band.at_most), [band.messages, *shares]))
        columns = [
            Column(words("group.delivered")),
            Column(words("analytics.share"), Shows.SHARE),
            Column(words("analytics.within"), Shows.SHARE),
        ]
        counted = [(row.name, band.messages) for row, band in zip(rows, found.bands, strict=True)]
        table = Table(words, words("analytics.times.head"), columns, rows)
        return Section("times", heading, table, self._counts(heading, words("group.delivered"), GOOD, counted))

    def _failures(self) -> Section:
        words, found = self._words, self._found
        named = [(self._failure(each), each) for each in found.failures]
        heading = words(
            "analytics.failures.heading",
            number=words.number(found.total.failed),
            why=named[0][0],
            share=share(words, named[0][1].messages / found.total.failed),
        )
        table = Table(
            words,
            words("journal.reason"),
            [Column(words("analytics.messages")), Column(words("analytics.share.of_failed"), Shows.SHARE)],
            [
                Row(name, [each.messages, each.messages / found.total.failed], self._of_failure(each))
                for name, each in named
            ],
        )
        counted = [(name, each.messages) for name, each in named]
        return Section("failures", heading, table, self._counts(heading, words("group.failed"), BAD, counted))

    def _sent_by(self) -> Section:
        words = self._words
        named = [
            _Named(words.sent_by(word), each, self._wanted.in_journal(sent_by=word))
            for word, each in self._found.by_sent_by.items()
        ]
        return self._by_name("sent_by", words("journal.sent_by"), self._most("sent_by", named), named)

    def _operators(self) -> Section:
        words = self._words
        named = [
            _Named(words(f"operator.{word or 'none'}"), each, None) for word, each in self._found.by_operator.items()
        ]
        heading, lead = self._most("operators", named), words("analytics.operators.lead")
        return self._by_name("operators", words("analytics.operator"), heading, named, lead)

    def _senders(self) -> Section:
        words = self._words
        named = [
            _Named(word or words("sender.none"), each, self._wanted.in_journal(sender=word or NONE))
            for word, each in self._found.by_sender_id.items()
        ]
        return self._by_name("senders", words("journal.sender_id"), self._most("senders", named), named)

    def _kinds(self) -> Section:
        words = self._words
        named = [
            _Named(words.known(f"analytics.kind.{word}", word), each, self._wanted.in_journal(kind=word))
            for word, each in self._found.by_kind.items()
        ]
        return self._by_name("kinds", words("journal.kind"), self._most("kinds", named), named)

    def _most(self, of: str, named: Sequence[_Named]) -> str:
        """Which name most messages have, for a heading."""
        words, first = self._words, named[0]
        what = words(f"analytics.what.{of}")
        if len(named) == 1:
            return words("analytics.only", what=what, name=first.name)
        part = share(words, first.figures.accepted / self._found.total.accepted)
        return words("analytics.most", what=what, name=first.name, share=part)

    def _by_name(self, name: str, head: str, heading: str, named: Sequence[_Named], lead: str = "") -> Section:
        columns = [
            *self._outcome_columns(),
            Column(self._words("analytics.segments")),
            Column(self._words("analytics.amount"), Shows.MONEY),
            *self._time_columns(),
        ]
        rows = [
            Row(
                each.name,
                [*_outcome(each.figures), each.figures.segments, _amount(each.figures), *_times(each.figures)],
                each.in_journal,
            )
            for each in named
        ]
        chart = None
        if len(named) > 1:
            counts: list[tuple[str, Counts]] = [(each.name, each.figures) for each in named]
            shown = self._top(counts, _added)
            gist = self._gist(heading, [(of, each.accepted) for of, each in shown])
            series = self._outcome_series([each for _, each in shown])
            chart = lying([of for of, _ in shown], series, gist=gist, language=self._words.language)
        return Section(name, heading, Table(self._words, head, columns, rows), chart, lead)

    def _costs(self) -> Section:
        words, found = self._words, self._found
        total = found.total
        segments = words.count("segments", total.segments)
        priced = total.priced > 0
        heading, lead = segments, words("analytics.costs.no_price")
        if priced:
            heading = words("analytics.costs.heading", amount=to_the_kopek(words, total.amount), segments=segments)
            lead = ""
            if total.priced < total.taken:
                lead = words("analytics.costs.lead", share=share(words, total.priced / total.taken))
        begins = self._days()
        senders = list(
            dict.fromkeys(each for each in found.by_sender_id if each in {c.sender_id for c in found.costs})
        )
        costs = {(each.begin, each.sender_id): each for each in found.costs}
        names = [each or words("sender.none") for each in senders]

        def cost(begin: datetime, sender: str) -> Cost:
            return costs.get((begin, sender)) or Cost(begin, sender, 0, Decimal(0))

        def values(of: Sequence[Cost]) -> list[Value]:
            segments_ = sum(each.segments for each in of)
            return [segments_, sum((each.amount for each in of), Decimal(0))] if priced else [segments_]

        columns = [Column(words("analytics.segments")), Column(words("analytics.amount"), Shows.MONEY)]
        columns = columns if priced else columns[:1]
        if len(senders) > 1:
            columns += [Column(f"{name}: {column.label}", column.shows) for name in names for column in columns[:2]]
        rows = []
        for begin in begins:
            of_day = [cost(begin, sender) for sender in senders]
            each_sender = [value for one in of_day for value in values([one])] if len(senders) > 1 else []
            in_file = self._when_in_file(begin, whole_days=True)
            rows.append(Row(self._when(begin, whole_days=True), [*values(of_day), *each_sender], None, in_file))
        chart = None
        if len(begins) > 1:
            colours = [NAMES[at % len(NAMES)] for at in range(len(senders))]
            series = [
                Series(
                    name,
                    colour,
                    [
                        float(cost(begin, sender).amount if priced else cost(begin, sender).segments)
                        for begin in begins
                    ],
                )
                for name, sender, colour in zip(names, senders, colours, strict=True)
            ]
            gist = words("analytics.costs.gist", heading=heading, senders=", ".join(names))
            chart = self._upright(self._labels(whole_days=True), series, gist)
        table = Table(words, words("analytics.time"), columns, rows)
        return Section("costs", heading, table, chart, lead, whole=chart is not None)

    def _texts(self) -> Section:
        words, found = self._words, self._found
        total = found.total
        of = {name: each for name, each in found.by_sent_by.items() if each.unicode}
        saved = [_saved(each) for each in of.values()]
        amount = sum((each for each in saved if each is not None), Decimal(0))
        segments = words.count("segments", total.shortenable)
        heading = words("analytics.texts.heading", share=share(words, total.shortenable / total.unicode))
        lead = words("analytics.texts.none")
        if total.shortenable:
            lead = words(
                "analytics.texts.lead",
                messages=words.number(total.shortenable),
                all=words.number(total.unicode),
                segments=segments,
            )
            if amount:
                lead += " " + words("analytics.texts.saved", amount=to_the_kopek(words, amount))
        columns = [
            Column(words("analytics.texts.cyrillic")),
            Column(words("analytics.texts.shorter")),
            Column(words("analytics.share"), Shows.SHARE),
            Column(words("analytics.texts.would_save"), Shows.MONEY),
        ]
        rows = [
            Row(
                words.sent_by(name),
                [
                    each.unicode,
                    each.shortenable,
                    each.shortenable / each.unicode,
                    cost,
                ],
                self._wanted.in_journal(sent_by=name),
            )
            for (name, each), cost in sorted(
                zip(of.items(), saved, strict=True), key=lambda each: -each[0][1].shortenable
            )
        ]
        counted = [(row.name, of_it) for row in rows if isinstance(of_it := row.values[1], int) and of_it]
        chart = self._counts(heading, words("analytics.texts.shorter"), NAMES[1], counted)
        table = Table(words, words("journal.sent_by"), columns, rows)
        return Section("texts", heading, table, chart, lead)

    # What sections share

    def _outcome_columns(self) -> list[Column]:
        words = self._words
        return [
            Column(words("analytics.accepted")),
            Column(words("group.delivered")),
            Column(words("analytics.share.delivered"), Shows.SHARE),
            Column(words("group.failed")),
            Column(words("group.under_way")),
        ]

    def _time_columns(self) -> list[Column]:
        words = self._words
        return [
            Column(words("analytics.median"), Shows.TIME),
            Column(words("analytics.percentile"), Shows.TIME),
        ]

    def _outcome_series(self, counts: Sequence[Counts]) -> list[Series]:
        words = self._words
        series = [
            Series(words("group.delivered"), GOOD, [each.delivered for each in counts]),
            Series(words("group.failed"), BAD, [each.failed for each in counts]),
            Series(words("group.under_way"), PENDING, [each.under_way for each in counts]),
        ]
        return [each for each in series if any(each.values)]

    def _counts(self, heading: str, label: str, colour: str, counted: Sequence[tuple[str, int]]) -> Chart | None:
        """A chart of one number each; None where there is nothing to compare."""
        if len(counted) < 2:
            return None
        shown = self._top(counted, sum)
        series = [Series(label, colour, [number for _, number in shown])]
        return lying(
            [name for name, _ in shown], series, gist=self._gist(heading, shown), language=self._words.language
        )

    def _top(self, named: Sequence[tuple[str, T]], add: Callable[[Sequence[T]], T]) -> list[tuple[str, T]]:
        """The first, and all others as one."""
        if len(named) <= MOST_BARS:
            return list(named)
        first, others = named[: MOST_BARS - 1], named[MOST_BARS - 1 :]
        return [*first, (self._words("analytics.others"), add([each for _, each in others]))]

    def _gist(self, heading: str, counted: Sequence[tuple[str, int]]) -> str:
        first = sorted(counted, key=lambda each: -each[1])[:_IN_GIST]
        return f"{heading}. " + "; ".join(f"{name}: {self._words.number(number)}" for name, number in first)

    def _upright(self, labels: Sequence[str], series: Sequence[Series], gist: str) -> Chart:
        return upright(labels, series, gist=gist, language=self._words.language)

    def _failure(self, failure: Failure) -> str:
        if not failure.reason:
            return self._words.known(f"analytics.failure.{failure.status}", failure.status)
        return self._words.known(f"reason.{failure.reason}", failure.reason)

    def _of_failure(self, failure: Failure) -> Mapping[str, str] | None:
        return self._wanted.in_journal(status=failure.status, reason=failure.reason or NONE)

    def _band(self, longer_than: float, at_most: float | None) -> str:
        words = self._words
        if at_most is None:
            return words("analytics.times.longer", begin=words.duration(longer_than))
        if not longer_than:
            return words("analytics.times.shorter", end=words.duration(at_most))
        return f"{words.duration(longer_than)} – {words.duration(at_most)}"

    # Days, hours and months

    def _days(self) -> list[datetime]:
        """Where the points of a series of whole days or months begin."""
        if self._found.step is not Step.HOUR:
            return [point.begin for point in self._found.series]
        return [point.begin for point in self._found.series if point.begin.hour == 0]

    def _labels(self, *, whole_days: bool = False) -> list[str]:
        """What stands under the bars."""
        if whole_days or self._found.step is not Step.HOUR:
            form = "LLL y" if self._found.step is Step.MONTH else "d MMM"
            return [self._words.moment_in(form, begin) for begin in self._days()]
        form = "HH:mm" if self._found.period.days == 1 else "d MMM, HH:mm"
        return [self._words.moment_in(form, point.begin) for point in self._found.series]

    def _when(self, begin: datetime, *, whole_days: bool = False) -> str:
        """What stands in a table."""
        if self._found.step is Step.MONTH:
            return self._words.moment_in("LLLL y", begin)
        by_hour = self._found.step is Step.HOUR and not whole_days
        return self._words.moment_in("dd.MM.y, HH:mm" if by_hour else "dd.MM.y, EEE", begin)

    def _when_in_file(self, begin: datetime, *, whole_days: bool = False) -> str:
        english = self._words.language == "en"
        if self._found.step is Step.MONTH:
            return begin.strftime("%Y-%m" if english else "%m.%Y")
        by_hour = self._found.step is Step.HOUR and not whole_days
        return begin.strftime(("%Y-%m-%d" if english else "%d.%m.%Y") + (" %H:%M" if by_hour else ""))

    def _of_point(self, point: Point) -> Mapping[str, str] | None:
        """The journal's filter for a point's messages; it has none for an hour."""
        step, period = self._found.step, self._found.period
        if step is Step.HOUR or not point.counts.accepted:
            return None
        first = last = point.begin.date()
        if step is Step.MONTH:
            first, last = max(first, period.first), min(_last_of_month(first), period.last)
        return self._wanted.in_journal(since=first.isoformat(), until=last.isoformat())


def _outcome(counts: Counts) -> list[Value]:
    share = counts.delivered / counts.accepted if counts.accepted else None
    return [counts.accepted, counts.delivered, share, counts.failed, counts.under_way]


def _times(of: Figures | Point) -> list[Value]:
    return [None, None] if of.times is None else [of.times.median, of.times.percentile_95]


def _amount(figures: Figures) -> Decimal | None:
    return figures.amount if figures.priced else None


def _saved(figures: Figures) -> Decimal | None:
    """What the segments would have cost that texts a little shorter had not needed, in BYN."""
    price = figures.segment_price
    return None if price is None else price * figures.shortenable


def _added(counts: Sequence[Counts]) -> Counts:
    sums: dict[str, int] = defaultdict(int)
    for each in counts:
        for name in ("accepted", "taken", "delivered", "failed"):
            sums[name] += getattr(each, name)
    return Counts(**sums)


def _last_of_month(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
