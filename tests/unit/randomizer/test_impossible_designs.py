"""A design that cannot be is refused with file, line and reason, before anything runs."""

import pytest

from services.randomizer.plan import Plan
from shared.contracts.protocol_file import parse
from shared.contracts.study import ProtocolError
from tests.unit.randomizer.test_simulate import PROTOCOL

AT = PROTOCOL.count("\n")  # the line of `randomization:`
COMPLETE = "  design: complete\n"
RATIO = "ratio: {A: 1, B: 1}"


def refusal(section: str, protocol: str = PROTOCOL) -> str:
    """What is said of a protocol with this section."""
    with pytest.raises(ProtocolError) as told:
        Plan.of(parse((protocol + section).encode(), "trial.yaml"))
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        (
            "  design: permuted_block\n  block_sizes:\n    young: [2, 4]\n    old: [4, 3]\n",
            4,
            "block_sizes.old.1: 3 is no multiple of 2, the sum of the ratio of old",
        ),
        (
            "  design: permuted_block\n  block_sizes: [4, 4]\n",
            2,
            "block_sizes.1: 4 is listed twice",
        ),
        ("  design: permuted_block\n  block_sizes: []\n", 2, "block_sizes: must not be empty"),
        (
            "  design: biased_coin\n  p: 0.49\n",
            2,
            "p: must be greater than or equal to 0.5",
        ),
        ("  design: biased_coin\n  p: 1.5\n", 2, "p: must be less than or equal to 1"),
        ("  design: biased_coin\n  p: .nan\n", 2, "p: must be a decimal number"),
        ("  design: big_stick\n  mti: 0\n", 2, "mti: must be greater than or equal to 1"),
        ("  design: big_stick\n  mti: {young: 2}\n", 2, "mti: stratum old has none"),
        (
            "  design: random_allocation\n  size: 10\n  target: 20\n",
            2,
            "size: stratum young has 10 places and needs a cap of at most as many",
        ),
        (
            f"{COMPLETE}  caps:\n    strata: {{young: 30}}\n    sites:\n      AA01: -3\n",
            5,
            "caps.sites.AA01: must be greater than or equal to 1",
        ),
        (
            f"{COMPLETE}  caps:\n    strata:\n      huge: 3\n",
            4,
            "caps.strata.huge: is no stratum of the protocol",
        ),
        (
            f"{COMPLETE}  caps:\n    site_strata:\n      AA01:\n        huge: 3\n",
            5,
            "caps.site_strata.AA01.huge: is no stratum of the protocol",
        ),
        (
            f"{COMPLETE}  caps:\n    sites: {{AA01: 3}}\n    site_strata: {{ZZ99: {{old: 3}}}}\n",
            4,
            "caps.site_strata.ZZ99: is no site of the protocol",
        ),
        (f"{COMPLETE}  target: 0\n", 2, "target: must be greater than or equal to 1"),
        (f"{COMPLETE}  target: 9\n  target: 8\n", 3, "target is given twice"),
        (f"{COMPLETE}  milestones: [50, 50]\n", 2, "milestones.1: 50 is listed twice"),
        ("  design: listed\n  block_sizes: [4]\n", 2, "block_sizes: is unknown here"),
        ("  target: 9\n", 0, "needs its design"),
        (
            "  target: 9\n  design: dice\n",
            2,
            "design: dice is no design; there are 'permuted_block', ",
        ),
        (
            "  design: by_stratum\n  strata: {young: {design: complete}, old: {design: listed}}\n",
            2,
            "strata.old.design: listed is no design; there are 'permuted_block', ",
        ),
        (
            "  design: minimisation\n  factors: [{name: site}, {name: site}]\n",
            2,
            "factors: two factors have the same name",
        ),
    ],
)
def test_a_section(section: str, line: int, said: str) -> None:
    place = "randomization: " if ": " not in said else "randomization."
    assert refusal(section).startswith(f"trial.yaml:{AT + line}: {place}{said}")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        ("ratio: {A: 1, B: 0}", "18: strata.0.ratio.B: must be greater than or equal to 1"),
        ("ratio: {A: 1, B: -2}", "18: strata.0.ratio.B: must be greater than or equal to 1"),
        ("ratio: {A: 1, B: 1.5}", "18: strata.0.ratio.B: must be a whole number"),
        ("ratio: {}", "18: strata.0.ratio: must not be empty"),
        ("ratio: {A: 1, A: 1}", "18: strata.0.ratio: A is given twice"),
        ("ratio: {A: 1, B: 1, C: 1}", "18: strata.0.ratio.C: "),
        ("ratio: {A: 1}", "16: arms.1: B is in no stratum's ratio"),
    ],
)
def test_a_ratio(ratio: str, said: str) -> None:
    assert refusal(COMPLETE, PROTOCOL.replace(RATIO, ratio)).startswith(f"trial.yaml:{said}")
