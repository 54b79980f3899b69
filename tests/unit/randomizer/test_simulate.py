"""`trialops design simulate`: against exact figures, by hand, and what its files may not hold."""

import json
import xml.etree.ElementTree as Xml
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main
from services.randomizer.characteristics import blocks, coins
from services.randomizer.designs.design import Ratio
from services.randomizer.simulation.power import Comparison, efficiency, pairs

Answer = dict[str, Any]

PROTOCOL = """\
study:
  id: SIM
  version: "1.0"
  title: A trial to be
  phase: I
  model: randomized
  masking: none
  sponsor: nobody
  requires_signature: false
  severity_scale: ctcae
sites:
  - {id: AA01, time_zone: Europe/Rome}
  - {id: AA02, time_zone: Europe/Rome}
arms:
  - {id: A, title: One}
  - {id: B, title: Two}
strata:
  - {id: young, title: Young, when: {is_true: young}, ratio: {A: 1, B: 1}}
  - {id: old, title: Old, when: {is_true: old}, ratio: {A: 1, B: 1}}
eligibility:
  carry: [ecog]
randomization:
"""
ONE = PROTOCOL.replace("  - {id: old, title: Old, when: {is_true: old}, ratio: {A: 1, B: 1}}\n", "")
BLOCKS = "  design: permuted_block\n  block_sizes: [2, 4, 6]\n"
ACCRUAL = "sites:\n  AA01: {rate: 20}\n  AA02: {rate: 10, opens: 40}\n"
TWO_STRATA = ACCRUAL + "strata: {young: 2, old: 1}\n"


class Line:
    """Runs the command on files with these texts."""

    def __init__(self, folder: Path, said: pytest.CaptureFixture[str]) -> None:
        self.folder, self._said = folder, said

    def run(self, protocol: str, accrual: str, line: str = "--runs 5") -> tuple[object, str, str]:
        files = {"protocol": self.folder / "p.yaml", "accrual": self.folder / "a.yaml"}
        for text, file in zip((protocol, accrual), files.values(), strict=True):
            file.write_text(text, encoding="utf-8")
        named = [part for name, file in files.items() for part in (f"--{name}", str(file))]
        try:
            code: object = main(["design", "simulate", *named, *line.split()])
        except SystemExit as end:  # argparse's own way out
            code = end.code
        told = self._said.readouterr()
        return code, told.out, told.err.replace(f"{self.folder}/", "")

    def answer(self, protocol: str, accrual: str, line: str = "--runs 5") -> Answer:
        code, out, err = self.run(protocol, accrual, line)
        assert (code, err, out.count("\n")) == (0, "", 1)
        found: Answer = json.loads(out, parse_constant=pytest.fail)
        return found


@pytest.fixture
def line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capsys)


@pytest.mark.parametrize(
    ("section", "exact"),
    [
        (BLOCKS, blocks.exact((1, 1), (2, 4, 6), 50)),
        ("  design: big_stick\n  mti: 3\n", coins.exact(coins.big_stick(3), 50)),
        ("  design: biased_coin\n  p: 0.7\n", coins.exact(coins.biased_coin(0.7), 50)),
        ("  design: random_allocation\n  size: 50\n", coins.exact(coins.random_allocation(50), 50)),
        ("  design: complete\n", coins.exact(coins.complete(), 50)),
    ],
    ids=lambda value: value.split()[1] if isinstance(value, str) else "",
)
def test_one_stratum_has_the_exact_figures(line: Line, section: str, exact: Any) -> None:
    """Within 4 standard errors; the imbalance's mean square is the exact variance."""
    answer = line.answer(f"{ONE}{section}  target: 50\n", ACCRUAL, "--runs 200 --seed 3")
    for name in ("deterministic", "correct_guess"):
        found = answer[name]
        apart = abs(found["mean"] - getattr(exact, name))
        assert apart <= 4 * found["standard_error"] + 1e-12, name
    assert answer["randomized"] == {"mean": 50.0, "standard_error": 0.0}
    arm = answer["imbalance"]["arms"]["A"]  # (N1 - N2) / 2
    assert 2 * arm["standard_deviation"] == pytest.approx(exact.final_imbalance_sd, rel=0.2)
    assert answer["caps_reached"]["target"]["mean"] == 1.0


