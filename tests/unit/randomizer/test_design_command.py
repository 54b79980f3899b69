"""`trialops design`: the answers' members, repeatable simulations, one line for what is wrong."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.cli import main
from deploy.commands.design import characteristics
from services.randomizer.characteristics import blocks

Answer = dict[str, Any]
FIGURES = ("p_balanced_mean", "final_imbalance_sd", "deterministic", "correct_guess")


class Line:
    """Runs a command line with a text on standard input."""

    def __init__(self, patch: pytest.MonkeyPatch, said: pytest.CaptureFixture[str]) -> None:
        self._patch, self._said = patch, said

    def run(self, line: str, given: str = "") -> tuple[object, str, str]:
        """(exit code, standard output, standard error)."""
        text = io.TextIOWrapper(io.BytesIO(given.encode("utf-8", "surrogateescape")))
        self._patch.setattr("sys.stdin", text)
        try:
            code: object = main(["design", *line.split()])
        except SystemExit as end:  # argparse's own way out
            code = end.code
        told = self._said.readouterr()
        return code, told.out, told.err

    def answer(self, line: str, given: str = "") -> Answer:
        """The one object of a command that did well."""
        code, out, err = self.run(line, given)
        assert (code, err, out.count("\n")) == (0, "", 1)
        found: Answer = json.loads(out, parse_constant=pytest.fail)
        return found


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("options", "figures"),
    [
        # By hand: blocks of 2 alternate a coin and a certainty.
        ("permuted_block --n 4 --ratio 1:1 --block-sizes 2", (0.5, 0, 0.5, 0.75)),
        ("big_stick --n 2 --mti 1", (0.5, 0, 0.5, 0.75)),
        # N1 - N2 after 2 is 0 with 0.75, else 2.
        ("biased_coin --n 2 --p 0.75", (0.375, 1, 0, 0.625)),
        ("random_allocation --n 2", (0.5, 0, 0.5, 0.75)),
        ("complete --n 1", (0, 1, 0, 0.5)),
        # A block of 3, cut off after 1: a third is guessed right.
        ("permuted_block --n 1 --ratio 1:1:1 --block-sizes 3", (0, None, 0, 1 / 3)),
        ("permuted_block --n 3 --ratio 2:1 --block-sizes 3", (1 / 3, None, 4 / 9, 7 / 9)),
    ],
)
def test_characteristics_by_hand(
    line: Line, options: str, figures: tuple[float | None, ...]
) -> None:
    answer = line.answer(f"characteristics --design {options}")
    assert list(answer) == ["design", "n", "method", *FIGURES]
    assert (answer["design"], answer["method"]) == (options.split(maxsplit=1)[0], "exact")
    for name, figure in zip(FIGURES, figures, strict=True):
        assert answer[name] == (None if figure is None else pytest.approx(figure))


def test_a_simulation_is_repeated_by_its_seed(line: Line) -> None:
    asked = "characteristics --design permuted_block --ratio 1:1 --block-sizes 4,6 --n 30"
    of = f"{asked} --method simulate"
    first = line.answer(f"{of} --runs 200 --seed 3")
    assert first == line.answer(f"{of} --runs 200 --seed 3")
    for other in ("--runs 200 --seed 4", "--runs 201 --seed 3"):
        found = line.answer(f"{of} {other}")
        assert all(found[name] != first[name] for name in FIGURES)
    assert first["method"] == "simulate"
    exact = line.answer(asked)
    for name in FIGURES:
        assert abs(first[name] - exact[name]) < 4 * first["standard_errors"][name]


def test_as_many_trials_are_simulated_as_their_draws_allow(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(characteristics, "_MOST_SIMULATED", 1000)
    of = "characteristics --design complete --method simulate"
    assert [line.answer(f"{of} --n {n}")["runs"] for n in (300, 600, 1000)] == [3, 1, 1]
    refused_line = line.run(f"{of} --n 300 --runs 4")
    assert (refused_line[0], len(refused_line[2].splitlines())) == (2, 1)
    assert line.run(f"{of} --n 1001")[0] == 2
    monkeypatch.setattr(characteristics, "_MOST_SIMULATED", 10**8)
    assert line.answer(f"{of} --n 1")["runs"] == 10_000


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1), (1, 1, 1), (3, 2, 1), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("times", [1, 2, 4])
def test_the_work_of_a_block_is_bounded_and_not_wildly(
    ratio: tuple[int, ...], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    choices = blocks._choices

    def counted(arm: int) -> Iterator[tuple[int, int]]:
        nonlocal looked
        for one in choices(arm):
            looked += 1
            yield one

    monkeypatch.setattr(blocks, "_choices", counted)
    block = [share * times for share in ratio]
    blocks._most_left(block)
    assert looked <= blocks.work(ratio, sum(block)) <= 10 * looked


def test_probabilities(line: Line) -> None:
    question = """{"design": "minimisation", "metric": "range", "p": 0.7, "ratio": [1, 1, 1],
        "factors": [{"name": "site", "weight": 1, "counts": [4, 5, 1]}]}"""
    assert line.answer("probabilities", question) == {
        "scores": [4.0, 5.0, 3.0],
        "probabilities": [0.15, 0.15, 0.7],
    }


def test_a_boundary(line: Line) -> None:
    """By hand: two looks, X_1 >= 1 has 0.2, X_2 >= 2 has 0.04; both together 0.2."""
    question = '{"method": "pocock", "p0": 0.2, "p1": 0.5, "looks": [1, 2], "cross_p0": %s}'
    rare = line.answer("boundary", question % "0.1")
    assert rare["boundaries"] == [
        {"n": 1, "stop_if_at_least": None},
        {"n": 2, "stop_if_at_least": 2},
    ]
    assert rare["operating_characteristics"] == [
        {"p": 0.2, "p_stop": 0.04, "expected_n": 2.0, "expected_events": 0.4},
        {"p": 0.5, "p_stop": 0.25, "expected_n": 2.0, "expected_events": 1.0},
    ]
    often = line.answer("boundary", question % "0.2")
    assert [row["stop_if_at_least"] for row in often["boundaries"]] == [1, 2]
    assert often["operating_characteristics"][0] == {
        "p": 0.2,
        "p_stop": 0.2,
        "expected_n": 1.8,
        "expected_events": 0.36,
    }


def test_cross_p0_may_be_left_out(line: Line) -> None:
    question = '{"method": "pocock", "p0": 0.2, "p1": 0.4, "looks": [20, 40, 60, 75]%s}'
    assert line.answer("boundary", question % "") == line.answer(
        "boundary", question % ', "cross_p0": 0.10'
    )


def test_every_look_is_each_subject(line: Line) -> None:
    question = """{"method": "beta_binomial", "p0": 0.2, "alpha": 0.1, "prior": [0.6, 2.4],
        "n_max": 5, "looks": %s}"""
    every = line.answer("boundary", question % '"every"')
    assert every == line.answer("boundary", question % "[1, 2, 3, 4, 5]")
    assert [row["n"] for row in every["boundaries"]] == [1, 2, 3, 4, 5]
    assert [row["p"] for row in every["operating_characteristics"]] == [0.2]
    with_p1 = line.answer("boundary", question.replace("0.2,", '0.2, "p1": 0.4,', 1) % '"every"')
    assert [row["p"] for row in with_p1["operating_characteristics"]] == [0.2, 0.4]


def test_no_answer_waits_for_a_heavy_library() -> None:
    """Each verb in a fresh process, which loads neither pydantic nor cryptography."""
    for words, question in [
        ("characteristics --design complete --n 10", ""),
        ("probabilities", json.dumps(MINIMISATION)),
        ("boundary", json.dumps(POCOCK)),
    ]:
        program = f"""
