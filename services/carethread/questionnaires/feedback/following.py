"""Whenever a response is completed, amended or taken back: what it says of the care that somebody had is somebody's to
answer, and its comments are read. What is requested for that is committed with the response.

A response has one Task to be answered, however often it is sent and whatever is amended: when it says more than it did,
by another kind of feedback or by other words of a comment, that Task is asked again, be it answered already, and the
person told of it or not yet; when it says nothing any more, the Task goes unless somebody works on it. Each wording of
its comments has one Task to be coded. What is told as history comes to a list, and asks nobody; the same said here then
does. What is sent for one response has a key of its own, so that it waits for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import Resource, Session, Stored, Wanted
from carethread.interactions.requesting import wanted, wanted_change
from carethread.questionnaires.answering.stored import Saved
from carethread.questionnaires.extracting.extracted import FINISHED, uuid_of
from carethread.questionnaires.feedback.heard import Heard, heard
from carethread.questionnaires.feedback.telling import ANSWER, CODE, REVIEW, answer_task, code_task, priority_of, reason

TOLD = "feedback"
"""The kind of places that tell what was requested for which response (holder): `code/Task's id/what it said`, the
kinds of feedback joined by `+`, empty once it is taken back; of a comment the version that said it."""

UNTOLD = "https://carethread.dev/fhir/CodeSystem/feedback-untold"
_VOID, _CHANGED = "answer-withdrawn", "answer-changed"
_UNTOUCHED = "status=requested,received"
_UNDONE = "status=requested,received,accepted,ready,in-progress,on-hold"
_OVER = "status=completed,cancelled"
_ANSWERED, _NOT_TOLD = (
    f"status=accepted,in-progress,on-hold&business-status={each}" for each in ("resolved", "not-told")
)


def feedback_told(session: Session, versions: Sequence[Saved], context: Context) -> None:
    """Request what the responses that were just stored ask for, and change what was requested for them earlier."""
    asked: list[Wanted] = []
    for version in versions:
        stored, response = version.stored, version.response
        if stored.version == 1 and response.get("status") not in FINISHED:
            continue
        said = _heard(version)
        standing = session.places(TOLD, stored.id) if stored.version > 1 else []
        if standing or said != Heard():
            turn = _Turn(session, stored, response, said, context.about(("QuestionnaireResponse", stored.id)))
            turn.follow(dict(_read(standing)))
            asked += turn.asked
    if asked:
        session.requests.put(*asked)


def _heard(version: Saved) -> Heard:
    if version.response.get("status") not in FINISHED:
        return Heard()
    said = heard(version.form, version.response)
    return said if said.kinds or said.comments else Heard()


def _read(keys: Sequence[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """What stands, by the code of its Task: the Task's id, and what it said."""
    for key in keys:
        code, id_, said = key.split("/")
        yield code, (id_, said)


def _keys(standing: Mapping[str, tuple[str, str]]) -> list[str]:
    return [f"{code}/{id_}/{said}" for code, (id_, said) in standing.items()]


class _Turn:
    """What follows from one version of a response."""

    def __init__(self, session: Session, stored: Stored, response: Resource, said: Heard, context: Context) -> None:
        self.session, self.context, self.response, self.said = session, context, response, said
        self.id = stored.id
        self.version = stored.version
        self.now = to_micros(context.clock())
        self.void = response.get("status") not in FINISHED
        self.asked: list[Wanted] = []

    def follow(self, standing: Mapping[str, tuple[str, str]]) -> None:
        made = {**self._answers(standing), **self._comments(standing)}
        keys, known = _keys(made), _keys(standing)
        if set(known) - set(keys):
            self.session.release(TOLD, self.id, keys)
        self.session.claim_all(TOLD, {key: self.id for key in keys if key not in known})

    def _answers(self, standing: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """What is to be answered: the Tasks that stand after this."""
        made = {code: standing[code] for code in (ANSWER, REVIEW) if code in standing}
        if not self.said.kinds:
            for code, (id_, earlier) in made.items():
                if earlier:
                    self._take_back(id_, _UNDONE if self.void else _UNTOUCHED)
                made[code] = id_, ""
            return made
        code = REVIEW if self.context.backfill and ANSWER not in made else ANSWER
        said = "+".join(self.said.kinds)
        if code not in made:
            id_ = self._uuid(code)
            task = answer_task(id_, code, self.said, self.response, self.id, self.now)
            self._request(task)
        else:
            id_, earlier = made[code]
            before = earlier.split("+") if earlier else []
            if set(self.said.kinds) - set(before) or set(self.said.comments) - set(self.earlier):
                self._ask_again(code, id_, [*before, *(kind for kind in self.said.kinds if kind not in before)])
        made[code] = id_, said
        if code == ANSWER and REVIEW in made and made[REVIEW][1]:
            self._take_back(made[REVIEW][0], _UNDONE)
            made[REVIEW] = made[REVIEW][0], ""
        return made

    def _comments(self, standing: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """What is to be coded: the Task of the comments as they are now."""
        if CODE in standing and self.said.comments and self.earlier == self.said.comments:
            return {CODE: standing[CODE]}
        if CODE in standing:
            self._take_back(standing[CODE][0], f"{_UNDONE},completed")
        if not self.said.comments:
            return {}
        id_ = self._uuid(f"{CODE}/{self.version}")
        self._request(code_task(id_, self.said, self.response, self.id, self.now))
        return {CODE: (id_, str(self.version))}

    @cached_property
    def earlier(self) -> tuple[str, ...]:
        """The comments of the version before."""
        before = self.session.version(("QuestionnaireResponse", self.id), self.version - 1)
        return _heard(Saved(self.session, before)).comments if before else ()

    def _ask_again(self, code: str, id_: str, kinds: Sequence[str]) -> None:
        """Have a Task say what else was said; one that is over is begun again, and so is one that was answered, of
        which the person is not told yet.

        One whose message has come to nothing is over first: to be requested, it would be given back as it is.
        """
        said: list[Resource] = [
            {"op": "add", "path": "/reasonCode", "value": reason(kinds)},
            {"op": "add", "path": "/priority", "value": priority_of(code, kinds)},
        ]
        self._change(id_, said, _UNDONE)
        self._take_back(id_, _NOT_TOLD)
        for answered in (_ANSWERED, _OVER):
            self._change(id_, [*said, {"op": "replace", "path": "/status", "value": "requested"}], answered)

    def _take_back(self, id_: str, condition: str) -> None:
        why = {"coding": [{"system": UNTOLD, "code": _VOID if self.void else _CHANGED}]}
        patch: list[Resource] = [
            {"op": "replace", "path": "/status", "value": "cancelled"},
            {"op": "add", "path": "/statusReason", "value": why},
        ]
        self._change(id_, patch, condition)

    def _request(self, task: Resource) -> None:
        self.asked.append(wanted(task, self.context, self._key, new=True))

    def _change(self, id_: str, patch: Sequence[Resource], condition: str) -> None:
        self.asked.append(wanted_change(("Task", id_), patch, self.context, key=self._key, condition=condition))

    def _uuid(self, cause: str) -> str:
        return uuid_of(self.id)(f"feedback/{cause}")

    @property
    def _key(self) -> str:
        return f"feedback/{self.id}"
