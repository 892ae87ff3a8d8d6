"""The ways in which FHIR JSON goes wrong, by kind: each changes the object that holds one element, in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from support.mutation_values import ABSENT, EXTENSIONS, FORMATS, METAS, NARRATIVES, PERIODS, REFERENCES, URL, extension
from support.spots import Json, Spot

Change = Callable[[Json, Spot, Random], object]
"""Changes the object that holds the spot's member; false where it does not fit there."""

# What fits where


def _any(spot: Spot) -> bool:
    return True


def _mandatory(spot: Spot) -> bool:
    return spot.element.min > 0


def _repeats(spot: Spot) -> bool:
    return spot.element.is_list


def _single(spot: Spot) -> bool:
    return not spot.element.is_list


def _choice(spot: Spot) -> bool:
    return spot.element.is_choice


def _primitive(spot: Spot) -> bool:
    return spot.is_primitive and spot.code != "xhtml"


def _complex(spot: Spot) -> bool:
    return not spot.is_primitive


def _of(*codes: str) -> Callable[[Spot], bool]:
    return lambda spot: spot.code in codes


def _bound(*strengths: str) -> Callable[[Spot], bool]:
    return lambda spot: spot.element.binding is not None and spot.element.binding.strength in strengths


def _both(*tests: Callable[[Spot], bool]) -> Callable[[Spot], bool]:
    return lambda spot: all(test(spot) for test in tests)


def _root(spot: Spot) -> bool:
    """The resource as a whole: once, at its id."""
    return not spot.steps and spot.name == "id"


def _datatype(spot: Spot) -> bool:
    return spot.code in ("CodeableConcept", "Coding", "Identifier", "Period", "Reference", "HumanName", "Quantity")


def _backbone(spot: Spot) -> bool:
    return spot.code == "BackboneElement"


# What is changed


def _drop(held: Json, spot: Spot, chance: Random) -> None:
    held.pop(spot.name, None)
    held.pop("_" + spot.name, None)


def _put(value: Any) -> Change:
    """The value in the member's place, in an array where the element repeats."""

    def change(held: Json, spot: Spot, chance: Random) -> None:
        made = value(chance) if callable(value) else value
        if spot.element.is_list and isinstance(held[spot.name], list):
            held[spot.name] = [made, *held[spot.name][1:]]
        else:
            held[spot.name] = made

    return change


def _replace(value: Any) -> Change:
    def change(held: Json, spot: Spot, chance: Random) -> None:
        held[spot.name] = value

    return change


def _beside(name: str, value: Any) -> Change:
    """A member added to the object that holds the spot."""

    def change(held: Json, spot: Spot, chance: Random) -> None:
        held[name] = value

    return change


def _into(**extra: Any) -> Change:
    """Members added to the value, or to the first of an array; None takes one away."""

    def change(held: Json, spot: Spot, chance: Random) -> None:
        first = _item(held, spot)
        for name, value in extra.items():
            if value is None:
                first.pop(name, None)
            else:
                first[name] = value

    return change


def _only(**value: Any) -> Change:
    return _put(value)


def _item(held: Json, spot: Spot) -> Any:
    value = held[spot.name]
    return value[0] if isinstance(value, list) else value


def _wrong_type(held: Json, spot: Spot, chance: Random) -> None:
    value = _item(held, spot)
    wrong: Any = {bool: "true", int: str(value), float: str(value), str: 5}.get(type(value), "made-up")
    _put(wrong)(held, spot, chance)


def _listed(held: Json, spot: Spot, chance: Random) -> None:
    held[spot.name] = [held[spot.name]]


def _unlisted(held: Json, spot: Spot, chance: Random) -> None:
    held[spot.name] = held[spot.name][0]


def _renamed(held: Json, spot: Spot, chance: Random) -> None:
    held[chance.choice([spot.name + "s", spot.name.upper(), "__" + spot.name])] = held.pop(spot.name)


def _second_choice(held: Json, spot: Spot, chance: Random) -> bool | None:
    others = [name for name, code in spot.element.json_names().items() if name != spot.name and code in _SECOND]
    if not others:
        return False
    name = chance.choice(others)
    held[name] = _SECOND[spot.element.json_names()[name]]
    return None


_SECOND: Mapping[str, Any] = {
    "boolean": True,
    "dateTime": "2031",
    "date": "2031",
    "string": "Made up",
    "CodeableConcept": {"text": "Made up"},
    "Period": {"start": "2031"},
    "Reference": {"display": "Made up"},
    "Quantity": {"value": 1},
    "integer": 1,
    "uri": "https://example.org/made-up",
}


