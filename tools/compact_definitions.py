"""Compact HL7's published R4 definitions into the form that the package carries.

    python tools/compact_definitions.py FOLDER [TARGET]

FOLDER holds profiles-types, profiles-resources, valuesets, v3-codesystems, v2-tables, search-parameters and
compartmentdefinition-patient as `*.json.gz`; TARGET is `services/carethread/core/fhir/r4`. The output is deterministic.

`index.json`: fhirVersion; resources (concrete types); types (complex); primitives; valuesets (url -> id).

`types/<Type>.json`: name; kind (resource, complex-type, primitive-type); base; abstract (if true); regex (primitives);
i (invariants that the type adds to those of its base); parts: path of the part inside the type ("" is the type itself,
"participant" its backbone element) -> element name -> element:
    t   type code -> target types of a Reference or canonical ([] any); `value[x]` has one entry per allowed type;
        `Resource` stands for any resource; absent when r is there
    n   min, when not 0                 x   max, when not "1"
    s   1 when isSummary                m   1 when isModifier
    b   [binding strength, value set URL without version, maximum value set URL where there is one]
    r   contentReference: the path of the part that it repeats
    p   the type's constraining profile by name: SimpleQuantity
    i   invariants, each [key, severity, expression, human]

`valuesets/<id>.json`, one per required, extensible, preferred or maximum binding: url; all (code systems that it holds
whole), codes (code system URL -> codes), open (code systems of which it has members that are not known here), or
grammar (bcp-13, bcp-47, iso-4217, ucum) where its members cannot be enumerated.

`codesystems/<group>.json`, the groups being those of `compact_terminology.py`: code system URL -> its codes.

`extensions/<id>.json`, one per extension of HL7's, by `compact_extensions.py`; `extensions.json`: their URLs -> ids.

`search/<Type>.json`: parameters of the type and those of its bases, sorted by code: code, type, url,
expression (the part for this type), target, usage (xpathUsage where it is not normal: phonetic, nearby...), component
(definition, code, type, expression).

`compartment-patient.json`: type -> parameters that make a resource part of a patient's compartment.

The files that circulate carry elements and targets that HL7 never published in 4.0.1; the tables below take them back,
each checked against HL7's own XML. Kept are two corrected invariants (app-4, bdl-8) that HL7 published with a slip.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compact_extensions import bindings, compact
from compact_terminology import code_systems, expand

HL7 = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = HL7 + "structuredefinition-fhir-type"
REGEX = HL7 + "regex"
MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"

FILES = ("profiles-types", "profiles-resources", "valuesets", "v3-codesystems", "v2-tables", "search-parameters")

FOREIGN_PARAMETERS = {"DetectedIssue-status", "DeviceDefinition-classification", "ServiceRequest-order-detail"}

FOREIGN_ELEMENTS = {
    "Meta": ("project", "author", "onBehalfOf", "account", "accounts", "compartment"),
    "Binary": ("url",),
    "DeviceDefinition": ("bodySite", "classification"),
    "ObservationDefinition": ("publisher",),
    "ResearchStudy": (
        *("associatedParty", "classifier", "comparisonGroup", "descriptionSummary", "label", "name", "outcomeMeasure"),
        *("progressStatus", "recruitment", "region", "result", "studyDesign", "whyStopped", "objective.description"),
    ),
    "EvidenceVariable": (
        *("characteristic.linkId", "characteristic.note", "characteristic.definitionReference"),
        *("characteristic.definitionCanonical", "characteristic.definitionCodeableConcept"),
        *(
            "characteristic.definitionExpression",
            "characteristic.definitionId",
            "characteristic.definitionByTypeAndValue",
        ),
        *("characteristic.definitionByCombination", "characteristic.instances[x]", "characteristic.duration[x]"),
        "characteristic.timeFromEvent",
    ),
}

CORRECTIONS: dict[str, dict[str, Any]] = {
    "AuditEvent.source.observer": {
        "t": {"Reference": ["PractitionerRole", "Practitioner", "Organization", "Device", "Patient", "RelatedPerson"]}
    },
    "Bundle.entry.response.outcome": {"t": {"Resource": []}},
    "DetectedIssue.status": {"b": ["required", "http://hl7.org/fhir/ValueSet/observation-status"]},
    "MeasureReport.subject": {
        "t": {
            "Reference": [
                *("Patient", "Practitioner", "PractitionerRole", "Location", "Device", "RelatedPerson", "Group"),
            ]
        }
    },
    "ResearchStudy.site": {"t": {"Reference": ["Location"]}},
    "EvidenceVariable.characteristic": {"n": 1, "i": None},
    "EvidenceVariable.characteristic.description": {"t": {"string": []}},
    "EvidenceVariable.characteristic.definition[x]": {
        "t": {
            "Reference": ["Group"],
            "canonical": ["ActivityDefinition"],
            "CodeableConcept": [],
            "Expression": [],
            "DataRequirement": [],
            "TriggerDefinition": [],
        },
        "n": 1,
        "s": 1,
    },
    "EvidenceVariable.characteristic.usageContext": {"t": {"UsageContext": []}, "x": "*"},
    "EvidenceVariable.characteristic.participantEffective[x]": {
        "t": {"dateTime": [], "Period": [], "Duration": [], "Timing": []}
    },
    "EvidenceVariable.characteristic.timeFromStart": {"t": {"Duration": []}},
    "EvidenceVariable.characteristic.groupMeasure": {
        "t": {"code": []},
        "b": ["required", "http://hl7.org/fhir/ValueSet/group-measure"],
    },
}
PARAMETER_TARGETS = {
    "MeasureReport-subject": [
        *("Device", "Group", "Location", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"),
    ]
}


def main(folder: Path, target: Path) -> None:
    resources = [r for name in FILES for r in read(folder / f"{name}.json.gz")]
    definitions = [
        r for r in resources if r["resourceType"] == "StructureDefinition" and r.get("fhirVersion") == "4.0.1"
    ]
    types = {d["name"]: compact_type(d) for d in definitions if d["kind"] != "logical"}
    by_url = {r["url"]: r for r in resources if r["resourceType"] in ("ValueSet", "CodeSystem")}
    extensions = {e["id"]: e for e in read(folder / "extension-definitions.json.gz")}
    needed = {url for extension in extensions.values() for url in bindings(extension)}
    value_sets = dict(sorted(expand_all(types, needed, by_url)))
    parameters = [r for r in resources if r["resourceType"] == "SearchParameter" and r["id"] not in FOREIGN_PARAMETERS]

    for name in ("types", "valuesets", "codesystems", "extensions", "search"):
        shutil.rmtree(target / name, ignore_errors=True)
        (target / name).mkdir(parents=True)
    for name, definition in types.items():
        write(target / "types" / f"{name}.json", definition)
    for identifier, value_set in value_sets.items():
        write(target / "valuesets" / f"{identifier}.json", value_set)
    for identifier, extension_ in extensions.items():
        write(target / "extensions" / f"{identifier}.json", compact(extension_))
    write(target / "extensions.json", {e["url"]: i for i, e in extensions.items()})
    for group, systems in code_systems(by_url).items():
        write(target / "codesystems" / f"{group}.json", systems)
    concrete = sorted(n for n, d in types.items() if d["kind"] == "resource" and not d.get("abstract"))
    for name in concrete:
        bases = (name, "Resource", *(["DomainResource"] if types[name]["base"] == "DomainResource" else []))
        write(target / "search" / f"{name}.json", list(search_parameters(parameters, name, bases)))
    (compartment,) = read(folder / "compartmentdefinition-patient.json.gz")
    write(
        target / "compartment-patient.json",
        {r["code"]: r["param"] for r in compartment["resource"] if r.get("param")},
    )
    write(
        target / "index.json",
        {
            "fhirVersion": "4.0.1",
            "resources": concrete,
            "types": sorted(n for n, d in types.items() if d["kind"] == "complex-type"),
            "primitives": sorted(n for n, d in types.items() if d["kind"] == "primitive-type"),
            "valuesets": {v["url"]: i for i, v in value_sets.items()},
        },
    )


def read(path: Path) -> list[dict[str, Any]]:
    content = json.loads(gzip.decompress(path.read_bytes()))
    return [e["resource"] for e in content["entry"]] if content["resourceType"] == "Bundle" else [content]


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


# Types


def compact_type(definition: dict[str, Any]) -> dict[str, Any]:
    name = definition["name"]
    root = definition["snapshot"]["element"][0]
    compact: dict[str, Any] = {"name": name, "kind": definition["kind"]}
    if "baseDefinition" in definition:
        compact["base"] = tail(definition["baseDefinition"])
    if definition["abstract"]:
        compact["abstract"] = True
    if own := invariants(root, name):
        compact["i"] = own
    if definition["kind"] == "primitive-type":
        value = next(e for e in definition["snapshot"]["element"] if e["path"] == f"{name}.value")
        if regex := extension(value["type"][0], REGEX):
            compact["regex"] = regex
    compact["parts"] = parts(definition, name)
    return compact


def parts(definition: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    foreign = FOREIGN_ELEMENTS.get(name, ())
    found: dict[str, dict[str, Any]] = {"": {}}
    for element in definition["snapshot"]["element"][1:]:
        path = element["path"].split(".", 1)[1]
        if any(path == f or path.startswith(f + ".") for f in foreign):
            continue
        if definition["kind"] == "primitive-type" and path == "value":
            continue
        part, _, member = path.rpartition(".")
        found.setdefault(part, {})[member] = compact_element(element, name, definition["kind"] == "resource")
    for path, correction in CORRECTIONS.items():
        if path.startswith(name + "."):
            part, _, member = path.removeprefix(name + ".").rpartition(".")
            merged = {**found[part].get(member, {}), **correction}
            found[part][member] = {k: v for k, v in merged.items() if v is not None}
    return found


def compact_element(element: dict[str, Any], name: str, resource: bool) -> dict[str, Any]:
    compact: dict[str, Any] = {}
    if reference := element.get("contentReference"):
        compact["r"] = reference.removeprefix(f"#{name}.")
    else:
        compact["t"] = {type_code(t, element["path"], resource): targets(t) for t in element["type"]}
    if element["min"]:
        compact["n"] = element["min"]
    if element["max"] != "1":
        compact["x"] = element["max"]
    if element.get("isSummary"):
        compact["s"] = 1
    if element.get("isModifier"):
        compact["m"] = 1
    if "valueSet" in element.get("binding", {}):
        compact["b"] = binding(element["binding"])
    if profiles := [p for t in element.get("type", []) for p in t.get("profile", [])]:
        compact["p"] = tail(profiles[0])
    if own := invariants(element, name):
        compact["i"] = own
    return compact


def type_code(element_type: dict[str, Any], path: str, resource: bool) -> str:
    """The FHIR type; ids and urls are declared by FHIRPath's System types, with the FHIR type in an extension.

    For Resource.id that extension says string, a known slip of 4.0.1: it is an id.
    """
    if resource and path.count(".") == 1 and path.endswith(".id"):
        return "id"
    return str(extension(element_type, FHIR_TYPE) or element_type["code"])


def targets(element_type: dict[str, Any]) -> list[str]:
    found = [tail(p) for p in element_type.get("targetProfile", [])]
    return [] if "Resource" in found else found


def binding(declared: dict[str, Any]) -> list[str]:
    compact = [declared["strength"], unversioned(declared["valueSet"])]
    if maximum := extension(declared, MAX_VALUE_SET):
        compact.append(unversioned(maximum))
    return compact


def invariants(element: dict[str, Any], name: str) -> list[list[str]]:
    """Those that the element itself declares; what comes from Element, Extension or a base is in that type's file."""
    return [
        [c["key"], c["severity"], c["expression"], c["human"]]
        for c in element.get("constraint", [])
        if "expression" in c and c.get("source", HL7 + name) == HL7 + name
    ]


