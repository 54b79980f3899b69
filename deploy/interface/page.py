"""One page over both kinds of documents, whole in itself: it opens from the disk."""

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from deploy.interface.fields import Field, Schemas

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One event type."""

    name: str
    about: str
    fields: list[Field]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: who writes it, who hears which of its events, what is on it."""

    name: str
    about: str
    partitions: int
    max_bytes: int
    heard: dict[str, list[str]]
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Part:
    """The members of one part of a route: its query, a body, an answer."""

    title: str
    type: str
    fields: list[Field]


@dataclass(frozen=True, slots=True)
class Operation:
    """One route; no `roles`: open to all."""

    method: str
    path: str
    about: str
    roles: list[str]
    parts: list[Part]


def render(events: Json, routes: dict[str, Json]) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=PackageLoader("deploy.interface", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        headers=list(Schemas(events).fields(events["components"]["schemas"]["Headers"])),
        intro=events["info"]["description"],
        topics=_topics(events),
        services={name: _operations(document) for name, document in routes.items()},
    )


def _topics(document: Json) -> list[Topic]:
    schemas = Schemas(document)
    messages = document["components"]["messages"]
    heard: dict[str, dict[str, list[str]]] = {}
    for operation in document["operations"].values():
        if operation["action"] == "receive":
            topic = operation["channel"]["$ref"].rpartition("/")[2]
            names = [one["$ref"].rpartition("/")[2] for one in operation["messages"]]
            heard.setdefault(topic, {})[operation["tags"][0]["name"]] = names
    return [
        Topic(
            name=name,
            about=channel["description"],
            partitions=channel["bindings"]["kafka"]["partitions"],
            max_bytes=channel["bindings"]["kafka"]["topicConfiguration"]["max.message.bytes"],
            heard={
                service: [] if len(names) == len(channel["messages"]) else names
                for service, names in heard.get(name, {}).items()
            },
            events=[_event(schemas, key, messages[key]) for key in channel["messages"]],
        )
        for name, channel in document["channels"].items()
    ]


def _event(schemas: Schemas, key: str, message: Json) -> Event:
    if "$ref" in message["payload"]:
        payload = schemas.resolved(message["payload"])
        return Event(key, payload["description"], list(schemas.fields(payload)))
    # A dead letter's value is anything; what there is to know stands in its headers.
    about = f"{message['summary']} {message['description']}"
    return Event(key, about, list(schemas.fields(message["headers"])))


def _operations(document: Json) -> list[Operation]:
    schemas = Schemas(document)
    return [
        Operation(
            method=method.upper(),
            path=path,
            about=operation["summary"],
            roles=operation.get("x-roles", []),
            parts=list(_parts(schemas, operation)),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _parts(schemas: Schemas, operation: Json) -> list[Part]:
    parts = []
    for place in ("query", "header"):
        given = [one for one in operation.get("parameters", ()) if one["in"] == place]
        fields = [
            schemas.field(
                one["name"],
                one["schema"]
                | ({"description": one["description"]} if "description" in one else {}),
                one["required"],
            )
            for one in given
        ]
        if fields:
            parts.append(Part(place, "", fields))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(_part(schemas, "body", media, content))
    for status, answer in operation["responses"].items():
        for media, content in answer.get("content", {}).items():
            if status != "default":
                parts.append(_part(schemas, f"answer {status}", media, content))
    return parts


def _part(schemas: Schemas, title: str, media: str, content: Json) -> Part:
    return Part(title, media, list(schemas.fields(content.get("schema", {}))))
