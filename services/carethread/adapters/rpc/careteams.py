"""CareTeamService by the operations that REST has, as SchedulingService is; it is served where CareTeam is owned.

The ledger is read in pages, one after the other as the client takes them, and ends where it ends when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import grpc

from carethread.adapters.rpc.calls import Call, Workers
from carethread.adapters.rpc.health import CARE_TEAM_SERVICE
from carethread.adapters.rpc.operating import Operating, Query, ids, keyed, micros, references, texts, told
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.v1 import careteams_pb2 as pb

TYPE = "CareTeam"

_ANSWERS = {pb.HAND_OFF_ANSWER_ACCEPT: "accept", pb.HAND_OFF_ANSWER_DECLINE: "decline"}
_PAGE = 200
"""Entries of the ledger in a message."""

_MEMBERS = ("valueReference", "valueInstant", "valueCode", "valueString", "valueUnsignedInt", "valuePositiveInt")

Said = Mapping[str, list[Any]]
"""What an operation answers: the values of its parameters by name; a part has its own."""


class CareTeams:
    """The calls of one runtime, each worked on by a thread."""

    def __init__(self, runtime: Runtime, workers: Workers) -> None:
        self._runtime = runtime
        self._workers = workers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer CareTeamService."""
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                partial(self._answer, work),
                getattr(pb, f"{name}Request").FromString,
                getattr(pb, f"{name}Response").SerializeToString,
            )
            for name, work in _CALLS.items()
        }
        handlers["Ledger"] = grpc.unary_stream_rpc_method_handler(
            self._ledger, pb.LedgerRequest.FromString, pb.LedgerResponse.SerializeToString
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(CARE_TEAM_SERVICE, handlers)])

    async def _answer(self, work: Callable[[Operating, Any], Any], request: Any, call: grpc.aio.ServicerContext) -> Any:
        return await self._workers.answer(call, lambda known: work(Operating(self._runtime, known), request))

    async def _ledger(self, request: pb.LedgerRequest, call: grpc.aio.ServicerContext) -> None:
        def pages(known: Call) -> Iterator[pb.LedgerResponse]:
            return _pages(Operating(self._runtime, known), request)

        await self._workers.stream(call, pages)


def _who(teams: Operating, request: pb.WhoIsAccountableRequest) -> pb.WhoIsAccountableResponse:
    ids("patient", request.patient)
    query = [("at", told("at_micros", request.at_micros))] if request.HasField("at_micros") else []
    said = _said(teams.do(("Patient", request.patient), "accountable", (), query).body)
    who: Said = next(iter(said.get("accountable", ())), {})
    return pb.WhoIsAccountableResponse(
        patient=_one(said, "patient"),
        at_micros=micros(_one(said, "at")),
        member=_one(who, "member"),
        practitioner=_one(who, "practitioner"),
        team=_one(who, "team"),
        department=_one(who, "department"),
        since_micros=micros(_one(who, "since")) if who else 0,
        until_micros=micros(_one(who, "until")) if "until" in who else None,
        cause=_one(who, "cause"),
        backups=said.get("backup", ()),
        then=said.get("then", ()),
        coordinator=_one(said, "coordinator"),
        navigator=_one(said, "navigator"),
    )


def _hand_off(teams: Operating, request: pb.HandOffRequest) -> pb.HandOffResponse:
    parts = [
        *references("patient", "Patient", [request.patient] if request.patient else []),
        *texts({"kind": request.kind, "urgency": request.urgency}, "valueCode"),
        *_refer({"from": request.sender, "to": request.receiver, "focus": request.focus}),
        *texts({"reason": request.reason, "note": request.note}),
        *_moments(request, {"deadline": "deadline_micros", "result-by": "result_by_micros"}),
        *_moments(request, {"end-of-shift": "end_of_shift_micros"}),
    ]
    if request.expects_result:
        parts.append({"name": "expects-result", "valueBoolean": True})
    answered = teams.do(("Task", ""), "hand-off", parts, headers=keyed(request.idempotency_key), fields=_FIELDS)
    said = _said(answered.body)
    summary: Resource | None = next(iter(said.get("summary", ())), None)
    return pb.HandOffResponse(
        task=teams.version(said["task"][0]),
        summary=json.render(summary) if summary else b"",
        summary_reference=f"Bundle/{summary['id']}" if summary else _one(said, "summary-reference"),
    )


_FIELDS = {
    "to": "receiver",
    "from": "sender",
    "deadline": "deadline_micros",
    "result-by": "result_by_micros",
    "end-of-shift": "end_of_shift_micros",
}
"""The fields of HandOffRequest by the parameters that they become, where the names differ."""