def _undefined_choice(held: Json, spot: Spot, chance: Random) -> bool | None:
    stem = spot.element.name.removesuffix("[x]")
    wrong = [t for t in ("Base64Binary", "Meta", "Money", "Signature") if stem + t not in spot.element.json_names()]
    if not wrong:
        return False
    held[stem + wrong[0]] = held.pop(spot.name)
    return None


def _null_in_array(held: Json, spot: Spot, chance: Random) -> None:
    held[spot.name] = [*held[spot.name], None]


def _null_with_sibling(held: Json, spot: Spot, chance: Random) -> None:
    held[spot.name] = [*held[spot.name], None]
    held["_" + spot.name] = [None] * (len(held[spot.name]) - 1) + [{"extension": [extension()]}]


def _sibling_too_short(held: Json, spot: Spot, chance: Random) -> None:
    held[spot.name] = [*held[spot.name], *held[spot.name]]
    held["_" + spot.name] = [{"extension": [extension()]}]


def _sibling_too_long(held: Json, spot: Spot, chance: Random) -> None:
    held["_" + spot.name] = [None] * len(held[spot.name]) + [{"extension": [extension()]}]


def _sibling(value: Any) -> Change:
    """The member's `_` sibling, one for each value."""

    def change(held: Json, spot: Spot, chance: Random) -> None:
        held["_" + spot.name] = [value] * len(held[spot.name]) if isinstance(held[spot.name], list) else value

    return change


def _only_sibling(held: Json, spot: Spot, chance: Random) -> None:
    absent = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    held["_" + spot.name] = [absent] if isinstance(held.pop(spot.name), list) else absent


def _wrong_target(held: Json, spot: Spot, chance: Random) -> bool | None:
    allowed = set(spot.element.types["Reference"])
    others = [name for name in ("Substance", "Medication", "Slot", "Endpoint", "Patient") if name not in allowed]
    if not allowed or "Resource" in allowed or not others:
        return False
    _put({"reference": f"{others[0]}/made-up"})(held, spot, chance)
    return None


def _wrong_target_type(held: Json, spot: Spot, chance: Random) -> bool | None:
    allowed = set(spot.element.types["Reference"])
    if not allowed or "Resource" in allowed or "Substance" in allowed:
        return False
    _put({"type": "Substance", "identifier": {"value": "1"}})(held, spot, chance)
    return None


def _wrong_contained(held: Json, spot: Spot, chance: Random) -> None:
    _put({"reference": "#absent"})(held, spot, chance)


def _same_id_twice(held: Json, spot: Spot, chance: Random) -> None:
    _item(held, spot)["id"] = "twice"
    held["extension"] = [*held.get("extension", []), {"id": "twice", **extension()}]


def _with_contained(*contained: Json, refer: bool = True, **root: Any) -> Change:
    """Contained resources in the resource itself, referred to by an extension unless told not to."""

    def change(held: Json, spot: Spot, chance: Random) -> bool | None:
        if held["resourceType"] in ("Bundle", "Binary", "Parameters"):
            return False
        held["contained"] = [json.loads(json.dumps(item)) for item in contained]
        held.update(root)
        if refer:
            held["extension"] = [
                {"url": URL, "valueReference": {"reference": f"#{item['id']}"}} for item in contained if "id" in item
            ]
        return None

    return change


def _narrative(div: str | None, status: str | None) -> Change:
    def change(held: Json, spot: Spot, chance: Random) -> bool | None:
        if held["resourceType"] in ("Bundle", "Binary", "Parameters"):
            return False
        held["text"] = {name: value for name, value in (("status", status), ("div", div)) if value is not None}
        return None

    return change


_ORGANIZATION: Json = {"resourceType": "Organization", "id": "within", "name": "Made up"}

