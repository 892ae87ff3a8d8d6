"""CapabilityStatement, generated from what is declared: http://hl7.org/fhir/R4/capabilitystatement.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carethread import __version__
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.search.parameters import searchable, targets
from carethread.core.ports import Resource
from carethread.core.service import Operation, Service
from carethread.interactions.command import PATCH_FORMATS
from carethread.interactions.operations import GENERIC, operations_of

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)


def capability_statement(services: Sequence[Service], base_url: str, context: Context) -> Resource:
    """What the given services do together at one base URL."""
    types = {type_.name: service for service in services for type_ in service.types}
    referring = _referring(types)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(to_micros(context.clock())),
        "kind": "instance",
        "software": {"name": "CareThread", "version": __version__},
        "implementation": {"description": "; ".join(f"{s.name}: {s.about}" for s in services), "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(name, types[name], referring.get(name, ())) for name in sorted(types)],
                "interaction": [{"code": code} for code in ("batch", "transaction", "search-system", "history-system")],
                "operation": [_operation(o) for o in GENERIC if "system" in o.levels],
                "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            }
        ],
    }


def _referring(types: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """By type, the parameters of all types (`Type:code`) that are declared to refer to it."""
    found: dict[str, list[str]] = {}
    for source in sorted(types):
        for code, parameter in sorted(searchable(source).items()):
            for target in targets(source, parameter) if parameter.type == "reference" else ():
                found.setdefault(target, []).append(f"{source}:{code}")
    return found


def _resource(name: str, service: Service, referring: Sequence[str]) -> Resource:
    parameters = searchable(name)
    includes = [f"{name}:{code}" for code, parameter in sorted(parameters.items()) if parameter.type == "reference"]
    found: Resource = {
        "type": name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
    }
    declared = service.owns(name)
    if declared and declared.profile:
        found["supportedProfile"] = [declared.profile]
    if includes:
        found["searchInclude"] = ["*", *includes]
    if referring:
        found["searchRevInclude"] = list(referring)
    found["searchParam"] = [
        {"name": code, "definition": parameter.url, "type": parameter.type}
        for code, parameter in sorted(parameters.items())
    ]
    found["operation"] = [
        _operation(o) for o in operations_of(service) if o.type in ("", name) and o.levels != ("system",)
    ]
    return found


def _operation(operation: Operation) -> Resource:
    return {"name": operation.name, "definition": operation.definition}
