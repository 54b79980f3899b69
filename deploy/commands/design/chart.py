"""The figures of a simulation as one SVG: no script, no font and no address from elsewhere."""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _ROW, _LEFT, _RIGHT = 760, 18, 150, 60
_BAR = "#4269d0"
_REACH = "#9ca3af"


def drawing(answer: Mapping[str, Any], histogram: Mapping[int, int]) -> str:
    """The overall imbalance as a histogram; then strata and sites, mean and what 95 % keep to."""
    runs = answer["runs"]
    title = f"{answer['trial']} {answer['protocol_version']}: {answer['design']}, {runs} runs"
    parts: list[str] = []
    y = 28
    parts.append(_text(8, y, title, bold=True))
    guess = answer["correct_guess"]
    if guess is not None:
        told = f"right guesses {guess['mean']:.1%}, certain {answer['deterministic']['mean']:.1%}"
        y += _ROW
        parts.append(_text(8, y, told))
    y = _section(parts, y, "Overall imbalance at the end: share of the runs")
    most = max(histogram.values(), default=1)
    for apart, trials in histogram.items():
        y += _ROW
        parts += _bar(y, str(apart), trials / most, f"{trials / runs:.1%}")
    for name, head in (("strata", "Imbalance by stratum"), ("sites", "Imbalance by site")):
        groups = answer["imbalance"][name]
        y = _section(parts, y, f"{head}: mean, and what 95 % of the runs keep to")
        widest = max([of["p95"] for of in groups.values()] + [1.0])
        for group, of in groups.items():
            y += _ROW
            told = f"{of['mean']:.2f} ({of['p95']:.1f})"
            parts += _bar(y, group, of["mean"] / widest, told, of["p95"] / widest)
    height = y + _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif" font-size="12">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _section(parts: list[str], y: int, head: str) -> int:
    y += 2 * _ROW
    parts.append(_text(8, y, head, bold=True))
    return y


def _bar(y: int, name: str, share: float, told: str, reach: float = 0.0) -> list[str]:
    room = _WIDTH - _LEFT - _RIGHT - 40
    bars = [
        _text(_LEFT - 8, y, name, end=True),
        _rect(y, max(1.0, room * share), _BAR),
        _text(_LEFT + int(room * max(share, reach)) + 8, y, told),
    ]
    if reach:
        bars.insert(1, _rect(y, max(1.0, room * reach), _REACH))
    return bars


def _rect(y: int, width: float, fill: str) -> str:
    return f'<rect x="{_LEFT}" y="{y - 10}" width="{width:.1f}" height="12" fill="{fill}"/>'


def _text(x: int, y: int, told: str, *, bold: bool = False, end: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x}" y="{y}"{weight}{anchor}>{escape(told)}</text>'
