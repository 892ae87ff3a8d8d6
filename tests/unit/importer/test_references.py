"""References move to what they stand for; all else stays as it was sent."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.importer.identity import Condition
from carethread.importer.references import Rewriter, conditions

_TARGETS = {"urn:uuid:1": "Patient/1", "http://ehr/Patient/2": "Patient/2", "Patient/old": "Patient/new"}
_FOUND = {Condition("Practitioner", "identifier=urn:s|a"): "Practitioner/7"}


def _rewriter() -> Rewriter:
    return Rewriter(_TARGETS.get, _FOUND.get)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"subject": {"reference": "urn:uuid:1"}}, {"subject": {"reference": "Patient/1"}}),
        ({"subject": {"reference": "http://ehr/Patient/2"}}, {"subject": {"reference": "Patient/2"}}),
        ({"subject": {"reference": "Patient/old"}}, {"subject": {"reference": "Patient/new"}}),
        ({"content": [{"attachment": {"url": "urn:uuid:1"}}]}, {"content": [{"attachment": {"url": "Patient/1"}}]}),
        ({"instantiatesUri": ["urn:uuid:1", "urn:x"]}, {"instantiatesUri": ["Patient/1", "urn:x"]}),
        (
            {"extension": [{"url": "u", "valueUri": "urn:uuid:1"}]},
            {"extension": [{"url": "u", "valueUri": "Patient/1"}]},
        ),
        (
            {"text": {"div": "<div><a href=\"urn:uuid:1\">x</a><img src='urn:uuid:1'/>urn:uuid:1</div>"}},
            {"text": {"div": "<div><a href=\"Patient/1\">x</a><img src='Patient/1'/>urn:uuid:1</div>"}},
        ),
        (
            {"performer": [{"display": "d", "reference": "Practitioner?identifier=urn:s|a"}]},
            {"performer": [{"display": "d", "reference": "Practitioner/7"}]},
        ),
        (
            {"contained": [{"subject": {"reference": "urn:uuid:1"}}]},
            {"contained": [{"subject": {"reference": "Patient/1"}}]},
        ),
    ],
)
def test_a_reference_moves(sent, stored):
    resource = deepcopy(sent)
    assert _rewriter().rewrite(resource) == []
    assert resource == stored


@pytest.mark.parametrize(
    "sent",
    [
        {"subject": {"reference": "#contained"}},
        {"subject": {"reference": "Patient/9"}},
        {"subject": {"reference": "http://elsewhere/Patient/9"}},
        {"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}]},
        {"url": "http://ehr/Patient/2"},
        {"reference": {"x": 1}},
        {"valueString": "urn:uuid:1"},
    ],
)
def test_what_stays(sent):
    resource = deepcopy(sent)
    assert _rewriter().rewrite(resource) == []
    assert resource == sent


def test_a_fullurl_of_no_entry_stays_and_is_told():
    resource = {"resourceType": "Basic", "author": {"reference": "urn:uuid:9"}}
    (issue,) = _rewriter().rewrite(resource)
    assert (issue.expression, issue.severity) == ("Basic.author", "warning")
    assert resource["author"] == {"reference": "urn:uuid:9"}


def test_criteria_that_find_nothing_become_a_logical_reference():
    reference = {
        "reference": "Practitioner?identifier=urn:s|b",
        "display": "d",
        "extension": [{"valueUri": "urn:uuid:1"}],
    }
    resource = {"resourceType": "Observation", "performer": [{"reference": "urn:uuid:1"}, reference]}
    (issue,) = _rewriter().rewrite(resource)
    assert issue.expression == "Observation.performer[1]"
    assert "urn:s" not in issue.diagnostics
    assert reference == {
        "display": "d",
        "extension": [{"valueUri": "Patient/1"}],
        "type": "Practitioner",
        "identifier": {"system": "urn:s", "value": "b"},
    }


def test_criteria_without_an_identifier_stay():
    resource = {"resourceType": "Basic", "author": {"reference": "Practitioner?name=b"}}
    assert len(_rewriter().rewrite(resource)) == 1
    assert resource["author"] == {"reference": "Practitioner?name=b"}


_references = st.sampled_from(
    [*_TARGETS, "Practitioner?identifier=urn:s|a", "Practitioner?identifier=urn:s|b", "#x", "A/1"]
)
_resources = st.recursive(
    st.fixed_dictionaries({"reference": _references}) | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "url", "text"]), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.text(), _resources))
def test_afterwards_no_reference_is_conditional_and_rewriting_again_changes_nothing(resource):
    asked = list(conditions(resource))
    issues = _rewriter().rewrite(resource)
    assert len(issues) == len([each for each in asked if each not in _FOUND])
    assert list(conditions(resource)) == []
    again = deepcopy(resource)
    assert _rewriter().rewrite(again) == []
    assert again == resource
