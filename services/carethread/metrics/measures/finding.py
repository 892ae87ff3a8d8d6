"""The Measure that is asked for, and the SQL of its Library, as they stand in the service's own store."""

from __future__ import annotations

import logging
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from difflib import get_close_matches

from carethread.core.errors import Invalid, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.targets import parse_canonical
from carethread.core.ports import Resource, Session
from carethread.metrics.measures.definition import LANGUAGE, Definition, definition, title_of
from carethread.metrics.measures.shipped import whole

log = logging.getLogger(__name__)

_MOST_VERSIONS = 200
_MOST_MEASURES = 1000
_MOST_NAMED = 200
"""Characters that are told of a name."""


def by_canonical(session: Session, type_name: str, canonical: str) -> Resource | None:
    """The resource of that url, and of that version where one is named; of several the newest that is active."""
    target = parse_canonical(canonical)
    if target is None:
        return None
    asked = [("url", target.url), *([("version", target.version)] if target.version else [])]
    matches = session.search(parse_query(type_name, asked), _MOST_VERSIONS).matches
    known = [(each, json.restore(each.body)) for each in matches]
    exact = [(each, body) for each, body in known if not target.version or body.get("version") == target.version]
    best = max(exact, key=lambda pair: (pair[1].get("status") == "active", pair[0].updated, pair[0].id), default=None)
    return best[1] if best else None


def measure_named(session: Session, named: str) -> Resource:
    """The Measure of a canonical, or of a reference such as `Measure/no-show-rate`. Raises NotFound that tells those
    whose names are near, and where all are listed."""
    if "://" in named:
        found = by_canonical(session, "Measure", named)
    else:
        key = ("Measure", named.removeprefix("Measure/"))
        stored = session.current([key]).get(key)
        found = json.restore(stored.body) if stored and not stored.deleted else None
    if found is None:
        raise NotFound(_unknown(session, named), expression="measure")
    return found


def _unknown(session: Session, named: str) -> str:
    """Names are alike by what they end with: bases of canonicals are long, and alike all the same."""
    known = active_measures(session)
    if "://" in named:
        asked, names = named, [f"{each['url']}|{each.get('version', '')}".strip("|") for each in known if "url" in each]
    else:
        asked, names = f"Measure/{named.removeprefix('Measure/')}", [f"Measure/{each['id']}" for each in known]
    asked, by_end = asked[:_MOST_NAMED], {_end(each): each for each in names}
    near = [by_end[each] for each in get_close_matches(_end(asked), by_end)]
    meant = f" Is {' or '.join(near)} meant?" if near else ""
    return f"{asked} is not known here.{meant} GET Measure?status=active&_elements=title lists all."


def _end(name: str) -> str:
    return name.rpartition("/")[2].partition("|")[0]


def active_measures(session: Session) -> list[Resource]:
    """The active Measures that are counted by SQL, by their titles. More than there is room for are told of in the log,
    and left out."""
    matches = session.search(parse_query("Measure", [("status", "active")]), _MOST_MEASURES + 1).matches
    if len(matches) > _MOST_MEASURES:
        log.warning("measures_left_out", extra={"most": _MOST_MEASURES})
    found = [json.restore(each.body) for each in matches[:_MOST_MEASURES]]
    counted = [each for each in found if each.get("library")]
    return sorted(counted, key=lambda each: (title_of(each).casefold(), each["id"]))


def defined(session: Session, measure: Resource, base_url: str, beside: Iterable[Resource] = ()) -> Definition:
    """What the Measure counts; `beside` are Libraries that are not stored yet. Raises Invalid naming what it lacks."""
    named = next(iter(measure.get("library", ())), "")
    if not named:
        said = f"A Measure that is counted here names a library with {LANGUAGE}; this one is reported by its service."
        raise Invalid(said, code="not-supported", expression="Measure.library")
    library = next((each for each in beside if is_named(each, named)), None) or by_canonical(session, "Library", named)
    if library is None:
        raise Invalid(f"The Library {named} is not known here.", code="not-found", expression="Measure.library")
    return definition(measure, whole(sql_of(library)), base_url)


def is_named(library: Resource, canonical: str) -> bool:
    """Whether a canonical, of a version or of any, means it."""
    target = parse_canonical(canonical)
    return (
        target is not None
        and library.get("url") == target.url
        and (not target.version or library.get("version") == target.version)
    )


def sql_of(library: Resource) -> str:
    """What it counts by. Raises Invalid where it has nothing of that kind."""
    contents = [(i, each) for i, each in enumerate(library.get("content", ())) if each.get("contentType") == LANGUAGE]
    if not contents or "data" not in contents[0][1]:
        said = f"The Library of a Measure has content in {LANGUAGE}."
        raise Invalid(said, code="required", expression="Library.content")
    place, content = contents[0]
    try:
        return b64decode(content["data"], validate=False).decode()
    except (Error, UnicodeDecodeError):
        said = "The content of the Library is base64 of UTF-8."
        raise Invalid(said, code="value", expression=f"Library.content[{place}].data") from None
