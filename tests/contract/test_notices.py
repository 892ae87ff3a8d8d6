"""A change that is told openly: to whom it goes, who has read it, and what happens until the last has."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.care import Care, care, department_team, organization, part, practitioner, role

PATH = "Communication/$notice"


@pytest.fixture
def staff(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """A practice of one department, with a ward in it; three who work there, and one who did."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("practice"), organization("home", partOf={"reference": "Organization/practice"}))
        made.tell(organization("ward", partOf={"reference": "Organization/home"}))
        for name in ("ada", "bo", "cy", "dee", "eve"):
            made.tell(practitioner(name))
        made.tell(role("ada-1", "ada", "home"), role("ada-2", "ada", "ward"), role("bo-1", "bo", "home"))
        made.tell(role("cy-1", "cy", "ward"), role("dee-1", "dee", "home", period={"end": "2030-01-01"}))
        made.fire()
        yield made


def ref(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


def asked(of: Care, *addressed: str, **changed: Any) -> list[Resource]:
    parts: dict[str, Any] = {
        "text": {"name": "text", "valueString": "The clinic opens an hour earlier."},
        "sender": ref("sender", "Practitioner/eve"),
        "by": {"name": "acknowledge-by", "valueInstant": of.at(days=4)},
        **changed,
    }
    return [*(ref("recipient", each) for each in addressed), *(each for each in parts.values() if each)]


def sent(of: Care, *addressed: str, headers: Any = None, **changed: Any) -> str:
    """The path of a notice that was sent."""
    return str(counts(of.operate("POST", PATH, *asked(of, *addressed, **changed), **(headers or {})))["communication"])


def counts(answer: Resource) -> dict[str, Any]:
    return {
        each["name"]: each["valueReference"]["reference"] if "valueReference" in each
        else next((value for name, value in each.items() if name.startswith("value")), None)
        for each in answer["parameter"] if "part" not in each
    }  # fmt: skip


def readers(of: Care, notice: str, query: str = "") -> list[str]:
    listed = of.operate("GET", f"{notice}/$readers{query}")["parameter"]
    return [each["part"][0]["valueReference"]["reference"] for each in listed if each["name"] == "reader"]


def acknowledge(of: Care, notice: str, who: str) -> dict[str, Any]:
    return counts(of.operate("POST", f"{notice}/$acknowledge", ref("by", who)))


def test_it_goes_to_each_person_of_a_department_once(staff: Care) -> None:
    notice = sent(staff, "Organization/practice", "Practitioner/bo")
    made = staff.read(notice)
    assert [each for each in validate(made) if each.severity == "error"] == []
    assert readers(staff, notice) == ["Practitioner/ada", "Practitioner/bo", "Practitioner/cy"]
    assert made["status"] == "in-progress"


def test_the_last_reader_completes_it(staff: Care) -> None:
    notice = sent(staff, "Organization/home")
    staff.pass_time(hours=1)
    first = acknowledge(staff, notice, "Practitioner/ada")
    assert (first["outstanding"], first["all-acknowledged"]) == (2, False)
    staff.pass_time(hours=1)
    assert acknowledge(staff, notice, "PractitionerRole/ada-1")["acknowledged-at"] == first["acknowledged-at"]
    acknowledge(staff, notice, "Practitioner/bo")
    assert readers(staff, notice, "?state=outstanding") == ["Practitioner/cy"]
    assert acknowledge(staff, notice, "PractitionerRole/cy-1")["all-acknowledged"] is True
    made = staff.read(notice)
    assert (made["status"], made["received"]) == ("completed", "2031-03-03T10:00:00.000Z")
    staff.pass_time(days=20)
    staff.fire()
    assert staff.found("CommunicationRequest") == []


def reminded(of: Care) -> list[list[str]]:
    """Whom each reminder names, the first first."""
    found = of.found("CommunicationRequest?_sort=occurrence")
    assert [each for one in found for each in validate(one) if each.severity == "error"] == []
    return [[each["reference"] for each in one["recipient"]] for one in found]


def alarms(of: Care) -> list[Resource]:
    return of.found("Task?code=acknowledge")


def test_those_who_have_not_read_it_are_reminded_and_then_the_sender_is_told(staff: Care) -> None:
    notice = sent(staff, "Organization/ward")
    for days in (2, 1):
        staff.pass_time(days=days)
        staff.fire()
    assert reminded(staff) == [["Practitioner/ada", "Practitioner/cy"]], "when half of the time is over"
    acknowledge(staff, notice, "Practitioner/ada")
    assert alarms(staff) == []
    staff.pass_time(days=1)
    staff.fire()
    assert reminded(staff)[1:] == [["Practitioner/cy"]]
    (alarm,) = alarms(staff)
    assert [each for each in validate(alarm) if each.severity == "error"] == []
    assert (alarm["owner"]["reference"], alarm["priority"], alarm["status"]) == (
        "Practitioner/eve", "urgent", "requested",
    )  # fmt: skip
    staff.pass_time(days=1)
    staff.fire()
    assert (len(reminded(staff)), len(alarms(staff))) == (3, 1)
    acknowledge(staff, notice, "Practitioner/cy")
    assert [each["status"] for each in alarms(staff)] == ["completed"]
    for _ in range(30):
        staff.pass_time(days=1)
        staff.fire()
    assert len(reminded(staff)) == 3


@pytest.mark.parametrize(
    ("priority", "at"), [("", "07:00"), ("routine", "07:00"), ("urgent", "02:00"), ("stat", "02:00")]
)
def test_a_routine_notice_reminds_nobody_at_night(staff: Care, priority: str, at: str) -> None:
    zone = [{"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "Europe/Zurich"}]
    staff.tell(organization("ward", partOf={"reference": "Organization/home"}, extension=zone))
    due = {"name": "acknowledge-by", "valueInstant": staff.at(hours=18)}
    said = {"p": {"name": "priority", "valueCode": priority}} if priority else {}
    sent(staff, "Organization/ward", by=due, **said)
    for _ in range(30):
        staff.pass_time(hours=1)
        staff.fire()
        if reminded(staff):
            break
    assert staff.at()[11:16] == at, "UTC: it is two, or eight, in Zurich"
    assert len(alarms(staff)) == 1


def test_nobody_is_reminded_for_ever(staff: Care) -> None:
    sent(staff, "Practitioner/bo")
    for _ in range(40):
        staff.pass_time(days=1)
        staff.fire()
    assert 10 < len(reminded(staff)) < 20


def test_whoever_comes_later_reads_it_too_and_whoever_goes_does_not(staff: Care) -> None:
    notice = sent(staff, "Organization/home")
    for name in ("ada", "bo"):
        acknowledge(staff, notice, f"Practitioner/{name}")
    staff.tell(role("cy-1", "cy", "ward", active=False))
    staff.fire()
    assert staff.read(notice)["status"] == "completed", "the last who was waited for has gone"
    staff.pass_time(days=10)
    staff.tell(role("dee-2", "dee", "ward"))
    staff.fire()
    assert readers(staff, notice, "?state=outstanding") == ["Practitioner/dee"]
    made = staff.read(notice)
    assert made["status"] == "in-progress" and "received" not in made
    (theirs,) = [each["part"] for each in staff.operate("GET", f"{notice}/$readers")["parameter"]
                 if each.get("part", [{}])[0].get("valueReference") == {"reference": "Practitioner/dee"}]  # fmt: skip
    moments = {each["name"]: each["valueInstant"] for each in theirs if "valueInstant" in each}
    assert moments == {"since": "2031-03-13T08:00:00.000Z", "due": "2031-03-17T08:00:00.000Z"}
    staff.tell(role("cy-1", "cy", "ward"))
    staff.fire()
    assert readers(staff, notice, "?state=outstanding") == ["Practitioner/cy", "Practitioner/dee"], "who is back too"


def test_a_role_that_is_to_begin_or_to_end_does_so_in_time(staff: Care) -> None:
    staff.tell(role("dee-2", "dee", "ward", period={"start": staff.at(days=1), "end": staff.at(days=3)}))
    staff.fire()
    notice = sent(staff, "Organization/ward")
    found = []
    for _ in range(3):
        found.append("Practitioner/dee" in readers(staff, notice, "?state=outstanding"))
        staff.pass_time(days=1, hours=1)
        staff.fire()
    assert [*found, "Practitioner/dee" in readers(staff, notice, "?state=outstanding")] == [False, True, True, False]


def test_a_notice_to_a_team_goes_to_those_who_join_it(staff: Care) -> None:
    staff.put(department_team("t", "home", part("Practitioner/ada")))
    notice = sent(staff, "CareTeam/t")
    assert readers(staff, notice) == ["Practitioner/ada"]
    staff.put(department_team("t", "home", part("Practitioner/bo"), part("Organization/ward", "on-call")))
    staff.fire()
    assert readers(staff, notice, "?state=outstanding") == ["Practitioner/ada", "Practitioner/bo", "Practitioner/cy"]


def test_who_writes_a_team_does_not_wait_for_all_who_read_what_it_is_told(staff: Care) -> None:
    staff.put(department_team("t", "home", part("Practitioner/ada")))
    notices = [sent(staff, "CareTeam/t") for _ in range(3)]
    staff.put(department_team("t", "home", part("Practitioner/bo")))
    assert readers(staff, notices[0], "?state=outstanding") == ["Practitioner/ada"], "not in the writer's transaction"
    staff.fire()
    assert [readers(staff, each, "?state=outstanding") for each in notices] == [["Practitioner/bo"]] * 3


def test_who_joins_a_team_that_is_in_another_reads_what_that_is_told(staff: Care) -> None:
    staff.put(department_team("in", "ward", part("Practitioner/ada")))
    staff.put(department_team("t", "home", part("Practitioner/bo"), part("CareTeam/in", "on-call")))
    notice = sent(staff, "CareTeam/t")
    staff.put(department_team("in", "ward", part("Practitioner/ada"), part("Practitioner/dee", "on-call")))
    staff.fire()
    assert "Practitioner/dee" in readers(staff, notice, "?state=outstanding")
    staff.put(department_team("in", "ward", part("Practitioner/ada")))
    staff.fire()
    assert "Practitioner/dee" not in readers(staff, notice, "?state=outstanding")


def test_a_member_whose_time_begins_reads_it_then(staff: Care) -> None:
    later = part("Practitioner/dee", "on-call", start=staff.at(hours=5))
    staff.put(department_team("t", "home", part("Practitioner/ada"), later))
    notice = sent(staff, "CareTeam/t")
    staff.fire()
    assert readers(staff, notice) == ["Practitioner/ada"]
    staff.pass_time(hours=6)
    staff.fire()
    assert readers(staff, notice) == ["Practitioner/ada", "Practitioner/dee"]


@pytest.mark.parametrize("through", ["Organization/practice", "CareTeam/t", "Practitioner/bo"])
def test_who_is_active_no_more_is_waited_for_no_more_and_who_is_again_is(staff: Care, through: str) -> None:
    staff.put(department_team("t", "ward", part("PractitionerRole/cy-1"), part("Organization/home", "on-call")))
    notice = sent(staff, through, "Practitioner/ada")
    staff.tell(practitioner("bo", active=False))
    staff.fire()
    assert "Practitioner/bo" not in readers(staff, notice, "?state=outstanding")
    staff.tell(practitioner("bo"))
    staff.fire()
    assert "Practitioner/bo" in readers(staff, notice, "?state=outstanding")


def test_a_department_that_comes_to_be_in_another_reads_what_that_is_told(staff: Care) -> None:
    staff.tell(organization("annex"), role("dee-2", "dee", "annex"))
    staff.fire()
    notice = sent(staff, "Organization/practice")
    staff.tell(organization("annex", partOf={"reference": "Organization/home"}))
    staff.fire()
    assert "Practitioner/dee" in readers(staff, notice)


def test_a_plain_notice_that_reaches_nobody_is_refused(staff: Care) -> None:
    made = staff.read(sent(staff, "Practitioner/bo"))
    staff.tell(organization("empty"), practitioner("gone", active=False))
    for nobody in ("Organization/empty", "Practitioner/gone", "CareTeam/none"):
        other = {**made, "id": "plain", "recipient": [{"reference": nobody}]}
        status, issues = staff.refusal("PUT", "Communication/plain", other)
        assert (status, issues[0]["code"], issues[0]["expression"]) == (
            422, "business-rule", ["Communication.recipient"],
        ), nobody  # fmt: skip
    nobody_is_there = {**made, "id": "plain", "recipient": [{"reference": "Organization/empty"}]}
    ordinary = staff.put({**nobody_is_there, "meta": {"tag": [{"code": "x"}]}})
    assert staff.refusal("PUT", "Communication/plain", {**ordinary, "meta": made["meta"]})[0] == 422
    staff.put({**nobody_is_there, "id": "history"}, backfill=True)


def test_a_notice_and_the_team_that_it_is_for_come_in_one_transaction(staff: Care) -> None:
    made = staff.read(sent(staff, "Practitioner/bo"))
    team = department_team("new", "ward", part("Practitioner/cy"))
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in ({**made, "id": "plain", "recipient": [{"reference": "CareTeam/new"}]}, team)
    ]
    answer = staff.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer.body
    assert readers(staff, "Communication/plain") == ["Practitioner/cy"]


def test_what_is_over_is_waited_for_no_more(staff: Care) -> None:
    period = {"name": "effective", "valuePeriod": {"start": staff.at(), "end": staff.at(days=5)}}
    notice = sent(staff, "Organization/home", effective=period)
    staff.pass_time(days=6)
    assert "Communication/" not in str(staff.operate("GET", "Communication/$unread?reader=Practitioner/bo"))
    staff.fire()
    assert reminded(staff) == []
    staff.tell(role("dee-2", "dee", "ward"))
    staff.fire()
    assert "Practitioner/dee" not in readers(staff, notice)


@pytest.mark.parametrize("way", ["withdrawn", "superseded", "by a client"])
def test_what_holds_no_more_is_not_to_be_read(staff: Care, way: str) -> None:
    notice = sent(staff, "Organization/home")
    acknowledge(staff, notice, "Practitioner/bo")
    match way:
        case "withdrawn":
            why = {"name": "reason", "valueString": "It was a mistake."}
            staff.operate("POST", f"{notice}/$recall", ref("by", "Practitioner/eve"), why)
        case "superseded":
            sent(staff, "Practitioner/dee", supersedes=ref("supersedes", notice))
        case _:
            staff.put({**staff.read(notice), "status": "entered-in-error"})
    assert staff.read(notice)["status"] == ("entered-in-error" if way == "by a client" else "stopped")
    assert readers(staff, notice, "?state=outstanding") == []
    assert "notice" not in [
        e["name"] for e in staff.operate("GET", "Communication/$unread?reader=Practitioner/ada")["parameter"]
    ]
    assert acknowledge(staff, notice, "Practitioner/bo")["acknowledged"] == 1, "said again it is as it was"
    by = {"resourceType": "Parameters", "parameter": [ref("by", "Practitioner/ada")]}
    assert staff.ask("POST", f"{notice}/$acknowledge", by).status == 409
    staff.pass_time(days=9)
    staff.fire()
    assert [who for each in reminded(staff) for who in each if who != "Practitioner/dee"] == []


def test_what_somebody_has_to_read_is_told_the_next_due_first(staff: Care) -> None:
    later = sent(staff, "Practitioner/bo", by={"name": "acknowledge-by", "valueInstant": staff.at(days=9)})
    first = sent(staff, "Organization/home")
    answer = staff.operate("GET", "Communication/$unread?reader=PractitionerRole/bo-1")["parameter"]
    listed = [each["part"][0]["valueReference"]["reference"] for each in answer if each["name"] == "notice"]
    assert listed == [first, later]


def test_a_notice_that_was_sent_stays_as_it_is(staff: Care) -> None:
    notice = sent(staff, "Organization/home")
    made = staff.read(notice)
    for changed in (
        {"payload": [{"contentString": "Something else."}]},
        {"recipient": [{"reference": "Practitioner/dee"}]},
        {"status": "completed"},
        {"meta": {"tag": [{"code": "x"}]}},
    ):
        assert staff.ask("PUT", notice, {**made, **changed}).status == 409, changed
    assert staff.ask("DELETE", notice).status == 409
    assert staff.put({**made, "note": [{"text": "Said at the meeting too."}]})["status"] == "in-progress"


def test_sent_again_under_one_key_it_is_one_notice(staff: Care) -> None:
    headers = {"Idempotency_Key": "n-1"}
    assert sent(staff, "Organization/home", headers=headers) == sent(staff, "Organization/home", headers=headers)
    other = {"resourceType": "Parameters", "parameter": asked(staff, "Organization/ward")}
    assert staff.ask("POST", PATH, other, headers=headers).status == 409
    assert len(staff.found("Communication")) == 1


def test_a_notice_that_is_created_as_a_resource_is_followed_too(staff: Care) -> None:
    made = staff.read(sent(staff, "Organization/home"))
    staff.put({**made, "id": "by-hand"})
    assert readers(staff, "Communication/by-hand") == ["Practitioner/ada", "Practitioner/bo", "Practitioner/cy"]
    staff.put({**made, "id": "history"}, backfill=True)
    assert readers(staff, "Communication/history") == [], "imported history is waited for by nobody"


def test_all_who_acknowledge_at_once_are_noted_and_the_last_completes_it(staff: Care) -> None:
    names = [f"many-{number}" for number in range(8)]
    staff.tell(*(practitioner(name) for name in names))
    notice = sent(staff, *(f"Practitioner/{name}" for name in names))
    bodies = [{"resourceType": "Parameters", "parameter": [ref("by", f"Practitioner/{n}")]} for n in names] * 2
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: staff.ask("POST", f"{notice}/$acknowledge", body), bodies))
    assert {each.status for each in answers} == {200}
    made = staff.read(notice)
    assert (made["status"], made["meta"]["versionId"]) == ("completed", "2")


