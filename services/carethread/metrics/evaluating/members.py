"""Who is meant by a Group or a Patient that a call names: http://hl7.org/fhir/R4/group.html, Patient.link."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.errors import Busy, Invalid, Malformed, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Request, Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Call, Runtime
from carethread.metrics.evaluating.periods import quoted

_OWNER = "records"
_MOST = 10_000
_HANDED_ON = ("authorization", "traceparent")


def members(runtime: Runtime, group: str, call: Call) -> list[str]:
    """The ids of the people of a Group, as its owner has it now.

    Raises Malformed for a Group that is not known, Invalid for one that does not list people, TooCostly, Busy.
    """
    resource = held(runtime, ("Group", group), "group", call)
    if not resource.get("actual") or resource.get("type") != "person":
        raise Invalid("A group whose people are counted is an actual one of type person.", expression="group")
    found = _listed(resource, runtime.base_url)
    if len(found) > _MOST:
        raise TooCostly(f"A group whose people are counted has {_MOST} members at most.", expression="group")
    return found


def held(runtime: Runtime, key: Key, name: str, call: Call) -> Resource:
    """What records has of a Group or a Patient, as who asks may see it. Raises Malformed naming the parameter, Busy."""
    headers = {name: call.request.headers[name] for name in _HANDED_ON if name in call.request.headers}
    said = runtime.peer.call(_OWNER, Request("GET", "/".join(key), (), {**headers, "accept": "application/json"}))
    if said.status >= 500:
        raise Busy(f"{_OWNER} does not answer about the {key[0]} now; try again.")
    if said.status != 200:
        raise Malformed(f"The {name} is not known.", code="not-found", expression=name)
    return json.parse_object(said.body)


def _listed(group: Resource, base_url: str) -> list[str]:
    current = [each for each in group.get("member", []) if not each.get("inactive")]
    keys = [key for each in current for key in keys_at(each, "entity", base_url)]
    return list(dict.fromkeys(id_ for type_name, id_ in keys if type_name == "Patient"))


def survivors(facts: Glimpse, people: Sequence[str]) -> list[str]:
    """The same people by the ids that facts know them by, after merges."""
    if not people:
        return []
    listed = ", ".join(map(quoted, people))
    rows = facts.query(f"SELECT patient_id, survivor_id FROM survivors WHERE patient_id IN ({listed})").rows
    merged = dict(rows)
    return list(dict.fromkeys(merged.get(each, each) for each in people))
