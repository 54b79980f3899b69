"""Records that screening never wrote, and the letters that they become."""

import json
from dataclasses import dataclass
from uuid import uuid4

from tests.acceptance import topics
from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Json, Story
from tests.acceptance.topics import Header
from tests.waiting import until_true

TOPIC = "trialops.screening"
SCREENED = "trialops.PatientScreened.v1"


@dataclass
class Forger:
    """Writes records of one subject of TDEAD as screening would, or would never."""

    platform: Platform
    subject: str
    sequence: int = 0

    @property
    def key(self) -> str:
        return f"TDEAD:{self.subject}"

    def headers(self, version: str = "v1") -> dict[str, str]:
        """The attributes of the next record."""
        self.sequence += 1
        return {
            "ce_specversion": "1.0",
            "ce_id": str(uuid4()),
            "ce_source": "/trialops/screening",
            "ce_type": f"trialops.PatientScreened.{version}",
            "ce_time": "2026-03-01T12:00:00Z",
            "ce_subject": self.subject,
            "ce_trial": "TDEAD",
            "ce_site": "T1",
            "ce_actor": "somebody",
            "ce_sequence": str(self.sequence),
            "content-type": "application/json",
        }

    def value(self, revision: int = 1) -> bytes:
        """The data of an eligible screening."""
        data = {
            "subject": self.subject,
            "site": "T1",
            "screening": str(uuid4()),
            "attempt": 1,
            "revision": revision,
            "signed": False,
            "verdict": "eligible",
            "stratum": "young",
            "unmet": [],
            "unknown": [],
            "protocol_version": "1.0",
            "form_sha256": "0" * 64,
            "carry": {},
        }
        return json.dumps(data).encode()

    def send(
        self, value: bytes | None, headers: dict[str, str] | None = None, *more: Header
    ) -> tuple[int, int]:
        """Where the record stands."""
        given = self.headers() if headers is None else headers
        coded: list[Header] = [(name, text.encode()) for name, text in given.items()]
        return topics.produce(self.platform.kafka, TOPIC, self.key.encode(), value, [*coded, *more])


def letters(story: Story, place: tuple[int, int], service: str = "randomizer") -> list[Json]:
    """The open letters of the record that stands there."""
    found = story.manager.pages(service, "/dead")
    return [one for one in found if (one["partition"], one["offset"]) == place]


def letter(story: Story, place: tuple[int, int], service: str = "randomizer") -> Json:
    """The letter, waited for."""
    until_true(lambda: bool(letters(story, place, service)), PATIENCE_S)
    [found] = letters(story, place, service)
    return found


def drop(story: Story, found: Json, service: str = "randomizer") -> None:
    """The trial manager drops a letter."""
    path = f"/dead/{found['id']}/drop"
    assert story.manager.post(service, path, {"reason": "a test"}).status_code == 200
