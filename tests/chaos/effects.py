"""Effects as three sides know them: who asked, the databases, the `.record` topics."""

from collections import Counter
from collections.abc import Mapping

from tests.chaos.ledger import Ledger
from tests.chaos.world import World

Effect = tuple[object, ...]


def differing(one: Mapping[Effect, int], other: Mapping[Effect, int], what: str) -> list[str]:
    """Where two sides disagree; `what` has room for the two numbers."""
    keys = sorted((key for key in one.keys() | other.keys()), key=str)
    return [
        f"{what.format(one.get(key, 0), other.get(key, 0))}: {' '.join(map(str, key))}"
        for key in keys
        if one.get(key, 0) != other.get(key, 0)
    ]


def acknowledged(ledger: Ledger) -> Counter[Effect]:
    """One for each input that was answered 2xx."""
    found: Counter[Effect] = Counter()
    for one in ledger.acknowledged:
        answer = one.answer
        match one.input.kind:
            case "screening":
                found["revision", answer["id"], 1] += 1
            case "correction":
                found["revision", answer["id"], answer["revision"]] += 1
            case "signature":
                found["signature", answer["id"], answer["revision"]] += 1
            case "report":
                found["version", answer["case"], 1] += 1
            case "follow_up":
                found["version", answer["case"], answer["version"]] += 1
            case "withdrawal":
                found["withdrawal", one.input.trial, one.input.subject, answer["from"]] += 1
    return found


def kept(world: World) -> Counter[Effect]:
    """One for each row that an input left in a database."""
    found: Counter[Effect] = Counter()
    for row in world.rows("screening.revision"):
        found["revision", row["screening"], row["revision"]] += 1
    for row in world.rows("screening.signature"):
        found["signature", row["screening"], row["revision"]] += 1
    versions: Counter[str] = Counter()
    for row in world.rows("safety.fact"):
        if row["kind"] == "version":
            versions[row["id"]] += 1
            found["version", row["id"], versions[row["id"]]] += 1
    for row in world.rows("safety.withdrawal"):
        found["withdrawal", row["trial"], row["subject"], row["withdrawn_from"]] += 1
    return found


def said(world: World) -> Counter[Effect]:
    """One for each event that says so in a `.record` topic, repeats of it left out."""
    found: Counter[Effect] = Counter()
    for record in world.firsts:
        data, trial = record.data, record.headers.get("ce_trial")
        match record.type:
            case "ScreeningSubmitted" | "ScreeningCorrected":
                found["revision", data["screening"], data["revision"]] += 1
            case "ScreeningSigned":
                found["signature", data["screening"], data["revision"]] += 1
            case "AdverseEventSubmitted":
                found["version", data["case"], 1] += 1
            case "AdverseEventFollowedUp":
                found["version", data["case"], data["version"]] += 1
            case "WithdrawalRecorded":
                found["withdrawal", trial, data["subject"], data["from"]] += 1
    return found
