"""Checks a whole audit log from its raw entries: `python verify.py --url U --token T | --bundle F`.

It stands alone: the standard library and `cryptography`, nothing else of ours. An inspector can
read this one file, copy it to another machine and run it there; so it says again, on purpose and
in its own words, what merkle, tiles and checkpoint say, and shares no mistake with the writer.
For the same reason it is one file, longer than others.

What it checks: the key (against `--key`, if pinned) and the checkpoint's signature; every entry
against its leaf hash, so that a changed one is named; every hash tile; the root, made from the
entries alone, against the signed one (and an older `--checkpoint`, which must be of a prefix);
that each entry is one line of CloudEvents JSON with its attributes in order, ids are unique, and
the sequences of each (topic, key) run from 1 without gap or repeat; and that a bundle holds nothing
beside the log but the README that every bundle has.

It prints one JSON object, `{"ok", "size", "root" (base64), "origin", "problems"}`; a problem has
`kind` and `detail`, and `index`, `id`, `type` where it is one entry's. Exit 0 all good, 1 a
problem found, 2 wrong use. Entries are read 256 at a time and let go of; what grows with the log
is 24 bytes an entry, for the ids, and a little for each subject.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
MAX_NOTE = 65_536
MAX_BUNDLE = WIDTH * (2 + 65_535)
MAX_TILE = WIDTH * 32
MAX_PROBLEMS = 1_000
TIMEOUT_S = 60

README = b"""A trialops audit log: check it with `trialops audit verify --bundle FILE`,
or alone with `python verify.py --bundle FILE`. `key` is the log's verifier key (compare it with
one that you had before), `checkpoint` its signed head, the rest tiles as C2SP tlog-tiles has them.
"""
"""What a bundle tells whoever opens it. No signature covers it, so it has these words or none."""

Progress = Callable[[int, int], None]
"""Told after each bundle how many entries of how many are done."""


def silent(done: int, size: int) -> None:
    """Progress that nobody watches."""


class Fault(Exception):
    """Something of the log that cannot be read or is not what it should be; says what."""


class Missing(Fault):
    """A part of the log is not there."""


class WrongUse(Exception):
    """The command as given cannot be carried out; says why."""


# --- where a log is read from


class Source(Protocol):
    """A log's parts by their path below `/v1/log/`; Fault for what is missing or too large.

    `leftovers` names what is there and was not read.
    """

    def read(self, path: str, limit: int) -> bytes: ...

    def leftovers(self) -> list[str]: ...


class Server:
    """The audit service at a root address such as `http://127.0.0.1:8080`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
        except ValueError:
            parts = urllib.parse.SplitResult("", "", "", "", "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongUse("--url takes an address that begins with http:// or https://")
        self._root = url.rstrip("/") + "/v1/log/"
        self._token = token
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if parts.hostname in ("127.0.0.1", "::1", "localhost"):
            handlers.append(urllib.request.ProxyHandler({}))
        self._open = urllib.request.build_opener(*handlers).open

    def read(self, path: str, limit: int) -> bytes:
        try:
            return self._read(path, limit)
        except Missing:
            # A partial tile may go once the full one exists, whose beginning it is.
            if ".p/" not in path:
                raise
        full, _, width = path.partition(".p/")
        if path.startswith("tile/entries/"):
            return _first_entries(self._read(full, MAX_BUNDLE), int(width))
        return self._read(full, MAX_TILE)[: int(width) * 32]

    def leftovers(self) -> list[str]:
        return []

    def _read(self, path: str, limit: int) -> bytes:
        # The scheme was looked at when this source was made.
        request = urllib.request.Request(self._root + path)  # noqa: S310
        if self._token and path.startswith("tile/entries/"):
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._open(request, timeout=TIMEOUT_S) as answer:
                body: bytes = answer.read(limit + 1)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (401, 403):
                    why = f"the server refuses {path}: entries need an auditor's --token"
                    raise WrongUse(why) from None
                absent = error.code in (404, 410)
                raise (Missing if absent else Fault)(f"HTTP {error.code} for {path}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Missing(f"cannot read {path}: {type(error).__name__}") from None
        if len(body) > limit:
            raise Fault(f"{path} is larger than it can be")
        return body


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Never follows: the token is for one server."""

    def redirect_request(self, *_: object) -> None:
        return None


_PART = b"PK\x03\x04"
"""What each part of a zip file begins with."""


class Bundle:
    """A file that `trialops audit export` wrote: a zip of the same paths."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise WrongUse("--bundle takes a file that exists")
        self._used = set[str]()
        try:
            with path.open("rb") as file:
                self._begins = file.read(len(_PART))
            self._zip = zipfile.ZipFile(path)
            names = self._zip.namelist()
        except Exception as error:
            raise Fault(f"the bundle is not a readable zip file: {type(error).__name__}") from None
        self._names = set(names)
        if len(self._names) != len(names):
            raise Fault("the bundle names a part twice")

    def read(self, path: str, limit: int) -> bytes:
        if path not in self._names:
            raise Missing(f"the bundle has no {path}")
        self._used.add(path)
        try:
            with self._zip.open(path) as part:
                body = part.read(limit + 1)
        except Exception as error:
            raise Fault(f"{path} cannot be read from the bundle: {type(error).__name__}") from None
        if len(body) > limit:
            raise Fault(f"{path} is larger than it can be")
        return body

    def leftovers(self) -> list[str]:
        found = [repr(name) for name in sorted(self._names - self._used - {"README"})]
        if "README" in self._names and not self._has_our_readme():
            found.append("a README in other words")
        parts = self._zip.infolist()
        if self._zip.comment or any(part.comment for part in parts):
            found.append("a comment")
        if self._begins != _PART:
            found.append("bytes before its first part")
        return found

    def _has_our_readme(self) -> bool:
        try:
            return self.read("README", len(README)) == README
        except Fault:
            return False


def _first_entries(data: bytes, count: int) -> bytes:
    at = 0
    for _ in range(count):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return data[:at]


def tile_path(level: int | str, n: int, width: int) -> str:
    """The path of a tile of hashes (a level) or entries, as `tlog-tiles` writes it."""
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == WIDTH else f".p/{width}")


# --- hashes and signatures


def leaf(entry: bytes) -> bytes:
    """RFC 6962's leaf hash."""
    return sha256(b"\x00" + entry).digest()


def tree(hashes: list[bytes]) -> bytes:
    """RFC 6962's tree hash over a row of hashes, of which only the last may cover less."""
    row = hashes or [sha256(b"").digest()]
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        pairs = zip(row[0:-1:2], row[1::2], strict=False)
        row = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return row[0]


@dataclass(frozen=True)
class Key:
    """A verifier key line, `NAME+KEYID+BASE64`, of Ed25519."""

    name: str
    id: bytes
    public: bytes

    @classmethod
    def parse(cls, line: str) -> Key:
        match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", line)
        raw = _unbase64(match[3]) if match else b""
        if match is None or len(raw) != 33 or raw[0] != 1:
            raise Fault("it is not one line NAME+KEYID+BASE64 of an Ed25519 key")
        name = match[1]
        if sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != match[2]:
            raise Fault("its key id is not that of its name and key")
        return cls(name, bytes.fromhex(match[2]), raw[1:])


@dataclass(frozen=True)
class Head:
    """A checkpoint whose signature verified."""

    size: int
    root: bytes

    @classmethod
    def open(cls, note: bytes, key: Key) -> Head:
        try:
            whole = note.decode()
        except UnicodeDecodeError:
            raise Fault("it is not UTF-8") from None
        if len(note) > MAX_NOTE or re.search(r"[\x00-\x09\x0b-\x1f]", whole):
            raise Fault("it is too long or has control characters")
        body, gap, signatures = whole.rpartition("\n\n")
        if not gap or not signatures.endswith("\n"):
            raise Fault("it is not a signed note")
        text = body + "\n"
        signed = False
        for line in signatures[:-1].split("\n"):
            match = re.fullmatch(r"\N{EM DASH} ([^+\s]+) ([A-Za-z0-9+/=]+)", line)
            if match is None:
                raise Fault("a signature line is malformed")
            raw = _unbase64(match[2])
            if match[1] == key.name and raw[:4] == key.id:
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], text.encode())
                except (InvalidSignature, ValueError):
                    raise Fault("its signature does not verify") from None
                signed = True
        if not signed:
            raise Fault("it is not signed by the log's key")
        lines = body.split("\n")
        if len(lines) < 3 or not all(lines) or lines[0] != key.name:
            raise Fault("it is not a checkpoint of this origin")
        root = _unbase64(lines[2])
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1], re.ASCII) or len(root) != 32:
            raise Fault("its size or root is malformed")
        return cls(int(lines[1]), root)


