"""Answers wait for a client that reads slowly: in order, all of them, within bounds."""

import asyncio
from contextlib import closing

from services.screening.spool import Spool


async def taken(spool: Spool) -> bytes:
    return b"".join([data async for data in spool])


async def test_all_comes_out_in_the_order_it_went_in() -> None:
    with closing(Spool()) as spool:
        parts = [b"%d;" % number * 20_000 for number in range(80)]  # over what memory holds

        async def make() -> None:
            for part in parts:
                await spool.put(part)
            await spool.end()

        async with asyncio.TaskGroup() as group:
            group.create_task(make())
            taking = group.create_task(taken(spool))
        assert taking.result() == b"".join(parts)


async def test_what_was_taken_leaves_no_trace() -> None:
    with closing(Spool()) as spool:
        takes = aiter(spool)
        for number in range(1000):
            await spool.put(b"%5d" % number * 2000)
            assert await anext(takes) == b"%5d" % number * 2000
            assert spool.waiting == 0
        spool._file.seek(0, 2)
        assert spool._file.tell() == 0


async def test_the_maker_waits_while_too_much_waits() -> None:
    with closing(Spool(longest=1000)) as spool:
        await spool.put(b"a" * 1500)
        more = asyncio.create_task(spool.put(b"b"))
        done, _ = await asyncio.wait([more], timeout=0.05)
        assert not done and spool.waiting == 1500
        takes = aiter(spool)
        assert await anext(takes) == b"a" * 1500
        await more
        await spool.end()
        assert await anext(takes) == b"b"
        assert await anext(takes, None) is None


async def test_an_empty_one_ends() -> None:
    with closing(Spool()) as spool:
        await spool.end()
        assert await taken(spool) == b""
