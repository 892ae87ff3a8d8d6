"""The Parameters of `$huddle-minutes`, read into what a huddle has decided. Reading writes nothing.

All that is wrong is told at once, each issue with the place of the parameter that it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from carethread.careteams.teams.reading import ends
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import FOREVER, Resource

PEOPLE, DECISIONS, ATTENDING = 500, 500, 200
"""How many a huddle's minutes may have."""

WHO = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")
OWNERS = (*WHO, "Organization", "CareTeam")
PRIORITIES = ("routine", "urgent", "asap", "stat")
TAKES = ("held", "present", "absent", "recorder", "text", "person", "identifier", "amends", "reason")
_OF_A_PERSON = ("patient", "note", "about", "decision")
_OF_A_DECISION = ("id", "text", "owner", "due", "decided-by", "about", "priority")

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a person: who (`Practitioner/1`) does it until when, and who decided so.

    `key` tells it from the person's others, also when the minutes are amended; `due` is as it was sent; `where` is the
    place of its parameter.
    """

    patient: str
    key: str
    text: str
    owner: str
    due: str
    decided_by: str
    about: str
    priority: str
    where: str


@dataclass(frozen=True, slots=True)
class Discussed:
    """A person who was talked about (`Patient/1`): what was said, about what, and what was decided."""

    patient: str
    note: str
    about: tuple[str, ...]
    decisions: tuple[Decision, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Minutes:
    """What is to be recorded of a huddle. `held` is an instant, in microseconds; `amends` is the minutes
    (`Communication/1`) that these correct, for a `reason`; `print` is the same for what says the same; `issues` is what
    is wrong in them, of which there are no more than that then."""

    held: int
    present: tuple[str, ...]
    absent: tuple[str, ...]
    recorder: str
    text: str
    people: tuple[Discussed, ...]
    identifier: Resource
    amends: str
    reason: str
    print: str
    issues: tuple[Issue, ...] = ()

    @property
    def decisions(self) -> Iterator[Decision]:
        return (each for one in self.people for each in one.decisions)


class Reading:
    """Parts of a Parameters, with what is wrong in them."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.issues: list[Issue] = []

    def wrong(self, where: str, said: str, code: str = "value") -> None:
        self.issues.append(Issue(code, said, where))

    def of(self, parts: Sequence[Part], name: str, where: str) -> list[tuple[str, Part]]:
        """The parts of a name, each with its place."""
        return [(f"{where}[{number}]", part) for number, part in enumerate(parts) if part.get("name") == name]

    def one(
        self, parts: Sequence[Part], name: str, where: str, kinds: Collection[str], *, needed: str = ""
    ) -> tuple[str, Any]:
        """The place and the value of a part that is given once, at most; None without one. `needed` says what for."""
        found = self.of(parts, name, where)
        if len(found) > 1:
            self.wrong(found[1][0], f"{name} is given once.")
        if not found:
            if needed:
                self.wrong(where.rpartition(".")[0] or where, f"{name} is needed: {needed}.", "required")
            return where, None
        place, part = found[0]
        for kind in kinds:
            if kind in part:
                return place, part[kind]
        self.wrong(place, f"{name} is a {' or '.join(kinds)}.")
        return place, None

    def text(self, parts: Sequence[Part], name: str, where: str, *, needed: str = "") -> str:
        kinds = ("valueString", "valueMarkdown", "valueCode", "valueId")
        return str(self.one(parts, name, where, kinds, needed=needed)[1] or "").strip()

    def reference(self, parts: Sequence[Part], name: str, where: str, types: Sequence[str], *, needed: str = "") -> str:
        place, value = self.one(parts, name, where, ("valueReference",), needed=needed)
        return self.target(value, name, place, types) if value is not None else ""

    def target(self, value: object, name: str, place: str, types: Sequence[str]) -> str:
        keys = keys_at({"of": value}, "of", self.base_url)
        if len(keys) != 1 or (types and keys[0][0] not in types):
            self.wrong(place, f"{name} is a reference to a {' or '.join(types) or 'resource'} of this server.")
            return ""
        return f"{keys[0][0]}/{keys[0][1]}"

    def references(self, parts: Sequence[Part], name: str, where: str, types: Sequence[str], most: int) -> list[str]:
        found = self.of(parts, name, where)
        if len(found) > most:
            self.wrong(found[most][0], f"{name} is given {most} times at most.", "too-costly")
        named = (self.target(part.get("valueReference"), name, place, types) for place, part in found[:most])
        return [each for each in dict.fromkeys(named) if each]

    def known(self, parts: Sequence[Part], names: Sequence[str], where: str) -> None:
        for number, part in enumerate(parts):
            if part.get("name") not in names:
                self.wrong(f"{where}[{number}].name", f"Here is one of {', '.join(names)}.", "not-supported")


