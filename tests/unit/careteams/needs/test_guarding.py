"""No write of a client makes what a person has said permit more: against all that the reading of Consents knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.needs.guarding import consent_written
from carethread.careteams.needs.need import KIND, LINK, Need
from carethread.careteams.needs.shapes import consent
from carethread.careteams.sharing.categories import ACT_CODE, SEXUAL, VIOLENCE
from carethread.careteams.sharing.consenting import Asked, may_go
from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.moments import DAY
from carethread.core.ports import Resource
from carethread.core.service import Unit

BASE = "http://localhost/fhir"
NOW = 1_930_000_000_000_000
NEED = Need("Condition/n1", "Patient/ann", "transportation-insecurity")
WHO = ("Organization/pantry", "Organization/shelter")
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
OTHER_SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}


class Linked:
    """As much of a session as is needed: `Consent/c1` is of the need."""

    def claimed(self, kind: str, keys: Collection[str]) -> Mapping[str, str]:
        known = {(LINK, "Consent/c1"): NEED.path, (KIND, NEED.path): NEED.kind}
        return {key: known[kind, key] for key in keys if (kind, key) in known}

    def kin(self, ids: Collection[str]) -> Collection[str]:
        return ids


def unit(*, own: bool = False) -> Unit:
    return cast("Unit", SimpleNamespace(own=own, session=Linked(), base_url=BASE, now=NOW))


def said(**more: Any) -> Resource:
    made = consent(NEED, "c1", "Patient/ann", says_yes=True, actors=WHO[:1], now=NOW, until=NOW + 10 * DAY)
    return {**made, **more}


def written(before: Resource | None, after: Resource | None, id_: str = "c1", *, own: bool = False) -> Resource | None:
    return consent_written(unit(own=own), before, after, id_).resource


YES = said()
PARTS = YES["provision"]
DAYS = st.sampled_from([NOW - 5 * DAY, NOW, NOW + 3 * DAY, NOW + 10 * DAY, NOW + 30 * DAY]).map(instant)
PERIODS = st.fixed_dictionaries({}, optional={"start": DAYS, "end": st.one_of(DAYS, st.just("2031-03"))})
ACTORS = st.lists(
    st.builds(
        lambda who, role: {"role": {"coding": [{"code": role}]}, "reference": {"reference": who}},
        st.sampled_from([*WHO, WHO[1], "CareTeam/anns"]), st.sampled_from(["IRCP", "IRCP", "CST"]),
    ),
    max_size=2,
)  # fmt: skip
OTHERS: Mapping[str, st.SearchStrategy[Any]] = {
    "action": st.sampled_from([PARTS["action"], [{"coding": [{"code": "use"}]}]]),
    "securityLabel": st.sampled_from([PARTS["securityLabel"], [{"system": ACT_CODE, "code": "HIV"}]]),
    "purpose": st.sampled_from([PARTS["purpose"], [{"system": REASONS, "code": "TREAT"}]]),
    "data": st.sampled_from([PARTS["data"], [{"meaning": "related", "reference": {"reference": "Condition/n1"}}]]),
    "class": st.just([{"code": "x"}]),
}
TYPES = st.sampled_from(["permit", "permit", "deny"])
INNER = st.fixed_dictionaries({"type": TYPES}, optional={"actor": ACTORS, "period": PERIODS, **OTHERS})
WITHIN = st.one_of(INNER, st.builds(lambda one, two: {**one, "provision": [two]}, INNER, INNER))
ELEMENTS: Mapping[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from(["active", "active", "active", "inactive", "rejected", "draft"]),
    "scope": st.sampled_from([YES["scope"], OTHER_SCOPE]),
    "category": st.sampled_from([YES["category"], [{"coding": [{"system": "urn:x", "code": "y"}]}]]),
    "verification": st.sampled_from([YES["verification"], [{"verified": False}], []]),
    "dateTime": st.sampled_from([YES["dateTime"], instant(NOW + DAY)]),
    "patient": st.sampled_from([{"reference": f"Patient/{each}"} for each in ("ann", "ann", "ben")]),
}


@st.composite
def edits(draw: st.DrawFn, of: Resource) -> Resource:
    """A Consent with a few of its elements written anew."""
    made = {**of, "provision": dict(of["provision"])}
    for name in draw(st.lists(st.sampled_from(sorted(ELEMENTS)), max_size=2)):
        made[name] = draw(ELEMENTS[name])
    inside = {"type": TYPES, "period": PERIODS, "actor": ACTORS, "provision": st.lists(WITHIN, max_size=2), **OTHERS}
    for name in draw(st.lists(st.sampled_from(sorted(inside)), max_size=2)):
        if draw(st.booleans()):
            made["provision"][name] = draw(inside[name])
        else:
            made["provision"].pop(name, None)
    for name in ("actor", "provision"):
        if draw(st.booleans()) and name in of["provision"]:
            made["provision"][name] = of["provision"][name][: draw(st.integers(0, 2))]
    return {**made, "provision": {name: each for name, each in made["provision"].items() if each != []}}


ASKED = [
    Asked({"resourceType": "Condition", "id": id_}, category, {to}, purpose, at, base=BASE)
    for id_ in ("n1", "n2")
    for category in (VIOLENCE, SEXUAL)
    for to in (*WHO, "Organization/other")
    for purpose in ("COC", "TREAT")
    for at in (NOW - 3 * DAY, NOW + DAY, NOW + 5 * DAY, NOW + 20 * DAY)
]


@given(st.data())
def test_what_is_accepted_gives_no_more(data: st.DataObject) -> None:
    """Whatever a Consent was before, and in as many steps as somebody likes."""
    begun = standing = data.draw(edits(YES))
    for _ in range(3):
        try:
            standing = written(standing, sent := data.draw(edits(standing))) or sent
        except Invalid as refusal:
            assert str(refusal.issues[0].expression).startswith("Consent")
    assert (standing["patient"], standing["dateTime"]) == (begun["patient"], begun["dateTime"])
    for asked in ASKED:
        assert may_go(asked, [begun]) or not may_go(asked, [standing])


def inside(**members: Any) -> Resource:
    return said(provision={**PARTS, **members})


NO = {**YES, "status": "rejected", "provision": {**PARTS, "type": "deny"}}
ACTOR = {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": WHO[1]}}
WIDER = {
    "a no": (NO, YES, "status"),
    "one taken back": (said(status="inactive"), YES, "status"),
    "what was refused": (said(provision={**PARTS, "type": "deny"}), YES, "provision.type"),
    "somebody more": (YES, inside(actor=[*PARTS["actor"], ACTOR]), "provision.actor"),
    "everybody": (YES, inside(actor=[]), "provision.actor"),
    "for longer": (YES, inside(period={**PARTS["period"], "end": instant(NOW + 11 * DAY)}), "provision.period"),
    "from earlier": (YES, inside(period={**PARTS["period"], "start": instant(NOW - DAY)}), "provision.period"),
    "without an end": (YES, inside(period={"start": PARTS["period"]["start"]}), "provision.period"),
    "for all purposes": (YES, inside(purpose=[]), "provision.purpose"),
    "of all data": (YES, inside(data=[]), "provision.data"),
    "of all codes": (YES, inside(securityLabel=[]), "provision.securityLabel"),
    "a yes in a no": (YES, inside(provision=[{"type": "permit"}]), "provision.provision"),
    "a no no more": (inside(provision=[{"type": "deny"}]), YES, "provision.provision"),
    "somebody else's": (YES, said(patient={"reference": "Patient/ben"}), "patient"),
    "a no that is somebody else's": (NO, {**NO, "patient": {"reference": "Patient/ben"}}, "patient"),
    "of another day": (NO, {**NO, "dateTime": instant(NOW - DAY)}, "dateTime"),
    "by another policy": (YES, said(policyRule={"text": "All"}), "policyRule"),
    "of another scope": (said(scope=OTHER_SCOPE), YES, "scope"),
    "verified after all": (said(verification=[{"verified": False}]), YES, "verification"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "where"), WIDER.values(), ids=WIDER)
def test_what_gives_more_is_refused_and_where_is_said(before: Resource, after: Resource, where: str) -> None:
    with pytest.raises(Invalid) as refusal:
        written(before, after)
    (issue,) = refusal.value.issues
    assert issue.expression == f"Consent.{where}"
    assert "POST Condition/n1/$offer-help" in issue.diagnostics


LESS = {
    "deleted": (None, "Consent"),
    "taken back": ({**NO, "status": "inactive"}, "Consent.status"),
    "in error": ({**NO, "status": "entered-in-error"}, "Consent.status"),
    "for a shorter time": (
        {**NO, "provision": {**NO["provision"], "period": {**PARTS["period"], "end": instant(NOW)}}},
        "Consent.provision.period",
    ),
}


@pytest.mark.parametrize(("after", "where"), LESS.values(), ids=LESS)
def test_a_no_stands_until_its_time_is_over(after: Resource | None, where: str) -> None:
    with pytest.raises(Invalid, match="asked-by-person") as refusal:
        written(NO, after)
    assert [each.expression for each in refusal.value.issues] == [where]
    over = {**NO, "provision": {**NO["provision"], "period": {"end": instant(NOW - DAY)}}}
    written(over, after)
    longer = {**NO["provision"], "period": {**PARTS["period"], "end": instant(NOW + 11 * DAY)}}
    assert written(NO, {**NO, "provision": longer}) is not None, "a no may be for longer, and without an end"
    assert written(NO, {**NO, "provision": {"type": "deny"}}) is not None


FREE = {
    "taken back": said(status="inactive"),
    "in error": said(status="entered-in-error"),
    "taken back, and more": said(status="inactive", provision={"type": "permit"}),
    "for a shorter time": inside(period={"start": instant(NOW + DAY), "end": instant(NOW + 2 * DAY)}),
    "with an exception": inside(provision=[{"type": "deny", "actor": [ACTOR]}]),
    "a refusal": inside(type="deny"),
    "filed": said(identifier=[{"value": "1"}]),
}


@pytest.mark.parametrize("after", FREE.values(), ids=FREE)
def test_less_of_it_is_anybodys_to_write(after: Resource) -> None:
    assert written(YES, after) == after


def test_who_may_be_told_may_become_fewer() -> None:
    both = inside(actor=[*PARTS["actor"], ACTOR])
    assert written(both, YES) == YES


def test_its_labels_stay() -> None:
    bare = {**said(status="inactive"), "meta": {"tag": [{"code": "x"}]}}
    made = written(YES, bare)
    assert made is not None
    assert made["meta"] == {**bare["meta"], "security": YES["meta"]["security"]}


def test_what_was_deleted_is_not_said_again_by_a_write() -> None:
    for sent in (YES, NO, said(status="inactive")):
        with pytest.raises(Invalid, match="offer-help"):
            written(None, sent)
    assert written(YES, None) is None, "but it may be deleted"


def test_what_is_no_answer_to_an_offer_is_as_it_is_sent() -> None:
    other = {**YES, "id": "c2"}
    assert written(None, other, "c2") is None
    assert written({**other, "status": "inactive"}, other, "c2") is None
    assert written(NO, YES, own=True) is None, "and the service itself notes what the person has said"
