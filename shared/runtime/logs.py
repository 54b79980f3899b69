"""Structured logs: one JSON object a line, and only fields of an allow-list ever get out.

Personal data cannot slip in by accident: a library's message is written as its template, without
the values that would fill it, and a traceback without the exception's text. Where a library may
have filled it in itself, only the place that spoke is written.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from uuid import UUID

from shared.contracts.envelope import rfc3339
from shared.runtime.clock import wall

OURS = "trialops"

FIELDS = frozenset(
    {
        "attempt",
        "check",
        "count",
        "duration_ms",
        "error",
        "kind",
        "letter",
        "method",
        "offset",
        "partition",
        "port",
        "reason_code",
        "route",
        "size",
        "status",
        "topic",
        "trace_id",
        "trial",
        "version",
        "where",
    }
)


class Formatter(logging.Formatter):
    """One line of JSON: time, level, service, message, and the allowed fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record's line; its message is a constant of the code, never filled in."""
        line: dict[str, object] = {
            "time": rfc3339(wall()),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": _message(record),
        }
        given = record.__dict__.get("fields")
        if isinstance(given, Mapping):
            line |= {name: value for name, value in given.items() if name in FIELDS}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__qualname__
            line["where"] = [
                f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-8:]
            ]
        return json.dumps(line, default=_told)


def _message(record: logging.LogRecord) -> str:
    """Ours are constants. A library's is one where it has values to fill in, else it may hold them:
    asyncio's tells a lost exception with its text.
    """
    ours = record.name.partition(".")[0] == OURS
    if isinstance(record.msg, str) and (ours or record.args):
        return record.msg
    return f"{record.filename}:{record.lineno}:{record.funcName}"


def _told(value: object) -> str:
    """A field's value that is not JSON: an id or a time as text, of anything else only its kind."""
    return str(value) if isinstance(value, UUID | datetime) else type(value).__qualname__


def set_up(service: str) -> None:
    """Send every logger's lines through the formatter to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(service))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(OURS).setLevel(logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of every rebalance
    logging.captureWarnings(True)
    sys.excepthook = _last_words


def logger(noun: str) -> logging.Logger:
    """Our logger for one noun of the runtime or of a service."""
    return logging.getLogger(f"{OURS}.{noun}")


def info(log: logging.Logger, message: str, **fields: object) -> None:
    """Log what happened; `message` is a constant, values go into allowed fields."""
    log.info(message, extra={"fields": fields})


def warn(
    log: logging.Logger, message: str, error: BaseException | None = None, **fields: object
) -> None:
    """Log what went wrong and will be tried again, with the kind of error."""
    log.warning(message, exc_info=error, extra={"fields": fields})


def _last_words(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What ends the process is logged as everything else is: Python itself would print its text."""
    logger("process").critical("ended by a fault", exc_info=(kind, error, trace))
