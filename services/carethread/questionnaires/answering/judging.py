"""A QuestionnaireResponse judged by its form: everything that is wrong with it, each with its place.

Pure: a form and a response in, issues out. Source: http://hl7.org/fhir/R4/questionnaireresponse.html,
http://hl7.org/fhir/uv/sdc/validation.html. No issue repeats an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from carethread.core.errors import Issue
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.questionnaires.answering.asking import Asker
from carethread.questionnaires.answering.enabling import is_enabled
from carethread.questionnaires.answering.placing import Answer, Entry, Holder, Holders, placed
from carethread.questionnaires.answering.plans import Constraint, Plan, Plans, plans_of
from carethread.questionnaires.answering.report import DRAFTS, Report
from carethread.questionnaires.forms.comparing import key
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.forms.values import typed_value

VOID = "entered-in-error"

MOST_ITEMS = 20_000


def judge(form: Form, response: Resource, clock: Callable[[], datetime] | None = None) -> list[Issue]:
    """Every issue of a response that is valid R4; none: it answers the form.

    What only a complete response has to meet is a warning in a draft. What nobody here can tell, such as whether a code
    is of a value set that is not known, is an information. Of what was entered in error nothing is asked. `clock` is
    what `now()` means in the form's expressions.
    """
    if response.get("status") == VOID:
        return []
    report = Report(draft=response.get("status") in DRAFTS)
    if _too_many(response):
        told = f"A response has at most {MOST_ITEMS} items and answers."
        report.add("too-costly", "QuestionnaireResponse.item", told)
        return report.issues()
    _judge_subject(form, response, report)
    plans = plans_of(form)
    holders = placed(form, response, report)
    asker = Asker(form, response, report, clock)
    _decide(plans, holders, asker)
    _judge_items(plans, holders[""][0], report, asker, response)
    for constraint in plans.constraints:
        _judge_constraint(constraint, asker, report, None)
    return report.issues()


def disabled(form: Form, response: Resource) -> set[tuple[str, str]]:
    """Which of the form's items are disabled where: the path of what they would stand in, and their linkId.

    An item within one that is disabled is not told of again. Paths are as in `answering.placing`: the response's, a
    group's or an answer's.
    """
    report = Report(draft=True)
    plans, holders = plans_of(form), placed(form, response, report)
    _decide(plans, holders, Asker(form, response, report))
    return {(holder.path, link) for each in holders.values() for holder in each for link in holder.off}


def _too_many(response: Resource) -> bool:
    waiting, count = [response], 0
    while waiting and count <= MOST_ITEMS:
        each = waiting.pop()
        inner = [*each.get("item", ()), *each.get("answer", ())]
        count += len(inner)
        waiting += [one for one in inner if "item" in one or "answer" in one]
    return count > MOST_ITEMS


def _holders_of(plan: Plan, holders: Holders) -> Sequence[Holder]:
    """What an item may stand in."""
    return holders.get(plan.item.parent.link_id if plan.item.parent else "", ())


def _decide(plans: Plans, holders: Holders, asker: Asker) -> None:
    """Note in each holder which items are disabled there."""
    for plan in plans.conditional:
        for holder in _holders_of(plan, holders):
            if not _is_on(plan, holder, asker):
                holder.off.add(plan.item.link_id)


def _is_on(plan: Plan, holder: Holder, asker: Asker) -> bool:
    item = plan.item
    if plan.rules and not is_enabled(plan.rules, holder, any_enables=item.any_enables):
        return False
    if not plan.enable:
        return True
    there = holder.found.get(item.link_id)
    spot = asker.spot(there[0]) if there else asker.around(holder).inside(item)
    path = there[0].path if there else holder.path
    return asker.holds(plan.enable, spot, path, f"Whether '{item.link_id}' is enabled")


def _judge_subject(form: Form, response: Resource, report: Report) -> None:
    allowed = form.raw.get("subjectType", ())
    found = reference_type(response.get("subject"))
    if allowed and found is not None and found not in allowed:
        told = f"The form is about {' or '.join(allowed)}, not about {found}."
        report.add("value", "QuestionnaireResponse.subject", told)


def _judge_items(plans: Plans, root: Holder, report: Report, asker: Asker, response: Resource) -> None:
    """All that the form has in each holder, in the form's order."""
    waiting: list[tuple[Holder, Sequence[Plan]]] = [(root, plans.roots)]
    while waiting:
        holder, expected = waiting.pop()
        inner: list[tuple[Holder, Sequence[Plan]]] = []
        for plan in expected:
            found = holder.found.get(plan.item.link_id, ())
            if plan.item.link_id in holder.off:
                for entry in found:
                    told = f"The item '{plan.item.link_id}' is not enabled by the other answers; leave it out."
                    report.add("business-rule", entry.path, told, later=True)
                continue
            _judge_number(plan, found, holder, report)
            for entry in found:
                _judge_entry(plan, entry, report, asker, response)
                inner += [(each, plan.children) for each in entry.holders if plan.children]
        waiting += reversed(inner)