# Value sets


def expand_all(
    types: dict[str, dict[str, Any]], needed: set[str], by_url: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    bound = [e["b"] for t in types.values() for p in t["parts"].values() for e in p.values() if "b" in e]
    needed |= {b[1] for b in bound if b[0] != "example"} | {b[2] for b in bound if len(b) > 2}
    for url in sorted(needed):
        declared = by_url.get(url, {"id": tail(url), "compose": {"include": [{"system": url}]}})
        yield declared["id"], {"url": url, **expand(declared.get("compose", {}), by_url)}


# Search parameters


def search_parameters(parameters: list[dict[str, Any]], name: str, bases: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    by_url = {p["url"]: p for p in parameters}
    for parameter in sorted(parameters, key=lambda p: str(p["code"])):
        base = next((b for b in bases if b in parameter["base"]), None)
        if base is None:
            continue
        compact: dict[str, Any] = {"code": parameter["code"], "type": parameter["type"], "url": parameter["url"]}
        if "expression" in parameter:
            compact["expression"] = for_type(parameter["expression"], base, name)
        if target := PARAMETER_TARGETS.get(parameter["id"], parameter.get("target")):
            compact["target"] = sorted(target)
        if parameter.get("xpathUsage", "normal") != "normal":
            compact["usage"] = parameter["xpathUsage"]
        if "component" in parameter:
            compact["component"] = [
                {
                    "definition": c["definition"],
                    "code": by_url[c["definition"]]["code"],
                    "type": by_url[c["definition"]]["type"],
                    "expression": c["expression"],
                }
                for c in parameter["component"]
            ]
        yield compact


def for_type(expression: str, base: str, name: str) -> str:
    """The members of a union that start from `base`, rewritten to start from `name`; some start from no type at all."""
    kept = []
    for part in union(expression):
        first = part.lstrip("(").split(".", 1)[0]
        if first == base:
            kept.append(part.replace(base, name, 1))
        elif first[0].islower():
            kept.append(f"{name}.{part}")
    return " | ".join(kept)


def union(expression: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            yield expression[start:at].strip()
            start = at + 1
    yield expression[start:].strip()


# Names


def tail(url: str) -> str:
    return url.rpartition("/")[2]


def unversioned(url: str) -> str:
    return url.partition("|")[0]


def extension(element: dict[str, Any], url: str) -> str | None:
    for entry in element.get("extension", []):
        if entry["url"] == url:
            return str(next(v for k, v in entry.items() if k.startswith("value")))
    return None


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    default = here / "services" / "carethread" / "core" / "fhir" / "r4"
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else default)
