"""The sponsor's judgement of a case: causality and expectedness by component, and why."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from services.safety import values
from services.safety.authorities import Judgement
from services.safety.values import Errors, FormErrors, Reader

_MEMBERS: Final = ("causality", "expected", "reason")
_JUDGEMENT: Final[Reader[Judgement]] = values.word(get_args(Judgement))


@dataclass(frozen=True, slots=True)
class Judgements:
    """What the sponsor has judged; a component with null, or none, is not judged."""

    causality: Mapping[str, Judgement | None] = field(default_factory=dict)
    expected: Mapping[str, bool | None] = field(default_factory=dict)
    reason: str | None = None

    def then(self, later: "Judgements") -> "Judgements":
        """Both, component by component; the later one counts, and its null takes back."""
        return Judgements(
            {**self.causality, **later.causality}, {**self.expected, **later.expected}, later.reason
        )


def read_assessment(raw: object, had: Collection[str], *, reason_needed: bool) -> Judgements:
    """The judgement in an object of `causality`, `expected` and `reason`; raises ``FormErrors``.

    Null, or a member left out, judges nothing. ``had`` are the components that may be named.
    """
    if raw is None:
        raw = {}
    if type(raw) is not dict:
        raise FormErrors([((), "must have " + ", ".join(_MEMBERS))])
    errors: Errors = [
        ((name,), "is not a part of an assessment") for name in raw if name not in _MEMBERS
    ]
    causality: Mapping[str, Judgement | None] | None = None
    expected: Mapping[str, bool | None] | None = None
    if (said := raw.get("causality")) is not None:
        causality = values.by_component(said, ("causality",), errors, _JUDGEMENT, had, True)
    if (said := raw.get("expected")) is not None:
        expected = values.by_component(said, ("expected",), errors, values.truth, had, True)
    reason = raw.get("reason")
    if reason is not None and type(reason) is not str:
        errors.append((("reason",), "must be text"))
    elif reason_needed and (reason is None or values.blank(reason)):
        errors.append((("reason",), "is needed"))
    if errors:
        raise FormErrors(errors)
    return Judgements(causality or {}, expected or {}, reason)
