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


def test_refusals_of_safety_come_in_the_contracts_order(platform: Platform, nct: Story) -> None:
    unknown, known = "/trials/NOSUCH/adverse-events", nct.path("adverse-events")
    nobody = Person(platform.http, platform.services)
    subject = nct.new_subject()
    good = {"subject": subject, "form": nct.event_form()}
    wrong = {"subject": subject, "form": nct.event_form(grade=6)}
    not_there = {"subject": subject, "form": nct.event_form(causality={"aspirin": "related"})}
    elsewhere = platform.person("site", sites=("IT002",))
    assert nobody.post("safety", unknown, LARGE).status_code == 401
    assert nct.manager.post("safety", unknown, LARGE).status_code == 403
    assert nct.site.post("safety", unknown, LARGE).status_code == 413
    assert nct.site.post("safety", unknown, {"subject": 7}).status_code == 422
    assert nct.site.post("safety", unknown, good).status_code == 404
    for form in (wrong, not_there):
        assert elsewhere.post("safety", known, form).status_code == 422
    assert elsewhere.post("safety", known, good).status_code == 404
    case = nct.path("adverse-events/01900000-0000-7000-8000-000000000000")
    sent = {"authority": "EU-CTR", "kind": "expedited_15", "submitted_at": "2999-01-01T00:00:00Z"}
    assert nct.officer.post("safety", f"{case}/submissions", sent).status_code == 422
    body = {"reason": "why", "causality": {"surgery": "perhaps"}}
    assert nct.officer.post("safety", f"{case}/assessments", body).status_code == 422
    gone = {"subject": subject, "from": "consent", "date": "2026-03-01", "reason": "x"}
    assert nct.withdraw(subject).status_code == 200
    assert elsewhere.post("safety", nct.path("withdrawals"), gone).status_code == 404
    assert nct.site.post("safety", nct.path("withdrawals"), gone).status_code == 409


def test_a_case_of_another_site_is_not_there(platform: Platform, nct: Story) -> None:
    case = nct.report(nct.new_subject())
    one = nct.path(f"adverse-events/{case['case']}")
    elsewhere = platform.person("investigator", sites=("IT002", "IT003"))
    officer = platform.person("safety_officer", sites=("IT002",))
    answers = [
        elsewhere.get("safety", one),
        officer.get("safety", one),
        elsewhere.post("safety", f"{one}/follow-ups", {"form": {"grade": 2}}),
        officer.post("safety", f"{one}/assessments", {"reason": "why"}),
        elsewhere.get("safety", nct.path("adverse-events"), subject=case["subject"]),
        elsewhere.get("safety", nct.path("clocks"), site="IT001"),
        *(
            elsewhere.post("safety", nct.path(path), {"subject": case["subject"], **body})
            for path, body in (
                ("survival", {"status": "alive", "date": "2026-03-01"}),
                ("withdrawals", {"from": "consent", "date": "2026-03-01", "reason": "x"}),
            )
        ),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    for path in ("adverse-events", "clocks"):
        for person in (elsewhere, officer):
            seen = {item["case"] for item in person.pages("safety", nct.path(path))}
            assert case["case"] not in seen
    assert nct.case(case)["version"] == 1
    other_trial = f"/trials/TWAY/adverse-events/{case['case']}"
    assert nct.officer.get("safety", other_trial).status_code == 404


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
        site.get("safety", nct.path(f"adverse-events/{malformed}")),
        site.post(
            "safety", nct.path(f"adverse-events/{malformed}/follow-ups"), {"form": {"grade": 3}}
        ),
        nct.officer.get("safety", f"/trials/{malformed}/clocks"),
        manager.get("randomizer", f"/dead/{malformed}"),
        manager.post("randomizer", f"/dead/{malformed}/replay"),
        manager.post("randomizer", f"/dead/{malformed}/drop", reason),
        nct.auditor.get("audit", f"/trials/{malformed}/entries"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_what_is_not_built_is_absent(nct: Story) -> None:
    for method, service, path in (
        ("POST", "safety", nct.path("treatments")),
        ("GET", "screening", "/nothing"),
        ("GET", "audit", "/alerts"),
    ):
        assert nct.manager.ask(method, service, path).status_code == 404
