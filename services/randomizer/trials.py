"""The trials that run here: their plans, and their opened seeds, which never leave this process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.randomizer import records
from services.randomizer.allocation_list import AllocationList, parse
from services.randomizer.book import Book, Trial
from services.randomizer.plans import Plans
from services.randomizer.rules import Rules
from services.randomizer.seed import Seed, WrongKeyError, unseal_any
from shared.contracts.subjects import TrialId
from shared.contracts.versions import Versions
from shared.runtime.database import Connection, NotYet
from shared.runtime.protocols import Refused


@dataclass(frozen=True)
class Trials:
    """Plans by trial, and the keys that open their seeds."""

    plans: Mapping[TrialId, Plans]
    keys: Callable[[], Sequence[bytes]] = field(repr=False)
    """The seed keys as they are now, the one that seals first: they may be changed meanwhile."""

    _seeds: dict[TrialId, Seed] = field(default_factory=dict, repr=False)
    _lists: dict[str, AllocationList] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, protocols: Mapping[TrialId, Versions], keys: Callable[[], Sequence[bytes]]
    ) -> "Trials":
        """The plans of all protocols; ProtocolError for a design that cannot be."""
        plans = {trial: Plans.of(files) for trial, files in protocols.items()}
        return cls(plans, keys)

    async def rules(self, db: Connection, book: Book) -> Rules:
        """What decisions over this book go by.

        NotYet while the protocol in force is another than this process has: it may be about to be
        replaced, and must not draw. So too while the seed cannot be opened: nothing is wrong with
        the subjects.
        """
        plans = self.plans[book.trial.id]
        plan = plans.find(book.trial.protocol_version)
        if plan is None or plan.scheme.sha256 != book.trial.design_sha256:
            raise NotYet("another version of the protocol is in force")
        try:
            seed = await self.seed(db, plan.trial)
        except (WrongKeyError, Refused) as why:
            raise NotYet(str(why)) from why
        return Rules(plan, seed, await self.rows(db, book.trial), plans.until(plan))

    async def seed(self, db: Connection, trial: TrialId) -> Seed:
        """The opened seed; WrongKeyError where the key is not the one that sealed it."""
        if trial not in self._seeds:
            sealed = await records.sealed_seed(db, trial)
            if sealed is None:
                raise NotYet("the trial is not activated")
            self._seeds[trial] = unseal_any(trial, sealed, self.keys())
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
