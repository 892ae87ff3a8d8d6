"""`$populate` of Questionnaire: http://hl7.org/fhir/uv/sdc/OperationDefinition-Questionnaire-populate.html.

It gathers what is known, then fills in, and writes nothing. What cannot be filled in is told beside the draft.
"""

from __future__ import annotations

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Issue, NotSupported
from carethread.core.fhir.elements import profiles_of
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import PROFILES, Call, Operation, Runtime
from carethread.questionnaires.forms.form import PROFILE, Form
from carethread.questionnaires.populating.asked import Asked, asked
from carethread.questionnaires.populating.earlier import earlier
from carethread.questionnaires.populating.filling import Sources, fill
from carethread.questionnaires.populating.launching import CONTENT, launched
from carethread.questionnaires.populating.observed import observed
from carethread.questionnaires.populating.person import Person, person
from carethread.questionnaires.populating.querying import MOST_MATCHES, Queries
from carethread.questionnaires.scoring.anonymous import GROUPS, is_anonymous

_SUBJECT = "Parameters.parameter.where(name = 'subject')"


def populate(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The draft as `response`, and `issues` where something is to be told.

    Raises Malformed for the parameters, NotFound or Gone for the instance, Invalid for a form that is not here or
    cannot be read, a subject or a context that it does not take; Busy.
    """
    authorize("read", "Questionnaire", context)
    authorize("search-type", "QuestionnaireResponse", context)
    wanted = asked(runtime, call, context)
    form, now = wanted.form, to_micros(context.clock())
    about = person(runtime, wanted.subject) if wanted.subject else Person(base_url=runtime.base_url)
    _refuse(form, about)
    queries = Queries(runtime, about, context)
    launch, variables, issues = launched(form, _contents(wanted, queries), about)
    issues = [*_warned(form), *issues]
    if is_anonymous(form):
        sources = Sources({name: [] for name in launch}, _not_asked)
    elif not wanted.local:
        sources = Sources(launch, _not_asked, variables=variables)
    else:
        seen, told = observed(form, queries, now) if about.ids else ({}, [])
        issues += told
        sources = Sources(launch, queries, seen, earlier(runtime, form, about, now, context), variables)
    response, failed = fill(form, _head(form, about, wanted, now), sources, context.clock)
    issues += failed
    for type_name in sorted(queries.cut):
        told_of = f"More than {MOST_MATCHES} {type_name} were found; a form sees the first of them."
        issues.append(Issue("too-costly", told_of, "Questionnaire", "warning"))
    for type_name in sorted(queries.alone):
        told_of = f"What a query for {type_name} has brought along (_include, _revinclude) is not seen; ask for it."
        issues.append(Issue("not-supported", told_of, "Questionnaire", "warning"))
    parts: list[Resource] = [{"name": "response", "resource": response}]
    if issues:
        parts.append({"name": "issues", "resource": operation_outcome(issues)})
    return {"resourceType": "Parameters", "parameter": parts}


def _not_asked(_: str) -> Resource | None:
    raise Invalid("Records are not looked at (local is false), so a query is not asked.", code="suppressed")


def _refuse(form: Form, about: Person) -> None:
    """Raise Invalid for a subject that the form is not about."""
    kind = key_of(about.reference)[0]
    allowed = form.raw.get("subjectType", ())
    if kind and allowed and kind not in allowed:
        told = f"The form is about {' or '.join(allowed)}, not about {kind}."
        raise Invalid(told, code="value", expression=_SUBJECT)
    if kind and kind not in GROUPS and is_anonymous(form):
        told = "The form is answered without a name: its subject is a department or a team."
        raise Invalid(told, code="business-rule", expression=_SUBJECT)


def _warned(form: Form) -> list[Issue]:
    if form.status == "active":
        return []
    told = "The form is not active; what answers it is not taken."
    return [Issue("business-rule", told, "Questionnaire.status", "warning")]


def _contents(wanted: Asked, queries: Queries) -> dict[str, list[Resource]]:
    """The resources of the contexts by their names. Raises Invalid for one that is not here, or not the subject's."""
    found: dict[str, list[Resource]] = {}
    for name, content in wanted.contexts:
        if isinstance(content, str):
            try:
                resource = queries.read(*key_of(content))
            except NotSupported as error:
                raise Invalid(error.issues[0].diagnostics, code="not-supported", expression=CONTENT) from error
            if resource is None:
                told = f"{content} is not here, or not about the subject."
                raise Invalid(told, code="not-found", expression=CONTENT)
            found.setdefault(name, []).append(resource)
        else:
            found.setdefault(name, []).append(content)
    return found


def _head(form: Form, about: Person, wanted: Asked, now: int) -> Resource:
    """The response without its items."""
    head: Resource = {"resourceType": "QuestionnaireResponse"}
    if about.reference and PROFILE in profiles_of(form.raw):
        head["meta"] = {"profile": [PROFILES + "questionnaire-response"]}
    if form.canonical:
        head["questionnaire"] = form.canonical
    else:
        inside = {name: value for name, value in form.raw.items() if name != "contained"}
        head["contained"] = [{**inside, "id": "form"}, *form.raw.get("contained", ())]
        head["questionnaire"] = "#form"
    head["status"] = "in-progress"
    if about.reference:
        head["subject"] = {"reference": about.reference}
    if encounter := next((each for _, each in wanted.contexts if str(each).startswith("Encounter/")), None):
        head["encounter"] = {"reference": encounter}
    return {**head, "authored": instant(now)}


OPERATIONS = (
    Operation(
        name="populate",
        type="Questionnaire",
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/Questionnaire-populate",
        handler=populate,
        parameters=("questionnaire", "subject", "local"),
    ),
)
