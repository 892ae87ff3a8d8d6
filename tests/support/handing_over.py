"""What can happen to some people, the ward that hands them over, and its staff: one method for each, for a machine that
draws what happens next. What is refused is refused; nothing may fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from carethread.careteams.handing.replaying import replay
from carethread.careteams.handing.rule import HANDING
from carethread.core.fhir import json
from carethread.core.ports import Entry, Resource, Response
from support.care import Care, department_team, organization, part, patient, person_team, practitioner, role
from support.desk import OURS, refer
from support.navigation import assessment

PEOPLE = ["ann", "ben", "cat"]
STAFF = [f"s{n}" for n in range(5)]
"""The last two never leave: one leads the department, the other the one above."""

MAY_LEAVE = STAFF[:3]
KIND = "https://carethread.dev/fhir/CodeSystem/hand-off-kind"
JSON_PATCH = {"content-type": "application/json-patch+json"}

people, leavers = st.sampled_from(PEOPLE), st.sampled_from(MAY_LEAVE)
members = st.sampled_from(
    [*(f"Practitioner/{each}" for each in STAFF), "PractitionerRole/r-s0", "PractitionerRole/r-s1"]
)
receivers = st.one_of(members, st.sampled_from(["Organization/ward", "CareTeam/ward", "CareTeam/of-ann"]))
which = st.integers(0, 2)
leads = st.tuples(
    st.lists(st.tuples(members, st.sampled_from([1, 5, 60])), min_size=1, max_size=3),
    st.sampled_from([0, 0, 5, 60]),
    st.sampled_from([0, 0, 0, 0, 5]),
    st.booleans(),
)
"""People who follow each other, each for so many minutes but for the last; after how many the last one's time is over,
0: it is not; in how many the team begins; and whether somebody is named besides who leads for no time at all."""

HAPPENS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "offers_it": {
        "person": people,
        "to": receivers,
        "kind": st.sampled_from(["shift", "care", "referral"]),
        "urgency": st.sampled_from(["stat", "urgent"]),
        "shift": st.sampled_from([0, 0, 5, 60]),
        "result": st.booleans(),
        "how": st.sampled_from(["operation", "operation", "plain", "together"]),
    },
    "answers": {
        "which": which,
        "by": st.sampled_from(["", "", "", *STAFF]),
        "said": st.sampled_from(["accept", "accept", "decline"]),
        "how": st.sampled_from(["operation", "plain", "patch", "together"]),
    },
    "ends": {"which": which, "how": st.sampled_from(["return", "failed", "withdraw"])},
    "another_is_on_call": {"on_call": st.sampled_from(STAFF)},
    "leaves_or_comes_back": {"who": leavers, "here": st.booleans()},
    "role_ends": {"who": leavers, "minutes": st.sampled_from([-1, 0, 5, 60])},
    "team_is_written": {
        "person": people,
        "second": st.booleans(),
        "leads": leads,
        "how": st.sampled_from(["put", "put", "patch", "told"]),
    },
    "team_ends": {
        "person": people,
        "second": st.booleans(),
        "how": st.sampled_from(["inactive", "period", "delete", "patch", "told"]),
        "minutes": st.sampled_from([0, 5, 60]),
    },
    "plan_is_written": {
        "person": people,
        "status": st.sampled_from(["active", "active", "completed"]),
        "told": st.booleans(),
    },
    "risk_is_told": {"person": people, "level": st.sampled_from(["high", "low"]), "hours": st.sampled_from([0, 0, 2])},
    "is_merged": {"person": people, "into": people},
    "is_told_of": {"person": people, "status": st.sampled_from(["requested", "accepted", "completed"])},
    "later": {"minutes": st.sampled_from([16, 6, 1, 70, 300, 60 * 24 * 8])},
    "starts_anew": {},
}
"""What can happen, and what there is to choose."""


class World:
    """Some people, the ward that hands them over, its staff, and what was offered."""

    care: Care

    def begin(self, care: Care, on_call: str) -> None:
        self.care = care
        self.offers: list[str] = []
        self.imported: list[str] = []
        self.merges: list[tuple[int, dict[str, str]]] = []
        self.begun = care.micros
        self.was_told = False
        """Whether history was told in this step, of what did not stand here, so that no alarm is raised."""
        self.unwatched: set[str] = set()
        """Teams that only history has told of: nobody is relieved there whose time was over."""
        care.tell(organization("ward"), organization("house"), *(practitioner(name) for name in STAFF))
        care.tell(*(role(f"r-{who}", who, "ward") for who in MAY_LEAVE))
        care.put(department_team("house", "house", part("Practitioner/s4")))
        self.another_is_on_call(on_call)
        for person in PEOPLE:
            care.tell(patient(person))
            care.put(person_team(f"of-{person}", person, part("Practitioner/s0"), department="ward"))
            care.put(plan(person))
        self.fire()
        care.pass_time(minutes=1)

    def fire(self) -> None:
        """Do what is due."""
        self.care.fire()

    def last(self, person: str) -> str:
        """Who is used in the place of a person (their id)."""
        into = self.merges[-1][1] if self.merges else {}
        while f"Patient/{person}" in into:
            person = into[f"Patient/{person}"].removeprefix("Patient/")
        return person

    # --- Hand-offs ---

    def offers_it(self, person: str, to: str, kind: str, urgency: str, shift: int, result: bool, how: str) -> None:
        before = self.open_ones(person)
        if how == "operation":
            parts = [*refer("patient", f"Patient/{person}"), *refer("to", to), {"name": "kind", "valueCode": kind}]
            parts += [{"name": "urgency", "valueCode": urgency}, {"name": "expects-result", "valueBoolean": result}]
            if shift:
                parts.append({"name": "end-of-shift", "valueDateTime": self.care.at(minutes=shift)})
            answer = self.operate("Task/$hand-off", parts)
            made = json.parse_object(answer.body)
            ids = [made["parameter"][0]["resource"]["id"]] if answer.status == 200 else []
        else:
            offer = self.offer(person, to, kind, urgency)
            more = [plan(person, "active")] if how == "together" else []
            answer = self.write(offer, *more)
            ids = [offer["id"]] if answer.status in (200, 201) else []
        assert answer.status in (200, 201, 409, 422), answer.body
        assert answer.status != 409 or (before and kind != "referral"), "only another open one is in the way"
        assert not (ids and before and kind != "referral"), "one at a time moves a person"
        self.offers += ids

    def offer(self, person: str, to: str, kind: str, urgency: str) -> Resource:
        answering = self.care.store.glance(
            lambda session: session.register.at([f"Patient/{self.last(person)}"], self.care.micros)
        )
        sender = next((each.member for each in answering.values()), "Practitioner/s3")
        return {
            "resourceType": "Task", "id": f"plain-{len(self.offers)}-{self.care.micros}",
            "meta": {"profile": [OURS + "task-hand-off"]}, "status": "requested", "intent": "order",
            "priority": urgency, "code": {"coding": [{"system": KIND, "code": kind}]},
            "for": {"reference": f"Patient/{person}"}, "authoredOn": self.care.at(),
            "requester": {"reference": sender}, "owner": {"reference": to},
            "restriction": {"period": {"end": self.care.at(minutes=30)}},
        }  # fmt: skip

    def open_ones(self, person: str) -> list[str]:
        """What moves a person and is not answered, by the place that it has."""
        name = f"Patient/{self.last(person)}"
        return list(self.care.store.glance(lambda session: session.claimed(HANDING, [name])).values())

    def chosen(self, which: int) -> str:
        return self.offers[-1 - which % len(self.offers)] if self.offers else ""

    def answers(self, which: int, by: str, said: str, how: str) -> None:
        id_ = self.chosen(which)
        if not id_:
            return
        before, known = self.task(id_), self.entries(id_)
        asked = before["owner"]["reference"]
        is_person = asked.startswith(("Practitioner/", "PractitionerRole/"))
        who = f"Practitioner/{by}" if by else asked if is_person else "Practitioner/s1"
        why = {"text": "So it is."}
        if how == "operation":
            parts = [{"name": "answer", "valueCode": said}, *refer("by", who), {"name": "reason", "valueString": "No."}]
            answer = self.operate(f"Task/{id_}/$answer", parts)
        else:
            status = {"accept": "accepted", "decline": "rejected"}[said]
            changed = {"status": status, "statusReason": why}
            changed |= {"owner": {"reference": who}} if said == "accept" else {}
            if how == "patch":
                answer = self.patch(f"Task/{id_}", changed)
            else:
                person = before["for"]["reference"].removeprefix("Patient/")
                more = [plan(person, "active")] if how == "together" else []
                answer = self.write({**before, **changed}, *more)
        assert answer.status in (200, 409, 422), answer.body
        stands = replay(known)
        assert stands is None or stands.state == "offered" or len(self.entries(id_)) == len(known), "answered once"

    def ends(self, which: int, how: str) -> None:
        id_ = self.chosen(which)
        if not id_:
            return
        parts: list[Resource] = [{"name": "reason", "valueString": "So it is."}]
        if how != "withdraw" and self.task(id_)["owner"]["reference"].startswith(("CareTeam/", "Organization/")):
            parts += refer("by", "Practitioner/s1")
        parts += (
            [*refer("output", "Observation/o"), {"name": "note", "valueString": "Done."}] if how != "withdraw" else []
        )
        parts += [{"name": "failed", "valueBoolean": True}] if how == "failed" else []
        answer = self.operate(f"Task/{id_}/${'withdraw' if how == 'withdraw' else 'return'}", parts)
        assert answer.status in (200, 409, 422), answer.body

    def is_told_of(self, person: str, status: str) -> None:
        """A hand-off of which history tells."""
        offer = self.offer(person, "Organization/house", "care", "urgent")
        made = self.care.put({**offer, "status": status, "id": f"told-{len(self.imported)}"}, backfill=True)
        self.imported.append(made["id"])

    # --- Staff, teams and people ---

    def another_is_on_call(self, on_call: str) -> None:
        here = [part(f"Practitioner/{each}", "member") for each in MAY_LEAVE]
        duty = part(f"Practitioner/{on_call}", "on-call", backup="" if on_call == "s3" else "Practitioner/s3")
        self.care.put(department_team("ward", "ward", part("Practitioner/s3"), duty, *here, up="CareTeam/house"))
        self.fire()

    def leaves_or_comes_back(self, who: str, here: bool) -> None:
        self.care.tell(practitioner(who, active=here))
        self.fire()

    def role_ends(self, who: str, minutes: int) -> None:
        over = {"period": {"end": self.care.at(minutes=minutes)}} if minutes >= 0 else {}
        self.care.tell(role(f"r-{who}", who, "ward", **over))
        self.fire()

    def team_is_written(self, person: str, second: bool, leads: Any, how: str) -> None:
        id_ = f"{'second-of' if second else 'of'}-{person}"
        some, over, ahead, extra = leads
        parts, begin = [], ahead
        for place, (member, minutes) in enumerate(some):
            is_last = place == len(some) - 1
            times = {"start": self.care.at(minutes=begin)}
            times |= {"end": self.care.at(minutes=begin + minutes)} if not is_last else {}
            times |= {"until": self.care.at(minutes=begin + over)} if is_last and over else {}
            parts.append(part(member, **times))
            begin += minutes
        if extra:
            parts.append(part("Practitioner/s1", start=self.care.at(minutes=6), end=self.care.at(minutes=6)))
        period = {"period": {"start": self.care.at(minutes=ahead)}} if ahead else {}
        team = person_team(id_, person, *parts, department="ward", **period)
        stands = self.care.ask("GET", f"CareTeam/{id_}").status == 200
        if how == "patch" and stands:
            answer = self.patch(f"CareTeam/{id_}", {"participant": team["participant"]})
        else:
            seen = self.care.read(f"CareTeam/{id_}")["meta"]["versionId"] if stands and how == "put" else ""
            meta = {**team["meta"], "versionId": seen} if seen else team["meta"]
            answer = self.write({**team, "meta": meta}, told=how == "told")
        if answer.status in (200, 201):
            (self.unwatched.add if how == "told" and not stands else self.unwatched.discard)(f"CareTeam/{id_}")
        assert answer.status in (200, 201, 409, 422), answer.body
        self.fire()

    def team_ends(self, person: str, second: bool, how: str, minutes: int) -> None:
        path = f"CareTeam/{'second-of' if second else 'of'}-{person}"
        if self.care.ask("GET", path).status != 200:
            return
        team = self.care.read(path)
        if how == "delete":
            answer = self.care.ask("DELETE", path)
        elif how == "patch":
            answer = self.patch(path, {"status": "inactive"})
        elif how == "period":
            answer = self.write({**team, "period": {"end": self.care.at(minutes=minutes)}})
        else:
            answer = self.write({**team, "status": "inactive"}, told=how == "told")
        assert answer.status in (200, 204, 422), answer.body
        self.fire()

    def plan_is_written(self, person: str, status: str, told: bool) -> None:
        assert self.write(plan(person, status), told=told).status in (200, 201)

    def risk_is_told(self, person: str, level: str, hours: int) -> None:
        over = {"occurrencePeriod": {"end": self.care.at(hours=hours)}} if hours else {}
        assert self.write(assessment(f"risk-{person}", person, level, **over)).status in (200, 201)
        self.fire()

    def is_merged(self, person: str, into: str) -> None:
        """Merge a person into another, or part them where both are the same."""
        here = dict(self.merges[-1][1]) if self.merges else {}
        here.pop(f"Patient/{person}", None)
        link: Resource = {}
        if into != person:
            link = {"link": [{"other": {"reference": f"Patient/{into}"}, "type": "replaced-by"}], "active": False}
            here[f"Patient/{person}"] = f"Patient/{into}"
        made = patient(person, **link)
        answer = self.care.ask("PUT", f"Patient/{person}", made, service="records")
        assert answer.status in (200, 422), answer.body
        if answer.status == 200:
            self.merges.append((self.care.micros, here))
            self.care.keep(*(patient(each) for each in PEOPLE))
        self.fire()

    # --- Time ---

    def later(self, minutes: int) -> None:
        self.care.pass_time(minutes=minutes)
        self.fire()

    def starts_anew(self) -> None:
        now = self.care.now
        self.care = Care(self.care.stores)
        self.care.now = now

    # --- Ways to ask ---

    def operate(self, path: str, parts: Sequence[Resource]) -> Response:
        return self.care.ask("POST", path, {"resourceType": "Parameters", "parameter": list(parts)})

    def patch(self, path: str, changed: Resource) -> Response:
        ops = [{"op": "add", "path": f"/{name}", "value": value} for name, value in changed.items()]
        return self.care.ask("PATCH", path, ops, headers=JSON_PATCH)

    def write(self, *resources: Resource, told: bool = False) -> Response:
        """Put resources, several in one transaction."""
        if len(resources) == 1:
            path = f"{resources[0]['resourceType']}/{resources[0]['id']}"
            is_team = resources[0]["resourceType"] == "CareTeam"
            self.was_told |= told and not (is_team and self.care.ask("GET", path).status == 200)
            return self.care.ask("PUT", path, resources[0], backfill=told)
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return self.care.ask("POST", "", bundle, backfill=told)

    def task(self, id_: str) -> Resource:
        return self.care.read(f"Task/{id_}")

    def entries(self, id_: str) -> list[Entry]:
        return self.care.store.glance(lambda session: session.ledger.of([f"Task/{id_}"]))


def plan(person: str, status: str = "active") -> Resource:
    """A person's CarePlan, under their id."""
    return {
        "resourceType": "CarePlan", "id": person, "status": status, "intent": "plan",
        "subject": {"reference": f"Patient/{person}"},
    }  # fmt: skip
