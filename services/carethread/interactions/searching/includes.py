"""What a page of matches brings along: http://hl7.org/fhir/R4/search.html#revinclude.

`_include` follows references from the matches, `_revinclude` takes what refers to them; with `:iterate` both go on from
what was brought along. No resource comes twice, and no match comes again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from carethread.core.errors import TooCostly
from carethread.core.fhir.search.merges import PATIENT
from carethread.core.fhir.search.parameters import searchable
from carethread.core.fhir.search.query import ALL, Include, SearchQuery
from carethread.core.ports import Key, Stored

_MOST_ROUNDS = 20
"""How often `:iterate` goes on; cycles end by themselves, for nothing comes twice."""


class Linked(Protocol):
    """Where references are followed: a session of one store, or all services together. As in `core.ports.Session`."""

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> Sequence[Key]: ...

    def referring(self, keys: Sequence[Key], params: Sequence[str], at_most: int) -> Sequence[Key]: ...

    def current(self, keys: Iterable[Key]) -> dict[Key, Stored]: ...

    def kin(self, ids: Iterable[str]) -> Sequence[str]: ...


class Included(NamedTuple):
    """What was found, and the keys of what is not in this store."""

    found: Sequence[Stored]
    absent: Sequence[Key]


def included(
    session: Linked, query: SearchQuery, matches: Sequence[Stored], here: Collection[str], at_most: int
) -> Included:
    """What the page's matches include; `here` are the types that this store has all of.

    Raises TooCostly beyond `at_most`.
    """
    seen = {(stored.type, stored.id) for stored in matches}
    found: list[Stored] = []
    absent: list[Key] = []
    latest: Sequence[Stored] = matches
    for number in range(_MOST_ROUNDS):
        wanted: dict[Key, None] = {}
        for include in _of_round(query.includes, number):
            wanted |= dict.fromkeys(_followed(session, include, latest))
        for include in _of_round(query.revincludes, number):
            wanted |= dict.fromkeys(_referring(session, include, latest, here, at_most))
        fresh = [key for key in _with_merged(session, wanted) if key not in seen]
        if len(found) + len(absent) + len(fresh) > at_most:
            raise TooCostly(f"The page includes more than {at_most} resources; ask for a smaller _count.")
        if not fresh:
            break
        seen.update(fresh)
        present = session.current(key for key in fresh if key[0] in here)
        latest = [present[key] for key in fresh if key in present and not present[key].deleted]
        found += latest
        absent += [key for key in fresh if key not in present]
    return Included(found, absent)


def _of_round(includes: Sequence[Include], number: int) -> Iterable[Include]:
    return (include for include in includes if number == 0 or include.iterate)


def _followed(session: Linked, include: Include, latest: Sequence[Stored]) -> Sequence[Key]:
    sources = [stored for stored in latest if include.source in (ALL, stored.type)]
    return session.targets(sources, "" if include.param == ALL else include.param, include.target) if sources else ()


def _referring(
    session: Linked, include: Include, latest: Sequence[Stored], here: Iterable[str], at_most: int
) -> Sequence[Key]:
    keys = [(stored.type, stored.id) for stored in latest if include.target in (None, stored.type)]
    params = reference_params(here if include.source == ALL else [include.source], include.param)
    if not (keys and params):
        return ()
    keys = _with_merged(session, keys)
    return session.referring(keys, params, at_most + 1 + len(keys))


def _with_merged(session: Linked, keys: Iterable[Key]) -> list[Key]:
    """The keys, and with each patient all who were merged with it: a reference to one leads to the others as well."""
    keys = list(keys)
    patients = [id_ for type_name, id_ in keys if type_name == PATIENT]
    return list(dict.fromkeys([*keys, *((PATIENT, id_) for id_ in session.kin(patients))])) if patients else keys


def reference_params(types: Iterable[str], code: str) -> list[str]:
    """`Type.code` of a reference parameter, or of all that the types have."""
    if code != ALL:
        return [f"{type_name}.{code}" for type_name in types]
    return [
        f"{type_name}.{name}"
        for type_name in types
        for name, parameter in searchable(type_name).items()
        if parameter.type == "reference"
    ]
