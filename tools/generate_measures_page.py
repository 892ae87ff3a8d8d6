"""Write `docs/measures.md`, what the shipped measures count.

    python tools/generate_measures_page.py [--check]

With --check nothing is written; the exit code is 1 when the page is not what would be written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from elements_read import elements_read

from carethread.metrics.explaining.gaps import CARE_GAP
from carethread.metrics.measures.definition import EXTENSION, LANGUAGE, looks_back

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "fhir_profiles" / "measures"
PAGE = ROOT / "docs" / "measures.md"

HEAD = """# Measures

What the practice counts. Each measure is a [Measure](http://hl7.org/fhir/R4/measure.html) in `fhir_profiles/measures`,
with its SQL beside it: one SELECT over the [views](views.md) that lists the units it counts, for an analyst to read.
This page is made of the Measures by `tools/generate_measures_page.py`. [A measure of your own](own-measures.md) counts
beside them.

- **Units** are counted in the period where their moment is, by the days of their department's zone; without one by UTC.
  One of which an EHR tells the day alone is of that day wherever the department is: it stands at 10:00 UTC. Of a month
  or a year that is its first day. Where something was to be by a day, there is time until it is over (in UTC).
- **Now** is the moment up to which facts are whole. What cannot be known by then is counted apart, and is in no share:
  neither good nor bad.
- **Ends** of times (of a team, a coverage, a consent) that name a day, a month or a year are the end of that, in UTC.
  Of a death that is known so, what was to be from its first moment on was to be after it: nobody is held to that.
- **People** who were merged are one, through as many as eight merges one after another. A resource counts in its
  highest version, so events that come twice, late or out of order change nothing.
- **Shares** are those of the numerator in the denominator without its exclusions; of nobody there is no number.
"""

NEEDS = """## What an EHR has to send

Each measure says of which elements it is counted (**Read**), as its SQL and the views have it; its standard stratifiers
read besides the `birthDate`, `gender` and `communication` of Patient, Coverage, and Conditions of social needs. What is
not sent is not made up: a unit is counted apart, left out or `unknown`, as the measure says.

- **The department**: the extension `department`, or the Organization of the service, role or place that takes part
  (`providedBy`, `organization`, `managingOrganization`), or `Encounter.serviceProvider`. Without it a unit counts for
  the practice alone, and its days are those of UTC; `zone` of an Organization is the extension `timezone`.
- **An outcome** of each Appointment (`status`), and of Encounters `class`, `status` and `period`: visits that nobody
  closes are counted apart.
- **`Appointment.created`** for days of waiting, and the extension `visit-times` (when somebody came, and was begun
  with) for minutes: without them there is nothing to measure. `Encounter.appointment` tells that both are one visit.
- **`Encounter.hospitalization`** (`dischargeDisposition`, `admitSource`), for who died, left or was brought on.
- **What repeats a number** that a service of ours keeps (MeasureReport, Task of hand-offs and feedback, answers to
  forms) comes from that service; an EHR need not send it.
"""

NUMBERS = {"average": "mean", "median": "median", "sum": "sum", "minimum": "least", "maximum": "greatest"}
BETTER = {"increase": "more", "decrease": "less"}


def page() -> str:
    measures = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    by_title = sorted(measures, key=lambda each: str(each["title"]))
    lines = [
        f"| [{each['title']}](#{anchor(each)}) | `{each['id']}` | {number(each)} | {better(each)} |"
        for each in by_title
    ]
    table = "\n".join(["| measure | id | number | better |\n|---|---|---|---|", *lines])
    return "\n".join([HEAD, table, "", NEEDS, *(line for each in by_title for line in section(each))])


def section(measure: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {measure['title']}\n"
    yield measure["description"] + "\n"
    if "rationale" in measure:
        yield f"*{measure['rationale']}*\n"
    if apart := list(told(measure)):
        yield "\n".join(apart) + "\n"
    if closed_by := gap(measure):
        yield f"[Gap in care](metrics.md#gaps-in-care) ({measure['topic'][0]['text'].lower()}): {closed_by}\n"
    if is_counted_here(measure):
        yield f"Read: {read(measure)}.\n"
    if looks_back(dict(measure)):
        without = "[without limits](trends.md#control-charts)"
        yield f"Its months look back over a year: they are charted {without}, and raise no signals.\n"
    if sources := [source(each) for each in measure.get("relatedArtifact", ())]:
        yield f"Source: {' '.join(sources)}\n"
    if not is_counted_here(measure):
        yield "It is counted by the service that has what it is of, and comes as MeasureReports.\n"


def told(measure: Mapping[str, Any]) -> Iterator[str]:
    """The populations that say what they are."""
    groups = measure.get("group", ())
    for group in groups:
        heading = group.get("code", {}).get("text", "") or text_of(group.get("code", {}))
        for each in group.get("population", ()):
            if "description" in each and is_counted_here(measure):
                within = f"{heading}, " if heading and len(groups) > 1 else ""
                yield f"- {within}`{code_of(each['code'])}`: {each['description']}"


def read(measure: Mapping[str, Any]) -> str:
    """The elements that it is counted from, by their types."""
    by_type = elements_read(str(measure["id"]))
    return "; ".join(f"{type_name} ({', '.join(map(written, names))})" for type_name, names in by_type.items())


def written(element: str) -> str:
    kind, _, name = element.rpartition(" ")
    return f"{kind} `{name}`".strip()


def gap(measure: Mapping[str, Any]) -> str:
    """What closes a person's gap; empty where the measure tells none."""
    holders = [measure, *measure.get("group", ())]
    said = (each for holder in holders for each in holder.get("extension", ()) if each["url"] == CARE_GAP)
    return next((str(each["valueString"]) for each in said), "")


def source(artifact: Mapping[str, Any]) -> str:
    said = artifact.get("citation") or artifact.get("display", "")
    address = artifact.get("url") or artifact.get("resource", "")
    return f"{said} ([{artifact['type']}]({address}))" if address else str(said)


def number(measure: Mapping[str, Any]) -> str:
    """What the numbers of its groups are."""
    return ", ".join(dict.fromkeys(filter(None, (of_group(measure, group) for group in measure.get("group", ())))))


def of_group(measure: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    scoring = code_of(extension(group, "scoring").get("valueCodeableConcept") or measure.get("scoring", {}))
    methods = [extension(each, "aggregateMethod").get("valueCode") for each in group.get("population", ())]
    method = next((NUMBERS[each] for each in methods if each), "")
    unit = code_of(extension(group, "scoringUnit").get("valueCodeableConcept", {}))
    if scoring == "proportion":
        return "share"
    return f"{method} ({unit})" if method and unit not in ("", "1") else method or scoring


def better(measure: Mapping[str, Any]) -> str:
    return BETTER.get(code_of(measure.get("improvementNotation", {})), "")


def is_counted_here(measure: Mapping[str, Any]) -> bool:
    populations = [each for group in measure.get("group", ()) for each in group.get("population", ())]
    return any(each.get("criteria", {}).get("language") == LANGUAGE for each in populations)


def anchor(measure: Mapping[str, Any]) -> str:
    kept = [each for each in str(measure["title"]).lower() if each.isalnum() or each in " -_"]
    return "".join(kept).replace(" ", "-")


def extension(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((e for e in holder.get("extension", ()) if e["url"] == EXTENSION + name), {})
    return found


def code_of(concept: Mapping[str, Any]) -> str:
    return next((str(each["code"]) for each in concept.get("coding", ()) if "code" in each), "")


def text_of(concept: Mapping[str, Any]) -> str:
    return next((str(each.get("display", each.get("code", ""))) for each in concept.get("coding", ())), "")


def main(arguments: Sequence[str]) -> int:
    text = page().rstrip() + "\n"
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/measures.md is out of date: run tools/generate_measures_page.py")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
