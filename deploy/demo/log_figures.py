"""The audit log's figures: every fact of every topic in it once, and the whole of it proved."""

import asyncio
import time
from typing import Any, Final

from deploy.demo.row import Row
from deploy.demo.stage import Stage
from deploy.tokens import Bearer

_ABOUT: Final = "the log"
_AUDITOR: Final = Bearer("auditor")
_MANAGER: Final = Bearer("trial_manager")
_SECONDS: Final = 60.0


async def figures(stage: Stage) -> list[Row]:
    """Read last: reading by arm is itself a fact, and so is a signed checkpoint."""
    letters = [
        len(await stage.doors.every(service, "/v1/dead", _MANAGER))
        for service in sorted(stage.endpoints["services"])
    ]
    facts, report = await _covered(stage)
    return [
        Row(_ABOUT, "entries under the signed checkpoint, one a fact", facts, report["size"]),
        Row(_ABOUT, "problems found from its raw entries", [], _problems(report)),
        Row(_ABOUT, "dead letters of all services", 0, sum(letters)),
    ]


async def _covered(stage: Stage) -> tuple[int, dict[str, Any]]:
    """How many facts are on the topics, and the report on the log once it covers them.

    If it never does, the last report stands.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        await stage.settle()
        await stage.follower.to_the_end()
        facts = len(stage.follower.ids)
        report = await asyncio.to_thread(_verify, stage)
        if report["size"] == facts or time.monotonic() > deadline:
            return facts, report
        await asyncio.sleep(0.5)


def _verify(stage: Stage) -> dict[str, Any]:
    from services.audit import verify

    return verify.check(stage.endpoints["services"]["audit"], None, stage.doors.token(_AUDITOR))


def _problems(report: dict[str, Any]) -> list[str]:
    return [f"{problem['kind']}: {problem['detail']}" for problem in report["problems"]]
