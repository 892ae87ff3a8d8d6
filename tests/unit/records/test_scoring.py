"""Weights of evidence: what agrees and what does not makes one person or two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.records.scoring import WEIGHTS, grade, one_slip, score

WHOLE: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:mrn", "value": "1"}],
    "name": [{"family": "Testperson", "given": ["Erika"]}],
    "birthDate": "1980-03-04",
    "gender": "female",
    "telecom": [{"system": "phone", "value": "+1 555 0100-234"}],
    "address": [{"postalCode": "12345", "line": ["Made Up Road 1"]}],
}


def but(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in {**WHOLE, **members}.items() if value is not None}


def only(*names: str) -> dict[str, Any]:
    return {name: WHOLE[name] for name in ("resourceType", *names)}


@pytest.mark.parametrize(
    ("wanted", "there", "graded"),
    [
        (WHOLE, WHOLE, "certain"),
        (only("identifier"), WHOLE, "certain"),
        (only("name", "birthDate", "gender"), WHOLE, "certain"),
        (only("name", "birthDate"), but(birthDate="1980-04-03"), "possible"),
        (only("name", "birthDate", "telecom"), but(birthDate="1980-04-03"), "certain"),
        (only("name", "birthDate", "telecom"), but(telecom=[{"value": "0555-0100234"}]), "certain"),
        (only("name", "birthDate", "gender"), but(name=[{"family": "Tesperson", "given": ["ERIKA"]}]), "probable"),
        (only("name", "birthDate"), but(name=[{"family": "Otherwise", "given": ["Erika"]}]), "possible"),
        (only("name"), WHOLE, "certainly-not"),
        (only("identifier", "name", "birthDate"), but(birthDate="1955-01-01", name=[{"family": "B", "given": ["C"]}]),
         "possible"),
        (only("name", "birthDate", "gender"), but(birthDate="1980"), "possible"),
        (but(identifier=[{"value": "1"}]), but(identifier=[{"value": "1"}]), "certain"),
        (but(identifier=[{"system": "urn:mrn", "value": "2"}]), WHOLE, "certain"),
        ({"resourceType": "Patient"}, WHOLE, "certainly-not"),
    ],
)  # fmt: skip
def test_what_agrees_makes_the_grade(wanted: dict[str, Any], there: dict[str, Any], graded: str) -> None:
    assert grade(score(wanted, there)) == graded, score(wanted, there)


MEMBERS = {
    "identifier": st.lists(st.fixed_dictionaries({"value": st.text("12", min_size=1, max_size=2)}), max_size=2),
    "name": st.lists(
        st.fixed_dictionaries(
            {},
            optional={"family": st.text("abé ", max_size=5), "given": st.lists(st.text("ab", max_size=4), min_size=1)},
        ),
        max_size=2,
    ),
    "birthDate": st.sampled_from(["1980", "1980-03", "1980-03-04", "1980-04-03", "1981-03-04", "2001-12-31"]),
    "gender": st.sampled_from(["male", "female", "other", "unknown"]),
    "telecom": st.lists(st.fixed_dictionaries({}, optional={"value": st.text("0123@a", max_size=4)}), max_size=2),
    "address": st.lists(
        st.fixed_dictionaries(
            {}, optional={"city": st.text("ab", max_size=2), "line": st.lists(st.text("ab"), max_size=1)}
        ),
        max_size=2,
    ),
}
PATIENTS = st.fixed_dictionaries({"resourceType": st.just("Patient")}, optional=MEMBERS)


@given(PATIENTS, PATIENTS)
def test_a_score_is_a_likelihood_and_has_no_direction(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert 0 < score(one, other) < 1
    assert score(one, other) == score(other, one)


@given(st.text("ab1", min_size=1, max_size=6), st.integers(0, 5), st.sampled_from("ab1"), st.sampled_from("+-=~"))
def test_one_slip_is_found_whatever_it_is(text: str, at: int, sign: str, kind: str) -> None:
    at %= len(text)
    head, tail = text[:at], text[at + 1 :]
    slipped = {
        "+": head + sign + text[at:],
        "-": head + tail,
        "=": head + sign + tail,
        "~": head + tail[:1] + text[at] + tail[1:],
    }[kind]
    assert one_slip(text, slipped)
    assert one_slip(slipped, text)


@pytest.mark.parametrize(
    ("one", "other"), [("abcd", "badc"), ("abc", "abcde"), ("1980-03-04", "1981-03-05"), ("", "ab")]
)
def test_two_slips_are_too_many(one: str, other: str) -> None:
    assert not one_slip(one, other)


def test_every_trait_weighs_for_one_person_when_it_is_the_same_and_against_when_it_is_other() -> None:
    for findings in WEIGHTS.values():
        assert findings["same"].of_one > findings["same"].of_two
        assert findings["other"].of_one < findings["other"].of_two
