"""The JSON Schema of every event's data, written down: `python -m shared.contracts.schemas`.

Other teams and languages read these files; a test compares them with the code.
"""

import json
from importlib import resources
from pathlib import Path

from shared.contracts.events import EVENTS
from shared.contracts.events.base import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_name(event: type[Event]) -> str:
    """`PatientScreened.v1.json`."""
    return f"{event.__name__}.v{event.VERSION}.json"


def schema(event: type[Event]) -> str:
    """The schema of the event's data as it is on the topic, as the text of its file."""
    described = event.model_json_schema(mode="serialization")
    own = {"$schema": DIALECT, "$id": event.ce_type()}
    return json.dumps(own | described, indent=2, ensure_ascii=False) + "\n"


def folder() -> Path:
    """Where the files are."""
    return Path(str(resources.files("shared.contracts") / "schemas"))


def write() -> None:
    """Write every schema, and remove those of events that are no more."""
    folder().mkdir(exist_ok=True)
    wanted = {file_name(event): schema(event) for event in EVENTS}
    for file in folder().glob("*.json"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (folder() / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
