"""Audit, wired: one log over every event of every topic."""

from functools import partial

from services.audit import gaps, handlers
from services.audit.api import Api
from services.audit.checkpoint import Signer
from services.audit.publisher import Publisher
from services.audit.restore import refuse_fork
from shared.contracts import versions
from shared.contracts.topics import TOPICS
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection


def build(settings: Settings) -> Service:
    """The service from its settings."""
    trials = versions.load_all(settings.protocols)
    pem = (settings.keys / "audit_ed25519.pem").read_bytes()
    signer = Signer.from_pem(settings.log_origin, pem)
    publisher = Publisher(signer)
    return Service(
        name="audit",
        protocols=list(trials.values()),
        routes=Api(list(trials), signer.verifier).routes(),
        subscriptions=[Collection(topic.name, handlers.on_records) for topic in TOPICS],
        at_start=[publisher.sign],
        jobs=[publisher.run, gaps.watch],
        take_back=partial(refuse_fork, signer),
    )
