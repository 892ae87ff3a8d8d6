"""`Patient/[id]/$about-me`: the page about a person, and `Patient/[id]/$transfer-summary`: what goes along when
somebody takes over; both as document Bundles.

`recipient` is who is to read it: what they may not see is left out. `as` is somebody close who asks for themselves;
then their standing is asked of its owner, for a copy may lag. `page` answers the page as HTML, to be printed.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.person.gathering import RECORDS, Gathered, gathered
from carethread.careteams.person.sections import ABOUT, TRANSFER
from carethread.careteams.person.summary import document, page
from carethread.careteams.sharing.consenting import FAMILY, TREATMENT
from carethread.careteams.sharing.proxies import may_act
from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Forbidden, Invalid, Issue, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id, key_of, parse_reference
from carethread.core.ports import Resource, Response
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read

RECIPIENT, AUTHOR, AS, PAGE = "recipient", "author", "as", "page"
_RECEIVERS = ("PractitionerRole", "Practitioner", "Organization", "CareTeam")
_AUTHORS = ("PractitionerRole", "Practitioner", "Organization")
_ABOUT_TAKES, _TRANSFER_TAKES = (RECIPIENT, AS, PAGE), (RECIPIENT, AUTHOR)

_PAGE_HEADERS = {
    "Content-Type": "text/html;charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
}


def about_me(runtime: Runtime, call: Call, context: Context) -> Resource | Response:
    """The page about a person. Raises Malformed for parameters, NotFound, Forbidden for who may not ask, and Busy."""
    refuse_unknown(call, "the page about a person", _ABOUT_TAKES)
    _look(runtime, call, context)
    recipient, asker = (
        _reference(runtime, call, RECIPIENT, _RECEIVERS),
        _reference(runtime, call, AS, ("RelatedPerson",)),
    )
    if recipient and asker:
        raise Malformed("Give recipient or as, not both.", code="invalid", expression=AS)
    printed = _flag(call, PAGE)
    found = gathered(runtime, f"Patient/{call.id}", context, people=[recipient], whole=False)
    _refuse_unknown_people(found, {RECIPIENT: recipient})
    free = _standing(runtime, found, asker, context) if asker else frozenset[str]()
    purpose, reader = (FAMILY, asker) if asker else (TREATMENT, recipient)
    if printed:
        made = page(found, recipient=reader, context=context, purpose=purpose, free=free)
        return Response(200, _PAGE_HEADERS, made)
    return document(found, kind=ABOUT, author="", recipient=reader, context=context, purpose=purpose, free=free)


def transfer_summary(runtime: Runtime, call: Call, context: Context) -> Resource:
    """What goes along when somebody takes a person over. Raises Malformed, NotFound, TooCostly and Busy."""
    refuse_unknown(call, "the summary", _TRANSFER_TAKES)
    _look(runtime, call, context)
    recipient, author = (
        _reference(runtime, call, RECIPIENT, _RECEIVERS),
        _reference(runtime, call, AUTHOR, _AUTHORS),
    )
    found = gathered(runtime, f"Patient/{call.id}", context, people=[recipient, author])
    _refuse_unknown_people(found, {RECIPIENT: recipient, AUTHOR: author})
    return document(found, kind=TRANSFER, author=author, recipient=recipient, context=context)


def _refuse_unknown_people(found: Gathered, named: Mapping[str, str]) -> None:
    """Raise Invalid for who is to read or write it and is not known, here or to their owner."""
    issues = [
        Issue("not-found", f"{reference} is not known here.", name)
        for name, reference in named.items()
        if reference and key_of(reference) not in found.known
    ]
    if issues:
        raise Invalid(issues=issues)


def _look(runtime: Runtime, call: Call, context: Context) -> None:
    """Raise NotFound or Gone where there can be no such Patient."""
    authorize("read", "Patient", context)
    if not is_id(call.id):
        read(runtime, ("Patient", call.id), context)


def _standing(runtime: Runtime, found: Gathered, asker: str, context: Context) -> frozenset[str]:
    """Which categories somebody close may see without a Consent. Raises Forbidden for who may not see the page."""
    related = runtime.owners.read(RECORDS, ("RelatedPerson", asker.partition("/")[2]))
    patient = runtime.owners.read(RECORDS, ("Patient", str(found.patient["id"])))
    if related is None or patient is None:
        raise Forbidden(f"{asker} is not known as somebody who may ask for this person.", expression=AS)
    verdict = may_act(
        json.parse_object(patient.body),
        json.parse_object(related.body),
        found.consents,
        to_micros(context.clock()),
        "see",
        ids=found.ids,
        base=runtime.base_url,
    )
    if not verdict.allowed:
        raise Forbidden(f"{asker} {verdict.why}.", expression=AS)
    return verdict.free


def _reference(runtime: Runtime, call: Call, name: str, types: tuple[str, ...]) -> str:
    """A reference that a parameter gives, as text or as a Reference; empty without it."""
    given = call.params.get(name, ())
    if len(given) > 1:
        raise Malformed(f"{name} is given once at most.", code="value", expression=name)
    if not given:
        return ""
    target = parse_reference(given[0], runtime.base_url)
    if target is None or target.type not in types or not target.id:
        kinds = ", ".join(types)
        raise Malformed(
            f"{name} is a reference to one of {kinds}, such as {types[0]}/123.", code="value", expression=name
        )
    return f"{target.type}/{target.id}"


def _flag(call: Call, name: str) -> bool:
    values = [each.lower() for each in call.params.get(name, ())]
    if values not in ([], ["true"], ["false"]):
        raise Malformed(f"{name} is true or false, and given once at most.", code="value", expression=name)
    return values == ["true"]


OPERATIONS = (
    Operation(
        name="about-me",
        type="Patient",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/Patient-about-me",
        handler=about_me,
        parameters=_ABOUT_TAKES,
    ),
    Operation(
        name="transfer-summary",
        type="Patient",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/Patient-transfer-summary",
        handler=transfer_summary,
        parameters=_TRANSFER_TAKES,
    ),
)
