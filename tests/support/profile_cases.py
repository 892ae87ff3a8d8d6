"""Resources that meet the small profiles or not.

`CASES` is a table: the resource, and what is to be found in it as (code, expression); nothing, where it is valid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from support.profile_definitions import BASE, HL7, Definition, concept


class Case(NamedTuple):
    """One resource, and the (code, expression) of each error expected."""

    name: str
    resource: Definition
    expected: tuple[tuple[str, str], ...] = ()


def patient(*profiles: str, **members: Any) -> Definition:
    return made("Patient", *profiles, **members)


def observation(*profiles: str, **members: Any) -> Definition:
    return made("Observation", *profiles, **{"status": "final", "code": concept("pulse"), **members})


def made(kind: str, *profiles: str, **members: Any) -> Definition:
    claim = {"meta": {"profile": [BASE + name for name in profiles]}} if profiles else {}
    return {"resourceType": kind, **claim, **members}


def question(kind: str, name: str = "unitOption", **value: Any) -> Definition:
    """A Questionnaire with one item that has an extension of HL7's for questionnaires."""
    value = value or {"valueCoding": {"display": "x"}}
    item = {"extension": [{"url": HL7 + "questionnaire-" + name, **value}], "linkId": "1", "text": "x", "type": kind}
    return made("Questionnaire", status="draft", item=[item])


def extended(name: str, **value: Any) -> Definition:
    return {"url": BASE + name, **value}


NUMBER = {"system": "urn:example:number", "value": "1"}
OTHER = {"system": "urn:example:other", "value": "1"}
SPAN = {"start": "2031-01-01"}
PHONE, MAIL, FAX = ({"system": system, "value": "1"} for system in ("phone", "email", "fax"))
QUANTITY = {"value": 60, "unit": "a minute"}
HIGH = {"code": concept("high"), "valueQuantity": QUANTITY}
COLOUR = extended("colour", valueCode="red")
DOUBT = {"extension": [extended("doubt", valueBoolean=True)]}


