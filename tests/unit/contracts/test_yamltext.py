from datetime import date
from decimal import Decimal

import pytest

from shared.contracts import yamltext
from shared.contracts.yamltext import BadYaml


def test_values_are_what_they_look_like() -> None:
    value, _ = yamltext.loads(
        "a: 2.50\nb: 3\nc: 2025-06-15\nd: 'true'\ne: true\nf: none\n"
        "g: yes\nh: null\ni: 1:30\nj: 010\nk: 1e2\n"
    )
    assert value == {
        "a": Decimal("2.50"),
        "b": 3,
        "c": date(2025, 6, 15),
        "d": "true",
        "e": True,
        "f": "none",
        "g": "yes",
        "h": None,
        "i": "1:30",
        "j": "010",
        "k": Decimal("1e2"),
    }
    assert str(value["a"]) == "2.50"


def test_every_value_has_its_line() -> None:
    _, places = yamltext.loads("a:\n  - b: 1\n    c: 2\n  - 3\nd: {e: 5}\n")
    assert places.line(()) == 1
    assert places.line(("a", 0, "c")) == 3
    assert places.line(("a", 1)) == 4
    assert places.line(("d", "e")) == 5
    assert places.line(("a", 0, "missing", 7)) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a:\n  b: 1\n  b: 1\n", 3),
        ("a: 1\nb: *x\n", 2),
        ("a: &x 1\nb: *x\n", 2),
        ("a: 1\nb: !!python/object:os.system x\n", 2),
        ("a: 1\nb: [1\n", 3),
        ("a: 2025-02-30\n", 1),
        ("? [1]\n: 2\n", 1),
        ("", 1),
        ("\0", 1),
        ("a: 1\n---\nb: 1\n", 2),
        ("a: 1\nb: " + "[" * 65 + "]" * 65, 2),
        ("a: 1\nb: " + "1" * 41, 2),
        ("a:\n\tb: 1\n", 2),
        ("a: 1\nb: 2\0", 2),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadYaml) as caught:
        yamltext.loads(text)
    assert caught.value.line == line


def test_what_is_just_short_and_shallow_enough() -> None:
    assert yamltext.loads("a: " + "1" * 40)[0] == {"a": int("1" * 40)}
    yamltext.loads("[" * yamltext.DEEPEST + "]" * yamltext.DEEPEST)


def test_an_anchor_that_nobody_names_is_read_over() -> None:
    assert yamltext.loads("a: &x 1\nb: &y [1]\n")[0] == {"a": 1, "b": [1]}


@pytest.mark.parametrize(
    ("text", "tab"),
    [
        ("a:\n\tb: 1\n", True),
        ("a: [1,\n  \t}\n", True),
        ("a:\n- \t@b\n", True),
        ("a: 'b\t' c\n", False),
        ("a: {b: 1\t]\n", False),
    ],
)
def test_a_tab_is_blamed_only_where_it_indents_or_begins(text: str, tab: bool) -> None:
    with pytest.raises(BadYaml) as caught:
        yamltext.loads(text)
    assert (caught.value.msg == "a tab stands here where only spaces may") is tab
