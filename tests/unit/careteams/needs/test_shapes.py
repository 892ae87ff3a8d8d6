"""What a need is written as is valid, and meets its profile."""

from __future__ import annotations

from carethread.careteams.needs.need import Need
from carethread.careteams.needs.shapes import (
    CONFIRM,
    REFERRAL,
    STAFF,
    code,
    condition,
    consent,
    referral,
    service_request,
    staff_task,
)
from carethread.careteams.needs.told import Told
from carethread.careteams.sharing.categories import CATEGORIES
from carethread.careteams.sharing.consenting import Asked, may_go
from carethread.careteams.sharing.sensitivity import sensitive
from carethread.core.fhir.validation import validate
from carethread.core.moments import DAY
from carethread.core.ports import Resource

NOW = 1_900_000_000_000_000
NEED = Need("Condition/n1", "Patient/ann", "food-insecurity")
TOLD = Told("food-insecurity", {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z59.41"}]})


def proposed() -> Resource:
    return condition(NEED, TOLD, ["Observation/1"], "Encounter/1", NOW)


def said(*, yes: bool = True) -> Resource:
    actors = ["Organization/1", "Organization/1"] if yes else []
    return consent(NEED, "c1", "Patient/ann", says_yes=yes, actors=actors, now=NOW, until=NOW + DAY)


def referred() -> Resource:
    return referral(
        NEED, "t1", "Patient/ann",
        request="ServiceRequest/1", consent="Consent/c1", to="Organization/1", by="Practitioner/1",
        priority="urgent", note="By car.", department="Organization/2", now=NOW, due=NOW + DAY,
    )  # fmt: skip


def test_all_of_it_is_valid() -> None:
    request = service_request(
        NEED, "s1", "Patient/ann",
        to="Organization/1", by="Practitioner/1", consent="Consent/c1", priority="urgent",
        service={"text": "Food"}, now=NOW,
    )  # fmt: skip
    made = [proposed(), said(), said(yes=False), request, referred()]
    made += [staff_task(NEED, "t2", each, "Patient/ann", "", "", NOW, 0, "Observation/1", "") for each in STAFF]
    for each in made:
        assert [issue for issue in validate(each) if issue.severity == "error"] == [], each
        assert sensitive(each) == set(CATEGORIES), "it leaves only by Consent"


def test_the_consent_permits_whom_it_names_and_nothing_else() -> None:
    asked = Asked(proposed(), "psychiatric", {"Organization/1"}, "COC", NOW + 1)
    assert may_go(asked, [said()])
    assert not may_go(asked, [said(yes=False)])
    assert not may_go(asked, [])
    for other in (
        Asked(proposed(), "psychiatric", {"Organization/2"}, "COC", NOW + 1),
        Asked({**proposed(), "id": "n2"}, "psychiatric", {"Organization/1"}, "COC", NOW + 1),
        Asked(proposed(), "psychiatric", {"Organization/1"}, "COC", NOW + 2 * DAY),
        Asked(proposed(), "psychiatric", {"Organization/1"}, "HMARKT", NOW + 1),
    ):
        assert not may_go(other, [said()])


def test_which_tasks_are_about_needs() -> None:
    assert code(referred()) == REFERRAL
    assert code(staff_task(NEED, "t", CONFIRM, "Patient/ann", "", "", NOW, 0, "Observation/1", "")) == CONFIRM
    assert code({**referred(), "meta": {"source": "urn:ehr"}}) == ""
    assert code({"code": {"text": "x"}}) == ""
    assert code(None) == ""
