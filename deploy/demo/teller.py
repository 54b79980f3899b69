"""What a person is told, on standard error: bars and a table on a terminal, else lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from deploy.demo.row import Row

_LINES: Final = 5  # plain lines of a long work


class Work:
    """Something with a length, done step by step."""

    def __init__(self, name: str, total: int, progress: Progress | None) -> None:
        self._name, self._total, self._progress = name, total, progress
        self._done = 0
        self._task = None if progress is None else progress.add_task(name, total=total, now="")

    def advance(self, now: str) -> None:
        """One more is done; `now` says where it is, such as a day."""
        self._done += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(TaskID(self._task), advance=1, now=now)
        elif self._done * _LINES // self._total > (self._done - 1) * _LINES // self._total:
            _say(f"{self._name}: {self._done} of {self._total} ({now})")


class Teller:
    """Speaks to whoever watches."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    @property
    def on_terminal(self) -> bool:
        return self._console.is_terminal

    def say(self, line: str) -> None:
        """One line, above the bars if there are some."""
        if self.on_terminal:
            self._console.print(line, markup=False, soft_wrap=True)
        else:
            _say(line)

    @contextmanager
    def work(self, name: str, total: int) -> Iterator[Work]:
        """A bar, or some lines, while something is done `total` times."""
        if not self.on_terminal:
            yield Work(name, total, None)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[now]}"),
        )
        with Progress(*columns, console=self._console) as progress:
            yield Work(name, total, progress)

    def table(self, rows: list[Row]) -> None:
        """Every figure: what the data say, what the services say."""
        if not self.on_terminal:
            for row in rows:
                _say(row.line())
            return
        for about, together in groupby(rows, key=lambda row: row.about):
            table = Table("", about, "by the data", "by the services", box=SIMPLE)
            for row in together:
                mark = "[green]ok[/]" if row.ok else "[bold red]NOT OK[/]"
                table.add_row(mark, row.what, row.shown(row.expected), row.shown(row.found))
            self._console.print(table)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
