"""Logs by allow-list: a canary put wherever a value can stand never gets out."""

import asyncio
import gc
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

import pytest

from shared.runtime import logs

CANARY = "Maria Rossi, IT001-0007, arm B"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What a service's process writes, set up as it sets up its logs."""
    gc.collect()  # what other tests have left behind speaks now
    root, hook, stream = logging.getLogger(), sys.excepthook, StringIO()
    before, level, stderr = root.handlers[:], root.level, sys.stderr
    sys.stderr = stream
    try:
        logs.set_up("screening")
        yield stream
    finally:
        sys.stderr, sys.excepthook = stderr, hook
        logging.captureWarnings(False)
        root.handlers[:] = before
        root.setLevel(level)


def lines(written: StringIO) -> list[dict[str, object]]:
    text = written.getvalue()
    assert CANARY not in text
    assert "Rossi" not in text
    return [json.loads(line) for line in text.splitlines()]


class Revealing:
    def __str__(self) -> str:
        return CANARY

    __repr__ = __str__


def test_what_a_library_would_fill_in_stays_out(written: StringIO) -> None:
    logging.getLogger("library").error("cannot send %s to %s", CANARY, Revealing())
    [line] = lines(written)
    assert line["message"] == "cannot send %s to %s"
    assert (line["service"], line["logger"], line["level"]) == ("screening", "library", "error")


def test_what_a_library_filled_in_itself_is_only_a_place(written: StringIO) -> None:
    logging.getLogger("library").error(f"cannot send {CANARY}")  # noqa: G004
    logging.getLogger("library").error(Revealing())
    for line in lines(written):
        assert str(line["message"]).startswith("test_logs.py:")


def test_an_exceptions_text_and_its_causes_stay_out(written: StringIO) -> None:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as why:
            raise ValueError(CANARY) from why
    except ValueError as why:
        logs.warn(logs.logger("test"), "it failed", why, count=1)
        logging.getLogger("library").exception("it failed %s", CANARY)
    for line in lines(written):
        assert line["error"] == "ValueError"
        assert str(line["where"]).count("test_logs.py:") == 1


def test_only_allowed_fields_get_out_and_of_objects_only_their_kind(written: StringIO) -> None:
    log = logs.logger("test")
    letter, now = UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)
    logs.info(log, "done", subject=CANARY, count=3, letter=letter, offset=now, status=Revealing())
    log.info("done", extra={"name_": CANARY, "fields": [CANARY]})
    log.info("done", extra={"patient": CANARY})
    first, *_ = lines(written)
    assert first["count"] == 3
    assert first["letter"] == str(letter)
    assert first["offset"] == str(now)
    assert first["status"] == "Revealing"


async def test_a_lost_exception_stays_out(written: StringIO) -> None:
    """asyncio tells of it with the task's repr, which holds the exception's text."""

    async def fail() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    [line] = lines(written)
    assert line["logger"] == "asyncio"
    assert line["error"] == "ValueError"


def test_a_warnings_text_stays_out(written: StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, stacklevel=1)
    [line] = lines(written)
    assert line["logger"] == "py.warnings"


def test_what_ends_the_process_is_told_without_its_text(written: StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        sys.excepthook(*sys.exc_info())
    [line] = lines(written)
    assert (line["level"], line["error"]) == ("critical", "ValueError")


def test_libraries_speak_from_warning_on_and_ours_from_info(written: StringIO) -> None:
    logging.getLogger("library").info("%s", "hello")
    logging.getLogger("aiokafka.consumer").warning("%s", "hello")
    logs.info(logs.logger("test"), "hello")
    assert [line["logger"] for line in lines(written)] == ["trialops.test"]
