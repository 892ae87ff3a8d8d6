"""A plan to keep: what a template comes to as a CarePlan that people adjust, with Goals of their own.

Each action is an activity with its details, so that progress can be told of each; a group is no activity of its own.
Where people are to choose among the actions of a group, those wait (`on-hold`) until somebody has chosen.
Source: http://hl7.org/fhir/R4/careplan.html, http://hl7.org/fhir/R4/goal.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carethread.careteams.plans.applying import Applied, Plan
from carethread.careteams.plans.making import Setting, performers, period_of, reference
from carethread.careteams.plans.spans import shifted
from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

PROFILE = PROFILES + "care-plan"
_CATEGORY = {"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan"}]}

_TO_CHOOSE = frozenset({"any", "exactly-one", "at-most-one", "one-or-more"})
"""How a group's actions are selected where not all are to be done."""

_KINDS = frozenset(
    {"Appointment", "CommunicationRequest", "DeviceRequest", "MedicationRequest", "Task", "ServiceRequest"}
)

_DETAIL: Mapping[str, str] = {
    "doNotPerform": "doNotPerform",
    "medicationCodeableConcept": "productCodeableConcept",
    "medicationReference": "productReference",
    "codeReference": "productReference",
    "quantityQuantity": "quantity",
    "occurrenceTiming": "scheduledTiming",
    "occurrencePeriod": "scheduledPeriod",
    "executionPeriod": "scheduledPeriod",
    "description": "description",
}
"""Elements of a request that an activity's detail has under another name, or the same."""


def plan_of(plan: Plan, setting: Setting, status: str, intent: str) -> Resource:
    """The CarePlan without its goals and activities."""
    definition = plan.definition
    made: dict[str, Any] = {
        "resourceType": "CarePlan",
        "meta": {"profile": [PROFILE]},
        "instantiatesCanonical": [plan.canonical],
        "status": status,
        "intent": intent,
        "category": [_CATEGORY],
        "title": definition.get("title"),
        "description": definition.get("description"),
        "subject": reference(setting.subject),
        "encounter": reference(setting.encounter) if setting.encounter else None,
        "period": {"start": instant(setting.now)},
        "created": instant(setting.now),
        "author": reference(setting.practitioner) if setting.practitioner else None,
    }
    if setting.care_team:
        made["careTeam"] = [reference(setting.care_team)]
    if setting.organization:
        made["contributor"] = [reference(setting.organization)]
        if setting.organization.startswith("Organization/"):
            made["extension"] = [{"url": PROFILES + "department", "valueReference": reference(setting.organization)}]
    return {name: value for name, value in made.items() if value is not None}


def goal_of(goal: Mapping[str, Any], setting: Setting, id_: str, status: str) -> Resource:
    """The Goal of one person; it is proposed until the plan is active."""
    made: dict[str, Any] = {
        "resourceType": "Goal",
        "id": id_,
        "lifecycleStatus": "active" if status == "active" else "proposed",
        "category": [goal["category"]] if "category" in goal else None,
        "priority": goal.get("priority"),
        "description": goal["description"],
        "subject": reference(setting.subject),
        "startCodeableConcept": goal.get("start"),
        "target": [_target(target, setting) for target in goal.get("target", ())] or None,
        "statusDate": instant(setting.now)[:10],
        "expressedBy": reference(setting.practitioner) if setting.practitioner else None,
    }
    if "start" not in goal:
        made["startDate"] = instant(setting.now)[:10]
    return {name: value for name, value in made.items() if value is not None}


def _target(target: Mapping[str, Any], setting: Setting) -> Resource:
    kept = {name: value for name, value in target.items() if name not in ("id", "due")}
    if "due" in target:
        where = "PlanDefinition.goal.target.due"
        kept["dueDate"] = instant(shifted(setting.now, target["due"], where))[:10]
    return kept


def kept_plan(plan: Plan, setting: Setting, status: str, goals: Mapping[str, str]) -> Resource:
    """The CarePlan; `goals` are the ids of its Goals by key."""
    made = plan_of(plan, setting, status, "plan")
    if goals:
        made["goal"] = [reference(f"Goal/{id_}") for id_ in goals.values()]
    if plan.actions:
        leaves = _leaves(plan.actions, "")
        made["activity"] = [_activity(applied, goals, setting, choose) for applied, choose in leaves]
    return made


def _leaves(actions: list[Applied], choose: str) -> Iterator[tuple[Applied, str]]:
    """The actions that come to something, each with the group of which people have to choose; empty: none."""
    for applied in actions:
        if applied.request is not None:
            yield applied, choose
        else:
            group = applied.activity.action
            title = str(group.get("title", "one group of the template"))
            yield from _leaves(applied.actions, title if group.get("selectionBehavior") in _TO_CHOOSE else choose)


def _activity(applied: Applied, goals: Mapping[str, str], setting: Setting, choose: str) -> Resource:
    activity, request = applied.activity, applied.request or {}
    kind = request["resourceType"]
    detail: dict[str, Any] = {
        "kind": kind if kind in _KINDS else None,
        "instantiatesCanonical": [activity.canonical] if activity.canonical else None,
        "code": _code(request) or activity.code,
        "reasonCode": activity.action.get("reason"),
        "goal": [reference(f"Goal/{goals[key]}") for key in applied.goals] or None,
        "status": "on-hold" if choose else "not-started",
        "statusReason": {"text": f"To be chosen: {choose}"} if choose else None,
    }
    scheduled = {"scheduledTiming": activity.timing} if activity.timing else {}
    if not scheduled and activity.span:
        scheduled = {"scheduledPeriod": period_of(activity.span)}
    said = {name: request[member] for member, name in _DETAIL.items() if member in request}
    if "scheduledTiming" in said or activity.timing:
        said.pop("scheduledPeriod", None)
    detail |= scheduled | said
    if "scheduledTiming" in detail:
        detail.pop("scheduledPeriod", None)
    detail["location"] = activity.definition.get("location")
    detail["performer"] = _performer(request) or performers(activity, setting) or None
    detail.setdefault("description", activity.said("description") or activity.said("title"))
    made = {name: value for name, value in detail.items() if value is not None}
    return {**({"id": applied.id} if applied.id else {}), "detail": made}


def _code(request: Resource) -> Resource | None:
    code = request.get("code") or request.get("codeCodeableConcept")
    kinds: list[Resource] = request.get("serviceType") or request.get("category") or []
    found: Resource | None = code or next(iter(kinds), None)
    return found


def _performer(request: Resource) -> list[Resource]:
    found: Resource | list[Resource] = request.get("performer") or request.get("owner") or []
    return [found] if isinstance(found, dict) else found
