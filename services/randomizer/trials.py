"""The trials that run here: their plans, and their opened seeds, which never leave this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.randomizer import records
from services.randomizer.allocation_list import AllocationList, parse
from services.randomizer.book import Book, Trial
from services.randomizer.desk import Rules
from services.randomizer.plan import Plan
from services.randomizer.seed import Seed, unseal
from shared.contracts.study import Protocol
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection, NotYet


@dataclass(frozen=True)
class Trials:
    """Plans by trial, and the key that opens their seeds."""

    plans: Mapping[TrialId, Plan]
    seed_key: bytes = field(repr=False)
    _seeds: dict[TrialId, Seed] = field(default_factory=dict, repr=False)
    _lists: dict[str, AllocationList] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, protocols: Mapping[TrialId, Protocol], seed_key: bytes) -> "Trials":
        """The plans of all protocols; ProtocolError for a design that cannot be."""
        return cls({trial: Plan.of(file) for trial, file in protocols.items()}, seed_key)

    async def rules(self, db: Connection, book: Book) -> Rules:
        """What decisions over this book go by.

        NotYet while the protocol in force is another than this process has: it may be about to be
        replaced, and must not draw.
        """
        plan = self.plans[book.trial.id]
        if plan.scheme.sha256 != book.trial.design_sha256:
            raise NotYet("another version of the protocol is in force")
        return Rules(plan, await self.seed(db, plan.trial), await self.rows(db, book.trial))

    async def seed(self, db: Connection, trial: TrialId) -> Seed:
        """The opened seed; WrongKeyError where the key is not the one that sealed it."""
        if trial not in self._seeds:
            sealed = await records.sealed_seed(db, trial)
            if sealed is None:
                raise NotYet("the trial is not activated")
            self._seeds[trial] = unseal(trial, sealed, self.seed_key)
        return self._seeds[trial]

    async def rows(self, db: Connection, trial: Trial) -> AllocationList | None:
        """The loaded allocation list, None before."""
        if trial.list_sha256 is None:
            return None
        if trial.list_sha256 not in self._lists:
            text = await records.list_text(db, trial.id)
            if text is None:
                raise NotYet("the allocation list is not there")
            self._lists[trial.list_sha256] = parse(text.encode(), None)
        return self._lists[trial.list_sha256]
