"""A stratum that is not known: every field is asked for that can still tell it."""

from functools import cache

from services.screening.eligibility import Eligibility
from shared.contracts import protocol_file
from tests.unit.screening.forms import SUBJECT, TODAY

PROTOCOL = b"""\
study: {id: T1, version: "1", title: T, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: ctcae}
sites: [{id: IT001, time_zone: Europe/Rome}]
arms: [{id: A, title: A}, {id: B, title: B}]
strata:
  - {id: b, title: B, when: {all: [{not: {is_true: a}}, {is_true: b}]}, ratio: {A: 1, B: 1}}
  - {id: no, title: N, when: {all: [{not: {is_true: a}}, {not: {is_true: b}}]}, ratio: {A: 1, B: 1}}
  - {id: a, title: A, when: {is_true: a}, ratio: {A: 1, B: 1}}
eligibility:
  fields: {a: {type: bool}, b: {type: bool}, c: {type: bool}}
  criteria:
    - {id: I01, category: inclusion, text: C., rule: {is_true: c}}
randomization: {design: permuted_block, block_sizes: [2]}
"""


@cache
def trial() -> Eligibility:
    """Compiled when a test asks, so that no mutant of what compiles is hidden."""
    return Eligibility.of(protocol_file.parse(PROTOCOL, "t.yaml"))


def test_what_the_strata_ask_for() -> None:
    for form, stratum, missing in (
        ({}, None, ("a", "b")),
        ({"b": True}, None, ("a",)),
        ({"a": False}, None, ("b",)),
        ({"a": True}, "a", ()),
        ({"a": False, "b": True}, "b", ()),
        ({"a": False, "b": False}, "no", ()),
    ):
        decision = trial().decide(SUBJECT, {**form, "c": True}, TODAY)
        assert (decision.stratum, decision.missing) == (stratum, missing)
        assert decision.verdict == ("eligible" if stratum else "incomplete")
    assert trial().decide(SUBJECT, {}, TODAY).missing == ("a", "b", "c")
    refused = trial().decide(SUBJECT, {"c": False}, TODAY)
    assert (refused.verdict, refused.stratum, refused.missing) == ("ineligible", None, ())
