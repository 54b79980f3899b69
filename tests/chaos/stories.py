"""What befalls one generated subject: a seeded list of steps, the same for the same seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from tests.acceptance import forms
from tests.acceptance.trials import NCT
from tests.chaos.ledger import Input, Json

PILOT = "CDISCPILOT01"
TINY = "TWAY"
FORGED = "TDEAD"
TRIALS = (NCT, PILOT, TINY)

CANARIES = ("Quokkafever", "Numbatrash", "Bilbyreason", "Potorooword")
"""Free text of people: words that may stand in their service and in the log, and nowhere else."""

SITES = {
    NCT: tuple(f"IT{number:03}" for number in range(1, 7)),
    PILOT: tuple(str(number) for number in range(701, 707)),
    TINY: ("T1", "T2"),
}
_ATTESTED = {
    **dict.fromkeys(("INCL05", "INCL07", "INCL08"), "met"),
    **{f"EXCL{number:02}": "not_met" for number in range(9, 32)},
}
Answers = dict[str, Json]
"""What was answered so far, by the name of the step."""


@dataclass(frozen=True)
class Step:
    """One input, made once the answers before it are known."""

    name: str
    make: Callable[[Answers], Input]


def _eligible(trial: str, random: Random) -> Json:
    match trial:
        case "NCT06903312":
            size = random.choice((3.0, 4.0, 4.5, 7.5))
            return forms.nct(primary_tumour_size={"value": size, "unit": "cm"})
        case "CDISCPILOT01":
            return {
                "informed_consent_date": "2026-03-01",
                "consent_signed": True,
                "age": random.randint(50, 90),
                "sex": "male",
                "probable_ad": True,
                "mmse_total": random.randint(10, 23),
                "hachinski_total": 2,
                "resting_pulse": {"value": 70, "unit": "/min"},
                "attested": _ATTESTED,
            }
        case _:
            return forms.tiny(random.randint(18, 90))


def _signed(trial: str) -> bool:
    return trial == NCT


class Teller:
    """Makes subject after subject; `next` is the story of the next one."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._number = 0

    def next(self) -> list[Step]:
        """The steps of a new subject, in the order in which they are sent."""
        self._number += 1
        random = Random(f"{self._seed}/{self._number}")
        trial = random.choices(TRIALS, (5, 3, 2))[0]
        subject = f"{random.choice(SITES[trial])}-{self._number:06}"
        return list(_Subject(trial, subject, random).steps())


@dataclass(frozen=True)
class _Subject:
    trial: str
    subject: str
    random: Random

    def steps(self) -> Iterator[Step]:
        early = self.random.random() < 0.03
        if early:
            yield self._withdrawal("consent")
        yield from self._screening()
        for number in range(self.random.choice((0, 0, 1, 1, 2))):
            yield from self._adverse_event(number)
        if not early and self.random.random() < 0.1:
            yield self._withdrawal(self.random.choice(("consent", "treatment")))

    def _step(
        self, kind: str, name: str, service: str, path: Callable[[Answers], str], body: Json
    ) -> Step:
        role = "investigator" if kind == "signature" else "site"
        key = f"{self.trial}/{self.subject}/{name}"

        def make(answers: Answers) -> Input:
            where = f"/trials/{self.trial}/{path(answers)}"
            return Input(kind, role, service, where, body, key, self.trial, self.subject)

        return Step(name, make)

    def _screening(self) -> Iterator[Step]:
        form = _eligible(self.trial, self.random)
        at_first = self.random.choices(("eligible", "ineligible", "incomplete"), (7, 2, 1))[0]
        submitted = dict(form)
        match at_first:
            case "ineligible":
                submitted["consent_signed"] = False
            case "incomplete":
                submitted["consent_signed"] = None
        yield self._submit("attempt1", submitted)
        newest = "attempt1"
        if at_first != "eligible":
            match self.random.choice(("again", "corrected", "left")):
                case "again":
                    newest = "attempt2"
                    yield self._submit(newest, form)
                case "corrected":
                    yield self._correct("corrected1", newest, {"consent_signed": True})
                case _:
                    return
        yield from self._sign("signed1", newest)
        if self.random.random() < 0.2:
            changed = {"age": 66} if self.trial != TINY else {"age": 30}
            yield self._correct("corrected2", newest, changed)
            yield from self._sign("signed2", newest)

    def _submit(self, name: str, form: Json) -> Step:
        body = {"subject": self.subject, "form": form}
        return self._step("screening", name, "screening", lambda _: "screenings", body)

    def _correct(self, name: str, of: str, changes: Json) -> Step:
        body = {"changes": changes, "reason": CANARIES[2]}

        def path(answers: Answers) -> str:
            return f"screenings/{answers[of]['id']}/corrections"

        return self._step("correction", name, "screening", path, body)

    def _sign(self, name: str, of: str) -> Iterator[Step]:
        if not _signed(self.trial):
            return

        def path(answers: Answers) -> str:
            return f"screenings/{answers[of]['id']}/signature"

        yield self._step("signature", name, "screening", path, {"meaning": CANARIES[3]})

    def _adverse_event(self, number: int) -> Iterator[Step]:
        scale = "severity" if self.trial == PILOT else "grade"
        value = self.random.choice(("mild", "moderate")) if scale == "severity" else 2
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        form = {
            "term": f"{CANARIES[0]} {number}",
            "site_aware_at": today.isoformat(),
            "seriousness": self.random.choice(([], [], ["hospitalisation"])),
            scale: value,
        }
        body = {"subject": self.subject, "form": form}
        name = f"event{number}"
        yield self._step("report", name, "safety", lambda _: "adverse-events", body)

        def path(answers: Answers) -> str:
            return f"adverse-events/{answers[name]['case']}/follow-ups"

        for nth in range(self.random.choice((0, 1, 2))):
            changes = {"form": {"term": f"{CANARIES[1]} {nth}", "outcome": "recovering"}}
            yield self._step("follow_up", f"{name}-{nth}", "safety", path, changes)

    def _withdrawal(self, of: str) -> Step:
        body = {
            "subject": self.subject,
            "from": of,
            "date": "2026-03-01",
            "reason": CANARIES[2],
        }
        return self._step("withdrawal", f"left {of}", "safety", lambda _: "withdrawals", body)
