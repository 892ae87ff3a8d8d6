"""What a write of a hand-off means, whoever sends it: by an operation, or as a plain PUT, PATCH or POST of the Task.

What was offered stays as it was offered: to whom, about whom, until when. Who accepts comes to answer for the person in
the same transaction (`teams.passing`); until then who hands over does. One offer that moves a person is open at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from carethread.careteams.handing.answerers import GROUPS, PEOPLE, is_person, may_answer, same
from carethread.careteams.handing.fitness import refuse_who_is_gone, refuse_who_is_not_here
from carethread.careteams.handing.offering import department_of
from carethread.careteams.handing.replaying import mentions
from carethread.careteams.handing.returning import heard_by, refuse_no_results, tell_sender
from carethread.careteams.handing.saying import is_restricted, refuse_unsayable, restricted
from carethread.careteams.handing.states import (
    ANSWERED_BY,
    CHANGE,
    HAND_OFF,
    NEXT,
    OPEN,
    RESULT_BY,
    State,
    dated,
    deadline,
    is_moving,
    is_ours,
    kind_of,
    marked,
    marks_of,
    result_by,
    state_of,
    stepped_by,
)
from carethread.careteams.history import is_history
from carethread.careteams.tasks import LONGEST, TASKS
from carethread.careteams.tasks import OPEN as OPEN_TASK
from carethread.careteams.teams.answering import accountable, teams_of
from carethread.careteams.teams.passing import pass_on
from carethread.careteams.teams.people import has_left, person, persons
from carethread.careteams.teams.reading import PERSON, ref
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import at, keys_at, profiles_of
from carethread.core.fhir.targets import key_of
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.interactions.standing import any_merged, present

HANDING = "handing"
"""The kind of the places by which one hand-off at a time moves a person: its key `Patient/1`, its holder `Task/1`."""

_BY = f"Task.extension('{ANSWERED_BY}').value"

_TERMS: Mapping[str, Callable[[Resource, str], object]] = {
    "Task.for": lambda task, base: ref(task, "for", base),
    "Task.code": lambda task, base: kind_of(task),
    "Task.requester": lambda task, base: ref(task, "requester", base),
    "Task.restriction.period.end": lambda task, base: deadline(task),
    f"Task.extension('{RESULT_BY}').value": lambda task, base: result_by(task),
}
"""What was agreed on when it was offered; only the service changes some of it, when silence leads to the next."""


def task_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Judge a step of a hand-off, and do what it means to others.

    Raises Conflict for an answer that comes after another one, Invalid for what cannot follow, or who cannot take it.
    """
    if after is None:
        _refuse_loss(before)
        return Ruling()
    if before is not None:
        _refuse_other_kind(before, after)
    told = is_history(unit.context, before, after, is_ours)
    if is_ours(before):
        after = _still_ours(after)
    elif not is_ours(after):
        return Ruling()
    if told:
        return Ruling(resource=after)
    now = unit.now
    was, becomes = state_of(before) if before and is_ours(before) else "draft", state_of(after)
    _refuse_jump(was, becomes)
    if becomes == "draft":
        return Ruling(resource=after)
    if was == "draft" and becomes == "offered":
        if not unit.own:
            refuse_unsayable(unit, {}, after, [ref(after, "owner", unit.base_url)], now)
        return Ruling(resource=_offered(unit, after, id_, now))
    if before is None or was == "draft":
        return Ruling(resource=marked(after))
    after = marked(after, *(sorted(marks_of(before)) if was == becomes else ()))
    after = restricted(after) if is_restricted(before) else after
    if not unit.own:
        _refuse_other_terms(unit, before, after, was, becomes)
        refuse_unsayable(unit, before, after, _read_by(unit, before, after, id_, becomes), now)
    after = dated(before, after, now)
    if was == becomes:
        return Ruling(resource=after)
    _STEPS[becomes](unit, before, after, id_, now)
    if was == "offered" and is_moving(after):
        unit.session.release(HANDING, f"Task/{id_}")
    return Ruling(resource=after)


def _read_by(unit: Unit, before: Resource, after: Resource, id_: str, becomes: State) -> list[str]:
    """Who reads what is newly said with a step: the other side; while both are at it, and after it, both are."""
    asked, hear = ref(before, "owner", unit.base_url), heard_by(unit.session, after, id_, unit.base_url)
    if becomes in ("offered", "withdrawn"):
        return [asked]
    return [*hear, asked] if becomes == state_of(before) else hear


