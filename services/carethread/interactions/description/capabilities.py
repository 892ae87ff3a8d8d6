"""CapabilityStatement, generated from what is declared: http://hl7.org/fhir/R4/capabilitystatement.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carethread import __version__
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.search.parameters import searchable, targets
from carethread.core.ports import Resource
from carethread.core.service import Operation, Service
from carethread.interactions.operations import GENERIC, operations_on
from carethread.interactions.patch import PATCH_FORMATS
from carethread.interactions.rest.table import SYSTEM_CODES, TYPE_CODES
from carethread.interactions.searching.answerable import kept

BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
"""What a server with `$export` says that it is an instance of: http://hl7.org/fhir/uv/bulkdata."""

_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport"
SUBSCRIPTIONS = f"{_BACKPORT}/CapabilityStatement/backport-subscription-server-r4"
"""What a server with topics says that it is an instance of."""

TOPIC = f"{_BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
"""The extension by which a server tells the topics that can be subscribed to, for R4 has no SubscriptionTopic."""

_SECURITY = {
    "cors": False,
    "description": "No authentication and no authorization is configured: whoever reaches the server may do "
    "everything. Let only those reach it who may.",
}

_ACROSS_TYPES = (
    ("_type", "token", "Which types a search of all types is on."),
    ("_list", "special", "The items of a List, by its id."),
    ("_has", "special", "Reverse chains, as _has:Observation:patient:code=..."),
)
"""Search parameters that R4 describes but has no SearchParameter for: http://hl7.org/fhir/R4/search.html."""


def capability_statement(services: Sequence[Service], base_url: str, context: Context) -> Resource:
    """What the given services do together at one base URL."""
    types = {type_.name: service for service in services for type_ in service.types}
    referring = _referring({name for service in services for name in kept(service)}, types)
    system = [operation for operation in GENERIC if "system" in operation.levels]
    guides = [BULK_DATA] if any(operation.name == "export" for operation in system) else []
    guides += [SUBSCRIPTIONS] if any(service.topics for service in services) else []
    return {
        "resourceType": "CapabilityStatement",
        "name": "CareThread",
        "title": "CareThread",
        "status": "active",
        "date": instant(to_micros(context.clock())),
        "kind": "instance",
        **({"instantiates": guides} if guides else {}),
        "software": {"name": "CareThread", "version": __version__},
        "implementation": {"description": "; ".join(f"{s.name}: {s.about}" for s in services), "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "security": _SECURITY,
                "resource": [_resource(name, types[name], services, referring.get(name, ())) for name in sorted(types)],
                "interaction": [{"code": code} for code in SYSTEM_CODES],
                "searchParam": [
                    {"name": name, "type": type_, "documentation": said} for name, type_, said in _ACROSS_TYPES
                ],
                "operation": [_operation(operation) for operation in system],
                "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            }
        ],
    }


def _referring(sources: Iterable[str], types: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """By type, the parameters of the sources (`Type:code`) that can refer to it."""
    found: dict[str, list[str]] = {}
    for source in sorted(sources):
        for code, parameter in sorted(searchable(source).items()):
            for target in (targets(source, parameter) or types) if parameter.type == "reference" else ():
                found.setdefault(target, []).append(f"{source}:{code}")
    return found


def _resource(name: str, service: Service, services: Sequence[Service], referring: Sequence[str]) -> Resource:
    parameters = searchable(name)
    includes = [f"{name}:{code}" for code, parameter in sorted(parameters.items()) if parameter.type == "reference"]
    found: Resource = {
        "type": name,
        "interaction": [{"code": code} for code in TYPE_CODES],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical"],
    }
    declared = service.owns(name)
    if declared and declared.profile:
        found["supportedProfile"] = [declared.profile]
    if name == "Subscription" and service.topics:
        found["extension"] = [{"url": TOPIC, "valueCanonical": url} for url in service.topics]
    if includes:
        found["searchInclude"] = ["*", f"{name}:*", *includes]
    if referring:
        found["searchRevInclude"] = list(referring)
    found["searchParam"] = [
        {"name": code, "definition": parameter.url, "type": parameter.type}
        for code, parameter in sorted(parameters.items())
    ]
    found["operation"] = [_operation(operation) for operation, _ in operations_on(name, services)]
    return found


def _operation(operation: Operation) -> Resource:
    return {"name": operation.name, "definition": operation.definition}
