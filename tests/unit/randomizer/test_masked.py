"""A masked trial: codes that stand for arms in all that is said, and that tell which arm it was."""

import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.randomizer import answers
from services.randomizer.records import Entry
from services.randomizer.replay import opening, read, replay
from services.randomizer.rules import Rules
from services.randomizer.seed import Seed
from services.randomizer.taken_back import UnknownPast, take_back
from services.randomizer.treatment_code import SIGNS, treatment_code
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.subjects import SiteId, SubjectId
from shared.runtime.security import Role
from tests.unit.randomizer.made import SEED, STRATA, TRIAL, Story, rules, screened
from tests.unit.randomizer.test_taken_back import NOON, after, begun, copied, ground_of, told

ONE = SubjectId("IT001-0001")
MANY = 20_000


def masked(by: Rules | None = None) -> Rules:
    """The same trial, double blind."""
    by = by or rules()
    return replace(by, plan=replace(by.plan, masked=True))


def drawn(story: Story) -> list[PatientRandomized]:
    return [event for event in story.told if isinstance(event, PatientRandomized)]


def test_a_code_is_the_first_bits_of_a_mac_over_the_allocation() -> None:
    said = b"trialops.code.v1" + (7).to_bytes(8, "big")
    for text in (b"IT001-0001", b"gt4", b"SOC"):
        said += len(text).to_bytes(4, "big") + text
    mac = hmac.new(bytes(range(32)), said, hashlib.sha256).digest()
    bits = "".join(f"{byte:08b}" for byte in mac)[:60]
    signs = "".join(
        "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[int(bits[at : at + 5], 2)] for at in range(0, 60, 5)
    )
    code = treatment_code(SEED, 7, ONE, "gt4", "SOC")
    assert code == f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def test_codes_are_unique_and_say_nothing_by_their_length() -> None:
    codes = {treatment_code(SEED, n, ONE, "gt4", "Pbo" if n % 2 else "Xan_Lo") for n in range(MANY)}
    assert len(codes) == MANY
    assert {len(code) for code in codes} == {14}
    # Chi-square over 32 signs: 31 degrees of freedom, beyond 80 with a chance below 1 in 10**5.
    signs = "".join(codes).replace("-", "")
    expected = len(signs) / len(SIGNS)
    assert sum((signs.count(one) - expected) ** 2 / expected for one in SIGNS) < 80


@given(
    seed=st.binary(min_size=32, max_size=32),
    number=st.integers(1, 10**6),
    arm=st.sampled_from(["A", "Placebo"]),
)
def test_whatever_makes_the_allocation_makes_its_code(seed: bytes, number: int, arm: str) -> None:
    code = treatment_code(Seed(TRIAL, seed), number, ONE, "le4", arm)
    others = {
        treatment_code(SEED, number, ONE, "le4", arm) if seed != SEED.secret else "",
        treatment_code(Seed(TRIAL, seed), number + 1, ONE, "le4", arm),
        treatment_code(Seed(TRIAL, seed), number, SubjectId("IT001-0002"), "le4", arm),
        treatment_code(Seed(TRIAL, seed), number, ONE, "gt4", arm),
        treatment_code(Seed(TRIAL, seed), number, ONE, "le4", arm + "x"),
    }
    assert code not in others


@given(strata=st.text("gl", max_size=40))
def test_nothing_that_is_said_holds_an_arm_and_the_draws_are_the_same(strata: str) -> None:
    names = {"g": "gt4", "l": "le4"}
    facts = [screened(n, stratum=names[of]) for n, of in enumerate(strata, 1)]
    blind, seen = Story(masked()), Story(rules())
    blind.tell(*facts)
    seen.tell(*facts)
    assert blind.arms == seen.arms
    assert [event.arm for event in drawn(seen)] == seen.arms
    for event, arm in zip(drawn(blind), blind.arms, strict=True):
        assert event.model_dump().keys() == {
            *("subject", "site", "stratum", "number", "treatment_code", "protocol_version")
        }
        name = SubjectId(event.subject)
        code = treatment_code(SEED, event.number, name, event.stratum, arm)
        assert event.treatment_code == code
    said = "".join(event.encode().decode() for event in [*blind.begun, *blind.told])
    assert not [arm for of in STRATA.values() for arm in of if f'"{arm}"' in said]
    assert len({len(event.encode()) for event in drawn(blind) if event.number < 10}) <= 1


