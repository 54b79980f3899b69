"""Lines of a batch: cut from a stream, and read."""

import io

import pytest

from shared.contracts.lines import LONGEST, BadLine, lines, read


def test_lines_are_cut_and_the_long_ones_passed_over() -> None:
    longest = b"x" * LONGEST
    source = io.BytesIO(b"a\n\n" + longest + b"\n" + longest + b"x\nb\n" + longest * 3 + b"\nlast")
    assert list(lines(source)) == [b"a", b"", longest, None, b"b", None, b"last"]
    assert list(lines(io.BytesIO(longest + b"xx"))) == [None]
    assert list(lines(io.BytesIO(b""))) == []


def test_what_stands_beside_a_form_must_be_allowed() -> None:
    line = b'{"subject":"IT001-0001","arm":null,"form":{"a":1}}'
    assert read(line, ("arm",)) == ("IT001-0001", {"a": 1}, {"arm": None})
    with pytest.raises(BadLine) as caught:
        read(line)
    assert caught.value.answer() == {
        "subject": "IT001-0001",
        "errors": [{"loc": ("arm",), "msg": "is not known here"}],
    }