def test_caps_bind_as_the_protocol_says(line: Line) -> None:
    """600 days bring some 400 and 187 subjects, two thirds of them young."""
    section = (
        f"{BLOCKS}  caps: {{strata: {{young: 60}}, sites: {{AA02: 40}},"
        " site_strata: {AA01: {old: 500}}}\n"
    )
    accrual = f"days: 600\n{TWO_STRATA}"
    answer = line.answer(PROTOCOL + section, accrual, "--runs 20 --seed 1")
    caps = answer["caps_reached"]
    assert caps["target"] is None
    assert caps["strata"] == {"young": {"mean": 1.0, "standard_error": 0.0}}
    assert caps["sites"]["AA02"]["mean"] == 1.0
    [cell] = caps["site_strata"]
    assert (cell["site"], cell["stratum"], cell["mean"]) == ("AA01", "old", 0.0)
    refused = answer["refused"]
    arrived = answer["randomized"]["mean"] + sum(of["mean"] for of in refused.values())
    assert arrived == pytest.approx(20 * 20 + 10 * (560 / 30), rel=0.05)
    assert refused["stratum_closed"]["mean"] > refused["site_cap_reached"]["mean"] > 0
    assert answer["days"]["mean"] < 600


def test_minimisation_balances_the_sites_where_blocks_do_not(line: Line) -> None:
    minimised = (
        "  design: minimisation\n  metric: range\n  p: 0.9\n"
        "  factors: [{name: site}, {name: stratum}, {name: ecog}]\n  target: 60\n"
    )
    accrual = TWO_STRATA + "carry: {ecog: {zero: 0.4, one: 0.6}}\n"
    least = line.answer(PROTOCOL + minimised, accrual, "--runs 30")
    blocked = line.answer(f"{PROTOCOL}{BLOCKS}  target: 60\n", TWO_STRATA, "--runs 30")
    for site in ("AA01", "AA02"):
        apart = [answer["imbalance"]["sites"][site]["mean"] for answer in (least, blocked)]
        assert apart[0] < apart[1]
    assert least["deterministic"]["mean"] == 0.0
    code, _, err = line.run(PROTOCOL + minimised, TWO_STRATA)
    assert (code, err) == (2, "trialops: a.yaml:1: carry: ecog is a factor and has no shares\n")


def test_the_same_seed_gives_the_same_figures_and_another_others(line: Line) -> None:
    protocol = f"{PROTOCOL}{BLOCKS}  target: 30\n"
    first = line.run(protocol, TWO_STRATA, "--runs 5 --seed 7")
    assert line.run(protocol, TWO_STRATA, "--runs 5 --seed 7") == first
    assert line.run(protocol, TWO_STRATA, "--runs 5 --seed 8")[1] != first[1]
    assert line.answer(protocol, TWO_STRATA, "--runs 1")["correct_guess"]["standard_error"] is None


def test_power_by_hand() -> None:
    """30 and 10 of 40: 7.5 of 10; Phi(2.80158 x sqrt(0.75) - 1.95996) = 0.6795."""
    ratios = {"all": Ratio("all", {"A": 1, "B": 1})}
    left = efficiency(ratios, {"all": {"A": 30, "B": 10}}, "A", "B")
    assert left == pytest.approx(0.75)
    assert Comparison(0.8, 0.05).lost(0.75) == pytest.approx(0.1205, abs=5e-5)
    assert Comparison(0.8, 0.05).lost(1.0) == pytest.approx(0)
    assert efficiency(ratios, {}, "A", "B") is None


def test_arms_of_different_strata_are_compared_where_they_meet() -> None:
    ratios = {
        "three": Ratio("three", {"A": 1, "B": 1, "C": 2}),
        "two": Ratio("two", {"A": 1, "C": 1}),
        "other": Ratio("other", {"D": 1}),
    }
    assert pairs(ratios) == [("A", "B"), ("A", "C"), ("B", "C")]
    exact = {"three": {"A": 5, "B": 5, "C": 10}, "two": {"A": 4, "C": 4}, "other": {"D": 9}}
    for one, other in pairs(ratios):
        assert efficiency(ratios, exact, one, other) == pytest.approx(1)


def test_the_chart_is_one_drawing_that_loads_nothing(line: Line) -> None:
    chart = line.folder / "chart.svg"
    answer = line.answer(
        f"{PROTOCOL}{BLOCKS}  target: 30\n", TWO_STRATA, f"--runs 5 --chart {chart}"
    )
    text = chart.read_text(encoding="utf-8")
    root = Xml.fromstring(text)  # noqa: S314  our own drawing
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    told = "".join(root.itertext())
    assert "SIM 1.0: permuted_block, 5 runs" in told
    assert f"{answer['imbalance']['sites']['AA01']['mean']:.2f}" in told
    assert text.count("http") == 1
    assert "href" not in text


