"""What each service says that it said and heard, beside what lies in the topics."""

from collections import Counter
from collections.abc import Mapping

from tests.chaos.effects import Effect, differing
from tests.chaos.ledger import Ledger
from tests.chaos.stories import TRIALS
from tests.chaos.world import SERVICES, WRITERS, World

HEARD: Mapping[str, tuple[str, ...]] = {
    "screening": ("trialops.randomization",),
    "randomizer": ("trialops.screening", "trialops.safety"),
    "safety": ("trialops.screening", "trialops.randomization"),
    "notifier": (
        "trialops.screening",
        "trialops.randomization",
        "trialops.safety",
        "trialops.audit",
        *(f"trialops.{name}.dead" for name in SERVICES),
    ),
    "audit": tuple(WRITERS),
    "portal": (
        "trialops.screening",
        "trialops.randomization",
        "trialops.safety",
        "trialops.notification",
    ),
}


def sequences(world: World, ledger: Ledger) -> list[str]:
    """Each service's own count of what it said is what lies in its topics."""
    counted: Counter[Effect] = Counter()
    for service in SERVICES:
        for row in world.rows(f"{service}.sequence"):
            if (row["topic"], row["key"]) not in ledger.forged:
                counted[row["topic"], row["key"]] = row["last"]
    there: Counter[Effect] = Counter()
    for (topic, key), records in world.by_key.items():
        if (topic, key) not in ledger.forged:
            there[topic, key] = len({record.id for record in records})
    return differing(counted, there, "{} were said, {} lie in the topic")


def consumed(world: World, ledger: Ledger) -> list[str]:
    """Each reader is at the end of each key of what it hears, and nothing of it waits."""
    faults = []
    for service, topics in HEARD.items():
        marks = {(row["topic"], row["key"]): row for row in world.rows(f"{service}.watermark")}
        for place, records in world.by_key.items():
            if place[0] not in topics or place in ledger.forged:
                continue
            mark, last = marks.get(place), max(record.sequence for record in records)
            if mark is None or mark["sequence"] != last or mark["parked"] or mark["above"]:
                faults.append(f"{service} is not at {last} of {' '.join(place)}: {mark}")
    return faults


def alerted(world: World) -> list[str]:
    """Alerts and the events of them; every serious case has called for somebody, once."""
    alerts = {row["id"] for row in world.rows("notifier.alert")}
    raised = Counter(record.data["alert"] for record in world.said("AlertRaised"))
    faults = [f"alert {one} was raised {n} times" for one, n in raised.items() if n > 1]
    faults += [f"alert {one} is not told" for one in sorted(alerts - raised.keys())]
    faults += [f"alert {one} is told and not kept" for one in sorted(raised.keys() - alerts)]
    shown = {row["alert"] for row in world.rows("portal.alert")}
    faults += [f"alert {one} is not in the portal" for one in sorted(alerts - shown)]
    heard = {row["ce_id"] for row in world.rows("notifier.heard")}
    for record in world.said("AdverseEventReported"):
        watched = record.headers.get("ce_trial") in TRIALS[:2]  # those that have rules for it
        if watched and record.data["serious"] and record.id not in heard:
            faults.append(f"nobody was called for the case {record.data['case']}")
    return faults
