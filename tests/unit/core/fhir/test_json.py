"""JSON, read and written without loss, and what it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carethread.core.errors import Malformed
from carethread.core.fhir.json import parse, render, restore


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b'{"a":\xff}',
        b"[" * 101 + b"]" * 101,
        b'{"a":1',
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize("text", ["1.10", "-0", "0.0", "123456789012345678901234567890", "1e-7"])
def test_a_number_keeps_its_text(text: str) -> None:
    assert render(parse(b'{"b":%s,"a":[%s]}' % (text.encode(), text.encode()))) == (
        b'{"b":%s,"a":[%s]}' % (text.encode(), text.encode())
    )


@pytest.mark.parametrize("text", ["1e99999", "1E+100000", "-1.5e-99999999999999999999"])
def test_an_exponent_that_no_arithmetic_holds_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(b'{"value":%s}' % text.encode())
    assert refused.value.issues[0].code == "value"


@pytest.mark.parametrize("text", ["1e9999", "1E-0009999", "2.50e+07"])
def test_other_exponents_are_kept_as_they_are_written(text: str) -> None:
    assert render(parse(b'{"value":%s}' % text.encode())) == b'{"value":%s}' % text.encode()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(
    value=_VALUES, texts=st.lists(st.sampled_from(["1.10", "-0", "0", "1e-7", "12345678901234567", "-5"]), max_size=3)
)
@example(value={"at": '12:00:00.000Z","x":1.5'}, texts=["-0"])
def test_what_was_rendered_is_restored_as_it_is_parsed(value: object, texts: list[str]) -> None:
    try:
        numbers = [parse(text.encode()) for text in texts]
        body = render({"value": parse(json.dumps(value).encode()), "numbers": numbers, "after": numbers})
    except Malformed:
        return  # what is refused is never rendered
    assert repr(restore(body)) == repr(parse(body)) and render(restore(body)) == body
    assert kinds(restore(body)) == kinds(parse(body))


def kinds(value: object) -> object:
    """The Python type of each thing in a value."""
    if isinstance(value, dict):
        return {name: kinds(each) for name, each in value.items()}
    return [kinds(each) for each in value] if isinstance(value, list) else type(value)
