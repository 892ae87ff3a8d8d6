"""What is sensitive: labels, codes wherever they stand, and words."""

from __future__ import annotations

import pytest

from carethread.careteams.sharing.categories import CATEGORIES, PSYCHIATRIC, SEXUAL, SUBSTANCE, VIOLENCE, covering
from carethread.careteams.sharing.sensitivity import VALUE_SETS, of_code, sensitive
from carethread.careteams.sharing.words import HARMLESS, STEMS, telling
from carethread.core.fhir.profiles.library import packaged
from support.person import ICD, LOINC, ORDINARY, SENSITIVE, about, condition, labels, task

SNOMED, ATC = "http://snomed.info/sct", "http://www.whocc.no/atc"

CODES = {
    (ICD, "F32.1"): {PSYCHIATRIC}, (ICD, "F321"): {PSYCHIATRIC}, (ICD + "-cm", "F32.1"): {PSYCHIATRIC},
    (ICD + "-de", "F32.1"): {PSYCHIATRIC}, (ICD, "F10.2"): {SUBSTANCE}, (ICD, "F17.2"): set(),
    (ICD, "F52.0"): {SEXUAL},
    (ICD, "F64"): {SEXUAL}, (ICD, "F00"): {PSYCHIATRIC}, (ICD, "F99"): {PSYCHIATRIC}, (ICD, "R45.851"): {PSYCHIATRIC},
    (ICD, "Z21"): {SEXUAL}, (ICD, "B24"): {SEXUAL}, (ICD, "A53.9"): {SEXUAL}, (ICD, "A65"): set(),
    (ICD, "Z30.0"): {SEXUAL}, (ICD, "T74.1"): {VIOLENCE}, (ICD, "T76.11XA"): {VIOLENCE}, (ICD, "Z63.0"): {VIOLENCE},
    (ICD, "Z63.1"): set(), (ICD, "Z63.72"): {SUBSTANCE}, (ICD, "K70.3"): {SUBSTANCE}, (ICD, "E11.9"): set(),
    (ICD, "I10"): set(), ("http://hl7.org/fhir/sid/icd-9-cm", "303.90"): {SUBSTANCE},
    ("urn:oid:2.16.840.1.113883.6.90", "F32.1"): {PSYCHIATRIC}, (LOINC, "44261-6"): {PSYCHIATRIC},
    (LOINC, "70274-6"): {PSYCHIATRIC}, (LOINC, "75626-2"): {SUBSTANCE}, (LOINC, "82667-7"): {SUBSTANCE},
    (LOINC, "76504-0"): {VIOLENCE}, (LOINC, "95614-4"): {VIOLENCE},
    (LOINC, "56888-1"): {SEXUAL}, (LOINC, "718-7"): set(),
    (SNOMED, "35489007"): {PSYCHIATRIC}, (SNOMED, "7200002"): {SUBSTANCE}, (SNOMED, "86406008"): {SEXUAL},
    (SNOMED, "706893006"): {VIOLENCE}, (SNOMED, "44054006"): set(), (ATC, "N05BA01"): {PSYCHIATRIC},
    (ATC, "N06AB06"): {PSYCHIATRIC}, (ATC, "N07BB01"): {SUBSTANCE}, (ATC, "N07BC02"): {SUBSTANCE},
    (ATC, "N07BA01"): set(), (ATC, "G03AA07"): {SEXUAL}, (ATC, "J05AR03"): {SEXUAL}, (ATC, "A10BA02"): set(),
    ("", "F32.1"): set(), ("urn:x", "44261-6"): set(),
}  # fmt: skip


@pytest.mark.parametrize(("code", "categories"), CODES.items(), ids=lambda each: str(each))
def test_codes(code: tuple[str, str], categories: set[str]) -> None:
    assert of_code(*code) == categories


WORDS = {
    "Major depression": {PSYCHIATRIC}, "ST depression in the ECG": set(), "respiratory depression": set(),
    "Wants to stay sober.": {SUBSTANCE}, "alcohol pads": set(), "alcohol-use disorder": {SUBSTANCE},
    "HIV-Test": {SEXUAL}, "hearing aids": set(), "Verhütung": {SEXUAL}, "Drape the bed": set(),
    "häusliche Gewalt": {VIOLENCE}, "Medical, Dental, Mental Health, Vision": set(),
    "Sertraline 50 mg": {PSYCHIATRIC}, "Call about the wheelchair": set(), "intimate partner violence": {VIOLENCE},
    "SEXUAL ASSAULT": {VIOLENCE}, "ages": set(),
}  # fmt: skip


@pytest.mark.parametrize(("said", "categories"), WORDS.items())
def test_words(said: str, categories: set[str]) -> None:
    assert sensitive(task("t", said)) == categories


def test_words_do_not_run_from_one_text_into_the_next() -> None:
    assert telling(["drug", "use of the lift"]) == set()


def test_a_label_is_enough() -> None:
    assert sensitive(condition("c", "R53", meta={"security": labels("PSY")})) == {PSYCHIATRIC}
    assert sensitive(condition("c", "R53", meta={"security": labels("SPI")})) == set(CATEGORIES)
    assert covering("NOAUTH") == set()


@pytest.mark.parametrize(
    "where",
    [
        {"reasonCode": {"coding": [{"system": ICD, "code": "F32.1"}]}},
        {"contained": [condition("in", "F32.1")]},
        {"extension": [{"url": "x", "valueCoding": {"system": ICD, "code": "F32.1"}}]},
        {"input": [{"type": {"text": "x"}, "valueCodeableConcept": {"coding": [{"system": ICD, "code": "F32.1"}]}}]},
        {"note": [{"text": "depression"}]},
        {"text": {"status": "generated", "div": "<div>depression</div>"}},
        {"owner": {"display": "Psychiatry ward"}},
    ],
)
def test_wherever_it_stands(where: dict[str, object]) -> None:
    assert sensitive(task("t", "Call", **where)) == {PSYCHIATRIC}


def test_answers_are_known_by_their_questions() -> None:
    answers = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [{"linkId": "/44260-8"}]}
    assert sensitive(answers) == {PSYCHIATRIC}
    assert sensitive({**answers, "item": [{"linkId": "1.2"}]}) == set()


def test_the_examples() -> None:
    assert [each["id"] for each in ORDINARY if sensitive(each)] == []
    derived = {"secret-goal", "secret-task", "secret-note", "secret-plan", "secret-risk"}
    assert {each["id"] for each in SENSITIVE if not sensitive(each)} == derived
    assert sensitive(about("x", "71802-3", "Has housing", system=LOINC)) == set()


def test_every_table_is_at_hand() -> None:
    assert set(STEMS) == set(CATEGORIES)
    for category in CATEGORIES:
        assert packaged().find("ValueSet", VALUE_SETS + category)
    stems = [stem for several in STEMS.values() for stem in several]
    assert all(stem == stem.casefold() and stem.strip() for stem in stems)
    assert all(any(stem in f"{phrase} " for stem in stems) for phrase in HARMLESS), "each is needed"
