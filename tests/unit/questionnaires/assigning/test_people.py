"""How somebody is told: in their language, by their channel."""

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.assigning.people import Recipient, why_gone


def speaks(code: str, **more: bool) -> Resource:
    return {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}, **more}


def contact(system: str, value: str = "x", **more: object) -> Resource:
    return {"system": system, "value": value, **more}


@pytest.mark.parametrize(
    ("telecom", "channel"),
    [
        ([], "phone"),
        ([contact("phone")], "phone"),
        ([contact("phone", use="mobile")], "sms"),
        ([contact("sms")], "sms"),
        ([contact("email"), contact("phone")], "email"),
        ([contact("email", rank=2), contact("phone", rank=1)], "phone"),
        ([contact("phone"), contact("email", rank=5)], "email"),
        ([contact("email", use="old"), contact("phone")], "phone"),
        ([contact("fax"), contact("pager"), contact("email")], "email"),
        ([contact("email", value="")], "phone"),
    ],
)
def test_by_the_first_of_their_contacts(telecom: list[Resource], channel: str) -> None:
    assert Recipient("Patient/p", {"telecom": telecom}).channel == channel


def test_in_the_language_that_they_prefer() -> None:
    both = [speaks("en"), speaks("es", preferred=True)]
    assert Recipient("Patient/p", {"communication": both}).language == "es"
    assert Recipient("RelatedPerson/p", {"communication": both[:1]}).language == "en"
    practitioner = {"communication": [{"coding": [{"code": "de"}]}]}
    assert Recipient("Practitioner/p", practitioner).language == "de"
    assert Recipient("PractitionerRole/p", {}).language == ""
    assert Recipient("Patient/p", {"communication": [speaks("no tag at all")]}).language == ""


def test_who_is_asked_nothing_more() -> None:
    assert (
        why_gone({"deceasedBoolean": True}) and why_gone({"deceasedDateTime": "2031"}) and why_gone({"active": False})
    )
    assert why_gone({"active": True, "deceasedBoolean": False}) == ""
    merged = {"active": False, "link": [{"other": {"reference": "Patient/q"}, "type": "replaced-by"}]}
    assert why_gone(merged) == "", "they go on under another id"
