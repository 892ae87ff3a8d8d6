"""A modular form put together: each display that names a subQuestionnaire gives way to the items of that. Pure.

All that stands against it is told at once, each with its place in the form that is assembled, and with the part and
the place there. Source: http://hl7.org/fhir/uv/sdc/modular.html#modular.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.targets import is_id, parse_canonical
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.assembling import renaming
from carethread.questionnaires.assembling.parts import (
    FROM,
    LAUNCH,
    LIBRARY,
    SUB,
    TO_HOLDER,
    canonical_of,
    expected_after,
    has,
    is_same,
    is_variable,
    names_of,
    prefix_in,
    wrong_part,
    wrong_root,
)
from carethread.questionnaires.expressions.variables import VARIABLE
from carethread.questionnaires.forms.faults import MOST_ITEMS, MOST_LEVELS, faults_of, nameless
from carethread.questionnaires.scoring.scores import SCORE

MOST_PARTS = 200
"""How often parts are put in, parts of parts too."""

MOST_WITHIN = 10
"""How many parts may stand in each other."""

_MOST_TOLD = 200

Find = Callable[[str], Resource | None]
"""The Questionnaire that a canonical names; None where there is none. Raises Invalid for one that cannot be read."""


class Assembled(NamedTuple):
    """The form as one, and what its author should know (warnings and informations)."""

    questionnaire: Resource
    issues: list[Issue]


def assemble(root: Resource, find: Find) -> Assembled:
    """Put a form that is valid R4 together. Raises Invalid with every fault."""
    return _Assembly(root, find).run()


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is being read: the form itself (`part` empty), or a part, which stands at `place` of the form.

    `prefix` is what its own linkIds get, `inner` what those of parts in it would get; `names` what they may rely on.
    `chain` are the urls of the forms around, itself last.
    """

    part: str
    place: str
    chain: tuple[str, ...]
    prefix: str
    inner: str
    names: frozenset[str]
    contained: frozenset[str]
    level: int = 0

    def told(self, path: str, told: str) -> tuple[str, str]:
        """What to say of a place in what is being read, and the place in the form."""
        return (f"In {shown(self.part)} at {path}: {told}", self.place) if self.part else (told, path)


@dataclass(slots=True)
class _Holder:
    """What items stand in, the form or a group: its extensions, to which those of parts are added."""

    extensions: list[Resource] = field(default_factory=list)


