"""People at work: stories sent over HTTP, each input until it is acknowledged, whatever dies."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

import httpx

from deploy.tokens import sign
from tests.chaos.ledger import Acknowledged, Input, Json, Ledger
from tests.chaos.stage import Stage
from tests.chaos.stories import PILOT, SITES, Step, Teller
from tests.chaos.world import SERVICES

PATIENCE_S = 90.0
_PEOPLE = 5
_ROLES = ("site", "investigator", "statistician", "trial_manager", "auditor")
_MAY_PASS = frozenset({502, 503, 504})


@dataclass
class Workload:
    """The people of one stage; `load` has them work for as long as it is entered."""

    stage: Stage
    ledger: Ledger
    teller: Teller
    pause_s: float = 0.08
    people: int = _PEOPLE
    tokens: Mapping[str, str] = field(default_factory=dict)
    http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(
            timeout=httpx.Timeout(12, connect=3), trust_env=False
        )
    )

    async def begin(self) -> None:
        """Tokens for all roles, and the pilot's allocation list, once a state."""
        folder = self.stage.folder
        self.tokens = {role: sign(folder, role, f"chaos-{role}") for role in _ROLES}
        if PILOT not in self.ledger.lists:
            await self._load_list()

    async def _load_list(self) -> None:
        """A list of its own for the pilot, so that every draw of it can be foretold."""
        drawn = random.Random("list")
        strata: dict[str, list[str]] = {}
        for site in SITES[PILOT]:
            strata[site] = drawn.choices(("Pbo", "Xan_Lo", "Xan_Hi"), k=500)
        rows = [f"{name},{arm}" for name, arms in strata.items() for arm in arms]
        answer = await self.http.put(
            f"{self.stage.urls('randomizer')[0]}/v1/trials/{PILOT}/allocation-list",
            content="\n".join(["stratum,arm", *rows]).encode(),
            headers=self._headers("statistician"),
        )
        assert answer.is_success, answer.text
        self.ledger.lists[PILOT] = strata

    def _headers(self, role: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[role]}"}

    async def drop_letters(self) -> None:
        """The trial manager drops every dead letter that is open."""
        for service in SERVICES:
            root = f"{self.stage.urls(service)[0]}/v1/dead"
            while True:
                answer = await self.http.get(
                    root, params={"limit": 1000}, headers=self._headers("trial_manager")
                )
                letters = answer.raise_for_status().json()["items"]
                for letter in letters:
                    await self._drop(f"{root}/{letter['id']}/drop")
                if not letters:
                    break

    async def _drop(self, url: str) -> None:
        answer = await self.http.post(
            url, json={"reason": "a test"}, headers=self._headers("trial_manager")
        )
        answer.raise_for_status()

    async def end(self) -> None:
        """Hang up."""
        await self.http.aclose()

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """People work meanwhile; at the end everybody finishes the story in hand."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.people):
                group.create_task(self._work(over))
            try:
                yield
            finally:
                over.set()

    async def inputs(self, number: int) -> None:
        """Wait, under load, until so many more inputs are acknowledged."""
        wanted = len(self.ledger.acknowledged) + number
        async with asyncio.timeout(PATIENCE_S):
            while len(self.ledger.acknowledged) < wanted:
                await asyncio.sleep(0.02)

    async def _work(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.tell(self.teller.next())

    async def tell(self, story: Sequence[Step]) -> None:
        """Send a story's inputs one after the other; one that is never acknowledged ends it."""
        answers: dict[str, Json] = {}
        for step in story:
            given = step.make(answers)
            answer = await self._insist(given)
            if answer is None:
                return
            answers[step.name] = answer
            await asyncio.sleep(self.pause_s)

    async def _insist(self, given: Input) -> Json | None:
        self.ledger.open[given.key] = given
        deadline = monotonic() + PATIENCE_S
        last = "no answer"
        for nth in range(1_000_000):
            urls = self.stage.urls(given.service)
            with suppress(httpx.TransportError):
                answer = await self._send(given, urls[nth % len(urls)])
                self.ledger.statuses[answer.status_code] += 1
                if answer.is_success:
                    body: Json = answer.json()
                    self.ledger.acknowledged.append(Acknowledged(given, answer.status_code, body))
                    del self.ledger.open[given.key]
                    return body
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code not in _MAY_PASS:
                    self.ledger.strange.append(f"I1 {given.kind} was answered {last}")
                    if answer.status_code < 500:
                        return None
            if monotonic() > deadline:
                self.ledger.strange.append(f"I1 {given.kind} is not acknowledged: {last}")
                return None
            await asyncio.sleep(0.2)
        return None

    async def _send(self, given: Input, url: str) -> httpx.Response:
        return await self.http.post(
            f"{url}/v1{given.path}",
            json=given.body,
            headers={**self._headers(given.role), "idempotency-key": given.key},
        )