def _refuse_loss(before: Resource | None) -> None:
    if before and is_ours(before) and state_of(before) in OPEN:
        raise Conflict(
            "An open hand-off is not deleted, for nobody would hear of it: withdraw it, or return it.",
            expression="Task.status",
        )
    if before and before.get("status") in OPEN_TASK and TASKS in at(before, "code.coding.system"):
        raise Conflict(
            "A Task that somebody has to do is not deleted, for nobody would hear of it: cancel it, and say why.",
            expression="Task.status",
        )


def _refuse_other_kind(before: Resource, after: Resource) -> None:
    """Raise Conflict where a Task of ours would be one no longer: who counts on it would not find it."""
    had, has = (
        {(each.get("system"), each.get("code")) for each in at(task, "code.coding")} for task in (before, after)
    )
    if "source" not in before.get("meta", {}) and any(kind[0] == TASKS and kind not in has for kind in had):
        text = "What kind of Task this is stays: cancel it, say why, and make another."
        raise Conflict(text, expression="Task.code")


def _still_ours(sent: Resource) -> Resource:
    """A hand-off stays one, also where somebody leaves our profile out. Raises Invalid for what that does not allow."""
    if is_ours(sent):
        return sent
    meta = {name: value for name, value in sent.get("meta", {}).items() if name != "source"}
    made = {**sent, "meta": {**meta, "profile": sorted({*meta.get("profile", ()), HAND_OFF})}}
    if issues := [issue for issue in validate(made) if issue.severity in ("error", "fatal")]:
        raise Invalid(issues=issues)
    return made


def _refuse_jump(was: State, becomes: State) -> None:
    """Raise where a state cannot follow another."""
    if was not in NEXT and was != becomes:
        raise Conflict(f"This hand-off is over: it was {was}.", code="conflict", expression="Task.status")
    if was == "accepted" and becomes in ("offered", "declined", "withdrawn", "expired"):
        raise Conflict("This hand-off was accepted.", code="conflict", expression="Task.status")
    if becomes == "expired" and was == "offered":
        text = "Only time lets an offer expire: decline it (rejected) or withdraw it (cancelled)."
        raise Invalid(text, code="business-rule", expression="Task.status")
    if was in NEXT and becomes not in NEXT[was]:
        allowed = {"draft": "draft, requested or cancelled", "offered": "accepted, rejected or cancelled"}
        then = allowed.get(was, "in-progress, on-hold, completed or failed")
        what = "A hand-off begins as it is offered" if was == "draft" else f"It is {was}"
        raise Invalid(f"{what}; its status can be {then}.", code="business-rule", expression="Task.status")


def _refuse_other_terms(unit: Unit, before: Resource, after: Resource, was: State, becomes: State) -> None:
    """Raise Invalid where a client changes what was agreed on, Conflict where somebody takes what another has."""
    for where, told in _TERMS.items():
        if was in NEXT and told(before, unit.base_url) != told(after, unit.base_url):
            text = "What was offered stays as it was; withdraw it, and offer it anew."
            raise Invalid(text, code="business-rule", expression=where)
    if ref(before, "owner", unit.base_url) == ref(after, "owner", unit.base_url) or becomes == "accepted" != was:
        return
    if was == "accepted":
        raise Conflict("Somebody else has accepted it already.", code="conflict", expression="Task.owner")
    text = "Who is asked does not change; who accepts for a team names themselves with the status accepted."
    raise Invalid(text, code="business-rule", expression="Task.owner")


