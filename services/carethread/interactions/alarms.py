"""Alarms: what a service finds wrong with itself becomes a DetectedIssue while it lasts, once.

The owner of DetectedIssue keeps which alarms are open, by a tag; a look compares it with what is wrong now, so that a
process that ends between two looks forgets nothing. One that is over stays, as `final` and without the tag.
Source: http://hl7.org/fhir/R4/detectedissue.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from urllib.parse import urlencode

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Peer, Request, Resource
from carethread.core.service import Runtime

OWNER, GATEWAY = "careteams", "gateway"
SYSTEM = "https://carethread.dev/fhir/alarm"
"""Identifies alarms (`identifier`), and tags those that are open with their scope."""

MOST = 500
"""Alarms of one service that are open at once; what is wrong beyond that is told when those are over."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something wrong: `name` is the same for as long as it is the same (`silent/Subscription/1`)."""

    name: str
    code: str
    detail: str
    about: str = ""
    severity: Literal["high", "moderate", "low"] = "high"


def settle(
    runtime: Runtime, scope: str, alarms: Sequence[Alarm], context: Context, *, lasting: int = 0
) -> tuple[list[str], list[str]]:
    """Open what is wrong and not open, close what is open and not wrong; returns the names of both.

    `scope` is whose alarms these are, all of them: `scheduling`. Where several look at the same and each sees a part,
    one that does not find an alarm cannot say that it is over: it is when nobody has found it for `lasting` seconds;
    those who do renew it in time. Raises Busy when the owner of DetectedIssue is away.
    """
    moment = to_micros(context.clock())
    now = instant(moment)
    wrong = {f"{scope}/{alarm.name}": alarm for alarm in alarms[:MOST]}
    opened = {issue["identifier"][0]["value"]: issue for issue in _opened(runtime.peer, scope, context)}
    raised = [name for name in wrong if name not in opened]
    ages = {name: _age(issue, moment) for name, issue in opened.items()} if lasting else {}
    over = [name for name in opened if name not in wrong and ages.get(name, lasting) >= lasting]
    for name in raised:
        _put(runtime.peer, _issue(scope, name, wrong[name], now), context)
    for name in (name for name, age in ages.items() if name in wrong and age >= lasting // 2):
        _put(runtime.peer, _issue(scope, name, wrong[name], opened[name]["identifiedDateTime"]), context)
    for name in over:
        _put(runtime.peer, _closed(opened[name], now), context)
    return raised, over


def _age(issue: Resource, now: int) -> float:
    """Seconds since it was last said."""
    span = date_range(issue["meta"]["lastUpdated"])
    return (now - span[0]) / 1_000_000 if span else 0.0


def _issue(scope: str, name: str, alarm: Alarm, now: str) -> Resource:
    return {
        "resourceType": "DetectedIssue",
        "id": f"alarm-{sha256(name.encode()).hexdigest()[:40]}",
        "meta": {"tag": [{"system": SYSTEM, "code": scope}]},
        "identifier": [{"system": SYSTEM, "value": name}],
        "status": "preliminary",
        "code": {"text": alarm.code},
        "severity": alarm.severity,
        "identifiedDateTime": now,
        **({"implicated": [{"reference": alarm.about}]} if alarm.about else {}),
        "detail": alarm.detail,
    }


def _closed(issue: Resource, now: str) -> Resource:
    return {
        **{name: value for name, value in issue.items() if name != "meta"},
        "status": "final",
        "mitigation": [{"action": {"text": "It is over."}, "date": now}],
    }


def _opened(peer: Peer, scope: str, context: Context) -> list[Resource]:
    params = urlencode({"_tag": f"{SYSTEM}|{scope}", "_count": str(MOST)})
    form = {"content-type": "application/x-www-form-urlencoded", "traceparent": context.traceparent}
    body = _called(peer, Request("POST", "DetectedIssue/_search", headers=form, body=params.encode()), 200)
    return [entry["resource"] for entry in json.parse_object(body).get("entry", ())]


def _put(peer: Peer, issue: Resource, context: Context) -> None:
    headers = {"content-type": "application/fhir+json", "traceparent": context.traceparent}
    _called(peer, Request("PUT", f"DetectedIssue/{issue['id']}", headers=headers, body=json.render(issue)), 200, 201)


def _called(peer: Peer, request: Request, *good: int) -> bytes:
    answer = peer.call(OWNER if peer.knows(OWNER) else GATEWAY, request)
    if answer.status not in good:
        raise Busy(f"The owner of DetectedIssue answers {answer.status}.")
    return answer.body
