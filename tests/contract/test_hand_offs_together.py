"""People who are merged and parted while they are handed over, teams that end at once, and risks that end by
themselves: who answers, who has to know, and what was so at each moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.careteams.handing.rule import HANDING
from carethread.core.ports import Resource
from support.care import Care, part, patient, person_team
from support.handing import answer, offered, ward, who
from support.handing_over import plan
from support.navigation import assessment

DOCTOR = "Practitioner/doctor"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        made.put(person_team("bens", "ben", part(DOCTOR), department="ward"))
        yield made


def merge(practice: Care, person: str, into: str = "") -> None:
    """Merge a person into another, or part them again."""
    link = {"link": [{"other": {"reference": f"Patient/{into}"}, "type": "replaced-by"}], "active": False}
    practice.tell(patient(person, **(link if into else {})))
    practice.keep(patient("ann"), patient("ben"))
    practice.fire()


def holder(practice: Care, person: str) -> str:
    return practice.store.glance(lambda session: session.claimed(HANDING, [f"Patient/{person}"])).get(
        f"Patient/{person}", ""
    )


def flags(practice: Care) -> list[str]:
    """Of whom an alarm says that nobody answers."""
    return [each["subject"]["reference"] for each in practice.found("Flag?_count=100") if each["status"] == "active"]


def orphans(practice: Care) -> dict[str, list[tuple[str, str]]]:
    """The gaps of each person so far, in minutes of the day."""
    found = practice.operate("GET", f"CareTeam/$orphans?start=2031-03-03&end={practice.at()[:19]}Z")
    told: dict[str, list[tuple[str, str]]] = {}
    for person in (each["part"] for each in found["parameter"] if each["name"] == "person"):
        gaps = [each["part"][0]["valuePeriod"] for each in person if each["name"] == "gap"]
        told[person[0]["valueReference"]["reference"]] = [(gap["start"][11:16], gap["end"][11:16]) for gap in gaps]
    return told


def two_offers(practice: Care) -> tuple[Resource, Resource]:
    """Offers of two persons who are then found to be one."""
    made = offered(practice), offered(practice, person="ben")
    merge(practice, "ben", "ann")
    return made


@pytest.mark.parametrize("said", ["accept", "decline"])
def test_the_second_of_two_moves_the_person_when_the_first_is_answered(practice: Care, said: str) -> None:
    first, second = two_offers(practice)
    assert holder(practice, "ann") == f"Task/{first['id']}"
    assert answer(practice, first, said, reason="So it is.")[0] == 200
    assert holder(practice, "ann") == f"Task/{second['id']}"
    assert answer(practice, second, "accept")[0] == 200
    assert (holder(practice, "ann"), who(practice)) == ("", "Practitioner/nurse")


def test_each_has_their_place_again_when_they_are_parted(practice: Care) -> None:
    first, second = two_offers(practice)
    merge(practice, "ben")
    assert [holder(practice, name) for name in ("ann", "ben")] == [f"Task/{each['id']}" for each in (first, second)]


def test_what_is_made_at_once_for_both_ids_is_one_persons(practice: Care) -> None:
    two_offers(practice)
    practice.pass_time(days=10)  # their deadlines are taken together
    practice.fire()
    merge(practice, "ben")
    practice.pass_time(minutes=1)
    assert orphans(practice) == {}


def test_a_team_whose_period_ends_at_once_leaves_an_alarm(practice: Care) -> None:
    practice.put(plan("ann"))
    practice.put({**practice.read("CareTeam/anns"), "period": {"end": practice.at()}})
    practice.fire()
    assert flags(practice) == ["Patient/ann"]


def test_the_alarm_follows_who_is_merged(practice: Care) -> None:
    practice.put(plan("ann"))
    assert practice.ask("DELETE", "CareTeam/anns").status == 204
    practice.fire()
    assert flags(practice) == ["Patient/ann"]
    merge(practice, "ann", "ben")
    assert flags(practice) == [], "somebody answers"
    practice.pass_time(minutes=1)
    merge(practice, "ann")
    assert flags(practice) == ["Patient/ann"]


def test_history_that_brings_somebody_ends_the_alarm(practice: Care) -> None:
    practice.put(plan("ann"))
    assert practice.ask("DELETE", "CareTeam/anns").status == 204
    practice.fire()
    practice.put(person_team("anns", "ann", part(DOCTOR), department="ward"), backfill=True)
    practice.fire()
    assert flags(practice) == []


def test_who_leads_for_no_time_at_all_ends_nobodys(practice: Care) -> None:
    at = practice.at(minutes=5)
    nobody = part("Practitioner/nurse", start=at, end=at)
    practice.put(person_team("anns", "ann", part(DOCTOR, start=practice.at()), nobody))
    practice.pass_time(minutes=6)
    practice.fire()
    assert who(practice) == DOCTOR


def test_a_risk_is_no_need_any_more_when_its_time_is_over(practice: Care) -> None:
    assert practice.ask("DELETE", "CareTeam/anns").status == 204
    over = practice.at(minutes=30)
    practice.put(assessment("risk", "ann", "high", occurrencePeriod={"end": over}), backfill=True)
    practice.pass_time(hours=2)
    practice.fire()
    practice.pass_time(hours=1)
    assert orphans(practice) == {"Patient/ann": [("08:01", "08:31")]}