def _offered(unit: Unit, task: Resource, id_: str, now: int) -> Resource:
    """The offer as it is kept. Raises Conflict while another that moves the person is open."""
    owner, requester = (ref(task, name, unit.base_url) for name in ("owner", "requester"))
    if not owner.startswith(tuple(f"{each}/" for each in (*PEOPLE, *GROUPS))):
        text = f"Who is asked is a {', '.join((*PEOPLE, *GROUPS))} of this server."
        raise Invalid(text, code="value", expression="Task.owner")
    if same(unit.session, requester, owner, now, unit.base_url):
        text = "Who asks and who is asked are one person; ask somebody else."
        raise Invalid(text, code="business-rule", expression="Task.owner")
    if deadline(task) <= now:
        text = "The deadline is over already; give one that is ahead."
        raise Invalid(text, code="value", expression="Task.restriction.period.end")
    if deadline(task) > now + LONGEST:
        text = "An answer is waited for 366 days at most; give a deadline that is sooner."
        raise Invalid(text, code="value", expression="Task.restriction.period.end")
    if (until := result_by(task)) and not now < until <= now + LONGEST:
        text = "The result is to be back later than now, and within 366 days."
        raise Invalid(text, code="value", expression="Task.extension")
    refuse_who_is_not_here(unit, owner, now, "Ask somebody who does.")
    refuse_who_is_gone(unit, ref(task, "for", unit.base_url))
    if is_moving(task):
        _refuse_stranger(unit, task, requester, now)
        holder = _claim(unit, task, id_)
        if holder != f"Task/{id_}":
            raise Conflict(
                f"Another hand-off of this person is open: {holder}. Withdraw that, or wait for its answer.",
                code="conflict",
                expression="Task.for",
            )
    return marked(task, "offered")


def _claim(unit: Unit, task: Resource, id_: str) -> str:
    """Take the place of what moves a person, also of what moves them no more; who has it now."""
    patient = person(unit.session, ref(task, "for", unit.base_url), unit.base_url)
    holder = f"Task/{id_}"
    taken = unit.session.claim(HANDING, patient, holder)
    if taken != holder and not moves(unit.find(key_of(taken), again=True)):
        unit.session.release(HANDING, taken)
        taken = unit.session.claim(HANDING, patient, holder)
    return taken


def moves(task: Resource | None) -> bool:
    """Whether a Task is an open offer of ours that moves a person."""
    return task is not None and is_ours(task) and state_of(task) == "offered" and is_moving(task)


def _refuse_stranger(unit: Unit, task: Resource, requester: str, now: int) -> None:
    """Raise Invalid where somebody hands over a person for whom they do not answer."""
    found = accountable(unit.session, ref(task, "for", unit.base_url), now, unit.base_url)
    if found is None:
        text = "Nobody answers for this person here: a CareTeam of the profile care-team with a lead comes first."
        raise Invalid(text, code="business-rule", expression="Task.for")
    if not same(unit.session, requester, found.member, now, unit.base_url):
        text = "Who hands a person over is who answers for them now; Patient/[id]/$accountable says who that is."
        raise Invalid(text, code="business-rule", expression="Task.requester")


def _accepted(unit: Unit, before: Resource, after: Resource, id_: str, now: int) -> None:
    who, moving = ref(after, "owner", unit.base_url), is_moving(after)
    if not is_person(who):
        text = f"owner says who of those asked takes it over: a {' or '.join(PEOPLE)}."
        raise Invalid(text, code="business-rule", expression="Task.owner")
    _refuse_who_was_not_asked(unit, id_, before, who, now)
    refuse_who_is_not_here(unit, who, now, "Somebody else who was asked accepts; or it is declined or withdrawn.")
    patient = ref(after, "for", unit.base_url)
    refuse_who_is_gone(unit, patient)
    if not moving:
        return
    standing = accountable(unit.session, patient, now, unit.base_url)
    theirs = _team(unit, before, patient)
    team = theirs or (_own(unit, patient, standing.team) if standing else "")
    if not team:
        text = "This person has no CareTeam of the profile care-team any more, so nobody can take over here."
        raise Conflict(text, code="conflict", expression="Task.for")
    department = _department(unit, before, who) if kind_of(before) == CHANGE and not theirs else ""
    pass_on(unit, patient, team, who, now, f"Task/{id_}", department)


def _department(unit: Unit, before: Resource, who: str) -> str:
    """The department (`Organization/1`) of who accepts, by their role, else by who was asked; empty: not known."""
    asked = ref(before, "owner", unit.base_url)
    return department_of(unit.session, who, unit.base_url) or department_of(unit.session, asked, unit.base_url)


def _team(unit: Unit, before: Resource, patient: str) -> str:
    """The team that was asked, where it is one of the person's own."""
    asked = ref(before, "owner", unit.base_url, "CareTeam")
    found = unit.find(("CareTeam", asked.removeprefix("CareTeam/"))) if asked else None
    if not found or PERSON not in profiles_of(found) or found.get("status") != "active":
        return ""
    theirs = person(unit.session, ref(found, "subject", unit.base_url), unit.base_url)
    return asked if theirs == person(unit.session, patient, unit.base_url) else ""


