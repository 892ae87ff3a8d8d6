"""What follows once a response of ours is completed: what it gives is requested of the owners, in the same transaction.

The ids follow from the response and the place of each answer, so that the same again is the same. Amended, what has
changed is written anew, and what is not said any more is entered in error; so is all of it once the response is, or is
deleted. Each time it is one transaction for the owners, whole or not at all; what is to be entered in error has a
request of its own each, for a person may have removed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session, Stored, Wanted
from carethread.interactions.requesting import wanted, wanted_change
from carethread.interactions.transaction.links import Links
from carethread.questionnaires.answering.stored import Saved
from carethread.questionnaires.answering.writing import is_ours
from carethread.questionnaires.extracting.extracted import (
    FINISHED,
    Extraction,
    extract,
    provenance,
    transaction,
    uuid_of,
)
from carethread.questionnaires.extracting.making import Entry
from carethread.questionnaires.extracting.withdrawing import withdrawal
from carethread.questionnaires.forms.finding import answered, shipped

MADE = "extracted"
"""The kind of places that tell what was made (keys, `Observation/1`) of which response (holder)."""

_VOID = "entered-in-error"
_SDOH = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
_MOMENTS = frozenset({"status", "effectiveDateTime", "issued", "performer", "device"})
"""What is not compared of Observations: that a response was amended does not move what stays as it was said."""


def response_stored(session: Session, versions: Sequence[Saved], context: Context) -> None:
    """Request what the responses that were just stored give, and withdraw what they do not give any more."""
    asked: list[Wanted] = []
    made: dict[str, str] = {}
    for version in versions:
        stored, response = version.stored, version.response
        status = response.get("status", _VOID)
        known = session.places(MADE, stored.id) if stored.version > 1 else []
        sent = context.about(("QuestionnaireResponse", stored.id))
        if status == _VOID and known:
            session.release(MADE, stored.id)
            asked += _withdrawal(stored, response, known, sent)
        elif status in FINISHED and is_ours(response):
            paths, more = _asked(session, stored, response, known, sent)
            asked += more
            made |= dict.fromkeys(paths, stored.id)
    session.claim_all(MADE, made)
    session.requests.put(*asked)


def _asked(
    session: Session, stored: Stored, response: Resource, known: Sequence[str], context: Context
) -> tuple[Sequence[str], Sequence[Wanted]]:
    """The paths of what a finished response gives and has not given before, and what is to be requested for it."""
    extraction = _extraction(session, response, stored.id, context)
    if extraction is None:
        return (), ()
    if extraction.failed:
        raise Invalid(issues=extraction.issues)
    entries = _owned(extraction.entries, stored.id)
    before = _before(session, stored, context) if stored.version > 1 else {}
    new = [each for each in entries if not each.resource.get("id") or _changed(each, before)]
    gone = sorted(set(known) - {_path(each) for each in entries})
    made = [path for each in new if each.owned and (path := _path(each)) not in known]
    asked = [_sent(stored, response, [_corrected(each, known) for each in new], known, context)] if new else []
    if gone:
        session.release(MADE, stored.id, [_path(each) for each in entries])
        asked += _withdrawal(stored, response, gone, context)
    return made, asked


def _extraction(session: Session, response: Resource, id_: str, context: Context) -> Extraction | None:
    """What a response gives; None where its form is not here any more."""
    # What a published version asks does not change, so one that comes along need not be looked for.
    form = shipped().get(response.get("questionnaire", "")) or answered(session, response)
    return extract(form, response, uuid_of(id_), context.clock) if form else None


def _before(session: Session, stored: Stored, context: Context) -> Mapping[str, Resource]:
    """What the version before has given, by its paths; nothing where it has given nothing."""
    earlier = session.version(("QuestionnaireResponse", stored.id), stored.version - 1)
    response = Saved(session, earlier).response if earlier else {}
    if response.get("status") not in FINISHED or not is_ours(response):
        return {}
    extraction = _extraction(session, response, stored.id, context)
    return {_path(each): each.resource for each in _owned(extraction.entries, stored.id)} if extraction else {}


def _owned(entries: Sequence[Entry], id_: str) -> list[Entry]:
    """The entries with the ids that what is made gets, so that it is made once; references lead to them at once.

    What is made only where there is none yet is the owner's to name.
    """
    uuid = uuid_of(id_)
    named = []
    for each in entries:
        if "id" not in each.resource and "ifNoneExist" not in each.conditions and each.method in ("", "POST"):
            kind, made = each.resource["resourceType"], uuid(each.cause)
            resource = {"resourceType": kind, "id": made, **each.resource}
            each = replace(each, resource=resource, conditions={}, method="PUT", url=f"{kind}/{made}", owned=True)
        named.append(each)
    links = Links({each.full_url: _path(each) for each in named if each.resource.get("id")}, {}, {})
    return [replace(each, resource=links.relinked(each.resource, "")) for each in named]


def _path(entry: Entry) -> str:
    return f"{entry.resource['resourceType']}/{entry.resource.get('id', '')}"


def _changed(entry: Entry, before: Mapping[str, Resource]) -> bool:
    earlier = before.get(_path(entry))
    return earlier is None or _said(earlier) != _said(entry.resource)


def _said(resource: Resource) -> Resource:
    passed_over = _MOMENTS if resource["resourceType"] == "Observation" else ()
    return {name: value for name, value in resource.items() if name not in passed_over}


def _corrected(entry: Entry, known: Sequence[str]) -> Entry:
    """An Observation that there was before says that it is another now; Gravity's profile has one word for it."""
    resource = entry.resource
    if resource["resourceType"] != "Observation" or resource.get("status") != "final" or _path(entry) not in known:
        return entry
    codings = [each for concept in resource.get("category", ()) for each in concept.get("coding", ())]
    social = any(each.get("system") == _SDOH and each.get("code") == "sdoh" for each in codings)
    return replace(entry, resource={**resource, "status": "corrected" if social else "amended"})


