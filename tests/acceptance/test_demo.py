"""`trialops demo` as a person without a terminal runs it, while its processes are killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.embedded.state import State

# When the demo says this, a process of the platform is killed: each once, in the middle of a trial.
KILLS = {
    "CDISCPILOT01: screenings and corrections: 112 of 560": "randomizer",
    "CDISCPILOT01: screenings and corrections: 224 of 560": "kafka",
    "CDISCPILOT01: screenings and corrections: 448 of 560": "audit",
    "NCT06903312: simulated patients: 102 of 508": "screening",
    "NCT06903312: simulated patients: 305 of 508": "postgres",
}


def kill(state: State, name: str) -> None:
    """kill -9 of a part of the platform with everything that it has started."""
    [part] = [row for row in json.loads(state.processes.read_text()) if row["name"] == name]
    os.killpg(part["pid"], signal.SIGKILL)


def test_every_figure_agrees_whatever_is_killed_in_the_middle(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    waiting, said = dict(KILLS), []
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "demo", "--state", str(state.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: text for name, text in os.environ.items() if not name.startswith("TRIALOPS_")},
    ) as demo:
        assert demo.stdout is not None and demo.stderr is not None
        for line in demo.stderr:
            said.append(line)
            for place in [place for place in waiting if line.startswith(place)]:
                kill(state, waiting.pop(place))
        answer = demo.stdout.read()
    told = "".join(said)
    assert not waiting, told
    assert demo.returncode == 0, told
    shown = json.loads(answer)
    assert shown["ok"] is True
    assert [row for row in shown["rows"] if not row["ok"]] == []
    assert shown["latency_ms"].keys() == {"median", "p99"}
    assert "every figure agrees" in told
    # Nothing runs on, and the next demo may take the folder again.
    assert state.supervisor() is None
    assert not state.endpoints.exists()
