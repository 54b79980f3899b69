"""An amendment of the safety section: each fact meets the rules that were in force then."""

from services.safety import domain
from services.safety.case import Case
from services.safety.rules import SafetyRules
from shared.contracts.events.safety import ReportingClockStarted
from shared.contracts.versions import ByTime
from tests.unit.safety.cases import CASE, SUBJECT, Story
from tests.unit.safety.forms import NCT, at, rules_with

BOTH = rules_with("authorities: [EU-CTR]", "authorities: [EU-CTR, FDA-312.32]")
RULES = ByTime(NCT, [(at("2026-03-03 00:00"), BOTH)])


def rebuilt(case: Case, rules: ByTime[SafetyRules] = RULES) -> Case:
    return domain.rebuild(rules, CASE, SUBJECT, case.facts, case.told_until)


def authorities(case: Case) -> set[str]:
    return {clock.duty.authority for clock in case.clocks if clock.duty.authority}


def test_a_new_authority_is_told_of_with_the_next_fact_and_not_in_silence() -> None:
    story = Story("2026-03-01 12:00")
    assert authorities(story.case) == {"EU-CTR"}
    assert rebuilt(story.case) == story.case

    story.wait("2026-03-04 12:00")
    assert rebuilt(story.case) == story.case
    assert authorities(story.case) == {"EU-CTR"}

    story.rules = RULES.at(at("2026-03-05 12:00"))
    told = story.follow_up("2026-03-05 12:00", seriousness=["death"])
    started = {one.authority for one in told if isinstance(one, ReportingClockStarted)}
    assert "FDA-312.32" in started
    assert rebuilt(story.case) == story.case
    # By the newest rules alone the case would look as if that had been told from the start.
    assert rebuilt(story.case, ByTime(BOTH)) != story.case
