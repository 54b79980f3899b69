"""Every event: on one declared topic of the service that writes it, with a name of its own."""

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.contracts import events, schemas, topics
from shared.contracts.envelope import parse_type
from shared.contracts.events import EVENTS
from shared.contracts.events.base import Event
from shared.contracts.events.safety import SafetyBoundaryCrossed
from shared.contracts.events.screening import ScreeningFailed
from shared.contracts.topics import SERVICES, TOPICS

BY_NAME = {topic.name: topic for topic in TOPICS}
SERVICES_FOLDER = Path(__file__).parents[3] / "services"

EVERY_SERVICES_OWN = {event for event in EVENTS if "{service}" in event.TOPIC}
"""Facts that each service writes to its own `.record` topic."""

NOBODYS = {SafetyBoundaryCrossed}
"""What is understood and not said: boundaries are computed, not watched."""


def test_names_are_unique() -> None:
    types = [event.ce_type() for event in EVENTS]
    assert len(set(types)) == len(types)
    assert len({event.__name__ for event in EVENTS}) == len(EVENTS)


def test_every_event_in_the_package_is_in_the_list() -> None:
    modules = [module for _, module in inspect.getmembers(events, inspect.ismodule)]
    written = {
        member
        for module in modules
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Event) and member is not Event and not name.startswith("_")
    }
    assert written == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_its_type_is_read_back_and_its_topics_are_declared(event: type[Event]) -> None:
    assert parse_type(event.ce_type()) == (event.__name__, event.VERSION)
    assert event.__doc__
    for service in SERVICES:
        assert event.TOPIC.format(service=service) in BY_NAME


def calls() -> Iterator[tuple[str, str]]:
    """What each service calls by a plain name, as (service, name)."""
    for file in SERVICES_FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield file.relative_to(SERVICES_FOLDER).parts[0], node.func.id


MADE = set(calls())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_only_the_service_that_its_topic_belongs_to_makes_it(event: type[Event]) -> None:
    writers = {service for service, name in MADE if name == event.__name__}
    if event in NOBODYS:
        assert writers == set()
    elif event in EVERY_SERVICES_OWN:
        assert writers == set()  # the runtime makes it
    else:
        assert writers == {BY_NAME[event.TOPIC].writer}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_its_schema_is_the_one_written_down(event: type[Event]) -> None:
    file = schemas.folder() / schemas.file_name(event)
    written = file.read_text(encoding="utf-8")
    assert written == schemas.schema(event), "run `make schemas`, and raise VERSION if it broke"
    assert json.loads(written)["$id"] == event.ce_type()


def test_no_schema_is_left_of_an_event_that_is_no_more() -> None:
    files = {file.name for file in schemas.folder().iterdir()}
    assert files == {schemas.file_name(event) for event in EVENTS}


def test_topics_keep_to_the_contract() -> None:
    assert len(BY_NAME) == len(TOPICS)
    for topic in TOPICS:
        single = topic.name.endswith((".record", ".dead"))
        assert topic.partitions == (1 if single else 12)
        assert topic.max_bytes == (2 if topic.name.endswith(".dead") else 1 / 16) * 1024 * 1024
        assert topic.writer in SERVICES
    for service in SERVICES:
        assert BY_NAME[topics.record_topic(service)].writer == service
        assert BY_NAME[topics.dead_topic(service)].writer == service


def test_data_is_strict_where_it_is_known_and_open_where_it_is_not() -> None:
    fact = ScreeningFailed(subject="IT001-0001", site="IT001", screening="s", attempt=1)
    assert ScreeningFailed.decode(fact.encode()) == fact
    later = fact.encode().replace(b"{", b'{"new_field":[1],', 1)
    assert ScreeningFailed.decode(later) == fact
    for wrong in (b'"1"', b"1.0", b"true", b"0", b"null"):
        with pytest.raises(ValidationError):
            ScreeningFailed.decode(fact.encode().replace(b'"attempt":1', b'"attempt":' + wrong))
    with pytest.raises(ValidationError):
        setattr(fact, "attempt", 2)  # noqa: B010 - mypy knows better than to write it plainly
