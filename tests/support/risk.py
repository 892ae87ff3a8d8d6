"""Risk rules for tests: careteams' rules alone over a store, a clock that is moved, facts that arrive as events do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams.keeping import TRACES, is_kept
from carethread.careteams.risk.effect import definition_written, definitions_stored
from carethread.careteams.risk.following import LAST, TIMERS, TOGETHER, judged
from carethread.careteams.risk.trying import OPERATIONS
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Request, Resource, Response, Stored
from carethread.core.service import Mirror, ResourceType, Runtime, Service
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from support.stores import BASE

START = datetime(2031, 3, 3, 8, tzinfo=UTC)
OURS = "https://carethread.dev/fhir/"
UCUM = "http://unitsofmeasure.org"

OWNED = ("CarePlan", "CareTeam", "Communication", "Consent", "Goal", "Task")
MIRRORED = ("Patient", "RelatedPerson", "Appointment", "Encounter", "Condition", "QuestionnaireResponse")

SERVICE = Service(
    "careteams",
    "Rules alone.",
    types=(
        *(ResourceType(name, stored=judged(name)) for name in OWNED),
        ResourceType("RiskAssessment"),
        ResourceType("DetectedIssue"),
        ResourceType("PlanDefinition", definition_written, stored=definitions_stored),
    ),
    mirrors=(
        *(Mirror(name, "records", stored=judged(name)) for name in MIRRORED),
        Mirror("Observation", "records", stored=judged("Observation"), keeps=is_kept, traces=TRACES),
    ),
    operations=OPERATIONS,
    timers=TIMERS,
    timers_together=TOGETHER,
    timers_last=LAST,
)


class Practice:
    """The rules over a store; `now` is the time on the wall."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.now = START
        self.runtime = Runtime(SERVICE, store, LocalOwners({}), LocalPeer({}), BASE)
        self.versions: dict[tuple[str, str], int] = {}

    def context(self, *, backfill: bool = False) -> Context:
        return Context(clock=lambda: self.now, backfill=backfill)

    def ask(self, method: str, path: str, body: Any = None, *, backfill: bool = False) -> Response:
        path, _, query = path.partition("?")
        params = [tuple(each.split("=", 1)) for each in query.split("&") if each]
        content = b"" if body is None else json.render(body)
        request = Request(method, path, params, {"content-type": "application/fhir+json"}, content)  # type: ignore[arg-type]
        return handle(self.runtime, request, self.context(backfill=backfill))

    def put(self, resource: Resource, *, backfill: bool = False) -> Resource:
        answer = self.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource, backfill=backfill)
        assert answer.status in (200, 201), answer.body
        return json.parse_object(answer.body)

    def tell(self, resource: Resource, version: int = 0, *, key: str = "", backfill: bool = False) -> None:
        """A version of another service's resource arrives; of the next number where none is said."""
        self.tell_all([copied(resource, version or self._next(resource), key)], backfill=backfill)

    def delete(self, resource: Resource) -> None:
        gone = copied(resource, self._next(resource))
        self.tell_all([Stored(gone.type, gone.id, gone.version, gone.updated, True, b"", "DELETE", gone.key)])

    def tell_all(self, versions: Sequence[Stored], *, backfill: bool = False) -> None:
        context = self.context(backfill=backfill)
        self.store.transact(lambda session: keep(self.runtime, session, versions, context=context))

    def _next(self, resource: Resource) -> int:
        key = resource["resourceType"], resource["id"]
        self.versions[key] = self.versions.get(key, 0) + 1
        return self.versions[key]

    def pass_time(self, **length: float) -> None:
        """Let time pass, and do what is due by then."""
        self.now += timedelta(**length)
        self.fire()

    def fire(self) -> None:
        timing = Timing(self.runtime, lambda: self.now)
        while timing.step():
            pass

    def found(self, type_name: str, **params: str) -> list[Resource]:
        query = parse_query(type_name, [*params.items(), ("_sort", "_id")])
        page = self.store.snapshot(lambda session: session.search(query, 1000))
        return [json.parse_object(each.body) for each in page.matches]

    def risks(self, patient: str) -> dict[str, dict[str, str]]:
        """What fires for a person: by the last part of the rule's url the facts with their weights."""
        return {
            each["method"]["coding"][0]["code"].rpartition("/")[2]: {
                b["reference"]: str(getattr(weight := b["extension"][0]["valueDecimal"], "text", weight))
                for b in each.get("basis", ())
            }
            for each in self.found("RiskAssessment", patient=f"Patient/{patient}")
            if each["prediction"][0]["qualitativeRisk"]["coding"][0]["code"] != "low"
            and each["subject"]["reference"] == f"Patient/{patient}"
        }

    def ago(self, **length: float) -> str:
        return (self.now - timedelta(**length)).isoformat()


def copied(resource: Resource, version: int, key: str = "") -> Stored:
    """A version of another service's resource as it is copied."""
    first = resource.get("subject") or (resource.get("participant") or [{}])[0].get("actor") or {}
    named = key or first.get("reference") or f"{resource['resourceType']}/{resource['id']}"
    when = 1_700_000_000_000_000 + version * 1_000_000
    return Stored(resource["resourceType"], resource["id"], version, when, False, json.render(resource), key=named)


