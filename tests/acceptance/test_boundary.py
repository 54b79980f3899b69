"""A stopping boundary that says so pauses randomization by itself."""

import json
from collections.abc import Callable
from uuid import uuid4

from tests.acceptance import topics
from tests.acceptance.story import Story

Tiny = Callable[[str], Story]
TOPIC = "trialops.safety"


def cross(story: Story, sequence: int, action: str) -> str:
    """Safety tells of a crossing, the next record of the trial's key; the event's id."""
    id_ = str(uuid4())
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id_,
        "ce_source": "/trialops/safety",
        "ce_type": "trialops.SafetyBoundaryCrossed.v1",
        "ce_time": "2026-03-01T12:00:00Z",
        "ce_trial": story.trial,
        "ce_actor": "safety",
        "ce_sequence": str(sequence),
        "content-type": "application/json",
    }
    data = {"boundary": "toxicity", "action": action, "n": 20, "events": 8, "stop_if_at_least": 8}
    coded = [(name, text.encode()) for name, text in headers.items()]
    kafka = story.platform.kafka
    topics.produce(kafka, TOPIC, story.trial.encode(), json.dumps(data).encode(), coded)
    return id_


def test_a_crossed_boundary_pauses_until_a_manager_resumes(tiny: Tiny) -> None:
    story = tiny("TBOUND")
    drawn = story.randomize()
    cross(story, 1, "alert")
    crossed = cross(story, 2, "pause")
    story.until_enrolment(state="paused")
    waits = story.new_subject()
    story.submit(waits)
    story.until_enrolment(waiting=1, randomized=1)
    [paused] = story.logged("RandomizationPaused")
    assert paused["causationid"] == crossed
    assert paused["actor"] == "randomizer"
    assert story.command(story.manager, "resume").status_code == 200
    assert story.drawn(waits)["number"] == 2
    assert story.allocation(drawn) is not None
    assert len(story.logged("SafetyBoundaryCrossed", 2)) == 2
