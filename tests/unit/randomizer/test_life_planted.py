"""The stateful test of a subject's life finds faults: each is planted in a running product."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from services.randomizer import activation, desk, domain
from services.randomizer.book import Subject
from services.randomizer.desk import Desk
from services.randomizer.limits import Counts, cap_reached
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme
from shared.contracts.events.randomization import RandomizationPaused
from shared.contracts.events.screening import PatientScreened
from tests.unit.randomizer.test_life import Life

Plant = Callable[[pytest.MonkeyPatch], None]
PLANTED: dict[str, Plant] = {}


def planted(plant: Plant) -> Plant:
    PLANTED[plant.__name__] = plant
    return plant


@planted
def a_cap_lets_one_too_many_in(patch: pytest.MonkeyPatch) -> None:
    def one_late(caps: Any, at: Counts) -> Any:
        before = at._replace(in_stratum=at.in_stratum - 1, in_cell=at.in_cell - 1)
        return cap_reached(caps, before._replace(at_site=lambda: at.at_site() - 1))

    patch.setattr(desk, "cap_reached", one_late)


@planted
def who_waits_is_called_by_name(patch: pytest.MonkeyPatch) -> None:
    def by_name(self: Desk) -> None:
        for name in sorted(self.subjects):
            who = self.subjects[name]
            if who.standing == "waiting" and who.stratum:
                self.consider(who, who.stratum)

    patch.setattr(Desk, "serve_waiting", by_name)


@planted
def a_correction_loses_the_place(patch: pytest.MonkeyPatch) -> None:
    wait = Desk.wait

    def at_the_end(self: Desk, subject: Subject, stratum: str) -> None:
        wait(self, subject._replace(arrival=None), stratum)

    patch.setattr(Desk, "wait", at_the_end)


@planted
def who_withdraws_while_waiting_is_drawn(patch: pytest.MonkeyPatch) -> None:
    def kept(self: Desk, subject: Subject, reason: Any) -> None:
        if reason != "consent_withdrawn":
            refuse(self, subject, reason)

    refuse = Desk.refuse
    patch.setattr(Desk, "refuse", kept)


@planted
def a_pause_is_told_and_not_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(domain, "_pause", lambda on: on.tell(RandomizationPaused()))


@planted
def a_closed_site_is_forgotten_on_resume(patch: pytest.MonkeyPatch) -> None:
    serve = Desk.serve_waiting

    def all_open(self: Desk) -> None:
        kept, self.sites = self.sites, dict.fromkeys(self.sites, True)
        serve(self)
        self.sites = kept

    patch.setattr(Desk, "serve_waiting", all_open)


@planted
def a_late_record_counts(patch: pytest.MonkeyPatch) -> None:
    known = Desk.known

    def as_if_new(self: Desk, subject: str, site: str) -> Subject:
        return known(self, subject, site)._replace(revision=0)

    patch.setattr(Desk, "known", as_if_new)


@planted
def a_new_attempt_draws_again(patch: pytest.MonkeyPatch) -> None:
    screened = domain._screened

    def afresh(on: Desk, fact: PatientScreened) -> None:
        before = on.known(fact.subject, fact.site)
        if fact.attempt > before.attempt and before.drawn:
            on.subjects[before.id] = before._replace(drawn=None)
        screened(on, fact)

    patch.setattr(domain, "_screened", afresh)


@planted
def the_newest_version_signs_for_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rules, "of", lambda self, _: self.plan)


@planted
def an_amendment_tells_no_milestone(patch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> Iterator[Any]:
        return iter(())

    patch.setattr(activation, "by_amendment", none)


@planted
def a_block_forgets_its_places(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Scheme, "parts", property(lambda self: dict.fromkeys(self.ratios, uuid4().hex)))


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = settings(
        max_examples=400,
        stateful_step_count=40,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        print_blob=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Life, settings=found)