def rule(id_: str, condition: str, *inputs: Resource, level: str = "high", **members: Any) -> Resource:
    """A rule of ours; triggered by whatever its inputs read."""
    types = sorted({each["type"] for each in inputs})
    return {
        "resourceType": "PlanDefinition",
        "id": id_,
        "meta": {"profile": [f"{OURS}StructureDefinition/risk-rule"]},
        "url": f"{OURS}PlanDefinition/{id_}",
        "version": "1",
        "title": f"Rule {id_}",
        "type": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "eca-rule"}]
        },
        "status": "active",
        "action": [
            {
                "description": "It is so.",
                "code": [
                    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/risk-probability", "code": level}]}
                ],
                "trigger": [{"type": "data-added", "data": [{"type": name}]} for name in types],
                "condition": [
                    {"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": condition}}
                ],
                "input": list(inputs),
                "action": [{"title": "Call."}],
            }
        ],
        **members,
    }


def reads(name: str, type_name: str, weight: float | None = None, *filters: Resource, **within: Any) -> Resource:
    """An input; `within` are dates that count for so many days: `start=90`, with __ for a point."""
    made: Resource = {"id": name, "type": type_name}
    if weight is not None:
        made["extension"] = [{"url": f"{OURS}StructureDefinition/risk-weight", "valueDecimal": weight}]
    if filters:
        made["codeFilter"] = list(filters)
    if within:
        made["dateFilter"] = [
            {"path": path.replace("__", "."), "valueDuration": {"value": days, "system": UCUM, "code": "d"}}
            for path, days in within.items()
        ]
    return made


def coded(path: str, *codes: str) -> Resource:
    return {"path": path, "code": [{"code": code} for code in codes]}


def person(id_: str, **members: Any) -> Resource:
    return {"resourceType": "Patient", "id": id_, **members}


def visit(id_: str, who: str, start: str, status: str = "noshow") -> Resource:
    participant = [{"actor": {"reference": f"Patient/{who}"}, "status": "accepted"}]
    return {"resourceType": "Appointment", "id": id_, "status": status, "start": start, "participant": participant}


def need(id_: str, who: str, code: str = "Z59.82", status: str = "active", sure: str = "") -> Resource:
    """A need that is there, or no more; `sure` is its verificationStatus, empty where nothing is said of that."""
    system = "http://terminology.hl7.org/CodeSystem/condition-"
    said = {"verificationStatus": {"coding": [{"system": f"{system}ver-status", "code": sure}]}} if sure else {}
    return {
        "resourceType": "Condition",
        "id": id_,
        "clinicalStatus": {"coding": [{"system": f"{system}clinical", "code": status}]},
        **said,
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
        "subject": {"reference": f"Patient/{who}"},
    }


def stay(id_: str, who: str, start: str, end: str = "", kind: str = "AMB", status: str = "finished") -> Resource:
    return {
        "resourceType": "Encounter",
        "id": id_,
        "status": status,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
        "subject": {"reference": f"Patient/{who}"},
        "period": {"start": start, **({"end": end} if end else {})},
    }


def score(id_: str, who: str, when: str, value: int, status: str = "final") -> Resource:
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": status,
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]},
        "subject": {"reference": f"Patient/{who}"},
        "effectiveDateTime": when,
        "valueQuantity": {"value": value},
    }


def plan(id_: str, who: str, *activities: tuple[str, str], status: str = "active") -> Resource:
    """A CarePlan with activities, each of a status and an end."""
    detailed = [{"detail": {"status": each, "scheduledPeriod": {"end": end}}} for each, end in activities]
    return {
        "resourceType": "CarePlan",
        "id": id_,
        "status": status,
        "intent": "plan",
        "subject": {"reference": f"Patient/{who}"},
        **({"activity": detailed} if detailed else {}),
    }


MISSED = rule(
    "missed",
    "%missed.count() >= 2 and %needs.exists()",
    reads("missed", "Appointment", 0.5, coded("status", "noshow"), start=90),
    reads("needs", "Condition", 0.5, coded("clinicalStatus", "active"), coded("code", "Z59.82")),
)
RISING = rule(
    "rising",
    "%scores.last().value.ofType(Quantity).value >= 10 and %scores.last().value.ofType(Quantity).value"
    " - %scores[%scores.count() - 2].value.ofType(Quantity).value >= 5",
    reads("scores", "Observation", 1, coded("code", "44261-6"), coded("status", "final", "amended"), effective=180),
)
SILENT = rule(
    "silent",
    "%plans.exists() and %contacts.empty()",
    reads("plans", "CarePlan", 0.25, coded("status", "active")),
    reads("contacts", "Encounter", None, coded("status", "finished", "in-progress"), period=60),
    level="moderate",
)
OVERDUE = rule(
    "overdue",
    "%plans.exists()",
    reads(
        "plans",
        "CarePlan",
        0.3,
        coded("status", "active"),
        coded("activity.detail.status", "not-started", "scheduled"),
        activity__detail__scheduled__end=36_000,
    ),
    level="moderate",
)
