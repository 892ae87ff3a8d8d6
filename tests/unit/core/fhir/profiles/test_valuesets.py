"""Which codes a ValueSet of a profile has, and which part of it stays open."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from carethread.core.fhir.profiles import Library

A, B = "urn:example:a", "urn:example:b"
SYSTEM = {
    "resourceType": "CodeSystem",
    "url": A,
    "content": "complete",
    "concept": [{"code": "1", "concept": [{"code": "1.1"}, {"code": "1.2", "concept": [{"code": "1.2.1"}]}]},
                {"code": "2"}],
}  # fmt: skip
FRAGMENT = {"resourceType": "CodeSystem", "url": B, "content": "fragment", "concept": [{"code": "x"}]}
ODD = {"resourceType": "ValueSet", "url": "urn:example:odd", "compose": {"include": [
    {"system": A, "concept": [{"code": "1.1"}, {"code": "2"}]}]}}  # fmt: skip


def expanded(**definition: Any) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    made = {"resourceType": "ValueSet", "url": "urn:example:set", **definition}
    readers = [partial(dict[str, Any], each) for each in (made, SYSTEM, FRAGMENT, ODD)]
    members = Library(lambda: readers).members("urn:example:set")
    assert members is not None
    return [(system, code) for system, codes in members.codes.items() for code in codes], members.open


def is_a(code: str) -> dict[str, str]:
    return {"property": "concept", "op": "is-a", "value": code}


@pytest.mark.parametrize(
    ("include", "codes", "unknown"),
    [
        ({"system": A}, ["1", "1.1", "1.2", "1.2.1", "2"], ()),
        ({"system": A, "concept": [{"code": "2"}]}, ["2"], ()),
        ({"system": A, "filter": [is_a("1.2")]}, ["1.2", "1.2.1"], ()),
        ({"system": A, "filter": [is_a("1"), is_a("1.2.1")]}, ["1.2.1"], ()),
        ({"system": A, "filter": [{"property": "x", "op": "=", "value": "y"}]}, [], (A,)),
        ({"system": A, "valueSet": ["urn:example:odd"]}, ["1.1", "2"], ()),
        ({"valueSet": ["urn:example:odd"]}, ["1.1", "2"], ()),
        ({"valueSet": ["urn:example:nowhere"]}, [], ("urn:example:nowhere",)),
        ({"system": B}, [], (B,)),
        ({"system": "urn:example:nowhere"}, [], ("urn:example:nowhere",)),
    ],
    ids=["system", "concept", "is-a", "filters", "filter", "both", "set", "no-set", "fragment", "no-system"],
)
def test_an_include(include, codes, unknown):
    assert expanded(compose={"include": [include]}) == ([(A, code) for code in codes], unknown)


def test_a_system_that_hl7_publishes():
    codes, unknown = expanded(compose={"include": [{"system": "http://hl7.org/fhir/slotstatus"}]})
    assert ("http://hl7.org/fhir/slotstatus", "busy-tentative") in codes
    assert unknown == ()


def test_what_is_excluded():
    include = [{"system": A}]
    assert expanded(compose={"include": include, "exclude": [{"system": A, "filter": [is_a("1")]}]}) == ([(A, "2")], ())
    codes, _ = expanded(compose={"include": include, "exclude": [{"system": B}]})
    assert len(codes) == 5


def test_an_expansion_is_taken_as_it_is():
    contains = [{"system": A, "code": "1", "abstract": True, "contains": [{"system": A, "code": "1.1"}]}]
    assert expanded(expansion={"contains": contains}) == ([(A, "1.1")], ())
