"""The order of refusals, and what is outside a person's sites and trials."""

import pytest

from tests.acceptance.people import Person, kind
from tests.acceptance.platform import Platform
from tests.acceptance.story import Story

# the order: 401, 403, 413, 422, 404, 409

LARGE = {"subject": "IT001-000001", "form": {"x": "y" * 60_000}}


def test_refusals_come_in_the_contracts_order(platform: Platform, nct: Story) -> None:
    unknown, known = "/trials/NOSUCH/screenings", nct.path("screenings")
    nobody = Person(platform.http, platform.services)
    subject = nct.new_subject()
    nct.submit(subject)
    good = {"subject": subject, "form": nct.form()}
    elsewhere = platform.person("site", sites=("IT002",))

    assert nobody.post("screening", unknown, LARGE).status_code == 401
    assert nct.manager.post("screening", unknown, LARGE).status_code == 403
    assert nct.site.post("screening", unknown, LARGE).status_code == 413
    assert nct.site.post("screening", unknown, {"subject": 7}).status_code == 422
    assert nct.site.post("screening", unknown, good).status_code == 404
    wrong_form = {"subject": subject, "form": {"no_such_field": 1}}
    assert elsewhere.post("screening", known, wrong_form).status_code == 422
    assert elsewhere.post("screening", known, good).status_code == 404
    assert nct.site.post("screening", known, good).status_code == 409

    query = {"limit": "0"}
    assert nobody.get("screening", unknown, **query).status_code == 401
    assert nct.manager.get("screening", unknown, **query).status_code == 403
    assert nct.site.get("screening", unknown, **query).status_code == 422
    assert nct.site.get("screening", unknown).status_code == 404


def test_a_person_of_another_site_sees_and_changes_nothing(platform: Platform, nct: Story) -> None:
    subject = nct.new_subject()
    screening = nct.submit(subject)
    one = nct.path(f"screenings/{screening['id']}")
    elsewhere = platform.person("investigator", sites=("IT002", "IT003"))
    bodies = {
        "signature": {"meaning": "eligible"},
        "corrections": {"changes": {"age": 62}, "reason": "typo"},
        "failure": {"reason": "moved away"},
    }
    for verb, body in bodies.items():
        answer = elsewhere.post("screening", f"{one}/{verb}", body)
        assert (answer.status_code, kind(answer)) == (404, "not-found"), verb
    other = {"subject": nct.new_subject(), "form": nct.form()}
    for path in ("screenings", "screenings/check"):
        assert elsewhere.post("screening", nct.path(path), other).status_code == 404
    assert elsewhere.get("screening", one).status_code == 404
    own = {item["subject"] for item in elsewhere.pages("screening", nct.path("screenings"))}
    assert subject not in own
    foreign = elsewhere.get("screening", nct.path("screenings"), site="IT001")
    assert (foreign.status_code, kind(foreign)) == (404, "not-found")
    assert nct.screening(screening) == screening  # nothing happened to it

    nct.sign(screening)
    nct.drawn(subject)
    assert elsewhere.get("randomizer", nct.path(f"allocations/{subject}")).status_code == 404
    drawn = elsewhere.pages("randomizer", nct.path("allocations"))
    assert subject not in {item["subject"] for item in drawn}


def test_a_foreign_site_and_an_unknown_one_are_told_apart_by_nothing(
    platform: Platform, nct: Story
) -> None:
    elsewhere = platform.person("site", sites=("IT002", "ZZ99"))
    said = [
        elsewhere.post(
            "screening", nct.path("screenings"), {"subject": subject, "form": nct.form()}
        )
        for subject in ("IT001-000001", "ZZ99-000001")
    ]
    assert [answer.status_code for answer in said] == [404, 404]
    assert said[0].json() == said[1].json()


def test_a_person_of_another_trial_sees_and_changes_nothing(platform: Platform, nct: Story) -> None:
    foreign: dict[str, Person] = {
        role: platform.person(role, trials=("TWAY",)) for role in ("site", "trial_manager")
    }
    foreign["auditor"] = platform.person("auditor", trials=("TWAY",))
    asked = [
        foreign["site"].get("screening", nct.path("screenings")),
        foreign["site"].get("randomizer", nct.path("allocations")),
        foreign["trial_manager"].get("randomizer", nct.path("enrolment")),
        foreign["trial_manager"].post("randomizer", nct.path("close"), {"reason": "not mine"}),
        foreign["auditor"].get("audit", nct.path("entries")),
        foreign["auditor"].get("audit", "/entries"),
        foreign["auditor"].get("audit", "/log/tile/entries/000"),
    ]
    assert [answer.status_code for answer in asked] == [404] * len(asked)
    assert nct.enrolment()["state"] == "open"


MALFORMED = ("0", "x", "%00", "a%2Fb", "%F0%9F%92%A9", "..%2f..", "'--", "x" * 2000, "%ff")


@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_malformed_id_is_an_unknown_one(nct: Story, malformed: str) -> None:
    manager, site = nct.manager, nct.site
    reason = {"reason": "a test"}
    answers = [
        site.get("screening", nct.path(f"screenings/{malformed}")),
        site.post("screening", nct.path(f"screenings/{malformed}/failure"), reason),
        site.get("screening", f"/trials/{malformed}/screenings"),
        site.get("randomizer", nct.path(f"allocations/{malformed}")),
        manager.get("randomizer", f"/trials/{malformed}/enrolment"),
        manager.post("randomizer", nct.path(f"sites/{malformed}/close"), reason),
        manager.get("randomizer", f"/dead/{malformed}"),
        manager.post("randomizer", f"/dead/{malformed}/replay"),
        manager.post("randomizer", f"/dead/{malformed}/drop", reason),
        nct.auditor.get("audit", f"/trials/{malformed}/entries"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_what_is_not_built_is_absent(nct: Story) -> None:
    for method, service, path in (
        ("POST", "randomizer", nct.path("subjects/IT001-000001/unblind")),
        ("GET", "screening", "/nothing"),
        ("GET", "audit", "/alerts"),
    ):
        assert nct.manager.ask(method, service, path).status_code == 404
