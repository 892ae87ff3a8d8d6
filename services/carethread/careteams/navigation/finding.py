"""What navigation looks for among the resources that are stored, in the transaction of a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.careteams.levels import HIGH, highest, level
from carethread.careteams.searching import every
from carethread.careteams.tasks import OPEN, TASKS
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session, Stored


def stored(
    session: Session, type_name: str, params: Sequence[tuple[str, str]], base_url: str, count: int
) -> list[Stored]:
    """The first matches of a search."""
    return list(session.search(parse_query(type_name, params, base=base_url), count).matches)


def found(
    session: Session, type_name: str, params: Sequence[tuple[str, str]], base_url: str, count: int
) -> list[Resource]:
    """As `stored`, parsed."""
    return [json.parse_object(each.body) for each in stored(session, type_name, params, base_url, count)]


def tasks(
    session: Session, code: str, params: Sequence[tuple[str, str]], base_url: str, count: int, *, undone: bool = True
) -> list[Resource]:
    """Tasks of ours of a kind; those that are open, if not all are asked for."""
    wanted = [("code", f"{TASKS}|{code}"), *([("status", ",".join(OPEN))] if undone else ()), *params]
    return found(session, "Task", wanted, base_url, count)


def standing(session: Session, patient: str, now: int, base_url: str) -> dict[str, str]:
    """The RiskAssessments (their ids) by which a person's risk is high now, each with its level."""
    return {each["id"]: said for each in foretelling(session, patient, base_url) if (said := level(each, now, HIGH))}


def foretelling(session: Session, patient: str, base_url: str) -> Iterator[Resource]:
    """The RiskAssessments that say that a person's risk is high, also those that are over, the newest first."""
    params = [("subject", patient), ("risk", ",".join(HIGH)), ("_sort", "-_lastUpdated")]
    return (json.parse_object(each.body) for each in every(session, "RiskAssessment", params, base_url))


def risk(session: Session, patient: str, now: int, base_url: str) -> str:
    """How high a person's risk is; empty where it is not."""
    return highest(standing(session, patient, now, base_url).values())
