"""The enrolment curve as lines of an SVG: pure arithmetic, no style. A unit is a CSS pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.portal.domain import Curve

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 88, 16, 32
_LINE = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick of an axis: where, and what stands there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The steps of the curve as a path, the target's height if it has one, and the axes.

    `number` is where the curve's last figure stands: at its end, or a line off the target's.
    """

    path: str
    number: tuple[float, float]
    now: int
    target: float | None
    across: Sequence[Mark]
    up: Sequence[Mark]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM


def steps(curve: Curve, target: int | None, today: date) -> Drawing | None:
    """The running total as steps from the first day to today; None before the first draw."""
    if not curve.days:
        return None
    first = curve.days[0]
    days = max((max(today, curve.days[-1]) - first).days, 1)
    highest = max(curve.totals[-1], target or 0)
    top = _round_up(highest)

    def x(day: date) -> float:
        return round(_LEFT + (day - first).days / days * (WIDTH - _LEFT - _RIGHT), 1)

    def y(number: float) -> float:
        return round(HEIGHT - _BOTTOM - number / top * (HEIGHT - _TOP - _BOTTOM), 1)

    path = f"M{_LEFT} {y(0)}"
    for day, total in zip(curve.days, curve.totals, strict=True):
        path += f"H{x(day)}V{y(total)}"
    last = curve.totals[-1]
    end = x(max(today, curve.days[-1]))
    path += f"H{end}"
    number, aim = y(last), None if target is None else y(target)
    if target is not None and aim is not None and abs(number - aim) < _LINE:
        number = aim + (_LINE if last <= target else -_LINE)
    dates = sorted({first, date.fromordinal(first.toordinal() + days // 2), max(today, first)})
    return Drawing(
        path=path,
        number=(end, number),
        now=last,
        target=aim,
        across=[Mark(x(day), f"{day:%Y-%m-%d}") for day in dates],
        up=[Mark(y(top * part / 4), f"{top * part // 4}") for part in range(5)],
    )


def _round_up(number: int) -> int:
    """A round number that is not less: four even steps of whole people."""
    step, size = max(-(-number // 4), 1), 1
    while size * 10 < step:
        size *= 10
    return 4 * next(
        size * tenths // 10
        for tenths in (10, 15, 20, 25, 30, 40, 50, 75, 100)
        if size * tenths % 10 == 0 and size * tenths // 10 >= step
    )
