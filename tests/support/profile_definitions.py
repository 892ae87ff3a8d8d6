"""Small profiles, one for each thing that a profile can ask."""

from __future__ import annotations

from functools import partial
from typing import Any

from carethread.core.fhir.profiles import Library

HL7 = "http://hl7.org/fhir/StructureDefinition/"
BASE = "urn:example:profile:"
SYSTEM = "urn:example:codes"

Definition = dict[str, Any]


def element(identifier: str, **rules: Any) -> Definition:
    """An ElementDefinition from its id."""
    steps = identifier.split(".")
    named = {"sliceName": steps[-1].partition(":")[2]} if ":" in steps[-1] else {}
    return {"id": identifier, "path": ".".join(step.partition(":")[0] for step in steps), **named, **rules}


def profile(name: str, kind: str, *elements: Definition, base: str | None = None, **more: Any) -> Definition:
    """A StructureDefinition of type `kind` with a differential."""
    is_resource = kind[0].isupper() and kind not in ("Extension", "Identifier", "Period")
    return {
        "resourceType": "StructureDefinition",
        "url": BASE + name,
        "name": name,
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "resource" if is_resource else "complex-type",
        "abstract": False,
        "type": kind,
        "baseDefinition": base or HL7 + kind,
        "derivation": "constraint",
        **more,
        "differential": {"element": [element(kind), *elements]},
    }


def extension(name: str, *elements: Definition, context: str = "Patient", kind: str = "element") -> Definition:
    """An extension's StructureDefinition."""
    url = element("Extension.url", fixedUri=BASE + name)
    context_ = [{"type": kind, "expression": context}]
    return profile(name, "Extension", *[e for e in elements if e["path"] < "Extension.url"], url,
                   *[e for e in elements if e["path"] > "Extension.url"], context=context_)  # fmt: skip


def sliced(identifier: str, kind: str, path: str, rules: str = "open", **more: Any) -> Definition:
    """An element that is sliced by one discriminator."""
    slicing = {"discriminator": [{"type": kind, "path": path}], "rules": rules, **more.pop("slicing", {})}
    return element(identifier, slicing=slicing, **more)


def of_type(code: str, *profiles: str) -> list[Definition]:
    return [{"code": code, **({"profile": [BASE + name for name in profiles]} if profiles else {})}]


def concept(*codes: str, system: str = SYSTEM) -> Definition:
    return {"coding": [{"system": system, "code": code} for code in codes]}


