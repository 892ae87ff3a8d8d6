"""What an independent validator and ours say of answers: of which items each finds something wrong, and why not both.

HAPI's validator judges a response by its Questionnaire too. Each kind of difference is settled by the text of the
specification, and stands in `KNOWN`; what none of them explains is a fault of ours.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carethread.core.errors import Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import objects
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.answering.report import DRAFTS
from carethread.questionnaires.forms.form import Condition, Form, Item, read
from support import oracle
from support.answers_made import made
from support.oracle import Finding

_LINK = re.compile(r"\b(?:i\d+|unknown)\b")
_OUT_OF_ORDER, _SOMEWHERE = "the order", "an item in one of several answers"


@dataclass(frozen=True)
class Case:
    """A response to a form, with what both say: messages by the linkId that each is about."""

    seed: int
    mutation: str
    form: Form
    response: Resource
    ours: dict[str, list[str]]
    oracles: dict[str, list[str]]


@dataclass(frozen=True)
class Dispute:
    """An item of which only one of the two finds something wrong, and what that says."""

    case: Case
    link: str
    by_us: bool
    told: list[str]


def cases(seeds: Iterable[int]) -> list[Case]:
    """Those of the seeds, judged by both."""
    some = [(seed, *made(seed)) for seed in seeds]
    with tempfile.TemporaryDirectory() as folder:
        for seed, questionnaire, _, _ in some:
            Path(folder, f"{seed}.json").write_bytes(json.render(questionnaire))
        verdicts = oracle.judge([json.render(response) for _, _, response, _ in some], guides=[Path(folder)])
    return [
        Case(seed, mutation, form, response, ours, _oracles(found, response, ours))
        for (seed, questionnaire, response, mutation), found in zip(some, verdicts, strict=True)
        for form in [read(questionnaire)]
        for ours in [_ours(judge(form, response), response)]
    ]


def _ours(issues: Sequence[Issue], response: Resource) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for issue in issues:
        if issue.severity == "error":
            (about,) = _about(issue.diagnostics, issue.expression or "", response)
            found.setdefault(about, []).append(issue.diagnostics)
    return found


def _oracles(findings: Sequence[Finding], response: Resource, ours: Collection[str]) -> dict[str, list[str]]:
    """Where the oracle does not say which item it is, one that we find wrong too is meant."""
    found: dict[str, list[str]] = {}
    for finding in oracle.errors(findings):
        meant = _about(finding.message, finding.location, response)
        about = next((each for each in meant if each in ours), meant[0] if len(meant) == 1 else _SOMEWHERE)
        found.setdefault(about, []).append(finding.message)
    return found


def _about(message: str, path: str, response: Resource) -> list[str]:
    """The linkId that a message is about: the first that it names, else that of the item where it stands.

    The oracle's paths leave out in which of several answers an item stands; then it is one of several.
    """
    if "order" in message:
        return [_OUT_OF_ORDER]
    named = _LINK.search(message)
    if named:
        return [named[0]]
    here: list[tuple[Resource, str]] = [(response, "")]
    for name, number in re.findall(r"\.(item|answer)\[(\d+)\]", path):
        held = [(each, link) for one, link in here for each in ([one] if name in one else one.get("answer", ()))]
        here = [
            (each[name][int(number)], each[name][int(number)].get("linkId", link))
            for each, link in held
            if len(each.get(name, ())) > int(number)
        ]
    return sorted({link for _, link in here}) or [_SOMEWHERE]


def broken(case: Case) -> bool:
    """Whether the oracle itself broke on a case: its message is a Java exception."""
    return any("Exception: " in each for told in case.oracles.values() for each in told)


def disputes(case: Case) -> Iterator[Dispute]:
    for link in sorted(case.ours.keys() ^ case.oracles.keys()):
        if link == _SOMEWHERE and case.ours:
            continue  # which of them it is the oracle does not say
        yield Dispute(case, link, link in case.ours, case.ours.get(link) or case.oracles[link])


def _around(item: Item | None) -> Iterator[Item]:
    """An item and all that it stands in."""
    while item is not None:
        yield item
        item = item.parent


def _deciding(dispute: Dispute) -> list[Condition]:
    """All conditions that have a say in whether the disputed item is enabled, those about their questions too."""
    form = dispute.case.form
    found: list[Condition] = []
    waiting = [form.items[dispute.link]] if dispute.link in form.items else []
    seen: set[str] = set()
    while waiting:
        for each in _around(waiting.pop()):
            if each.link_id not in seen:
                seen.add(each.link_id)
                found += each.enable_when
                waiting += [form.items[condition.question] for condition in each.enable_when]
    return found


def _is_about_enabling(dispute: Dispute) -> bool:
    """Whether one side says that the item is to be left out, or the other that it is to be there."""
    return all("enabled" in each or "required" in each for each in dispute.told)


def _not_equal(dispute: Dispute) -> bool:
    return _is_about_enabling(dispute) and any(each.operator == "!=" for each in _deciding(dispute))


def _disabled_question(dispute: Dispute) -> bool:
    items = dispute.case.form.items
    return _is_about_enabling(dispute) and any(
        around.enable_when for each in _deciding(dispute) for around in _around(items[each.question])
    )


def _several_occurrences(dispute: Dispute) -> bool:
    items = dispute.case.form.items
    return _is_about_enabling(dispute) and any(
        around.repeats for each in _deciding(dispute) for around in _around(items[each.question].parent)
    )


def _draft(dispute: Dispute) -> bool:
    return dispute.case.response["status"] in DRAFTS and not dispute.by_us


def _void(dispute: Dispute) -> bool:
    return dispute.case.response["status"] == "entered-in-error" and not dispute.by_us


def _within_what_is_disabled(dispute: Dispute) -> bool:
    item = dispute.case.form.items.get(dispute.link)
    return not dispute.by_us and any(
        "not enabled" in told or "stands" in told
        for each in _around(item)
        for told in dispute.case.ours.get(each.link_id, ())
    )


def _asked_once(dispute: Dispute) -> bool:
    return dispute.by_us and all("is there once" in each for each in dispute.told)


def _empty_group(dispute: Dispute) -> bool:
    return dispute.by_us and all(each.startswith("Nothing within the group") for each in dispute.told)


def _nothing_answered(dispute: Dispute) -> bool:
    """Whether the item is there, but nowhere answered."""
    entries = [each for each in objects(dispute.case.response) if each.get("linkId") == dispute.link]
    return (
        dispute.by_us
        and _is_about_enabling(dispute)
        and not any("answer" in each or "item" in each for each in entries)
    )


def _misplaced_answer(dispute: Dispute) -> bool:
    items = dispute.case.form.items
    return _is_about_enabling(dispute) and any(
        "stands" in told
        for each in _deciding(dispute)
        for around in _around(items[each.question])
        for told in dispute.case.ours.get(around.link_id, ())
    )


def _empty_repetition(dispute: Dispute) -> bool:
    item = dispute.case.form.items.get(dispute.link)
    said = all(each.startswith("No sub-items found for required group") for each in dispute.told)
    return item is not None and item.repeats and not dispute.by_us and said


KNOWN: dict[str, tuple[str, Callable[[Dispute], bool], int]] = {
    "an item within one that is disabled, or in the wrong place": (
        "Other rules for items that are not enabled are ignored (SDC, validation.html#validation-expectations), and "
        "what the form does not have there is no item of it; the oracle goes on to judge them.",
        _within_what_is_disabled,
        5,
    ),
    "!= of a question with no answer, or with several": (
        "It is true if no answer has a value that is equal (R4 and R5, valueset-questionnaire-enable-operator.html); "
        "the oracle wants an answer that is not equal.",
        _not_equal,
        9,
    ),
    "a condition on a question that is itself disabled": (
        "What is disabled is not part of a complete response (SDC, validation.html), so it has no answer; the oracle "
        "takes what is written there for one.",
        _disabled_question,
        43,
    ),
    "a condition on a question within what repeats": (
        "It is about the nearest one (R4, questionnaire-definitions.html#Questionnaire.item.enableWhen.question); "
        "the oracle takes the answers of all of them.",
        _several_occurrences,
        16,
    ),
    "a draft": (
        "Until it is complete a response may break rules such as required, cardinality and enableWhen (SDC, "
        "validation.html#validation-expectations): a warning here, an error of the oracle.",
        _draft,
        0,
    ),
    "entered in error": (
        "The content is not valid, so nothing is asked of it; the oracle judges it.",
        _void,
        315,
    ),
    "a question twice": (
        "There is one item for a question with several answers (R4, "
        "questionnaire-definitions.html#Questionnaire.item.repeats); the oracle takes two where it repeats.",
        _asked_once,
        70,
    ),
    "a required group without an answer": (
        "At least one question descended from it has an answer (SDC, behavior.html#required); the oracle is content "
        "with an item that is not answered.",
        _empty_group,
        1756,
    ),
    "a repetition of a required group with nothing in it": (
        "That it is required is about all of its repetitions together (SDC, behavior.html#required); the oracle asks "
        "it of each.",
        _empty_repetition,
        516,
    ),
    "a disabled item that is not answered": (
        "Items are only included where they are enabled (SDC, validation.html#validation-expectations); the oracle "
        "minds only answers.",
        _nothing_answered,
        742,
    ),
    "a condition on an answer in the wrong place": (
        "What stands where the form has nothing answers nothing; the oracle finds it nevertheless.",
        _misplaced_answer,
        3503,
    ),
}
"""Each kind of difference: the text that settles it, how it is told, and a seed that shows it."""


def explained(dispute: Dispute) -> str | None:
    """The kind of a difference; None for one that is not known."""
    return next((name for name, (_, applies, _) in KNOWN.items() if applies(dispute)), None)
