"""What pydantic finds wrong, as it would be said of a protocol file to whoever wrote it."""

from collections.abc import Mapping
from typing import Any, Final

_PLAIN: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is unknown here",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a map",
    "mapping_type": "must be a map",
    "model_type": "must be a map",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def told(kind: str, msg: str, about: Mapping[str, Any]) -> str:
    """The words for an error of this kind, pydantic's own ``msg`` and what it is ``about``."""
    if kind == "string_pattern_mismatch":
        pattern = about["pattern"]
        return "must not be empty" if pattern == r"\S" else f"must be written as {pattern}"
    if kind == "union_tag_invalid":
        return f"{about['tag']} is no {_named(about)}; there are {about['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"needs its {_named(about)}"
    if kind == "is_instance_of" and about["class"] == "Decimal":
        return "must be a decimal number"
    if kind in ("too_short", "string_too_short") and about.get("min_length") != 1:
        return msg
    if kind in _PLAIN:
        return _PLAIN[kind]
    return msg.removeprefix("Value error, ").replace("Input should be", "must be")


def _named(about: Mapping[str, Any]) -> str:
    """The member that tells one kind from another, such as ``type`` or ``design``."""
    return str(about["discriminator"]).strip("'")