PROFILES: list[Definition] = [
    profile(
        "numbers",
        "Patient",
        element("Patient.identifier", min=1, max="2"),
        element("Patient.active", fixedBoolean=False),
        element("Patient.name", max="0"),
        element("Patient.deceased[x]", type=of_type("dateTime")),
        element("Patient.contact.name", min=1),
    ),
    profile(
        "values",
        "Observation",
        element("Observation.status", fixedCode="final"),
        element("Observation.code", patternCodeableConcept=concept("pulse")),
        element("Observation.value[x]", min=1, type=of_type("Quantity")),
        element("Observation.value[x].unit", min=1),
        element("Observation.method", fixedCodeableConcept={"text": "by hand"}),
    ),
    profile(
        "bound",
        "Observation",
        element("Observation.code", binding={"strength": "required", "valueSet": "urn:example:set"}),
        element("Observation.method", binding={"strength": "extensible", "valueSet": "urn:example:set"}),
        element("Observation.bodySite", binding={"strength": "preferred", "valueSet": "urn:example:set"}),
    ),
    profile("referring", "Observation", element(
        "Observation.subject", min=1, type=[{"code": "Reference", "targetProfile": [HL7 + "Patient"]}])),
    profile(
        "by-value",
        "Patient",
        sliced("Patient.identifier", "value", "system", "closed", min=1),
        element("Patient.identifier:number", min=1, max="1"),
        element("Patient.identifier:number.system", min=1, fixedUri="urn:example:number"),
        element("Patient.identifier:number.value", min=1),
        element("Patient.identifier:other", max="1"),
        element("Patient.identifier:other.system", min=1, fixedUri="urn:example:other"),
    ),
    profile(
        "narrower",
        "Patient",
        element("Patient.identifier", max="3"),
        element("Patient.identifier:number"),
        element("Patient.identifier:number.period", min=1),
        base=BASE + "by-value",
    ),
    profile(
        "at-end",
        "Patient",
        sliced("Patient.telecom", "value", "system", "openAtEnd", slicing={"ordered": True}),
        element("Patient.telecom:phone"),
        element("Patient.telecom:phone.system", min=1, fixedCode="phone"),
        element("Patient.telecom:mail"),
        element("Patient.telecom:mail.system", min=1, fixedCode="email"),
    ),
    profile(
        "by-pattern",
        "Observation",
        sliced("Observation.category", "pattern", "$this", min=1),
        element("Observation.category:vital", min=1, max="1", patternCodeableConcept=concept("vital")),
        sliced("Observation.component", "pattern", "code"),
        element("Observation.component:high", min=1, max="1"),
        element("Observation.component:high.code", patternCodeableConcept=concept("high")),
        element("Observation.component:high.value[x]", min=1, type=of_type("Quantity")),
    ),
    profile(
        "by-type",
        "Observation",
        sliced("Observation.value[x]", "type", "$this", slicing={"ordered": False}),
        element("Observation.value[x]:valueQuantity", min=0, max="1", type=of_type("Quantity")),
        element("Observation.value[x]:valueQuantity.unit", min=1),
    ),
    profile(
        "by-existence",
        "Patient",
        sliced("Patient.name", "exists", "period"),
        element("Patient.name:former"),
        element("Patient.name:former.use", min=1),
        element("Patient.name:former.period", min=1),
        element("Patient.name:current"),
        element("Patient.name:current.text", min=1),
        element("Patient.name:current.period", max="0"),
    ),
    profile(
        "by-target",
        "Observation",
        sliced("Observation.performer", "type", "resolve()"),
        element("Observation.performer:patient", max="1",
                type=[{"code": "Reference", "targetProfile": [HL7 + "Patient"]}]),
    ),
    profile(
        "by-entry",
        "Bundle",
        sliced("Bundle.entry", "type", "resource"),
        element("Bundle.entry:patient", min=1, max="1"),
        element("Bundle.entry:patient.fullUrl", min=1),
        element("Bundle.entry:patient.resource", min=1, type=of_type("Patient")),
    ),
    profile(
        "ruled",
        "Patient",
        element("Patient.name", constraint=[{
            "key": "x-1", "severity": "error", "human": "A name has a family name or a text.",
            "expression": "family.exists() or text.exists()"}]),
        element("Patient.contact", constraint=[{
            "key": "x-2", "severity": "error", "human": "A contact is of the patient's gender.",
            "expression": "gender.empty() or gender = %resource.gender"}]),
    ),
    profile("questions", "Questionnaire", element("Questionnaire.item.text", min=1)),
    profile("known-number", "Identifier", element("Identifier.system", min=1), element("Identifier.value", min=1)),
    profile("numbered", "Patient", element("Patient.identifier", type=of_type("Identifier", "known-number"))),
    profile(
        "extended",
        "Patient",
        element("Patient.extension:colour", min=1, max="1", type=of_type("Extension", "colour")),
        element("Patient.birthDate.extension:doubt", min=1, type=of_type("Extension", "doubt")),
    ),
    profile(
        "by-nested-value",
        "Observation",
        sliced("Observation.component", "value", "code.coding.code"),
        element("Observation.component:red"),
        element("Observation.component:red.code.coding.code", min=1, fixedCode="red"),
        element("Observation.component:red.value[x]", min=1),
    ),
    profile(
        "by-part-of-a-pattern",
        "Observation",
        sliced("Observation.component", "value", "code.coding.code"),
        element("Observation.component:red"),
        element("Observation.component:red.code", patternCodeableConcept=concept("red")),
        element("Observation.component:red.value[x]", min=1),
    ),
    profile(
        "by-binding",
        "Patient",
        sliced("Patient.name", "value", "use"),
        element("Patient.name:former"),
        element("Patient.name:former.use", min=1, binding={"strength": "required", "valueSet": "urn:example:uses"}),
        element("Patient.name:former.period", min=1),
    ),
    profile(
        "by-extension",
        "Patient",
        sliced("Patient.name", "exists", f"extension('{BASE}mark')"),
        element("Patient.name:marked"),
        element("Patient.name:marked.extension", min=1, slicing={
            "discriminator": [{"type": "value", "path": "url"}], "rules": "open"}),
        element("Patient.name:marked.extension:mark", min=1, max="1", type=of_type("Extension", "mark")),
        element("Patient.name:marked.text", min=1),
        element("Patient.name:plain"),
        element("Patient.name:plain.extension", slicing={
            "discriminator": [{"type": "value", "path": "url"}], "rules": "open"}),
        element("Patient.name:plain.extension:mark", max="0", type=of_type("Extension", "mark")),
    ),
    extension("mark", element("Extension.value[x]", min=1, type=of_type("code")), context="HumanName"),
    {key: value for key, value in profile("snapshot-only", "Patient").items() if key != "differential"}
    | {"snapshot": {"element": [
        element("Patient", min=0, max="*"), element("Patient.id", min=0, max="1", type=[
            {"code": "http://hl7.org/fhirpath/System.String"}]), element("Patient.meta", min=0, max="1"),
        element("Patient.gender", min=1, max="1", type=of_type("code"))]}},
    profile("maximum", "Observation", element("Observation.method", binding={
        "strength": "extensible", "valueSet": "urn:example:set",
        "extension": [{"url": HL7 + "elementdefinition-maxValueSet", "valueCanonical": "urn:example:set"}]})),
    profile("included", "Observation", element("Observation.method", binding={
        "strength": "required", "valueSet": "urn:example:but"})),
    profile("two-types", "Observation", element(
        "Observation.value[x]", type=[*of_type("Quantity"), *of_type("string")])),
    profile("narrowed-value", "Patient", element("Patient.identifier.use", fixedCode="usual")),
    profile(
        "inner-slices",
        "Observation",
        sliced("Observation.component.code.coding", "value", "code"),
        element("Observation.component.code.coding:high", min=1),
        element("Observation.component.code.coding:high.code", min=1, fixedCode="high"),
    ),
    extension("colour", element("Extension.extension", max="0"),
              element("Extension.value[x]", min=1, type=of_type("code"),
                      binding={"strength": "required", "valueSet": "urn:example:set"})),
    extension("doubt", element("Extension.value[x]", min=1, type=of_type("boolean")), context="date"),
    extension("on-names", element("Extension.value[x]", min=1, type=of_type("string")), context="HumanName.family"),
    extension(
        "stay",
        element("Extension.extension:from", min=1, max="1"),
        element("Extension.extension:from.extension", max="0"),
        element("Extension.extension:from.url", fixedUri="from"),
        element("Extension.extension:from.value[x]", min=1, type=of_type("date")),
        element("Extension.extension:where", min=0, max="1"),
        element("Extension.extension:where.extension", max="0"),
        element("Extension.extension:where.url", fixedUri="where"),
        element("Extension.extension:where.value[x]", min=1, type=of_type("string")),
        element("Extension.value[x]", max="0"),
    ),
]  # fmt: skip

TERMINOLOGY: list[Definition] = [
    {"resourceType": "CodeSystem", "url": SYSTEM, "name": "Codes", "status": "active", "content": "complete",
     "concept": [{"code": code} for code in ("pulse", "vital", "high", "red", "blue")]},
    {"resourceType": "ValueSet", "url": "urn:example:set", "name": "Set", "status": "active",
     "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "pulse"}, {"code": "red"}]}]}},
    {"resourceType": "ValueSet", "url": "urn:example:but", "name": "But", "status": "active",
     "compose": {"include": [{"valueSet": ["urn:example:set"]}],
                 "exclude": [{"system": SYSTEM, "concept": [{"code": "pulse"}]}]}},
    {"resourceType": "ValueSet", "url": "urn:example:uses", "name": "Uses", "status": "active",
     "compose": {"include": [
         {"system": "http://hl7.org/fhir/name-use", "concept": [{"code": "old"}, {"code": "maiden"}]}]}},
]  # fmt: skip

LIBRARY = Library(lambda: [partial(Definition, each) for each in (*PROFILES, *TERMINOLOGY)])
