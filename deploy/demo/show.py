"""The whole demo: a platform of its own, the acts, the figures, and what to try next."""

import asyncio
import logging
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.demo import (
    cohort,
    cohort_act,
    cohort_figures,
    folder,
    log_figures,
    pilot,
    pilot_act,
    pilot_figures,
    pilot_log_figures,
    pilot_safety_figures,
    pilot_tables,
)
from deploy.demo.doors import Refused
from deploy.demo.follower import Behind
from deploy.demo.next_steps import next_steps
from deploy.demo.row import Row
from deploy.demo.stage import open_stage
from deploy.demo.teller import Teller
from deploy.embedded.jars import CHECKOUT
from deploy.embedded.keeper import NotReady
from deploy.embedded.platform import READY, Platform
from deploy.embedded.settle import Unsettled
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse
from shared.contracts.study import Protocol
from shared.contracts.subjects import TrialId
from shared.contracts.versions import load_all

TRIALS = (pilot.TRIAL, cohort.TRIAL)


@dataclass
class Shown:
    """What the demo found; `latencies` in ms, sorted, of the signatures that were given."""

    rows: list[Row] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return bool(self.rows) and all(row.ok for row in self.rows)

    def latency_ms(self) -> dict[str, float] | None:
        """Median and 99th percentile, None where nothing was signed."""
        if not self.latencies:
            return None
        p99 = self.latencies[-(-len(self.latencies) * 99 // 100) - 1]
        median = statistics.median(self.latencies)
        return {"median": round(median, 1), "p99": round(p99, 1)}

    def as_json(self) -> dict[str, object]:
        """The answer for machines."""
        rows = [row.as_json() for row in self.rows]
        return {"ok": self.ok, "rows": rows, "latency_ms": self.latency_ms()}


def show(state: State, trials: Sequence[str], sites: Sequence[str], stay: bool) -> Shown | None:
    """Run it all; None if it was stopped or the platform did not get ready. WrongUse.

    Of the pilot only the records of the named sites are sent, if some are. With `stay` the platform
    is left running, here, until SIGINT or SIGTERM.
    """
    every = load_all(Path(os.environ.get("TRIALOPS_PROTOCOLS", CHECKOUT / "protocols")))
    protocols = {trial: of.at(datetime.now(UTC)) for trial, of in every.items()}
    for trial in trials:
        if trial not in protocols:
            raise WrongUse(f"there is no protocol of {trial}")
    known = {str(site.id) for site in protocols[TrialId(pilot.TRIAL)].sites}
    if unknown := set(sites) - known:
        raise WrongUse(f"{pilot.TRIAL} has no site {min(unknown)!r}")
    if pilot.TRIAL in trials and not pilot_tables.installed():
        raise WrongUse("the pilot's data are not installed (make demo does: requirements/demo.txt)")
    folder.refuse_foreign(state)
    # What a Kafka client says while the broker is started again is no news for who watches a demo.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    asyncio.run(folder.refuse_used_servers())
    os.umask(0o077)
    teller = Teller()
    with state.locked():
        folder.empty(state)
        try:
            return asyncio.run(_run(state, protocols, trials, sites, teller, stay))
        except* NotReady as faults:
            for fault in faults.exceptions:
                teller.say(str(fault))
    return None


async def _run(
    state: State,
    protocols: Mapping[TrialId, Protocol],
    trials: Sequence[str],
    sites: Sequence[str],
    teller: Teller,
    stay: bool,
) -> Shown | None:
    began = time.monotonic()
    ready = asyncio.Event()

    def report(line: str) -> None:
        teller.say(line)
        if line == READY:
            ready.set()

    platform = asyncio.create_task(Platform(state, {}, report).run())
    playing = asyncio.create_task(_play(state, protocols, trials, sites, teller, ready))
    try:
        await asyncio.wait({platform, playing}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            platform.result()  # NotReady, or a person has stopped it
            return None
        shown = _result(playing, state, teller)
        if shown is not None:
            _tell(shown, state, teller, time.monotonic() - began, stay)
            if stay:
                await platform
        return shown
    finally:
        for task in (playing, platform):
            task.cancel()
        await asyncio.gather(playing, platform, return_exceptions=True)


def _result(playing: asyncio.Task[Shown], state: State, teller: Teller) -> Shown | None:
    try:
        return playing.result()
    except (Refused, Unsettled, Behind) as fault:
        teller.say(f"the demo came to an end: {fault} (logs are in {state.folder / 'logs'})")
        return None


async def _play(
    state: State,
    protocols: Mapping[TrialId, Protocol],
    trials: Sequence[str],
    sites: Sequence[str],
    teller: Teller,
    ready: asyncio.Event,
) -> Shown:
    loading = (
        asyncio.create_task(asyncio.to_thread(pilot_tables.load)) if pilot.TRIAL in trials else None
    )
    await ready.wait()
    shown = Shown()
    async with open_stage(state, protocols) as stage:
        if loading is not None:
            tables = await loading
            tables = tables.of_sites(sites) if sites else tables
            played = await pilot_act.play(stage, tables, teller)
            shown.rows += await pilot_figures.figures(stage, played)
            shown.rows += await pilot_safety_figures.figures(stage, played)
            shown.rows += await pilot_log_figures.figures(stage, played)
        if cohort.TRIAL in trials:
            simulated = await cohort_act.play(stage, teller)
            shown.rows += await cohort_figures.figures(stage, simulated)
        teller.say("checking the audit log from its raw entries")
        await stage.settle()
        shown.rows.append(await pilot_log_figures.letters(stage))
        shown.rows += await log_figures.figures(stage)
        shown.latencies = stage.latencies()
    return shown


def _tell(shown: Shown, state: State, teller: Teller, seconds: float, stay: bool) -> None:
    teller.table(shown.rows)
    if latency := shown.latency_ms():
        teller.say(
            f"from a signature's answer to PatientRandomized on its topic: median"
            f" {latency['median']} ms, 99 of 100 within {latency['p99']} ms"
            f" ({len(shown.latencies)} patients)"
        )
    wrong = sum(not row.ok for row in shown.rows)
    verdict = "every figure agrees" if shown.ok else f"{wrong} of {len(shown.rows)} do not agree"
    teller.say(f"{verdict}; {seconds:.0f} s in all")
    if stay:
        for line in next_steps(state, Path(sys.argv[0])):
            teller.say(line)
