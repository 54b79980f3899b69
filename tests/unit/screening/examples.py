"""How many examples hypothesis tries: all of them, or a few where each mutant tries them again."""

import os

from hypothesis import settings

#: mutmut names the mutant here, or what it does before there is one.
MUTATING = "MUTANT_UNDER_TEST" in os.environ
FEWER = 10


def examples(many: int) -> settings:
    """Settings of a test that tries ``many``."""
    return settings(max_examples=many // FEWER if MUTATING else many)
