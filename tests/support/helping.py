"""A practice in which answers lead to help: who is there, and short ways to answer, decide, ask and look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

from carethread.core.context import Context, Principal
from carethread.core.fhir import json
from carethread.core.ports import Resource, Stored
from carethread.interactions.mirror import keep
from support.calling import OnOurClock
from support.care import Care, care, department_team, organization, part, patient, person_team, practitioner, role
from support.instruments import answering, shipped

FORM = shipped("social-needs")
HOUSING, TRANSPORT, UTILITIES, HURT = "/71802-3", "/93030-5", "/96779-4", "/95618-5"
YES = 0
"""The option of `TRANSPORT` by which there is a need."""

DOCTOR, LEAD, WORKER = "Practitioner/doctor", "Practitioner/lead", "PractitionerRole/worker"
PANTRY, SHELTER = "Organization/pantry", "Organization/shelter"

Step = Mapping[str, Any]


@contextmanager
def helping_practice(folder: Path, url: str) -> Iterator[Care]:
    """Ann's doctor is at the clinic, which has a lead; two organizations in town help."""
    with _on_our_clock(folder, url) as made:
        spanish = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es-US"}]}, "preferred": True}
        made.tell(patient("ann", communication=[spanish]), patient("ben"))
        made.tell(*(organization(each) for each in ("clinic", "pantry", "shelter")))
        made.tell(*(practitioner(each) for each in ("doctor", "lead", "social")), role("worker", "social", "clinic"))
        made.put(department_team("clinics", "clinic", part(LEAD)))
        made.put(person_team("anns", "ann", part(DOCTOR), part(WORKER, "navigator"), department="clinic"))
        made.put(person_team("bens", "ben", part(DOCTOR), department="clinic"))
        yield made


@contextmanager
def copied_practice(seeded: Path, folder: Path) -> Iterator[Care]:
    """A practice as it was left in another folder, on SQLite."""
    copytree(seeded, folder, dirs_exist_ok=True)
    with _on_our_clock(folder, "sqlite://") as made:
        yield made


@contextmanager
def _on_our_clock(folder: Path, url: str) -> Iterator[Care]:
    with care(folder, url) as made:
        for name, each in made.runtimes.items():
            made.runtimes[name] = replace(each, peer=OnOurClock(made))
        yield made


def responded(picks: Mapping[str, int | Sequence[int]], *, who: str = "ann", id_: str = "r1", **more: Any) -> Resource:
    """A response of the social-needs form that chooses so."""
    return answering(FORM, picks, id=id_, subject={"reference": f"Patient/{who}"}, **more)


def settle(practice: Care, *, backfill: bool = False) -> None:
    """Have everything arrive: what services ask of each other, and the copies of what has changed."""
    context = Context(Principal("careteams"), clock=lambda: practice.now, backfill=backfill)
    while True:
        for service in ("questionnaires", "careteams"):
            practice.send(service)
        found = [
            stored
            for type_name in ("Observation", "Condition", "QuestionnaireResponse")
            for chunk in practice.stores[practice.owners[type_name]].dump(type_name)
            for stored in chunk.versions
        ]
        keep_all(practice, found, context)
        left = practice.store.glance(lambda session: session.requests.all())
        if not [each for each in left if each.wanted.type in practice.owners]:
            return


def keep_all(practice: Care, found: Sequence[Stored], context: Context) -> None:
    """Have care teams keep copies, as their events tell them."""
    practice.store.transact(lambda session: keep(practice.runtime, session, found, context=context))


def gone(practice: Care, path: str) -> None:
    """Somebody deletes a resource, and care teams are told."""
    type_name, _, id_ = path.partition("/")
    owner = practice.owners[type_name]
    assert practice.ask("DELETE", path, service=owner).status in (200, 204)
    settle(practice)
    if owner != "careteams":
        stored = practice.stores[owner].glance(lambda session: session.current([(type_name, id_)]))
        keep_all(practice, list(stored.values()), Context(Principal("careteams"), clock=lambda: practice.now))
        settle(practice)


def answer(practice: Care, picks: Mapping[str, int | Sequence[int]], *, backfill: bool = False, **more: Any) -> None:
    """Somebody answers the form, and what follows arrives."""
    practice.put(responded(picks, **more), backfill=backfill)
    settle(practice, backfill=backfill)


def conditions(practice: Care, who: str = "ann") -> list[Resource]:
    return practice.found(f"Condition?patient=Patient/{who}&_sort=_id")


def the_need(practice: Care, who: str = "ann") -> str:
    """The path of the only Condition of a person."""
    (only,) = conditions(practice, who)
    return f"Condition/{only['id']}"


def tasks(practice: Care, code: str, status: str = "", who: str = "ann") -> list[Resource]:
    more = f"&status={status}" if status else ""
    return practice.found(f"Task?code={code}&patient=Patient/{who}&_sort=authored-on,_id{more}")


