"""What people do in a trial, in their words: submit, sign, wait for the draw, look at the log."""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from tests.acceptance import forms
from tests.acceptance.people import Person
from tests.acceptance.platform import Platform
from tests.acceptance.trials import NCT
from tests.waiting import until_true

Json = dict[str, Any]

_numbers = count(1)
PATIENCE_S = 20


def new_subject(site: str = "T1") -> str:
    """A subject that no other test has."""
    return f"{site}-{next(_numbers):06}"


@dataclass
class Story:
    """One trial and the people in it."""

    platform: Platform
    trial: str
    site: Person = field(init=False)
    investigator: Person = field(init=False)
    manager: Person = field(init=False)
    officer: Person = field(init=False)
    statistician: Person = field(init=False)
    auditor: Person = field(init=False)

    def __post_init__(self) -> None:
        self.site = self.platform.person("site", "site-person")
        self.investigator = self.platform.person("investigator", "investigator-person")
        self.manager = self.platform.person("trial_manager", "manager-person")
        self.officer = self.platform.person("safety_officer", "officer-person")
        self.statistician = self.platform.person("statistician", "first-statistician")
        self.auditor = self.platform.person("auditor", "auditor-person")

    def path(self, rest: str) -> str:
        """A path of the trial."""
        return f"/trials/{self.trial}/{rest}"

    # screening

    def form(self, **changes: Any) -> Json:
        """An eligible form of this trial."""
        return forms.nct(**changes) if self.trial == NCT else forms.tiny(**changes)

    def new_subject(self) -> str:
        """A subject of the trial's first site that no other test has."""
        return new_subject("IT001" if self.trial == NCT else "T1")

    def submission(
        self, subject: str, form: Json | None = None, key: str | None = None
    ) -> httpx.Response:
        """A site submits."""
        body = {"subject": subject, "form": self.form() if form is None else form}
        return self.site.post("screening", self.path("screenings"), body, key)

    def submit(self, subject: str, form: Json | None = None) -> Json:
        """The screening that was kept."""
        answer = self.submission(subject, form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def act(self, screening: Json, verb: str, body: Json) -> httpx.Response:
        """A correction or a failure, by the site."""
        path = self.path(f"screenings/{screening['id']}/{verb}")
        return self.site.post("screening", path, body)

    def correct(self, screening: Json, **changes: Any) -> Json:
        """The screening as corrected."""
        body = {"changes": changes, "reason": "read again"}
        answer = self.act(screening, "corrections", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def signature(self, screening: Json) -> httpx.Response:
        """The investigator signs."""
        path = self.path(f"screenings/{screening['id']}/signature")
        return self.investigator.post("screening", path, {"meaning": "eligible, I have checked"})

    def sign(self, screening: Json) -> Json:
        """The screening as signed."""
        answer = self.signature(screening)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def screening(self, screening: Json) -> Json:
        """The screening as it stands."""
        answer = self.site.get("screening", self.path(f"screenings/{screening['id']}"))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # randomization

    def allocation(self, subject: str) -> Json | None:
        """The subject's draw as its site sees it, None before."""
        answer = self.site.get("randomizer", self.path(f"allocations/{subject}"))
        assert answer.status_code in (200, 404), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    def drawn(self, subject: str, seconds: float = PATIENCE_S) -> Json:
        """The subject's draw, waited for."""
        until_true(lambda: self.allocation(subject) is not None, seconds)
        found = self.allocation(subject)
        assert found is not None
        return found

    def randomize(self, **changes: Any) -> str:
        """A new subject, screened and drawn."""
        subject = self.new_subject()
        self.submit(subject, self.form(**changes))
        self.drawn(subject)
        return subject

    def enrolment(self) -> Json:
        """How far the trial has come."""
        answer = self.manager.get("randomizer", self.path("enrolment"))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def randomize_signed(self, **changes: Any) -> str:
        """A new subject, screened, signed and drawn."""
        subject = self.new_subject()
        self.sign(self.submit(subject, self.form(**changes)))
        self.drawn(subject)
        return subject

    def until_enrolment(self, **wanted: Any) -> Json:
        """The enrolment once these members are so."""
        until_true(lambda: wanted.items() <= self.enrolment().items(), PATIENCE_S)
        return self.enrolment()

    def command(self, person: Person, verb: str) -> httpx.Response:
        """Pause, resume, close, `sites/T1/close`, `seed/open`."""
        return person.post("randomizer", self.path(verb), {"reason": f"a test of {verb}"})

    def load_list(self, text: str) -> httpx.Response:
        """The statistician uploads an allocation list."""
        return self.statistician.ask(
            "PUT", "randomizer", self.path("allocation-list"), content=text.encode()
        )

    # safety

    def event_form(self, **changes: Any) -> Json:
        """A form of an adverse event, a SUSAR in hospital unless told otherwise."""
        return {
            "term": "Headache",
            "site_aware_at": "2026-03-01T12:00:00Z",
            "seriousness": ["hospitalisation"],
            **changes,
        }

    def reporting(self, subject: str, key: str | None = None, **form: Any) -> httpx.Response:
        """A site reports an adverse event."""
        body = {"subject": subject, "form": self.event_form(**form)}
        return self.site.post("safety", self.path("adverse-events"), body, key)

    def report(self, subject: str, **form: Any) -> Json:
        """The case that was kept."""
        answer = self.reporting(subject, **form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def follow_up(self, case: Json, **changes: Any) -> Json:
        """The case after the site's follow-up."""
        path = self.path(f"adverse-events/{case['case']}/follow-ups")
        answer = self.site.post("safety", path, {"form": changes})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def assess(self, case: Json, **said: Any) -> Json:
        """The case after the sponsor's judgement."""
        path = self.path(f"adverse-events/{case['case']}/assessments")
        answer = self.officer.post("safety", path, {"reason": "as I see it", **said})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def submission_of(self, case: Json, kind: str, at: str) -> httpx.Response:
        """A report was sent to the authority."""
        path = self.path(f"adverse-events/{case['case']}/submissions")
        body = {"authority": "EU-CTR", "kind": kind, "submitted_at": at}
        return self.officer.post("safety", path, body)

    def case(self, case: Json) -> Json:
        """The case with its whole history."""
        answer = self.officer.get("safety", self.path(f"adverse-events/{case['case']}"))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def withdraw(self, subject: str, withdrawn_from: str = "consent") -> httpx.Response:
        """The site reports a withdrawal."""
        body = {
            "subject": subject,
            "from": withdrawn_from,
            "date": "2026-03-01",
            "reason": "private",
        }
        return self.site.post("safety", self.path("withdrawals"), body)

    # the log

    def entries(self, **query: str) -> list[Json]:
        """Entries of the trial's log, parsed, in the log's order."""
        items = self.auditor.pages("audit", self.path("entries"), **query)
        return [{"index": item["index"], **json.loads(item["entry"])} for item in items]

    def until_entries(self, number: int, subject: str) -> list[Json]:
        """All that happened to a subject, once there are so many entries of it."""
        until_true(lambda: len(self.entries(subject=subject)) >= number, PATIENCE_S)
        found = self.entries(subject=subject)
        assert len(found) == number
        return found

    def logged(self, event: str, number: int = 1, **query: str) -> list[Json]:
        """Entries of one type, waited for until there are so many."""
        query["type"] = f"trialops.{event}.v1"
        until_true(lambda: len(self.entries(**query)) >= number, PATIENCE_S)
        return self.entries(**query)
