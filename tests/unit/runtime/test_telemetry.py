"""Telemetry costs nothing where nobody asks for it."""

import os
import subprocess
import sys

HEAVY = ("opentelemetry.exporter.otlp", "google.protobuf", "requests", "urllib3")
ASK = """
import sys
from shared.runtime import service, telemetry
telemetry.set_up("screening")
telemetry.shut_down()
print(*sys.modules)
"""


def loaded(**told: str) -> set[str]:
    """The heavy modules that a service's process has."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    asked = subprocess.run(
        (sys.executable, "-c", ASK), env=ours | told, check=True, capture_output=True, text=True
    )
    return set(HEAVY) & set(asked.stdout.split())


def test_an_exporter_is_loaded_only_where_the_environment_names_a_collector() -> None:
    assert loaded() == set()
    nowhere = "http://127.0.0.1:9"
    assert loaded(OTEL_EXPORTER_OTLP_ENDPOINT=nowhere) >= {HEAVY[0], HEAVY[1]}
    assert loaded(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=nowhere) >= {HEAVY[0], HEAVY[1]}


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SAY = f"""
from shared.runtime import telemetry
telemetry.set_up("screening")
for parent in ("{TRACE}", None):
    with telemetry.request_span("/", "POST", parent) as span:
        print(telemetry.traceparent(), span.is_recording())
"""


def test_without_a_collector_no_span_is_made_and_the_callers_trace_goes_on() -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    said = subprocess.run(
        (sys.executable, "-c", SAY), env=ours, check=True, capture_output=True, text=True
    )
    assert said.stdout.splitlines() == [f"{TRACE} False", "None False"]
