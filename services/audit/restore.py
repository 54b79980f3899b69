"""After a restore: a tree older than a checkpoint in the topic signs nothing, for it would fork.

The entries come again, but audit alone knew their order: another order is another root at the same
size, under the same key. So nobody can accept such a tree. A person restores a newer backup, or
begins a new log: an empty schema, a new key, and another origin.
"""

from services.audit import tree
from services.audit.checkpoint import Signer
from shared.contracts.events.audit import CheckpointSigned
from shared.runtime.database import Connection
from shared.runtime.restoring import History, Irrecoverable, events


async def refuse_fork(signer: Signer, db: Connection, history: History) -> int:
    """0, as nothing is taken back; Irrecoverable where a checkpoint is not of this tree."""
    size = await tree.size(db)
    for one in events(history.unknown, (CheckpointSigned,)):
        signed = one.data
        origin = signed.note.partition("\n")[0]
        if size == 0 and origin != signer.name:
            continue
        if signed.size > size or (await tree.root(db, signed.size)).hex() != signed.root:
            raise Irrecoverable(
                f"its log would fork: {signed.size} entries of {origin} are signed, its tree has"
                f" {size}; restore a newer backup, or begin a new log with another origin"
            )
    return 0
