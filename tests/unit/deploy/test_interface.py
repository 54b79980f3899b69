"""The documents of the interface: true to the code, valid by their standards, whole on a disk."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from deploy.embedded.services import SERVICES
from deploy.interface.__main__ import FOLDER, files
from shared.contracts.envelope import ATTRIBUTES
from shared.contracts.events import EVENTS
from shared.contracts.events.screening import ScreeningFailed
from shared.contracts.topics import TOPICS
from shared.runtime.problems import invalid, not_found
from tests.integration.runtime.records import sent

VENDORED = Path(__file__).parents[2] / "vendored"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    return dict(files())


@pytest.fixture(scope="module")
def asyncapi(generated: dict[Path, str]) -> Json:
    document: Json = json.loads(generated[Path("asyncapi.json")])
    return document


@pytest.fixture(scope="module")
def openapi(generated: dict[Path, str]) -> dict[str, Json]:
    return {
        path.stem: json.loads(text)
        for path, text in generated.items()
        if path.parent == Path("openapi")
    }


def test_they_are_the_ones_written_down(generated: dict[Path, str]) -> None:
    written = {p.relative_to(FOLDER): p.read_text() for p in FOLDER.rglob("*.*") if p.is_file()}
    assert set(written) == set(generated), "run `make interface`"
    for path, text in generated.items():
        assert written[path] == text, f"{path}: run `make interface`"


# ---- by their standards


def test_the_events_are_valid_asyncapi(asyncapi: Json) -> None:
    official = json.loads((VENDORED / "asyncapi-3.0.0" / "schema.json").read_text())
    Draft7Validator(official).validate(asyncapi)
    for reference in references(asyncapi):
        assert found(asyncapi, reference) is not None
    for schema in asyncapi["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_the_routes_are_valid_openapi(openapi: dict[str, Json]) -> None:
    assert set(openapi) == set(SERVICES)
    for document in openapi.values():
        OpenAPIV31SpecValidator(document).validate()
        for reference in references(document):
            assert found(document, reference) is not None


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def found(document: Json, reference: str) -> object:
    assert reference.startswith("#/"), "nothing outside the document"
    part: Any = document
    for name in reference[2:].split("/"):
        part = part[name.replace("~1", "/").replace("~0", "~")]
    return part


# ---- true to the code


def test_every_topic_has_every_event_that_is_written_to_it(asyncapi: Json) -> None:
    assert set(asyncapi["channels"]) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = asyncapi["channels"][topic.name]
        named = {asyncapi["components"]["messages"][key]["name"] for key in channel["messages"]}
        written = {
            e.ce_type() for e in EVENTS if e.TOPIC.format(service=topic.writer) == topic.name
        }
        dead = {"trialops.DeadLettered.v1"} if topic.name.endswith(".dead") else set()
        assert named == written | dead
        assert f"{topic.writer} says {topic.name}" in asyncapi["operations"]
    assert tuple(asyncapi["components"]["schemas"]["Headers"]["properties"]) == ATTRIBUTES


def test_who_hears_what_is_told(asyncapi: Json) -> None:
    heard = asyncapi["operations"]["screening hears trialops.randomization"]
    assert {one["$ref"].rpartition("/")[2] for one in heard["messages"]} == {
        "PatientRandomized.v1",
        "RandomizationRefused.v1",
    }
    for topic in TOPICS:
        assert f"audit hears {topic.name}" in asyncapi["operations"]


def test_a_record_is_as_its_message_says(asyncapi: Json) -> None:
    record = sent(
        1, data=ScreeningFailed(subject="IT001-0001", site="IT001", screening="s", attempt=1)
    )
    headers = {name: value.decode() for name, value in record.headers if value is not None}
    message = asyncapi["components"]["messages"]["ScreeningFailed.v1"]
    check(asyncapi, message["headers"], headers)
    check(asyncapi, message["payload"], json.loads(record.value or b""))
    check(asyncapi, message["bindings"]["kafka"]["key"], (record.key or b"").decode())
    for wrong in ({**headers, "ce_sequence": "0"}, {**headers, "ce_subject": "Ann"}):
        with pytest.raises(ValidationError):
            check(asyncapi, message["headers"], wrong)
    with pytest.raises(ValidationError):
        check(asyncapi, message["payload"], {"subject": "IT001-0001"})


def test_a_problem_is_as_the_routes_say(openapi: dict[str, Json]) -> None:
    for document in openapi.values():
        schema = document["components"]["schemas"]["Problem"]
        check(document, schema, not_found().body(line=3))
        check(document, schema, invalid([(("form", "labs", 0), "is no number")]).body())
        with pytest.raises(ValidationError):
            check(document, schema, {"title": "no"})


def check(document: Json, schema: Json, instance: object) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(instance)


def test_a_route_with_roles_asks_for_a_token_and_no_other_does(openapi: dict[str, Json]) -> None:
    for document in openapi.values():
        assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for path, methods in document["paths"].items():
            for operation in methods.values():
                asks = operation.get("security") == [{"bearer": []}]
                assert asks == ("x-roles" in operation), path
                if path.startswith("/v1"):
                    problem = operation["responses"]["default"]["content"]
                    assert list(problem) == ["application/problem+json"]


# ---- the page


class Page(HTMLParser):
    """What the page asks for, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.asked += [(tag, given[name]) for name in ("href", "src") if name in given]
        self.places |= {given["id"]} if "id" in given else set()


def test_the_page_needs_nothing_but_the_files_beside_it(generated: dict[Path, str]) -> None:
    text = generated[Path("index.html")]
    page = Page(text)
    for tag, address in page.asked:
        assert tag == "a", "no asset outside the page"
        where = urlsplit(address)
        assert not where.scheme
        assert not where.netloc
        assert (
            (where.fragment in page.places) if where.fragment else (Path(where.path) in generated)
        )
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_shows_every_event_and_every_route(
    generated: dict[Path, str], openapi: dict[str, Json]
) -> None:
    text = generated[Path("index.html")]
    for event in EVENTS:
        assert f"<code>{event.__name__}.v{event.VERSION}</code>" in text
    for document in openapi.values():
        for path in document["paths"]:
            assert f"<code>{path}</code>" in text
