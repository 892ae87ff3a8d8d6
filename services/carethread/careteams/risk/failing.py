"""A rule that cannot be asked, of somebody's facts: a DetectedIssue says so, once, until the rule is another.

The other rules go on, and what the rule said of that person before stands.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.risk.rules import Rule
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)

_CONDITION = "PlanDefinition.action[0].condition[0].expression"


def tell(unit: WriteUnit, failures: Mapping[Rule, str], context: Context) -> None:
    """Stage an alarm for each rule that has none."""
    for rule, why in failures.items():
        standing = unit.find(("DetectedIssue", _id(rule.id)))
        if standing and standing["status"] == "preliminary":
            continue
        log.error("risk_rule_failed", extra={"rule": rule.name, "reason": why})
        unit.update(_issue(rule, why, instant(to_micros(context.clock()))))


def _id(definition: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"risk-rule-failed/PlanDefinition/{definition}"))


def _issue(rule: Rule, why: str, now: str) -> Resource:
    return {
        "resourceType": "DetectedIssue",
        "id": _id(rule.id),
        "status": "preliminary",
        "code": {"text": "A risk rule cannot be asked"},
        "severity": "high",
        "identifiedDateTime": now,
        "implicated": [{"reference": f"PlanDefinition/{rule.id}"}],
        "detail": f"{_CONDITION} of {rule.name}: {why}",
    }


def rules_changed(runtime: Runtime, session: Session, definitions: Collection[str], context: Context) -> None:
    """Close the alarms of rules that are others now."""
    unit = WriteUnit(runtime, session, context)
    now = instant(to_micros(context.clock()))
    for id_ in sorted(definitions):
        issue = unit.find(("DetectedIssue", _id(id_)))
        if issue and issue["status"] == "preliminary":
            over = {"action": {"text": "The rule was changed."}, "date": now}
            unit.update({**issue, "status": "final", "mitigation": [over]})
    unit.store()
