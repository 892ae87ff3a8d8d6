"""What is sent of a form that grows: whether it is what was handed out, and nothing else. Pure.

Nobody keeps what was handed out; it follows from the form, so all that has to be known is which items there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.adapting.growing import handed, is_asked, is_conditional
from carethread.questionnaires.forms.faults import MOST_ITEMS
from carethread.questionnaires.forms.form import Form

_MOST_TOLD = 100
_AGAIN = "send the Questionnaire as it came with the last answer"


def links_of(form: Form, contained: Resource, path: str) -> frozenset[str]:
    """The linkIds of the items that were handed out. Raises Invalid with all that was not, each with its place.

    `path` is where the growing Questionnaire stands in what was sent.
    """
    found = list(_items(contained, path))
    if len(found) > MOST_ITEMS:
        told = f"A form has at most {MOST_ITEMS} items; {_AGAIN}."
        raise Invalid(told, code="too-costly", expression=f"{path}.item")
    issues = list(_misplaced(form, found))
    if not issues:
        links = frozenset(raw["linkId"] for raw, _, _ in found)
        issues = [*_changed(form, links, found), *_too_early(form, links, found)]
    if issues:
        raise Invalid(issues=issues[:_MOST_TOLD])
    return links


def _items(contained: Resource, path: str) -> Iterator[tuple[Resource, str, str]]:
    """Each item, its place, and the linkId of the one that it stands in, in order; at most one too many."""
    waiting = _below(contained, path, "")
    count = 0
    while waiting and count <= MOST_ITEMS:
        raw, where, parent = waiting.pop()
        yield raw, where, parent
        count += 1
        waiting += _below(raw, where, raw.get("linkId", ""))


def _below(raw: Resource, path: str, parent: str) -> list[tuple[Resource, str, str]]:
    inner = raw.get("item", ())
    return [(inner[n], f"{path}.item[{n}]", parent) for n in reversed(range(len(inner)))]


def _misplaced(form: Form, found: list[tuple[Resource, str, str]]) -> Iterator[Issue]:
    seen: set[str] = set()
    for raw, path, parent in found:
        link = raw.get("linkId", "")
        item = form.items.get(link)
        if item is None:
            told = f"The adaptive form has no item '{shown(link)}'; {_AGAIN}."
            yield Issue("not-found", told, f"{path}.linkId")
        elif link in seen:
            yield Issue("duplicate", f"The item '{shown(link)}' is here already; {_AGAIN}.", f"{path}.linkId")
        elif parent != (item.parent.link_id if item.parent else ""):
            yield Issue("structure", f"The item '{shown(link)}' stands elsewhere in the form; {_AGAIN}.", path)
        seen.add(link)


def _changed(form: Form, links: frozenset[str], found: list[tuple[Resource, str, str]]) -> Iterator[Issue]:
    """Items that are not as they were handed out."""
    made = [raw for raw, _, _ in _items({"item": handed(form, links)}, "")]
    for (raw, path, _), own in zip(found, made, strict=True):
        if raw["linkId"] != own["linkId"]:
            yield Issue("structure", f"The items are not in the form's order; {_AGAIN}.", path)
            return
        changed = sorted(name for name in {*raw, *own} - {"item"} if raw.get(name) != own.get(name))
        for name in changed:
            told = f"The item '{shown(raw['linkId'])}' is not as the form has it; {_AGAIN}."
            yield Issue("business-rule", told, f"{path}.{name}")


def _too_early(form: Form, links: frozenset[str], found: list[tuple[Resource, str, str]]) -> Iterator[Issue]:
    """Questions behind one that is always asked, and was not."""
    first = next(
        (
            each
            for each in form.items.values()
            if each.link_id not in links and is_asked(each) and not is_conditional(each)
        ),
        None,
    )
    for raw, path, _ in found if first else ():
        item = form.items[raw["linkId"]]
        if first and is_asked(item) and item.place > first.place:
            told = f"'{shown(item.link_id)}' was not asked yet, for '{shown(first.link_id)}' comes before it; {_AGAIN}."
            yield Issue("business-rule", told, path)
            return
