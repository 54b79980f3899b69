"""Every route with every role: the contract's tables, by hand, against what the services do."""

from collections.abc import Mapping

import pytest

from tests.acceptance.people import Person, kind
from tests.acceptance.platform import Platform

ROLES = (
    "site",
    "investigator",
    "safety_officer",
    "trial_manager",
    "statistician",
    "auditor",
    "service",
)
SITE = {"site", "investigator"}
OFFICER = {"safety_officer"}
MANAGER, STATISTICIAN, AUDITOR = {"trial_manager"}, {"statistician"}, {"auditor"}

Routes = Mapping[tuple[str, str], set[str] | None]

# The contract's tables, by hand; None: open to all.
_DEAD: Routes = {
    ("GET", "/dead"): MANAGER,
    ("GET", "/dead/{id}"): MANAGER,
    ("POST", "/dead/{id}/replay"): MANAGER,
    ("POST", "/dead/{id}/drop"): MANAGER,
}
TABLE: dict[str, Routes] = {
    "screening": {
        ("POST", "/trials/{t}/screenings"): SITE,
        ("POST", "/trials/{t}/screenings/check"): SITE,
        ("POST", "/trials/{t}/screenings/batch"): SITE,
        ("POST", "/trials/{t}/screenings/{id}/signature"): {"investigator"},
        ("POST", "/trials/{t}/screenings/{id}/corrections"): SITE,
        ("POST", "/trials/{t}/screenings/{id}/failure"): SITE,
        ("GET", "/trials/{t}/screenings"): SITE,
        ("GET", "/trials/{t}/screenings/{id}"): SITE,
        ("GET", "/trials/{t}/screening-report"): SITE | MANAGER | STATISTICIAN,
        **_DEAD,
    },
    "randomizer": {
        ("GET", "/trials/{t}/allocations"): SITE | MANAGER | STATISTICIAN,
        ("GET", "/trials/{t}/allocations?by=arm"): STATISTICIAN | {"service"},
        ("GET", "/trials/{t}/allocations/{id}"): SITE | MANAGER | STATISTICIAN,
        ("GET", "/trials/{t}/enrolment"): MANAGER | STATISTICIAN,
        ("GET", "/trials/{t}/enrolment?by=arm"): STATISTICIAN,
        ("GET", "/trials/{t}/predictability"): STATISTICIAN,
        ("POST", "/trials/{t}/pause"): {"safety_officer"},
        ("POST", "/trials/{t}/resume"): MANAGER,
        ("POST", "/trials/{t}/close"): MANAGER,
        ("POST", "/trials/{t}/sites/{id}/close"): MANAGER,
        ("POST", "/trials/{t}/sites/{id}/open"): MANAGER,
        ("PUT", "/trials/{t}/allocation-list"): STATISTICIAN,
        ("POST", "/trials/{t}/seed/open"): STATISTICIAN,
        ("POST", "/trials/{t}/subjects/{id}/unblind"): {"investigator"} | OFFICER,
        **_DEAD,
    },
    "safety": {
        ("POST", "/trials/{t}/adverse-events"): SITE,
        ("GET", "/trials/{t}/adverse-events"): SITE | OFFICER,
        ("GET", "/trials/{t}/adverse-events/{id}"): SITE | OFFICER,
        ("POST", "/trials/{t}/adverse-events/{id}/follow-ups"): SITE,
        ("POST", "/trials/{t}/adverse-events/{id}/assessments"): OFFICER,
        ("POST", "/trials/{t}/adverse-events/{id}/submissions"): OFFICER,
        ("GET", "/trials/{t}/clocks"): SITE | OFFICER,
        ("POST", "/trials/{t}/survival"): SITE,
        ("POST", "/trials/{t}/withdrawals"): SITE,
        **_DEAD,
    },
    "audit": {
        ("GET", "/log/key"): None,
        ("GET", "/log/checkpoint"): None,
        ("GET", "/log/tile/{id}"): None,
        ("GET", "/log/tile/entries/{id}"): AUDITOR,
        ("GET", "/log/proof/inclusion"): None,
        ("GET", "/log/proof/consistency"): None,
        ("GET", "/trials/{t}/entries"): AUDITOR,
        ("GET", "/entries"): AUDITOR,
        **_DEAD,
    },
}
EVERY = [(service, *route) for service, routes in TABLE.items() for route in routes]
OPEN = [route for route in EVERY if TABLE[route[0]][route[1:]] is None]
CLOSED = [route for route in EVERY if TABLE[route[0]][route[1:]] is not None]


def concrete(path: str) -> str:
    """A path of this route that names nothing that is there: no answer can have an effect."""
    return path.replace("{t}", "NOSUCHTRIAL").replace("{id}", "0")


def test_the_services_have_these_routes_and_no_others(platform: Platform) -> None:
    for service, routes in TABLE.items():
        described = platform.http.get(f"{platform.services[service]}/openapi.json").json()
        found = {
            (method.upper(), _shape(path)): set(about["x-roles"]) if "x-roles" in about else None
            for path, methods in described["paths"].items()
            for method, about in methods.items()
            if path.startswith("/v1")
        }
        expected: dict[tuple[str, str], set[str] | None] = {}
        for (method, path), roles in routes.items():
            plain = method, path.removesuffix("?by=arm")
            expected[plain] = (expected.get(plain, set()) or set()) | roles if roles else None
        assert found == expected, service
        others = {path for path in described["paths"] if not path.startswith("/v1")}
        assert others == {"/livez", "/readyz", "/metrics"}


def _shape(path: str) -> str:
    parts = path.removeprefix("/v1").split("/")
    return "/".join(
        "{t}" if part == "{trial}" else "{id}" if part.startswith("{") else part for part in parts
    )


@pytest.mark.parametrize(("service", "method", "path"), CLOSED)
def test_a_route_takes_its_roles_and_refuses_all_others(
    platform: Platform, service: str, method: str, path: str
) -> None:
    allowed = TABLE[service][method, path]
    assert allowed
    for role in ROLES:
        answer = platform.person(role).ask(method, service, concrete(path))
        if role in allowed:
            assert answer.status_code not in (401, 403), role
        else:
            assert (answer.status_code, kind(answer)) == (403, "forbidden"), role


@pytest.mark.parametrize(("service", "method", "path"), CLOSED)
def test_a_closed_route_is_closed_without_a_token(
    platform: Platform, service: str, method: str, path: str
) -> None:
    nobody = Person(platform.http, platform.services)
    for header in ("", "Bearer", "Basic c2l0ZTpzaXRl", "Bearer \xff", "x" * 5000):
        headers = {"authorization": header} if header else {}
        answer = nobody.ask(method, service, concrete(path), headers=headers)
        assert (answer.status_code, kind(answer)) == (401, "unauthorized"), header
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("service", "method", "path"), OPEN)
def test_an_open_route_asks_for_no_token(
    platform: Platform, service: str, method: str, path: str
) -> None:
    nobody = Person(platform.http, platform.services)
    url = f"{nobody.services[service]}/v1{concrete(path)}"
    assert platform.http.request(method, url).status_code not in (401, 403)