def verified(practice: Care, path: str) -> str:
    """How sure a Condition is, as its owner has it."""
    found = json.parse_object(practice.ask("GET", path, service="records").body)
    said: str = found["verificationStatus"]["coding"][0]["code"]
    return said


def clinical(practice: Care, path: str) -> str:
    found = json.parse_object(practice.ask("GET", path, service="records").body)
    return str(found.get("clinicalStatus", {}).get("coding", [{}])[0].get("code", ""))


def _parts(said: Mapping[str, Any]) -> list[Resource]:
    return [
        {"name": name.replace("_", "-"), **value}
        for name, values in said.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def code(value: str) -> Resource:
    return {"valueCode": value}


def to(path: str) -> Resource:
    return {"valueReference": {"reference": path}}


def text(value: str) -> Resource:
    return {"valueString": value}


def do(practice: Care, path: str, name: str, **said: Any) -> tuple[int, Resource]:
    """An operation about a need, and what follows arrives; the status, and what is answered."""
    headers = {"idempotency-key": said.pop("once")} if "once" in said else {}
    body = {"resourceType": "Parameters", "parameter": _parts(said)}
    answer_ = practice.ask("POST", f"{path}/${name}", body, headers=headers)
    settle(practice)
    return answer_.status, json.parse_object(answer_.body)


def judge(practice: Care, path: str, decision: str = "confirm", **said: Any) -> tuple[int, Resource]:
    return do(practice, path, "judge-need", decision=code(decision), by=to(DOCTOR), **said)


def offer(practice: Care, path: str, says: str = "accept", *whom: str, **said: Any) -> tuple[int, Resource]:
    named = {"to": [to(each) for each in whom]} if whom else {}
    return do(practice, path, "offer-help", answer=code(says), by=to(DOCTOR), **named, **said)


def refer(practice: Care, path: str, whom: str = PANTRY, **said: Any) -> tuple[int, Resource]:
    return do(practice, path, "refer", to=to(whom), by=to(DOCTOR), **said)


def outcome(practice: Care, status: str, came: str = "", why: str = "", task: str = "") -> tuple[int, Resource]:
    """What the newest referral comes to."""
    said: dict[str, Any] = {"status": code(status)}
    said |= {"outcome": code(came)} if came else {}
    said |= {"reason": text(why)} if why else {}
    path = task or f"Task/{tasks(practice, 'need-referral')[-1]['id']}"
    return do(practice, path, "referral-outcome", **said)


def referred(practice: Care, picks: Mapping[str, int | Sequence[int]] | None = None) -> str:
    """A need that was told, confirmed, consented to and referred; its path."""
    answer(practice, picks or {TRANSPORT: YES})
    path = the_need(practice)
    assert judge(practice, path)[0] == 200
    assert offer(practice, path, "accept", PANTRY)[0] == 200
    assert refer(practice, path)[0] == 200
    return path


def told(practice: Care, who: str = "") -> list[Resource]:
    """What somebody was told of referrals; `who` such as `Patient/ann`."""
    found = practice.found("Communication?_sort=_id&_count=200")
    whom = [each for each in found if each["category"][0].get("text") == "What came of a referral"]
    return [each for each in whom if not who or each["recipient"][0]["reference"] == who]


def chain(practice: Care, path: str) -> list[dict[str, Any]]:
    """The needs of a resource: each a mapping, with its links as `links` and whose turn it is as `turns`."""
    found = practice.operate("GET", f"{path}/$need-chain")
    return [_need(each["part"]) for each in found.get("parameter", ())]


def _need(parts: Sequence[Resource]) -> dict[str, Any]:
    made: dict[str, Any] = {"links": [], "turns": []}
    for each in parts:
        if each["name"] in ("link", "turn"):
            made[f"{each['name']}s"].append(_flat(each["part"]))
        else:
            made |= _flat([each])
    return made


def _flat(parts: Sequence[Resource]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for each in parts:
        value = next(value for name, value in each.items() if name.startswith("value"))
        value = value["reference"] if isinstance(value, dict) else value
        if each["name"] in ("from", "to", "provenance"):
            made.setdefault(each["name"], []).append(value)
        else:
            made[each["name"]] = value
    return made


def refused(answered: tuple[int, Any]) -> tuple[int, str]:
    """The status of a refusal, and what it is about."""
    status, outcome_ = answered
    return status, outcome_["issue"][0]["expression"][0]


def opened(practice: Care, who: str = "ann") -> list[str]:
    """The codes of all Tasks that somebody has still to do."""
    found = practice.found(f"Task?patient=Patient/{who}&status=requested,accepted,in-progress,on-hold&_sort=_id")
    ours = [each["code"]["coding"][-1]["code"] for each in found]
    return sorted(each for each in ours if each not in ("take-over", "critical-answer"))