def _sent(
    stored: Stored, response: Resource, entries: Sequence[Entry], known: Sequence[str], context: Context
) -> Wanted:
    """Entries as one transaction, with their Provenance, which is made once: so a repetition does nothing."""
    conditional = any(each.conditions for each in entries)
    targets = [_path(each) if each.resource.get("id") else each.full_url for each in entries]
    told = _told(stored, response, targets, context, "UPDATE" if known else "CREATE")
    bundle = transaction([*(each.bundled() for each in entries), told])
    bundle["id"] = uuid_of(stored.id)(f"transaction/{stored.version}")
    return wanted(bundle, context, stored.key, new=not conditional)


def _told(stored: Stored, response: Resource, targets: Sequence[str], context: Context, code: str) -> Resource:
    now = to_micros(context.clock())
    told = provenance({"id": stored.id, **response}, targets, now, version=stored.version, code=code)
    cause = f"provenance/{stored.version}/{code}"
    made = {"resourceType": "Provenance", "id": uuid_of(stored.id)(cause), **told}
    return Entry(made, f"urn:uuid:{made['id']}", cause, conditions={"ifNoneMatch": "*"}).bundled()


def _withdrawal(stored: Stored, response: Resource, gone: Sequence[str], context: Context) -> Iterator[Wanted]:
    """What was made is entered in error, as far as its type knows that, and that is told of."""
    withdrawn = list(_withdrawn(gone))
    for path, patch, condition in withdrawn:
        yield wanted_change(key_of(path), patch, context, key=stored.key, condition=condition)
    if withdrawn:
        told = _told(stored, response, [path for path, _, _ in withdrawn], context, "NULLIFY")["resource"]
        yield wanted(told, context, stored.key, new=True)


def _withdrawn(paths: Sequence[str]) -> Iterator[tuple[str, list[Resource], str]]:
    for path in paths:
        patch, condition = withdrawal(key_of(path)[0])
        if patch:
            yield path, patch, condition