def _unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Fault("it is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Fault("it is not canonical base64")
    return raw


# --- what is said of the log


@dataclass
class Report:
    """What was found; of very many problems the first thousand and their number."""

    size: int | None = None
    root: str | None = None
    origin: str | None = None
    problems: list[dict[str, object]] = field(default_factory=list)
    unsaid: int = 0

    def add(self, kind: str, detail: str, **about: object) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append({"kind": kind, **about, "detail": detail})
        else:
            self.unsaid += 1

    def as_json(self) -> dict[str, object]:
        more = {"kind": "more", "detail": f"{self.unsaid} more problems"}
        problems = self.problems + ([more] if self.unsaid else [])
        return {
            "ok": not problems,
            "size": self.size,
            "root": self.root,
            "origin": self.origin,
            "problems": problems,
        }


# --- what entries say


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}", re.ASCII)
_SEQUENCE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
# Numbers stay text: no digit is too many. Objects become pairs: no doubled name is lost.
_LINE = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=_refuse
)


def attributes_of(line: bytes) -> dict[str, str]:
    """The attributes of an entry; Fault unless it is one line, attributes in order, then data."""
    if b"\n" in line or b"\r" in line:
        raise Fault("it is more than one line")
    try:
        pairs = _LINE.decode(line.decode())
    except (ValueError, RecursionError):
        raise Fault("it is not JSON") from None
    if not line.startswith(b"{") or not line.endswith(b"}"):
        raise Fault("it is not one JSON object")
    if pairs and pairs[-1][0] in ("data", "data_base64"):
        kind, data = pairs[-1]
        if kind == "data_base64":
            if not isinstance(data, str):
                raise Fault("its data_base64 is no text")
            _unbase64(data)
        pairs = pairs[:-1]
    names = [name for name, _ in pairs]
    if any(not _ATTRIBUTE.fullmatch(name) or name == "data" for name in names):
        raise Fault("it has a member that is no attribute")
    if any(left >= right for left, right in pairwise(names)):
        raise Fault("its attributes are not in alphabetical order, each once")
    if any(not isinstance(value, str) for _, value in pairs):
        raise Fault("an attribute is neither text nor number")
    attributes = dict(pairs)
    if lacking := {"id", "sequence", "topic"} - attributes.keys():
        raise Fault(f"it has no {min(lacking)}")
    return attributes


