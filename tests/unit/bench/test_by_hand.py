"""The function beside which the engine is measured decides as the engine does."""

import json

from bench.lines import lines
from bench.loops.by_hand import answer as by_hand
from bench.loops.deciding import TODAY, TRIAL
from services.screening.lines import answer
from services.screening.trial import Trial
from shared.contracts.jsontext import dumps, loads
from shared.contracts.versions import load_all
from tests.unit.screening.forms import PROTOCOLS


def test_both_say_the_same_of_every_line() -> None:
    trial = Trial.of(load_all(PROTOCOLS)[TRIAL])
    verdicts = set()
    for line in lines(300):
        said = loads(dumps(answer(trial, line, lambda _: TODAY)))
        assert isinstance(said, dict)
        hand = json.loads(by_hand(line, TODAY))
        truths = {one["id"]: one["outcome"] for one in said["criteria"]}
        assert (hand["verdict"], hand["stratum"]) == (said["verdict"], said["stratum"])
        assert hand["criteria"] == truths
        verdicts.add(hand["verdict"])
    assert verdicts == {"eligible", "ineligible", "incomplete"}