@pytest.mark.parametrize(
    ("accrual", "told"),
    [
        ("", "1: file: is empty"),
        ("sites: [", "2: file: "),
        ("sites: {}\nstrata: {young: 1}\n", "1: sites: "),
        ("strata: {young: 1}\n", "1: sites: "),
        (ACCRUAL, "1: file: strata is missing: each stratum's share of the subjects"),
        (f"{TWO_STRATA}pace: 3\n", "5: pace: "),
        (TWO_STRATA.replace("20", "0"), "2: sites.AA01.rate: "),
        (TWO_STRATA.replace("20", "-1"), "2: sites.AA01.rate: "),
        (TWO_STRATA.replace("20", "fast"), "2: sites.AA01.rate: "),
        (TWO_STRATA.replace("20", "true"), "2: sites.AA01.rate: "),
        (TWO_STRATA.replace("40", "1.5"), "3: sites.AA02.opens: "),
        (TWO_STRATA.replace("40", "40, closes: 40"), "3: sites.AA02: closes before it opens"),
        (TWO_STRATA.replace("AA02", "ZZ99"), "3: sites.ZZ99: is no site of the protocol"),
        (TWO_STRATA.replace("old", "huge"), "4: strata.huge: is no stratum of the protocol"),
        (TWO_STRATA.replace("2, old: 1", "0, old: 0"), "4: strata: all shares are 0"),
        (
            TWO_STRATA.replace("40", "40, strata: {x: 1}"),
            "3: sites.AA02.strata.x: is no stratum of the protocol",
        ),
        (f"{TWO_STRATA}carry: {{ecog: {{a: 1}}}}\n", "5: carry.ecog: is no carried factor"),
        (f"{TWO_STRATA}days: 0\n", "5: days: "),
        (f"{TWO_STRATA}strata: {{young: 1}}\n", "5: file: strata is given twice"),
    ],
)
def test_a_wrong_accrual_is_one_line_with_its_place(line: Line, accrual: str, told: str) -> None:
    code, out, err = line.run(f"{PROTOCOL}{BLOCKS}  target: 30\n", accrual)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"trialops: a.yaml:{told}"), err


@pytest.mark.parametrize(
    "options",
    ["", "--runs 0", "--runs x", "--runs 2000000", "--runs 1 --power 1", "--runs 1 --alpha 0.9"],
)
def test_wrong_options_are_one_line(line: Line, options: str) -> None:
    code, out, err = line.run(f"{PROTOCOL}{BLOCKS}  target: 30\n", TWO_STRATA, options)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_what_cannot_be_simulated_is_told(line: Line) -> None:
    code, _, err = line.run(f"{PROTOCOL}  design: listed\n", TWO_STRATA)
    assert (code, err) == (
        2,
        "trialops: p.yaml:23: randomization.design: draws from a list, not by chance\n",
    )
    code, _, err = line.run(f"{PROTOCOL}  design: dice\n", TWO_STRATA)
    assert code == 2
    assert "p.yaml:23: randomization.design: dice is no design; there are " in err


@pytest.mark.parametrize("chart", ["/nowhere/at/all.svg", "/"])
def test_a_chart_that_cannot_be_written_is_told_before_the_runs(line: Line, chart: str) -> None:
    """A million runs would take hours."""
    code, out, err = line.run(
        f"{PROTOCOL}{BLOCKS}  target: 3\n", TWO_STRATA, f"--runs 1000000 --chart {chart}"
    )
    assert (code, out, err) == (2, "", f"trialops: cannot write {chart}: no file can be there\n")


def test_an_odd_accrual_enrols_nobody(line: Line) -> None:
    """A rate that brings nobody in the days there are: no figure is made up."""
    answer = line.answer(
        f"{PROTOCOL}{BLOCKS}  target: 3\n",
        "days: 1\nsites:\n  AA01: {rate: 0.000000001}\nstrata: {young: 1}\n",
    )
    assert answer["randomized"]["mean"] == 0
    assert (answer["correct_guess"], answer["deterministic"]) == (None, None)
    assert answer["caps_reached"]["target"]["mean"] == 0


def test_there_is_a_bar_on_a_terminal_alone(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere standard error stays empty, as all other tests here see."""
    shown: list[str] = []

    def track(runs: Iterable[int], what: str, **_: object) -> Iterable[int]:
        shown.append(what)
        return runs

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("rich.progress.track", track)
    code, out, _ = line.run(f"{PROTOCOL}{BLOCKS}  target: 3\n", TWO_STRATA, "--runs 2")
    assert (code, json.loads(out)["runs"], shown) == (0, 2, ["simulating"])
