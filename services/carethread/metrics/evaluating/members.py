"""Who is meant by a Group or a Patient that a call names: http://hl7.org/fhir/R4/group.html, Patient.link."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.errors import Busy, Invalid, NotFound, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Request, Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Call, Runtime
from carethread.metrics.evaluating.asking import REFERS, Asked
from carethread.metrics.evaluating.periods import quoted

_OWNER = "records"
_MOST = 10_000
_KNOWN = {
    "department": {
        "id": ["organizations"],
        "department_id": [
            "appointments", "care_plans", "comment_themes", "communications", "deliveries", "encounters", "feedback",
            "flags", "hand_offs", "issues", "plan_activities", "reported", "responses", "review_decisions", "risks",
            "schedules", "scores", "tasks", "team_members", "waits",
        ],
        "organization_id": [
            "encounters", "healthcare_services", "locations", "patients", "practitioner_roles", "reported",
            "responses", "team_members",
        ],
    },
    "practitioner": {
        "practitioner_id": [
            "practitioner_roles", "appointment_participants", "appointments", "encounters", "flags", "reported",
            "schedules", "team_members",
        ],
        "owner_practitioner_id": ["tasks", "feedback"],
        "from_practitioner_id": ["hand_offs"],
        "to_practitioner_id": ["hand_offs"],
        "author_practitioner_id": ["responses"],
        "sender_practitioner_id": ["communications"],
    },
}  # fmt: skip
"""Where facts tell of whom a parameter names: columns and their tables, first that which has all of them."""

_HANDED_ON = ("authorization", "traceparent")


def members(runtime: Runtime, group: str, call: Call) -> list[str]:
    """The ids of the people of a Group, as its owner has it now.

    Raises NotFound for a Group that is not known, Invalid for one that does not list people, TooCostly, Busy.
    """
    resource = held(runtime, ("Group", group), "group", call)
    if not resource.get("actual") or resource.get("type") != "person":
        raise Invalid("A group whose people are counted is an actual one of type person.", expression="group")
    found = _listed(resource, runtime.base_url)
    if len(found) > _MOST:
        raise TooCostly(f"A group whose people are counted has {_MOST} members at most.", expression="group")
    return found


def held(runtime: Runtime, key: Key, name: str, call: Call) -> Resource:
    """What a parameter names, as records has it for who asks. Raises NotFound naming the parameter, Busy."""
    headers = {name: call.request.headers[name] for name in _HANDED_ON if name in call.request.headers}
    said = runtime.peer.call(_OWNER, Request("GET", "/".join(key), (), {**headers, "accept": "application/json"}))
    if said.status >= 500:
        raise Busy(f"{_OWNER} does not answer about the {key[0]} now; try again.")
    if said.status != 200:
        raise NotFound(not_known(key), expression=name)
    return json.parse_object(said.body)


def not_known(key: Key) -> str:
    """That something is not there, with where a department's id is to be had, for people know it by its name."""
    led = " GET Organization?name=... finds a department's id." if key[0] == "Organization" else ""
    return f"{'/'.join(key)} is not known here.{led}"


def here(runtime: Runtime, wanted: Asked, call: Call) -> None:
    """Whether there is whom a call names, so that nobody takes what is counted of nobody for a number. Raises NotFound
    naming the parameter, Busy."""
    named = {"department": wanted.department, "practitioner": wanted.practitioner, "subject": wanted.subject}
    for name, id_ in named.items():
        if id_:
            held(runtime, (REFERS[name], id_), name, call)


def in_facts(facts: Glimpse, wanted: Asked) -> None:
    """As `here`, where nobody can be asked: by what the facts tell of. Those that have no Organizations, or no roles of
    staff, as an export of other types, refuse nobody. Raises NotFound naming the parameter."""
    for name, id_ in {"department": wanted.department, "practitioner": wanted.practitioner}.items():
        known = [(table, column) for column, tables in _KNOWN[name].items() for table in tables]
        there = [each for each in known if each[0] in facts.views]
        if not id_ or known[0] not in there:
            continue
        asked = [f"SELECT 1 FROM {table} WHERE {column} = {quoted(id_)}" for table, column in there]
        any_ = f"SELECT count(*) FROM {there[0][0]}"
        if facts.query(any_).rows[0][0] and not facts.query(f"{' UNION ALL '.join(asked)} ORDER BY 1 LIMIT 1").rows:
            raise NotFound(f"{REFERS[name]}/{id_} is not known to the facts.", expression=name)


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
