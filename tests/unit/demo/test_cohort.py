"""The simulated cohort: it comes out as it was made, whoever decides."""

from collections import Counter
from datetime import date

import pytest

from deploy.demo.cohort import TOO_LATE, Visit, day_of, simulate
from deploy.demo.failings import FAILINGS
from services.screening.eligibility import Decision
from shared.contracts import jsontext
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import NCT, NCT_PROTOCOL

MONDAY = date(2030, 9, 9)
TARGET = 409


@pytest.fixture(scope="module")
def visits() -> list[Visit]:
    return simulate(1, MONDAY, TARGET)


def _decided(visit: Visit, *, corrected: bool) -> Decision:
    form = visit.form | ((visit.correction or {}) if corrected else {})
    read = jsontext.loads(jsontext.dumps(form))
    assert isinstance(read, dict)
    return NCT.decide(SubjectId(visit.subject), read, day_of(visit, MONDAY))


def test_every_form_leads_to_what_it_was_made_for(visits: list[Visit]) -> None:
    for visit in visits:
        decision = _decided(visit, corrected=True)
        assert (decision.verdict, decision.stratum) == (visit.ends, visit.stratum)
        assert list(decision.unmet) == ([visit.fails] if visit.fails else [])


def test_what_is_corrected_was_incomplete_before(visits: list[Visit]) -> None:
    verdicts = {_decided(visit, corrected=False).verdict for visit in visits if visit.correction}
    assert verdicts == {"incomplete"}


def test_every_criterion_of_the_protocol_is_failed_by_someone(visits: list[Visit]) -> None:
    section = NCT_PROTOCOL.sections["eligibility"]
    assert isinstance(section, dict)
    known = {criterion["id"] for criterion in section["criteria"]}
    assert known == set(FAILINGS) == {visit.fails for visit in visits if visit.fails}


def test_the_target_is_passed_by_those_who_come_too_late(visits: list[Visit]) -> None:
    assert sum(visit.ends == "eligible" for visit in visits) == TARGET + TOO_LATE


def test_it_spreads_over_sites_strata_ages_sexes_and_units(visits: list[Visit]) -> None:
    assert len({visit.site for visit in visits}) == 20
    strata = Counter(visit.stratum for visit in visits)
    assert min(strata["le4"], strata["gt4"]) > len(visits) / 4
    ages = [visit.form["age"] for visit in visits]
    assert min(ages) < 45 and max(ages) > 80
    women = sum(visit.form["sex"] == "female" for visit in visits)
    assert 0.2 < women / len(visits) < 0.4
    units = {
        value["unit"]
        for visit in visits
        for value in visit.form.values()
        if isinstance(value, dict) and "unit" in value
    }
    assert {"umol/L", "mmol/L", "g/L", "mm", "10*9/L", "ukat/L", "a", "wk"} <= units


def test_who_is_screened_again_is_the_same_patient(visits: list[Visit]) -> None:
    first = {visit.subject: visit for visit in visits if visit.attempt == 1}
    again = [visit for visit in visits if visit.attempt == 2]
    assert again
    for visit in again:
        before = first[visit.subject]
        assert before.week < visit.week
        assert (before.form["age"], before.form["sex"]) == (visit.form["age"], visit.form["sex"])


def test_the_same_seed_gives_the_same_cohort(visits: list[Visit]) -> None:
    assert simulate(1, MONDAY, TARGET) == visits
    assert simulate(2, MONDAY, TARGET) != visits
