"""Every service as its `app.py` builds it, without a server: what the documents are made from."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.embedded.keys import Keys
from deploy.embedded.services import (
    SERVICES,
    Backing,
    Replica,
    ServiceProcess,
    protocols_folder,
)
from deploy.embedded.state import State
from shared.contracts import versions
from shared.runtime.service import Service
from shared.runtime.settings import Settings

_NOWHERE = Backing("localhost:9", "postgresql://localhost:9/trialops", "localhost:9")


def services() -> Iterator[Service]:
    """The services of the embedded run, told what that would tell them; no state is kept."""
    with TemporaryDirectory() as folder:
        state = State(Path(folder))
        keys = Keys(state.keys)
        keys.prepare()
        state.people.prepare([of.last for of in versions.load_all(protocols_folder()).values()])
        urls = dict.fromkeys(SERVICES, "http://localhost:9")
        for name in SERVICES:
            process = ServiceProcess(Replica(name), 9, urls, state, _NOWHERE, keys)
            told = state.folder / f"{name}.env"
            told.write_text(
                "".join(
                    f"{variable}='{value}'\n"
                    for variable, value in process.program().environment.items()
                    if variable.startswith("TRIALOPS_")
                )
            )
            yield import_module(f"services.{name}.app").build(Settings(_env_file=told))
