"""What was asked, as the draft says it: written and read again, and valid."""

from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir.profiles import packaged
from carethread.core.fhir.validation import validate
from carethread.questionnaires.assigning.assignment import Assignment, assignment_of

NOW = 1_930_000_000_000_000
MOMENTS = st.integers(0, 400 * 86_400).map(lambda seconds: NOW + seconds * 1_000_000)


@given(
    st.builds(
        Assignment,
        task=st.just("Task/t1"),
        recipient=st.sampled_from(["Patient/p1", "RelatedPerson/r1", "Practitioner/d1"]),
        asked=MOMENTS,
        expires=MOMENTS,
        language=st.sampled_from(["en", "es-MX"]),
        channel=st.sampled_from(["phone", "sms", "email", "app"]),
        zone=st.sampled_from(["UTC", "America/Mexico_City"]),
        due=st.just(0) | MOMENTS,
        reminders=st.lists(st.integers(1, 60), max_size=5).map(tuple),
        reason=st.sampled_from(["", "https://carethread.dev/fhir/PlanDefinition/after-visit"]),
        prefill=st.booleans(),
    )
)
def test_it_is_read_as_it_was_written(said: Assignment) -> None:
    other = {"url": "urn:x", "valueCode": "y"}
    bare = {"resourceType": "QuestionnaireResponse", "status": "in-progress", "extension": [other]}
    response = said.marked(bare)
    assert assignment_of(response) == said
    assert said.marked(response) == response, "it is there once"
    assert [each for each in validate(response, library=packaged()) if each.severity == "error"] == []


def test_where_nobody_was_asked() -> None:
    assert assignment_of({"resourceType": "QuestionnaireResponse", "status": "in-progress"}) is None
