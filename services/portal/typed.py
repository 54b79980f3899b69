"""What stands in the inputs of a form: text by name, as the browser sends it and shows it again.

An input is named by the place of its value, `form/creatinine/unit`; the boxes that answer instead
of a value ("not known", "none") are `PLACE/is`.
"""

from collections.abc import Iterable, Iterator, Mapping

Loc = tuple[str | int, ...]


def place(*loc: str | int) -> str:
    """The name of the input for a value at `loc` of the form."""
    return "/".join(("form", *map(str, loc)))


class Typed:
    """Text by the name of its input; several for boxes of one name."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._by: dict[str, list[str]] = {}
        for name, value in pairs:
            self._by.setdefault(name, []).append(value)

    def one(self, *loc: str | int) -> str:
        """What stands in the input of this place, without space around it."""
        return self._first(place(*loc)).strip()

    def boxes(self, *loc: str | int) -> tuple[str, ...]:
        """The boxes ticked beside the input of this place."""
        return tuple(self._by.get(place(*loc, "is"), ()))

    def chosen(self, *loc: str | int) -> tuple[str, ...]:
        """All boxes ticked of this place, where the boxes are the answer."""
        return tuple(self._by.get(place(*loc), ()))

    def rows(self, *loc: str | int) -> range:
        """The rows of a list that have an input, from 0 to the last one."""
        stem = place(*loc) + "/"
        numbers = [
            int(number)
            for name in self._by
            if name.startswith(stem) and (number := name[len(stem) :].partition("/")[0]).isdecimal()
        ]
        return range(min(max(numbers, default=-1) + 1, 100))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """All of it, as it would be sent again."""
        return ((name, value) for name, values in self._by.items() for value in values)

    def moved(self, stems: Mapping[str, str]) -> "Typed":
        """The same with the beginnings of names replaced; those that become nothing are gone."""

        def name_of(name: str) -> str:
            for stem, to in stems.items():
                if name.startswith(stem):
                    return to + name[len(stem) :] if to else ""
            return name

        return Typed((moved, value) for name, value in self.pairs() if (moved := name_of(name)))

    def _first(self, name: str) -> str:
        return next(iter(self._by.get(name, ())), "")


def flat(value: object, *loc: str | int) -> Iterator[tuple[str, str]]:
    """A JSON value as input texts: members and rows by their place, numbers as written."""
    match value:
        case None:
            return
        case bool():
            yield place(*loc), "true" if value else "false"
        case Mapping():
            for name, member in value.items():
                yield from flat(member, *loc, str(name))
        case _:
            yield place(*loc), format(value, "f") if hasattr(value, "as_tuple") else str(value)
