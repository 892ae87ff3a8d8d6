"""`Appointment/$offer-report`: how fair the offers of a period were; see `fairness`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlencode

from carethread.core.context import Context, authorize
from carethread.core.errors import Busy, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Request, Resource
from carethread.core.ports.offers import Offer
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.scheduling.standing import present
from carethread.scheduling.waitlist.entries import Entry, entry_of
from carethread.scheduling.waitlist.fairness import UNKNOWN, Case, Group, groups

_PARAMETERS = ("from", "to")
_PAGE, _CHUNK, _MOST = 500, 100, 10_000
_OWNER = "records"
_LONGEST_DAYS = 366


def offer_report(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The groups of all attributes. Raises Malformed for the period, Busy when the owner of Coverage is away."""
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "a report", _PARAMETERS)
    begin, end = _period(call)
    offers = list(_offers(runtime, begin, end))
    waiting = _waiting(runtime)
    patients = sorted({entry.patient for entry in waiting} | {offer.patient for offer in offers})
    people, insurances = _people(runtime, patients), dict(_insurances(runtime, patients, context))
    made: dict[str, list[Offer]] = {}
    for offer in offers:
        made.setdefault(offer.entry, []).append(offer)
    entries = {entry.id: (entry.patient, entry.priority) for entry in waiting}
    entries |= {offer.entry: (offer.patient, _priority(runtime, offer.entry)) for offer in offers}
    cases = [
        Case(
            people.get(patient, {}),
            priority,
            insurances.get(patient, UNKNOWN),
            offered=id_ in made,
            accepted=any(offer.outcome == "accepted" for offer in made.get(id_, ())),
        )
        for id_, (patient, priority) in sorted(entries.items())
    ]
    found = groups(cases, context.clock())
    return {"resourceType": "Parameters", "parameter": [_part(group) for group in found] or [_nobody()]}


def _nobody() -> Resource:
    return {"name": "note", "valueString": "Nobody waited in this period."}


def _part(group: Group) -> Resource:
    values: list[Resource] = [
        {"name": "attribute", "valueCode": group.attribute},
        {"name": "value", "valueString": group.value},
        {"name": "waited", "valueUnsignedInt": group.waited},
        {"name": "offered", "valueUnsignedInt": group.offered},
        {"name": "accepted", "valueUnsignedInt": group.accepted},
        {"name": "share", "valueDecimal": group.share},
        {"name": "ratio", "valueDecimal": group.ratio},
        {"name": "behind", "valueBoolean": group.behind},
    ]
    return {"name": "group", "part": values}


def _period(call: Call) -> tuple[int, int]:
    """The span in microseconds."""
    moments = []
    for name, last in (("from", 0), ("to", 1)):
        given = call.params.get(name, ())
        span = date_range(given[0]) if len(given) == 1 else None
        if span is None:
            raise Malformed(f"{name} is needed once, a date such as 2026-11-01.", code="value", expression=name)
        moments.append(span[last])
    if not 0 < moments[1] - moments[0] <= _LONGEST_DAYS * 86_400_000_000:
        raise Malformed(f"from comes before to, by {_LONGEST_DAYS} days at most.", code="value", expression="to")
    return moments[0], moments[1]


def _offers(runtime: Runtime, begin: int, end: int) -> Iterator[Offer]:
    after = 0

    def page() -> Sequence[tuple[int, Offer]]:
        return runtime.store.glance(lambda session: session.offers.between(begin, end, after, _PAGE))

    while found := page():
        yield from (offer for _, offer in found)
        after = found[-1][0]


def _waiting(runtime: Runtime) -> list[Entry]:
    query = parse_query("Appointment", [("status", "waitlist"), ("_sort", "_lastUpdated")])
    matches = runtime.store.snapshot(lambda session: session.search(query, _MOST)).matches
    read = (entry_of(stored, json.parse_object(stored.body), runtime.base_url) for stored in matches)
    return [entry for entry in read if entry]


def _priority(runtime: Runtime, id_: str) -> int:
    key = ("Appointment", id_)
    stored = runtime.store.glance(lambda session: session.current([key])).get(key)
    entry = entry_of(stored, json.parse_object(stored.body), runtime.base_url) if stored and stored.body else None
    return entry.priority if entry else 5


def _people(runtime: Runtime, patients: Sequence[str]) -> dict[str, Resource]:
    """The copies of the Patients that are here."""
    keys = [("Patient", patient.removeprefix("Patient/")) for patient in patients]
    found = runtime.store.snapshot(lambda session: present(session, keys))
    return {f"Patient/{id_}": patient for (_, id_), patient in found.items()}


def _insurances(runtime: Runtime, patients: Sequence[str], context: Context) -> Iterable[tuple[str, str]]:
    """What kind of coverage their owner knows of, by patient."""
    form = {"content-type": "application/x-www-form-urlencoded", "traceparent": context.traceparent}
    for start in range(0, len(patients) if runtime.peer.knows(_OWNER) else 0, _CHUNK):
        asked = {"beneficiary": ",".join(patients[start : start + _CHUNK]), "status": "active", "_count": "1000"}
        request = Request("POST", "Coverage/_search", headers=form, body=urlencode(asked).encode())
        answer = runtime.peer.call(_OWNER, request)
        if answer.status != 200:
            raise Busy(f"The owner of Coverage answers {answer.status}.")
        for entry in json.parse_object(answer.body).get("entry", ()):
            yield from _insurance(entry["resource"], runtime.base_url)


def _insurance(coverage: Resource, base_url: str) -> Iterator[tuple[str, str]]:
    coding = next((each for each in at(coverage, "type.coding") if isinstance(each, dict)), {})
    kind = coding.get("code") or coverage.get("type", {}).get("text") or UNKNOWN
    for type_name, id_ in keys_at(coverage, "beneficiary", base_url):
        yield f"{type_name}/{id_}", str(kind)


OPERATIONS = (
    Operation(
        name="offer-report",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-offer-report",
        handler=offer_report,
        parameters=_PARAMETERS,
    ),
)