class Facts:
    """Finds repeated ids, and gaps and repeats in the sequences of each (topic, key)."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._ids = [(bytearray(), array("Q")) for _ in range(256)]
        self._seen: dict[tuple[str, str], int] = {}
        self._ahead: dict[tuple[str, str], dict[int, int]] = {}

    def add(self, index: int, line: bytes) -> None:
        try:
            attributes = attributes_of(line)
        except Fault as fault:
            self._report.add("line", str(fault), index=index)
            return
        digest = blake2b(attributes["id"].encode("utf-8", "replace"), digest_size=16).digest()
        digests, indexes = self._ids[digest[0]]
        digests += digest
        indexes.append(index)
        self._follow(index, attributes)

    def end(self) -> None:
        for digests, indexes in self._ids:
            rows = {digests[at * 16 : at * 16 + 16].hex() for at in range(len(indexes))}
            if len(rows) != len(indexes):
                self._name_repeats(bytes(digests), indexes)
        for (topic, key), ahead in self._ahead.items():
            first = min(ahead)
            last = self._seen.get((topic, key), 0)
            where = f"{topic} {key}"
            missing = f"sequence {last + 1} of {where} is missing, entry {ahead[first]} has {first}"
            self._report.add("gap", missing, index=ahead[first])

    def _follow(self, index: int, attributes: dict[str, str]) -> None:
        text = attributes["sequence"]
        if not _SEQUENCE.fullmatch(text):
            self._report.add("line", "its sequence is no number from 1", index=index)
            return
        of = (attributes["topic"], _key(attributes))
        sequence, seen = int(text), self._seen.get(of, 0)
        ahead = self._ahead.get(of, {})
        if sequence <= seen or sequence in ahead:
            about = _about(attributes)
            detail = f"sequence {sequence} of {of[0]} {of[1]} is there twice"
            self._report.add("repeat", detail, index=index, **about)
        elif sequence > seen + 1:
            self._ahead.setdefault(of, {})[sequence] = index
        else:
            # Arrivals above a gap join once it fills.
            while ahead.pop(sequence + 1, None) is not None:
                sequence += 1
            self._seen[of] = sequence
            if not ahead:
                self._ahead.pop(of, None)

    def _name_repeats(self, digests: bytes, indexes: array[int]) -> None:
        first: dict[bytes, int] = {}
        for at, index in enumerate(indexes):
            earlier = first.setdefault(digests[at * 16 : at * 16 + 16], index)
            if earlier != index:
                self._report.add("id", f"its id is that of entry {earlier}", index=index)


def _key(attributes: dict[str, str]) -> str:
    """The record's key: TRIAL:SUBJECT, TRIAL, or `platform` for facts of no trial."""
    trial, subject = attributes.get("trial"), attributes.get("subject")
    if trial is None:
        return "platform"
    return trial if subject is None else f"{trial}:{subject}"