def read_minutes(body: Resource | None, base_url: str, now: int, *, history: bool = False) -> Minutes:
    """The minutes, with all that is wrong in them; only `history` may have decisions that were due before."""
    reading = Reading(base_url)
    parts: list[Part] = list((body or {}).get("parameter", ()))
    where = "Parameters.parameter"
    held = _held(reading, parts, where, now)
    present = reading.references(parts, "present", where, WHO, ATTENDING)
    absent = reading.references(parts, "absent", where, WHO, ATTENDING)
    if not present:
        reading.wrong(where, "present is needed: who was there.", "required")
    if both := next((each for each in absent if each in present), ""):
        reading.wrong(where, f"{both} is present or absent, not both.", "business-rule")
    recorder = reading.reference(parts, "recorder", where, WHO)
    people = tuple(_people(reading, parts, where, present, held, history=history))
    amends = reading.reference(parts, "amends", where, ("Communication",))
    reason = reading.text(parts, "reason", where)
    if bool(amends) != bool(reason):
        reading.wrong(where, "Who amends minutes gives amends, the Communication, and reason.", "required")
    _, identifier = reading.one(parts, "identifier", where, ("valueIdentifier",))
    if identifier is not None and not (identifier.get("system") and identifier.get("value")):
        reading.wrong(where, "identifier has a system and a value.", "required")
    text = reading.text(parts, "text", where)
    said = sha256(json.render(sorted(json.render(part).decode() for part in parts))).hexdigest()
    return Minutes(
        held,
        tuple(present),
        tuple(absent),
        recorder or next(iter(present), ""),
        text,
        people,
        identifier or {},
        amends,
        reason,
        said,
        tuple(reading.issues),
    )


def _held(reading: Reading, parts: Sequence[Part], where: str, now: int) -> int:
    place, value = reading.one(parts, "held", where, ("valueInstant", "valueDateTime"))
    span = date_range(value) if isinstance(value, str) and "T" in value else None
    if value is None:
        return now
    if span is None:
        reading.wrong(place, "held is a moment with a time.")
    elif span[0] > now:
        reading.wrong(place, "A huddle is recorded once it was held.", "business-rule")
    return span[0] if span else now


def _people(
    reading: Reading, parts: Sequence[Part], where: str, present: Collection[str], held: int, *, history: bool
) -> Iterator[Discussed]:
    found = reading.of(parts, "person", where)
    if len(found) > PEOPLE:
        reading.wrong(found[PEOPLE][0], f"person is given {PEOPLE} times at most.", "too-costly")
    seen: dict[str, str] = {}
    count = 0
    for place, part in found[:PEOPLE]:
        inner: list[Part] = part.get("part", [])
        inside = f"{place}.part"
        reading.known(inner, _OF_A_PERSON, inside)
        patient = reading.reference(inner, "patient", inside, ("Patient",), needed="whom it is about")
        if patient and patient in seen:
            reading.wrong(place, f"{patient} is at {seen[patient]} already; one person is given once.", "duplicate")
        seen.setdefault(patient, place)
        decisions = tuple(_decisions(reading, inner, inside, patient, present, held, history=history))
        count += len(decisions)
        if count > DECISIONS:
            reading.wrong(place, f"Minutes have {DECISIONS} decisions at most.", "too-costly")
            return
        about = tuple(reading.references(inner, "about", inside, (), 50))
        yield Discussed(patient, reading.text(inner, "note", inside), about, decisions, place)


def _decisions(
    reading: Reading,
    parts: Sequence[Part],
    where: str,
    patient: str,
    present: Collection[str],
    held: int,
    *,
    history: bool,
) -> Iterator[Decision]:
    keys: set[str] = set()
    for place, part in reading.of(parts, "decision", where):
        inner: list[Part] = part.get("part", [])
        inside = f"{place}.part"
        reading.known(inner, _OF_A_DECISION, inside)
        text = reading.text(inner, "text", inside, needed="what was decided")
        owner = reading.reference(inner, "owner", inside, OWNERS, needed="who does it")
        _, due = reading.one(inner, "due", inside, ("valueDate", "valueDateTime"), needed="until when it is done")
        decider = reading.reference(inner, "decided-by", inside, WHO, needed="who has decided it")
        priority = reading.text(inner, "priority", inside) or "routine"
        about = reading.reference(inner, "about", inside, ())
        if priority not in PRIORITIES:
            reading.wrong(place, f"priority is one of {', '.join(PRIORITIES)}.", "code-invalid")
        if decider and decider not in present:
            reading.wrong(place, "Who decided was present.", "business-rule")
        if isinstance(due, str) and (date_range(due) is None or len(due) < len("2031-03-04")):
            reading.wrong(place, "due is a day, or a moment.")
        elif isinstance(due, str) and not history and ends(due) <= held:
            reading.wrong(place, "due has to be later than the huddle was held.", "business-rule")
        key = reading.text(inner, "id", inside) or text
        if key in keys:
            reading.wrong(place, "Another decision about this person has this id, or this text.", "duplicate")
        keys.add(key)
        yield Decision(patient, key, text, owner, str(due or ""), decider, about, priority, place)


def due_of(decision: Decision) -> int:
    """The moment at which a decision is overdue, in microseconds."""
    return min(ends(decision.due), FOREVER)


def refuse_missing(minutes: Minutes, wrong: Mapping[str, str]) -> None:
    """Raise Invalid with all that is wrong, and where somebody is named who cannot be meant; `wrong` says why."""
    issues = list(minutes.issues)
    issues += [
        Issue("business-rule", f"The owner {wrong[each.owner]}.", each.where)
        for each in minutes.decisions
        if each.owner in wrong
    ]
    issues += [
        Issue("not-found", f"The patient {wrong[each.patient]}.", each.where)
        for each in minutes.people
        if each.patient in wrong
    ]
    issues += [
        Issue("not-found", f"{name} {wrong[each]}: {each}.", "Parameters.parameter")
        for name, some in (("present", minutes.present), ("absent", minutes.absent), ("recorder", (minutes.recorder,)))
        for each in some
        if each in wrong
    ]
    if issues:
        raise Invalid(issues=issues)
