"""The verifier: a good log passes at every size, and whatever is tampered with is named."""

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from services.audit import bundle, merkle, tiles, verify
from services.audit.checkpoint import Signer
from services.audit.entry import line
from tests.unit.audit.small_log import SIGNER, SmallLog, header, lines, resigned

MANY = lines(600)


def exported(log: SmallLog, folder: Path) -> Path:
    path = folder / "log.zip"
    bundle.export(log, path, verify.silent)
    return path


def problems(log: SmallLog, **how: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = verify.verify(log, **how).as_json()["problems"]  # type: ignore[assignment]  # JSON
    return found


def kinds(log: SmallLog, **how: Any) -> set[str]:
    return {problem["kind"] for problem in problems(log, **how)}


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 600])
def test_a_good_log_passes(size: int) -> None:
    log = SmallLog(MANY[:size])
    answer = verify.verify(log, SIGNER.verifier.line).as_json()
    root = base64.b64encode(merkle.combine(log.leaves)).decode()
    assert answer == {
        "ok": True, "size": size, "root": root, "origin": "trialops.example/log", "problems": []
    }  # fmt: skip


def test_a_good_log_of_three_levels_passes_and_its_upper_tiles_are_checked() -> None:
    log = SmallLog(lines(66_000))
    assert problems(log, older=log.checkpoint(65_537)) == []
    upper = ["tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"]
    for path in upper:
        log.parts[path] = log.parts[path][:-1] + b"?"
    found = problems(log)
    assert [problem["kind"] for problem in found] == ["tile"] * 3
    assert [problem["detail"].split()[0] for problem in found] == upper


@pytest.mark.parametrize("past", [0, 1, 255, 256, 257, 599, 600])
def test_an_older_checkpoint_is_of_a_prefix(past: int) -> None:
    log = SmallLog(MANY)
    assert kinds(log, older=log.checkpoint(past)) == set()
    other = resigned(reversed(MANY))
    if past:
        assert kinds(log, older=other.checkpoint(past)) == {"history"}


def test_a_changed_bit_of_an_entry_is_named() -> None:
    chance = random.Random(7)
    for _ in range(40):
        log = SmallLog(MANY)
        index = chance.randrange(600)
        entries = list(MANY)
        changed = bytearray(entries[index])
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        entries[index] = bytes(changed)
        n = index // 256
        tile = tiles.EntryTile(n, tiles.width_at(0, n, 600))
        log.parts[tile.path] = tiles.bundle(entries[n * 256 : n * 256 + tile.width])
        found = problems(log)
        assert {p["kind"] for p in found} >= {"entry", "root"}
        assert [p["index"] for p in found if p["kind"] == "entry"] == [index]


def test_a_changed_entry_is_named_with_its_id_and_type() -> None:
    log = SmallLog(MANY[:5])
    changed = MANY[3].replace(b'"actor":"site"', b'"actor":"else"')
    log.parts["tile/entries/000.p/5"] = tiles.bundle([*MANY[:3], changed, MANY[4]])
    entry, root = problems(log)
    assert entry == {
        "kind": "entry",
        "index": 3,
        "id": header(3, 1)["ce_id"],
        "type": "trialops.PatientScreened.v1",
        "detail": "the entry does not have the hash that tile/0/000.p/5 has for it",
    }
    assert root["kind"] == "root"


def test_a_changed_entry_whose_hashes_were_changed_too_breaks_the_root() -> None:
    changed = [*MANY[:3], MANY[3].replace(b"site", b"else"), *MANY[4:]]
    log = SmallLog(MANY)
    forged = resigned(changed)
    forged.parts["checkpoint"] = log.parts["checkpoint"]
    assert kinds(forged) == {"root"}
    # Who has the key as well is found by an older checkpoint.
    assert kinds(resigned(changed)) == set()
    assert kinds(resigned(changed), older=log.checkpoint(100)) == {"history"}


