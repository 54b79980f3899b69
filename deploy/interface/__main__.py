"""Write the documents of the interface: `python -m deploy.interface`.

Other teams read these files; a test compares them with the code.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.embedded.jars import CHECKOUT
from deploy.interface import asyncapi, built, openapi, page

FOLDER = CHECKOUT / "docs" / "interface"


def files() -> Iterator[tuple[Path, str]]:
    """Every file, by its path in the folder, with its text."""
    services = list(built.services())
    events = asyncapi.document(services)
    routes = {service.name: openapi.document(service) for service in services}
    yield Path("asyncapi.json"), _text(events)
    for name, described in routes.items():
        yield Path("openapi") / f"{name}.json", _text(described)
    yield Path("index.html"), page.render(events, routes)


def write() -> None:
    """Write every file, and remove those of services that are no more."""
    wanted = dict(files())
    for path in FOLDER.rglob("*.*"):
        if path.is_file() and path.relative_to(FOLDER) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write()
