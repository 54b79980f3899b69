"""`trialops demo` as a person without a terminal runs it, while its processes are killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.embedded.state import State

# Few sites, and of every kind of record one at least: a death, a reaction that is filed late, a
# consent withdrawn, a follow-up that changes the severity.
SITES = ("707", "710")

# When the demo says this, a process of the platform is killed: each once, in the middle of a trial.
PILOT = "CDISCPILOT01: records of its sites"
COHORT = "NCT06903312: simulated patients"
KILLS = {
    f"{PILOT}: 1 of 5": ("randomizer", "notifier"),
    f"{PILOT}: 2 of 5": ("kafka",),
    f"{PILOT}: 3 of 5": ("safety", "mailbox"),
    f"{PILOT}: 4 of 5": ("audit", "portal"),
    f"{COHORT}: 1 of 5": ("screening",),
    f"{COHORT}: 3 of 5": ("postgres",),
}


def kill(state: State, name: str) -> None:
    """kill -9 of a part of the platform with everything that it has started."""
    [part] = [row for row in json.loads(state.processes.read_text()) if row["name"] == name]
    os.killpg(part["pid"], signal.SIGKILL)


def place(line: str, seen: dict[str, int]) -> str:
    """Which of the five lines of a work this is."""
    work, _, rest = line.rpartition(": ")
    if " of " not in rest:
        return ""
    seen[work] = seen.get(work, 0) + 1
    return f"{work}: {seen[work]} of 5"


def test_every_figure_agrees_whatever_is_killed_in_the_middle(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    waiting, said = dict(KILLS), []
    seen: dict[str, int] = {}
    sites = [word for site in SITES for word in ("--site", site)]
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "demo", *sites, "--state", str(state.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: text for name, text in os.environ.items() if not name.startswith("TRIALOPS_")},
    ) as demo:
        assert demo.stdout is not None and demo.stderr is not None
        for line in demo.stderr:
            said.append(line)
            for name in waiting.pop(place(line, seen), ()):
                kill(state, name)
        answer = demo.stdout.read()
    told = "".join(said)
    assert not waiting, told
    assert demo.returncode == 0, told
    shown = json.loads(answer)
    assert shown["ok"] is True
    assert [row for row in shown["rows"] if not row["ok"]] == []
    assert shown["latency_ms"].keys() == {"median", "p99"}
    assert "every figure agrees" in told
    # What was checked was there.
    found = {(row["about"], row["what"]): row["found"] for row in shown["rows"]}
    of_pilot = {what: value for (about, what), value in found.items() if about == "CDISCPILOT01"}
    assert of_pilot["deaths"] == {"710-1083": "2029-08-02"}
    assert of_pilot["withdrawn from"].keys() == {"consent", "treatment"}
    masked = of_pilot["what its sites see of the draws: codes of their own, arms"]
    assert masked["codes"] > 0 == masked["arms"]
    assert {"expedited_7 late", "expedited_15 met"} <= of_pilot["how they ended"].keys()
    entries = of_pilot["entries of the log by type"]
    assert {name for name, count in entries.items() if not count} == {
        "ReportingClockCancelled",
        "ReportUnmatched",
    }
    assert found["letters", "taken by the mail server"] > 0
    # Nothing runs on, and the next demo may take the folder again.
    assert state.supervisor() is None
    assert not state.endpoints.exists()
