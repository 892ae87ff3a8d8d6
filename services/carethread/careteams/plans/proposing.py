"""What `$apply` answers by R4: a CarePlan whose one activity is a RequestGroup, with all that it proposes inside it.

Source: http://hl7.org/fhir/R4/plandefinition-operation-apply.html; the actions of the group are those that apply, each
with the request that its definition comes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.careteams.plans.applying import Applied, Plan
from carethread.careteams.plans.keeping import goal_of, plan_of
from carethread.careteams.plans.making import Setting, performers, period_of, reference
from carethread.core.clock import instant
from carethread.core.ports import Resource

_AS_IT_STANDS = (
    "prefix", "title", "description", "textEquivalent", "priority", "code", "documentation", "condition", "type",
    "groupingBehavior", "selectionBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior",
)  # fmt: skip
_TIMES = ("timingDateTime", "timingAge", "timingPeriod", "timingDuration", "timingRange", "timingTiming")

GROUP = "actions"
"""The id of the RequestGroup inside the plan."""


def proposal(plan: Plan, setting: Setting, status: str) -> Resource:
    """The CarePlan, stored nowhere: goals, RequestGroup and requests are contained in it."""
    goals = {key: goal_of(goal, setting, f"goal-{n}", status) for n, (key, goal) in enumerate(plan.goals.items(), 1)}
    contained: list[Resource] = [{**goal, "id": goal["id"]} for goal in goals.values()]
    made = plan_of(plan, setting, status, "proposal")
    if goals:
        made["goal"] = [reference(f"#{goal['id']}") for goal in goals.values()]
    if plan.actions:
        requests: list[Resource] = []
        group: Resource = {
            "resourceType": "RequestGroup",
            "id": GROUP,
            "instantiatesCanonical": [plan.canonical],
            "status": "draft",
            "intent": "proposal",
            "subject": reference(setting.subject),
            **({"encounter": reference(setting.encounter)} if setting.encounter else {}),
            "authoredOn": instant(setting.now),
            **({"author": reference(setting.practitioner)} if setting.practitioner else {}),
            "action": [_action(applied, setting, requests) for applied in plan.actions],
        }
        contained += [group, *requests]
        made["activity"] = [{"reference": reference(f"#{GROUP}")}]
    return {**made, **({"contained": contained} if contained else {})}


def _action(applied: Applied, setting: Setting, requests: list[Resource]) -> Resource:
    action = applied.activity.action
    made: dict[str, Any] = {name: action[name] for name in _AS_IT_STANDS if name in action}
    if applied.id:
        made["id"] = applied.id
    if "relatedAction" in action:
        related = action["relatedAction"]
        made["relatedAction"] = [{**each, "actionId": applied.prefix + each["actionId"]} for each in related]
    made |= _timing(applied, action)
    taking = performers(applied.activity, setting)
    if taking:
        made["participant"] = taking
    if applied.request is None:
        made["action"] = [_action(inner, setting, requests) for inner in applied.actions]
    else:
        id_ = f"request-{len(requests) + 1}"
        kind = applied.request["resourceType"]
        requests.append({"resourceType": kind, "id": id_, **applied.request})
        made["resource"] = reference(f"#{id_}")
    return made


def _timing(applied: Applied, action: Mapping[str, Any]) -> Resource:
    """When: a time that is relative in the template is the one that it comes to."""
    if applied.activity.timing:
        return {"timingTiming": applied.activity.timing}
    if applied.activity.span:
        return {"timingPeriod": period_of(applied.activity.span)}
    return {name: action[name] for name in _TIMES if name in action}
