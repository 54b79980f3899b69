"""The routes of a consumer's dead letters, for the trial manager: list, show, replay, drop."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from starlette.responses import Response

from shared.contracts import jsontext
from shared.contracts.events.access import DeadLetterResolved, DeadLetterSettled
from shared.runtime import deadletters, watermark
from shared.runtime.batch import Batch
from shared.runtime.database import Connection
from shared.runtime.deadletters import Buried, Exhumed
from shared.runtime.lines import Line
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import conflict, invalid, not_found
from shared.runtime.record import Identity
from shared.runtime.routes import Call, Page, Reason, Route
from shared.runtime.security import ALL, Role
from shared.runtime.subscription import Collection, Subscription
from shared.runtime.watermark import Kept
from shared.runtime.work import Answer

Outcome = Literal["replayed", "dropped"]

_MANAGER = frozenset({Role.TRIAL_MANAGER})


class DeadLetter(BaseModel):
    """Where a record stood and why it could not be applied; nothing of its content."""

    id: UUID
    topic: str
    partition: int
    offset: int
    key: str | None
    reason: str


class DeadLetterPage(BaseModel):
    """Open letters in order of their ids."""

    items: list[DeadLetter]
    next: UUID | None


class Settled(BaseModel):
    """What became of a letter."""

    id: UUID
    state: Outcome


class DeadLetters:
    """A consumer's dead letters over HTTP. Nothing of their content is shown here."""

    def __init__(self, subscriptions: Mapping[str, Subscription | Collection]) -> None:
        self._subscriptions = subscriptions

    def routes(self) -> list[Route]:
        """The table."""
        return [
            Route(
                "GET",
                "/v1/dead",
                _MANAGER,
                self.listing,
                "open dead letters",
                query=Page,
                answers={200: DeadLetterPage},
            ),
            Route(
                "GET",
                "/v1/dead/{letter}",
                _MANAGER,
                self.show,
                "one dead letter",
                answers={200: DeadLetter},
            ),
            Route(
                "POST",
                "/v1/dead/{letter}/replay",
                _MANAGER,
                self.replay,
                "apply the letter, then those waiting behind it",
                answers={200: Settled},
            ),
            Route(
                "POST",
                "/v1/dead/{letter}/drop",
                _MANAGER,
                self.drop,
                "pass the letter over, for a reason",
                body=Reason,
                answers={200: Settled},
            ),
        ]

    async def listing(self, call: Call) -> Response:
        """Open letters of the caller's trials; of no trial only for who may see all."""
        after = None
        if call.query.after is not None:
            after = _uuid(call.query.after)
            if after is None:
                raise invalid([(("query", "after"), "is not the `next` of a list")])
        trials = None if ALL in call.caller.trials else sorted(call.caller.trials)
        async with call.work.reading() as db:
            found = await deadletters.listed(db, trials, after, call.query.limit + 1)
        items, more = found[: call.query.limit], len(found) > call.query.limit
        body = {"items": [_shown(item) for item in items], "next": items[-1].id if more else None}
        return Response(jsontext.dumps(body), media_type="application/json")

    async def show(self, call: Call) -> Response:
        """One open letter."""
        name = _letter(call)
        async with call.work.reading() as db:
            found = await deadletters.one(db, name)
        if found is None or not _in_scope(call, found.key):
            raise not_found("dead letter")
        return Response(jsontext.dumps(_shown(found)), media_type="application/json")

    async def replay(self, call: Call) -> Response:
        """Apply the letter and all that waited behind it, in order, in one transaction."""
        name = _letter(call)

        async def decide(db: Connection, now: datetime) -> Answer:
            letter = await self._open(call, db, name)
            identity = letter.record.identity
            subscription = self._subscriptions.get(letter.record.topic)
            if identity is None or not letter.blocks or not isinstance(subscription, Subscription):
                raise conflict("not-replayable", "This letter can only be dropped.")
            batch, line = await self._line(call, db, now, letter, identity)
            line.waiting[identity.sequence] = Kept(identity, letter.record)
            await batch.advance(subscription, [line])
            if line.mark.sequence < identity.sequence:
                reason = batch.letters[0].reason if batch.letters else "it was refused again"
                raise conflict("still-dead", f"The letter still cannot be applied: {reason}.")
            await self._resume(call, subscription, batch, letter)
            return await _settled(call, db, now, letter, "replayed", None)

        return await call.write(decide)

    async def drop(self, call: Call) -> Response:
        """Pass the letter over for ever; what waited behind it goes on."""
        name = _letter(call)

        async def decide(db: Connection, now: datetime) -> Answer:
            letter = await self._open(call, db, name)
            identity = letter.record.identity
            subscription = self._subscriptions.get(letter.record.topic)
            if identity and letter.blocks and isinstance(subscription, Subscription):
                batch, line = await self._line(call, db, now, letter, identity)
                line.mark.raise_to(identity.sequence, identity.ce_id)
                await batch.advance(subscription, [line])
                await self._resume(call, subscription, batch, letter)
            return await _settled(call, db, now, letter, "dropped", call.body.reason)

        return await call.write(decide)

    async def _resume(
        self, call: Call, subscription: Subscription, batch: Batch, letter: Exhumed
    ) -> None:
        """End the batch; that the key goes on is said before what may stop it next."""
        if subscription.resumed:
            batch.tell(letter.id, letter.record, subscription.resumed, call.caller.sub)
        await batch.finish()

    async def _open(self, call: Call, db: Connection, name: UUID) -> Exhumed:
        letter = await deadletters.exhume(db, name)
        key = letter.record.identity.key if letter and letter.record.identity else None
        if letter is None or not _in_scope(call, key):
            raise not_found("dead letter")
        if letter.state != "open":
            raise conflict("already-settled", f"The letter was {letter.state} already.")
        return letter

    async def _line(
        self, call: Call, db: Connection, now: datetime, letter: Exhumed, identity: Identity
    ) -> tuple[Batch, Line]:
        """The letter's key, locked, and nothing standing in front of it any more."""
        marks = await watermark.lock(db, letter.record.topic, [identity.key])
        mark = marks[identity.key]
        if mark.parked != identity.ce_id:
            raise conflict("not-next", "Another letter of this key comes first.")
        mark.parked, mark.changed = None, True
        return Batch(db, call.work.service, now, careful=True), Line(mark)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _letter(call: Call) -> UUID:
    letter = _uuid(call.path["letter"])
    if letter is None:
        raise not_found("dead letter")
    return letter


def _in_scope(call: Call, key: str | None) -> bool:
    trial = deadletters.trial_of(key)
    return ALL in call.caller.trials if trial is None else call.caller.may_see_trial(trial)


def _shown(letter: Buried) -> dict[str, object]:
    return {
        "id": letter.id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key,
        "reason": letter.reason,
    }


async def _settled(
    call: Call, db: Connection, now: datetime, letter: Exhumed, outcome: Outcome, reason: str | None
) -> Answer:
    """The letter is settled: the whole fact for the log, the bare one for who was called."""
    await deadletters.settle(db, letter.id, outcome)
    key = letter.record.identity.key if letter.record.identity else None
    trial, subject = deadletters.named(key)
    name, person = str(letter.id), call.caller.sub
    fact = DeadLetterSettled(letter=name, outcome=outcome, reason=reason)
    news = DeadLetterResolved(letter=name, outcome=outcome)
    events = [
        NewEvent(fact, now, trial=trial, actor=person),
        NewEvent(news, now, trial=trial, subject=subject, actor=person),
    ]
    return Answer({"id": letter.id, "state": outcome}, events=events)