KINDS: Mapping[str, tuple[Callable[[Spot], bool], tuple[Change, ...]]] = {
    # Members: http://hl7.org/fhir/R4/json.html
    "unknown element": (_any, (_beside("madeUp", "x"), _beside("_madeUp", {"id": "x"}), _beside("", "x"), _renamed)),
    "required element left out": (_mandatory, (_drop,)),
    "wrong JSON type": (_any, (_wrong_type, _put({}), _put({"madeUp": 1}), _put([["x"]]), _put(None))),
    "array for one value": (_single, (_listed,)),
    "one value for an array": (_repeats, (_unlisted,)),
    "empty array": (_repeats, (_replace([]),)),
    "empty object": (_complex, (_put({}), _only(id="only"))),
    "empty text": (_of("string", "markdown", "code", "uri", "id", "date"), (_put(""), _put(" "))),
    "two types of a choice": (_choice, (_second_choice,)),
    "a type that the choice has not": (_choice, (_undefined_choice,)),
    "null": (_both(_repeats, _primitive), (_null_in_array, _replace([None]), _null_with_sibling)),
    "sibling arrays of unequal length": (_both(_repeats, _primitive), (_sibling_too_short, _sibling_too_long)),
    "sibling of a primitive": (
        _primitive,
        (_sibling({"id": "p"}), _sibling({"extension": [extension()]}), _sibling({}), _sibling("x"), _only_sibling),
    ),
    "resourceType": (
        _root,
        (
            _beside("resourceType", "Patientt"),
            _beside("resourceType", "patient"),
            _beside("resourceType", ""),
            _beside("resourceType", 5),
            _beside("resourceType", "DomainResource"),
            lambda held, spot, chance: held.pop("resourceType"),
        ),
    ),
    # Formats: http://hl7.org/fhir/R4/datatypes.html
    **{f"format of {code}": (_of(code), tuple(_put(value) for value in values)) for code, values in FORMATS.items()},
    # Codes: http://hl7.org/fhir/R4/terminologies.html
    "code outside a required set": (_both(_of("code"), _bound("required")), (_put("made-up"), _put("Final"))),
    "coding outside a required set": (
        _both(_of("Coding"), _bound("required")),
        (_only(system="https://example.org/c", code="made-up"), _only(code="made-up"), _only(display="Made up")),
    ),
    "concept outside a required set": (
        _both(_of("CodeableConcept"), _bound("required")),
        (
            _only(coding=[{"system": "https://example.org/c", "code": "made-up"}]),
            _only(text="Made up"),
            _only(coding=[{"code": "made-up"}]),
            _only(coding=[{"display": "Made up"}]),
        ),
    ),
    "concept outside a weaker set": (
        _both(_of("CodeableConcept", "Coding"), _bound("extensible", "preferred", "example")),
        (
            lambda held, spot, chance: _put(
                {"coding": [{"system": "https://example.org/c", "code": "made-up"}]}
                if spot.code == "CodeableConcept"
                else {"system": "https://example.org/c", "code": "made-up"}
            )(held, spot, chance),
        ),
    ),
    "coding": (
        _of("CodeableConcept"),
        (
            _only(coding=[{"system": "http://hl7.org/fhir/administrative-gender", "code": "made-up"}]),
            _only(
                coding=[{"system": "http://hl7.org/fhir/administrative-gender", "code": "female", "display": "Wrong"}]
            ),
            _only(coding=[{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "made-up"}]),
            _only(coding=[{"system": "not absolute", "code": "x"}]),
            _only(coding=[{"system": "relative", "code": "x"}]),
            _only(coding=[{"system": "http://hl7.org/fhir/ValueSet/administrative-gender", "code": "female"}]),
            _only(coding=[{"display": "Made up"}]),
            _only(coding=[{"system": "https://example.org/c"}]),
            _only(coding=[{"code": "x"}]),
            _only(coding=[]),
            _only(coding=[{}]),
            _only(
                coding=[
                    {"system": "https://example.org/c", "code": "a"},
                    {"system": "https://example.org/c", "code": "a"},
                ]
            ),
            _only(coding=[{"userSelected": True}]),
            _only(coding=[{"system": "http://snomed.info/sct", "code": "made-up"}]),
            _only(coding=[{"system": "http://loinc.org", "code": "made-up"}]),
            _only(coding=[{"system": "http://unitsofmeasure.org", "code": "made up"}]),
        ),
    ),
    # References: http://hl7.org/fhir/R4/references.html
    "wrong reference target": (_of("Reference"), (_wrong_target, _wrong_target_type)),
    "reference": (
        _of("Reference"),
        tuple(_only(**value) for value in REFERENCES),
    ),
    # Data types' own rules
    "period": (
        _of("Period"),
        tuple(_only(**value) for value in PERIODS),
    ),
    "quantity": (
        _of("Quantity", "Duration", "Age", "Money", "Range", "Ratio"),
        (
            _only(value=1, code="mg"),
            _only(value=1, system="http://unitsofmeasure.org"),
            _only(value=1, system="http://unitsofmeasure.org", code="made up"),
            _only(value=1, system="http://unitsofmeasure.org", code="mg", unit="milligram"),
            _only(value="1", unit="mg"),
            _only(value=1, comparator="<"),
            _only(value=1, comparator="=="),
            _only(low={"value": 2, "unit": "mg"}, high={"value": 1, "unit": "mg"}),
            _only(numerator={"value": 1}),
            _only(value=1, currency="EUR"),
            _only(value=1, currency="EURO"),
        ),
    ),
    "data type": (
        _of("Identifier", "ContactPoint", "HumanName", "Address", "Attachment", "Annotation", "Timing", "Extension"),
        (
            _only(use="made-up"),
            _only(value="1"),
            _only(system="phone", value="1"),
            _only(system="phone"),
            _only(rank=0),
            _only(system="https://example.org/n"),
            _only(system="relative", value="1"),
            _only(data="AAAA"),
            _only(contentType="text/plain", data="AAAA"),
            _only(contentType="not a type", url="https://example.org/x"),
            _only(url="https://example.org/x", size=3),
            _only(text="x"),
            _only(time="2031"),
            _only(repeat={"duration": 1}),
            _only(repeat={"duration": 1, "durationUnit": "h"}),
            _only(repeat={"period": -1, "periodUnit": "d"}),
            _only(repeat={"frequency": 1, "period": 1, "periodUnit": "d", "when": ["ACM"], "timeOfDay": ["10:00:00"]}),
            _only(repeat={"when": ["C"], "offset": 5}),
            _only(repeat={"countMax": 3}),
            _only(period={"start": "2031-02-01", "end": "2031-01-01"}),
            _only(given=["A", ""]),
            _only(line=["A", None]),
        ),
    ),
    # Extensions: http://hl7.org/fhir/R4/extensibility.html
    "extension": (
        _any,
        tuple(_beside("extension", value) for value in EXTENSIONS),
    ),
    "modifierExtension": (
        _root,
        (
            _beside("modifierExtension", [extension()]),
            _beside("modifierExtension", []),
            _beside("modifierExtension", [{"url": URL}]),
        ),
    ),
    "modifierExtension of a part": (_backbone, (_into(modifierExtension=[extension()]),)),
    "modifierExtension of a data type": (_datatype, (_into(modifierExtension=[extension()]),)),
    # Resources: http://hl7.org/fhir/R4/resource.html, domainresource.html, narrative.html
    "element ids": (
        _both(_complex, lambda spot: spot.code != "Resource"),
        (_into(id="a"), _into(id="a b"), _into(id=""), _into(id=5), _same_id_twice),
    ),
    "meta": (
        _root,
        tuple(_beside("meta", value) for value in METAS),
    ),
    "resource": (
        _root,
        (
            _beside("language", "en"),
            _beside("language", "made up"),
            _beside("language", "xx-made-up"),
            _beside("implicitRules", "https://example.org/rules"),
            _beside("implicitRules", "a b"),
            _beside("id", "a/b"),
            _beside("id", None),
        ),
    ),
    "contained": (
        _root,
        (
            _with_contained(_ORGANIZATION),
            _with_contained(_ORGANIZATION, refer=False),
            _with_contained({k: v for k, v in _ORGANIZATION.items() if k != "id"}),
            _with_contained(_ORGANIZATION, _ORGANIZATION),
            _with_contained({**_ORGANIZATION, "contained": [{**_ORGANIZATION, "id": "deeper"}]}),
            _with_contained({**_ORGANIZATION, "meta": {"versionId": "1"}}),
            _with_contained({**_ORGANIZATION, "meta": {"lastUpdated": "2031-01-01T10:00:00Z"}}),
            _with_contained({**_ORGANIZATION, "meta": {"security": [{"code": "x"}]}}),
            _with_contained({**_ORGANIZATION, "meta": {"tag": [{"code": "x"}]}}),
            _with_contained(
                {
                    **_ORGANIZATION,
                    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
                }
            ),
            _with_contained({**_ORGANIZATION, "active": "yes"}),
            _with_contained({**_ORGANIZATION, "partOf": {"reference": "#"}}, refer=False),
            _with_contained({**_ORGANIZATION, "partOf": {"reference": "#within"}}, refer=False),
            _with_contained({**_ORGANIZATION, "id": "#within"}),
            _with_contained({"resourceType": "Banana", "id": "within"}),
            _with_contained({"id": "within"}),
            _with_contained({"resourceType": "Organization", "id": "within"}),
            _with_contained(
                {"resourceType": "Patient", "id": "within", "managingOrganization": {"reference": "#absent"}}
            ),
        ),
    ),
    "narrative": (_root, tuple(_narrative(div, status) for div, status in NARRATIVES)),
}
"""By kind: which elements it fits, and the ways to do it."""
