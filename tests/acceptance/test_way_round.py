"""The way round: a site submits, an investigator signs, the randomizer draws, the log proves it."""

import json
import re
from uuid import UUID

import httpx
import pytest

from tests.acceptance import proofs, topics
from tests.acceptance.platform import Platform
from tests.acceptance.story import Json, Story
from tests.acceptance.topics import Record
from tests.acceptance.trials import NCT
from tests.waiting import until_true

ALWAYS = {
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_trial",
    "ce_actor",
    "ce_sequence",
    "content-type",
}
OF_A_SUBJECT = ALWAYS | {"ce_subject", "ce_site"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def randomized(platform: Platform, story: Story, subject: str) -> Record:
    """The one PatientRandomized of a subject."""
    story.drawn(subject)
    key = f"{story.trial}:{subject}"
    [record] = topics.awaited(platform.kafka, "trialops.randomization", key, 1)
    assert record.type == "trialops.PatientRandomized.v1"
    return record


def signed_subject(story: Story) -> str:
    """A subject of NCT06903312, submitted and signed."""
    subject = story.new_subject()
    story.sign(story.submit(subject))
    return subject


def test_a_signed_subject_is_drawn_and_everyone_learns_the_same(
    platform: Platform, nct: Story
) -> None:
    subject = nct.new_subject()
    screening = nct.submit(subject)
    assert (screening["verdict"], screening["stratum"]) == ("eligible", "le4")
    assert (screening["attempt"], screening["revision"], screening["signed"]) == (1, 1, False)
    assert nct.allocation(subject) is None  # not before the signature
    signed = nct.sign(screening)
    assert (signed["id"], signed["revision"], signed["signed"]) == (screening["id"], 1, True)

    allocation = nct.drawn(subject)
    assert allocation.keys() == {"subject", "number", "stratum", "arm", "at"}
    assert allocation["arm"] in ("DCN", "RT", "SOC")
    data = json.loads(randomized(platform, nct, subject).value or b"")
    assert data == {
        "subject": subject,
        "site": "IT001",
        "stratum": "le4",
        "number": allocation["number"],
        "arm": allocation["arm"],
        "protocol_version": "1.0",
    }


def test_an_event_has_the_contracts_headers_each_once(platform: Platform, nct: Story) -> None:
    subject = signed_subject(nct)
    record = randomized(platform, nct, subject)
    names = [name for name, _ in record.headers]
    assert sorted(names) == sorted(OF_A_SUBJECT | {"ce_causationid", "ce_traceparent"})
    key = f"{NCT}:{subject}"
    assert record.key == key.encode()
    assert record.header("ce_specversion") == "1.0"
    assert record.header("ce_source") == "/trialops/randomizer"
    assert record.header("ce_actor") == "randomizer"
    assert record.header("ce_sequence") == "1"
    assert record.header("content-type") == "application/json"
    assert (record.header("ce_trial"), record.header("ce_site")) == (NCT, "IT001")
    assert record.header("ce_subject") == subject
    assert TIME.fullmatch(record.header("ce_time") or "")
    assert UUID(record.header("ce_id") or "").version == 7

    submitted, signed = topics.awaited(platform.kafka, "trialops.screening", key, 2)
    assert record.header("ce_causationid") == signed.header("ce_id")
    assert [one.header("ce_sequence") for one in (submitted, signed)] == ["1", "2"]
    assert submitted.header("ce_actor") == "site-person"
    assert signed.header("ce_actor") == "investigator-person"
    for one in (submitted, signed):  # a person did it: nothing caused it
        assert {name for name, _ in one.headers} == OF_A_SUBJECT | {"ce_traceparent"}


def test_a_screened_event_carries_what_the_protocol_lists_and_no_other_value(
    platform: Platform, nct: Story
) -> None:
    subject = signed_subject(nct)
    _, signed = topics.awaited(platform.kafka, "trialops.screening", f"{NCT}:{subject}", 2)
    data = json.loads(signed.value or b"")
    form_sha256 = data.pop("form_sha256")
    screening = data.pop("screening")
    assert re.fullmatch("[0-9a-f]{64}", form_sha256)
    assert UUID(screening).version == 7
    assert data == {
        "subject": subject,
        "site": "IT001",
        "attempt": 1,
        "revision": 1,
        "signed": True,
        "verdict": "eligible",
        "stratum": "le4",
        "unmet": [],
        "unknown": [],
        "protocol_version": "1.0",
        "carry": {"soc_regimen": "cabozantinib_nivolumab"},
    }


def test_an_entry_is_the_record_in_structured_mode(platform: Platform, nct: Story) -> None:
    subject = signed_subject(nct)
    record = randomized(platform, nct, subject)
    [entry] = nct.logged("PatientRandomized", subject=subject)
    items = nct.auditor.pages("audit", nct.path("entries"), subject=subject)
    [text] = [item["entry"] for item in items if item["index"] == entry["index"]]
    attributes = {
        name.removeprefix("ce_"): value.decode()
        for name, value in record.headers
        if name != "content-type"
    } | {"datacontenttype": "application/json", "topic": "trialops.randomization"}
    head = json.dumps(attributes, sort_keys=True, separators=(",", ":"))
    assert text == f'{head[:-1]},"data":{(record.value or b"").decode()}}}'


def test_the_log_has_every_fact_of_a_subject_once(nct: Story) -> None:
    subject = signed_subject(nct)
    nct.logged("PatientRandomized", subject=subject)
    kinds = sorted(entry["type"].split(".")[1] for entry in nct.until_entries(5, subject))
    assert kinds == [
        "PatientRandomized",
        "PatientScreened",
        "PatientScreened",
        "ScreeningSigned",
        "ScreeningSubmitted",
    ]
    by_the_investigator = nct.entries(subject=subject, actor="investigator-person")
    assert {entry["type"].split(".")[1] for entry in by_the_investigator} == {
        "PatientScreened",
        "ScreeningSigned",
    }


def open_log(platform: Platform, path: str, **query: int) -> httpx.Response:
    """What anyone may read of the log, without a token."""
    answer = platform.http.get(f"{platform.services['audit']}/v1/log/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer


def head(platform: Platform) -> proofs.Head:
    """The newest signed head."""
    note = open_log(platform, "checkpoint").text
    return proofs.signed_head(note, open_log(platform, "key").text)


def test_a_fact_comes_under_a_checkpoint_and_is_proved_to_be_in_it(
    platform: Platform, nct: Story
) -> None:
    subject = signed_subject(nct)
    [entry] = nct.logged("PatientRandomized", subject=subject)
    index: int = entry["index"]
    until_true(lambda: head(platform).size > index, 30)  # the contract's bound
    signed = head(platform)
    answer = open_log(platform, "proof/inclusion", index=index, size=signed.size).json()
    assert (answer["index"], answer["size"]) == (index, signed.size)
    items: list[Json] = nct.auditor.pages("audit", nct.path("entries"), subject=subject)
    [text] = [item["entry"] for item in items if item["index"] == index]
    led_to = proofs.root_by_inclusion(index, signed.size, text.encode(), answer["hashes"])
    assert led_to == signed.root


def test_a_later_log_is_proved_to_continue_an_earlier_one(platform: Platform, nct: Story) -> None:
    signed_subject(nct)
    until_true(lambda: head(platform).size > 0, 30)
    old = head(platform)
    signed_subject(nct)
    until_true(lambda: head(platform).size > old.size, 30)
    new = head(platform)
    sizes = {"from": old.size, "to": new.size}
    answer = open_log(platform, "proof/consistency", **sizes).json()
    hashes = answer.pop("hashes")
    assert answer == sizes
    roots = proofs.roots_by_consistency(old.size, new.size, old.root, hashes)
    assert roots == (old.root, new.root)
    same = open_log(platform, "proof/consistency", **{"from": new.size, "to": new.size})
    assert same.json()["hashes"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("proof/inclusion", {"index": "0", "size": "0"}),
        ("proof/inclusion", {"index": "5", "size": "5"}),
        ("proof/inclusion", {"index": "-1", "size": "5"}),
        ("proof/inclusion", {"index": "0", "size": str(10**18)}),
        ("proof/inclusion", {"index": "0", "size": str(10**30)}),
        ("proof/inclusion", {"index": "x", "size": "5"}),
        ("proof/inclusion", {"size": "5"}),
        ("proof/consistency", {"from": "0", "to": "5"}),
        ("proof/consistency", {"from": "6", "to": "5"}),
        ("proof/consistency", {"from": "1", "to": str(10**30)}),
        ("proof/consistency", {"from": "1", "to": "2", "size": "3"}),
    ],
)
def test_a_bad_question_to_the_log_is_refused(
    platform: Platform, path: str, query: dict[str, str]
) -> None:
    answer = platform.http.get(f"{platform.services['audit']}/v1/log/{path}", params=query)
    assert 400 <= answer.status_code < 500


def test_the_whole_log_verifies_from_its_raw_entries(
    platform: Platform, nct: Story, tmp_path_factory: pytest.TempPathFactory
) -> None:
    subject = signed_subject(nct)
    [entry] = nct.logged("PatientRandomized", subject=subject)
    until_true(lambda: head(platform).size > entry["index"], 30)
    checked = platform.run("audit", "verify")
    assert checked.code == 0, checked.err
    [said] = checked.rows
    assert said["ok"] and said["problems"] == [] and said["size"] > entry["index"]

    bundle = tmp_path_factory.mktemp("bundle") / "log.zip"
    assert platform.run("audit", "export", str(bundle)).code == 0
    assert platform.run("audit", "verify", "--bundle", str(bundle)).code == 0
