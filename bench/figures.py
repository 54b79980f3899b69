"""The figures: what is divided by what, and what is asked of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bench.deciding import Deciding
from bench.designs import Designs
from bench.drawing import Drawing
from bench.ground import Ground
from bench.relaying import Relaying
from bench.replicas import Replicas
from bench.waiting import SESSION_S, Waiting
from bench.web import Web

Measure = Callable[[], Awaitable[float]]


class Unknown(ValueError):
    """no figure has this name"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio of two measurements, or, without a `baseline`, a measurement itself."""

    name: str
    says: str
    subject: str
    baseline: str | None
    target: float
    at_most: bool = False

    def of(self, values: Mapping[str, float]) -> float:
        """The figure of one run."""
        value = values[self.subject]
        return value if self.baseline is None else value / values[self.baseline]

    def met(self, value: float) -> bool:
        """Whether it is what is asked."""
        return value <= self.target if self.at_most else value >= self.target


FIGURES = (
    Figure("randomizer", "randomizer's pipeline ÷ bare loop", "pipeline", "bare", 0.8),
    Figure("faststream", "÷ FastStream one by one", "pipeline", "one_by_one", 20),
    Figure("outbox", "÷ FastStream with faststream-outbox", "pipeline", "with_outbox", 20),
    Figure("postgres", "÷ PostgreSQL part alone", "pipeline", "postgres_alone", 0.5),
    Figure("telemetry", "traces and metrics on ÷ off", "traced", "silent", 0.9),
    Figure("relay", "relay draining ÷ produce only", "drain", "produce_only", 0.6),
    Figure("replay", "events already seen ÷ fresh", "replay", "pipeline", 1.5),
    Figure("vast", "10 million watermarks ÷ none", "vast", "sparse", 0.8),
    Figure(
        "p99", "p99 at half the top rate ÷ bare loop's", "service_p99", "bare_p99", 3, at_most=True
    ),
    Figure("single", "a screening over HTTP ÷ FastAPI route", "single", "route", 0.5),
    Figure("least", "÷ the least that keeps its rows", "single", "least", 0.5),
    Figure("batch", "screenings in a batch ÷ single", "batch", "single", 8),
    Figure("engine", "forms decided ÷ a function by hand", "engine", "by_hand", 0.5),
    Figure("screen", "and answered, with evidence ÷ without", "screen", "by_hand_told", 0.5),
    Figure("draws", "permuted blocks drawn a second, in memory", "draws", None, 50_000),
    Figure("macs", "drawn ÷ their HMACs alone", "draws", "macs", 0.2),
    Figure("exact", "exact figures of five designs, n = 200, s", "exact", None, 5, at_most=True),
    Figure("replicas2", "CPU an event, 2 replicas ÷ 1", "cpu_two", "cpu_one", 1.1, at_most=True),
    Figure("replicas4", "CPU an event, 4 replicas ÷ 1", "cpu_four", "cpu_one", 1.1, at_most=True),
    Figure(
        "kill",
        f"kill -9 to the next draw, s (session {SESSION_S} s)",
        "back_after_kill",
        None,
        SESSION_S + 5,
        at_most=True,
    ),
)

UNITS = {
    "service_p99": "ms",
    "bare_p99": "ms",
    "cpu_one": "CPU s a 1000",
    "cpu_two": "CPU s a 1000",
    "cpu_four": "CPU s a 1000",
    "back_after_kill": "s",
    "exact": "s",
}
"""What a measurement counts, where it is not something a second."""


def chosen(names: str | None) -> tuple[Figure, ...]:
    """The figures of these names, all without; Unknown with the name that none has."""
    if names is None:
        return FIGURES
    by_name = {figure.name: figure for figure in FIGURES}
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in by_name:
            raise Unknown(f"no figure {name!r}; there are {', '.join(by_name)}")
    return tuple(by_name[name] for name in dict.fromkeys(wanted))


def measurements(ground: Ground) -> dict[str, Measure]:
    """Every measurement by its name, in the order in which a run takes them."""
    drawing = Drawing(ground)
    relaying, waiting = Relaying(ground), Waiting(ground, drawing)
    web, deciding, replicas = Web(ground), Deciding(ground), Replicas(ground)
    designs = Designs(ground)
    return {
        "pipeline": drawing.pipeline,
        "bare": drawing.bare,
        "postgres_alone": drawing.postgres_alone,
        "one_by_one": drawing.one_by_one,
        "with_outbox": drawing.with_outbox,
        "silent": drawing.silent,
        "traced": drawing.traced,
        "replay": drawing.replay,
        "drain": relaying.drain,
        "produce_only": relaying.produce_only,
        "service_p99": waiting.service_p99,
        "bare_p99": waiting.bare_p99,
        "single": web.single,
        "route": web.route,
        "least": web.least,
        "batch": web.batch,
        "engine": deciding.engine,
        "by_hand": deciding.by_hand,
        "screen": deciding.screen,
        "by_hand_told": deciding.by_hand_told,
        "draws": designs.draws,
        "macs": designs.macs,
        "exact": designs.exact,
        "cpu_one": replicas.one,
        "cpu_two": replicas.two,
        "cpu_four": replicas.four,
        "back_after_kill": waiting.back_after_kill,
        "sparse": drawing.sparse,
        "vast": drawing.vast,
    }
