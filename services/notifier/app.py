"""The notifier, wired: events of every service in, calls out until somebody takes them up."""

import base64
from functools import partial

from services.notifier import first_contacts, handlers, timers
from services.notifier.api import Api
from services.notifier.commands import Book
from services.notifier.desk import DIGEST, Desk
from services.notifier.routing import Routes
from services.notifier.rules import NotificationRules
from services.notifier.sending import Sending
from services.notifier.store import LAPSE, STEP
from shared.contracts import versions
from shared.contracts.topics import SERVICES, dead_topic
from shared.contracts.versions import ByTime
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection

_HEARD = (
    "trialops.screening",
    "trialops.randomization",
    "trialops.safety",
    "trialops.audit",
    *(dead_topic(service) for service in SERVICES),
)


def build(settings: Settings) -> Service:
    """The service from its settings."""
    protocols = versions.load_all(settings.protocols)
    key = base64.b64decode((settings.keys / "contacts_key").read_bytes(), validate=True)
    rules = {of.id: ByTime.of(of, NotificationRules.of) for of in protocols.values()}
    desk = Desk(Routes(rules), settings.portal_url)
    book = Book(protocols, key)
    lists = first_contacts.read(settings.contacts) if settings.contacts else {}
    return Service(
        name="notifier",
        not_taken_back="it hears the events since the backup again and calls people a second time:"
        " tell them; contacts that were changed since have to be set again",
        protocols=list(protocols.values()),
        routes=Api(desk, book).routes(),
        subscriptions=[Collection(topic, partial(handlers.on_records, desk)) for topic in _HEARD],
        at_start=[partial(first_contacts.take, desk, book, lists)],
        jobs=[Sending(desk, settings, key).run],
        timers={
            STEP: partial(timers.on_step, desk),
            LAPSE: partial(timers.on_lapse, desk),
            DIGEST: partial(timers.on_digest, desk),
        },
    )
