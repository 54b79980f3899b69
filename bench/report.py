"""What came out: a figure's median and spread, as JSON and as a table."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypedDict

from rich.box import MARKDOWN
from rich.table import Table

from bench.figures import UNITS, Figure
from bench.machine import Machine

Values = Mapping[str, Mapping[int, float]]
"""By measurement, its value in each run where it did not fail."""


class FigureResult(TypedDict):
    """One figure over all runs: its median, its lowest and highest, and what was asked."""

    name: str
    says: str
    median: float | None
    lowest: float | None
    highest: float | None
    target: float
    at_most: bool
    met: bool


class MeasurementResult(TypedDict):
    """One measurement over all runs."""

    name: str
    unit: str
    median: float | None
    runs: list[float]


class Results(TypedDict):
    """Everything of one `make bench`."""

    machine: Machine
    runs: int
    figures: list[FigureResult]
    measurements: list[MeasurementResult]


def results(machine: Machine, figures: Sequence[Figure], values: Values, runs: int) -> Results:
    """The results; a figure's ratio is taken in each run, then the median of these."""
    return Results(
        machine=machine,
        runs=runs,
        figures=[_figure(figure, values) for figure in figures],
        measurements=[
            MeasurementResult(
                name=name,
                unit=UNITS.get(name, "a second"),
                median=_short(median(found.values())) if found else None,
                runs=[_short(found[run]) for run in sorted(found)],
            )
            for name, found in values.items()
        ],
    )


def _figure(figure: Figure, values: Values) -> FigureResult:
    there = set(values[figure.subject]) & set(values[figure.baseline or figure.subject])
    found = [
        figure.of({name: of[run] for name, of in values.items() if run in of}) for run in there
    ]
    return FigureResult(
        name=figure.name,
        says=figure.says,
        median=_short(median(found)) if found else None,
        lowest=_short(min(found)) if found else None,
        highest=_short(max(found)) if found else None,
        target=figure.target,
        at_most=figure.at_most,
        met=bool(found) and figure.met(median(found)),
    )


def _short(value: float) -> float:
    return round(value, 3 if value < 100 else 0)


def tables(told: Results) -> list[Table]:
    """The figures, and the measurements that they are made of; in Markdown, for the document."""
    figures = Table("figure", "median", "spread", "asked", "met", box=MARKDOWN)
    for row in told["figures"]:
        spread = f"{_shown(row['lowest'])} to {_shown(row['highest'])}"
        asked = f"{'at most' if row['at_most'] else 'at least'} {row['target']:g}"
        met = "yes" if row["met"] else "NO"
        figures.add_row(row["says"], _shown(row["median"]), spread, asked, met)
    measured = Table("measurement", "median", "runs", box=MARKDOWN)
    for one in told["measurements"]:
        runs = " ".join(f"{value:g}" for value in one["runs"])
        measured.add_row(one["name"], f"{_shown(one['median'])} {one['unit']}", runs)
    return [figures, measured]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
