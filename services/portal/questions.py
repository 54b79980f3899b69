"""The questions of a form: what a browser asks, whoever declared it."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

UNKNOWN: Final = "?"  # no word of a protocol can be this
NONE: Final = "[]"  # a list that says there is nothing

NOT_KNOWN: Final = "Not known"
APPLIES: Final = "applies"
DOES_NOT_APPLY: Final = "does not apply"

#: `lines` is a list of names, one a line; `line`, `part` (a partial date), `moment` (a local date
#: and time) and `ticks` (any number of words) are asked by forms that no protocol declares.
Kind = Literal[
    "bool",
    "choice",
    "int",
    "number",
    "quantity",
    "date",
    "object",
    "lines",
    "items",
    "map",
    "line",
    "part",
    "moment",
    "ticks",
]


class Choice(NamedTuple):
    """What may be chosen, and how it is said."""

    value: str
    words: str


class Criterion(NamedTuple):
    """A criterion as the protocol words it."""

    id: str
    category: str
    text: str

    def said(self, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
        """The choices of a map as they are said of this criterion: the first says that it is
        true, and an exclusion that is true applies.
        """
        if self.category != "exclusion":
            return choices
        words = (APPLIES, DOES_NOT_APPLY)
        return tuple(Choice(one.value, said) for one, said in zip(choices, words, strict=True))


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the form; a member of an object or an item is one of its own.

    ``unknown`` says what is ticked where the answer is not known; None: it has to be known, or an
    empty input says so.
    """

    name: str
    kind: Kind
    label: str
    note: str | None = None
    unit: str = ""
    units: tuple[Choice, ...] = ()
    uln: bool = False
    lln: bool = False
    span: str | None = None  # of a scale: `0 to 5`
    choices: tuple[Choice, ...] = ()
    word: Choice | None = None  # what a day or a number may say instead
    null_is_word: bool = False  # of a member of an entry, which then says it by null
    members: tuple["Asked", ...] = ()
    keys: tuple[Criterion, ...] = ()  # of a map
    criteria: tuple[Criterion, ...] = ()
    unknown: str | None = NOT_KNOWN


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that stand under one heading."""

    id: str
    title: str
    fields: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The form of one trial."""

    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[Asked, ...]:
        """All questions in the protocol's order."""
        return tuple(one for group in self.groups for one in group.fields)

    def field(self, name: str) -> Asked | None:
        """The question of this name."""
        return next((one for one in self.fields if one.name == name), None)
