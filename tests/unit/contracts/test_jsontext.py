import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import jsontext
from shared.contracts.jsontext import BadJson


@pytest.mark.parametrize(
    "text", ["2.50", "0.1", "-0.0", "1E+2", "2.4999999999999999", "0.000000001"]
)
def test_a_number_comes_out_as_it_was_written(text: str) -> None:
    value = jsontext.loads(text)
    assert isinstance(value, Decimal)
    assert jsontext.dumps(value) == text.encode()
    assert jsontext.dumps({"a": [value, 1]}) == b'{"a":[%s,1]}' % text.encode()


def test_whole_numbers_and_booleans_keep_their_kind() -> None:
    value = jsontext.loads('[1, true, 1.0, null, "1", 1e2]')
    assert [type(item) for item in value] == [int, bool, Decimal, type(None), str, Decimal]  # type: ignore[attr-defined]  # a list, as written
    assert jsontext.dumps(value) == b'[1,true,1.0,null,"1",1E+2]'


@pytest.mark.parametrize(
    ("text", "loc"),
    [
        ('{"a":1,"a":1}', ("a",)),
        ('{"f":{"x":[{"a":1,"a":2}]}}', ("f", "x", 0, "a")),
        ('{"a":NaN}', ("a",)),
        ('{"a":[1,-Infinity]}', ("a", 1)),
        ('{"a":"\\ud800"}', ("a",)),
        ('{"a":{"\\ud800":1}}', ("a",)),
        ('{"a":["x","\\u0000"]}', ("a", 1)),
        ('{"a":{"v":%s}}' % ("9" * 5000), ("a", "v")),
        ('{"a":{"v":1e99999999999999999999}}', ("a", "v")),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, loc: tuple[str | int, ...]) -> None:
    with pytest.raises(BadJson) as caught:
        jsontext.loads(text.encode())
    assert caught.value.loc == loc
    assert caught.value.msg
    with pytest.raises(BadJson):
        jsontext.loads(text)


@pytest.mark.parametrize(
    "text",
    [b"", b"   ", b"{", b'{"a":1}x', b"'a'", b"\xff", b"\xef\xbb\xbf{}", b'{"a":"\x00"}', b"01"]
    + [b"[" * 65 + b"]" * 65, b'{"a":' * 65 + b"1" + b"}" * 65, b"[" * 100_000, b'"\xed\xa0\x80"']
    + [b'[NaN,"a"', b"[NaN," + b"[" * 100_000, "{}".encode("utf-16")],
)
def test_hostile_bytes_are_refused(text: bytes) -> None:
    with pytest.raises(BadJson):
        jsontext.loads(text)


def test_deep_enough_is_taken() -> None:
    assert jsontext.loads(b"[" * 64 + b"]" * 64) is not None
    assert jsontext.loads(b"[" + b"{}," * 100 + b"{}]") == [{}] * 101


def test_days_and_times() -> None:
    rome = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert jsontext.dumps([date(2026, 1, 2), rome]) == b'["2026-01-02","2026-01-02T02:04:05Z"]'
    some = UUID(int=1)
    assert jsontext.dumps(some) == f'"{some}"'.encode()
    with pytest.raises(ValueError):
        jsontext.dumps(datetime(2026, 1, 2))


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), [float("inf")]]
)
def test_what_is_not_finite_is_not_written(value: object) -> None:
    with pytest.raises(ValueError):
        jsontext.dumps(value)


@pytest.mark.parametrize("value", [{1, 2}, object(), b"x"])
def test_other_kinds_are_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        jsontext.dumps(value)


@pytest.mark.parametrize(
    "value", [["\0"], {"\0": 1}, {"a": Decimal("1.5"), "b": "\0"}, ['x"\0', Decimal(1)]]
)
def test_no_text_is_taken_for_a_number(value: object) -> None:
    with pytest.raises(ValueError):
        jsontext.dumps(value)


_trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_trees)
def test_what_goes_out_comes_back(value: object) -> None:
    text = jsontext.dumps(value)
    again = jsontext.loads(text)
    assert again == value
    assert jsontext.dumps(again) == text
    json.loads(text)


def test_now_is_written_with_z() -> None:
    assert jsontext.dumps(datetime.now(UTC)).endswith(b'Z"')


@pytest.mark.parametrize(
    "text",
    [
        '{"a:":1,"a:":2}',
        '{"a":":","a":1}',
        '[[[{"a":[{"b":":"}]},{"b":1,"b":1}]]]',
        '{"a":1,"a":1}',
    ],
)
def test_a_doubled_key_is_seen_whatever_colons_stand_in_texts(text: str) -> None:
    with pytest.raises(BadJson, match="given twice"):
        jsontext.loads(text)


def test_a_colon_in_a_text_is_no_doubled_key() -> None:
    assert jsontext.loads('{"a:":":","b":[":",{"c":"::"}]}') == {"a:": ":", "b": [":", {"c": "::"}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text('a"\\é≥ \n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab"≥'), inner),
    max_leaves=12,
).filter(lambda value: "Infinity" not in str(value))


@given(JSON)
def test_a_single_value_is_written_as_in_a_whole(value: object) -> None:
    assert jsontext.text_of(value).encode() == jsontext.dumps(value)


@given(JSON, JSON)
def test_what_has_been_written_stands_where_it_is_put(one: object, other: object) -> None:
    written = jsontext.Written(jsontext.dumps(one))
    assert jsontext.dumps({"a": written, "b": other}) == jsontext.dumps({"a": one, "b": other})


def test_a_number_that_is_none_is_not_written_alone_either() -> None:
    for number in ("NaN", "Infinity"):
        with pytest.raises(ValueError, match="not finite"):
            jsontext.text_of(Decimal(number))
