"""Requests that schemathesis makes of each service's own `/openapi.json`, good ones and bad: none
ends in an error of the server's, and every answer is as the document says.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.contracts import jsontext
from shared.runtime.security import Role
from tests.integration.interface.served import Served, served
from tests.unit.screening.forms import good
from tests.unit.screening.near import NCT_TRIAL, forms

TRIAL, SUBJECT = "NCT06903312", "IT001-0001"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
#: The same requests in every run.
SAME = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

Known = Mapping[str, str]
Asked = tuple[str, Served, Known]


@schemathesis.serializer("application/x-ndjson")
def ndjson(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Any generated value as it is: lines, or anything but."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def screened(up: Served) -> Known:
    """A subject that is eligible."""
    body = {"subject": SUBJECT, "form": good()}
    kept = post(up, f"/v1/trials/{TRIAL}/screenings", body)
    assert kept.status_code == 201
    return {"screening": kept.json()["id"]}


def reported(up: Served) -> Known:
    """An adverse event."""
    form = {"term": "Headache", "site_aware_at": "2026-03-01T12:00:00Z", "seriousness": []}
    body = {"subject": SUBJECT, "form": form}
    kept = post(up, f"/v1/trials/{TRIAL}/adverse-events", body)
    assert kept.status_code == 201, kept.text
    return {"case": kept.json()["case"]}


def nothing(_: Served) -> Known:
    """What is known of every trial does."""
    return {}


def post(up: Served, path: str, body: Any) -> httpx.Response:
    """One request by somebody of every role."""
    headers = {**up.issuer.bearer(*Role), "content-type": "application/json"}
    content = jsontext.dumps(body)
    return httpx.post(up.url + path, content=content, headers=headers, trust_env=False)


SERVICES: dict[str, Callable[[Served], Known]] = {
    "screening": screened,
    "randomizer": nothing,
    "safety": reported,
    "notifier": nothing,
    "audit": nothing,
}


@pytest.fixture(scope="module", params=SERVICES)
def service(
    request: pytest.FixtureRequest, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    """Each service, once, and what there is to ask it about."""
    name = str(request.param)
    with served(name, postgres, tmp_path_factory.mktemp(name)) as up:
        known = {"trial": TRIAL, "subject": SUBJECT, "site": "IT001", **SERVICES[name](up)}
        yield name, up, known


@pytest.mark.parametrize("mode", GenerationMode)
def test_answers_to_generated_requests(service: Asked, mode: GenerationMode) -> None:
    name, up, known = service
    seen: Counter[int] = Counter()
    schema = schemathesis.openapi.from_url(f"{up.url}/openapi.json")
    for operation in [one for path in schema.values() for one in path.values()]:
        if operation.path.startswith("/v1/dead") and name != "screening":
            continue  # the same ones in every service

        @SAME
        @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
        def ask(case: Case[Any], real: bool) -> None:
            if real:  # and not something that is nowhere
                here = {part: known[part] for part in case.path_parameters if part in known}
                case.path_parameters.update(here)
            answer = case.call(headers=up.issuer.bearer(*Role))
            seen[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        # A GET without parameters has no bad request.
        with suppress(Unsatisfiable):
            ask()
    wanted = (200, 404) if mode is GenerationMode.POSITIVE else (401, 422)
    assert all(seen[status] for status in wanted), seen


@pytest.fixture(scope="module")
def screening(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Screening, on a database of its own."""
    with served("screening", postgres, tmp_path_factory.mktemp("screening")) as up:
        yield up


def test_answers_to_forms_near_the_boundaries(screening: Served) -> None:
    """As the document says, and as the engine decides."""
    schema = schemathesis.openapi.from_url(f"{screening.url}/openapi.json")
    check = schema["/v1/trials/{trial}/screenings/check"]["POST"]

    @settings(SAME, max_examples=60)
    @given(form=forms(NCT_TRIAL))
    def ask(form: dict[str, Any]) -> None:
        body = {"subject": SUBJECT, "form": form}
        answer = post(screening, f"/v1/trials/{TRIAL}/screenings/check", body)
        check.validate_response(answer)
        assert answer.status_code == 200
        # The server's today is a later one than the tests', which only I01 sees.
        told = {one["id"]: one["outcome"] for one in answer.json()["criteria"]}
        engine = {one.id: one.outcome for one in NCT_TRIAL.decide(form).criteria}
        assert {**told, "I01": None} == {**engine, "I01": None}

    ask()
