"""The resources that our validator and the oracle are compared on: several thousand, the same in each run."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from carethread.core.fhir.definitions import resource_types
from carethread.core.service import Service
from support import known_differences, made, mutations, rule_cases
from support.mutations import Case

SHARED = Path(__file__).parents[3] / "shared"
EXAMPLES = SHARED / "official" / "r4-examples"
SYNTHEA = SHARED / "data" / "synthea"

_SMALL = 5_000
"""Bytes of an example that faults are put into; the oracle's time grows with them."""

_UNSUITABLE = {
    "bundle-questionnaire", "capabilitystatement-example", "codesystem-example", "devicemetric-example",
    "deviceusestatement-example", "implementationguide-example", "medicationdispense0301", "medicationrequest0301",
    "medicationstatementexample1", "operationdefinition-example", "structuredefinition-example-composition",
}  # fmt: skip
"""Examples that the oracle refuses as they are: a fault more would not show."""

_FAULTS, _STRUCTURE_FAULTS = 4, 12
_STRUCTURE = (
    "required element left out",
    "array for one value",
    "one value for an array",
    "empty array",
    "two types of a choice",
    "a type that the choice has not",
    "code outside a required set",
    "wrong reference target",
    "modifierExtension of a part",
    "modifierExtension of a data type",
)
"""Kinds of few ways, which get more resources each."""  # fmt: skip

_DRAWN = 850
_MADE, _MADE_OWNED = 3, 9
_OF_A_TYPE, _FILES = 2, 9


def examples() -> Iterator[Case]:
    """HL7's, as published."""
    for path in sorted(EXAMPLES.glob("*.json")):
        yield Case("HL7's examples", path.stem, _text(json.loads(path.read_bytes())))


def synthea() -> Iterator[Case]:
    """What an EHR sends: some entries of each type, from each of several people."""
    for path in sorted(SYNTHEA.glob("*.json.gz"))[:_FILES]:
        seen: Counter[str] = Counter()
        for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]:
            kind = entry["resource"]["resourceType"]
            seen[kind] += 1
            if seen[kind] <= _OF_A_TYPE:
                yield Case("Synthea's resources", f"{path.name}: {kind}", _text(entry["resource"]))


def single_faults(practice: list[dict[str, Any]]) -> Iterator[Case]:
    """One fault in an example of HL7's, or in one of the first resources of each type of the demo practice."""
    bases = []
    for path in sorted(EXAMPLES.glob("*.json")):
        if path.stem not in _UNSUITABLE and path.stat().st_size < _SMALL:
            resource = json.loads(path.read_bytes())
            resource.pop("text", None)
            bases.append(resource)
    seen: Counter[str] = Counter()
    for resource in practice:
        seen[resource["resourceType"]] += 1
        if seen[resource["resourceType"]] == 1 and len(_text(resource)) < _SMALL:
            bases.append(resource)
    yield from mutations.single_faults(bases, _FAULTS)
    yield from mutations.single_faults(bases, _STRUCTURE_FAULTS, _STRUCTURE)


def made_up(owned: list[str]) -> Iterator[Case]:
    """Every type with some of its elements, the owned types more often: each invariant is broken now and then."""
    for kind in sorted(resource_types()):
        for number in range(_MADE_OWNED if kind in owned else _MADE):
            chance = Random(f"{kind} {number}")
            resource = made.resource(chance, kind, chance.choice([0.15, 0.3, 0.5]))
            yield Case("made up from the definitions", f"{kind} {number}", _text(resource))


def owned_types(services: Iterable[Service]) -> list[str]:
    """The types that the services own; of the one that keeps everything else, the first, and what carries answers."""
    own = [type_.name for service in services if service.name != "records" for type_ in service.types]
    return [
        *own,
        "Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location", "Encounter",
        "Condition", "Observation", "ServiceRequest", "Provenance", "AuditEvent", "Bundle", "OperationOutcome",
        "CapabilityStatement", "Group", "List",
    ]  # fmt: skip


def everything(services: Iterable[Service], practice: list[dict[str, Any]]) -> list[Case]:
    """All of the above, what hypothesis makes, and texts that hardly are JSON."""
    owned = owned_types(services)
    return [
        *examples(),
        *synthea(),
        *single_faults(practice),
        *rule_cases.cases(),
        *known_differences.cases(),
        *made_up(owned),
        *mutations.drawn(owned, _DRAWN),
        *mutations.TEXTS,
    ]


def _text(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource).encode()
