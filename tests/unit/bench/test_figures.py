"""The bench's table: every figure that is asked for is there, and an unknown one is refused."""

from typing import Any

import pytest

from bench.__main__ import read
from bench.figures import FIGURES, Figure, chosen, measurements
from bench.machine import Machine
from bench.report import results

ASKED = {
    "randomizer": 0.8,
    "faststream": 20,
    "outbox": 20,
    "postgres": 0.5,
    "telemetry": 0.9,
    "relay": 0.6,
    "replay": 1.5,
    "vast": 0.8,
    "p99": 3,
    "single": 0.5,
    "least": 0.5,
    "batch": 8,
    "engine": 0.5,
    "screen": 0.5,
    "draws": 50_000,
    "macs": 0.2,
    "exact": 5,
    "replicas2": 1.1,
    "replicas4": 1.1,
    "kill": 11,
}
AT_MOST = {"p99", "exact", "replicas2", "replicas4", "kill"}

MACHINE = Machine(cpu="", cores=1, memory_gib=1, system="", python="", fsync_ms=1)


def test_every_figure_is_asked_what_was_promised() -> None:
    assert {figure.name: figure.target for figure in FIGURES} == ASKED
    assert {figure.name for figure in FIGURES if figure.at_most} == AT_MOST


def test_every_figure_is_made_of_measurements_that_are_there() -> None:
    nowhere: Any = None  # a measurement touches no server before it is asked for
    known = measurements(nowhere).keys()
    for figure in FIGURES:
        assert {figure.subject, figure.baseline or figure.subject} <= known


def test_only_these_figures() -> None:
    assert [figure.name for figure in chosen("relay, kill,relay")] == ["relay", "kill"]
    assert read(["--runs", "3"]).figures == FIGURES


@pytest.mark.parametrize("line", [["--only", "speed"], ["--runs", "0"], ["--only", ""]])
def test_an_unknown_figure_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read(line)
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_a_figure_is_the_median_of_the_runs_own_ratios() -> None:
    figure = Figure("x", "x", "ours", "theirs", 0.5)
    values = {"ours": {0: 1, 1: 2, 2: 9, 3: 8}, "theirs": {0: 1, 1: 4, 2: 10}}
    [row] = results(MACHINE, [figure], values, runs=4)["figures"]
    assert (row["lowest"], row["median"], row["highest"], row["met"]) == (0.5, 0.9, 1, True)


@pytest.mark.parametrize(("at_most", "met"), [(False, True), (True, False)])
def test_what_is_asked_may_be_a_least_or_a_most(*, at_most: bool, met: bool) -> None:
    assert Figure("x", "x", "ours", None, 1, at_most=at_most).met(2) is met


def test_what_failed_in_every_run_is_not_met() -> None:
    figure = Figure("x", "x", "ours", "theirs", 0.5)
    [row] = results(MACHINE, [figure], {"ours": {0: 1}, "theirs": {}}, runs=1)["figures"]
    assert (row["median"], row["met"]) == (None, False)
