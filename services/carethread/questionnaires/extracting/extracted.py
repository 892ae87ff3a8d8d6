"""What a response gives: a transaction of resources, all or nothing; pure, for the same response the same.

All mechanisms that a form uses are applied: observation-, definition- and template-based. A Provenance tells of which
response the resources are. Source: http://hl7.org/fhir/uv/sdc/extraction.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import instant, to_micros
from carethread.core.errors import Issue
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.defining import define
from carethread.questionnaires.extracting.making import Entry, Making, TooMuch
from carethread.questionnaires.extracting.marks import allocated
from carethread.questionnaires.extracting.observing import observe
from carethread.questionnaires.extracting.places import placed
from carethread.questionnaires.extracting.templating import fill
from carethread.questionnaires.forms.form import Form

FINISHED = ("completed", "amended")
"""The statuses of a response of which something is extracted."""

_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_IDS = "https://carethread.dev/fhir/QuestionnaireResponse/"


@dataclass(frozen=True, slots=True)
class Extraction:
    """The entries, and what is to be said of them; with an error there are none."""

    entries: Sequence[Entry]
    issues: Sequence[Issue]

    @property
    def failed(self) -> bool:
        return any(issue.severity in ("error", "fatal") for issue in self.issues)


def uuid_of(response_id: str) -> Callable[[str], str]:
    """Gives the ids of what is extracted from a response, each by its cause: the same each time."""
    return lambda cause: str(uuid5(NAMESPACE_URL, f"{_IDS}{response_id}#{cause}"))


def extract(
    form: Form, response: Resource, uuid: Callable[[str], str], clock: Callable[[], datetime] | None = None
) -> Extraction:
    """What is extracted from a response that is valid R4 and answers the form."""
    making = Making(form, response, uuid, clock)
    if "modifierExtension" in response:
        said = "The response has a modifierExtension, which may turn its meaning; nothing is made of it."
        making.wrong(said, "QuestionnaireResponse.modifierExtension", "not-supported")
    else:
        _make(making)
    extraction = Extraction(making.entries, making.issues)
    return Extraction((), making.issues) if extraction.failed else extraction


def _make(making: Making) -> None:
    names = {name: making.full_url(f"allocated/{name}") for name in allocated(making.form.raw)}
    roots = placed(making.form, making.response)
    try:
        observe(making, roots, names)
        define(making, roots, names)
        fill(making, roots, names)
    except TooMuch:
        return


def extracted(
    form: Form,
    response: Resource,
    *,
    uuid: Callable[[str], str] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Resource:
    """What is extracted, or an OperationOutcome of all errors. Without `uuid` the ids follow from the response's id."""
    uuid = uuid or uuid_of(str(response.get("id", "")))
    extraction = extract(form, response, uuid, clock)
    return operation_outcome(extraction.issues) if extraction.failed else answer(extraction, response, uuid, clock)


def answer(
    extraction: Extraction, response: Resource, uuid: Callable[[str], str], clock: Callable[[], datetime]
) -> Resource:
    """A transaction Bundle with its Provenance, in a Parameters where there are warnings beside it; where there is
    nothing to extract, an OperationOutcome that says so."""
    if not extraction.entries:
        said = "There is nothing to extract from this response."
        return operation_outcome([*extraction.issues, Issue("informational", said, severity="information")])
    told = provenance(response, [entry.full_url for entry in extraction.entries], to_micros(clock()))
    about = Entry(told, f"urn:uuid:{uuid('provenance')}", "provenance")
    bundle = transaction([entry.bundled() for entry in (*extraction.entries, about)])
    if not extraction.issues:
        return bundle
    issues = {"name": "issues", "resource": operation_outcome(extraction.issues)}
    return {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": bundle}, issues]}


def transaction(entries: Sequence[Resource]) -> Resource:
    """A Bundle whose entries are written together or not at all."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def provenance(
    response: Resource, targets: Sequence[str], now: int, *, version: int = 0, code: str = "CREATE"
) -> Resource:
    """Of which response resources are made, and who has answered. `now` is in microseconds; `code` is what was done:
    CREATE, UPDATE or NULLIFY."""
    id_ = response.get("id")
    told: Resource = {"resourceType": "Provenance", "target": [{"reference": target} for target in targets]}
    if authored := response.get("authored"):
        told["occurredDateTime"] = authored
    told["recorded"] = instant(now)
    told["activity"] = {"coding": [{"system": _OPERATION, "code": code}]}
    told["agent"] = [_agent("assembler", {"display": "CareThread"})]
    if author := response.get("author"):
        told["agent"].append(_agent("author", author))
    if id_:
        what = f"QuestionnaireResponse/{id_}" + (f"/_history/{version}" if version else "")
        told["entity"] = [{"role": "source", "what": {"reference": what}}]
    return told


def _agent(kind: str, who: Resource) -> Resource:
    return {"type": {"coding": [{"system": _AGENTS, "code": kind}]}, "who": who}
