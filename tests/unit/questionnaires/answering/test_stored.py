"""What was just stored is read once, whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Key, Resource, Session, Stored
from carethread.questionnaires.answering import stored as module
from carethread.questionnaires.answering.stored import form_of, saved
from support.instruments import answering, shipped

PHQ = shipped("phq-9")


class Memory:
    def __init__(self, *resources: Resource, deleted: bool = False) -> None:
        self.known = {each["id"]: (b"" if deleted else json.render(each)) for each in resources}
        self.deleted = deleted

    def current(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        return {(kind, id_): Stored(kind, id_, 1, 0, self.deleted, self.known[id_]) for kind, id_ in keys}


def test_the_response_and_its_form_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    session = cast("Session", Memory(answering(PHQ, {}, id="r1"), answering(PHQ, {}, id="r2")))
    asked: list[Resource] = []

    def counted(session: Session, response: Resource) -> object:
        asked.append(response)
        return form_of(session, response)

    monkeypatch.setattr(module, "form_of", counted)
    versions = saved(session, ["r1", "r2"])
    for each in versions:
        assert each.response is each.response
        assert each.form is each.form is not None
        assert (each.form.url, each.response["id"]) == (PHQ.url, each.id)
    assert [each["id"] for each in asked] == ["r1", "r2"]


def test_of_one_that_is_deleted_nothing_is_read() -> None:
    (gone,) = saved(cast("Session", Memory(answering(PHQ, {}, id="r1"), deleted=True)), ["r1"])
    assert gone.response == {}
    assert gone.stored.deleted
