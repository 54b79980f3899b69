"""What the embedded run tells a service by its environment."""

import os
from pathlib import Path

import pytest

from deploy.embedded.keys import Keys
from deploy.embedded.services import Backing, Replica, ServiceProcess
from deploy.embedded.state import State
from shared.runtime.settings import Settings


def told(service: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a service as its process reads them."""
    backing = Backing("127.0.0.1:1", "postgresql://superuser@127.0.0.1:1/trialops", "127.0.0.1:2")
    keys = Keys(folder / "keys")
    keys.prepare()
    process = ServiceProcess(Replica(service), 3, {}, State(folder), backing, keys)
    environment = process.program().environment
    assert environment is not None
    with monkeypatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TRIALOPS_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        return Settings()  # the environment fills it


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (None, {"127.0.0.1", "::1", "localhost"}),
        ("[]", set()),
        ('["pager.internal"]', {"pager.internal"}),
    ],
)
def test_webhooks_reach_this_machine_unless_told_otherwise(
    given: str | None, allowed: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is None:
        monkeypatch.delenv("TRIALOPS_WEBHOOKS_INSIDE", raising=False)
    else:
        monkeypatch.setenv("TRIALOPS_WEBHOOKS_INSIDE", given)
    assert told("notifier", tmp_path, monkeypatch).webhooks_inside == allowed
