"""Spans and metrics sent to an OpenTelemetry collector: OTLP, protobuf over HTTP.

Which collector, how often and how patiently is OpenTelemetry's own environment to say, read by its
SDK: `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`, `OTEL_METRIC_EXPORT_*`. Threads of their own send, from
queues with a bound: what a collector out of reach does not take is thrown away.
"""

import logging
import time

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.runtime import logs

_log = logs.logger("otlp")
_QUIET_S = 600.0
_COMPLAIN = ("opentelemetry", "urllib3")


def span_processor() -> SpanProcessor:
    """Takes ended spans and sends them in batches."""
    _listen()
    return BatchSpanProcessor(OTLPSpanExporter())


def metric_reader() -> MetricReader:
    """Sends what all instruments say, every so often."""
    _listen()
    return PeriodicExportingMetricReader(OTLPMetricExporter())


class _Complaints(logging.Handler):
    """One line of ours in ten minutes for whatever the exporters and their HTTP client say.

    They tell of each try, for as long as the collector is away.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Say once that it does not arrive."""
        at = time.monotonic()
        if self._last is None or at - self._last >= _QUIET_S:
            self._last = at
            logs.warn(_log, "telemetry does not reach its collector")


_complaints = _Complaints()


def _listen() -> None:
    for name in _COMPLAIN:
        logger = logging.getLogger(name)
        logger.propagate = False
        if _complaints not in logger.handlers:
            logger.addHandler(_complaints)
