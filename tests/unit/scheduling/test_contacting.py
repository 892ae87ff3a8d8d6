"""How somebody is told: each channel makes a message that its owner takes."""

from __future__ import annotations

import pytest

from carethread.core.contacting import CHANNELS, medium
from carethread.core.fhir.validation import validate
from carethread.interactions.writing.check import check_resource
from carethread.scheduling.contacting import CHANNEL, channel


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("kind", ["Communication", "CommunicationRequest"])
def test_a_message_by_any_channel_is_valid(kind: str, name: str) -> None:
    check_resource(
        kind, {"resourceType": kind, "status": "active" if "R" in kind else "preparation", "medium": [medium(name)]}
    )


def test_the_medium_names_the_channel_itself() -> None:
    assert [medium(name)["coding"][1]["code"] for name in CHANNELS] == [*CHANNELS]


@pytest.mark.parametrize("name", [*CHANNELS, "fax"])
def test_an_appointment_names_a_channel_that_there_is(name: str) -> None:
    person = {"actor": {"reference": "Patient/one"}, "status": "accepted"}
    entry = {"resourceType": "Appointment", "status": "waitlist", "participant": [person]}
    wrong = [
        each
        for each in validate({**entry, "extension": [{"url": CHANNEL, "valueCode": name}]})
        if each.severity == "error"
    ]
    assert [each.code for each in wrong] == ([] if name in CHANNELS else ["code-invalid"])


def test_what_no_channel_is_counts_as_nothing_said() -> None:
    told = {"resourceType": "Appointment", "extension": [{"url": CHANNEL, "valueCode": "fax"}]}
    assert channel(told) == channel({"resourceType": "Appointment"}) == "phone"
