"""Who has written: the person, the role and the department of authors, as their owner has them now.

Of a PractitionerRole it is what it says; of anybody else what kind they are, and no department.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Request, Resource
from carethread.core.service import Runtime

AUTHORS = "https://carethread.dev/fhir/CodeSystem/documentation-author"

_ROLE, _OWNER = "PractitionerRole", "records"
_AT_ONCE = 100
_HEADERS = {"content-type": "application/x-www-form-urlencoded", "prefer": "handling=strict"}
_KINDS = {
    "Patient": "patient",
    "RelatedPerson": "related-person",
    "Practitioner": "practitioner",
    _ROLE: "practitioner",
}


class Author(NamedTuple):
    """`person` is a reference, the same for all roles of one person; `role` a Coding; `department` an Organization's
    id, empty where it is not known."""

    person: str
    role: Resource
    department: str


def kind(reference: str) -> Author:
    """What is known of an author by the reference alone."""
    code = _KINDS.get(reference.partition("/")[0], "other" if reference else "unknown")
    return Author(reference, {"system": AUTHORS, "code": code}, "")


def authors(runtime: Runtime, references: Collection[str], context: Context) -> dict[str, Author]:
    """The authors by their references. Not in a transaction. Raises Busy while their owner is away."""
    found = {each: kind(each) for each in references}
    ids = sorted(each.removeprefix(f"{_ROLE}/") for each in references if each.startswith(f"{_ROLE}/"))
    if ids and runtime.peer.knows(_OWNER):
        for start in range(0, len(ids), _AT_ONCE):
            for role in _asked(runtime, ids[start : start + _AT_ONCE], context):
                found[f"{_ROLE}/{role['id']}"] = _of_role(role, runtime.base_url)
    return found


def _asked(runtime: Runtime, ids: Collection[str], context: Context) -> Iterator[Resource]:
    sent = urlencode({"_id": ",".join(ids), "_count": len(ids), "_elements": "practitioner,code,organization"}).encode()
    request = Request("POST", f"{_ROLE}/_search", (), {**_HEADERS, "traceparent": context.traceparent}, sent)
    answer = runtime.peer.call(_OWNER, request)
    if answer.status != 200:
        raise Busy(f"The service {_OWNER} does not answer ({answer.status}); try again.")
    for entry in json.parse_object(answer.body).get("entry", ()):
        if entry["resource"]["resourceType"] == _ROLE:
            yield entry["resource"]


def _of_role(role: Resource, base_url: str) -> Author:
    codings = [each for concept in role.get("code", ()) for each in concept.get("coding", ()) if each.get("code")]
    departments = [id_ for type_name, id_ in keys_at(role, "organization", base_url) if type_name == "Organization"]
    people = ["/".join(key) for key in keys_at(role, "practitioner", base_url)]
    alone = kind(f"{_ROLE}/{role['id']}")
    coding = {name: codings[0][name] for name in ("system", "code", "display") if name in codings[0]} if codings else {}
    return Author(next(iter(people), alone.person), coding or alone.role, next(iter(departments), ""))
