"""A form page: its questions, what stands in them, and what is wrong where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.portal.labels import label, printed, spoken
from services.portal.questions import Asked, Dictionary
from services.portal.reading import blank
from services.portal.typed import Loc, Typed, place


class Fault(NamedTuple):
    """What is wrong with a question; ``href`` leads to the input where it is put right."""

    field: str
    href: str
    label: str
    message: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a template draws a form from."""

    dictionary: Dictionary
    typed: Typed = field(default_factory=Typed)
    faults: Sequence[Fault] = ()

    def name(self, *loc: str | int) -> str:
        """The name, and id, of an input."""
        return place(*loc)

    def text(self, *loc: str | int) -> str:
        """What stands in it."""
        return self.typed.one(*loc)

    def ticked(self, value: str, *loc: str | int) -> bool:
        """Whether this box, or this one of several, is ticked."""
        return value in self.typed.chosen(*loc)

    def boxed(self, value: str, *loc: str | int) -> bool:
        """Whether this box beside an input is ticked."""
        return value in self.typed.boxes(*loc)

    def printed(self, unit: str) -> str:
        """A unit as a laboratory prints it."""
        return printed(unit)

    def rows(self, asked: Asked) -> range:
        """The rows of a list with one more to fill."""
        filled = [
            row
            for row in self.typed.rows(asked.name)
            if not blank(asked, self.typed, (asked.name, row))
        ]
        return range(max(filled, default=-1) + 2)

    def wrong(self, name: str) -> list[Fault]:
        """What is wrong with one question."""
        return [one for one in self.faults if one.field == name]

    @property
    def elsewhere(self) -> list[Fault]:
        """What is wrong with something that is not asked here."""
        names = {one.name for one in self.dictionary.fields}
        return [one for one in self.faults if one.field not in names]


def faults(dictionary: Dictionary, errors: Iterable[tuple[Loc, str]]) -> list[Fault]:
    """Errors by their place, in the order of the questions."""
    order = {one.name: index for index, one in enumerate(dictionary.fields)}
    asked = {one.name: one for one in dictionary.fields}
    found = [_fault(asked, loc, message) for loc, message in errors]
    return sorted(found, key=lambda one: order.get(one.field, -1))


def _fault(asked: dict[str, Asked], loc: Loc, message: str) -> Fault:
    # A service says where in the body: a form's fields, or what stands beside the form.
    steps = loc[1:] if loc and loc[0] == "form" else loc
    if not steps:
        return Fault("", "#main", "The form", message)
    name = str(steps[0])
    one = asked.get(name)
    parts = [f"entry {step + 1}" if isinstance(step, int) else spoken(step) for step in steps[1:]]
    title = ", ".join([one.label if one else label(name), *parts])
    return Fault(name, "#" + (first_input(one) if one else name), title, message)


def first_input(asked: Asked) -> str:
    """The id of the first input of a question."""
    name = asked.name
    match asked.kind:
        case "bool" | "choice" | "ticks":
            return f"{place(name)}={asked.choices[0].value}"
        case "quantity":
            return place(name, "value")
        case "object":
            return place(name, asked.members[0].name)
        case "map":
            return f"{place(name, asked.keys[0].id)}={asked.choices[0].value}"
        case "items":
            return f"q-{name}"
        case _:
            return place(name)
