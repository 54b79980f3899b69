"""Every topic, declared once: its writer, partitions and limits. Records are kept for ever."""

from dataclasses import dataclass

SERVICES = ("screening", "randomizer", "safety", "notifier", "audit", "portal")

PARTITIONS = 12
MAX_RECORD_BYTES = 64 * 1024
MAX_DEAD_LETTER_BYTES = 2 * 1024 * 1024

MAX_EVENT_BYTES = 60 * 1024
"""An event's data: what is left of a record, and of an entry of the log, beside the attributes."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic with its one writing service and those that hear it."""

    name: str
    writer: str
    readers: tuple[str, ...]
    partitions: int = PARTITIONS
    max_bytes: int = MAX_RECORD_BYTES


def record_topic(service: str) -> str:
    """The service's facts for the audit log alone."""
    return f"trialops.{service}.record"


def dead_topic(service: str) -> str:
    """The service's dead letters."""
    return f"trialops.{service}.dead"


TOPICS = (
    Topic(
        "trialops.screening", "screening", ("randomizer", "safety", "notifier", "audit", "portal")
    ),
    Topic(
        "trialops.randomization",
        "randomizer",
        ("screening", "safety", "notifier", "audit", "portal"),
    ),
    Topic("trialops.safety", "safety", ("randomizer", "notifier", "audit", "portal")),
    Topic("trialops.notification", "notifier", ("audit", "portal")),
    Topic("trialops.audit", "audit", ("notifier", "audit")),
    *(Topic(record_topic(name), name, ("audit",), partitions=1) for name in SERVICES),
    *(
        Topic(
            dead_topic(name),
            name,
            ("notifier", "audit"),
            partitions=1,
            max_bytes=MAX_DEAD_LETTER_BYTES,
        )
        for name in SERVICES
    ),
)
