"""`Appointment/$offer-report`: how fair the offers of a period were; see `fairness`.

Counted is who waited at some time of the period, also those who left without an offer. Where numbers of few people are
not told, a period is one month that is over: of two that overlap the difference is who came or went between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urlencode

from carethread.core.clock import from_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Busy, Forbidden, Malformed
from carethread.core.few import MASKED
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.moments import asked_span
from carethread.core.ports import Request, Resource
from carethread.core.ports.offers import Offer, Waited
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.standing import present
from carethread.scheduling.waitlist.fairness import UNKNOWN, Case, Group, groups

_PARAMETERS = ("from", "to")
_PAGE, _CHUNK, _MOST = 500, 100, 10_000
_OWNER = "records"
_LONGEST_DAYS = 366


def offer_report(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The groups of all attributes. Raises Malformed for the period, Forbidden for one that is not told, Busy when the
    owner of Coverage is away."""
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "a report", _PARAMETERS)
    begin, end = _period(call)
    masks = runtime.small_cells == "mask"
    if masks:
        _refuse_untold(begin, end, context.clock())
    offers = _offers(runtime, begin, end)
    waited = list(islice(_waited(runtime, begin, end), _MOST + 1))
    patients = sorted({each.patient for each in waited[:_MOST]})
    people, insurances = _people(runtime, patients), dict(_insurances(runtime, patients, context))
    made: dict[str, list[Offer]] = {}
    for offer in offers:
        made.setdefault(offer.entry, []).append(offer)
    cases = [
        Case(
            each.patient,
            people.get(each.patient, {}),
            each.priority,
            insurances.get(each.patient, UNKNOWN),
            offered=each.entry in made,
            accepted=any(offer.outcome == "accepted" for offer in made.get(each.entry, ())),
        )
        for each in waited[:_MOST]
    ]
    notes = [_note("Nobody waited in this period.")] if not cases else []
    if len(waited) > _MOST:
        notes.append(_note(f"More than {_MOST:,} waited; the first {_MOST:,} by id are counted. Ask for less time."))
    found = groups(cases, context.clock(), masks=masks)
    return {"resourceType": "Parameters", "parameter": [*notes, *map(_part, found)]}


def _note(text: str) -> Resource:
    return {"name": "note", "valueString": text}


def _part(group: Group) -> Resource:
    told: list[Resource] = [
        {"name": "waited", "valueUnsignedInt": group.waited},
        {"name": "offered", "valueUnsignedInt": group.offered},
        {"name": "accepted", "valueUnsignedInt": group.accepted},
        {"name": "share", "valueDecimal": group.share},
        {"name": "ratio", "valueDecimal": group.ratio},
        {"name": "behind", "valueBoolean": group.behind},
    ]
    if group.masked:
        told = [{"name": each["name"], f"_{kind}": MASKED} for each in told for kind in each.keys() - {"name"}]
    about = [{"name": "attribute", "valueCode": group.attribute}, {"name": "value", "valueString": group.value}]
    return {"name": "group", "part": [*about, *told]}


def _period(call: Call) -> tuple[int, int]:
    """The span in microseconds."""
    moments = []
    for name, last in (("from", 0), ("to", 1)):
        given = call.params.get(name, ())
        span = asked_span(given[0]) if len(given) == 1 else None
        if span is None:
            raise Malformed(f"{name} is needed once, a date such as 2026-11-01.", code="value", expression=name)
        moments.append(span[last])
    if not 0 < moments[1] - moments[0] <= _LONGEST_DAYS * 86_400_000_000:
        raise Malformed(f"from comes before to, by {_LONGEST_DAYS} days at most.", code="value", expression="to")
    return moments[0], moments[1]


def _refuse_untold(begin: int, end: int, now: datetime) -> None:
    first, after = from_micros(begin), from_micros(end)
    month = datetime(first.year, first.month, 1, tzinfo=UTC)
    if first != month or after != (month + timedelta(days=31)).replace(day=1) or after > now:
        said = (
            "Where small numbers are not told, a period is one calendar month that is over, as from=2026-11&to=2026-11."
        )
        raise Forbidden(said, code="suppressed", expression="from")


def _offers(runtime: Runtime, begin: int, end: int) -> Iterator[Offer]:
    after = 0

    def page() -> Sequence[tuple[int, Offer]]:
        return runtime.store.glance(lambda session: session.offers.between(begin, end, after, _PAGE))

    while found := page():
        yield from (offer for _, offer in found)
        after = found[-1][0]


def _waited(runtime: Runtime, begin: int, end: int) -> Iterator[Waited]:
    """Who waited at some time of the period, whatever became of it."""
    after = ""

    def page() -> Sequence[Waited]:
        return runtime.store.glance(lambda session: session.offers.waited(begin, end, after, _PAGE))

    while found := page():
        yield from found
        after = found[-1].entry


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
        coverages = [entry["resource"] for entry in json.parse_object(answer.body).get("entry", ())]
        for coverage in sorted(coverages, key=_rank, reverse=True):  # of several the one that pays first counts
            yield from _insurance(coverage, runtime.base_url)


def _rank(coverage: Resource) -> tuple[int, str]:
    """In which order it pays; what says nothing comes last."""
    return coverage.get("order", 2**31), coverage["id"]


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
