"""What a person at a terminal needs to look in: the portal's address, and as whom to sign in."""

from deploy.embedded.people import Person
from deploy.embedded.state import State


def sign_ins(state: State) -> list[str]:
    """Lines to print; none where the platform has no portal. WrongUse if none runs."""
    portal = state.read_endpoints()["services"].get("portal")
    if portal is None:
        return []
    table = [_columns(person) for person in state.people.read()]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in table
    )
    heading = ["", f"The portal: {portal}", "Sign in with a name and its password:"]
    return [*heading, *(f"  {row}".rstrip() for row in rows)]


def _columns(person: Person) -> tuple[str, ...]:
    sites = "" if person.sites == ("*",) else f", sites {' '.join(person.sites)}"
    return person.sub, person.password, f"{person.name}, {person.role}{sites}"
