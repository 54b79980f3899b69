"""What is wrong with a value, in the words of who wrote the file rather than of the validation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shared.contracts import wording

NOTHING: Mapping[str, Any] = MappingProxyType({})


def told(
    type: str, loc: tuple[str | int, ...], msg: str, ctx: Mapping[str, Any] = NOTHING, **_: object
) -> str:
    """The rule that is broken, of a validation error's members; of a member that is missing its
    name, as it has no place.
    """
    match type:
        case "missing":
            return f"{loc[-1]} is missing"
        case "union_tag_not_found":
            return "design is missing"
        case "union_tag_invalid":
            return f"{ctx['tag']} is none of {ctx['expected_tags']}"
        case "is_instance_of":
            return "must be a decimal number"
        case "mapping_type":
            return "must be a map"
    return wording.told(type, msg, ctx)