class _Assembly:
    def __init__(self, root: Resource, find: Find) -> None:
        self._root, self._find = root, find
        self._issues: list[Issue] = []
        self._used: dict[str, None] = {}
        self._contained: dict[str, Resource] = {each["id"]: each for each in root.get("contained", ())}
        self._top = _Holder(list(root.get("extension", ())))
        self._links: dict[str, str] = {}
        self._where: dict[int, tuple[_Scope, str]] = {}
        self._parts = 0

    def run(self) -> Assembled:
        root = self._root
        if issues := nameless(root):
            raise Invalid(issues=issues)
        self._issues += wrong_root(root)
        inner, wrong = prefix_in(root, "")
        if wrong:
            self._add("value", wrong, "Questionnaire.extension")
        scope = _Scope("", "", (root.get("url", ""),), "", inner, names_of(root), frozenset(self._contained))
        items = self._items(root, "Questionnaire", scope, self._top)
        made = self._made(items)
        if not any(each.severity == "error" for each in self._issues):
            self._issues += self._faults(made)
        if any(each.severity == "error" for each in self._issues):
            raise Invalid(issues=self._issues[:_MOST_TOLD])
        return Assembled(made, self._issues[:_MOST_TOLD])

    def _made(self, items: list[Resource]) -> Resource:
        left_out = ("id", "text", "meta", "contained", "extension", "item")
        made = {name: value for name, value in self._root.items() if name not in left_out}
        meta = {n: v for n, v in self._root.get("meta", {}).items() if n not in ("versionId", "lastUpdated", "source")}
        extensions = [said for each in self._top.extensions if (said := expected_after(each)) is not None]
        extensions += [{"url": FROM, "valueCanonical": canonical} for canonical in self._used]
        members = {"meta": meta, "contained": list(self._contained.values()), "extension": extensions, "item": items}
        return {"resourceType": "Questionnaire"} | {n: v for n, v in members.items() if v} | made

    def _add(self, code: str, told: str, path: str, scope: _Scope | None = None, severity: str = "error") -> None:
        told, place = scope.told(path, told) if scope else (told, path)
        if len(self._issues) < _MOST_TOLD:
            self._issues.append(Issue(code, told, place, severity))

    def _stop(self, told: str, path: str, scope: _Scope) -> Invalid:
        told, place = scope.told(path, told)
        return Invalid(issues=[*self._issues, Issue("too-costly", told, place)])

    def _items(self, raw: Resource, path: str, scope: _Scope, holder: _Holder) -> list[Resource]:
        if scope.level == MOST_LEVELS and raw.get("item"):
            raise self._stop(f"Items are nested at most {MOST_LEVELS} deep.", path, scope)
        made: list[Resource] = []
        for number, each in enumerate(raw.get("item", ())):
            where = f"{path}.item[{number}]"
            if has(each, SUB):
                made += self._part(each, where, scope, holder)
            else:
                made.append(self._item(each, where, scope))
        return made

    def _item(self, raw: Resource, path: str, scope: _Scope) -> Resource:
        made = renaming.item(raw, scope.prefix, scope.contained)
        self._note(made, path, scope)
        inner, wrong = prefix_in(raw, scope.inner)
        if wrong:
            self._add("value", wrong, f"{path}.extension", scope)
        if "definition" in raw and "text" not in raw and raw["type"] not in ("group", "display"):
            told = "What it is asked is not taken from its definition here; give it a text."
            self._add("not-supported", told, f"{path}.definition", scope, "warning")
        if "item" in raw:
            holder = _Holder(list(made.get("extension", ())))
            names = scope.names | names_of(raw)
            within = replace(scope, inner=inner, names=names, level=scope.level + 1)
            items = self._items(raw, path, within, holder)
            made |= {n: v for n, v in (("extension", holder.extensions), ("item", items)) if v}
        return made

    def _note(self, made: Resource, path: str, scope: _Scope) -> None:
        """That an item is there; its linkId is to be its own."""
        if len(self._where) >= MOST_ITEMS:
            raise self._stop(f"A form has at most {MOST_ITEMS} items, those of its parts too; divide it.", path, scope)
        self._where[id(made)] = (scope, path)
        link = made["linkId"]
        if link in self._links:
            told = f"The linkId '{shown(link)}' is that of {self._links[link]} already; "
            told += "give the group around a part the variable linkIdPrefix."
            self._add("duplicate", told, f"{path}.linkId", scope)
        else:
            self._links[link] = f"{shown(scope.part)} at {path}" if scope.part else path

    def _part(self, raw: Resource, path: str, scope: _Scope, holder: _Holder) -> list[Resource]:
        """The items that a display gives way to."""
        said = [each.get("valueCanonical", "") for each in raw.get("extension", ()) if each.get("url") == SUB]
        target = parse_canonical(said[0])
        if raw["type"] != "display" or len(said) > 1 or target is None:
            told = "A display gives way to a subQuestionnaire, one, which is named by its url or url|version."
            self._add("business-rule", told, path, scope)
            return []
        if has(raw, VARIABLE):
            told = "A variable on what gives way is lost; put it on a group around it."
            self._add("business-rule", told, f"{path}.extension", scope)
        if not raw.keys().isdisjoint(("enableWhen", "code", "definition")):
            told = "It gives way with its conditions and codes; put them on a group around it."
            self._add("business-rule", told, path, scope, "warning")
        if target.url in scope.chain:
            circle = " -> ".join(map(shown, (*scope.chain[scope.chain.index(target.url) :], target.url)))
            self._add("business-rule", f"A form is no part of itself: {circle}.", path, scope)
            return []
        self._parts += 1
        if self._parts > MOST_PARTS or len(scope.chain) > MOST_WITHIN:
            told = f"A form has at most {MOST_PARTS} parts, {MOST_WITHIN} of them within each other."
            raise self._stop(told, path, scope)
        part = self._found(said[0], path, scope)
        return self._put_in(part, path, scope, holder) if part else []

    def _found(self, canonical: str, path: str, scope: _Scope) -> Resource | None:
        try:
            part = self._find(canonical)
        except Invalid as error:
            for each in error.issues[:5]:
                told = f"The subQuestionnaire {shown(canonical)} cannot be read: {each.expression}: {each.diagnostics}"
                self._add(each.code, told, path, scope)
            return None
        if part is None:
            told = f"The subQuestionnaire {shown(canonical)} is not known here; store it first."
            self._add("not-found", told, path, scope)
        elif "|" not in canonical:
            told = f"It names no version, so {shown(canonical_of(part))} was taken; another one may be tomorrow."
            self._add("informational", told, path, scope, "information")
        return part

    def _put_in(self, part: Resource, path: str, scope: _Scope, holder: _Holder) -> list[Resource]:
        canonical = canonical_of(part)
        self._used.setdefault(canonical)
        for each in wrong_part(part, self._root, scope.names):
            self._add(each.code, f"{shown(canonical)}: {each.diagnostics}", path, scope, each.severity)
        prefix, inside = scope.inner, frozenset(each["id"] for each in part.get("contained", ()))
        inner, wrong = prefix_in(part, prefix)
        within = _Scope(
            canonical,
            scope.place or path,
            (*scope.chain, part.get("url", "")),
            prefix,
            inner,
            scope.names | names_of(part),
            inside,
            scope.level,
        )
        if wrong:
            self._add("value", wrong, "Questionnaire.extension", within)
        self._take_contained(part, within)
        self._take_extensions(part, within, holder)
        return self._items(part, "Questionnaire", within, holder)

    def _take_contained(self, part: Resource, scope: _Scope) -> None:
        for number, each in enumerate(part.get("contained", ())):
            made = renaming.resource(each, scope.prefix, scope.contained)
            where = f"Questionnaire.contained[{number}]"
            if not is_id(made["id"]):
                told = f"With the prefix '{shown(scope.prefix)}' its id is none: letters, digits, - and ., at most 64."
                self._add("value", told, where, scope)
            elif self._contained.setdefault(made["id"], made) != made:
                told = f"Something else is contained as '{shown(made['id'])}' already; give it another id, or a prefix."
                self._add("duplicate", told, where, scope)

    def _take_extensions(self, part: Resource, scope: _Scope, holder: _Holder) -> None:
        """What a part says at its root that goes along: to what its items stand in, or to the form."""
        for number, each in enumerate(part.get("extension", ())):
            url, said = each.get("url"), renaming.referring(each, scope.prefix, scope.contained)
            if url in TO_HOLDER:
                name = each.get("valueExpression", {}).get("name")
                if url == VARIABLE and any(is_variable(other, name) for other in holder.extensions):
                    told = f"The variable '{shown(name)}' is there already, of the form or another part; rename one."
                    self._add("duplicate", told, f"Questionnaire.extension[{number}]", scope)
                else:
                    holder.extensions.append(said)
            elif url == SCORE:
                self._top.extensions.append(renaming.score(said, scope.prefix))
            elif url in (LAUNCH, LIBRARY) and not any(is_same(other, said) for other in self._top.extensions):
                self._top.extensions.append(said)

    def _faults(self, made: Resource) -> list[Issue]:
        """What is wrong with the form as a whole, each where it comes from."""
        faults = faults_of(made)
        if not faults:
            return []
        places = {path: self._where[id(item)] for path, item in _paths(made)}
        return [_placed(each, places) for each in faults]


def _placed(fault: Issue, places: dict[str, tuple[_Scope, str]]) -> Issue:
    """A fault of the whole as one of the form or the part that the item is of."""
    path, end = fault.expression or "", ""
    while path and path not in places:
        path, dot, last = path.rpartition(".")
        end = f"{dot}{last}{end}"
    if path not in places:
        return fault
    scope, where = places[path]
    told, place = scope.told(f"{where}{end}", fault.diagnostics)
    return replace(fault, diagnostics=told, expression=place)


def _paths(made: Resource) -> list[tuple[str, Resource]]:
    """Each item of a form and where it stands."""
    found: list[tuple[str, Resource]] = []
    waiting = [("Questionnaire", made)]
    while waiting:
        path, each = waiting.pop()
        inner = [(f"{path}.item[{number}]", item) for number, item in enumerate(each.get("item", ()))]
        found += inner
        waiting += inner
    return found
