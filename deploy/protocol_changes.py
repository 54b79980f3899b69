"""What one version of a protocol says otherwise than another, place by place, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from services.screening.section import Section
    from services.screening.statements import Statement
    from shared.contracts.study import Model, Protocol

_KEYS: Final = ("id", "version")
"""What names a member of a list, so that one that moved is not one that changed."""


@dataclass(frozen=True)
class Change:
    """One place; without lines ``before`` it is new, without lines ``after`` it is gone."""

    where: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """For a person."""
        if len(self.before) == len(self.after) == 1 and len(self.before[0] + self.after[0]) < 60:
            yield f"{self.where}: {self.before[0]} -> {self.after[0]}"
            return
        what = "changed" if self.before and self.after else "new" if self.after else "gone"
        if len(self.before + self.after) == 1:
            yield f"{self.where}: {what}: {(self.before + self.after)[0]}"
            return
        yield f"{self.where}: {what}"
        yield from (f"    - {line}" for line in self.before)
        yield from (f"    + {line}" for line in self.after)

    def answer(self) -> dict[str, object]:
        """For a machine."""
        return {"where": self.where, "before": list(self.before), "after": list(self.after)}


def changes(before: "Protocol", after: "Protocol") -> Iterator[Change]:
    """Every place that differs, in the order of the file; raises ``ProtocolError``."""
    from services.screening.section import Section

    both = before, after
    yield from _compared("study", *(_plain(of.study.model_dump(mode="json")) for of in both))
    yield from _compared("amendment", *(_amendment(of) for of in both))
    for name in ("sites", "arms"):
        yield from _compared(name, *(_listed(getattr(of, name)) for of in both))
    sections = Section.of(before), Section.of(after)
    yield from _strata((before, sections[0]), (after, sections[1]))
    yield from _criteria(*sections)
    raw = [dict(_mapping(of.sections.get("eligibility"))) for of in (before, after)]
    for one in raw:
        one.pop("criteria", None)
    yield from _compared("eligibility", *raw)
    for name in ("randomization", "safety", "notification"):
        yield from _compared(name, before.sections.get(name), after.sections.get(name))


def _amendment(protocol: "Protocol") -> object:
    return None if protocol.amendment is None else protocol.amendment.model_dump(mode="json")


def _strata(
    before: "tuple[Protocol, Section]", after: "tuple[Protocol, Section]"
) -> Iterator[Change]:
    told = []
    for protocol, section in (before, after):
        rules = {name: _says(when, section) for name, when in section.strata or ()}
        told.append(
            {
                one.id: (
                    one.title,
                    "ratio " + " : ".join(f"{arm} {n}" for arm, n in one.ratio.items()),
                    *rules.get(one.id, ()),
                )
                for one in protocol.strata
            }
        )
    yield from _named("stratum", *told)


def _criteria(before: "Section", after: "Section") -> Iterator[Change]:
    told = [
        {
            words.id: (
                f"{words.category}: {' '.join(words.text.split())}",
                *_says(statement, section),
            )
            for words, statement in section.criteria
        }
        for section in (before, after)
    ]
    yield from _named("criterion", *told)


def _says(statement: "Statement", section: "Section") -> tuple[str, ...]:
    from services.screening.saying import said

    return tuple("  " * depth + text for depth, text in said(statement, section.fields).lines())


def _named(
    kind: str, before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]
) -> Iterator[Change]:
    """Things with a name and several lines: of one that changed, the lines that differ."""
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name, ()), after.get(name, ())
        if old and new:
            kept = set(old) & set(new)
            old = tuple(line for line in old if line not in kept)
            new = tuple(line for line in new if line not in kept)
        if old != new:
            yield Change(f"{kind} {name}", old, new)


def _compared(where: str, before: object, after: object) -> Iterator[Change]:
    """Maps by their keys, lists of named members by the names; whatever else as a whole."""
    if before == after:
        return
    if isinstance(before, list | dict) and isinstance(after, list | dict):
        olds, news = _members(before), _members(after)
        if olds is not None and news is not None:
            for name in [*olds, *(name for name in news if name not in olds)]:
                place = f"{where}.{name}"
                yield from _compared(place, olds.get(name), news.get(name))
            return
    yield Change(where, _shown(before), _shown(after))


def _members(value: list[object] | dict[str, object]) -> Mapping[str, object] | None:
    if isinstance(value, dict):
        return value
    for key in _KEYS:
        names = [one.get(key) for one in value if isinstance(one, dict)]
        if len(names) == len(value) and len(set(names)) == len(names) and None not in names:
            return dict(zip(map(str, names), value, strict=True))
    return None


def _shown(value: object) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case str():
            return (" ".join(value.split()),)
        case dict():
            return tuple(f"{name}: {' '.join(_shown(of))}" for name, of in value.items())
        case list() | tuple():
            return (", ".join(" ".join(_shown(one)) for one in value),)
        case _:
            return (str(value).lower() if isinstance(value, bool) else str(value),)


def _listed(models: "Sequence[Model]") -> list[object]:
    return [_plain(one.model_dump(mode="json", exclude_defaults=True)) for one in models]


def _plain(study: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in study.items() if value not in (None, [])}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
