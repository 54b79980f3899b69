"""For `make mutation`: what the engine compiled before a mutant was let in, it compiles again.

A mutant is tried in the fork of a process that has imported the tests, so the protocols compiled
with them would hide every mutant of the code that compiles.
"""

import os

import pytest
from hypothesis import Phase, settings

from services.screening import powers, readers, units
from services.screening.eligibility import Eligibility
from tests.unit.screening import forms
from tests.unit.screening.examples import MUTATING, examples

#: What keeps answers; the parser of units is only slow to make.
_REMEMBER = [
    one
    for module in (powers, readers, units)
    for name, one in vars(module).items()
    if hasattr(one, "cache_clear") and name != "_reader"
]

if MUTATING:
    # A mutant is killed by any example; the shortest one is for people.
    quick = [Phase.explicit, Phase.generate]
    settings.register_profile("mutants", examples(100), derandomize=True, phases=quick)
    settings.load_profile("mutants")


@pytest.fixture(autouse=True, scope="session")
def _compiled_by_the_mutant() -> None:
    """Nothing where no mutant is tried."""
    if not MUTATING:
        return
    mutant = os.environ["MUTANT_UNDER_TEST"]
    for remembers in _REMEMBER:
        # What other modules would remember, no mutant of this one has changed.
        if "__mutmut" not in mutant or mutant.startswith(f"{remembers.__module__}."):
            remembers.cache_clear()
    for made, protocol in ((forms.NCT, forms.NCT_PROTOCOL), (forms.PILOT, forms.PILOT_PROTOCOL)):
        vars(made).update(vars(Eligibility.of(protocol)))
