"""A value of a form in words, with the digits and the unit in which it was given."""

from collections.abc import Mapping
from decimal import Decimal

from services.portal import labels
from services.portal.questions import NOT_KNOWN, Asked

#: Kinds whose text is a person's own, or a day: shown as it stands.
_AS_WRITTEN = frozenset({"date", "lines", "line", "part", "moment"})


def shown(asked: Asked | None, value: object) -> str:
    """The value of a question; of a field that is not known here as well as can be."""
    match value:
        case None:
            return NOT_KNOWN.lower()
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case str():
            as_written = asked is not None and asked.kind in _AS_WRITTEN
            return value if as_written and not _is_word(asked, value) else labels.spoken(value)
        case Mapping():
            return _object(asked, value)
        case list() | tuple():
            return "; ".join(shown(asked, one) for one in value) or "none"
        case _:
            return str(value)


def _is_word(asked: Asked | None, value: str) -> bool:
    return asked is not None and asked.word is not None and value == asked.word.value


def _object(asked: Asked | None, value: Mapping[str, object]) -> str:
    if "unit" in value:
        return _quantity(value)
    members = {one.name: one for one in asked.members} if asked else {}
    listed = asked is not None and asked.kind == "map"
    parts = []
    for name, member in value.items():
        one = members.get(name)
        if member is None and one is not None and one.null_is_word and one.word is not None:
            said = one.word.words  # in an entry null has a meaning of its own
        elif listed and isinstance(member, str):
            said = labels.spoken(member)
        else:
            said = shown(one, member)
        unit = labels.printed(one.unit) if one and one.kind == "number" else ""
        bare = one is not None and one.kind == "choice"
        label = name if listed else labels.spoken(name)
        parts.append(said if bare else " ".join(part for part in (label, said, unit) if part))
    return ", ".join(parts) or "nothing said"


def _quantity(value: Mapping[str, object]) -> str:
    unit = labels.printed(str(value["unit"]))
    text = " ".join(part for part in (shown(None, value.get("value")), unit) if part)
    limits = [
        f"{name} {shown(None, value[part])}"
        for part, name in (("lln", "LLN"), ("uln", "ULN"))
        if value.get(part) is not None
    ]
    return f"{text} ({', '.join(limits)})" if limits else text
