"""Walking a resource: every object in it, and its extensions by their URLs."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir.elements import extension, is_bound, objects, with_extensions


def test_every_object_is_found_itself_first() -> None:
    resource: dict[str, Any] = {"a": {"b": [{"c": 1}, [{"d": None}], "text"]}, "e": 2}
    found = list(objects(resource))
    assert found[0] is resource
    assert sorted(map(str, found)) == sorted(map(str, [resource, resource["a"], {"c": 1}, {"d": None}]))
    assert list(objects("text")) == []


def test_an_extension_takes_the_place_of_one_of_the_same_url() -> None:
    before = {"status": "free", "extension": [{"url": "x", "valueCode": "a"}, {"url": "y", "valueCode": "b"}]}
    after = with_extensions(before, {"x": {"valueCode": "c"}})
    assert extension(after, "x") == {"url": "x", "valueCode": "c"}
    assert extension(after, "y") == {"url": "y", "valueCode": "b"}
    assert extension(after, "z") == {}
    assert extension(before, "x")["valueCode"] == "a"


@pytest.mark.parametrize(
    ("meta", "bound"),
    [
        ({"profile": ["http://a", "http://b|1.2"]}, True),
        ({"profile": ["http://b"]}, True),
        ({"profile": ["http://b"], "source": "http://ehr"}, False),
        ({"profile": [None, "http://bc", "http://a|http://b"]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_profile_binds_whatever_its_version(meta, bound):
    assert is_bound({"meta": meta} if meta is not None else {}, "http://b") is bound
    assert not is_bound(None, "http://b")
