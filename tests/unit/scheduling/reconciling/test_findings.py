"""What reconciling finds, against a model that says each kind of finding in one sentence over all pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.scheduling.reconciling.findings import KINDS, Finding, findings
from carethread.scheduling.reconciling.sides import Seats, Visit
from carethread.scheduling.visits.transitions import is_move

STATUSES = ("proposed", "pending", "booked", "arrived", "fulfilled", "noshow", "cancelled", "entered-in-error")
HOW_FAR = ("proposed", "pending", "booked", "arrived", "checked-in", "fulfilled")


def visit(id_: str = "a", *, ours: bool = True, status: str = "booked", begin: int = 10, **more: object) -> Visit:
    given_too: dict[str, object] = {"end": begin + 10, "version": 3, **more}
    return Visit("Appointment", id_, ours=ours, status=status, begin=begin, **given_too)  # type: ignore[arg-type]


def seats(id_: str = "s", *, ours: bool = True, status: str = "free", begin: int = 10, **more: object) -> Seats:
    given_too: dict[str, object] = {"end": begin + 10, "version": 2, "schedule": "x", **more}
    return Seats("Slot", id_, ours=ours, status=status, begin=begin, **given_too)  # type: ignore[arg-type]


def fix(slots: Sequence[Seats], visits: Sequence[Visit]) -> Finding:
    [found] = findings(slots, visits)
    return found


# ------------------------------------------------------------------------------------------------------------ the fixes


def test_a_slot_of_ours_that_is_stuck_is_freed_if_it_is_still_so():
    found = fix([seats(status="busy")], [])
    assert (found.kind, found.about, found.fix.method, found.fix.url) == ("stuck-busy", ("Slot/s",), "PATCH", "Slot/s")
    assert (found.fix.if_match, found.fix.body) == ('W/"2"', '[{"op": "replace", "path": "/status", "value": "free"}]')


def test_a_slot_of_the_ehr_that_is_stuck_is_asked_about():
    found = fix([seats(status="busy", ours=False, source="urn:ehr")], [])
    assert (found.kind, found.fix.method, found.source) == ("stuck-busy", "", "urn:ehr")


def test_closed_on_purpose_is_not_stuck():
    assert list(findings([seats(status="busy-unavailable")], [])) == []


def test_a_cancellation_that_the_ehr_lacks_is_sent_and_one_that_we_lack_is_made():
    key = frozenset({"urn:x|1"})
    ours, theirs = visit("a", identifiers=key), visit("b", ours=False, identifiers=key)
    gone = visit("a", identifiers=key, status="cancelled")
    found = fix([], [gone, theirs])
    assert (found.kind, found.about, found.fix.send) == (
        "cancelled-here", ("Appointment/a", "Appointment/b"), "Appointment/a/_history/3"
    )  # fmt: skip
    found = fix([], [ours, visit("b", ours=False, identifiers=key, status="cancelled")])
    assert (found.kind, found.fix.method, found.fix.url) == ("cancelled-there", "POST", "Appointment/a/$cancel")
    found = fix([], [visit("a", identifiers=key, status="pending", over=True), theirs])
    assert (found.kind, found.said) == ("cancelled-here", "It is a hold that is over here and booked at the EHR.")


def test_who_says_more_of_a_visit_was_there():
    def said(here: str, there: str) -> tuple[str, str, str]:
        person = frozenset({"p"})
        ours, theirs = visit("a", status=here, patients=person), visit("b", ours=False, status=there, patients=person)
        found = fix([], [ours, theirs])
        assert found.kind == "status-difference"
        return found.fix.method, str(found.fix.body or ""), found.fix.send

    arrived = '[{"op": "replace", "path": "/status", "value": "arrived"}]'
    assert said("booked", "arrived") == ("PATCH", arrived, "")
    assert said("arrived", "booked") == ("", "", "Appointment/a/_history/3")
    assert said("fulfilled", "noshow") == ("", "", "")
    assert said("pending", "fulfilled") == ("", "", ""), "not in one step"


def test_what_was_cancelled_and_booked_anew_on_both_sides_is_no_difference():
    both = [
        visit(f"{side}{status}", ours=side == "o", status=status, patients=frozenset({"p"}))
        for side, status in product("ot", ("cancelled", "booked"))
    ]
    assert list(findings([], both)) == []


def test_a_visit_that_both_sides_have_is_neither_booked_twice_nor_too_many_for_its_slot():
    shared: Any = {"patients": frozenset({"p"}), "actors": frozenset({"Patient/p"}), "slots": frozenset({"s"})}
    assert list(findings([seats(status="busy")], [visit("a", **shared), visit("b", ours=False, **shared)])) == []


# ------------------------------------------------------------------------------------------------------------ the model


def pairs(ours: Sequence[Visit], theirs: Sequence[Visit]) -> list[tuple[Visit, Visit]]:
    """All that could be one and the same, the surest first; each is taken once."""

    def doubt(one: Visit, other: Visit) -> int:
        if one.identifiers & other.identifiers:
            return 0
        return 2 if one.patients & other.patients and one.begin == other.begin else 4

    possible = [(doubt(a, b) + (a.gone != b.gone), a.id, b.id, a, b) for a, b in product(ours, theirs)]
    taken: set[str] = set()
    found = []
    for sure, _, _, a, b in sorted(possible, key=lambda each: each[:3]):
        if sure < 4 and not {a.id, b.id} & taken:
            taken |= {a.id, b.id}
            found.append((a, b))
    return found


def model(slots: Sequence[Seats], visits: Sequence[Visit]) -> Iterator[tuple[str, tuple[str, ...]]]:
    ours, theirs = [v for v in visits if v.ours], [v for v in visits if not v.ours]
    same = pairs(ours, theirs)
    double = {b.id for a, b in same if a.holds}
    for slot in slots:
        having = [v for v in visits if v.holds and slot.id in v.slots]
        count = len(having) - len([b for a, b in same if a in having and b in having])
        kept = [v for v in having if v.ours or not (v.id in double and _twin(v, same) in having)]
        names = tuple(sorted(v.reference for v in kept))
        if slot.status == "busy" and count < slot.capacity:
            yield "stuck-busy", (slot.reference,)
        if slot.status == "free" and count >= slot.capacity:
            yield "stuck-free", (slot.reference, *names)
        if count > slot.capacity and any(not v.ours for v in kept):
            yield "overbooked", (slot.reference, *names)
    for a, b in same:
        both = (a.reference, b.reference)
        if a.gone and b.holds:
            yield "cancelled-here", both
        if b.gone and a.holds:
            yield "cancelled-there", both
        if a.status != b.status and not (a.gone and (b.gone or b.holds)) and not (b.gone and a.holds):
            yield "status-difference", both
        if a.holds and b.holds and (a.begin, a.end) != (b.begin, b.end):
            yield "time-difference", both
    for a, b in combinations(visits, 2):
        first, second = sorted((a, b), key=lambda v: (not v.ours, v.id))
        meet = a.holds and b.holds and max(a.begin, b.begin) < min(a.end, b.end) and (first, second) not in same
        people = {who for who in a.actors & b.actors if who.startswith("Patient/") or not a.slots & b.slots}
        if meet and people and not (a.ours and b.ours):
            yield "double-booked", (first.reference, second.reference)
    for each in theirs:
        for before, after in pairwise(each.statuses):
            if not is_move(before, after):
                yield "status-jump", (each.reference,)


def _twin(visit: Visit, same: Sequence[tuple[Visit, Visit]]) -> Visit | None:
    return next((a for a, b in same if b == visit), None)


def some(*values: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Seats], list[Visit]]:
    slots = [
        seats(
            id_,
            status=draw(st.sampled_from(("free", "busy", "busy-unavailable"))),
            capacity=draw(st.integers(1, 2)),
            begin=number,
        )
        for number, id_ in enumerate(("s", "t"))
    ]
    visits = [
        visit(
            id_,
            ours=draw(st.booleans()),
            status=draw(st.sampled_from(STATUSES)),
            begin=draw(st.sampled_from((10, 15))),
            end=draw(st.sampled_from((15, 20, 30))),
            identifiers=draw(some("x", "y")),
            patients=draw(some("p", "q")),
            actors=draw(some("Patient/p", "Practitioner/n")),
            slots=draw(some("s", "t")),
            statuses=draw(st.lists(st.sampled_from(STATUSES), max_size=2)),
        )
        for id_ in draw(st.permutations("abcdef"))[: draw(st.integers(0, 6))]
    ]
    return slots, visits


@settings(max_examples=200)
@given(worlds())
def test_the_findings_are_those_of_the_model(world: tuple[list[Seats], list[Visit]]):
    found = [(each.kind, each.about) for each in findings(*world)]
    assert sorted(found) == sorted(model(*world))
    assert {kind for kind, _ in found} <= set(KINDS)