def _judge_number(plan: Plan, found: Sequence[Entry], holder: Holder, report: Report) -> None:
    """How often an item is there: a group by itself, a question by its answers."""
    link, is_group = plan.item.link_id, plan.item.type == "group"
    if len(found) > 1 and not is_group:
        told = f"The item '{link}' is there once; several answers to it stand within that one."
        report.add("structure", found[1].path, told, later=True)
    count = len(found) if is_group else sum(len(entry.answers) for entry in found)
    where = found[0].path if found else holder.path
    if is_group and plan.item.required and found and not any(_has_answer(entry.given) for entry in found):
        report.add("required", where, f"Nothing within the group '{link}' is answered; it is required.", later=True)
    elif count < plan.least:
        told = (
            f"The item '{link}' is required." if plan.least == 1 else f"'{link}' is needed {plan.least} times or more."
        )
        report.add("required", where, told, later=True)
    elif plan.most is not None and count > plan.most and plan.kinds | {is_group}:
        told = (
            f"'{link}' has one answer at most." if plan.most == 1 else f"'{link}' is there {plan.most} times at most."
        )
        told = f"The group '{link}' does not repeat." if is_group and plan.most == 1 else told
        report.add("structure", where, told, later=True)


def _has_answer(group: Resource) -> bool:
    """Whether anything within a group is answered."""
    waiting = [group]
    while waiting:
        each = waiting.pop()
        answers = each.get("answer", ())
        if any(typed_value(answer)[0] for answer in answers):
            return True
        waiting += [*each.get("item", ()), *answers]
    return False


def _judge_entry(plan: Plan, entry: Entry, report: Report, asker: Asker, response: Resource) -> None:
    item = plan.item
    text = entry.given.get("text")
    if text is not None and plan.texts is not None and text not in plan.texts:
        report.add(
            "value", f"{entry.path}.text", f"The text of '{item.link_id}' is the form's, or a translation of it."
        )
    if entry.answers:
        for gap in plan.gaps:
            report.add("informational", entry.path, gap, "information")
        _judge_answers(plan, entry, report, response)
    if plan.toggles:
        _judge_toggles(plan, entry, asker, report)
    for constraint in plan.constraints:
        _judge_constraint(constraint, asker, report, entry)


def _judge_answers(plan: Plan, entry: Entry, report: Report, response: Resource) -> None:
    item, choice = plan.item, plan.choice
    for answer in entry.answers:
        if answer.kind not in plan.kinds:
            told = f"An answer to '{item.link_id}' is of type {' or '.join(sorted(plan.kinds))}, not {answer.kind}."
            report.add("structure", answer.path, told)
            continue
        if choice and not choice.accepts(answer.kind, answer.value):
            told = f"The answer to '{item.link_id}' is {choice.allowed}."
            report.add("code-invalid", answer.path, told, later=True)
        for check in plan.checks:
            for wrong in check(answer.value, response):
                report.add(wrong.code, answer.path, f"{item.link_id}: {wrong.told}", wrong.severity, later=True)
    keys = _keys(entry.answers) if (choice and choice.exclusive) or plan.fixed else frozenset()
    if choice and len(entry.answers) > 1 and choice.exclusive & keys:
        told = f"One of the answers to '{item.link_id}' excludes all others."
        report.add("business-rule", entry.path, told, later=True)
    if plan.fixed and keys != plan.fixed:
        told = f"'{item.link_id}' is read only, and its value is not the form's."
        report.add("business-rule", entry.path, told, "warning")


def _keys(answers: Sequence[Answer]) -> frozenset[object]:
    return frozenset(key(each.kind, each.value) for each in answers)


def _judge_toggles(plan: Plan, entry: Entry, asker: Asker, report: Report) -> None:
    """Refuse options that are switched off: those of which no toggle that names them is true."""
    item, spot = plan.item, asker.spot(entry)
    on: set[object] = set()
    for toggle in plan.toggles:
        if asker.holds(toggle.text, spot, entry.path, f"Which options '{item.link_id}' has"):
            on |= toggle.keys
    off = {each for toggle in plan.toggles for each in toggle.keys} - on
    for answer in entry.answers:
        if answer.kind in plan.kinds and key(answer.kind, answer.value) in off:
            told = f"The answer to '{item.link_id}' cannot be chosen after the other answers."
            report.add("code-invalid", answer.path, told, later=True)


def _judge_constraint(constraint: Constraint, asker: Asker, report: Report, entry: Entry | None) -> None:
    spot, path = (asker.spot(entry), entry.path) if entry else (asker.root(), "QuestionnaireResponse")
    if not asker.holds(constraint.text, spot, path, f"The form's constraint '{constraint.key}'"):
        severity = "warning" if constraint.severity == "warning" else "error"
        report.add("invariant", path, f"{constraint.human} ({constraint.key})", severity, later=True)
