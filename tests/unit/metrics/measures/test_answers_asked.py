"""What comes of asking and of saying: response rate and loops of feedback, against a second computation."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import strategies as st

from carethread.careteams.feedback.figures import figures
from carethread.metrics.evaluating.counting import score
from support.facts import NOW, facts_of
from support.measured import counted, known
from support.measures import asked, forms
from support.measures.answering import (
    DEPARTMENT,
    INSTANTS,
    PERSON,
    PRACTICE,
    STATUS,
    VISIT,
    Made,
    both_agree,
    extension,
    members,
    reference,
)
from support.measures.plain import CODES

FIRST, LAST = date(2030, 3, 1), date(2030, 3, 31)

# now is 2030-03-17T17:46:40Z
ENDS = st.sampled_from(
    ["2030-03-01T12:00:00Z", "2030-03-05T12:00:00Z", "2030-03-05T12:00:01Z", "2030-03-17T17:46:40Z",
     "2030-03-17T17:46:41Z", "2030-03-20T00:00:00Z", "2030-03-09T12:00:00Z", "2030-03-10T06:00:00Z"]
)  # fmt: skip


def assignment(asked_: str, expires: str) -> Made:
    parts = {"asked": {"valueInstant": asked_}, "expires": {"valueInstant": expires}}
    return extension("assignment", extension=[{"url": name, **value} for name, value in parts.items()])


@st.composite
def asks(draw: st.DrawFn) -> Made:
    """A response that somebody was asked for, or one that nobody was."""
    response = draw(members(subject=PERSON, encounter=VISIT, author=reference("PractitionerRole/role")))
    extensions = draw(st.just([]) | DEPARTMENT)
    if draw(st.integers(0, 4)):
        extensions = [*extensions, assignment(draw(INSTANTS), draw(ENDS))]
    form = {"questionnaire": forms.FORM + "phq-9|1.0.0", "authored": "2030-03-12"}
    made = {"resourceType": "QuestionnaireResponse", "status": draw(STATUS), **form, **response}
    return {**made, "extension": extensions} if extensions else made


def test_the_response_rate_is_counted_as_it_is_defined():
    both_agree("response-rate", asks(), asked.response_rate, FIRST, LAST)


def test_what_can_still_be_answered_is_open_answered_or_not():
    cases = [("completed", "2030-03-15"), ("in-progress", "2030-03-15"), ("stopped", "2030-03-15"),
             ("amended", "2030-03-20"), ("in-progress", "2030-03-20"), ("entered-in-error", "2030-03-15")]  # fmt: skip
    made = [
        {"resourceType": "QuestionnaireResponse", "id": f"r{n}", "status": status,
         "extension": [assignment("2030-03-02T08:00:00Z", f"{until}T00:00:00Z")]}
        for n, (status, until) in enumerate(cases)
    ]  # fmt: skip
    with facts_of([*PRACTICE, *made]) as facts:
        (found,) = counted(facts, "response-rate", FIRST, LAST)
    assert found.whole.counts == {
        "initial-population": 5, "denominator": 3, "denominator-exclusion": 0, "numerator": 1, "open": 2
    }  # fmt: skip
    assert score(known("response-rate").groups[0], found.whole) == pytest.approx(1 / 3)


STATES = [("requested", "waiting"), ("accepted", "taken"), ("on-hold", "not-told"), ("completed", "told"),
          ("completed", "told-openly"), ("completed", "untold"), ("cancelled", "withdrawn"),
          ("entered-in-error", "told")]  # fmt: skip


def _concept(system: str, code: str) -> Made:
    return {"coding": [{"system": CODES + system, "code": code}]}


@st.composite
def tasks(draw: st.DrawFn) -> Made:
    """A Task that answers feedback, or another one."""
    status, state = draw(st.sampled_from(STATES))
    focus = {"focus": draw(reference("QuestionnaireResponse/of-west", "QuestionnaireResponse/of-team"))}
    owner = reference("Practitioner/doctor", "PractitionerRole/role", "Organization/plain")
    period = {"start": "2030-03-02T10:00:00Z"}
    if status == "completed":
        period["end"] = draw(st.sampled_from(["2030-03-14T09:30:00Z", "2030-03-16T23:00:00Z"]))
    terms = draw(st.fixed_dictionaries({}, optional={"start": INSTANTS, "end": ENDS}))
    return {
        "resourceType": "Task",
        "status": status,
        "businessStatus": _concept("feedback-state", state),
        "code": _concept("careteam-task", draw(st.sampled_from(["feedback"] * 5 + ["past-feedback"]))),
        "authoredOn": draw(INSTANTS),
        "executionPeriod": period,
        **({"restriction": {"period": terms}} if terms else {}),
        **(focus if draw(st.booleans()) else {}),
        **draw(st.fixed_dictionaries({}, optional={"for": PERSON, "owner": owner, "extension": DEPARTMENT})),
    }


SAID: list[Made] = [
    {"resourceType": "QuestionnaireResponse", "id": id_, "status": "completed", "subject": {"reference": subject}}
    for id_, subject in (("of-west", "Organization/west"), ("of-team", "CareTeam/team"))
]


def test_loops_of_feedback_are_counted_as_they_are_defined():
    both_agree("feedback-loop-closure", tasks(), asked.feedback, FIRST, LAST, SAID)


def _task(number: int, status: str, state: str, **more: object) -> Made:
    return {
        "resourceType": "Task",
        "id": f"t{number}",
        "status": status,
        "businessStatus": _concept("feedback-state", state),
        "code": _concept("careteam-task", "feedback"),
        "authoredOn": "2030-03-02T10:00:00Z",
        "restriction": {"period": {"start": "2030-03-02T10:00:00Z", "end": "2030-03-09T10:00:00Z"}},
        "executionPeriod": {"start": "2030-03-02T11:00:00Z", "end": f"2030-03-0{3 + number}T10:00:00Z"},
        **more,
    }


def test_once_all_is_over_careteams_and_metrics_tell_the_same():
    states = [("completed", "told"), ("completed", "told-openly"), ("completed", "untold"), ("cancelled", "withdrawn")]
    made = [_task(number, *each) for number, each in enumerate(states)]
    with facts_of([*PRACTICE, *made]) as facts:
        told, days = counted(facts, "feedback-loop-closure", FIRST, LAST)
    groups, theirs = known("feedback-loop-closure").groups, figures(made, NOW)
    assert score(groups[0], told.whole) == pytest.approx(theirs.share_told, abs=1e-4)
    assert score(groups[1], days.whole) == theirs.hours["hours-to-close"]["median"] / 24 == 2.0


def test_what_is_overdue_counts_as_not_told():
    made = [
        _task(0, "completed", "told"),
        {**_task(1, "accepted", "taken"), "executionPeriod": {"start": "2030-03-03"}},
    ]
    with facts_of([*PRACTICE, *made]) as facts:
        told, days = counted(facts, "feedback-loop-closure", FIRST, LAST)
    assert score(known("feedback-loop-closure").groups[0], told.whole) == 0.5
    assert days.whole.counts["measure-population"] == 1
