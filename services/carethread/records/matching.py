"""Patient/$match: http://hl7.org/fhir/R4/patient-operation-match.html. Who this may be, the likeliest first.

Candidates are what a few indexed searches find, each bounded; then each is scored (`scoring`). One who was merged is
answered by the one in its place, with the better score of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.core.context import Context, new_id, restrict
from carethread.core.errors import Invalid, Issue, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.ports import Resource, Response, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.rest.bundle import entry, searchset
from carethread.interactions.rest.exchange import CONTENT
from carethread.interactions.writing.check import check_resource
from carethread.records.scoring import families, givens, grade, score

_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
_PARAMETERS = ("resource", "onlyCertainMatches", "count")
_COUNT, _MOST = 10, 100
_CANDIDATES = 200
"""What one search may bring; a name and a birth date that more have in common tells nobody apart."""

_SEARCHES = 20
"""At most so many searches for one Patient."""

Pairs = Sequence[tuple[str, str]]


def match(runtime: Runtime, call: Call, context: Context) -> Response:
    """The matches as a searchset. Raises Malformed for the parameters, Invalid for a Patient that says too little."""
    wanted, only_certain, count = _wanted(call)
    searches = list(_searches(wanted))[:_SEARCHES]
    if not searches:
        raise Invalid(
            "To look for a Patient takes an identifier, a telecom, or a family name with a given name or a birth date.",
            code="required",
            expression=PATIENT,
        )
    queries = [restrict(parse_query(PATIENT, pairs, base=runtime.base_url), context) for pairs in searches]

    def work(session: Session) -> list[tuple[float, Stored]]:
        found = {each.id: each for query in queries for each in session.search(query, _CANDIDATES).matches}
        return _scored(session, wanted, found, runtime.base_url)

    graded = [(value, each) for value, each in runtime.store.snapshot(work) if grade(value) != "certainly-not"]
    certain = [pair for pair in graded if grade(pair[0]) == "certain"]
    notices = []
    if only_certain:
        graded = certain if len(certain) == 1 else []
        if len(certain) > 1:
            notices.append(_notice())
    entries = [
        entry(f"{runtime.base_url}/{PATIENT}/{each.id}", each.body, search=_search(value))
        for value, each in graded[:count]
    ]
    return Response(200, CONTENT, searchset("searchset", len(entries), {}, [*entries, *notices]))


def _wanted(call: Call) -> tuple[Resource, bool, int]:
    """The Patient, whether only what is certain is wanted, and how many at most."""
    parts = (call.body or {}).get("parameter", [])
    for number, part in enumerate(parts):
        if part["name"] not in _PARAMETERS:
            raise Malformed(
                f"'{part['name'][:64]}' is no parameter of $match; it takes {', '.join(_PARAMETERS)}.",
                code="not-supported",
                expression=f"Parameters.parameter[{number}].name",
            )
    resources = [part["resource"] for part in parts if part["name"] == "resource" and "resource" in part]
    if len(resources) != 1:
        raise Malformed(
            "POST Parameters with one part named resource, which is the Patient to look for.",
            code="required",
            expression="Parameters.parameter.where(name = 'resource')",
        )
    check_resource(PATIENT, resources[0])
    only = [part.get("valueBoolean") for part in parts if part["name"] == "onlyCertainMatches"]
    counts = [part.get("valueInteger") for part in parts if part["name"] == "count"]
    if len(only) > 1 or not all(isinstance(value, bool) for value in only):
        raise Malformed("onlyCertainMatches is a valueBoolean, once.", code="value", expression="onlyCertainMatches")
    if len(counts) > 1 or not all(isinstance(value, int) and value > 0 for value in counts):
        raise Malformed("count is a valueInteger over 0, once.", code="value", expression="count")
    return resources[0], only == [True], min(counts[0] if counts else _COUNT, _MOST)


def _searches(patient: Resource) -> Iterator[Pairs]:
    """What finds those who may be this Patient, the most telling first."""
    for each in patient.get("identifier", ()):
        if value := each.get("value"):
            system = f"{_escaped(each['system'])}|" if "system" in each else ""
            yield [("identifier", system + _escaped(value))]
    for family in sorted(families(patient)):
        if born := patient.get("birthDate"):
            yield [("family", _escaped(family)), ("birthdate", born)]
        for given in sorted(givens(patient)):
            yield [("family", _escaped(family)), ("given", _escaped(given))]
    if born := patient.get("birthDate"):
        for given in sorted(givens(patient)):
            yield [("given", _escaped(given)), ("birthdate", born)]
    for each in patient.get("telecom", ()):
        if value := each.get("value"):
            yield [("telecom", _escaped(value))]


def _escaped(text: str) -> str:
    return "".join("\\" + sign if sign in "\\,|$" else sign for sign in text)


def _scored(session: Session, wanted: Resource, found: dict[str, Stored], base_url: str) -> list[tuple[float, Stored]]:
    """Who may be meant, each once, the likeliest first: of those who were merged, the one in their place."""
    best: dict[str, tuple[float, Stored]] = {}
    for each in found.values():
        place, patient = each, json.parse(each.body)
        value = score(wanted, patient)
        seen = {each.id}
        while (into := survivor(patient, base_url)) and into not in seen:
            seen.add(into)
            following = session.current([(PATIENT, into)]).get((PATIENT, into))
            if following is None or following.deleted:
                break
            place, patient = following, json.parse(following.body)
            value = max(value, score(wanted, patient))
        best[place.id] = max(best.get(place.id, (0.0, place)), (value, place), key=lambda pair: pair[0])
    return sorted(best.values(), key=lambda pair: (-pair[0], pair[1].id))


def _search(value: float) -> bytes:
    extension = [{"url": _GRADE, "valueCode": grade(value)}]
    return json.render({"extension": extension, "mode": "match", "score": round(value, 4)})


def _notice() -> bytes:
    issue = Issue(
        "multiple-matches",
        "Several Patients match for certain, so none is answered under onlyCertainMatches; ask without it to see them.",
        severity="warning",
    )
    return entry(f"urn:uuid:{new_id()}", json.render(operation_outcome([issue])), search=b'{"mode":"outcome"}')


OPERATIONS = (
    Operation(
        name="match",
        type=PATIENT,
        levels=("type",),
        definition="http://hl7.org/fhir/OperationDefinition/Patient-match",
        handler=match,
        parameters=("onlyCertainMatches", "count"),
    ),
)
