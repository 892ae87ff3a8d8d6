"""Who may act for a person: relationship, period, age, and Consent."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.sharing.ages import AGES, Ages, age, own_matters
from carethread.careteams.sharing.categories import CATEGORIES, PSYCHIATRIC, SEXUAL, SUBSTANCE, VIOLENCE
from carethread.careteams.sharing.proxies import GUARDIANS, PARENTS, Verdict, may_act
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from support.person import ANN, concept, consent, deny, permit

KIN = "RelatedPerson/kin"
V3 = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


def moment(text: str) -> int:
    return (date_range(text) or (0, 0))[0]


NOW = moment("2031-03-03T08:00:00Z")


def person(born: str = "1950-01-01", **members: Any) -> Resource:
    return {"resourceType": "Patient", "id": "ann", **({"birthDate": born} if born else {}), **members}


def kin(*codes: str, **members: Any) -> Resource:
    return {
        "resourceType": "RelatedPerson", "id": "kin", "patient": ANN,
        "relationship": [concept(V3, code) for code in codes], **members,
    }  # fmt: skip


def ask(patient: Resource, related: Resource, *consents: Resource, at: int = NOW, action: Any = "see") -> Verdict:
    return may_act(patient, related, consents, at, action)


def test_a_parent_acts_for_a_child_until_the_birthday() -> None:
    child = person("2013-03-04")
    assert ask(child, kin("MTH")).allowed
    assert not ask(child, kin("MTH"), at=moment("2031-03-04T00:00:00Z")).allowed
    assert not ask(child, kin("MTH"), at=moment("2031-03-03T10:00:00Z")).allowed, "the birthday has begun in the east"


def test_what_is_the_childs_own() -> None:
    assert ask(person("2026-01-01"), kin("FTH")).free == {PSYCHIATRIC, SEXUAL, SUBSTANCE}
    assert ask(person("2018-06-01"), kin("FTH")).free == {PSYCHIATRIC}, "from twelve years on"
    assert ask(person("2016-06-01"), kin("FTH")).free == set(), "from fourteen"


def test_ages_stand_in_one_place() -> None:
    early = Ages(majority=16, own={})
    sixteen = person("2015-01-01")
    assert ask(sixteen, kin("MTH")).allowed
    assert not may_act(sixteen, kin("MTH"), (), NOW, "see", ages=early).allowed
    assert AGES.own[VIOLENCE] == 0, "a parent may be the one"


@pytest.mark.parametrize("born", ["", "unknown", "2031-02-30"])
def test_of_an_unknown_birth_date_nobody_is_taken_for_a_child(born: str) -> None:
    verdict = ask(person(born), kin("MTH"))
    assert (verdict.allowed, verdict.why) == (False, "needs a Consent, for the birth date is not known")
    assert ask(person(born), kin("MTH"), consent("c", permit(to=KIN))).allowed
    assert ask(person(born), kin("GUARD")).allowed


def test_of_a_year_the_first_day_counts() -> None:
    assert ask(person("2014"), kin("MTH")).allowed
    assert not ask(person("2013"), kin("MTH")).allowed, "they may be of age"
    assert not ask(person("2013-03"), kin("MTH")).allowed
    assert ask(person("2013-04"), kin("MTH")).allowed


def test_for_an_adult_it_takes_a_consent_that_names_them() -> None:
    assert not ask(person(), kin("CHILD")).allowed
    assert not ask(person(), kin("POWATT")).allowed
    assert ask(person(), kin("CHILD"), consent("c", permit(to=KIN))).allowed
    assert not ask(person(), kin("CHILD"), consent("c", permit(to="RelatedPerson/other"))).allowed
    assert ask(person(), kin("GUARD")).allowed


def test_a_consent_has_a_scope_and_a_period() -> None:
    sees = consent("c", permit(to=KIN, action=[{"coding": [{"code": "access"}]}]))
    assert ask(person(), kin("CHILD"), sees).allowed
    assert not ask(person(), kin("CHILD"), sees, action="answer").allowed
    over = consent("c", permit(to=KIN, period={"end": "2031-03-01"}))
    assert not ask(person(), kin("CHILD"), over).allowed
    research = consent("c", permit(to=KIN, purpose=[{"code": "HRESCH"}]))
    assert not ask(person(), kin("CHILD"), research).allowed


@pytest.mark.parametrize("relation", ["MTH", "GUARD"])
def test_a_refusal_wins_over_a_relationship(relation: str) -> None:
    for born in ("2026-01-01", "1950-01-01"):
        verdict = ask(person(born), kin(relation), consent("c", deny(to=KIN)))
        assert (verdict.allowed, verdict.why) == (False, "is refused by a Consent")


REFUSED: dict[str, tuple[Resource, Resource]] = {
    "somebody else's": (person("2026-01-01"), kin("MTH", patient={"reference": "Patient/ben"})),
    "inactive": (person("2026-01-01"), kin("MTH", active=False)),
    "over": (person("2026-01-01"), kin("MTH", period={"end": "2031-03-02"})),
    "not begun": (person("2026-01-01"), kin("MTH", period={"start": "2031-03-04"})),
    "no relationship": (person("2026-01-01"), kin()),
    "a neighbour": (person("2026-01-01"), kin("NBOR")),
    "deceased": (person("2026-01-01", deceasedBoolean=True), kin("MTH")),
}


@pytest.mark.parametrize(("patient", "related"), REFUSED.values(), ids=REFUSED.keys())
def test_who_does_not(patient: Resource, related: Resource) -> None:
    assert not ask(patient, related).allowed


def test_of_those_who_were_merged_each_id_is_the_persons() -> None:
    elsewhere = kin("MTH", patient={"reference": "Patient/anna"})
    assert may_act(person("2026-01-01"), elsewhere, (), NOW, "see", ids={"ann", "anna"}).allowed


def test_every_parent_is_known() -> None:
    assert GUARDIANS <= PARENTS


@given(
    st.dates(min_value=date(1901, 1, 1), max_value=date(2060, 1, 1)),
    st.integers(0, 40 * 366),
)
def test_age_grows_and_a_birthday_is_a_birthday(born: date, days: int) -> None:
    day = 86_400_000_000
    start = moment(born.isoformat())
    at = start + days * day
    years = age(born.isoformat(), at)
    assert years is not None
    later = age(born.isoformat(), at + day)
    assert later is not None and years <= later <= years + 1
    assert abs(years - days / 365.2425) < 1.1
    assert own_matters(years) <= set(CATEGORIES)


def test_a_birthday_of_29_february() -> None:
    assert age("2012-02-29", moment("2030-02-27T09:00:00Z")) == 17
    assert age("2012-02-29", moment("2030-02-28T00:00:00Z")) == 18


def test_relationships_of_another_code_system_tell_nothing() -> None:
    child, guarded = person("2020-01-01"), person()
    for system in ("urn:x", "http://terminology.hl7.org/CodeSystem/v3-RoleClass"):
        related = [concept(system, code) for code in ("MTH", "GUARD")]
        assert not ask(child, kin(relationship=related)).allowed
        assert not ask(guarded, kin(relationship=related)).allowed
