"""AsyncAPI 3.0 of the platform: every topic, every event on it, who says it and who hears it."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.contracts.envelope import ATTRIBUTES, CONTENT_TYPE, PLATFORM_KEY, SPEC_VERSION
from shared.contracts.events import EVENTS
from shared.contracts.events.base import Event
from shared.contracts.subjects import SITE_PATTERN, SUBJECT_PATTERN, TRIAL_PATTERN
from shared.contracts.topics import TOPICS, Topic, dead_topic
from shared.runtime.service import Service
from shared.runtime.subscription import Subscription

Json = dict[str, Any]

_BINDING = {"bindingVersion": "0.5.0"}
_DEAD = "DeadLettered.v1"

HEADERS: dict[str, Json] = {
    "ce_specversion": {"const": SPEC_VERSION, "description": "CloudEvents 1.0, binary mode."},
    "ce_id": {"format": "uuid", "description": "UUIDv7, one for ever."},
    "ce_source": {"pattern": "^/trialops/[a-z]+$", "description": "The service that says it."},
    "ce_type": {"pattern": r"^trialops\.[A-Za-z0-9]+\.v[0-9]+$"},
    "ce_time": {"format": "date-time", "description": "The platform's clock; UTC."},
    "ce_subject": {"pattern": f"^{SUBJECT_PATTERN}$", "description": "A pseudonym."},
    "ce_trial": {
        "pattern": f"^{TRIAL_PATTERN}$",
        "description": "Left out for facts of no trial.",
    },
    "ce_site": {"pattern": f"^{SITE_PATTERN}$"},
    "ce_actor": {"description": "The person's `sub`, else the service."},
    "ce_sequence": {
        "pattern": "^[1-9][0-9]{0,17}$",
        "description": "Per topic and key: from 1, no gap.",
    },
    "ce_causationid": {
        "format": "uuid",
        "description": "`ce_id` of the event that made the service act; none where a person did.",
    },
    "ce_traceparent": {"description": "W3C Trace Context."},
    "content-type": {"const": CONTENT_TYPE},
}
_OPTIONAL = {"ce_subject", "ce_trial", "ce_site", "ce_causationid", "ce_traceparent"}

_DEAD_HEADERS: dict[str, Json] = {
    "dead_reason": {"description": "Why the record could not be applied."},
    "dead_topic": {"description": "Where it stood."},
    "dead_partition": {"pattern": "^[0-9]+$"},
    "dead_offset": {"pattern": "^[0-9]+$"},
}


def document(services: Sequence[Service]) -> Json:
    """The whole document. What a service hears is known of those that are built."""
    inputs: list[tuple[type[Event], JsonSchemaMode]] = [
        (event, "serialization") for event in EVENTS
    ]
    by_model, defined = models_json_schema(inputs, ref_template="#/components/schemas/{model}")
    payloads = {event: by_model[event, "serialization"] for event in EVENTS}
    messages = {_name(event): _message(event, payloads[event]) for event in EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "trialops events",
            "version": "1",
            "description": (
                "CloudEvents 1.0 in Kafka's binary mode, JSON data. The record key is"
                f" `TRIAL:SUBJECT`, `TRIAL` for facts of a whole trial, `{PLATFORM_KEY}` for facts"
                " of no trial; order holds within a key. Consumers ignore members they do not know."
                " Records are kept for ever."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations(services)),
        "components": {
            "messages": messages | {_DEAD: _dead_letter()},
            "schemas": {"Headers": _headers(HEADERS), **defined["$defs"]},
        },
    }


def _name(event: type[Event]) -> str:
    return f"{event.__name__}.v{event.VERSION}"


def _message(event: type[Event], payload: Any) -> Json:
    return {
        "name": event.ce_type(),
        "title": event.__name__,
        "summary": (event.__doc__ or "").partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": payload,
        "bindings": {"kafka": {"key": _key(), **_BINDING}},
    }


def _dead_letter() -> Json:
    originals = {
        f"dead_{name}": {"description": f"`{name}` as it came, if it did."} for name in ATTRIBUTES
    }
    return {
        "name": "trialops.DeadLettered.v1",
        "title": "DeadLettered",
        "summary": "A record that this consumer could not apply.",
        "description": "The value is the record's own, byte by byte, whatever it is.",
        "contentType": "application/octet-stream",
        "headers": _headers(HEADERS | _DEAD_HEADERS | originals, optional=set(originals)),
        "payload": {"description": "the bytes as they came"},
        "bindings": {"kafka": {"key": _key(), **_BINDING}},
    }


def _key() -> Json:
    return {
        "type": "string",
        "pattern": f"^({PLATFORM_KEY}|{TRIAL_PATTERN}(:{SUBJECT_PATTERN})?)$",
    }


def _headers(names: dict[str, Json], optional: Iterable[str] = ()) -> Json:
    return {
        "type": "object",
        "description": "UTF-8 text; each once, left out where there is nothing to say.",
        "required": [name for name in names if name not in _OPTIONAL.union(optional)],
        "properties": {name: {"type": "string", **rule} for name, rule in names.items()},
    }


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "description": _about(topic),
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(topic)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": -1,
                    "retention.bytes": -1,
                    "max.message.bytes": topic.max_bytes,
                },
                **_BINDING,
            }
        },
    }


def _about(topic: Topic) -> str:
    if topic.name == dead_topic(topic.writer):
        return f"What {topic.writer} could not apply."
    if topic.name.endswith(".record"):
        return f"Facts of {topic.writer} for the audit log alone."
    return f"What {topic.writer} says to everyone."


def _message_names(topic: Topic) -> list[str]:
    dead = [_DEAD] if topic.name == dead_topic(topic.writer) else []
    return dead + [_name(e) for e in EVENTS if e.TOPIC.format(service=topic.writer) == topic.name]


def _operations(services: Sequence[Service]) -> Iterable[tuple[str, Json]]:
    for topic in TOPICS:
        names = _message_names(topic)
        yield f"{topic.writer} says {topic.name}", _operation("send", topic.writer, topic, names)
    by_name = {topic.name: topic for topic in TOPICS}
    for service in services:
        for heard in service.subscriptions:
            topic = by_name[heard.topic]
            if isinstance(heard, Subscription):
                names = [_name(event) for event in heard.handlers]
            else:
                names = _message_names(topic)
            operation = _operation("receive", service.name, topic, names)
            yield f"{service.name} hears {topic.name}", operation


def _operation(action: str, service: str, topic: Topic, names: Iterable[str]) -> Json:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names],
    }
