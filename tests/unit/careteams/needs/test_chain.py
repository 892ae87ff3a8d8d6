"""Links stand behind those that they follow from, whatever their moments, and each is there once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.needs.chain import Known, chain, state
from carethread.careteams.needs.need import Need
from carethread.careteams.needs.shapes import ARRANGE, CONFIRM, OFFER, consent, referral, staff_task
from carethread.core.moments import DAY
from carethread.core.ports import Resource

NOW = 1_900_000_000_000_000
NEED = Need("Condition/n", "Patient/ann", "food-insecurity")
ASKED = "ServiceRequest/s"
moments = st.lists(st.integers(0, 9), min_size=6, max_size=6)


def resources(at: list[int]) -> dict[str, Resource]:
    """A chain up to its referral, each made at some moment."""
    when = [NOW + each * DAY for each in at]
    confirm = staff_task(NEED, "t1", CONFIRM, "Patient/ann", "", "", when[0], 0, "Condition/n", "")
    offer = staff_task(NEED, "t2", OFFER, "Patient/ann", "", "", when[1], 0, "Task/t1", "")
    offer |= {"status": "completed", "output": [{"valueReference": {"reference": "Consent/c"}}]}
    arrange = staff_task(NEED, "t3", ARRANGE, "Patient/ann", "", "", when[2], 0, "Consent/c", "")
    said = consent(
        NEED, "c", "Patient/ann", says_yes=True, actors=["Organization/1"], now=when[3], until=NOW + 99 * DAY
    )
    asked = referral(
        NEED, "t4", "Patient/ann",
        request=ASKED, consent="Consent/c", to="Organization/1", by="Practitioner/1", priority="routine", note="",
        department="", now=when[4], due=when[4] + DAY,
    )  # fmt: skip
    observation = {"resourceType": "Observation", "id": "o", "derivedFrom": [{"reference": "QuestionnaireResponse/r"}]}
    made: list[Resource] = [
        observation,
        {"resourceType": "QuestionnaireResponse", "id": "r"},
        {"resourceType": "Condition", "id": "n"},
        *(confirm, offer, arrange, said, asked),
    ]
    return {f"{each['resourceType']}/{each['id']}": each for each in made}


@given(at=moments)
def test_each_stands_behind_what_it_follows_from(at: list[int]) -> None:
    links = chain(Known(NEED, resources(at), [ASKED]), {}, "")
    places = {link.path: place for place, link in enumerate(links)}
    assert len(places) == len(links) == 9
    for link in links:
        for before in link.before:
            assert places[before] < places[link.path]
            assert link.path in links[places[before]].after


def test_a_ring_loses_nothing() -> None:
    """Somebody has written into the request that it follows from the referral."""
    ring = {"resourceType": "ServiceRequest", "id": "s", "supportingInfo": [{"reference": "Task/t4"}]}
    links = chain(Known(NEED, resources([0] * 6), [ASKED]), {ASKED: ring}, "")
    assert len({link.path for link in links}) == len(links) == 9


def test_where_it_stands() -> None:
    known = resources([0] * 6)
    assert state(Known(NEED, known, []), known["Condition/n"], NOW) == "to-confirm"
    known["Task/t1"] = {**known["Task/t1"], "status": "completed"}
    assert state(Known(NEED, known, []), known["Condition/n"], NOW) == "to-refer"
    known["Task/t3"] = {**known["Task/t3"], "status": "completed"}
    assert state(Known(NEED, known, []), known["Condition/n"], NOW) == "asked"
    known["Task/t4"] = {**known["Task/t4"], "status": "on-hold"}
    assert state(Known(NEED, known, []), known["Condition/n"], NOW) == "helped-by"
    known["Task/t4"] = {**known["Task/t4"], "status": "rejected"}
    assert state(Known(NEED, known, []), known["Condition/n"], NOW) == "open"
    known["Consent/c"] = {**known["Consent/c"], "status": "rejected"}
    assert state(Known(NEED, known, []), known["Condition/n"], NOW) == "declined"
    assert state(Known(NEED, known, []), known["Condition/n"], NOW + 100 * DAY) == "open"