def entry(code: str | None) -> Entry:
    return Entry(ONE, SiteId("IT001"), 1, "gt4", "Xan_Lo", NOON, treatment_code=code)


@pytest.mark.parametrize("role", list(Role))
def test_who_looks_at_a_masked_draw_sees_its_code_and_by_arm_its_arm(role: Role) -> None:
    shown = answers.allocation(entry("7KQ2-M0X9-B4TC"), {role})
    assert shown.keys() == {"subject", "number", "stratum", "at", "treatment_code"}
    by_arm = answers.allocation(entry("7KQ2-M0X9-B4TC"), {role}, by_arm=True)
    assert by_arm == {**shown, "arm": "Xan_Lo"}


@pytest.mark.parametrize("role", list(Role))
def test_who_looks_at_an_open_draw_sees_the_arm_as_their_role_may(role: Role) -> None:
    shown = answers.allocation(entry(None), {role})
    may = role in (Role.SITE, Role.INVESTIGATOR, Role.STATISTICIAN, Role.SERVICE)
    assert ("arm" in shown) == may
    assert "treatment_code" not in shown


def test_what_is_written_of_a_draw_for_people_to_read_has_no_arm() -> None:
    assert "Xan_Lo" not in repr(entry("7KQ2-M0X9-B4TC"))


def bundle(story: Story) -> dict[str, object]:
    by = story.rules
    made = [
        {**event.model_dump(), "arm": arm}
        for event, arm in zip(drawn(story), story.arms, strict=True)
    ]
    return {**opening(by.plan, by.seed, [], None).model_dump(mode="json"), "allocations": made}


def test_the_replay_works_the_codes_out_again() -> None:
    story = Story(masked())
    story.tell(*(screened(n) for n in range(1, 13)))
    given = bundle(story)
    assert replay(read(json.dumps(given))).ok
    made = given["allocations"]
    assert isinstance(made, list)
    made[4]["treatment_code"] = made[5]["treatment_code"]
    found = replay(read(json.dumps(given)))
    assert not found.ok
    assert found.first_difference is None
    assert found.problems == ("allocation 5 has another treatment code than its arm makes",)


def test_a_masked_trial_is_taken_back_with_its_codes() -> None:
    life = begun(masked())
    for n in range(1, 6):
        life.hear(screened(n))
    backup = copied(life)
    for n in range(6, 16):
        life.hear(screened(n, stratum="le4"))
    restored = after(life, backup)
    said = {
        of.event.number: of.event.treatment_code
        for several in life.said.values()
        for of in several
        if isinstance(of.event, PatientRandomized)
    }
    assert [(one.number, one.treatment_code) for one in restored.allocations] == [
        (number, said[number]) for number in range(6, 16)
    ]
    open_life = begun(rules())
    for n in range(1, 16):
        open_life.hear(screened(n, stratum="gt4" if n < 6 else "le4"))
    arms = {
        of.event.number: of.event.arm
        for several in open_life.said.values()
        for of in several
        if isinstance(of.event, PatientRandomized)
    }
    assert [one.arm for one in restored.allocations] == [arms[n] for n in range(6, 16)]


def test_a_code_that_is_not_of_the_drawn_arm_ends_the_restore() -> None:
    life = begun(masked())
    backup = copied(life)
    for n in range(1, 4):
        life.hear(screened(n))
    said = told(life, backup)
    name, [one] = next((name, of) for name, of in said.items() if len(of) == 1)
    assert isinstance(one.event, PatientRandomized)
    arm = next(made for made in ("DCN", "SOC") if not _is(one.event, made))
    code = treatment_code(SEED, one.event.number, name, one.event.stratum, arm)
    said[name] = [replace(one, event=one.event.model_copy(update={"treatment_code": code}))]
    with pytest.raises(UnknownPast, match="otherwise than it was told"):
        take_back(ground_of(life.by), backup.book, [], said, life.heard)


def _is(event: PatientRandomized, arm: str) -> bool:
    name = SubjectId(event.subject)
    return event.treatment_code == treatment_code(SEED, event.number, name, event.stratum, arm)
