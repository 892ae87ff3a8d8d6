"""The form that a canonical names: the newest active version, or the one that is named.

The service's own store is asked first, then the files that CareThread brings along. Source:
http://hl7.org/fhir/R4/references.html#canonical.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.targets import parse_canonical
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.questionnaires.forms.form import Form, read

FOLDER = "questionnaires"
"""Where in `fhir_profiles/` the forms are that CareThread brings along."""

CLAIMED = "questionnaire"
"""The kind of place that each version of a form of ours has: `url|version`, held by the id of its resource."""

_MOST_VERSIONS = 200
_PART = re.compile(r"\d+|\D+")


def find(runtime: Runtime, canonical: str) -> Form | None:
    """The form as it stands now; None where there is none. Without `|version` the newest that is active, and where none
    is the newest. Raises Invalid for a Questionnaire that cannot be read as a form, with its faults; Busy."""
    return runtime.store.snapshot(lambda session: find_in(session, canonical))


def find_in(session: Session, canonical: str) -> Form | None:
    """As `find`, within a transaction."""
    target = parse_canonical(canonical)
    if target is None:
        return None
    found = _stored(session, target.url, target.version)
    if found is None:
        return shipped().get(canonical)
    return form_of(found.body)


def answered(session: Session, response: Resource) -> Form | None:
    """The form that a response answers, which it may contain; None where it names none, or one that is not here.

    Raises Invalid for a Questionnaire that cannot be read as a form.
    """
    canonical = response.get("questionnaire", "")
    if not canonical.startswith("#"):
        return find_in(session, canonical) if canonical else None
    contained = response.get("contained", ())
    inside = (each for each in contained if each.get("resourceType") == "Questionnaire")
    own = next((each for each in inside if f"#{each.get('id')}" == canonical), None)
    # What is contained contains nothing itself: value sets of the form stand beside it.
    return read(own | {"contained": [each for each in contained if each is not own]}) if own else None


def _stored(session: Session, url: str, version: str) -> Stored | None:
    if version:
        place = f"{url}|{version}"
        holder = session.claimed(CLAIMED, [place]).get(place)
        if holder:
            held = session.current([("Questionnaire", holder)]).get(("Questionnaire", holder))
            if held and not held.deleted:
                return held
    asked = [("url", url), *([("version", version)] if version else [])]
    matches = session.search(parse_query("Questionnaire", asked), _MOST_VERSIONS).matches
    exact = [each for each in matches if not version or json.restore(each.body).get("version") == version]
    return max(exact, key=_rank, default=None)


def _rank(stored: Stored) -> tuple[bool, list[tuple[bool, int, str]], int, str]:
    known = json.restore(stored.body)
    return known.get("status") == "active", _parts(known.get("version", "")), stored.updated, stored.id


def _parts(version: str) -> list[tuple[bool, int, str]]:
    """A version as it is compared: numbers by their value, and before what is none."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _PART.findall(version)]


@lru_cache(maxsize=128)
def form_of(body: bytes) -> Form:
    """The form that a stored Questionnaire is, read once. Raises Invalid where it cannot be read as one."""
    return read(json.restore(body))


@lru_cache(1)
def shipped() -> Mapping[str, Form]:
    """The forms that CareThread brings along, by url and by `url|version`."""
    folder = files("carethread.fhir_profiles").joinpath(FOLDER)
    known = folder.iterdir() if folder.is_dir() else ()
    forms = [read(json.parse_object(file.read_bytes())) for file in known if file.name.endswith(".json")]
    return {name: form for form in forms for name in (form.url, form.canonical)}
