"""The form that a canonical names: the newest active version, or the one that is named.

The service's own store is asked first, then the files that CareThread brings along. Source:
http://hl7.org/fhir/R4/references.html#canonical.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import profiles_of
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.targets import parse_canonical
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.questionnaires.forms.form import PROFILE, Form, read

FOLDER = "questionnaires"
"""Where in `fhir_profiles/` the forms are that CareThread brings along."""

CLAIMED = "questionnaire"
"""The kind of place that each version of a form of ours has (see `place_of`), held by the id of its resource."""

_LONGEST = 140
"""Characters of a place."""

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


def known(session: Session, response: Resource) -> Form:
    """As `answered`, for operations that may be given the form too. Raises Invalid where there is none."""
    form = answered(session, response)
    if form is None:
        raise unknown("give it as the parameter questionnaire")
    return form


def unknown(hint: str) -> Invalid:
    """The refusal of a response whose form is not here, with what may be done about it."""
    told = f"The form that is answered is not known here: {hint}."
    return Invalid(told, code="not-found", expression="QuestionnaireResponse.questionnaire")


def _stored(session: Session, url: str, version: str) -> Stored | None:
    if version:
        place = place_of(url, version)
        holder = session.claimed(CLAIMED, [place]).get(place)
        if holder:
            held = session.current([("Questionnaire", holder)]).get(("Questionnaire", holder))
            if held and not held.deleted:
                return held
    asked = [("url", url), *([("version", version)] if version else [])]
    matches = session.search(parse_query("Questionnaire", asked), _MOST_VERSIONS).matches
    exact = [each for each in matches if not version or json.restore(each.body).get("version") == version]
    return max(exact, key=_rank, default=None)


def place_of(url: str, version: str) -> str:
    """The place of a version: `url|version`, or the digest of one that is too long."""
    whole = f"{url}|{version}"
    return whole if len(whole) <= _LONGEST else sha256(whole.encode()).hexdigest()


def _rank(stored: Stored) -> tuple[bool, bool, list[tuple[bool, int, str]], int, str]:
    """What is found before others is greater: what is in use, then what was judged here, then what is newer."""
    known = json.restore(stored.body)
    judged = PROFILE in profiles_of(known)
    return known.get("status") == "active", judged, _parts(known.get("version", "")), stored.updated, stored.id


def _parts(version: str) -> list[tuple[bool, int, str]]:
    """A version as it is compared: numbers by their value, however long, and before what is none."""
    return [_part(part) for part in _PART.findall(version)]


def _part(text: str) -> tuple[bool, int, str]:
    number = text.lstrip("0") if text.isdecimal() else ""
    return not text.isdecimal(), len(number), number or text


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