def test_what_cannot_be_meant_is_refused(staff: Care) -> None:
    staff.tell(practitioner("gone", active=False), organization("empty"))
    late = {"name": "acknowledge-by", "valueInstant": staff.at(days=-1)}
    short = {"name": "effective", "valuePeriod": {"end": staff.at(days=1)}}
    over = {"name": "effective", "valuePeriod": {"end": staff.at(days=-1)}}
    where = "Parameters.parameter"
    for why, parts, status, found in (
        ("to nobody", asked(staff), 422, [("required", where)]),
        ("to a patient", asked(staff, "Patient/ann"), 422, [("value", f"{where}[0]"), ("required", where)]),
        ("without a text", asked(staff, "Organization/home", text=None), 422, [("required", "Parameters")]),
        ("from nobody", asked(staff, "Organization/home", sender=None), 422, [("required", "Parameters")]),
        ("with no date", asked(staff, "Organization/home", by=None), 422, [("required", "Parameters")]),
        ("due before", asked(staff, "Organization/home", by=late), 422, [("business-rule", f"{where}[3]")]),
        ("over before it is due", asked(staff, "Organization/home", e=short), 422, [("business-rule", f"{where}[3]")]),
        ("over", asked(staff, "Organization/home", e=over), 422,
         [("business-rule", f"{where}[4]"), ("business-rule", f"{where}[3]")]),
        ("to who is not here", asked(staff, "Practitioner/none"), 422, [("not-found", "recipient")]),
        ("to who has left", asked(staff, "Practitioner/gone"), 422, [("not-found", "recipient")]),
        ("to an empty department", asked(staff, "Organization/empty"), 422,
         [("business-rule", "Communication.recipient")]),
        ("in place of nothing", asked(staff, "Organization/home", s=ref("supersedes", "Communication/1")), 422,
         [("not-found", "supersedes")]),
        ("with something else", asked(staff, "Organization/home", x=ref("copy", "Practitioner/bo")), 400,
         [("not-supported", "copy")]),
    ):  # fmt: skip
        told, issues = staff.refusal("POST", PATH, {"resourceType": "Parameters", "parameter": parts})
        assert (told, [(each["code"], each["expression"][0]) for each in issues]) == (status, found), why
    assert staff.found("Communication") == []


