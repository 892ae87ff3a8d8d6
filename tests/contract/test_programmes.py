"""Programmes: who is asked what and when, and who is not, and why; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from carethread.core.clock import system_clock, to_micros
from carethread.core.context import new_id
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session
from carethread.core.ports.asks import Ask
from carethread.questionnaires.programmes.following import note_opened
from carethread.questionnaires.programmes.guarding import UNTRACED
from carethread.questionnaires.programmes.knowing import WISH
from support.care import role
from support.instruments import answering, shipped
from support.programmes import (
    FORMS,
    OURS,
    Asking,
    action,
    asking,
    data,
    duration,
    plan,
    programme,
    repeat,
    visit,
)

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACTIVE = data("CarePlan", "status = 'active'")
BOOKED = [{"type": "named-event", "name": "dev.carethread.appointment.booked"}]


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Asking]:
    with asking(tmp_path, database_url) as made:
        yield made


def draft(practice: Asking, form: str, who: str = "ann") -> Resource:
    """The draft that somebody was given."""
    asked = f"QuestionnaireResponse?subject=Patient/{who}&questionnaire={FORMS}{form}&_sort=-_lastUpdated"
    return practice.found(asked)[0]


def answer(form: str, value: int = 0) -> list[Resource]:
    """All that a form with weighed options asks, answered."""
    made = shipped(form)
    asked = {each.link_id: value for each in made.items.values() if each.options and not each.read_only}
    items: list[Resource] = answering(made, asked, id="x")["item"]
    return items


def fill(practice: Asking, form: str, who: str = "ann", **members: Any) -> Resource:
    """Complete the draft that somebody was given."""
    given = draft(practice, form, who)
    return practice.put({**given, "status": "completed", "item": answer(form), **members})


def own(form: str, who: str = "ann", id_: str = "own", **members: Any) -> Resource:
    """A response that nobody was asked for here."""
    made = answering(shipped(form), {}, id=id_)
    said = {"subject": {"reference": f"Patient/{who}"}, "status": "completed", "item": answer(form)}
    return {**made, **said, "authored": "2031-03-03T07:59:00Z", **members}


def test_after_a_visit_a_form_is_given(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("collaborate"), action("trust")))
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes() == [("collaborate", "asked"), ("trust", "asked")]
    practice.send("questionnaires")
    assert len(practice.found("Task?code=complete-questionnaire")) == 2
    assert len(practice.found("CommunicationRequest")) == 2
    drafts = practice.found("QuestionnaireResponse?subject=Patient/ann")
    assert {each["status"] for each in drafts} == {"in-progress"}
    practice.happen(visit("a1", "ann", comment="told again"))
    assert len(practice.asks()) == 2


def test_nobody_is_asked_before_it_is_due(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust", timingDuration=duration(4, "h"))))
    practice.happen(visit("a1", "ann"))
    assert practice.asks() == []
    practice.pass_time(hours=3.9)
    practice.ask_people()
    assert practice.asks() == []
    practice.pass_time(hours=0.2)
    practice.ask_people()
    assert practice.outcomes() == [("trust", "asked")]


def test_what_was_corrected_meanwhile_asks_nobody(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust", timingDuration=duration(4, "h"))))
    practice.happen(visit("a1", "ann"))
    practice.put(visit("a1", "ann", status="noshow"))
    practice.pass_time(hours=5)
    practice.ask_people()
    assert practice.outcomes() == [("trust", "over")]
    practice.happen(visit("a1", "ann"))
    practice.pass_time(hours=5)
    practice.ask_people()
    assert practice.asked() == ["trust"], "it was a visit in the end"


def test_history_and_what_was_long_ago_ask_nobody(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.put(visit("a1", "ann"), backfill=True)
    practice.happen()
    practice.put(visit("a2", "ann"))
    late = to_micros(system_clock()) - 8 * DAY
    practice.hear([replace(each, time=late) for each in practice.events()])
    practice.ask_people()
    assert practice.asks() == []


def test_all_who_were_there_are_asked(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.happen(visit("a1", "ann", "ben"))
    assert sorted(each.person for each in practice.asks()) == ["Patient/ann", "Patient/ben"]


def test_only_what_belongs_to_the_department_counts(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust"), department="ward"))
    practice.happen(visit("a1", "ann"), visit("a2", "ben", department="ward"))
    assert [(each.person, each.department) for each in practice.asks()] == [("Patient/ben", "ward")]


def test_two_departments_do_not_ask_the_same(practice: Asking) -> None:
    practice.write_programme(programme("clinic", action("trust"), department="clinic"))
    practice.write_programme(programme("ward", action("trust"), department="ward"))
    practice.happen(visit("a1", "ann"), visit("a2", "ann", department="ward"))
    assert practice.outcomes() == [("trust", "asked"), ("trust", "open")]
    fill(practice, "trust")
    practice.pass_time(minutes=1)
    practice.happen(visit("a3", "ann", department="ward"))
    assert practice.outcomes()[2:] == [("trust", "answered")]
    practice.pass_time(days=31)
    practice.happen(visit("a4", "ann", department="ward"))
    assert practice.outcomes()[3:] == [("trust", "asked")]


def test_what_was_answered_without_being_asked_counts(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.put(own("trust"))
    practice.happen(visit("a1", "ann"), visit("a2", "ben"))
    assert practice.outcomes("ann") == [("trust", "answered")]
    assert practice.outcomes("ben") == [("trust", "asked")]


def test_the_same_questions_in_another_form_count(practice: Asking) -> None:
    practice.write_programme(programme("short", action("phq-2")))
    practice.write_programme(programme("long", action("phq-9", trigger=BOOKED)))
    practice.put(own("phq-9"))
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes() == [("phq-2", "answered")], "the two are the first of the nine"
    practice.put(own("phq-2", "ben", "bens"))
    practice.happen(visit("a2", "ben", status="booked"))
    assert practice.outcomes("ben") == [("phq-9", "asked")], "seven of the nine are not"
    practice.pass_time(minutes=1)
    practice.happen(visit("a3", "ben"))
    assert practice.outcomes("ben")[1:] == [("phq-2", "open")]


def test_a_ceiling_over_all_programmes_and_who_goes_first(practice: Asking) -> None:
    practice.write_programme(programme("later", action("collaborate"), action("trust"), ceiling=2))
    practice.write_programme(programme("first", action("phq-9", priority="urgent"), ceiling=2))
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes() == [("collaborate", "asked"), ("phq-9", "asked"), ("trust", "ceiling")]
    practice.pass_time(days=31)
    practice.happen(visit("a2", "ann"))
    assert practice.asked()[2:] == ["collaborate", "phq-9"], "nobody has answered, and a month is over"


def test_what_is_given_by_hand_counts(practice: Asking) -> None:
    parts = [
        {"name": "questionnaire", "valueCanonical": FORMS + "trust"},
        {"name": "subject", "valueReference": {"reference": "Patient/ann"}},
    ]
    body = {"resourceType": "Parameters", "parameter": parts}
    answered = practice.ask("POST", "Questionnaire/$assign", body, service="questionnaires")
    assert answered.status in (200, 201), answer
    practice.write_programme(programme("visits", action("trust"), action("collaborate"), ceiling=1))
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes() == [("collaborate", "ceiling"), ("trust", "asked"), ("trust", "open")]


def test_who_does_not_want_to_be_asked_is_not(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    consent = {
        "resourceType": "Consent", "id": "c1", "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": WISH[0], "code": WISH[1]}]}],
        "patient": {"reference": "Patient/ann"}, "dateTime": "2031-01-01",
        "policyRule": {"text": "By word of mouth."},
        "provision": {"type": "deny", "period": {"end": "2031-03-31"}},
    }  # fmt: skip
    practice.put(consent)
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes() == [("trust", "unwilling")]
    practice.pass_time(days=30)
    practice.happen(visit("a2", "ann"))
    assert practice.outcomes()[1:] == [("trust", "asked")]


def test_who_is_gone_is_not_asked(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.put({"resourceType": "Patient", "id": "ann", "deceasedBoolean": True})
    practice.put({"resourceType": "Patient", "id": "ben", "active": False})
    practice.happen(visit("a1", "ann", "ben"))
    assert practice.outcomes() == [("trust", "gone"), ("trust", "gone")]


def test_who_was_merged_is_one_person(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.happen(visit("a1", "ann"))
    merged = {"link": [{"other": {"reference": "Patient/ben"}, "type": "replaced-by"}], "active": False}
    practice.tell({"resourceType": "Patient", "id": "ann", **merged})
    practice.copy_merge("ann")
    practice.happen(visit("a2", "ben"), visit("a3", "ann"))
    assert practice.outcomes() == [("trust", "asked"), ("trust", "open"), ("trust", "open")]


def test_nobody_is_asked_at_night(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    zone = {"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "America/Los_Angeles"}
    practice.put({"resourceType": "Patient", "id": "ann", "extension": [zone]})
    practice.happen(visit("a1", "ann"))
    assert practice.asks() == [], "it is midnight there"
    practice.pass_time(hours=8.1)
    practice.ask_people()
    assert practice.outcomes() == [("trust", "asked")]


def test_every_two_weeks_as_long_as_it_is_so(practice: Asking) -> None:
    every = repeat(period=2, periodUnit="wk", boundsDuration=duration(1, "a"))
    practice.write_programme(
        programme("course", action("phq-9", trigger=[ACTIVE], validity=duration(10, "d"), **every), ceiling=8)
    )
    practice.happen(plan("p1", "ann"))
    for _ in range(3):
        fill(practice, "phq-9", authored=practice.now.isoformat())
        practice.happen(plan("p1", "ann", title="changed"))
        practice.pass_time(days=14)
        practice.ask_people()
    assert practice.asked() == ["phq-9"] * 4
    practice.put(plan("p1", "ann", status="completed"))
    fill(practice, "phq-9")
    practice.pass_time(days=14)
    practice.happen()
    practice.pass_time(days=28)
    practice.ask_people()
    assert practice.outcomes()[4:] == [("phq-9", "over")]
    practice.happen(plan("p1", "ann"))
    assert practice.outcomes()[5:] == [("phq-9", "asked")], "it has begun anew"


def test_a_course_begins_with_those_who_are_under_treatment(practice: Asking) -> None:
    practice.put(plan("p1", "ann"))
    practice.put(plan("p2", "ben", status="completed"))
    practice.events()
    every = repeat(period=1, periodUnit="wk", count=2)
    made = programme("course", action("trust", trigger=[ACTIVE], validity=duration(1, "d"), **every))
    practice.write_programme(made)
    practice.ask_people()
    practice.pass_time(days=1)
    practice.ask_people()
    assert practice.asked("ann") == ["trust"]
    practice.write_programme({**made, "title": "said otherwise"})
    practice.happen(plan("p1", "ann", title="changed"))
    assert len(practice.asks()) == 1, "it has begun"


def test_a_course_ends(practice: Asking) -> None:
    every = repeat(period=1, periodUnit="wk", count=2)
    practice.write_programme(programme("course", action("trust", trigger=[ACTIVE], validity=duration(1, "d"), **every)))
    practice.happen(plan("p1", "ann"))
    for _ in range(4):
        practice.pass_time(days=7)
        practice.happen(plan("p1", "ann", title="still"))
    assert len(practice.asks()) == 2


def test_a_condition_of_the_person(practice: Asking) -> None:
    said = {"language": "text/fhirpath", "expression": "%patient.gender = 'female' and appointmentType.empty()"}
    practice.write_programme(
        programme("visits", action("trust", condition=[{"kind": "applicability", "expression": said}]))
    )
    practice.put({"resourceType": "Patient", "id": "ann", "gender": "female"})
    practice.happen(visit("a1", "ann"), visit("a2", "ben"))
    assert sorted((each.person, each.outcome) for each in practice.asks()) == [
        ("Patient/ann", "asked"), ("Patient/ben", "over"),
    ]  # fmt: skip


def test_a_programme_that_ends_asks_nobody_more(practice: Asking) -> None:
    definition = programme("visits", action("trust", timingDuration=duration(1, "h")))
    practice.write_programme(definition)
    practice.happen(visit("a1", "ann"))
    practice.write_programme({**definition, "status": "retired"})
    practice.pass_time(hours=2)
    practice.ask_people()
    assert practice.outcomes() == [("trust", "withdrawn")]
    practice.happen(visit("a2", "ann"))
    assert len(practice.asks()) == 1


def test_a_form_that_was_retired_is_not_given(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    form = practice.found(f"Questionnaire?url={FORMS}trust")[0]
    practice.put({**form, "status": "retired"})
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes() == [("trust", "no-form")]


def test_what_becomes_of_it_is_noted(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.happen(visit("a1", "ann"))
    given = draft(practice, "trust")
    practice.pass_time(hours=1)
    at_one = to_micros(practice.now)
    note_opened(practice.asking, given["id"], at_one)
    note_opened(practice.asking, given["id"], at_one + 1)
    (ask,) = practice.asks()
    assert (ask.opened, ask.started, ask.ending) == (at_one, 0, "")
    practice.pass_time(hours=1)
    practice.put({**given, "item": answer("trust")[:1]})
    practice.pass_time(hours=1)
    fill(practice, "trust")
    (ask,) = practice.asks()
    hour = 3_600_000_000
    assert (ask.opened - at_one, ask.started - at_one, ask.ended - at_one) == (0, hour, 2 * hour)
    assert ask.ending == "completed"


def test_what_is_not_answered_expires(practice: Asking) -> None:
    within = {"url": OURS + "answer-within", "valueDuration": duration(2, "d")}
    made = action("trust")
    made["extension"].append(within)
    practice.write_programme(programme("visits", made))
    practice.happen(visit("a1", "ann"))
    practice.pass_time(days=3)
    practice.ask_people()
    assert [(each.ending, each.opened) for each in practice.asks()] == [("expired", 0)]
    practice.happen(visit("a2", "ann"))
    assert practice.asked() == ["trust", "trust"], "they were asked and did not answer, and may be asked again"


def test_staff_is_asked_in_rounds_without_a_name(practice: Asking) -> None:
    with_round: dict[str, Any] = {
        "trigger": [{"type": "periodic", "timingTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}}]
    }
    staff: dict[str, Any] = {"subjectCodeableConcept": {"coding": [{"code": "Practitioner"}]}}
    for who in ("one", "two"):
        practice.put({"resourceType": "Practitioner", "id": who, "active": True})
        practice.put(role(f"{who}s", who, "clinic"))
    practice.write_programme(programme("pulse", action("staff-pulse", **with_round), date="2031-04-01", **staff))
    practice.ask_people()
    assert practice.asks() == [], "the rounds are on the first of a month"
    practice.pass_time(days=29, hours=2)
    practice.ask_people()
    assert [(each.person, each.outcome, each.response) for each in practice.asks()] == [
        ("Practitioner/one", "asked", ""), ("Practitioner/two", "asked", ""),
    ]  # fmt: skip
    assert practice.found("QuestionnaireResponse?_summary=count") == [], "nothing leads from who was asked to an answer"
    practice.pass_time(days=30)
    practice.ask_people()
    assert len(practice.asks()) == 4


def test_two_departments_at_the_same_moment(practice: Asking) -> None:
    """Two workers, each with an event of a department's own, and the timers of both: one of them asks."""
    for name in ("clinic", "ward"):
        practice.write_programme(programme(name, action("trust"), department=name))
    for number in range(5):
        who = f"p{number}"
        practice.put({"resourceType": "Patient", "id": who})
        practice.put(visit(f"c{number}", who))
        practice.put(visit(f"w{number}", who, department="ward"))
    events = practice.events()
    ready = Barrier(2)

    def work(department: str) -> None:
        timing = Timing(practice.asking, lambda: practice.now)
        ready.wait()
        for event in events:
            if event.department in ("", department):
                practice.hear([event])
                timing.step()

    threads = [Thread(target=work, args=(name,)) for name in ("clinic", "ward")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    practice.ask_people()
    for number in range(5):
        assert sorted(each.outcome for each in practice.asks(f"p{number}")) == ["asked", "open"]


def test_the_consumer_has_history_of_other_programmes(practice: Asking) -> None:
    """One of one's own takes the place of ours of the same url."""
    practice.write_programme(programme("mine", action("trust"), url="https://example.org/PlanDefinition/one"))
    practice.pass_time(seconds=1)
    practice.write_programme(programme("later", action("collaborate"), url="https://example.org/PlanDefinition/one"))
    practice.happen(visit("a1", "ann"))
    assert practice.asked() == ["collaborate"]


REFUSED: list[tuple[Resource, str]] = [
    ({"definitionCanonical": "https://example.org/Questionnaire/none"}, "action[0].definitionCanonical"),
    ({"trigger": [{"type": "named-event", "name": "dev.carethread.slot.created"}]}, "action[0].trigger[0].name"),
    ({"trigger": [data("CarePlan", "status = ")]}, "action[0].trigger[0].condition"),
    ({"trigger": [data("Observation", "true")]}, "action[0].trigger[0].data"),
    (repeat(period=1, periodUnit="wk"), "action[0].timingTiming.repeat"),
    (repeat(period=1, periodUnit="h", count=3), "action[0].timingTiming.repeat"),
    (repeat(period=1, periodUnit="d", count=500), "action[0].timingTiming.repeat"),
    ({"timingDuration": {"value": 1.5, "system": "http://unitsofmeasure.org", "code": "d"}}, "timingDuration"),
]


def test_what_nobody_could_follow_is_refused(practice: Asking) -> None:
    for change, where in REFUSED:
        status, issues = practice.refusal("PUT", "PlanDefinition/bad", programme("bad", action("trust", **change)))
        assert status == 422, issues
        assert any(where in place for each in issues for place in each.get("expression", ())), (where, issues)


def test_without_a_ceiling_it_is_refused(practice: Asking) -> None:
    sent = programme("bad", action("trust"))
    status, issues = practice.refusal("PUT", "PlanDefinition/bad", {**sent, "extension": []})
    assert status in (400, 422)
    assert "ask-ceiling" in json.render(issues).decode()


def test_what_an_ehr_sends_is_stored_and_not_followed(practice: Asking) -> None:
    sent = programme("theirs", action("trust", **repeat(period=1, periodUnit="wk")))
    practice.write_programme({**sent, "meta": {**sent["meta"], "source": "urn:ehr"}})
    practice.happen(visit("a1", "ann"))
    assert practice.asks() == []


def rates(practice: Asking, query: str = "") -> list[dict[str, Any]]:
    """The groups of the rates of all time, each as names with their values, and reasons with their counts."""
    path = f"Questionnaire/$response-rates?from=2031-01-01&to=2031-12-31{query}"
    answered = practice.ask("GET", path, service="questionnaires")
    assert answered.status == 200, answered.body
    groups = [each["part"] for each in json.parse_object(answered.body)["parameter"] if each["name"] == "group"]
    return [dict(map(value_of, parts)) for parts in groups]


def value_of(part: Resource) -> tuple[str, Any]:
    if "part" in part:
        inner = dict(map(value_of, part["part"]))
        return inner["reason"], inner["count"]
    return part["name"], next(value for name, value in part.items() if name != "name")


def noted(practice: Asking, number: int, first: int = 0, **members: Any) -> None:
    """Have it be known of so many people that they were asked, and what became of it; by now."""
    moment = to_micros(practice.now)
    one = Ask("", "", "urn:programme", "a", f"{FORMS}trust", "", 0, "clinic", moment, "en", "asked", moment)
    names = [f"n{first + each}" for each in range(number)]
    asks = [replace(one, want=each, person=f"Patient/{each}", response=each, **members) for each in names]

    def work(session: Session) -> None:
        session.asks.want(asks)
        for ask in asks:
            session.asks.decide(ask)
            session.asks.step(ask)

    practice.asking.store.transact(work)


def test_response_rates(practice: Asking) -> None:
    hour = 3_600_000_000
    moment = to_micros(practice.now)
    noted(practice, 12, ending="completed", opened=moment, started=moment, ended=moment + 3 * hour)
    noted(practice, 12, first=12)
    noted(practice, 11, first=24, department="ward")
    noted(practice, 11, first=35, outcome="ceiling")
    noted(practice, 1, first=46, outcome="unwilling")
    (trust,) = rates(practice)
    assert (trust["form"], trust["asked"], trust["completed"], trust["open"]) == (f"{FORMS}trust", 35, 12, 23)
    assert (float(str(trust["rate"])), float(str(trust["median-hours"]))) == (0.343, 3.0)
    assert (trust["ceiling"], "unwilling" in trust, trust["suppressed"]) == (11, False, True)
    (ward,) = rates(practice, f"&department=ward&by=department,programme&form={FORMS}trust")
    assert (ward["department"], ward["asked"], ward["completed"]) == ({"reference": "Organization/ward"}, 11, 0)
    assert [each["asked"] for each in rates(practice, "&by=language&language=en")] == [35]
    assert rates(practice, "&programme=https://example.org/none") == []


WRONG_SPANS = [
    ("from=2031", "to"),
    ("from=x&to=2031", "from"),
    ("from=2031&to=2035", "to"),
    ("from=2031-03-02&to=2031-03", "from"),
    ("from=2031-03&to=2031-03-30", "to"),
    ("from=2031-03-01T00:00:00Z&to=2031-03-03T12:00:00Z", "to"),
    ("from=2031&to=2031&by=person", "by"),
]


def test_only_whole_months_are_told(practice: Asking) -> None:
    for wrong, where in WRONG_SPANS:
        answered = practice.ask("GET", f"Questionnaire/$response-rates?{wrong}", service="questionnaires")
        issue = json.parse_object(answered.body)["issue"][0]
        assert (answered.status, issue["expression"]) == (400, [where]), wrong
    for right in ("from=2031-03&to=2031-03", "from=2031-03-01&to=2031-04-30"):
        assert practice.ask("GET", f"Questionnaire/$response-rates?{right}", service="questionnaires").status == 200


def test_who_is_one_more_is_not_told_from_two_answers(practice: Asking) -> None:
    """One person asked in another department, and one in another month, are in no sum."""
    noted(practice, 12, ending="completed")
    noted(practice, 1, first=12, ending="completed", department="ward")
    practice.pass_time(days=30)
    noted(practice, 1, first=13, ending="completed")
    (whole,) = rates(practice)
    (clinic,) = rates(practice, "&department=clinic")
    assert whole["asked"] == clinic["asked"] == whole["completed"] == 12
    assert rates(practice, "&department=ward")[0].keys() == {"programme", "form", "suppressed"}


def test_rates_without_names_are_told_only_of_enough(practice: Asking) -> None:
    staff: dict[str, Any] = {"subjectCodeableConcept": {"coding": [{"code": "Practitioner"}]}, "date": "2031-04-01"}
    every = {"timingTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}}
    for number in range(12):
        practice.put({"resourceType": "Practitioner", "id": f"s{number}", "active": True})
        practice.put(role(f"r{number}", f"s{number}", "clinic"))
    practice.write_programme(
        programme("pulse", action("staff-pulse", trigger=[{"type": "periodic", **every}]), **staff)
    )
    practice.pass_time(days=29, hours=2)
    practice.ask_people()

    def pulse() -> Resource:
        made = answering(shipped("staff-pulse"), {"worn": 2}, id=new_id())
        about = {"subject": {"reference": "Organization/clinic"}, "status": "completed"}
        return {**made, **about, "authored": practice.now.isoformat()}

    for _ in range(11):
        practice.put(pulse())
    (group,) = rates(practice)
    assert (group["asked"], group["suppressed"], "completed" in group, "opened" in group) == (12, True, False, False)
    practice.put(pulse())
    (group,) = rates(practice)
    assert (group["asked"], group["completed"], "suppressed" in group) == (12, 12, False), "one of 12 had not"
    (group,) = rates(practice, "&by=form,language")
    assert "completed" not in group, "nobody knows in which language"
    (group,) = rates(practice, "&department=clinic")
    assert group["completed"] == 12
    practice.put(pulse())
    (group,) = rates(practice)
    assert ("completed" in group, "rate" in group, group["not-applicable"]) == (False, False, "completed"), (
        "one unasked"
    )


def test_rates_without_names_are_of_no_programme_where_several_ask(practice: Asking) -> None:
    urls = ("urn:one", "urn:other")
    for number, url in enumerate(urls):
        noted(practice, 12, 12 * number, programme=url, form=f"{FORMS}staff-pulse", ending=UNTRACED)
    for _ in range(24):
        made = answering(shipped("staff-pulse"), {"worn": 2}, id=new_id(), authored=practice.now.isoformat())
        practice.put(made | {"subject": {"reference": "Organization/clinic"}})
    for url in urls:
        (group,) = rates(practice, f"&programme={url}")
        assert (group["asked"], group["not-applicable"], "rate" in group) == (12, "completed", False), "24 of 12"
    (group,) = rates(practice, "&by=form")
    assert (group["asked"], group["completed"], group["rate"]) == (24, 24, 1)


def tried(practice: Asking, *parts: Resource, query: str = "") -> tuple[int, dict[str, Any]]:
    body = {"resourceType": "Parameters", "parameter": list(parts)} if parts else None
    path = f"Questionnaire/$try-programme{query}"
    answered = practice.ask("POST" if parts else "GET", path, body, service="questionnaires")
    found = json.parse_object(answered.body)
    return answered.status, dict(map(value_of, found["parameter"])) if answered.status == 200 else found["issue"][0]


def test_a_programme_is_tried_before_it_asks_anybody(practice: Asking) -> None:
    practice.write_programme(programme("there", action("trust"), department="ward"))
    practice.happen(visit("a1", "ann", department="ward"), visit("a2", "ben"))
    made = programme("new", action("trust"), action("collaborate"), ceiling=1)
    status, found = tried(practice, {"name": "programme", "resource": made})
    assert (status, found["people"], found["asked"], found["open"], found["ceiling"]) == (200, 2, 1, 1, 2)
    assert found["person"] == {"reference": "Patient/ben"}
    assert len(practice.asks()) == 1, "nobody was asked"
    practice.pass_time(hours=30)
    status, found = tried(practice, {"name": "programme", "resource": made})
    assert (status, found["people"]) == (200, 0)
    status, found = tried(practice, query="?url=https://example.org/PlanDefinition/there&hours=48")
    assert (status, found["people"], found["open"]) == (200, 1, 1)
    assert tried(practice, query="?url=https://example.org/none")[0] == 404
    assert tried(practice, query="?url=https://example.org/PlanDefinition/there&hours=999")[0] == 400
    assert tried(practice)[0] == 400
    assert tried(practice, {"name": "programme", "resource": {**made, "extension": []}})[0] == 422


def test_staff_is_counted_as_if_a_round_began(practice: Asking) -> None:
    practice.put({"resourceType": "Practitioner", "id": "one", "active": True})
    practice.put(role("ones", "one", "clinic"))
    practice.put({"resourceType": "Practitioner", "id": "two", "active": False})
    practice.put(role("twos", "two", "clinic"))
    every = {"timingTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}}
    staff: dict[str, Any] = {"subjectCodeableConcept": {"coding": [{"code": "Practitioner"}]}}
    made = programme("pulse", action("staff-pulse", trigger=[{"type": "periodic", **every}]), **staff)
    status, found = tried(practice, {"name": "programme", "resource": made})
    assert (status, found["people"], found["asked"], found["gone"]) == (200, 2, 1, 1)
