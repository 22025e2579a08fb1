"""The figures in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from a1gateway.config_sections import SECTIONS

from .figures import Figure, Measured, PageTime, targets

_ACROSS = (
    Figure.ACCEPTED,
    Figure.ANSWER_P50,
    Figure.ANSWER_P99,
    Figure.THROUGH,
    Figure.CPU,
    Figure.CPU_USER,
    Figure.CPU_SYSTEM,
    Figure.PACED_P50,
    Figure.PACED_P99,
    Figure.PACED_CPU,
    Figure.PEAK,
    Figure.A1_REQUESTS,
    Figure.PORTAL_REQUESTS,
    Figure.OTHERS,
)
"""The figures of full speed, one column a scenario; all others get a line each."""


def document(
    machine: Sequence[tuple[str, str]],
    conditions: Sequence[tuple[str, str]],
    amounts: Mapping[str, float],
    results: Sequence[Measured],
) -> str:
    """All of it. `amounts` are what the figures' names are completed with."""
    blocks = [lines("machine and versions", "", machine), lines("measured with", "", conditions)]
    across = [each for each in results if any(figure in each.values for figure in _ACROSS)]
    if across:
        blocks.append(_side_by_side(across, amounts))
    others = [
        (figure.label.format(**amounts), each.scenario, _cell(figure, each.values[figure]))
        for each in results
        for figure in each.values
        if figure not in _ACROSS
    ]
    if others:
        blocks.append(_table(["figure", "scenario", "measured"], others))
    wanted = targets(results)
    if wanted:
        rows = [(each.name, each.wanted, each.measured, "yes" if each.reached else "no") for each in wanted]
        blocks.append(_table(["to reach", "wanted", "measured", "reached"], rows))
    notes = [f"- {each.scenario}: {note}" for each in results for note in each.notes]
    if notes:
        blocks.append("\n".join(notes))
    return "\n\n".join(blocks) + "\n"


def changed(settings: Mapping[str, Mapping[str, object]]) -> str:
    """Settings as the operator writes them, each with its default."""
    found = []
    for section, values in settings.items():
        model = SECTIONS[tuple(section.split("."))]
        for name, value in values.items():
            default = model.model_fields[name].default
            if value != default:
                found.append(f"{section}.{name} = {_written(value)} ({_written(default)})")
    return ", ".join(found)


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def lines(head: str, other: str, rows: Sequence[tuple[str, str]]) -> str:
    """A line for each, with two columns."""
    return _table([head, other], rows)


def _side_by_side(results: Sequence[Measured], amounts: Mapping[str, float]) -> str:
    rows = [
        [figure.label.format(**amounts), *(_cell(figure, each.values.get(figure, [])) for each in results)]
        for figure in _ACROSS
        if any(figure in each.values for each in results)
    ]
    return _table(["figure", *(each.scenario for each in results)], rows)


def _cell(figure: Figure | PageTime, values: Sequence[float]) -> str:
    """The median, and the least and the most of several runs."""
    if not values:
        return "–"
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    shown = f"{median:.{figure.decimals}f}"
    if len(ordered) == 1:
        return shown
    return f"{shown} ({ordered[0]:.{figure.decimals}f} to {ordered[-1]:.{figure.decimals}f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
