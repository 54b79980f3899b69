"""Where a word stands: in every topic, log, span, metric, error, page and table of a platform."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import asyncpg
import httpx

from shared.contracts.topics import TOPICS
from tests.acceptance import topics
from tests.acceptance.platform import Platform
from tests.integration.runtime.collector import Collector

_LINK = re.compile(r'(?:href|action|hx-get)="(/[^"#]*)"')
_BYTEA = re.compile(r"\\\\x([0-9a-f]*)")  # as JSON tells bytes: in hexadecimal
_NO_PAGES = ("/sign-out", "/stream", "/static")
_MOST = 150


@dataclass
class Search:
    """The words that are looked for, and where one was found."""

    words: tuple[str, ...]
    found: set[str] = field(default_factory=set)
    looked: int = 0

    def look(self, place: str, text: str | bytes) -> None:
        """Look in one text."""
        self.looked += 1
        raw = text if isinstance(text, bytes) else text.encode()
        if any(word.encode() in raw for word in self.words):
            self.found.add(place)

    def topics(self, platform: Platform) -> None:
        """Every record of every topic: key, value and headers."""
        for topic in TOPICS:
            for one in topics.read(platform.kafka, topic.name):
                parts = [one.key or b"", one.value or b"", *(v for _, v in one.headers)]
                self.look(f"topic {topic.name}", b"\n".join(parts))

    def processes(self, platform: Platform) -> None:
        """What the processes log, what they measure, and what they write into their folder."""
        for file in _files(platform.folder):
            self.look(f"file {file.relative_to(platform.folder)}", file.read_bytes())
        for name, url in platform.services.items():
            self.look(f"metrics of {name}", platform.http.get(f"{url}/metrics").text)

    def telemetry(self, collector: Collector) -> None:
        """Spans and metrics as they were sent."""
        for raw in collector.raw:
            self.look("telemetry", raw)

    def tables(self, platform: Platform) -> None:
        """Every row of every table of every schema."""
        asyncio.run(self._tables(platform))

    async def _tables(self, platform: Platform) -> None:
        connection = await asyncpg.connect(platform.endpoints["postgres"])
        try:
            names = await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            for [name] in names:
                query = f"SELECT row_to_json(t)::text FROM {name} AS t"  # noqa: S608 (a name of the catalogue)
                for [row] in await connection.fetch(query):
                    self.look(f"table {name}", _BYTEA.sub(_bytes, row))
        finally:
            await connection.close()

    def pages(self, platform: Platform, sub: str) -> int:
        """Every page that somebody reaches by following links from the first; how many."""
        with signed_in(platform, sub) as browser:
            seen: set[str] = set()
            todo = ["/"]
            while todo and len(seen) < _MOST:
                path = todo.pop()
                if path in seen or path.startswith(_NO_PAGES):
                    continue
                seen.add(path)
                answer = browser.get(path, follow_redirects=True)
                self.look(f"page {path} of {sub}", answer.text)
                todo += [unescape(link) for link in _LINK.findall(answer.text)]
        return len(seen)


def _bytes(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1]).decode("utf-8", errors="replace")


def _files(folder: Path) -> Iterator[Path]:
    """The state's files, but for what the servers keep: that is looked at through them."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not {"postgres", "kafka"} & set(parts[:2]):
            yield path


@contextmanager
def signed_in(platform: Platform, sub: str) -> Iterator[httpx.Client]:
    """A browser in which somebody is signed in."""
    everyone = {row["sub"]: row for row in platform.run("people").rows}
    url = platform.services["portal"]
    fields = {"name": sub, "password": everyone[sub]["password"], "next": ""}
    with httpx.Client(
        base_url=url, trust_env=False, timeout=20, headers={"origin": url}
    ) as browser:
        answer = browser.post("/sign-in", data=fields)
        assert answer.status_code == 303, answer.text
        yield browser


def lengths(answers: Iterable[httpx.Response]) -> set[int]:
    """How long answers are, on the wire."""
    return {len(answer.content) for answer in answers}
