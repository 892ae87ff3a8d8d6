"""What is asked of the owners about one person: searches and reads, narrowed to that person, few and short.

Whatever a form's query says, it finds what is the person's: it is searched by `patient`, a Patient by its ids. Only of
people and places of the practice, who are nobody's, anything is found. Source: x-fhir-query,
http://hl7.org/fhir/uv/sdc/expressions.html#x-fhir-query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Malformed, NotSupported, TooCostly, TooLarge
from carethread.core.fhir import json
from carethread.core.fhir.definitions import resource_types, search_parameters
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Request, Resource
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.questionnaires.populating.person import PATIENT, Person

MOST_QUERIES = 40
"""How many different queries a form may have asked."""

MOST_MATCHES = 200
MOST_BYTES, MOST_BYTES_TOGETHER = 1_000_000, 4_000_000

RECORDS = "records"
OWNERS: Mapping[str, tuple[str, ...]] = {
    "scheduling": ("HealthcareService", "Schedule", "Slot", "Appointment", "AppointmentResponse"),
    "careteams": (
        "CareTeam", "CarePlan", "Goal", "Task", "Communication", "CommunicationRequest", "Flag", "RiskAssessment",
        "DetectedIssue", "Consent", "PlanDefinition", "ActivityDefinition",
    ),
    "questionnaires": ("Questionnaire", "QuestionnaireResponse"),
    "metrics": ("Measure", "MeasureReport", "Library"),
    "subscriptions": ("Subscription", "Basic"),
}  # fmt: skip
"""Whose a type is; all others are `RECORDS`'."""

NOBODYS = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "Medication"})
"""Types that tell of no patient."""

_OF_SEVERAL = frozenset({"Appointment"})
"""Types of which one may name several patients; such a one is left out."""

_HEADERS = {"content-type": "application/x-www-form-urlencoded", "prefer": "handling=strict"}
BRINGING = ("_include", "_revinclude")
"""Parameters that bring other resources along: they are passed over."""


@dataclass(eq=False)
class Queries:
    """What one form asks about one person. The same query is asked once, also one that fails.

    `cut` are types of which more was found than is seen, `alone` those of which a query wanted others brought along.
    Calling it answers an x-fhir-query.
    """

    runtime: Runtime
    person: Person
    context: Context
    cut: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)
    _known: dict[str, Resource | FhirError | None] = field(default_factory=dict)
    _bytes: int = 0

    def __call__(self, text: str) -> Resource | None:
        """The Bundle of `Type?…`, or the resource of `Type/id`, None where it is not there or not the person's.

        Raises NotSupported and Malformed for a query that cannot be asked, TooCostly, TooLarge, and Busy.
        """
        if text not in self._known:
            if len(self._known) >= MOST_QUERIES:
                raise TooCostly(f"A form has {MOST_QUERIES} different queries at most.")
            try:
                self._known[text] = self._answer(text)
            except FhirError as error:
                self._known[text] = error
        if isinstance(known := self._known[text], FhirError):
            raise known
        return known

    def read(self, type_name: str, id_: str) -> Resource | None:
        """A resource, where it is there and the person's. Raises as calling."""
        found = self.search(type_name, [("_id", id_)])
        return found[0] if found else None

    def search(self, type_name: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """The matches in order, `MOST_MATCHES` at most. Raises as calling."""
        return [entry["resource"] for entry in self._bundle(type_name, params).get("entry", ())]

    def _answer(self, text: str) -> Resource | None:
        path, _, query = text.removeprefix(f"{self.runtime.base_url}/").partition("?")
        type_name, _, id_ = path.partition("/")
        if type_name not in resource_types() or (id_ and (query or not is_id(id_))):
            raise NotSupported("A query is a type with parameters, such as Observation?code=…, or a type with an id.")
        if id_:
            return self.read(type_name, id_)
        return self._bundle(type_name, parse_qsl(query, keep_blank_values=True))

    def _bundle(self, type_name: str, params: Sequence[tuple[str, str]]) -> Resource:
        owner = next((name for name, types in OWNERS.items() if type_name in types), RECORDS)
        narrowed = [*_asked(params), *self._narrowing(type_name)]
        headers = {**_HEADERS, "traceparent": self.context.traceparent}
        request = Request("POST", f"{type_name}/_search", (), headers, urlencode(narrowed).encode())
        if owner == self.runtime.service.name:
            answer = handle(self.runtime, request, self.context)
        elif self.runtime.peer.knows(owner):
            answer = self.runtime.peer.call(owner, request)
        else:
            raise NotSupported(f"The service {owner}, which keeps {type_name}, is not part of this installation.")
        if answer.status >= 500:
            raise Busy(f"The service {owner} does not answer ({answer.status}); try again.")
        if answer.status != 200:
            raise Malformed(f"The query about {type_name} is refused by {owner} ({answer.status}).", code="invalid")
        self._bytes += len(answer.body)
        if len(answer.body) > MOST_BYTES or self._bytes > MOST_BYTES_TOGETHER:
            raise TooLarge(f"What is found of {type_name} is too much; narrow the query, or give it a _count.")
        return self._of_person(type_name, params, json.restore(answer.body))

    def _narrowing(self, type_name: str) -> list[tuple[str, str]]:
        """What keeps a search to the person. Raises NotSupported for a type that cannot be."""
        if type_name in NOBODYS:
            return []
        if not self.person.ids:
            raise NotSupported(f"{type_name} is asked for where the subject is a Patient.")
        if type_name == PATIENT:
            return [("_id", ",".join(sorted(self.person.ids)))]
        if not any(each.code == "patient" for each in search_parameters(type_name)):
            raise NotSupported(f"{type_name} cannot be searched by the patient, so a form cannot ask for it.")
        return [("patient", self.person.reference)]

    def _of_person(self, type_name: str, params: Sequence[tuple[str, str]], bundle: Resource) -> Resource:
        if any(each["relation"] == "next" for each in bundle.get("link", ())) and _count(params) >= MOST_MATCHES:
            self.cut.add(type_name)
        entries = [each for each in bundle.get("entry", ()) if each.get("search", {}).get("mode") == "match"]
        if any(name.startswith(BRINGING) for name, _ in params):
            self.alone.add(type_name)
        if type_name in _OF_SEVERAL:
            entries = [each for each in entries if self.person.alone_in(each["resource"])]
        rest = {name: value for name, value in bundle.items() if name not in ("entry", "link")}
        return {**rest, "entry": entries} if entries else rest


def _asked(params: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    plain = [each for each in params if each[0] != "_count" and not each[0].startswith(BRINGING)]
    return [*plain, ("_count", str(_count(params)))]


def _count(params: Sequence[tuple[str, str]]) -> int:
    """How many matches are asked for, as far as they are seen."""
    said = next((value for name, value in params if name == "_count"), "")
    return min(int(said), MOST_MATCHES) if said.isascii() and said.isdecimal() and len(said) < 10 else MOST_MATCHES
