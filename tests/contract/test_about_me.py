"""The page about a person and what goes along when somebody takes over, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.careteams.person.opening import visit_opened
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support import oracle
from support.care import OURS, Care, care, organization, part, patient, person_team, practitioner, role
from support.desk import refer
from support.person import ANN, ORDINARY, RISK, SENSITIVE, about, concept, consent, permit
from support.stores import put

FOLDER = Path(__file__).parents[2] / "fhir_profiles"
ONE = "PractitionerRole/r-one"

PERSON = patient(
    "ann",
    birthDate="1950-02-03",
    communication=[
        {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}], "text": "English"}},
        {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}], "text": "Spanish"}, "preferred": True},
    ],
)


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(
            organization("eyes"), PERSON, practitioner("one", name=[{"family": "One"}]), role("r-one", "one", "eyes")
        )
        made.tell(person_team("team", "ann", part(ONE)))
        yield made


def filled(practice: Care, *resources: Resource) -> Care:
    practice.tell(*(resources or ORDINARY + SENSITIVE))
    return practice


def sections(bundle: Resource) -> dict[str, str]:
    return {each["title"]: each["text"]["div"] for each in bundle["entry"][0]["resource"]["section"]}


def entries(bundle: Resource) -> set[str]:
    return {f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in bundle["entry"][1:]}


def errors(bundle: Resource) -> list[Any]:
    return [issue for issue in validate(bundle) if issue.severity == "error"]


def test_the_page_tells_the_person_and_who_answers(practice: Care) -> None:
    bundle = filled(practice).operate("GET", "Patient/ann/$about-me")
    told = sections(bundle)
    for title, words in {
        "What matters most": "dance at the wedding",
        "Preferences": "Speaks Spanish (preferred)",
        "Life circumstances": "no lift",
        "Strengths": "Two daughters",
        "Barriers": "No car",
        "Goals in the person's own words": "walk to the market",
        "What not to do": "Do not call at work",
        "Who answers for this person now": "One",
    }.items():
        assert words in told[title], title
    assert "140/90" not in str(bundle), "a clinical goal is not in the person's words"
    assert errors(bundle) == []
    assert {"Patient/ann", "Practitioner/one", "Goal/walk"} <= entries(bundle)


def test_the_page_can_be_printed(practice: Care) -> None:
    answer = filled(practice).ask("GET", "Patient/ann/$about-me?page=true")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"dance at the wedding" in answer.body
    assert b"zz" not in answer.body.lower()
    assert len(answer.body) < 8_000, "one sheet"


def test_the_summary_has_every_part(practice: Care) -> None:
    bundle = filled(practice).operate("GET", f"Patient/ann/$transfer-summary?author={ONE}&recipient={ONE}")
    told = sections(bundle)
    for title, words in {
        "Open items": "wheelchair",
        "Plan": "Walking again",
        "Problems": "diabetes",
        "Medications as known": "Metformin",
        "Allergies": "Nuts",
        "Risks": "Missed visits",
        "Pending results": "Blood count",
        "What matters most": "dance at the wedding",
    }.items():
        assert words in told[title], title
    assert "Knee film" in told["Pending results"]
    assert errors(bundle) == []
    composition = bundle["entry"][0]["resource"]
    assert composition["author"] == [{"reference": f"https://care.example/fhir/{ONE}"}]
    named = {each["reference"] for section in composition["section"] for each in section.get("entry", ())}
    assert named <= {each["fullUrl"] for each in bundle["entry"]}, "it stands for itself"


@pytest.mark.parametrize(
    ("rated", "recipient", "told"),
    [
        ("Practitioner/two", ONE, True),
        ("Practitioner/one", ONE, False),
        (ONE, "Practitioner/one", False),
        (ONE, "Organization/eyes", False),
        (ONE, "", False),
        ("PractitionerRole/gone", ONE, False),
    ],
)
def test_a_risk_that_rests_on_feedback_is_hidden_from_who_was_rated(
    practice: Care, rated: str, recipient: str, told: bool
) -> None:
    marked = {"url": f"{OURS}rated", "valueReference": {"reference": rated}}
    risk = next(each for each in ORDINARY if each["resourceType"] == "RiskAssessment")
    bundle = filled(practice, {**risk, "extension": [marked]}).operate(
        "GET", f"Patient/ann/$transfer-summary?author={ONE}" + (f"&recipient={recipient}" if recipient else "")
    )
    assert ("RiskAssessment/risk" in entries(bundle)) is told
    assert ("Missed visits" in sections(bundle)["Risks"]) is told


@pytest.mark.parametrize("level", ["certain", "high", "moderate"])
def test_a_risk_that_is_certain_is_told_as_a_high_one_is(practice: Care, level: str) -> None:
    risk = next(each for each in ORDINARY if each["resourceType"] == "RiskAssessment")
    said = {**risk, "status": "corrected", "prediction": [{"qualitativeRisk": concept(RISK, level)}]}
    bundle = filled(practice, said).operate("GET", f"Patient/ann/$transfer-summary?recipient={ONE}")
    assert ("RiskAssessment/risk" in entries(bundle)) is (level != "moderate")


def test_a_request_that_is_answered_is_no_pending_result(practice: Care) -> None:
    report = {
        "resourceType": "DiagnosticReport", "id": "count", "status": "final", "subject": ANN,
        "code": {"text": "Blood count"}, "basedOn": [{"reference": "ServiceRequest/blood"}],
    }  # fmt: skip
    bundle = filled(practice, *ORDINARY, report).operate("GET", "Patient/ann/$transfer-summary")
    assert "Blood count" not in sections(bundle)["Pending results"]


@pytest.mark.parametrize("path", ["$about-me", f"$transfer-summary?recipient={ONE}"])
def test_nothing_sensitive_leaves_without_consent(practice: Care, path: str) -> None:
    filled(practice, *ORDINARY)
    before = same(practice, path)
    filled(practice, *SENSITIVE)
    after = same(practice, path)
    for trace in (b"zz", b"secret", b"F32.1", b"N06AB06", b"56888-1"):
        assert trace not in json.render(after) and trace.upper() not in json.render(after)
    assert after == before, "it is what it would be had there been nothing"


def same(practice: Care, path: str) -> Resource:
    """A document without what is new in each: ids, and versions of what was written again."""
    bundle = practice.operate("GET", f"Patient/ann/{path}")
    bundle["identifier"] = bundle["entry"][0]["fullUrl"] = bundle["entry"][0]["resource"]["id"] = ""
    return bundle


def test_what_is_consented_to_goes_to_whom_it_names(practice: Care) -> None:
    filled(practice).tell(consent("signed", permit("PSY", to=ONE)))
    bundle = practice.operate("GET", f"Patient/ann/$transfer-summary?recipient={ONE}")
    assert {"Condition/secret-mood", "MedicationRequest/secret-pills", "Task/secret-task"} <= entries(bundle)
    assert entries(bundle).isdisjoint({"Condition/secret-drink", "Condition/secret-virus", "Condition/secret-blow"})
    assert bundle["entry"][0]["resource"]["confidentiality"] == "R"
    assert "42 CFR" not in str(bundle)
    practice.tell(role("r-two", "two"))
    other = practice.operate("GET", "Patient/ann/$transfer-summary?recipient=PractitionerRole/r-two")
    assert b"zz" not in json.render(other).lower()


def test_the_department_and_the_one_who_fills_the_role_are_meant_too(practice: Care) -> None:
    filled(practice).tell(consent("signed", permit("SUD", to="Organization/eyes")))
    bundle = practice.operate("GET", f"Patient/ann/$transfer-summary?recipient={ONE}")
    assert {"Condition/secret-drink", "Goal/secret-goal"} <= entries(bundle)
    assert "42 CFR part 2 prohibits" in str(bundle)


def test_where_somebody_works_is_told_no_more_than_what_they_do(practice: Care) -> None:
    practice.tell(
        organization("mind", name="Psychiatry"),
        practitioner("two", name=[{"family": "Two"}]),
        role("r-two", "two", "mind"),
    )
    practice.tell(person_team("team", "ann", part("PractitionerRole/r-two")))
    bundle = practice.operate("GET", "Patient/ann/$transfer-summary?author=PractitionerRole/r-two")
    assert b"sychiatr" not in json.render(bundle) and b"r-two" not in json.render(bundle)
    assert "Accountable: Two" in sections(bundle)["Who answers for this person now"]
    assert bundle["entry"][0]["resource"]["author"][0]["reference"].endswith("Practitioner/two")
    assert errors(bundle) == []


def test_withdrawn_it_counts_no_more(practice: Care) -> None:
    signed = consent("signed", permit("PSY", to=ONE))
    filled(practice).tell(signed)
    practice.tell({**signed, "status": "inactive"})
    assert b"zz" not in json.render(practice.operate("GET", f"Patient/ann/$transfer-summary?recipient={ONE}")).lower()


def test_what_only_an_owner_knows_is_asked_for(practice: Care) -> None:
    """A Task about a Procedure of which there is no copy here, and which is sensitive."""
    practice.put(
        {
            "resourceType": "Procedure", "id": "talk", "status": "completed", "subject": ANN,
            "code": {"text": "Psychotherapy"},
        }
    )  # fmt: skip
    practice.put(
        {"resourceType": "Task", "id": "t", "status": "requested", "intent": "order", "for": ANN,
         "description": "Ask how it went", "focus": {"reference": "Procedure/talk"}}
    )  # fmt: skip
    bundle = practice.operate("GET", "Patient/ann/$transfer-summary")
    assert "Task/t" not in entries(bundle)


def test_after_a_merge_it_is_one_person(practice: Care) -> None:
    practice.tell(
        patient("anna"), about("dance", "what-matters-most", "Dancing", subject={"reference": "Patient/anna"})
    )
    link = [{"other": ANN, "type": "replaced-by"}]
    practice.tell(patient("anna", active=False, link=link))
    for name in ("ann", "anna"):
        bundle = practice.operate("GET", f"Patient/{name}/$about-me")
        assert "Dancing" in sections(bundle)["What matters most"]
        assert entries(bundle) >= {"Patient/ann", "Observation/dance"}
        assert errors(bundle) == []


REFUSED = {
    "$about-me?recipient=Patient/ann": (400, "recipient"),
    "$about-me?recipient=x": (400, "recipient"),
    f"$about-me?recipient={ONE}&as=RelatedPerson/x": (400, "as"),
    f"$about-me?recipient={ONE}&recipient={ONE}": (400, "recipient"),
    "$about-me?page=maybe": (400, "page"),
    "$about-me?colour=red": (400, "colour"),
    "$about-me?as=RelatedPerson/nobody": (403, "as"),
    "$transfer-summary?author=Patient/ann": (400, "author"),
    "$transfer-summary?page=true": (400, "page"),
}


def test_wrong_parameters_are_told(practice: Care) -> None:
    for path, told in REFUSED.items():
        status, issues = practice.refusal("GET", f"Patient/ann/{path}")
        assert (status, issues[0].get("expression", [None])[0]) == told, path


def test_nobody_is_not_found(practice: Care) -> None:
    for path in ("nobody/$about-me", "a" * 65 + "/$about-me", "nobody/$transfer-summary"):
        assert practice.refusal("GET", f"Patient/{path}")[0] == 404, path


def test_whether_somebody_may_act(practice: Care) -> None:
    practice.tell(
        {"resourceType": "RelatedPerson", "id": "kin", "patient": ANN},
        consent("signed", permit(to="RelatedPerson/kin", action=[{"coding": [{"code": "access"}]}])),
    )
    sees = practice.operate("GET", "RelatedPerson/kin/$may-act?action=see")
    assert sees["parameter"] == [{"name": "allowed", "valueBoolean": True}]
    answers = {
        each["name"]: each for each in practice.operate("GET", "RelatedPerson/kin/$may-act?action=answer")["parameter"]
    }
    assert answers["allowed"]["valueBoolean"] is False
    assert answers["why"]["valueString"] == "RelatedPerson/kin needs a Consent that names them."
    for path, status in {
        "kin/$may-act": 400,
        "kin/$may-act?action=rule": 400,
        "nobody/$may-act?action=see": 404,
    }.items():
        assert practice.refusal("GET", f"RelatedPerson/{path}")[0] == status, path


def test_somebody_close_sees_it_as_the_rules_say(practice: Care) -> None:
    related = {"resourceType": "RelatedPerson", "id": "kin", "patient": ANN, "name": [{"family": "Kin"}]}
    filled(practice).tell(related)
    asked = "Patient/ann/$about-me?as=RelatedPerson/kin"
    assert practice.refusal("GET", asked)[0] == 403
    practice.tell(
        consent(
            "signed",
            permit(
                to="RelatedPerson/kin",
                purpose=[{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "FAMRQT"}],
            ),
        )
    )
    bundle = practice.operate("GET", asked)
    assert "May be told: Kin" in sections(bundle)["Who answers for this person now"]
    assert b"zz" not in json.render(bundle).lower()
    practice.put({**related, "active": False})
    assert practice.refusal("GET", asked)[0] == 403, "the owner is asked, though the copy here is of before"


def referral(**said: str) -> list[Resource]:
    parts = [*refer("patient", "Patient/ann"), *refer("to", "PractitionerRole/r-two"), *refer("from", ONE)]
    parts += [{"name": name, "valueString": text} for name, text in said.items() if name != "focus"]
    return [
        *parts,
        {"name": "kind", "valueCode": "referral"},
        *(refer("focus", said["focus"]) if "focus" in said else []),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"focus": "ServiceRequest/secret-referral"},
        {"focus": "Task/secret-task"},
        {"reason": "Zzmood"},
        {"note": "HIV test"},
    ],
)
def test_a_referral_says_nothing_sensitive_without_consent(practice: Care, said: dict[str, str]) -> None:
    filled(practice).tell(practitioner("two"), role("r-two", "two", "eyes"))
    body = {"resourceType": "Parameters", "parameter": referral(**said)}
    status, issues = practice.refusal("POST", "Task/$hand-off", body)
    assert (status, [issue["expression"] for issue in issues]) == (422, [list(said)])
    assert practice.found("Task?code=referral") == []
    practice.tell(consent("signed", permit("PSY", "SEX", to="PractitionerRole/r-two")))
    made = practice.operate("POST", "Task/$hand-off", *referral(**said))
    summary = next(each["resource"] for each in made["parameter"] if each["name"] == "summary")
    assert "Condition/secret-mood" in entries(summary)
    assert "Condition/secret-drink" not in entries(summary)


def test_the_page_opens_a_visit(practice: Care) -> None:
    visit = {
        "resourceType": "Appointment", "id": "v", "status": "arrived",
        "start": practice.at(hours=1), "end": practice.at(hours=2),
        "participant": [
            {"actor": ANN, "status": "accepted"}, {"actor": {"reference": "Practitioner/one"}, "status": "accepted"}
        ],
    }  # fmt: skip
    context = practice.own_context()
    put(practice.store, [visit])
    practice.store.transact(lambda session: visit_opened(practice.runtime, session, ["v"], context))
    (link,) = practice.found("Communication?subject=Patient/ann")
    assert link["recipient"] == [{"reference": "Practitioner/one"}]
    assert link["payload"][0]["contentString"].endswith("/Patient/ann/$about-me?recipient=Practitioner/one")
    practice.store.transact(lambda session: visit_opened(practice.runtime, session, ["v"], context))
    assert len(practice.found("Communication?subject=Patient/ann")) == 1, "once"
    assert practice.operate("GET", link["payload"][0]["contentString"].partition("/fhir/")[2])["type"] == "document"


def test_the_oracle_finds_no_error(practice: Care) -> None:
    oracle.needed()
    filled(practice).tell(consent("signed", permit("PSY", "SUD", "SEX", "SDV", to=ONE)))
    paths = ("$about-me", f"$about-me?recipient={ONE}", f"$transfer-summary?recipient={ONE}&author={ONE}")
    made = [json.render(practice.operate("GET", f"Patient/ann/{path}")) for path in paths]
    found = oracle.judge(made, guides=(FOLDER,))
    assert [oracle.errors(each) for each in found] == [[], [], []]
