"""What cannot be right about strata: two for one patient, none for another, one for nobody.

Each is a question whether a form can be at all; it is searched for over the regions of everything
that the rules read, and the one found is told.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from services.screening.searching import Exhausted, search
from services.screening.section import Section
from services.screening.statements import NotOf, Statement, leaves
from shared.contracts.study import Protocol

Path = tuple[str | int, ...]


def faults(protocol: Protocol, section: Section) -> list[tuple[Path, str]]:
    """Place and message of each fault of strata and arms, and of criteria that nobody can meet."""
    fields = section.fields
    allowed = [
        said if words.category == "inclusion" else NotOf(said) for words, said in section.criteria
    ]
    found: list[tuple[Path, str]] = [
        (("eligibility", "criteria", index, "rule"), "keeps everybody out, whatever a form says")
        for index, said in enumerate(allowed)
        if not _possible([said], fields)
    ]
    if not found and not _possible(allowed, fields):
        found.append((("eligibility", "criteria"), "keep everybody out, all of them together"))
    strata = section.strata
    if found or strata is None:
        return found
    empty = set()
    for index, (name, when) in enumerate(strata):
        at = ("strata", index, "when")
        for other, too in strata[:index]:
            both = _witness([when, too], (), fields)
            if both is not None:
                found.append((at, f"overlap with {other}: {both}"))
        if not _possible([when, *allowed], fields):
            alone = _possible([when], fields)
            found.append((at, "the criteria let nobody in" if alone else "holds for nobody"))
            empty.add(name)
    for index, arm in enumerate(protocol.arms):
        of = {stratum.id for stratum in protocol.strata if arm.id in stratum.ratio}
        if of and of <= empty:
            found.append((("arms", index), f"nobody can reach {arm.id}"))
    gap = _witness([when for _, when in strata], allowed, fields, inside=False)
    if gap is not None:
        found.append((("strata",), f"gap: {gap}"))
    return found


def _witness(
    rules: Sequence[Statement],
    allowed: Sequence[Statement],
    fields: Mapping[str, Any],
    *,
    inside: bool = True,
) -> str | None:
    """The values of a patient whom the criteria allow and who is inside all of these rules, or
    outside all of them; None where there is no such patient. If in doubt, there is one.
    """
    goals = rules if inside else [NotOf(rule) for rule in rules]
    try:
        regions = search(goals, fields)
    except Exhausted:
        return "too much is read to tell"
    with contextlib.suppress(Exhausted):
        regions = regions and search([*goals, *allowed], fields)
    if regions is None:
        return None
    read = {leaf for rule in rules for leaf in leaves(rule)}
    return ", ".join(region.says for region in regions if region.truths.keys() & read)


def _possible(goals: Sequence[Statement], fields: Mapping[str, Any]) -> bool:
    try:
        return search(goals, fields) is not None
    except Exhausted:
        return True
