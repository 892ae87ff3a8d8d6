"""CareTeamService by the operations that REST has, as SchedulingService is; it is served where CareTeam is owned.

The ledger is read in pages, one after the other as the client takes them, and ends where it ends when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc

from carethread.adapters.rpc.calls import Call, Workers
from carethread.adapters.rpc.health import CARE_TEAM_SERVICE
from carethread.adapters.rpc.operating import (
    Operating,
    Query,
    Said,
    ids,
    keyed,
    micros,
    moments,
    one,
    refer,
    references,
    said_of,
    texts,
    told,
    unary,
)
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.v1 import careteams_pb2 as pb

TYPE = "CareTeam"

_ANSWERS = {pb.HAND_OFF_ANSWER_ACCEPT: "accept", pb.HAND_OFF_ANSWER_DECLINE: "decline"}
_PAGE = 200
"""Entries of the ledger in a message."""


class CareTeams:
    """The calls of one runtime, each worked on by a thread."""

    def __init__(self, runtime: Runtime, workers: Workers) -> None:
        self._runtime = runtime
        self._workers = workers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer CareTeamService."""
        handlers = unary(self._runtime, self._workers, pb, _CALLS)
        handlers["Ledger"] = grpc.unary_stream_rpc_method_handler(
            self._ledger, pb.LedgerRequest.FromString, pb.LedgerResponse.SerializeToString
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(CARE_TEAM_SERVICE, handlers)])

    async def _ledger(self, request: pb.LedgerRequest, call: grpc.aio.ServicerContext) -> None:
        def pages(known: Call) -> Iterator[pb.LedgerResponse]:
            return _pages(Operating(self._runtime, known), request)

        await self._workers.stream(call, pages)


def _who(teams: Operating, request: pb.WhoIsAccountableRequest) -> pb.WhoIsAccountableResponse:
    ids("patient", request.patient)
    query = [("at", told("at_micros", request.at_micros))] if request.HasField("at_micros") else []
    said = said_of(teams.do(("Patient", request.patient), "accountable", (), query).body)
    who: Said = next(iter(said.get("accountable", ())), {})
    return pb.WhoIsAccountableResponse(
        patient=one(said, "patient"),
        at_micros=micros(one(said, "at")),
        member=one(who, "member"),
        practitioner=one(who, "practitioner"),
        team=one(who, "team"),
        department=one(who, "department"),
        since_micros=micros(one(who, "since")) if who else 0,
        until_micros=micros(one(who, "until")) if "until" in who else None,
        cause=one(who, "cause"),
        backups=said.get("backup", ()),
        then=said.get("then", ()),
        coordinator=one(said, "coordinator"),
        navigator=one(said, "navigator"),
    )


def _hand_off(teams: Operating, request: pb.HandOffRequest) -> pb.HandOffResponse:
    parts = [
        *references("patient", "Patient", [request.patient] if request.patient else []),
        *texts({"kind": request.kind, "urgency": request.urgency}, "valueCode"),
        *refer({"from": request.sender, "to": request.receiver, "focus": request.focus}),
        *texts({"reason": request.reason, "note": request.note}),
        *moments(request, {"deadline": "deadline_micros", "result-by": "result_by_micros"}),
        *moments(request, {"end-of-shift": "end_of_shift_micros"}),
    ]
    if request.expects_result:
        parts.append({"name": "expects-result", "valueBoolean": True})
    answered = teams.do(("Task", ""), "hand-off", parts, headers=keyed(request.idempotency_key), fields=_FIELDS)
    said = said_of(answered.body)
    summary: Resource | None = next(iter(said.get("summary", ())), None)
    return pb.HandOffResponse(
        task=teams.version(said["task"][0]),
        summary=json.render(summary) if summary else b"",
        summary_reference=f"Bundle/{summary['id']}" if summary else one(said, "summary-reference"),
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
        *refer({"by": request.by}),
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
        said = said_of(teams.do(where, "ledger", (), query).body)
        yield pb.LedgerResponse(entries=map(_entry, said.get("entry", ())))
        if "next-after" not in said:
            return
        after = str(said["next-after"][0])


def _entry(said: Said) -> pb.LedgerEntry:
    return pb.LedgerEntry(
        number=int(said["number"][0]),
        about=one(said, "about"),
        patient=one(said, "patient"),
        step=one(said, "step"),
        at_micros=micros(one(said, "at")),
        by=one(said, "by"),
        sender=one(said, "from"),
        receiver=one(said, "to"),
        deadline_micros=micros(one(said, "deadline")) if "deadline" in said else None,
        why=one(said, "why"),
    )


def _huddle(teams: Operating, request: pb.HuddleRequest) -> pb.HuddleResponse:
    ids("team", *([request.team] if request.team else []))
    ids("department", *([request.department] if request.department else []))
    query: list[tuple[str, str]] = [("attending", each) for each in request.attending]
    query += [("department", f"Organization/{request.department}")] if request.department else []
    query += [("since", told("since_micros", request.since_micros))] if request.HasField("since_micros") else []
    query += [("_count", str(request.count))] if request.count else []
    fields = {"_count": "count", "since": "since_micros"}
    said = said_of(teams.do((TYPE, request.team), "huddle", (), query, fields=fields).body)
    return pb.HuddleResponse(
        team=one(said, "team"),
        department=one(said, "department"),
        previous=one(said, "previous"),
        since_micros=micros(one(said, "since")),
        total=int(said["total"][0]),
        people=map(_person, said.get("person", ())),
    )


def _person(said: Said) -> pb.HuddlePerson:
    reasons = [
        pb.HuddleReason(
            code=one(each, "code"),
            text=one(each, "text"),
            points=int(each["points"][0]),
            about=one(each, "about"),
            since_micros=micros(one(each, "since")),
            title=one(each, "title"),
        )
        for each in said.get("reason", ())
    ]
    return pb.HuddlePerson(patient=one(said, "patient"), score=int(said["score"][0]), reasons=reasons)


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