def test_what_is_asked_of_no_notice_is_refused(staff: Care) -> None:
    notice = sent(staff, "Organization/ward")
    staff.put({"resourceType": "Communication", "id": "plain", "status": "completed"})

    def refused(method: str, path: str, *parts: Resource) -> int:
        body = {"resourceType": "Parameters", "parameter": list(parts)} if method == "POST" else None
        return staff.refusal(method, path, body)[0]

    by = ref("by", "Practitioner/bo")
    assert refused("POST", f"{notice}/$acknowledge", by) == 422, "it is not for them"
    assert refused("POST", f"{notice}/$acknowledge", ref("by", "Patient/ann")) == 422
    assert refused("POST", "Communication/plain/$acknowledge", by) == 422
    assert refused("POST", "Communication/none/$acknowledge", by) == 404
    assert refused("POST", f"{notice}/$recall", by) == 422, "without a reason"
    assert refused("GET", f"{notice}/$acknowledge") == 405
    assert refused("GET", "Communication/plain/$readers") == 422
    assert refused("GET", "Communication/none/$readers") == 404
    assert refused("GET", f"{notice}/$readers?state=read") == 400
    assert refused("GET", f"{notice}/$readers?_count=0") == 400
    assert refused("GET", "Communication/$unread?reader=Patient/ann") == 400
    why = {"name": "reason", "valueString": "x"}
    sender = ref("by", "Practitioner/eve")
    assert refused("POST", f"{notice}/$recall", by, why) == 422, "they have not sent it"
    assert refused("POST", f"{notice}/$recall", sender, why) == 200
    assert refused("POST", f"{notice}/$recall", sender, why) == 409, "it holds no more"


def test_readers_are_told_in_pages(staff: Care) -> None:
    notice = sent(staff, "Organization/home")
    answer = staff.operate("GET", f"{notice}/$readers?_count=2")
    after = counts(answer)["next-after"]
    rest = readers(staff, notice, f"?_count=2&after={after}")
    assert (after, rest) == ("Practitioner/bo", ["Practitioner/cy"])
