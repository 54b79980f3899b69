"""`trialops replay`: draws every allocation again from the opened seed and compares."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    import httpx

    from services.randomizer.replay import Replayed

_SEED_OPENED = "trialops.SeedOpened.v1"
_SEED_COMMITTED = "trialops.SeedCommitted.v1"
_RANDOMIZED = "trialops.PatientRandomized.v1"
_LIST_LOADED = "trialops.AllocationListLoaded.v1"
_PAGE = 1000
_PATIENCE_S = 3.0
_NOT_FOUND = 404


class _Closed(Exception):
    """Why there is nothing to replay from: the answer is no."""


def add(subparsers: Subparsers) -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "replay", help="draw every allocation again from the opened seed and compare"
    )
    parser.add_argument("--trial", metavar="T", required=True)
    parser.add_argument(
        "--bundle", metavar="FILE", type=Path, help="the exported bundle, no service needed"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 0 only if every allocation is the one drawn; 1 if not, or while the seed is sealed."""
    from dataclasses import asdict

    from services.randomizer.replay import BundleError, read, replay

    problems: list[str] = []
    try:
        if args.bundle is not None:
            raw: bytes | str = _read(args.bundle)
        else:
            raw, problems = _collect(args.state, args.trial)
        bundle = read(raw)
    except BundleError as fault:
        raise WrongUse(f"not a bundle: {fault}") from None
    except _Closed as fault:
        sys.stderr.write(f"trialops replay: {fault}\n")
        return 1
    if bundle.trial != args.trial:
        raise WrongUse(f"the bundle is of trial {bundle.trial}, not {args.trial}")
    found: Replayed = replay(bundle)
    first = found.first_difference
    print(
        json.dumps(
            {
                "trial": bundle.trial,
                "ok": found.ok and not problems,
                "checked": found.checked,
                "differences": found.differences,
                "first_difference": None if first is None else asdict(first),
                "problems": [*problems, *found.problems],
            }
        )
    )
    return 0 if found.ok and not problems else 1


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WrongUse(f"cannot read {file}: {error.strerror}") from None


def _collect(folder: Path, trial: str) -> tuple[str, list[str]]:
    """A bundle of the seed opened in the log and the allocations; where the log disagrees."""
    import httpx

    from deploy.embedded.state import State
    from deploy.tokens import sign

    services = State(folder).read_endpoints()["services"]
    for needed in ("audit", "randomizer"):
        if needed not in services:
            raise WrongUse(f"the platform that runs here has no {needed} service")
    at = f"/v1/trials/{quote(trial, safe='')}"
    try:
        with httpx.Client(timeout=30, trust_env=False) as client:
            log = f"{services['audit']}{at}/entries"
            auditor, statistician = sign(folder, "auditor"), sign(folder, "statistician")
            opened = _opened(client, log, auditor)
            if not opened:
                raise _Closed(f"the seed of {trial} is not open")
            committed = _facts(client, log, auditor, _SEED_COMMITTED)
            loaded = _facts(client, log, auditor, _LIST_LOADED)
            told = _facts(client, log, auditor, _RANDOMIZED)
            allocations = _pages(
                client, f"{services['randomizer']}{at}/allocations", statistician, {"by": "arm"}
            )
    except httpx.HTTPError as error:
        raise _Closed(f"no answer from the platform: {type(error).__name__}") from None
    opening = opened[-1]
    if opening.get("seed") is None:
        raise _Closed(f"the seed of {trial} is with its two openers: use their file, --bundle")
    problems = _untold(told, allocations)
    if [fact.get("commitment") for fact in committed] != [opening.get("commitment")]:
        problems.append("the log has another commitment than the one opened")
    if [fact.get("list_sha256") for fact in loaded] != [
        sha256 for sha256 in [opening.get("list_sha256")] if sha256 is not None
    ]:
        problems.append("the log has another allocation list than the one opened")
    return json.dumps({"trial": trial, **opening, "allocations": allocations}), problems


def _opened(client: "httpx.Client", log: str, auditor: str) -> list[dict[str, Any]]:
    """The opened seed, waited for a little: the log hears of it a moment after the opening."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        found = _facts(client, log, auditor, _SEED_OPENED)
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def _untold(told: list[dict[str, Any]], allocations: list[dict[str, Any]]) -> list[str]:
    """The first allocation that is not the one told when it was drawn: renamed, moved or gone."""
    named = ("number", "subject", "stratum", "arm")
    drawn = {fact["number"]: tuple(fact.get(name) for name in named) for fact in told}
    for one in allocations:
        found = tuple(one.get(name) for name in named)
        if drawn.pop(one["number"], None) != found:
            return [f"allocation {one['number']} is not the one that the log tells of"]
    return [f"allocation {min(drawn)} of the log is not among the allocations"] if drawn else []


def _facts(client: "httpx.Client", url: str, token: str, ce_type: str) -> list[dict[str, Any]]:
    """The data of all log entries of one type, in the order of the log."""
    items = _pages(client, url, token, {"type": ce_type})
    return [json.loads(item["entry"])["data"] for item in items]


def _pages(
    client: "httpx.Client", url: str, token: str, query: dict[str, str]
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = client.get(
            url,
            params={**query, "limit": str(_PAGE), **after},
            headers={"authorization": f"Bearer {token}"},
        )
        if answer.status_code == _NOT_FOUND:
            raise WrongUse("no such trial runs here")
        answer.raise_for_status()
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        after = {"after": str(page["next"])}