def entry(resource: Definition, url: str | None = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520") -> Definition:
    return {**({"fullUrl": url} if url else {}), "resource": resource}


CASES = [
    Case("numbers", patient("numbers", identifier=[NUMBER], active=False, deceasedDateTime="2031")),
    Case("too-few", patient("numbers"), (("required", "Patient.identifier"),)),
    Case("too-many", patient("numbers", identifier=[NUMBER] * 3), (("structure", "Patient.identifier"),)),
    Case("forbidden", patient("numbers", identifier=[NUMBER], name=[{"text": "x"}]), (("structure", "Patient.name"),)),
    Case("fixed", patient("numbers", identifier=[NUMBER], active=True), (("value", "Patient.active"),)),
    Case("wrong-type", patient("numbers", identifier=[NUMBER], deceasedBoolean=True),
         (("structure", "Patient.deceased"),)),
    Case("inner-missing", patient("numbers", identifier=[NUMBER], contact=[
        {"name": {"text": "x"}}, {"telecom": [PHONE]}]), (("required", "Patient.contact[1].name"),)),
    Case("values", observation("values", code=concept("vital", "pulse"), valueQuantity=QUANTITY,
                               method={"text": "by hand"})),
    Case("pattern", observation("values", code=concept("vital"), valueQuantity=QUANTITY),
         (("value", "Observation.code"),)),
    Case("fixed-code", observation("values", status="amended", valueQuantity=QUANTITY),
         (("value", "Observation.status"),)),
    Case("fixed-is-more-than-a-pattern", observation(
        "values", valueQuantity=QUANTITY, method={"text": "by hand", "coding": [{"code": "x"}]}),
         (("value", "Observation.method"),)),
    Case("choice-missing", observation("values"), (("required", "Observation.value"),)),
    Case("choice-of-another-type", observation("values", valueString="x"), (("structure", "Observation.value"),)),
    Case("inside-a-choice", observation("values", valueQuantity={"value": 1}),
         (("required", "Observation.value.unit"),)),
    Case("bound", observation("bound", method=concept("red"))),
    Case("required-binding", observation("bound", code=concept("vital")), (("code-invalid", "Observation.code"),)),
    Case("required-binding-asks-for-a-code", observation("bound", code={"text": "x"}),
         (("code-invalid", "Observation.code"),)),
    Case("extensible-binding-is-a-warning", observation("bound", method=concept("blue"))),
    Case("preferred-binding-is-a-warning", observation("bound", bodySite=concept("blue"))),
    Case("reference", observation("referring", subject={"reference": "Patient/1"})),
    Case("contained-target", observation("referring", subject={"reference": "#p"},
                                         contained=[{"resourceType": "Patient", "id": "p", "active": True}])),
    Case("wrong-contained-target", observation(
        "referring", subject={"reference": "#g"},
        contained=[{"resourceType": "Group", "id": "g", "type": "person", "actual": True}]),
         (("value", "Observation.subject.reference"),)),
    Case("slice-by-value", patient("by-value", identifier=[NUMBER, OTHER])),
    Case("slice-missing", patient("by-value", identifier=[OTHER]), (("required", "Patient.identifier"),)),
    Case("slice-too-often", patient("by-value", identifier=[NUMBER, OTHER, OTHER]),
         (("structure", "Patient.identifier"),)),
    Case("closed", patient("by-value", identifier=[NUMBER, {"value": "1"}]), (("structure", "Patient.identifier[1]"),)),
    Case("inside-a-slice", patient("by-value", identifier=[OTHER, {"system": "urn:example:number"}]),
         (("required", "Patient.identifier[1].value"),)),
    Case("derived", patient("narrower", identifier=[NUMBER | {"period": SPAN}, OTHER])),
    Case("derived-narrows-a-slice", patient("narrower", identifier=[OTHER, NUMBER]),
         (("required", "Patient.identifier[1].period"),)),
    Case("derived-keeps-the-base", patient("narrower", identifier=[OTHER]), (("required", "Patient.identifier"),)),
    Case("open-at-end", patient("at-end", telecom=[PHONE, MAIL, FAX])),
    Case("ordered", patient("at-end", telecom=[MAIL, PHONE]), (("structure", "Patient.telecom[1]"),)),
    Case("slice-by-pattern", observation("by-pattern", category=[concept("red"), concept("high", "vital")],
                                         component=[HIGH, {"code": concept("red")}])),
    Case("slice-by-pattern-missing", observation("by-pattern", category=[concept("red")], component=[HIGH]),
         (("required", "Observation.category"),)),
    Case("inside-a-slice-by-pattern", observation(
        "by-pattern", category=[concept("vital")], component=[{"code": concept("high"), "valueString": "x"}]),
         (("structure", "Observation.component[0].value"),)),
    Case("slice-by-type", observation("by-type", valueQuantity=QUANTITY)),
    Case("slice-by-another-type", observation("by-type", valueString="x")),
    Case("inside-a-slice-by-type", observation("by-type", valueQuantity={"value": 1}),
         (("required", "Observation.value.unit"),)),
    Case("slice-by-existence", patient("by-existence", name=[{"use": "old", "period": SPAN}, {"text": "x"}])),
    Case("inside-slices-by-existence", patient("by-existence", name=[{"family": "x", "period": SPAN}, {"use": "old"}]),
         (("required", "Patient.name[0].use"), ("required", "Patient.name[1].text"))),
    Case("slice-by-entry", made("Bundle", "by-entry", type="collection", entry=[
        entry({"resourceType": "Patient", "active": True}), entry({"resourceType": "Basic", "code": {"text": "x"}},
                                                                  "urn:uuid:c757873d-ec9a-4326-a141-556f43239521")])),
    Case("slice-by-entry-missing", made("Bundle", "by-entry", type="collection", entry=[
        entry({"resourceType": "Basic", "code": {"text": "x"}})]), (("required", "Bundle.entry"),)),
    Case("rule", patient("ruled", gender="female", name=[{"text": "x"}], contact=[
        {"name": {"text": "x"}, "gender": "female"}])),
    Case("broken-rules", patient("ruled", gender="female", name=[{"text": "x"}, {"given": ["x"]}], contact=[
        {"name": {"text": "x"}, "gender": "male"}]),
         (("invariant", "Patient.name[1]"), ("invariant", "Patient.contact[0]"))),
    Case("questions", made("Questionnaire", "questions", status="draft", item=[
        {"linkId": "1", "text": "x", "type": "group", "item": [{"linkId": "2", "text": "x", "type": "string"}]}])),
    Case("question-without-text", made("Questionnaire", "questions", status="draft", item=[
        {"linkId": "1", "type": "string"}]), (("required", "Questionnaire.item[0].text"),)),
    Case("inner-question-without-text", made("Questionnaire", "questions", status="draft", item=[
        {"linkId": "1", "text": "x", "type": "group", "item": [{"linkId": "2", "type": "string"}]}]), ()),
    Case("slice-by-nested-value", observation("by-nested-value", component=[
        {"code": concept("red"), "valueQuantity": QUANTITY}, {"code": concept("blue")}])),
    Case("inside-a-slice-by-nested-value", observation("by-nested-value", component=[{"code": concept("red")}]),
         (("required", "Observation.component[0].value"),)),
    Case("slice-by-binding", patient("by-binding", maritalStatus={"text": "x"}, name=[{"use": "old", "period": SPAN}])),
    Case("inside-a-slice-by-binding", patient("by-binding", name=[{"use": "usual"}, {"use": "old"}]),
         (("required", "Patient.name[1].period"),)),
    Case("slice-by-extension", patient("by-extension", name=[
        {"text": "x", "extension": [extended("mark", valueCode="red")]}, {"use": "old"}])),
    Case("inside-a-slice-by-extension", patient("by-extension", name=[
        {"use": "old", "extension": [extended("mark", valueCode="red")]}]), (("required", "Patient.name[0].text"),)),
    Case("snapshot-only", patient("snapshot-only", gender="male")),
    Case("snapshot-only-missing", patient("snapshot-only"), (("required", "Patient.gender"),)),
    Case("maximum-set", observation("maximum", method=concept("red"))),
    Case("outside-the-maximum-set", observation("maximum", method=concept("blue")),
         (("code-invalid", "Observation.method"),)),
    Case("included-set", observation("included", method=concept("red"))),
    Case("outside-the-included-set", observation("included", method=concept("pulse")),
         (("code-invalid", "Observation.method"),)),
    Case("two-types", observation("two-types", valueString="x")),
    Case("neither-of-two-types", observation("two-types", valueBoolean=True), (("structure", "Observation.value"),)),
    Case("narrowed-value", patient("narrowed-value", identifier=[{"use": "usual", "system": "urn:example:a"}])),
    Case("fixed-period", patient("narrowed-value", identifier=[{"use": "old", "system": "urn:example:a"}]),
         (("value", "Patient.identifier[0].use"),)),
    Case("inner-slices", observation("inner-slices", component=[
        {"code": concept("high"), "valueQuantity": QUANTITY}, {"code": concept("high", "red")}])),
    Case("inner-slices-missing", observation("inner-slices", component=[
        {"code": concept("high", "red")}, {"code": concept("red")}]),
         (("required", "Observation.component[1].code.coding"),)),
    Case("type-with-a-profile", patient("numbered", identifier=[NUMBER])),
    Case("type-with-a-profile-not-met", patient("numbered", identifier=[NUMBER, {"value": "1"}]),
         (("required", "Patient.identifier[1].system"),)),
    Case("extended", patient("extended", extension=[COLOUR], birthDate="1980-01-01", _birthDate=DOUBT)),
    Case("extension-missing", patient("extended", birthDate="1980-01-01", _birthDate=DOUBT),
         (("required", "Patient.extension"),)),
    Case("extension-of-a-primitive-missing", patient("extended", extension=[COLOUR], birthDate="1980-01-01"),
         (("required", "Patient.birthDate.extension"),)),
    Case("extension-twice", patient("extended", extension=[COLOUR, COLOUR]), (("structure", "Patient.extension"),)),
    Case("extension-of-another-type", patient(extension=[extended("colour", valueString="red")]),
         (("structure", "Patient.extension[0].value"),)),
    Case("extension-without-value", patient(extension=[extended("colour", extension=[COLOUR])]),
         (("structure", "Patient.extension[0].extension"), ("required", "Patient.extension[0].value"),
          ("extension", "Patient.extension[0].extension[0]"))),
    Case("extension-outside-its-set", patient(extension=[extended("colour", valueCode="blue")]),
         (("code-invalid", "Patient.extension[0].value"),)),
    Case("extension-elsewhere", patient(name=[{"extension": [COLOUR]}]),
         (("extension", "Patient.name[0].extension[0]"),)),
    Case("extension-on-a-primitive", patient(name=[
        {"family": "x", "_family": {"extension": [extended("on-names", valueString="x")]}}])),
    Case("extension-on-another-primitive", patient(name=[
        {"text": "x", "_text": {"extension": [extended("on-names", valueString="x")]}}]),
         (("extension", "Patient.name[0].text.extension[0]"),)),
    Case("extension-in-a-contained-resource", observation(
        subject={"reference": "#p"},
        contained=[{"resourceType": "Patient", "id": "p", "extension": [extended("colour", valueCode="blue")]}]),
         (("code-invalid", "Observation.contained[0].extension[0].value"),)),
    Case("extension-as-modifier", patient(modifierExtension=[COLOUR]),
         (("extension", "Patient.modifierExtension[0]"),)),
    Case("nested-extension", patient(extension=[extended("stay", extension=[
        {"url": "from", "valueDate": "2031-01-01"}, {"url": "where", "valueString": "x"}])])),
    Case("nested-extension-missing", patient(extension=[extended("stay", extension=[
        {"url": "where", "valueString": "x"}])]), (("required", "Patient.extension[0].extension"),)),
    Case("nested-extension-of-another-type", patient(extension=[extended("stay", extension=[
        {"url": "from", "valueString": "x"}])]), (("structure", "Patient.extension[0].extension[0].value"),)),
    Case("hl7s-extension", patient(birthDate="1980-01-01", _birthDate={"extension": [
        {"url": HL7 + "patient-birthTime", "valueDateTime": "1980-01-01T10:00:00Z"}]})),
    Case("hl7s-extension-of-another-type", patient(_birthDate={"extension": [
        {"url": HL7 + "data-absent-reason", "valueString": "unknown"}]}),
         (("structure", "Patient.birthDate.extension[0].value"),)),
    Case("hl7s-extension-outside-its-set", patient(_birthDate={"extension": [
        {"url": HL7 + "data-absent-reason", "valueCode": "lost"}]}),
         (("code-invalid", "Patient.birthDate.extension[0].value"),)),
    Case("hl7s-extension-elsewhere", patient(name=[{"text": "x", "extension": [
        {"url": HL7 + "patient-birthPlace", "valueAddress": {"city": "x"}}]}]),
         (("extension", "Patient.name[0].extension[0]"),)),
    Case("hl7s-extension-anywhere", patient(extension=[{"url": HL7 + "originalText", "valueString": "x"}])),
    Case("context-invariant", question("quantity")),
    Case("broken-context-invariant", question("string"), (("extension", "Questionnaire.item[0].extension[0]"),)),
    Case("broken-context-invariant-of-the-extension", question("string", name="maxOccurs", valueInteger=2),
         (("extension", "Questionnaire.item[0].extension[0]"),)),
    Case("hl7s-nested-extension", patient(address=[{"extension": [{"url": HL7 + "geolocation", "extension": [
        {"url": "latitude", "valueDecimal": 1.5}, {"url": "longitude", "valueDecimal": 1.5}]}]}])),
    Case("hl7s-nested-extension-missing", patient(address=[{"extension": [{"url": HL7 + "geolocation", "extension": [
        {"url": "latitude", "valueDecimal": 1.5}]}]}]),
         (("required", "Patient.address[0].extension[0].extension"),)),
    Case("claimed-inside-a-bundle", {"resourceType": "Bundle", "type": "collection", "entry": [
        entry(patient("numbers"))]}, (("required", "Bundle.entry[0].resource.identifier"),)),
    Case("claimed-inside-a-resource", observation(subject={"reference": "#p"}, contained=[
        patient("numbers", id="p")]), (("required", "Observation.contained[0].identifier"),)),
    Case("claimed-by-another-type", made("Basic", "numbers", code={"text": "x"}),
         (("structure", "Basic.meta.profile[0]"),)),
    Case("base-type", {"resourceType": "Patient", "meta": {"profile": [HL7 + "Patient"]}, "active": True}),
    Case("base-of-another-type", {"resourceType": "Basic", "meta": {"profile": [HL7 + "Patient"]},
                                  "code": {"text": "x"}}, (("structure", "Basic.meta.profile[0]"),)),
    Case("two-profiles", patient("by-value", "numbered", identifier=[NUMBER, {"value": "1"}]),
         (("structure", "Patient.identifier[1]"), ("required", "Patient.identifier[1].system"))),
]  # fmt: skip

UNJUDGED = [
    Case("context-invariant-of-the-extension", question("string", name="maxOccurs", valueInteger=1)),
    Case("open-only-at-end", patient("at-end", telecom=[PHONE, FAX, MAIL]), (("structure", "Patient.telecom[2]"),)),
    Case("reference-to-another-type", observation("referring", subject={"reference": "Group/1"}),
         (("value", "Observation.subject.reference"),)),
    Case("slice-by-part-of-a-pattern", observation("by-part-of-a-pattern", component=[
        {"code": concept("blue", "red")}, {"code": concept("blue")}]),
         (("required", "Observation.component[0].value"),)),
    Case("slice-by-target", observation("by-target", performer=[
        {"reference": "Patient/1"}, {"reference": "Practitioner/1"}, {"reference": "Practitioner/2"}])),
    Case("slice-by-target-too-often", observation("by-target", performer=[
        {"reference": "Patient/1"}, {"reference": "Patient/2"}]), (("structure", "Observation.performer"),)),
]  # fmt: skip
"""What the oracle does not look at: the type that a reference's text names, the order of openAtEnd, the inside of a
pattern, %extension."""
