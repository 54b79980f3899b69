"""Signed checkpoints: C2SP `tlog-checkpoint` on C2SP `signed-note`, with Ed25519.

A note is text, an empty line, then signature lines. A key is known by its name and the first four
bytes of SHA-256(name || LF || 0x01 || public key). Base64 is standard, padded and canonical.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.audit.merkle import HASH_BYTES

_ED25519 = b"\x01"
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_MAX_NOTE_BYTES = 65_536
_MAX_SIGNATURES = 100


class NoteError(ValueError):
    """A key, note or checkpoint that is malformed or not signed by the key; says which."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A log's public key and the name it signs under; its line is `NAME+KEYID+BASE64`."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell which key signed."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @property
    def line(self) -> str:
        """The key as one line, without newline: what `/v1/log/key` serves."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, line: str) -> VerifierKey:
        """The key of a line; NoteError if it is not exactly what `line` would give."""
        name, first, rest = line.partition("+")
        key_id, second, encoded = rest.partition("+")
        if not (first and second and _KEY_ID.fullmatch(key_id)):
            raise NoteError("a verifier key is NAME+KEYID+BASE64")
        _require_name(name)
        raw = _decode(encoded)
        if raw[:1] != _ED25519 or len(raw) != 33:
            raise NoteError("the verifier key is not of Ed25519")
        key = cls(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise NoteError("the verifier key's id is not that of its name and key")
        return key

    def open(self, note: str) -> str:
        """The text of a note that this key signed; NoteError if it did not, or not validly.

        Signatures of other keys (witnesses) are passed over.
        """
        text, mine = _split(note, self.name, self.key_id)
        public = Ed25519PublicKey.from_public_bytes(self.public)
        for signature in mine:
            try:
                public.verify(signature, text.encode())
            except InvalidSignature:
                raise NoteError("the signature does not verify") from None
        if not mine:
            raise NoteError("the note is not signed by this key")
        return text


@dataclass(frozen=True, slots=True)
class Signer:
    """A log's private key; its line is `PRIVATE+KEY+NAME+KEYID+BASE64` as in Go's note package."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> Signer:
        """A new key from the system's randomness; NoteError for a name with spaces or a plus."""
        _require_name(name)
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> Signer:
        """The key in a PKCS #8 file under a name; NoteError where it is no Ed25519 key."""
        _require_name(name)
        try:
            key = load_pem_private_key(pem, password=None)
        except ValueError:
            raise NoteError("the file holds no private key") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoteError("the signer key is not of Ed25519")
        return cls(name, key.private_bytes_raw())

    @classmethod
    def parse(cls, line: str) -> Signer:
        """The signer of a line that `line` gave; NoteError."""
        if not line.startswith("PRIVATE+KEY+"):
            raise NoteError("a signer key is PRIVATE+KEY+NAME+KEYID+BASE64")
        name, _, rest = line.removeprefix("PRIVATE+KEY+").partition("+")
        key_id, _, encoded = rest.partition("+")
        _require_name(name)
        raw = _decode(encoded)
        if raw[:1] != _ED25519 or len(raw) != 33:
            raise NoteError("the signer key is not of Ed25519")
        signer = cls(name, raw[1:])
        if signer.verifier.key_id.hex() != key_id:
            raise NoteError("the signer key's id is not that of its name and key")
        return signer

    @property
    def line(self) -> str:
        """The key as one line: a secret."""
        key_id = self.verifier.key_id.hex()
        return f"PRIVATE+KEY+{self.name}+{key_id}+{_encode(_ED25519 + self.seed)}"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return VerifierKey(self.name, private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note of a text (which ends in a newline); NoteError if it cannot be one."""
        if not text.endswith("\n") or _has_control(text):
            raise NoteError("a note's text ends in a newline and has no control characters")
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = self.verifier.key_id + private.sign(text.encode())
        return f"{text}\n\N{EM DASH} {self.name} {_encode(signature)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head: its origin (the key's name), its size in entries and its root hash."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint of a note's text; extension lines are passed over. NoteError."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteError("a checkpoint is three or more lines, none empty")
        if not _SIZE.fullmatch(lines[1]):
            raise NoteError("the checkpoint's size is not a plain decimal number")
        digest = _decode(lines[2])
        if len(digest) != HASH_BYTES:
            raise NoteError("the checkpoint's root is not 32 bytes")
        return cls(lines[0], int(lines[1]), digest)

    def sign(self, signer: Signer) -> str:
        """The signed note; NoteError unless the origin is the signer's name."""
        if self.origin != signer.name:
            raise NoteError("a checkpoint's origin is its key's name")
        return signer.sign(self.text)

    @classmethod
    def open(cls, note: str, key: VerifierKey) -> Checkpoint:
        """The checkpoint that this key signed under its own name as origin; NoteError."""
        checkpoint = cls.parse(key.open(note))
        if checkpoint.origin != key.name:
            raise NoteError("the checkpoint's origin is not the key's name")
        return checkpoint


def _split(note: str, name: str, key_id: bytes) -> tuple[str, list[bytes]]:
    """A note's text and the signatures in it that say they are of this key."""
    try:
        length = len(note.encode())
    except UnicodeEncodeError:
        raise NoteError("the note is not UTF-8") from None
    if length > _MAX_NOTE_BYTES or _has_control(note):
        raise NoteError("the note is too long or has control characters")
    at = note.rfind("\n\n")
    if at < 0 or not note.endswith("\n"):
        raise NoteError("the note has no signatures")
    lines = note[at + 2 : -1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise NoteError("the note has too many signatures")
    mine = []
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\N{EM DASH}":
            raise NoteError("the note has a malformed signature line")
        _require_name(parts[1])
        raw = _decode(parts[2])
        if len(raw) < 5:
            raise NoteError("the note has a malformed signature line")
        if parts[1] == name and raw[:4] == key_id:
            mine.append(raw[4:])
    return note[: at + 1], mine


def _require_name(name: str) -> None:
    if not name or "+" in name or any(char.isspace() or char < " " for char in name):
        raise NoteError("a key's name is not empty and has no spaces and no plus")


def _has_control(text: str) -> bool:
    return any(char < " " and char != "\n" for char in text)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
    # b64decode lets stray trailing bits pass: one value must have one spelling.
    if _encode(raw) != text:
        raise NoteError("not canonical base64")
    return raw
