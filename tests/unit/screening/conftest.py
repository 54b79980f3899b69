"""For `make mutation`: what the engine compiled before a mutant was let in, it compiles again.

mutmut forks a process that has imported the tests, so the protocols compiled with them would hide
every mutant of the code that compiles.
"""

import os

import pytest
from hypothesis import Phase, settings

from services.screening import units
from services.screening.eligibility import Eligibility
from tests.unit.screening import forms

_compiled_for: list[str] = []

if "MUTANT_UNDER_TEST" in os.environ:
    # A mutant is killed by any example; the shortest one is for people.
    quick = [Phase.explicit, Phase.reuse, Phase.generate]
    settings.register_profile("mutants", settings(), derandomize=True, phases=quick)
    settings.load_profile("mutants")


@pytest.fixture(autouse=True)
def _compiled_by_the_mutant() -> None:
    """Once a mutant; in the round that learns what each test runs (`stats`), for every test."""
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    if not mutant or (mutant != "stats" and mutant in _compiled_for):
        return
    _compiled_for.append(mutant)
    units.unit.cache_clear()
    units.factor.cache_clear()
    for made, protocol in ((forms.NCT, forms.NCT_PROTOCOL), (forms.PILOT, forms.PILOT_PROTOCOL)):
        vars(made).update(vars(Eligibility.of(protocol)))
