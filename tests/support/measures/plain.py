"""What a second computation of a measure reads and tells: resources as they are, moments in UTC, units of groups.

Nothing here knows views or SQL. A unit tells of each group of its measure in which populations it is, after
http://hl7.org/fhir/us/cqfmeasures/measure-conformance.html#proportion-measures, and the number that is observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from statistics import fmean, median
from typing import Any
from zoneinfo import ZoneInfo

Resource = Mapping[str, Any]

TIMEZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
OURS = "https://carethread.dev/fhir/StructureDefinition/"
CODES = "https://carethread.dev/fhir/CodeSystem/"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"

SNOMED, RXNORM = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"

_OIDS = {
    "urn:oid:2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
}

NOW = datetime.fromtimestamp(1_900_000_000, UTC)
"""Up to when the facts of a test are whole."""


def moment(text: str | None, *, last: bool = False) -> datetime | None:
    """The first moment that a date or dateTime can mean; with `last`, the end of that day, month or year."""
    if not text:
        return None
    if "T" in text:
        return datetime.fromisoformat(text).astimezone(UTC)
    parts = [int(part) for part in text.split("-")]
    year, month, day = [*parts, 1, 1][:3]
    after = date(year, month, day)
    if last and len(parts) == 3:
        after += timedelta(days=1)
    elif last:
        after = date(year + 1, 1, 1) if len(parts) == 1 or month == 12 else date(year, month + 1, 1)
    return datetime.combine(after, time(), UTC)


def standing(text: str | None) -> datetime | None:
    """Where on the calendar a date or dateTime stands: a date at ten in the morning of its first day, as UTC has it,
    for that is in this day in America and in Asia."""
    at = moment(text)
    return at + timedelta(hours=10) if at and text and "T" not in text else at


def ended_by_day(encounter: Resource, at: datetime) -> bool:
    """Whether that it was over then is known by the day, the month or the year of its end."""
    end = encounter.get("period", {}).get("end", "")
    return "T" not in end and standing(end) == at


def id_of(reference: Resource | None, type_name: str) -> str | None:
    """The id that a Reference has, where it is one to that type."""
    kind, _, id_ = (reference or {}).get("reference", "").partition("/")
    return id_ if kind == type_name else None


def code_in(concept: Resource | None, system: str) -> str | None:
    """The first code of a system that a CodeableConcept has."""
    return next((each["code"] for each in (concept or {}).get("coding", ()) if each.get("system") == system), None)


def codings(concept: Resource | None) -> list[tuple[str, str]]:
    """The systems and codes that a CodeableConcept has; systems by their URL, also where an OID says which."""
    told = [each for each in (concept or {}).get("coding", ()) if "code" in each]
    return [(_OIDS.get(each.get("system", ""), each.get("system", "")), each["code"]) for each in told]


def first_code(concept: Resource | None) -> str | None:
    return next((each.get("code") for each in (concept or {}).get("coding", ())), None)


def extended(resource: Resource, name: str) -> Resource:
    """The extension of ours of that name; nothing where there is none."""
    return next((each for each in resource.get("extension", ()) if each["url"] == OURS + name), {})


@dataclass(frozen=True)
class Unit:
    """`groups` has for each group the populations and the observed number."""

    resource: str
    subject: str | None
    at: datetime
    department: str | None
    groups: tuple[tuple[frozenset[str], float | None], ...]


def proportion(
    denominator: bool,
    numerator: bool,
    *,
    exclusion: bool = False,
    exception: bool = False,
    begin: bool = True,
    own: Iterable[str] = (),
) -> tuple[frozenset[str], None]:
    """The populations of a unit of a proportion: each only within what it is a part of."""
    found = {"initial-population"} if begin else set()
    if begin and denominator:
        found.add("denominator")
        if exclusion:
            found.add("denominator-exclusion")
        elif numerator:
            found.add("numerator")
        elif exception:
            found.add("denominator-exception")
    return frozenset({*found, *own}), None


def observed(value: float | None, own: Iterable[str] = ()) -> tuple[frozenset[str], float | None]:
    """The populations of a unit with a number, or without one."""
    return frozenset({"initial-population", *own} | ({"measure-population"} if value is not None else set())), value


class Practice:
    """Resources, and what follows from several of them."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.all = {f"{each['resourceType']}/{each['id']}": each for each in resources}

    def of(self, type_name: str) -> list[Resource]:
        return [each for each in self.all.values() if each["resourceType"] == type_name]

    def get(self, type_name: str, id_: str | None) -> Resource:
        return self.all.get(f"{type_name}/{id_}", {})

    def survivor(self, id_: str | None) -> str | None:
        """Who a person is after all merges."""
        links = [link for link in self.get("Patient", id_).get("link", ()) if link["type"] == "replaced-by"]
        return self.survivor(id_of(links[0]["other"], "Patient")) if links else id_

    def person(self, reference: Resource | None) -> str | None:
        return self.survivor(id_of(reference, "Patient"))

    def organization_of(self, reference: Resource | None) -> str | None:
        """The department of whom a Reference names: itself, that of the role or the team."""
        if found := id_of(reference, "Organization"):
            return found
        role = self.get("PractitionerRole", id_of(reference, "PractitionerRole"))
        team = self.get("CareTeam", id_of(reference, "CareTeam"))
        if team and not team.get("participant"):
            return None
        named = [role.get("organization"), extended(team, "department").get("valueReference")]
        return next(
            (
                found
                for each in [*named, *team.get("managingOrganization", ())]
                if (found := id_of(each, "Organization"))
            ),
            None,
        )

    def department(self, resource: Resource, *references: Resource | None) -> str | None:
        """What a resource names as its department, else that of the first reference that leads to one."""
        named = [extended(resource, "department").get("valueReference"), *references]
        return next((found for each in named if (found := self.organization_of(each))), None)

    def zone(self, department: str | None) -> tzinfo:
        organization = self.get("Organization", department)
        names = [each["valueCode"] for each in organization.get("extension", ()) if each["url"] == TIMEZONE]
        return ZoneInfo(names[0]) if names else UTC

    def span(self, department: str | None, first: date, last: date) -> tuple[datetime, datetime]:
        """From when to when days are, where a department is."""
        zone = self.zone(department)
        return (
            datetime.combine(first, time(), zone).astimezone(UTC),
            datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
        )

    def between(self, department: str | None, text: str | None) -> tuple[datetime, datetime] | None:
        """From when to when a date or dateTime may be, where a department is."""
        first, last = moment(text), moment(text, last=True)
        if first is None or last is None:
            return None
        if text and "T" in text:
            return first, first
        return self.span(department, first.date(), (last - timedelta(days=1)).date())

    def within(self, units: Iterable[Unit], first: date, last: date) -> list[Unit]:
        """The units of these days, each by the days of its department."""
        spans = ((unit, self.span(unit.department, first, last)) for unit in units)
        return [unit for unit, (start, end) in spans if start <= unit.at < end]

    def had_died(
        self, person: str | None, at: datetime, department: str | None, *, surely: bool = False, by_day: bool = False
    ) -> bool:
        """Whether somebody had died at a moment where a department is, or with `by_day` on a day; of a day, a month or
        a year from its beginning on, `surely` when it was over. Of whom nobody knows when they died it is not told."""
        told = self.get("Patient", person).get("deceasedDateTime", "")
        died = moment(told, last=surely)
        if died is None or "T" in told or by_day:
            return died is not None and died <= at
        midnight = self.span(department, died.date(), died.date())[0]
        return midnight <= at

    def died(self, person: str | None, department: str | None = None) -> datetime | bool:
        """When a person has died, of a day, a month or a year when it began where a department is; whether, where
        nobody knows when."""
        patient = self.get("Patient", person)
        told = patient.get("deceasedDateTime", "")
        at = moment(told)
        if at is None:
            return bool(patient.get("deceasedBoolean"))
        return at if "T" in told else self.span(department, at.date(), at.date())[0]


def score(scoring: str, members: Sequence[tuple[frozenset[str], float | None]]) -> float | None:
    """The number of a group: a share, or the median or mean (`scoring`) of what was observed."""
    if scoring != "proportion":
        values = [value for populations, value in members if "measure-population" in populations and value is not None]
        return (median(values) if scoring == "median" else fmean(values)) if values else None
    sizes = {
        name: sum(name in populations for populations, _ in members)
        for name in ("denominator", "denominator-exclusion", "denominator-exception", "numerator")
    }
    left = sizes["denominator"] - sizes["denominator-exclusion"] - sizes["denominator-exception"]
    return sizes["numerator"] / left if left else None
