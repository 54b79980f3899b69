"""What a correction or a follow-up changes: the form as it stood beside what was typed over it."""

from collections.abc import Mapping
from typing import NamedTuple

from services.portal.questions import Asked, Dictionary
from services.portal.reading import Read
from services.portal.typed import Loc


class Change(NamedTuple):
    """One field with its old and new value; None is not known."""

    asked: Asked
    old: object
    new: object


class Changes(NamedTuple):
    """What was changed, and where it cannot be told."""

    items: tuple[Change, ...]
    errors: list[tuple[Loc, str]]

    @property
    def fields(self) -> dict[str, object]:
        """New values by field, as they are sent."""
        return {one.asked.name: one.new for one in self.items}


def changes(dictionary: Dictionary, old: Mapping[str, object], read: Read) -> Changes:
    """Fields that were said otherwise. A value may not just be emptied: whoever takes it back
    says that it is not known.
    """
    items: list[Change] = []
    errors = list(read.errors)
    for asked in dictionary.fields:
        before, after = old.get(asked.name), read.form.get(asked.name)
        if asked.name in read.form:
            if after != before:
                items.append(Change(asked, before, after))
        elif asked.name in read.unsaid and before is not None:
            if asked.unknown is None:
                items.append(Change(asked, before, None))
            else:
                errors.append(((asked.name,), "had a value: give one, or tick what takes it back"))
    return Changes(tuple(items), errors)
