"""The stage: one running platform seen from outside, with its doors, its topics and its clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo.doors import Doors
from deploy.demo.follower import Follower
from deploy.demo.on_call import OnCall
from deploy.embedded import clock, passage
from deploy.embedded.kafka_logins import admin_access
from deploy.embedded.keys import Keys
from deploy.embedded.settle import Rest, Settler, Unsettled
from deploy.embedded.state import Endpoints, State
from deploy.tokens import Bearer
from shared.contracts.study import Protocol
from shared.contracts.subjects import TrialId

_NOON: Final = time_of_day(12)
_SECONDS: Final = 180.0

Answer = Mapping[str, Any]


@dataclass
class Stage:
    """What the acts are played on."""

    state: State
    endpoints: Endpoints = field(repr=False)
    protocols: Mapping[TrialId, Protocol]
    doors: Doors
    follower: Follower
    settler: Settler = field(repr=False)
    on_call: OnCall
    signed: dict[str, float] = field(default_factory=dict)
    """When a signature was answered, by the record key of its subject and `time.perf_counter`."""

    _rest: Rest | None = field(default=None, repr=False)
    _written: int = 0

    def protocol(self, trial: str) -> Protocol:
        """The trial's file."""
        return self.protocols[TrialId(trial)]

    def today(self, trial: str) -> date:
        """The day at the trial's first site, by the platform's clock."""
        return clock.now(self.state).astimezone(self.zone(trial)).date()

    async def settle(self) -> Rest:
        """Return when nothing is under way in any service; one that is down is waited for.

        Alerts that are open then are acknowledged, and what follows of that is waited for, too.
        """
        deadline = time.monotonic() + _SECONDS
        while True:
            rest = await self.settler.settle()
            if rest.down and time.monotonic() > deadline:
                raise Unsettled(f"down for {_SECONDS:.0f} s: {', '.join(sorted(rest.down))}")
            if rest.down:
                await asyncio.sleep(0.05)
            elif not await self.on_call.look(rest):
                self._rest, self._written = rest, self.doors.written
                return rest

    async def rested(self) -> Rest:
        """The same, or the last rest while nothing was sent of which anything follows."""
        rest = self._rest
        if rest is None or self._written != self.doors.written:
            return await self.settle()
        is_due = rest.due is not None and rest.due <= clock.now(self.state)
        return await self.settle() if is_due else rest

    async def noon(self, trial: str, day: date) -> None:
        """Let what is under way end, then move the clock to noon of this day at the site.

        It stops at each due instant on the way; a service that is down then is waited for.
        """
        noon = datetime.combine(day, _NOON, self.zone(trial))
        await passage.until(self.state, self.rested, noon)

    async def screen(
        self, trial: str, subject: str, attempt: int, form: object, *, quiet: bool = False
    ) -> Answer:
        """A site submits a form; `quiet`: nobody is randomized because of it."""
        key, body = f"demo-{subject}-{attempt}", {"subject": subject, "form": form}
        path = f"/v1/trials/{trial}/screenings"
        bearer = _site(trial, subject)
        answer: Answer = await self.doors.post("screening", path, bearer, key, body, quiet=quiet)
        return answer

    async def correct(self, trial: str, screening: Answer, changes: object, reason: str) -> Answer:
        """The site corrects what it submitted."""
        subject, body = screening["subject"], {"changes": changes, "reason": reason}
        path = f"/v1/trials/{trial}/screenings/{screening['id']}/corrections"
        bearer, key = _site(trial, subject), f"demo-{screening['id']}-correction"
        answer: Answer = await self.doors.post("screening", path, bearer, key, body)
        return answer

    async def sign(self, trial: str, screening: Answer, meaning: str) -> Answer:
        """The site's investigator signs; the time of the answer is kept."""
        subject = screening["subject"]
        path = f"/v1/trials/{trial}/screenings/{screening['id']}/signature"
        bearer = _person(trial, "investigator", subject)
        key, body = f"demo-{screening['id']}-signature", {"meaning": meaning}
        answer: Answer = await self.doors.post("screening", path, bearer, key, body)
        self.signed[f"{trial}:{subject}"] = time.perf_counter()
        return answer

    async def tell(
        self, trial: str, path: str, subject: str, key: str, body: object, *, quiet: bool
    ) -> Answer:
        """A site tells safety something of its subject; `quiet`: nothing follows of it."""
        bearer, whole = _site(trial, subject), f"/v1/trials/{trial}/{path}"
        answer: Answer = await self.doors.post("safety", whole, bearer, key, body, quiet=quiet)
        return answer

    def latencies(self) -> list[float]:
        """From each signature's answer to its `PatientRandomized` on the topic, in ms, sorted."""
        heard = self.follower.randomized
        return sorted((heard[key] - at) * 1e3 for key, at in self.signed.items() if key in heard)

    def zone(self, trial: str) -> ZoneInfo:
        """The time zone of the trial's first site."""
        return ZoneInfo(self.protocol(trial).sites[0].time_zone)


def _person(trial: str, role: str, subject: str) -> Bearer:
    site = subject.partition("-")[0]
    return Bearer(role, (trial,), (site,), f"{role}-{site}")


def _site(trial: str, subject: str) -> Bearer:
    return _person(trial, "site", subject)


@asynccontextmanager
async def open_stage(state: State, protocols: Mapping[TrialId, Protocol]) -> AsyncIterator[Stage]:
    """The stage on the platform that runs in the folder."""
    endpoints = state.read_endpoints()
    kafka = admin_access(endpoints)
    follower = Follower(kafka)
    async with (
        Doors(endpoints["services"], Keys(state.keys)) as doors,
        Settler(endpoints) as settler,
    ):
        on_call = OnCall(kafka, doors)
        listening = asyncio.create_task(follower.listen())
        try:
            yield Stage(state, endpoints, protocols, doors, follower, settler, on_call)
        finally:
            await on_call.stop()
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
