"""The data dictionary of a form, as the ``fields`` of a protocol's eligibility section declare it.

Each kind of field is one small model; ``form`` makes a strict reader of them and the rules check
themselves against them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.screening import units
from services.screening.scales import SCALES
from services.screening.units import Same, Scale

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,79}$")]


class Strict(BaseModel):
    """Part of the eligibility section: strict types, no unknown keys, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)


class Asked(Strict):
    """What every field may carry for those who fill the form in.

    ``section`` begins a group of questions that goes on to the next one; ``label`` where the name
    alone is no words.
    """

    note: str | None = None
    label: str | None = None
    section: str | None = None


class BoolField(Asked):
    """True or false."""

    type: Literal["bool"]


class MayBeWord(Asked):
    """What may hold a word instead (``none``, ``not_done``): a day that is none is in no window, a
    number that is none leaves every comparison unknown.
    """

    instead: Annotated[Word | None, Field(alias="or")] = None

    @property
    def word(self) -> str | None:
        """What the field can say instead."""
        return self.instead


class IntField(MayBeWord):
    """A whole number from ``min`` to ``max``, both included; without ``max`` up to 1e15."""

    type: Literal["int"]
    min: Annotated[int, Field(ge=0)] = 0
    max: int | None = None


class NumberField(MayBeWord):
    """A number in a fixed unit, >= 0."""

    type: Literal["number"]
    unit: str = "1"
    above_zero: bool = False

    @model_validator(mode="after")
    def _known(self) -> "NumberField":
        _known_unit(self.unit)
        return self


class DateField(MayBeWord):
    """A day."""

    type: Literal["date"]


class ItemDateField(Asked):
    """A day in an item; ``null_means`` is what null says there (``still_active``)."""

    type: Literal["date"]
    null_means: Word | None = None

    @property
    def word(self) -> str | None:
        """What the member can say other than a day."""
        return self.null_means


class ChoiceField(Asked):
    """One word of a list."""

    type: Literal["choice"]
    of: Annotated[list[Word], Field(min_length=1)]


class TextField(Asked):
    """A text in lower case, not empty: the name of an agent or a drug."""

    type: Literal["text"]


class QuantityField(MayBeWord):
    """A value with its UCUM unit, and with ``uln`` and ``lln`` the laboratory's upper and lower
    limit of normal.

    ``unit`` is the canonical one; ``same`` are two measures that tell the molar mass, ``scale``
    names a published equation between two units.
    """

    type: Literal["quantity"]
    unit: str
    uln: bool = False
    lln: bool = False
    above_zero: bool = False
    scale: str | None = None
    same: Annotated[list[str] | None, Field(min_length=2, max_length=2)] = None

    @model_validator(mode="after")
    def _known(self) -> "QuantityField":
        _known_unit(self.unit)
        if self.same is not None:
            try:
                by = units.same(self.same)
            except units.UnknownUnit:
                raise ValueError("same: a measure is not in a UCUM unit") from None
            mine = units.unit(self.unit)
            if not any(mine.measures_as(units.unit(one)) for one in (by.one_unit, by.other_unit)):
                raise ValueError(f"neither measure of same is of the kind of {self.unit}")
        if self.scale is not None:
            self._scaled(self.scale)
        if self.in_multiples and units.unit(self.unit).offset:
            raise ValueError(f"a limit of normal is multiplied, and {self.unit} has no true zero")
        return self

    def _scaled(self, name: str) -> None:
        if name not in SCALES:
            raise ValueError(f"{name} is no scale; there are " + ", ".join(SCALES))
        if self.same is not None or self.in_multiples:
            raise ValueError("scale goes with none of same, uln and lln")
        both = SCALES[name].one, SCALES[name].other
        if self.unit not in both:
            raise ValueError(f"{name} is in {both[0]} or {both[1]}")

    @property
    def in_multiples(self) -> bool:
        """Whether a limit of normal comes with the value, so that units need one zero."""
        return self.uln or self.lln

    def by(self) -> Same | Scale | None:
        """What converts beside UCUM: two measures, or an equation."""
        if self.scale is not None:
            return SCALES[self.scale]
        return None if self.same is None else units.same(self.same)


class ObjectField(Asked):
    """Members that must all be given, each as a number."""

    type: Literal["object"]
    members: Annotated[
        dict[Name, Annotated[IntField | NumberField, Field(discriminator="type")]],
        Field(min_length=1),
    ]

    @model_validator(mode="after")
    def _numbers(self) -> "ObjectField":
        for name, member in self.members.items():
            if member.word is not None:
                raise ValueError(f"{name} is a number beside others, and no word can stand for it")
        return self


class Refusal(Strict):
    """A rule over the members of an item that no item may meet."""

    when: Any
    at: Name
    say: str


class ItemField(Asked):
    """One entry of a list; a member left out or null is unknown, but see ``null_means``."""

    type: Literal["item"]
    members: Annotated[
        dict[
            Name,
            Annotated[
                BoolField | IntField | ItemDateField | ChoiceField | QuantityField,
                Field(discriminator="type"),
            ],
        ],
        Field(min_length=1),
    ]
    refuse: list[Refusal] = Field(default_factory=list)


class ListField(Asked):
    """Any number of entries; ``[]`` says there is none."""

    type: Literal["list"]
    of: Annotated[TextField | ItemField, Field(discriminator="type")]


class MapField(Asked):
    """For each criterion without a rule of its own, what the investigator attested."""

    type: Literal["map"]
    of: Annotated[list[Word], Field(min_length=2, max_length=2)]


ScalarField = (
    BoolField
    | IntField
    | NumberField
    | DateField
    | ItemDateField
    | ChoiceField
    | TextField
    | QuantityField
)

AnyField = Annotated[
    BoolField
    | IntField
    | NumberField
    | DateField
    | ChoiceField
    | QuantityField
    | ObjectField
    | ListField
    | MapField,
    Field(discriminator="type"),
]


def _known_unit(code: str) -> None:
    try:
        units.unit(code)
    except units.UnknownUnit:
        raise ValueError(f"{code} is not a unit in UCUM") from None