import sys
from deploy.cli import main
code = main(["design", *{words.split()!r}])
sys.exit(code or "pydantic" in sys.modules or "cryptography" in sys.modules)
"""
        command = (sys.executable, "-c", program)
        subprocess.run(command, input=question.encode(), capture_output=True, check=True)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--design complete",
        "--n 10",
        "--design dice --n 10",
        "--design complete --n 0",
        "--design complete --n -4",
        "--design complete --n 2.5",
        "--design complete --n nan",
        "--design complete --n ٣",
        "--design complete --n 10001",
        "--design complete --n 10 --p 0.6",
        "--design complete --n 10 --method guess",
        "--design complete --n 10 --method simulate --runs 0",
        "--design complete --n 10001 --method simulate --runs 10000",
        "--design complete --n 999999999 --method simulate --runs 1",
        "--design complete --n 10 --method simulate --seed x",
        "--design random_allocation --n 7",
        "--design big_stick --n 10",
        "--design big_stick --n 10 --mti 0",
        "--design big_stick --n 10 --mti nan",
        "--design biased_coin --n 10",
        "--design biased_coin --n 10 --p 0.4",
        "--design biased_coin --n 10 --p 1.01",
        "--design biased_coin --n 10 --p nan",
        "--design biased_coin --n 10 --p inf",
        "--design permuted_block --n 10",
        "--design permuted_block --n 10 --ratio 1:1",
        "--design permuted_block --n 10 --block-sizes 4",
        "--design permuted_block --n 10 --ratio 1:1 --block-sizes 3",
        "--design permuted_block --n 10 --ratio 1:1 --block-sizes 4,5",
        "--design permuted_block --n 10 --ratio 1:1 --block-sizes 4,4",
        "--design permuted_block --n 10 --ratio 1:1 --block-sizes 0",
        "--design permuted_block --n 10 --ratio 1:1 --block-sizes 4,",
        "--design permuted_block --n 10 --ratio 1:1 --block-sizes 1002",
        "--design permuted_block --n 10 --ratio 1:1:1 --block-sizes 999",
        "--design permuted_block --n 10 --ratio 1:1:1:1:1 --block-sizes 5,1000",
        "--design permuted_block --n 10 --ratio 2:1:1 --block-sizes 6",
        "--design permuted_block --n 10 --ratio 1 --block-sizes 4",
        "--design permuted_block --n 10 --ratio 1:0 --block-sizes 4",
        "--design permuted_block --n 10 --ratio 1-1 --block-sizes 4",
    ],
)
def test_what_is_no_design_is_one_line_and_2(line: Line, options: str) -> None:
    code, out, err = line.run(f"characteristics {options}")
    assert (code, out, len(err.splitlines())) == (2, "", 1)


MINIMISATION: Answer = {
    "design": "minimisation",
    "metric": "range",
    "p": 0.7,
    "ratio": [1, 1],
    "factors": [{"name": "a", "weight": 1, "counts": [1, 0]}],
}
POCOCK: Answer = {"method": "pocock", "p0": 0.2, "p1": 0.4, "looks": [5, 10]}
BETA: Answer = {
    "method": "beta_binomial",
    "p0": 0.2,
    "alpha": 0.05,
    "prior": [1, 1],
    "n_max": 10,
    "looks": "every",
}


@pytest.mark.parametrize("name", MINIMISATION)
def test_every_member_of_a_minimisation_is_needed(line: Line, name: str) -> None:
    refused(line, "probabilities", {key: MINIMISATION[key] for key in MINIMISATION if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"design": "dice"},
        {"metric": "median"},
        {"p": 1.5},
        {"p": "0.7"},
        {"p": float("nan")},
        {"p": True},
        {"ratio": [1, 1.0]},
        {"ratio": [1, 0]},
        {"factors": {}},
        {"factors": []},
        {"factors": [{"name": "a", "weight": 1, "counts": [1]}]},
        {"factors": [{"name": "a", "weight": 1, "counts": [1, -1]}]},
        {"factors": [{"name": "a", "weight": 1, "counts": [1, 0.5]}]},
        {"factors": [{"name": "a", "weight": -1, "counts": [1, 1]}]},
        {"factors": [{"name": "a", "weight": 1, "counts": [1, 1], "x\ny": 1}]},
        {"factors": [{"name": "a\nb", "weight": 1, "counts": [1]}]},
        {"extra": 1},
    ],
)
def test_what_is_no_minimisation_is_one_line_and_2(line: Line, change: Answer) -> None:
    refused(line, "probabilities", MINIMISATION | change)


@pytest.mark.parametrize("question", [POCOCK, BETA], ids=["pocock", "beta_binomial"])
def test_every_member_of_a_boundary_is_needed(line: Line, question: Answer) -> None:
    for name in question:
        refused(line, "boundary", {key: question[key] for key in question if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"p0": 0.5},
        {"p0": -0.1},
        {"p0": 1.2, "p1": 1.3},
        {"p1": 1.2},
        {"p0": float("nan")},
        {"p0": "0.2"},
        {"p0": None},
        {"p0": [0.2]},
        {"looks": [10, 5]},
        {"looks": [5, 5]},
        {"looks": []},
        {"looks": [0, 5]},
        {"looks": [5.5]},
        {"looks": [5.0]},
        {"looks": ["5"]},
        {"looks": 5},
        {"looks": "every"},
        {"looks": [5, 100_000]},
        {"cross_p0": 0},
        {"cross_p0": 1.5},
        {"method": "obrien_fleming"},
        {"method": None},
        {"alpha": 0.05},
    ],
)
def test_what_is_no_pocock_boundary_is_one_line_and_2(line: Line, change: Answer) -> None:
    refused(line, "boundary", POCOCK | change)


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0},
        {"alpha": 1.1},
        {"prior": [0, 1]},
        {"prior": [1]},
        {"prior": [1, 1, 1]},
        {"prior": [-1, 1]},
        {"n_max": 0},
        {"n_max": 10.5},
        {"n_max": 10**6},
        {"looks": "some"},
        {"looks": [5, 11]},
        {"looks": [5, 5]},
        {"looks": []},
        {"p1": 0.1},
        {"cross_p0": 0.1},
    ],
)
def test_what_is_no_beta_binomial_boundary_is_one_line_and_2(line: Line, change: Answer) -> None:
    refused(line, "boundary", BETA | change)


@pytest.mark.parametrize("verb", ["probabilities", "boundary"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "\udcff",
        '{"p0": 1, "p0": 2}',
        '{"method": "pocock", "p0": 1e-999999999, "p1": 0.5, "looks": [5]}',
        '{"method": "pocock", "p0": 0.2, "p1": 1e999999, "looks": [5]}',
    ],
)
def test_what_is_no_question_is_one_line_and_2(line: Line, verb: str, text: str) -> None:
    refused(line, verb, text)


def refused(line: Line, verb: str, question: Answer | str) -> None:
    """Exit 2, nothing on standard output, one line on standard error."""
    given = question if isinstance(question, str) else json.dumps(question)
    code, out, err = line.run(verb, given)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
