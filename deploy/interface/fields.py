"""A JSON Schema as the rows of a table: one member a row, inner ones by their path."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_DEEPEST = 4
_LIMITS = {
    "minimum": "\u2265",
    "exclusiveMinimum": ">",
    "maximum": "\u2264",
    "exclusiveMaximum": "<",
    "minLength": "length \u2265",
    "maxLength": "length \u2264",
    "minItems": "items \u2265",
    "maxItems": "items \u2264",
    "minProperties": "members \u2265",
    "maxProperties": "members \u2264",
    "pattern": "matches",
    "default": "default",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One member: `rules` are its limits in words, `required` is whether it always stands."""

    name: str
    type: str
    required: bool
    rules: str
    about: str


class Schemas:
    """Reads the schemas of one document, following its references."""

    def __init__(self, document: Json) -> None:
        self._named: Json = document.get("components", {}).get("schemas", {})

    def fields(self, schema: Json, prefix: str = "") -> Iterator[Field]:
        """The members of an object, or of the objects of an array; none of anything else."""
        inner, prefix = self._inner(schema, prefix)
        required = inner.get("required", ())
        for name, member in inner.get("properties", {}).items():
            yield self.field(prefix + name, member, name in required)
            if prefix.count(".") < _DEEPEST:
                yield from self.fields(member, f"{prefix}{name}.")

    def field(self, name: str, schema: Json, required: bool) -> Field:
        """One member, without those inside it."""
        options = [option for option in self._options(schema) if option.get("type") != "null"]
        rules = [
            f"{word} {option[rule]}"
            for option in options
            for rule, word in _LIMITS.items()
            if option.get(rule) is not None
        ]
        about = schema.get("description") or next(
            (o["description"] for o in options if "description" in o), ""
        )
        return Field(name, self.type(schema), required, ", ".join(rules), about)

    def type(self, schema: Json) -> str:
        """What may stand there, in words."""
        return " | ".join(dict.fromkeys(self._word(option) for option in self._options(schema)))

    def resolved(self, schema: Json) -> Json:
        """The schema that a reference means, itself where it is none."""
        while "$ref" in schema:
            schema = self._named[schema["$ref"].rpartition("/")[2]]
        return schema

    def _options(self, schema: Json) -> list[Json]:
        schema = self.resolved(schema)
        if "anyOf" not in schema:
            return [schema]
        given = {"default": schema.get("default")}  # stands beside the options
        return [given | found for one in schema["anyOf"] for found in self._options(one)]

    def _word(self, schema: Json) -> str:
        if "const" in schema:
            return f"\u201c{schema['const']}\u201d"
        if "enum" in schema:
            return " | ".join(f"\u201c{value}\u201d" for value in schema["enum"])
        kind = schema.get("type", "any")
        if isinstance(kind, list):
            return " | ".join(kind)
        if kind == "array":
            return f"array of {self.type(schema.get('items', {}))}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self.type(schema['additionalProperties'])}"
        return str(schema.get("format", kind))

    def _inner(self, schema: Json, prefix: str) -> tuple[Json, str]:
        """The object inside, through nullable and arrays."""
        for option in self._options(schema):
            if option.get("type") == "array" and "items" in option:
                return self._inner(
                    option["items"], f"{prefix.removesuffix('.')}[]." if prefix else ""
                )
            if "properties" in option:
                return option, prefix
        return {}, prefix