def test_swapped_entries_are_named() -> None:
    log = SmallLog(MANY[:9])
    swapped = [*MANY[:3], MANY[4], MANY[3], *MANY[5:9]]
    log.parts["tile/entries/000.p/9"] = tiles.bundle(swapped)
    found = problems(log)
    assert [p.get("index") for p in found if p["kind"] == "entry"] == [3, 4]


def test_a_changed_hash_tile_is_told_from_a_changed_entry() -> None:
    log = SmallLog(MANY)
    tile = log.parts["tile/0/001"]
    log.parts["tile/0/001"] = tile[:64] + b"\x00" + tile[65:]
    [problem] = problems(log)
    assert (problem["kind"], problem["index"]) == ("tile", 258)
    log = SmallLog(MANY)
    log.parts["tile/1/000.p/2"] = bytes(64)
    assert kinds(log) == {"tile"}
    log.parts["tile/1/000.p/2"] = bytes(63)
    assert kinds(log) == {"tile"}
    del log.parts["tile/1/000.p/2"]
    assert kinds(log) == {"tile"}


def test_a_log_cut_short_is_found() -> None:
    log, short = SmallLog(MANY), SmallLog(MANY[:599])
    short.parts["checkpoint"] = log.parts["checkpoint"]
    assert "missing" in kinds(short)
    log.parts["tile/entries/002.p/88"] = tiles.bundle(MANY[512:599])
    [problem] = problems(log)
    assert "holds 87 entries, not 88" in problem["detail"]
    # Cut and signed anew, the older checkpoint tells.
    assert kinds(SmallLog(MANY[:599]), older=SmallLog(MANY).checkpoint()) == {"history"}


def test_a_size_beyond_the_entries_ends_at_the_first_missing_one() -> None:
    log = SmallLog(MANY[:256])
    root = base64.b64encode(bytes(32)).decode()
    log.parts["checkpoint"] = SIGNER.sign(f"{SIGNER.name}\n{10**18}\n{root}\n").encode()
    [problem] = problems(log)
    assert problem["kind"] == "missing"
    assert "tile/entries/001" in problem["detail"]


def test_a_checkpoint_of_another_key_is_refused() -> None:
    log, other = SmallLog(MANY[:9]), Signer(SIGNER.name, bytes(32))
    log.parts["checkpoint"] = SmallLog(MANY[:9], other).parts["checkpoint"]
    assert kinds(log) == {"checkpoint"}
    # A whole log under another key is good in itself, but not the pinned one.
    twin = SmallLog(MANY[:9], other)
    assert kinds(twin) == set()
    assert kinds(twin, pinned=SIGNER.verifier.line) == {"key", "checkpoint"}


@pytest.mark.parametrize(
    "note",
    [b"", b"\n\n", b"garbage", b"\xff\xfe", b"a\n1\nAAAA\n\n\xe2\x80\x94 a AAAA\n", b"\n" * 60_000],
)
def test_garbage_for_key_or_checkpoint_is_a_problem(note: bytes) -> None:
    for part in ("checkpoint", "key"):
        log = SmallLog(MANY[:9])
        log.parts[part] = note
        assert kinds(log) == {part}
    assert "history" in kinds(SmallLog(MANY[:9]), older=note)


def test_a_signed_checkpoint_in_another_spelling_is_refused() -> None:
    root = base64.b64encode(merkle.combine([])).decode()
    for text in (f"{SIGNER.name}\n00\n{root}\n", f"else\n0\n{root}\n", f"{SIGNER.name}\n0\nAA==\n"):
        log = SmallLog([])
        log.parts["checkpoint"] = SIGNER.sign(text).encode()
        assert kinds(log) == {"checkpoint"}


