"""What befell a subject, over HTTP: survival and withdrawals."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime

from starlette.responses import Response

from services.safety import bodies, commands, scope, subject_commands
from services.safety.commands import Trial
from services.safety.subject_commands import Conflict
from services.safety.subjects import Subject, Survival, Withdrawal
from shared.contracts.subjects import SubjectId, TrialId, site_of
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import conflict, invalid
from shared.runtime.routes import Call, Route
from shared.runtime.security import Role
from shared.runtime.work import Answer

_SITE = frozenset({Role.SITE, Role.INVESTIGATOR})

Say = Callable[[Connection, Trial, Subject, str, datetime], Awaitable[list[NewEvent]]]


class SubjectApi:
    """The routes of subjects, over the trials that are watched over here."""

    def __init__(self, trials: Mapping[TrialId, Trial]) -> None:
        self._trials = trials

    def routes(self) -> list[Route]:
        """The table."""
        trial = "/v1/trials/{trial}"
        return [
            Route(
                "POST",
                f"{trial}/survival",
                _SITE,
                self.survive,
                "a subject's survival status",
                body=bodies.SurvivalBody,
                answers={200: bodies.SurvivalAnswer},
            ),
            Route(
                "POST",
                f"{trial}/withdrawals",
                _SITE,
                self.withdraw,
                "a subject's withdrawal",
                body=bodies.WithdrawalBody,
                answers={200: bodies.WithdrawalAnswer},
            ),
        ]

    async def survive(self, call: Call) -> Response:
        """Keep a survival status."""
        said = call.body
        if said.status == "alive" and said.cause is not None:
            raise invalid([(("cause",), "is of a death alone")])
        survival = Survival(said.status, said.date, said.cause)

        async def say(
            db: Connection, trial: Trial, subject: Subject, person: str, now: datetime
        ) -> list[NewEvent]:
            return await subject_commands.survive(db, trial, subject, survival, person, now)

        return await self._say(call, say, {"status": said.status, "date": said.date})

    async def withdraw(self, call: Call) -> Response:
        """Keep a withdrawal; of the consent, no draw follows it."""
        said = call.body
        withdrawal = Withdrawal(said.withdrawn_from, said.date, said.reason)

        async def say(
            db: Connection, trial: Trial, subject: Subject, person: str, now: datetime
        ) -> list[NewEvent]:
            return await subject_commands.withdraw(db, trial, subject, withdrawal, person, now)

        return await self._say(call, say, {"from": said.withdrawn_from, "date": said.date})

    async def _say(self, call: Call, say: Say, told: Mapping[str, object]) -> Response:
        """Keep what befell a subject on a day that has come at its site."""
        trial, subject = scope.trial(self._trials, call), SubjectId(call.body.subject)
        _not_future(trial, subject, call.body.date, call.work.now())
        site = scope.site(call, trial, site_of(subject))

        async def decide(db: Connection, now: datetime) -> Answer:
            known = await commands.known(db, trial, subject)
            try:
                events = await say(db, trial, known, call.caller.sub, now)
            except Conflict as why:
                raise conflict(why.type, f"Not possible: {why.detail}.") from why
            return Answer({"subject": subject, "site": site, **told}, events=events)

        return await call.write(decide)


def _not_future(trial: Trial, subject: SubjectId, day: date, now: datetime) -> None:
    if day > trial.versions.today(site_of(subject), now):
        raise invalid([(("date",), "is in the future")])