def _own(unit: Unit, patient: str, leading: str) -> str:
    """The team by which somebody takes over: of who was merged their own, so that it is right also when they are so no
    longer; else the one that answers for the person."""
    if not any_merged(unit.session, [key_of(patient)[1]]):
        return leading
    known = unit.find(key_of(leading))
    if known and ref(known, "subject", unit.base_url) == patient:
        return leading
    teams = sorted(teams_of(unit.session, patient, unit.base_url), key=lambda each: each[0].row)
    own = [f"CareTeam/{stored.id}" for stored, team in teams if ref(team, "subject", unit.base_url) == patient]
    return own[0] if own else leading


def _declined(unit: Unit, before: Resource, after: Resource, id_: str, now: int) -> None:
    _refuse_no_reason(after, "declines")
    _refuse_who_was_not_asked(unit, id_, before, stepped_by(after, unit.base_url), now)


def _withdrawn(unit: Unit, before: Resource, after: Resource, id_: str, now: int) -> None:
    _refuse_no_reason(after, "withdraws")
    who, requester = stepped_by(after, unit.base_url), ref(before, "requester", unit.base_url)
    if same(unit.session, who, requester, now, unit.base_url) and not has_left(unit.session, who, now, unit.base_url):
        return
    if not _answers_now(unit, before, who, now):
        text = "Who hands over, and works here still, withdraws it, or who answers for the person now."
        raise Invalid(text, code="business-rule", expression=_BY)


def _answers_now(unit: Unit, task: Resource, who: str, now: int) -> bool:
    """Whether somebody answers for the person now."""
    standing = accountable(unit.session, ref(task, "for", unit.base_url), now, unit.base_url)
    return standing is not None and same(unit.session, who, standing.member, now, unit.base_url)


def _ended(unit: Unit, before: Resource, after: Resource, id_: str, now: int) -> None:
    """What was accepted is done, or could not be: who has it says so, and who handed over is told."""
    who, owner = stepped_by(after, unit.base_url), ref(before, "owner", unit.base_url)
    if not may_answer(unit.session, who, [owner], now, unit.base_url) and not _answers_now(unit, before, who, now):
        text = "Who accepted it returns it, or who answers for the person now."
        raise Invalid(text, code="business-rule", expression=_BY)
    if state_of(after) == "failed":
        _refuse_no_reason(after, "gives it back")
    elif result_by(after) and not after.get("output"):
        text = "A result is waited for: output says what it is."
        raise Invalid(text, code="required", expression="Task.output")
    if not unit.own:
        _refuse_no_results(unit, before, after)
    tell_sender(unit, before, after, id_, now)


def _refuse_no_results(unit: Unit, before: Resource, after: Resource) -> None:
    """Raise Invalid for a new result that is not about the person; that there is one was seen to (`saying`)."""
    base = unit.base_url
    new = [f"{kind}/{id_}" for kind, id_ in keys_at(after, "output.valueReference", base)]
    old = {f"{kind}/{id_}" for kind, id_ in keys_at(before, "output.valueReference", base)}
    results = [each for each in new if each not in old]
    ids = {each.partition("/")[2] for each in persons(unit.session, ref(after, "for", base), base)}
    refuse_no_results(results, present(unit.session, map(key_of, results)), ids, base)


_STEPS: Mapping[State, Callable[[Unit, Resource, Resource, str, int], None]] = {
    "accepted": _accepted,
    "declined": _declined,
    "withdrawn": _withdrawn,
    "returned": _ended,
    "failed": _ended,
}


def _refuse_no_reason(after: Resource, who: str) -> None:
    said = after.get("statusReason", {})
    if not (said.get("text") or said.get("coding")):
        raise Invalid(f"Who {who} says why.", code="required", expression="Task.statusReason")


def _refuse_who_was_not_asked(unit: Unit, id_: str, before: Resource, who: str, now: int) -> None:
    asked = [ref(before, "owner", unit.base_url), *mentions(unit.session.ledger.of([f"Task/{id_}"]))]
    if not may_answer(unit.session, who, asked, now, unit.base_url):
        text = "Who answers was asked, or is on a team or in a department that was."
        raise Invalid(text, code="business-rule", expression="Task.owner")
