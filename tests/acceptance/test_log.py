"""The log against someone with the database in hand, and what only an auditor reads."""

import json

from tests.acceptance.platform import Platform
from tests.acceptance.story import Story
from tests.waiting import until_true

_UNLOCK = "ALTER TABLE audit.entry DISABLE TRIGGER only_added_to"
_LOCK = "ALTER TABLE audit.entry ENABLE TRIGGER only_added_to"
_WRITE = 'UPDATE audit.entry SET line = $1 WHERE "index" = $2'


def signed_size(platform: Platform) -> int:
    """How many entries the newest checkpoint covers."""
    answer = platform.http.get(f"{platform.services['audit']}/v1/log/checkpoint")
    return int(answer.text.splitlines()[1])


def test_one_bit_changed_in_one_stored_entry_is_named(platform: Platform, nct: Story) -> None:
    subject = nct.new_subject()
    nct.sign(nct.submit(subject))
    [entry] = nct.logged("PatientRandomized", subject=subject)
    index: int = entry["index"]
    until_true(lambda: signed_size(platform) > index, 30)
    assert platform.run("audit", "verify").code == 0
    [row] = platform.sql('SELECT line FROM audit.entry WHERE "index" = $1', index)
    line: bytes = row["line"]
    flipped = line[:-3] + bytes([line[-3] ^ 1]) + line[-2:]
    platform.sql(_UNLOCK)
    try:
        platform.sql(_WRITE, flipped, index)
        checked = platform.run("audit", "verify")
    finally:
        platform.sql(_WRITE, line, index)
        platform.sql(_LOCK)
    assert checked.code == 1
    [said] = checked.rows
    assert not said["ok"]
    assert {problem["index"] for problem in said["problems"] if "index" in problem} == {index}
    assert platform.run("audit", "verify").code == 0


def test_the_log_of_the_services_own_role_cannot_be_changed(platform: Platform) -> None:
    granted = platform.sql(
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'trialops_audit' AND table_name = 'entry' AND table_schema = 'audit'"
    )
    assert {row["privilege_type"] for row in granted} == {"SELECT", "INSERT"}


def test_entries_are_found_by_subject_type_actor_and_time(nct: Story) -> None:
    subject = nct.new_subject()
    nct.sign(nct.submit(subject))
    nct.logged("PatientRandomized", subject=subject)
    whole = nct.until_entries(5, subject)
    assert [entry["index"] for entry in whole] == sorted(entry["index"] for entry in whole)
    assert {entry["subject"] for entry in whole} == {subject}
    times = sorted(entry["time"] for entry in whole)
    first, last = times[0], times[-1]
    later = nct.entries(subject=subject, **{"from": last})
    assert later and all(entry["time"] >= last for entry in later)
    earlier = nct.entries(subject=subject, to=last)
    assert len(earlier) + len(later) == len(whole)
    assert nct.entries(subject=subject, to=first) == []
    by_one = nct.auditor.pages("audit", nct.path("entries"), limit=1, subject=subject)
    assert [{"index": i["index"], **json.loads(i["entry"])} for i in by_one] == whole


def test_trial_wide_facts_are_on_record_from_the_start(nct: Story) -> None:
    [committed] = nct.logged("SeedCommitted")
    [activated] = nct.logged("TrialActivated")
    assert committed["topic"] == activated["topic"] == "trialops.randomization"
    assert "subject" not in committed
    assert activated["data"]["protocol_version"] == "1.0"
    assert committed["actor"] == activated["actor"] == "randomizer"