def _answered(teams: Operating, request: pb.AnswerRequest) -> pb.AnswerResponse:
    ids("task", request.task)
    if request.answer not in _ANSWERS:
        raise Malformed("answer is a value of HandOffAnswer.", code="value", expression="answer")
    parts = [
        *texts({"answer": _ANSWERS[request.answer]}, "valueCode"),
        *_refer({"by": request.by}),
        *texts({"reason": request.reason}),
    ]
    headers = {"if-match": f'W/"{request.if_version}"'} if request.HasField("if_version") else {}
    return pb.AnswerResponse(
        task=teams.version(json.parse_object(teams.do(("Task", request.task), "answer", parts, headers=headers).body))
    )


def _pages(teams: Operating, request: pb.LedgerRequest) -> Iterator[pb.LedgerResponse]:
    """The entries in messages; at least one, which may be empty."""
    if bool(request.patient) == bool(request.task):
        raise Malformed("Name a patient or a task, one of the two.", code="required", expression="patient")
    where = ("Patient", request.patient) if request.patient else ("Task", request.task)
    ids(where[0].lower(), where[1])
    after = str(request.after) if request.after else ""
    while True:
        query = [("_count", str(_PAGE)), *([("after", after)] if after else [])]
        said = _said(teams.do(where, "ledger", (), query).body)
        yield pb.LedgerResponse(entries=map(_entry, said.get("entry", ())))
        if "next-after" not in said:
            return
        after = str(said["next-after"][0])


def _entry(said: Said) -> pb.LedgerEntry:
    return pb.LedgerEntry(
        number=int(said["number"][0]),
        about=_one(said, "about"),
        patient=_one(said, "patient"),
        step=_one(said, "step"),
        at_micros=micros(_one(said, "at")),
        by=_one(said, "by"),
        sender=_one(said, "from"),
        receiver=_one(said, "to"),
        deadline_micros=micros(_one(said, "deadline")) if "deadline" in said else None,
        why=_one(said, "why"),
    )


def _huddle(teams: Operating, request: pb.HuddleRequest) -> pb.HuddleResponse:
    ids("team", *([request.team] if request.team else []))
    ids("department", *([request.department] if request.department else []))
    query: list[tuple[str, str]] = [("attending", each) for each in request.attending]
    query += [("department", f"Organization/{request.department}")] if request.department else []
    query += [("since", told("since_micros", request.since_micros))] if request.HasField("since_micros") else []
    query += [("_count", str(request.count))] if request.count else []
    fields = {"_count": "count", "since": "since_micros"}
    said = _said(teams.do((TYPE, request.team), "huddle", (), query, fields=fields).body)
    return pb.HuddleResponse(
        team=_one(said, "team"),
        department=_one(said, "department"),
        previous=_one(said, "previous"),
        since_micros=micros(_one(said, "since")),
        total=int(said["total"][0]),
        people=map(_person, said.get("person", ())),
    )


def _person(said: Said) -> pb.HuddlePerson:
    reasons = [
        pb.HuddleReason(
            code=_one(each, "code"),
            text=_one(each, "text"),
            points=int(each["points"][0]),
            about=_one(each, "about"),
            since_micros=micros(_one(each, "since")),
            title=_one(each, "title"),
        )
        for each in said.get("reason", ())
    ]
    return pb.HuddlePerson(patient=_one(said, "patient"), score=int(said["score"][0]), reasons=reasons)


def _about_me(teams: Operating, request: pb.AboutMeRequest) -> pb.AboutMeResponse:
    ids("patient", request.patient)
    given = {"recipient": request.recipient, "as": request.as_related_person}
    query: Query = [(name, text) for name, text in given.items() if text]
    fields = {"as": "as_related_person"}
    return pb.AboutMeResponse(json=teams.do(("Patient", request.patient), "about-me", (), query, fields=fields).body)


_CALLS: dict[str, Callable[[Operating, Any], Any]] = {
    "WhoIsAccountable": _who,
    "HandOff": _hand_off,
    "Answer": _answered,
    "Huddle": _huddle,
    "AboutMe": _about_me,
}


def _said(body: bytes) -> Said:
    return _values(json.parse_object(body).get("parameter", ()))


def _values(parts: Sequence[Resource]) -> Said:
    found: dict[str, list[Any]] = {}
    for part in parts:
        member = next((name for name in (*_MEMBERS, "resource") if name in part), "")
        value = part[member] if member else _values(part.get("part", ()))
        found.setdefault(part["name"], []).append(value["reference"] if member == "valueReference" else value)
    return found


def _one(said: Said, name: str) -> str:
    """The first value of a name; empty without one."""
    return str(next(iter(said.get(name, ())), ""))


def _refer(given: Mapping[str, str]) -> Iterator[Resource]:
    for name, reference in given.items():
        if reference:
            yield {"name": name, "valueReference": {"reference": reference}}


def _moments(request: pb.HandOffRequest, fields: Mapping[str, str]) -> Iterator[Resource]:
    for name, member in fields.items():
        if request.HasField(member):
            yield {"name": name, "valueInstant": told(member, getattr(request, member))}
