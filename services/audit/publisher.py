"""Signs the log's head: a committed entry is under a checkpoint within the interval."""

import asyncio

from services.audit import checkpoints, store, tree
from services.audit.checkpoint import Checkpoint, Signer
from shared.contracts.events.audit import CheckpointSigned
from shared.runtime import outbox
from shared.runtime.clock import wall
from shared.runtime.outbox import NewEvent
from shared.runtime.work import Work

INTERVAL_S = 2.0
"""Far within the 30 s that the contract gives a committed fact."""


class Publisher:
    """Signs a checkpoint whenever the log has grown."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def run(self, work: Work) -> None:
        """Look every interval of the wall's clock, until cancelled."""
        while True:
            await self.sign(work)
            await asyncio.sleep(INTERVAL_S)

    async def sign(self, work: Work) -> None:
        """Sign the present head unless it is signed. No event is made of it while only checkpoints
        were added: each event would be an entry, and call for the next.
        """
        async with work.pool.acquire() as db, db.transaction():
            await store.lock(db)
            size = await tree.size(db)
            last = await checkpoints.latest(db)
            if last and last.size == size:
                return
            root = await tree.root(db, size)
            note = Checkpoint(self._signer.name, size, root).sign(self._signer)
            await checkpoints.add(db, size, root, note, wall())
            grown = await checkpoints.grown_by_facts(db, CheckpointSigned.ce_type(), last)
            if grown:
                fact = CheckpointSigned(size=size, root=root.hex(), note=note)
                await outbox.add(db, work.service, [NewEvent(fact, work.now())])
        if grown:
            work.committed()
