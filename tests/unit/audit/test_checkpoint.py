"""Notes and checkpoints against the public examples, and against everything that is not one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.checkpoint import Checkpoint, NoteError, Signer, VerifierKey
from services.audit.merkle import EMPTY_ROOT

# The example of golang.org/x/mod/sumdb/note (also in its documentation).
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n\N{EM DASH} PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SIGNER = Signer("trialops.example/log", bytes(range(32)))
KEY = SIGNER.verifier
NOTE = Checkpoint(SIGNER.name, 20_852_163, bytes(32)).sign(SIGNER)


def signed(text: str) -> str:
    return SIGNER.sign(text)


def test_gos_example_is_read_and_written() -> None:
    key = VerifierKey.parse(GO_KEY)
    assert key.open(GO_NOTE) == GO_TEXT
    assert key.line == GO_KEY
    signer = Signer.parse(GO_SIGNER)
    assert signer.verifier == key
    assert signer.line == GO_SIGNER
    assert signer.sign(GO_TEXT) == GO_NOTE
    assert "AYEKFALVFGyNhPJ" not in repr(signer)


def test_the_checkpoint_of_the_specification_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20_852_163
    assert checkpoint.text == text
    assert Checkpoint.parse(text + "an extension\n") == checkpoint


def test_an_empty_log_is_signed_too() -> None:
    empty = Checkpoint(SIGNER.name, 0, EMPTY_ROOT)
    assert Checkpoint.open(empty.sign(SIGNER), KEY) == empty
    assert empty.text.split("\n")[1:3] == ["0", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]


def test_a_new_key_is_read_back() -> None:
    signer = Signer.generate("log")
    assert Signer.parse(signer.line) == signer
    assert VerifierKey.parse(signer.verifier.line) == signer.verifier


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_a_note_with_any_bit_changed_is_refused(at: int, bit: int) -> None:
    raw = bytearray(NOTE.encode())
    raw[at] ^= 1 << bit
    changed = raw.decode("utf-8", "surrogateescape")
    with pytest.raises(NoteError):
        Checkpoint.open(changed, KEY)


@given(st.text(max_size=300))
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.open(text, KEY)
    with pytest.raises(NoteError):
        VerifierKey.parse(text)
    with pytest.raises(NoteError):
        Signer.parse("PRIVATE+KEY+" + text)


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n", "o\n1", "\n1\nROOT\n", "o\n01\nROOT\n", "o\n+1\nROOT\n", "o\n-1\nROOT\n",
        "o\n1 \nROOT\n", "o\n1\nROOT", "o\n1\nROOT\n\n", "o\n1\nROOT\n\next\n", "o\n1.0\nROOT\n",
        "o\n1\nAAAA\n", "o\n1\n \n", "o\n\N{ARABIC-INDIC DIGIT ONE}\nROOT\n", "o\n1e3\nROOT\n",
        "o\n" + "9" * 20 + "\nROOT\n", "o\n1\nROOT=\n", "o\n1\nNOT-CANONICAL\n",
    ],
)  # fmt: skip
def test_a_checkpoint_has_one_spelling(text: str) -> None:
    root = base64.b64encode(bytes(32)).decode()
    text = text.replace("ROOT", root).replace("NOT-CANONICAL", root[:-2] + "B=")
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "line",
    [
        GO_KEY + "\n", " " + GO_KEY, GO_KEY[:-1], GO_KEY + "=", GO_KEY.replace("c74f", "C74F"),
        GO_KEY.replace("c74f20a3", "c74f20a4"), GO_KEY.replace("Peter", "Paul"),
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "PeterNeumann+c74f20a3",
        GO_KEY.replace("+ARpc", "+Arpc"), GO_KEY.replace("PeterNeumann", "Peter Neumann"),
    ],
)  # fmt: skip
def test_a_key_line_has_one_spelling(line: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(line)


def test_other_signatures_are_passed_over_but_must_be_well_formed() -> None:
    text, _, signature = NOTE.rpartition("\n\n")
    other = Signer("witness", bytes(32)).sign(text + "\n").rpartition("\n\n")[2]
    # The same name with another key is another key.
    twin = Signer(SIGNER.name, bytes(32)).sign(text + "\n").rpartition("\n\n")[2]
    assert Checkpoint.open(f"{text}\n\n{other}{twin}{signature}", KEY).size == 20_852_163
    for bad in (other + twin, "- x AAAAAAAA\n" + signature, signature + "\n", signature + "x"):
        with pytest.raises(NoteError):
            Checkpoint.open(f"{text}\n\n{bad}", KEY)
    with pytest.raises(NoteError):
        Checkpoint.open(f"{text}\n\n{other * 100}{signature}", KEY)


def test_a_checkpoint_of_another_origin_is_not_this_logs() -> None:
    with pytest.raises(NoteError, match="origin"):
        Checkpoint.open(signed(Checkpoint("elsewhere", 1, bytes(32)).text), KEY)
    with pytest.raises(NoteError, match="origin"):
        Checkpoint("elsewhere", 1, bytes(32)).sign(SIGNER)


def test_what_cannot_be_a_note_is_not_signed() -> None:
    for text in ("no newline", "a\ttab\n"):
        with pytest.raises(NoteError):
            SIGNER.sign(text)
    for name in ("", "a b", "a+b", "a\nb", "a\N{NO-BREAK SPACE}b"):
        with pytest.raises(NoteError):
            Signer.generate(name)
