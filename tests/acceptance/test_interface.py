"""What the services answer is as their own `/openapi.json` says."""

import re
from functools import cache
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.acceptance.people import Person
from tests.acceptance.platform import Platform
from tests.acceptance.story import Story

Json = dict[str, Any]


def is_as_described(platform: Platform, service: str, answer: httpx.Response) -> None:
    """The answer's status and content are those that the document has for its route."""
    document = described(platform.services[service])
    path = answer.request.url.path
    methods = next(
        m for shape, m in document["paths"].items() if re.fullmatch(pattern(shape), path)
    )
    operation = methods[answer.request.method.lower()]
    responses = operation["responses"]
    stated = responses.get(str(answer.status_code)) or responses["default"]
    media = answer.headers["content-type"].partition(";")[0]
    schema = stated["content"][media].get("schema")
    if schema:
        whole = {**schema, "components": document["components"]}
        told = answer.json() if media.endswith("json") else answer.text
        Draft202012Validator(whole, format_checker=FormatChecker()).validate(told)


@cache
def described(url: str) -> Json:
    return dict(httpx.get(f"{url}/openapi.json").json())


def pattern(shape: str) -> str:
    return re.sub(r"\{\w+\}", "[^/]+", shape)


def test_answers_are_as_the_documents_say(platform: Platform, nct: Story) -> None:
    subject = nct.new_subject()
    answers: list[tuple[str, httpx.Response]] = []

    def ask(person: Person, method: str, service: str, path: str, body: Json | None = None) -> None:
        answers.append((service, person.ask(method, service, path, json=body)))

    kept = nct.submission(subject)
    answers.append(("screening", kept))
    one = nct.path(f"screenings/{kept.json()['id']}")
    ask(
        nct.site,
        "POST",
        "screening",
        nct.path("screenings/check"),
        {"subject": subject, "form": {}},
    )
    ask(
        nct.site, "POST", "screening", f"{one}/corrections", {"changes": {"ecog": 0}, "reason": "r"}
    )
    ask(nct.site, "POST", "screening", f"{one}/corrections", {"changes": {}})  # 422
    ask(nct.investigator, "POST", "screening", f"{one}/signature", {"meaning": "eligible"})
    ask(nct.site, "GET", "screening", one)
    ask(nct.site, "GET", "screening", f"{nct.path('screenings')}?limit=2")
    ask(nct.manager, "GET", "screening", nct.path("screening-report"))
    ask(nct.manager, "GET", "screening", f"{nct.path('screening-report')}?format=csv")
    ask(nct.officer, "POST", "randomizer", nct.path("pause"), {"reason": "to look at it"})
    ask(nct.manager, "POST", "randomizer", nct.path("resume"), {"reason": "looked at"})
    ask(nct.manager, "POST", "randomizer", nct.path("sites/IT001/open"), {"reason": "again"})
    nct.drawn(subject)
    ask(nct.site, "GET", "randomizer", nct.path(f"allocations/{subject}"))
    ask(nct.manager, "GET", "randomizer", nct.path("allocations"))
    ask(nct.statistician, "GET", "randomizer", f"{nct.path('enrolment')}?by=arm")
    ask(nct.statistician, "POST", "randomizer", nct.path("seed/open"), {"reason": "r"})  # 409
    for path in ("/log/key", "/log/checkpoint", "/log/proof/inclusion?index=0&size=1"):
        ask(nct.site, "GET", "audit", path)
    ask(nct.site, "GET", "audit", "/log/proof/consistency?from=1&to=2")
    ask(nct.auditor, "GET", "audit", f"{nct.path('entries')}?limit=3")
    answers.append(("safety", nct.reporting(subject)))
    for service in platform.services.keys() - {"portal"}:
        ask(nct.manager, "GET", service, "/dead")
        ask(nct.site, "GET", service, "/dead")  # 403
    for service, answer in answers:
        is_as_described(platform, service, answer)
    assert {answer.status_code for _, answer in answers} == {200, 201, 403, 409, 422}


@pytest.mark.parametrize("path", ["readyz", "livez", "metrics"])
def test_health_is_as_the_documents_say(platform: Platform, path: str) -> None:
    for service, url in platform.services.items():
        is_as_described(platform, service, httpx.get(f"{url}/{path}"))
