"""CapabilityStatement, generated from what is declared: http://hl7.org/fhir/R4/capabilitystatement.html."""

from __future__ import annotations

from collections.abc import Sequence

from carethread import __version__
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.search.parameters import searchable
from carethread.core.ports import Resource
from carethread.core.service import Service

_INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "create", "search-type")


def capability_statement(services: Sequence[Service], base_url: str, context: Context) -> Resource:
    """What the given services do together at one base URL."""
    types = {type_.name: service for service in services for type_ in service.types}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(to_micros(context.clock())),
        "kind": "instance",
        "software": {"name": "CareThread", "version": __version__},
        "implementation": {"description": "; ".join(f"{s.name}: {s.about}" for s in services), "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(name, types[name]) for name in sorted(types)],
                "interaction": [{"code": "batch"}, {"code": "transaction"}],
            }
        ],
    }


def _resource(name: str, service: Service) -> Resource:
    parameters = searchable(name)
    includes = [f"{name}:{code}" for code, parameter in sorted(parameters.items()) if parameter.type == "reference"]
    found: Resource = {
        "type": name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
    }
    if includes:
        found["searchInclude"] = includes
    found["searchParam"] = [
        {"name": code, "definition": parameter.url, "type": parameter.type}
        for code, parameter in sorted(parameters.items())
    ]
    operations = [o for o in service.operations if o.type == name]
    if operations:
        found["operation"] = [{"name": o.name, "definition": o.definition} for o in operations]
    return found