def _about(attributes: dict[str, str]) -> dict[str, object]:
    return {name: attributes[name] for name in ("id", "type") if name in attributes}


# --- the walk over the log


class Walk:
    """Reads a log's entries from first to last and makes every hash of the tree from them."""

    def __init__(self, source: Source, head: Head, report: Report, older: Head | None) -> None:
        self._source, self._head, self._report, self._older = source, head, report, older
        self._facts = Facts(report)
        # The hashes, made from entries, of the tile at the right edge of each level.
        self._edge: list[list[bytes]] = [[]]
        self._whole = True

    def run(self, progress: Progress) -> None:
        size = self._head.size
        for n in range((size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, size - n * WIDTH)
            try:
                entries = self._entries(n, width)
            except Missing as fault:
                self._whole = False
                self._report.add("missing", f"{fault}; nothing after it was checked")
                break
            except Fault as fault:
                self._whole = False
                self._report.add("entries", str(fault))
                continue
            self._take(n, entries)
            progress(n * WIDTH + width, size)
        if self._whole:
            self._finish()
        self._facts.end()

    def _entries(self, n: int, width: int) -> list[bytes]:
        path = tile_path("entries", n, width)
        data = self._source.read(path, MAX_BUNDLE)
        entries = list(_split(data, path))
        if len(entries) != width:
            raise Fault(f"{path} holds {len(entries)} entries, not {width}")
        return entries

    def _take(self, n: int, entries: list[bytes]) -> None:
        leaves = [leaf(entry) for entry in entries]
        self._compare_leaves(n, entries, leaves)
        for at, entry in enumerate(entries):
            self._facts.add(n * WIDTH + at, entry)
        older = self._older
        if older is not None and self._whole and n * WIDTH < older.size <= n * WIDTH + len(leaves):
            self._edge[0] = leaves[: older.size - n * WIDTH]
            if self._root() != older.root:
                detail = f"the first {older.size} entries do not have the older checkpoint's root"
                self._report.add("history", detail)
        self._edge[0] = leaves
        level = 0
        while self._whole and len(self._edge[level]) == WIDTH:
            if level + 1 == len(self._edge):
                self._edge.append([])
            self._edge[level + 1].append(tree(self._edge[level]))
            self._edge[level] = []
            level += 1
            if len(self._edge[level]) == WIDTH:
                self._compare_tile(level, n >> (8 * level))

    def _finish(self) -> None:
        for level in range(1, len(self._edge)):
            if self._edge[level]:
                self._compare_tile(level, self._head.size >> (8 * (level + 1)))
        if self._root() != self._head.root:
            self._report.add("root", "the entries do not have the checkpoint's root")
            return
        # The signed root vouches for the entries, so where a leaf differs its tile is at fault.
        for problem in self._report.problems:
            if problem["kind"] == "entry":
                problem["kind"] = "tile"

    def _root(self) -> bytes:
        below: list[bytes] = []
        for hashes in self._edge:
            if hashes:
                below = [tree(hashes + below)]
        return tree(below)

    def _compare_leaves(self, n: int, entries: list[bytes], leaves: list[bytes]) -> None:
        path = tile_path(0, n, len(leaves))
        said = self._hashes(path, len(leaves))
        if said is None or said == b"".join(leaves):
            return
        for at, (entry, made) in enumerate(zip(entries, leaves, strict=True)):
            if said[at * 32 : at * 32 + 32] != made:
                try:
                    about = _about(attributes_of(entry))
                except Fault:
                    about = {}
                detail = f"the entry does not have the hash that {path} has for it"
                self._report.add("entry", detail, index=n * WIDTH + at, **about)

    def _compare_tile(self, level: int, n: int) -> None:
        made = self._edge[level]
        path = tile_path(level, n, len(made))
        said = self._hashes(path, len(made))
        if said is not None and said != b"".join(made):
            self._report.add("tile", f"{path} does not have the hashes that the entries give")

    def _hashes(self, path: str, width: int) -> bytes | None:
        try:
            said = self._source.read(path, MAX_TILE)
        except Fault as fault:
            self._report.add("tile", str(fault))
            return None
        if len(said) != width * 32:
            self._report.add("tile", f"{path} does not hold {width} hashes")
            return None
        return said


def _split(data: bytes, path: str) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise Fault(f"{path} ends within an entry")
        yield data[at + 2 : end]
        at = end


def verify(
    source: Source,
    pinned: str | None = None,
    older: bytes | None = None,
    progress: Progress = silent,
) -> Report:
    """Everything that can be checked of the log; `pinned` is a key line, `older` a checkpoint."""
    report = Report()
    key: Key | None = None
    try:
        line = source.read("key", MAX_NOTE).decode("utf-8", "replace").removesuffix("\n")
        if pinned is not None and line != pinned:
            report.add("key", "the log's key is not the pinned one")
        key = Key.parse(line)
    except Fault as fault:
        report.add("key", f"the log's key cannot be used: {fault}")
    if pinned is not None:
        key = pinned_key(pinned)
    head = past = None
    if key is not None:
        head = _open(source, key, report)
        if older is not None:
            try:
                past = Head.open(older, key)
            except Fault as fault:
                report.add("history", f"the older checkpoint cannot be used: {fault}")
    if head is None or key is None:
        return report
    report.size, report.origin = head.size, key.name
    report.root = base64.b64encode(head.root).decode()
    if past is not None and past.size > head.size:
        report.add("history", f"the log has shrunk: it once had {past.size} entries")
    if past is not None and past.size == 0 and past.root != tree([]):
        report.add("history", "the older checkpoint's root is not that of an empty log")
    Walk(source, head, report, past).run(progress)
    for extra in source.leftovers():
        report.add("extra", f"the bundle has {extra}, which is no part of the log")
    return report


def _open(source: Source, key: Key, report: Report) -> Head | None:
    try:
        return Head.open(source.read("checkpoint", MAX_NOTE), key)
    except Fault as fault:
        report.add("checkpoint", f"the checkpoint cannot be used: {fault}")
        return None


def pinned_key(line: str) -> Key:
    """The key of `--key`; WrongUse if it is none."""
    try:
        return Key.parse(line)
    except Fault as fault:
        raise WrongUse(f"--key: {fault}") from None


def check(
    url: str | None,
    bundle: str | None,
    token: str | None = None,
    key: str | None = None,
    checkpoint: str | None = None,
    progress: Progress = silent,
) -> dict[str, object]:
    """The answer for a command line's arguments; WrongUse."""
    if (url is None) == (bundle is None):
        raise WrongUse("give one of --url and --bundle")
    if key is not None:
        pinned_key(key)
    older = None
    if checkpoint is not None:
        try:
            with Path(checkpoint).open("rb") as file:
                older = file.read(MAX_NOTE + 1)
        except OSError as error:
            raise WrongUse(f"--checkpoint: {error.strerror}") from None
    try:
        source = Server(url, token) if url is not None else Bundle(Path(bundle or ""))
    except Fault as fault:
        report = Report()
        report.add("bundle", str(fault))
        return report.as_json()
    return verify(source, key, older, progress).as_json()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUse(message)


def main(argv: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = _Parser(prog="verify.py", description="Checks an audit log from its raw entries.")
    parser.add_argument("--url", help="the audit service's root address")
    parser.add_argument("--bundle", help="a file that `trialops audit export` wrote")
    parser.add_argument("--token", help="an auditor's bearer token, to read entries")
    parser.add_argument("--key", help="the verifier key line that the log must have")
    parser.add_argument("--checkpoint", help="a file with an older checkpoint of this log")
    try:
        answer = check(**vars(parser.parse_args(argv)))
    except WrongUse as error:
        sys.stderr.write(f"verify.py: {' '.join(str(error).split())}\n")
        return 2
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