def test_what_entries_say_is_checked() -> None:
    topic, good = "trialops.audit", header(0, 1)
    second = header(1, 2)

    def found(*entries: bytes) -> list[tuple[str, int | None]]:
        return [(p["kind"], p.get("index")) for p in problems(resigned(entries))]

    one, two = line(topic, good, b"1"), line(topic, second, b"2")
    assert found(one, two) == []
    assert found(two, one) == []  # above a gap that then fills
    assert found(one, line(topic, second | {"ce_id": good["ce_id"]}, b"2")) == [("id", 1)]
    assert found(one, line(topic, second | {"ce_sequence": "1"}, b"2")) == [("repeat", 1)]
    assert found(one, line(topic, second | {"ce_sequence": "3"}, b"2")) == [("gap", 1)]
    assert found(two) == [("gap", 0)]
    assert found(two, line(topic, header(2, 2), b"1")) == [("repeat", 1), ("gap", 0)]
    # Each topic and each key counts for itself.
    assert found(one, line("trialops.screening", header(1, 1), b"2")) == []
    assert found(one, line(topic, header(1, 1, "IT001-0001"), b"2")) == []


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{}", b"[]", b"1", b"\xff", b"{", b'{"id":"a","sequence":"1"}',
        b'{"id":"a","topic":"t","sequence":"1"}', b'{"id":"a","id":"b","sequence":"1","topic":"t"}',
        b'{"id":"a","sequence":"1","topic":"t"} ', b' {"id":"a","sequence":"1","topic":"t"}',
        b'{"id":"a",\n"sequence":"1","topic":"t"}',
        b'{"id":"a","sequence":"1","topic":"t","data":NaN}',
        b'{"data":1,"id":"a","sequence":"1","topic":"t"}', b'{"id":1.5,"sequence":[],"topic":"t"}',
        b'{"id":"a","sequence":"0","topic":"t"}', b'{"id":"a","sequence":"x","topic":"t"}',
        b'{"id":"a","sequence":"1","topic":"t","data":1,"data_base64":""}',
        b'{"id":"a","sequence":"1","topic":"t","data_base64":"!"}',
        b'{"id":"a","sequence":"1","topic":"t","data_base64":1}',
        b'{"ID":"a","id":"a","sequence":"1","topic":"t"}', b"[" * 60_000, b"[[]]", b'["id"]',
        b'{"id":"a","sequence":"' + b"9" * 5000 + b'","topic":"t"}', b"[[1,2,3]]",
        b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_named(bad: bytes) -> None:
    assert [(p["kind"], p["index"]) for p in problems(resigned([MANY[0], bad]))] == [("line", 1)]


def test_very_many_problems_are_counted() -> None:
    answer = verify.verify(resigned([b"x"] * 1500)).as_json()
    found: Any = answer["problems"]
    assert len(found) == 1001
    assert found[-1] == {"kind": "more", "detail": "500 more problems"}


def test_a_bundle_is_the_same_each_time_and_passes(tmp_path: Path) -> None:
    path = exported(SmallLog(MANY), tmp_path)
    first = path.read_bytes()
    assert exported(SmallLog(MANY), tmp_path).read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["log.zip"]
    assert verify.check(None, str(path))["ok"]
    assert zipfile.ZipFile(path).namelist()[:5] == [
        "README", "key", "checkpoint", "tile/entries/000", "tile/0/000"
    ]  # fmt: skip


def test_a_bundle_of_part_of_a_log_is_not_written(tmp_path: Path) -> None:
    log = SmallLog(MANY)
    del log.parts["tile/0/001"]
    with pytest.raises(verify.Fault, match="tile/0/001"):
        exported(log, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_any_changed_byte_of_a_bundle_is_found_without_a_traceback(tmp_path: Path) -> None:
    path = exported(SmallLog(MANY[:300]), tmp_path)
    good = path.read_bytes()
    chance = random.Random(11)
    with zipfile.ZipFile(path) as zipped:
        where = {part.header_offset: part for part in zipped.infolist()}
    wrong = 0
    for _ in range(150):
        at = chance.randrange(len(good))
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :])
        wrong += not verify.check(None, str(path))["ok"]
    # A byte of no consequence (a time stamp, zip's own flags) may change.
    assert wrong > 130
    assert len(where) == 8
    for length in (0, 1, 100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:length])
        assert not verify.check(None, str(path))["ok"]


