"""Our validator beside the oracle: what both say of a resource, the exceptions that stand, the table of it all."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from carethread.core.errors import FhirError, Issue
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from support import oracle
from support.mutations import Case


@dataclass(frozen=True, slots=True)
class Said:
    """One error of one side: its kind (the oracle's message key, or our issue code), the element, and its sentence."""

    key: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and the errors that each side found in it; none means that it accepts."""

    case: Case
    oracle: tuple[Said, ...]
    ours: tuple[Said, ...]

    @property
    def agreed(self) -> bool:
        return bool(self.oracle) == bool(self.ours)


@dataclass(frozen=True, slots=True)
class Difference:
    """Errors of one side alone that stand: patterns for the whole key, the sentence and the element, and why.

    `example` is a resource that shows it, as JSON; without one, some of the others must.
    """

    key: str
    text: str
    reason: str
    example: str = ""
    where: str = ""

    def covers(self, said: Said) -> bool:
        return bool(
            _pattern(self.key).fullmatch(said.key)
            and _pattern(self.text).search(said.text)
            and _pattern(self.where).search(said.where)
        )


Known = Mapping[str, Sequence[Difference]]
"""The differences that stand, by the side that refuses alone: `the oracle` or `we`."""


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL)


def judged(cases: Sequence[Case], found: Sequence[Sequence[oracle.Finding]]) -> list[Judged]:
    """The cases with the oracle's findings and ours."""
    return [
        Judged(case, tuple(Said(f.key, f.location, f.message) for f in oracle.errors(findings)), our_errors(case.body))
        for case, findings in zip(cases, found, strict=True)
    ]


def our_errors(body: bytes) -> tuple[Said, ...]:
    """What reading and validating refuse a body for."""
    try:
        issues: Sequence[Issue] = validate(json.parse(body))
    except FhirError as error:
        issues = error.issues
    return tuple(
        Said(issue.code, issue.expression or "", issue.diagnostics)
        for issue in issues
        if issue.severity in ("error", "fatal")
    )


def unexplained(everything: Iterable[Judged], known: Known) -> list[Judged]:
    """The disagreements in which the side that refuses says something that no known difference covers."""
    return [one for one in everything if not one.agreed and _new(one, known)]


def unused(everything: Iterable[Judged], known: Known) -> list[Difference]:
    """The known differences that cover nothing."""
    covered = {difference for one in everything for difference in _covering(one, known)}
    return [difference for differences in known.values() for difference in differences if difference not in covered]


def told(one: Judged, known: Known) -> str:
    """A disagreement in a few lines, for a failing test."""
    lines = [f"only {_side(one)} refuses [{one.case.kind}] {one.case.name}: {one.case.body[:400]!r}"]
    return "\n    ".join(lines + [f"{said.key} at {said.where}: {said.text[:300]}" for said in _new(one, known)[:3]])


def _side(one: Judged) -> str:
    """Who refuses alone."""
    return "the oracle" if one.oracle else "we"


def _new(one: Judged, known: Known) -> list[Said]:
    return [s for s in one.oracle + one.ours if not any(difference.covers(s) for difference in known[_side(one)])]


def _covering(one: Judged, known: Known) -> Iterator[Difference]:
    if not one.agreed:
        for said in one.oracle + one.ours:
            yield from (difference for difference in known[_side(one)] if difference.covers(said))


def table(everything: Iterable[Judged]) -> str:
    """How often the two agree, by kind of case, as a Markdown table."""
    counts: dict[str, Counter[tuple[bool, bool]]] = defaultdict(Counter)
    total: Counter[tuple[bool, bool]] = Counter()
    for one in everything:
        verdicts = bool(one.oracle), bool(one.ours)
        counts[one.case.kind][verdicts] += 1
        total[verdicts] += 1
    rows = [_row(kind, count) for kind, count in counts.items()]
    return "\n".join([_HEAD, *rows, _row("**all**", total)])


_HEAD = """\
| resources | judged | both accept | both refuse | only the oracle refuses | only we refuse |
|---|---|---|---|---|---|"""


def _row(kind: str, count: Counter[tuple[bool, bool]]) -> str:
    cells = (sum(count.values()), count[False, False], count[True, True], count[True, False], count[False, True])
    return f"| {kind} | " + " | ".join(f"{cell:,}" for cell in cells) + " |"


def reasons(everything: Iterable[Judged], known: Known) -> str:
    """The known differences, with how many of the cases each covers, as a Markdown table."""
    met = Counter(difference for one in everything for difference in set(_covering(one, known)))
    rows = ["| refused only by | for | why that stands | resources |", "|---|---|---|---|"]
    for who, differences in known.items():
        for difference in differences:
            wanted = ", ".join(f"`{part}`" for part in (difference.key, difference.text, difference.where) if part)
            wanted = wanted.replace("|", "\\|")
            rows.append(f"| {who} | {wanted} | {difference.reason} | {met[difference]:,} |")
    return "\n".join(rows)
