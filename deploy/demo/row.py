"""One figure of the demo: what the data say, what the services say, and whether they agree."""

from dataclasses import dataclass
from typing import Final

_LONG: Final = 6  # members of which only the number is shown when all agree

Value = int | str | bool | list[str] | dict[str, int] | dict[str, str] | None


@dataclass(frozen=True)
class Row:
    """`expected` comes from the data or from what was sent, never from a service."""

    about: str
    what: str
    expected: Value
    found: Value

    @property
    def ok(self) -> bool:
        return self.expected == self.found

    def shown(self, value: Value) -> str:
        """One of the two sides in short: of many members only those that differ, if any do."""
        match value:
            case None:
                return "-"
            case bool():
                return "yes" if value else "no"
            case dict():
                members = [f"{name} {number}" for name, number in self._telling(value).items()]
            case list():
                members = value
            case _:
                return str(value)
        if len(members) > _LONG and self.ok:
            return f"{len(members)} figures" if isinstance(value, dict) else f"all {len(members)}"
        return ", ".join(members) or "none"

    def line(self) -> str:
        """The row as a line of text."""
        mark = "ok    " if self.ok else "NOT OK"
        sides = f"{self.shown(self.expected)} by the data, {self.shown(self.found)} found"
        return f"{mark} {self.about}: {self.what}: {sides}"

    def as_json(self) -> dict[str, object]:
        """The row for machines."""
        return {
            "about": self.about,
            "what": self.what,
            "expected": self.expected,
            "found": self.found,
            "ok": self.ok,
        }

    def _telling(self, value: dict[str, int] | dict[str, str]) -> dict[str, int | str]:
        other = self.found if value is self.expected else self.expected
        if self.ok or not isinstance(other, dict):
            return dict(value)
        return {name: number for name, number in value.items() if other.get(name) != number}
