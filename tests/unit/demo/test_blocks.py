"""Balance within blocks, told from the arms alone."""

import pytest

from deploy.demo.blocks import is_balanced

HALF = {"DCN": 1, "SOC": 1}
TWO_TO_ONE = {"A": 2, "B": 1}


@pytest.mark.parametrize(
    ("arms", "sizes", "balanced"),
    [
        ("", [2], True),
        ("DS", [2], True),
        ("DDSS", [2], False),
        ("DDSS", [2, 4], True),
        ("DSDDSS", [2, 4], True),
        ("DDSSSD", [4], True),  # the last block is unfinished
        ("DDD", [4], False),
        ("DDSDSS", [4], False),
        ("DDSDSS", [2, 6], True),
    ],
)
def test_blocks_of_two_arms(arms: str, sizes: list[int], balanced: bool) -> None:
    names = [{"D": "DCN", "S": "SOC"}[arm] for arm in arms]
    assert is_balanced(names, HALF, sizes) is balanced


def test_a_ratio_counts() -> None:
    assert is_balanced(list("AABABA"), TWO_TO_ONE, [3])
    assert not is_balanced(list("ABBAAA"), TWO_TO_ONE, [3])


def test_an_arm_that_the_stratum_does_not_have_is_no_balance() -> None:
    assert not is_balanced(["DCN", "RT"], HALF, [2])
