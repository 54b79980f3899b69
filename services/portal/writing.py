"""What would have to be typed for a form: the way back from JSON into the inputs of a browser."""

from collections.abc import Iterator, Mapping

from services.portal.questions import NONE, UNKNOWN, Asked, Dictionary
from services.portal.typed import Loc, Typed, flat, place


def written(dictionary: Dictionary, form: Mapping[str, object]) -> Typed:
    """What would have to be typed for this form; unknown fields of it are passed over."""
    return Typed(
        pair
        for asked in dictionary.fields
        if asked.name in form
        for pair in _written(asked, form[asked.name], (asked.name,))
    )


def _written(asked: Asked, value: object, loc: Loc) -> Iterator[tuple[str, str]]:
    if asked.kind in ("bool", "choice") and value is None:
        yield place(*loc), UNKNOWN
    elif value is None:
        yield place(*loc, "is"), UNKNOWN
    elif asked.word is not None and value == asked.word.value:
        yield place(*loc, "is"), asked.word.value
    elif asked.kind == "ticks" and isinstance(value, list):
        yield from ((place(*loc), str(word)) for word in value or [NONE])
    elif value == []:
        yield place(*loc, "is"), NONE
    elif asked.kind == "lines" and isinstance(value, list):
        yield place(*loc), "\n".join(map(str, value))
    elif asked.kind == "items" and isinstance(value, list):
        for row, item in enumerate(value):
            for part in asked.members:
                yield from _part(part, item, (*loc, row, part.name))
    else:
        yield from flat(value, *loc)


def _part(part: Asked, item: object, loc: Loc) -> Iterator[tuple[str, str]]:
    if not isinstance(item, Mapping) or part.name not in item:
        return
    value = item[part.name]
    if value is None and part.null_is_word and part.word is not None:
        yield place(*loc, "is"), part.word.value
    else:
        yield from _written(part, value, loc)
