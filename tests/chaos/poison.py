"""Poison first, in the middle and last in a batch, in each of its kinds."""

import signal
from collections.abc import AsyncIterator, Mapping

from tests.chaos.forging import Forgery, forged, letters
from tests.chaos.scene import Scene, fault

KINDS: Mapping[str, bytes | None] = {
    "bad JSON": b"\xff\xfe{",
    "null value": None,
    "empty": b"",
    "huge": b'{"x": "' + b"y" * 60_000 + b'"}',
    "deeply nested": b"[" * 30_000,
    "data of another schema": b'{"subject": 7}',
    "null header": b"",  # these two by their headers
    "unknown version": b"",
}
_PATTERN = "P__P__P"
_READERS = ("randomizer", "safety", "portal")


@fault(
    "poison first, in the middle and last, eight kinds",
    "one letter each, neighbours applied",
    short=True,
)
async def poisoned(scene: Scene) -> AsyncIterator[None]:
    """Readers stand still while a batch is laid before them, one kind after the other."""
    places: list[tuple[str, int, int]] = []
    neighbours: list[Forgery] = []
    async with forged(scene, len(_PATTERN) * len(KINDS)) as forgeries:
        left = iter(forgeries)
        for number, kind in enumerate(KINDS):
            for name in _READERS:
                await scene.stage.signal(name, signal.SIGSTOP)
            for letter in _PATTERN:
                forgery = next(left)
                if letter == "P":
                    places.append(await _poison(forgery, kind, number))
                else:
                    neighbours.append(forgery)
                    await forgery.send(forgery.event(), number)
            for name in _READERS:
                await scene.stage.signal(name, signal.SIGCONT)
    scene.ledger.expected_letters |= set(places)
    yield
    for name in _READERS:
        found = await letters(scene.stage, name, places)
        if set(found) != {1}:
            scene.wrong.append(f"{name} made {found} letters of {len(places)} poisons")
    for forgery in neighbours:
        if (drawn := await forgery.drawn()) != 1:
            scene.wrong.append(f"the neighbour {forgery.key} has {drawn} allocations")
    await scene.work.drop_letters()
    await scene.stage.rest()


async def _poison(forgery: Forgery, kind: str, partition: int) -> tuple[str, int, int]:
    match kind:
        case "null header":
            event = forgery.event(("ce_actor", None))
        case "unknown version":
            event = forgery.event(version="v9")
        case _:
            event = forgery.event().valued(KINDS[kind])
    return await forgery.send(event, partition)
