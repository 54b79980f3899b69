"""What a person can try on the platform that the demo leaves running."""

import os
from pathlib import Path

from deploy.demo.cohort import TRIAL
from deploy.embedded.sign_ins import sign_ins
from deploy.embedded.state import State


def next_steps(state: State, program: Path) -> list[str]:
    """Addresses, then commands to copy, as they work from the folder where the demo was started."""
    trialops = f"{_near(program)} --state {_near(state.folder)}"
    endpoints = state.read_endpoints()
    services = endpoints["services"]
    header = f'-H "authorization: Bearer $({trialops} token ROLE | cut -d \'"\' -f 4)"'
    enrolment = f"{services['randomizer']}/v1/trials/{TRIAL}/enrolment"
    entries = f"{services['audit']}/v1/trials/{TRIAL}/entries?subject=IT001-0001"
    return [
        "",
        *[f"{name:<11} {url}" for name, url in services.items()],
        f"{'kafka':<11} {endpoints['kafka']}",
        "",
        "In another terminal:",
        "  who may sign in, once more",
        f"    {trialops} people",
        "  how far the trial has come",
        f"    curl -s {header.replace('ROLE', 'trial_manager')} {enrolment}",
        "  what the log knows of one patient",
        f"    curl -s {header.replace('ROLE', 'auditor')} '{entries}'",
        "  the whole log again, from its raw entries",
        f"    {trialops} audit verify",
        "  every allocation again, from the opened seed",
        f"    {trialops} replay --trial {TRIAL}",
        "  the platform's clock six days later",
        f"    {trialops} clock +6d",
        *sign_ins(state),
        "",
        "Ctrl-C ends the platform; the next demo starts afresh.",
    ]


def _near(path: Path) -> str:
    """The path as it can be typed here: relative where it lies below."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))  # noqa: PTH100 no link is followed
    except ValueError:
        return str(path)
