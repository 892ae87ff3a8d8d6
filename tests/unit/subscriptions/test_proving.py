"""What a delivery report comes to, in lines and in gaps."""

from __future__ import annotations

from typing import Any

from carethread.subscriptions.proving import proof_of

BASE = "http://localhost/fhir"
COUNTS = {"matched": 3, "acknowledged": 1, "pending": 1, "parked": 0, "quarantined": 0, "off": 0}


def report(gaps: int, *parts: dict[str, Any]) -> dict[str, Any]:
    counts = [{"name": name, "valueInteger": count} for name, count in (COUNTS | {"gaps": gaps}).items()]
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "status", "valueCode": "active"}, *counts, *parts],
    }


def gap(**more: Any) -> dict[str, Any]:
    said = [
        {"name": "why", "valueCode": "pending"},
        {"name": "service", "valueCode": "scheduling"},
        {"name": "sequence", "valueString": "7"},
        {"name": "focus", "valueUri": f"{BASE}/Appointment/1/_history/2"},
        {"name": "timestamp", "valueInstant": "2026-11-22T08:00:00Z"},
    ]
    return {"name": "gap", "part": [*said, *({"name": name, "valueString": text} for name, text in more.items())]}


def test_nothing_is_missing() -> None:
    proof = proof_of("s1", report(0), BASE)
    told = "subscription s1 (active): 3 matched, 1 acknowledged, 1 pending, 0 parked, 0 quarantined, 0 off"
    assert (proof.lines, proof.gaps) == ([told], 0)


def test_each_gap_has_its_line() -> None:
    more = {"event-number": "4", "reason": "timeout"}
    proof = proof_of("s1", report(2, gap(), gap(**more)), BASE)
    named = "GAP  subscription s1 pending: Appointment/1/_history/2 of 2026-11-22T08:00:00Z, scheduling 7"
    assert (proof.lines[1:], proof.gaps) == ([named, f"{named} number 4 (timeout)"], 2)


def test_more_gaps_than_are_named() -> None:
    assert proof_of("s1", report(1500, gap()), BASE).gaps == 1500


def test_a_service_that_could_not_be_asked_is_a_gap() -> None:
    part = [{"name": "service", "valueCode": "records"}, {"name": "unknown", "valueBoolean": True}]
    proof = proof_of("s1", report(0, {"name": "source", "part": part}), BASE)
    assert (proof.lines[1:], proof.gaps) == (["GAP  subscription s1 not-proved: records could not be asked"], 1)


def test_when_it_was_off_is_said_and_no_gap() -> None:
    def interval(reason: str, **end: str) -> dict[str, Any]:
        said: list[dict[str, Any]] = [
            {"name": "status", "valueCode": "off"},
            {"name": "period", "valuePeriod": {"start": "2026-11-22T08:00:00Z", **end}},
        ]
        return {"name": "interval", "part": said + ([{"name": "reason", "valueString": reason}] if reason else [])}

    proof = proof_of("s1", report(0, interval("", end="2026-11-22T09:00:00Z"), interval("asked")), BASE)
    assert proof.lines[1:] == [
        "      subscription s1 was off from 2026-11-22T08:00:00Z to 2026-11-22T09:00:00Z",
        "      subscription s1 was off from 2026-11-22T08:00:00Z to now (asked)",
    ]
    assert proof.gaps == 0
