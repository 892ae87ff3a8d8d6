"""What is sensitive: labels, codes wherever they stand, and words."""

from __future__ import annotations

import pytest

from carethread.careteams.sharing.categories import CATEGORIES, PSYCHIATRIC, SEXUAL, SUBSTANCE, VIOLENCE, covering
from carethread.careteams.sharing.sensitivity import VALUE_SETS, of_code, sensitive
from carethread.careteams.sharing.stems import HARMLESS, PATTERNS, STEMS
from carethread.careteams.sharing.words import plain, telling
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


TOLD: dict[str, tuple[str, ...]] = {
    SEXUAL: (
        "zidovudine", "Zidovudine 300 MG Oral Tablet [Retrovir]", "emtricitabine / tenofovir",
        "emtricitabine 200 MG / tenofovir disoproxil fumarate 300 MG Oral Tablet", "dolutegravir 50 MG Oral Tablet",
        "Truvada daily", "pre-exposure prophylaxis", "levonorgestrel", "levonorgestrel 1.5 MG Oral Tablet",
        "ulipristal acetate 30 MG", "Morning-after pill", "Notfallverhütung", "Pille danach", "Mirena",
        "Pregnancy termination 2024", "terminated her pregnancy", "mifepristone 200 MG", "Schwangerschaftsabbruch",
        "Abtreibung 2019", "interrupción voluntaria del embarazo", "emergency contraception",
    ),
    PSYCHIATRIC: (
        "Bipolar", "bipolar II", "Bipolare Störung", "She cuts her arms when alone", "cuts herself", "kill himself",
        "wants to die", "Selbstverletzung", "Sie ritzt sich", "will nicht mehr leben", "self-injury", "Essstörung",
        "psychisch krank", "quiere morir",
    ),
    SUBSTANCE: (
        "OUD in remission", "Heavy drinker", "drinks heavily", "binge drinking", "Suboxone", "alkoholsüchtig",
        "trinkt zu viel", "Drogenberatung", "bebe demasiado alcohol",
    ),
    VIOLENCE: (
        "IPV, hit by husband", "IPV", "Hit by her ex-husband last week", "beaten up by the boyfriend",
        "Her husband often hits her", "Wird vom Ehemann geschlagen", "von ihrem Partner mehrmals gewürgt",
        "Ihr Mann schlägt sie", "abusive partner", "Misshandlung", "golpeada por su marido", "battue par son mari",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("category", "said"), [(each, said) for each, several in TOLD.items() for said in several])
def test_words_that_need_no_code(category: str, said: str) -> None:
    assert sensitive(task("t", said)) == {category}


@pytest.mark.parametrize(
    "said",
    [
        "Bipolar hemiarthroplasty", "bipolar electrocautery", "DTaP-IPV", "IPV vaccine", "bowel prep", "Hit the ball",
        "Hit by a car", "Her husband drives her", "Cut the bread", "Ihr Mann fährt sie", "sudden pain", "Aude",
        "kept by her husband", "Plan before discharge", "The father carries him",
    ],
)  # fmt: skip
def test_words_that_tell_nothing(said: str) -> None:
    assert sensitive(task("t", said)) == set()


@pytest.mark.parametrize(
    "said",
    [
        "de\u0301pression", "DÉPRESSION", "schizo\u200bphrenia", "schi\u00adzophrenia", "&#115;chizophrenia",
        "schizophrenia &amp; more", "ｓｃｈｉｚｏｐｈｒｅｎｉａ", "bip\u2060olar", "s<b>chizo</b>phrenia", "Anxiété",
    ],
)  # fmt: skip
def test_however_it_is_written(said: str) -> None:
    assert sensitive(task("t", said)) == {PSYCHIATRIC}
    narrative = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{said}</div>'}
    assert sensitive(task("t", "Call", text=narrative)) == {PSYCHIATRIC}


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
    assert all(stem.strip() == plain(stem).strip() for stem in stems), "as a text is compared"
    assert all(phrase.strip() == plain(phrase).strip() for phrase in HARMLESS)
    assert all(any(stem in f"{phrase} " for stem in stems) for phrase in HARMLESS), "each is needed"
    assert all(each == each.casefold() for several in PATTERNS.values() for each in several)