def rewritten(path: Path, compression: int, **changed: bytes) -> None:
    with zipfile.ZipFile(path) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    with zipfile.ZipFile(path, "w", compression) as zipped:
        for name, data in (parts | changed).items():
            zipped.writestr(name, data)


def test_a_bundle_that_swells_or_holds_more_is_refused(tmp_path: Path) -> None:
    path = exported(SmallLog(MANY[:9]), tmp_path)
    rewritten(path, zipfile.ZIP_DEFLATED)
    assert verify.check(None, str(path))["ok"]
    rewritten(path, zipfile.ZIP_DEFLATED, more=b"x")
    assert "'more'" in json.dumps(verify.check(None, str(path)))
    path = exported(SmallLog(MANY[:9]), tmp_path)
    rewritten(path, zipfile.ZIP_DEFLATED, checkpoint=bytes(50_000_000))
    assert "larger than it can be" in json.dumps(verify.check(None, str(path)))
    with zipfile.ZipFile(path, "a") as zipped, pytest.warns(UserWarning, match="Duplicate"):
        zipped.writestr("key", b"another")
    assert "twice" in json.dumps(verify.check(None, str(path)))


def said_of(path: Path) -> list[str]:
    """What a check of the bundle tells, kind and words."""
    found: Any = verify.check(None, str(path))["problems"]
    return [f"{problem['kind']}: {problem['detail']}" for problem in found]


def test_a_bundle_that_says_more_than_ours_do_is_refused(tmp_path: Path) -> None:
    path = exported(SmallLog(MANY[:9]), tmp_path)
    other = "extra: the bundle has a README in other words, which is no part of the log"
    for words in (
        b"",
        verify.README + b"It was checked.",
        verify.README.replace(b"trial", b"tria1"),
    ):
        rewritten(path, zipfile.ZIP_STORED, README=words)
        assert said_of(path) == [other]
    rewritten(path, zipfile.ZIP_DEFLATED, README=bytes(50_000_000))
    assert said_of(path) == [other]
    rewritten(path, zipfile.ZIP_STORED, README=verify.README)
    assert said_of(path) == []
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.comment = b"It was checked."
    comment = "extra: the bundle has a comment, which is no part of the log"
    assert said_of(path) == [comment]
    rewritten(path, zipfile.ZIP_STORED, README=verify.README)
    whole = path.read_bytes()
    path.write_bytes(b"It was checked.\n" + whole)
    before = "extra: the bundle has bytes before its first part, which is no part of the log"
    assert said_of(path) == [before]
    path.write_bytes(whole)
    assert said_of(path) == []
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.infolist()[0].comment = b"It was checked."
        zipped.writestr("README2", b"")  # by which the list of parts is written again
    assert comment in said_of(path)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier alone in a folder, with nothing of ours to import."""
    shutil.copy(verify.__file__, folder / "verify.py")
    environment = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return subprocess.run(
        [sys.executable, "verify.py", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_runs_alone(tmp_path: Path) -> None:
    log = SmallLog(MANY)
    path = exported(log, tmp_path)
    (tmp_path / "older").write_bytes(log.checkpoint(77))
    key = SIGNER.verifier.line
    done = run(tmp_path, "--bundle", str(path), "--key", key, "--checkpoint", "older")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["ok"] is True
    other = Signer("else", bytes(32)).verifier.line
    done = run(tmp_path, "--bundle", str(path), "--key", other)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["problems"][0]["kind"] == "key"


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--bundle"], ["--bundle", "absent"], ["--what"],
        ["--url", "http://a", "--bundle", "b"],
        ["--url", "file:///etc"], ["--url", "127.0.0.1:1"], ["--url", "http://[::1"],
        ["--url", "http://127.0.0.1", "--key", "x"],
        ["--url", "http://127.0.0.1", "--checkpoint", "absent"],
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("verify.py: ")
    assert err.count("\n") == 1
