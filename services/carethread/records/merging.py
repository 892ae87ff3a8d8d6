"""Merge and unmerge: two Patients are one person, by `Patient.link` (http://hl7.org/fhir/R4/patient-definitions.html).

Whoever writes a Patient with a link `replaced-by` has merged it; `$merge` and `$unmerge` write both sides of that in
one transaction. Nothing that refers to either is touched: searches follow (`core.fhir.search.merges`), and the same
write without the link undoes all of it. What is told as history is kept as it is told.
"""

from __future__ import annotations

from collections.abc import Callable

from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.merges import PATIENT, replacing, survivor
from carethread.core.ports import Resource
from carethread.core.service import Call, Operation, Ruling, Runtime, Unit
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.patch import patch_command
from carethread.interactions.read import read
from carethread.interactions.writing.apply import apply
from carethread.records.rules import has_link, linked, merged, unlinked, unmerged, verb, where, wrong_links

_SOURCE, _TARGET = "source-patient", "target-patient"


def patient_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Name a merge or its end. Raises Invalid for a Patient that is replaced by itself or by several."""
    if after is not None and not unit.context.backfill and (issues := wrong_links(after, id_, unit.base_url)):
        raise Invalid(issues=issues)
    return Ruling(verb(before, after))


def patient_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Look, when all that belongs together is written, who is in the Patient's place.

    Raises Invalid where nobody is there, or where that one is itself replaced by this one, however far along.
    """
    named = next(replacing(after, unit.base_url), None) if after else None
    if named is None or unit.context.backfill or verb(before, after) is None:
        return
    place, key = named
    seen = {id_}
    into = key[1] if key and key[0] == PATIENT else ""
    while into:
        if into in seen:
            raise Invalid(
                "The Patients would replace each other in a circle; name the one that is to be used.",
                code="business-rule",
                expression=where(place),
            )
        seen.add(into)
        found = unit.find((PATIENT, into))
        if found is None and len(seen) == 2:
            raise Invalid(
                "The Patient to be used in place of this one is not here; write it first, or in one transaction.",
                code="not-found",
                expression=where(place),
            )
        into = survivor(found, unit.base_url)


def merge(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Merge a Patient into another; the answer has the one to use.

    Raises Malformed for parameters, else as an update does.
    """
    source, target = _asked(runtime, call)
    if source == target:
        raise Invalid("A Patient cannot be merged into itself.", code="business-rule", expression=_SOURCE)
    _write(
        runtime,
        {source: lambda patient: merged(patient, target), target: lambda patient: linked(patient, "replaces", source)},
        context,
    )
    return _answer(runtime, target, context)


def unmerge(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Undo the merge of a Patient into another; the answer has the one that stands for itself again.

    Raises Malformed for parameters, Invalid for a Patient that is not merged into the other, else as an update does.
    """
    source, target = _asked(runtime, call)

    def alone(patient: Resource) -> Resource:
        if not has_link(patient, "replaced-by", target):
            raise Invalid("The source is not replaced by the target.", code="business-rule", expression="Patient.link")
        return unmerged(patient, target)

    _write(runtime, {source: alone, target: lambda patient: unlinked(patient, "replaces", source)}, context)
    return _answer(runtime, source, context)


def _write(runtime: Runtime, changes: dict[str, Callable[[Resource], Resource]], context: Context) -> None:
    for id_ in changes:
        authorize("patch", PATIENT, context)
        read(runtime, (PATIENT, id_), context)
    apply(runtime, [patch_command((PATIENT, id_), change, context) for id_, change in changes.items()], context)


def _asked(runtime: Runtime, call: Call) -> tuple[str, str]:
    """Who is merged, or is to stand alone again, and into whom."""
    names = (_SOURCE, _TARGET)
    refuse_unknown(call, "what is merged", names, objects=names)
    return _patient(runtime, call, _SOURCE), _patient(runtime, call, _TARGET)


def _patient(runtime: Runtime, call: Call, name: str) -> str:
    """The id of the Patient that a parameter refers to."""
    parts = (call.body or {}).get("parameter", [])
    values = [part.get("valueReference") for part in parts if part["name"] == name]
    keys = keys_at({"value": values}, "value", runtime.base_url)
    if len(values) != 1 or len(keys) != 1 or keys[0][0] != PATIENT:
        raise Malformed(
            f"{name} is needed once, with valueReference a Patient of this server such as Patient/123.",
            code="required" if not values else "value",
            expression=f"Parameters.parameter.where(name = '{name}')",
        )
    return keys[0][1]


def _answer(runtime: Runtime, id_: str, context: Context) -> Resource:
    patient = json.parse(read(runtime, (PATIENT, id_), context).body)
    return {"resourceType": "Parameters", "parameter": [{"name": "result", "resource": patient}]}


OPERATIONS = tuple(
    Operation(
        name=name,
        type=PATIENT,
        levels=("type",),
        definition=f"https://carethread.dev/fhir/OperationDefinition/Patient-{name}",
        handler=handler,
        affects_state=True,
    )
    for name, handler in (("merge", merge), ("unmerge", unmerge))
)
