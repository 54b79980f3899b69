from typing import Any, cast

from services.screening import store


async def test_nothing_to_add_asks_nothing_of_the_database() -> None:
    no_database = cast("Any", None)
    await store.add(no_database, [], [])
