"""Good resources with a fault put in, resources as hypothesis makes them, and texts that hardly are JSON.

Some of what is made is right after all: what is right a judge says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import HypothesisProvider

from support import made
from support.mutation_kinds import KINDS
from support.spots import Json, Spot, holder, spots


@dataclass(frozen=True, slots=True)
class Case:
    """A resource to judge: the kind of what was done to it, where that is, and its JSON."""

    kind: str
    name: str
    body: bytes


def mutate(resource: Json, kind: str, way: int, spot: Spot, chance: Random) -> Json | None:
    """A copy of the resource with the fault at the spot, or None where it does not fit there."""
    copy: Json = json.loads(json.dumps(resource))
    return None if KINDS[kind][1][way](holder(copy, spot), spot, chance) is False else copy


def single_faults(bases: Sequence[Json], each: int, kinds: Iterable[str] = KINDS) -> Iterator[Case]:
    """Each kind in each of its ways, in up to `each` of the good resources; they take turns, so that all have some."""
    found = [(base, list(spots(base, base["resourceType"]))) for base in bases]
    turn = 0
    for kind in kinds:
        fits, ways = KINDS[kind]
        places = [(base, [spot for spot in all_spots if fits(spot)]) for base, all_spots in found]
        fitting = [(base, some) for base, some in places if some]
        for way in range(len(ways)):
            count = 0
            for _ in range(min(4 * each, len(fitting))):
                base, some = fitting[turn % len(fitting)]
                turn += 1
                chance = Random(f"{kind} {way} {turn}")
                spot = chance.choice(some)
                wrong = mutate(base, kind, way, spot, chance)
                if wrong is not None and count < each:
                    count += 1
                    name = f"{base['resourceType']}.{spot.path} ({way})"
                    yield Case(kind, name, json.dumps(wrong).encode())


_digits = st.from_regex(r"[0-9]{1,2}", fullmatch=True)
_date = st.from_regex(r"(1[89]|2[0-2]|99|00)[0-9]{2}(-[0-3][0-9](-[0-4][0-9])?)?", fullmatch=True)
_time = st.from_regex(r"[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,9})?)?", fullmatch=True)
_zone = st.sampled_from(["", "Z", "+01:00", "-14:00", "+14:30", "+1:00", "z", " Z"])
_stamp = st.tuples(_date, _time, _zone).map(lambda parts: f"{parts[0]}T{parts[1]}{parts[2]}")
_uri = st.from_regex(
    r"(urn:(uuid|oid):[0-9a-fA-F.\-]{1,36}|https?://[a-z.]{1,9}/?[ -~]{0,9}|[!-~]{1,9})", fullmatch=True
)
_values: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.sampled_from([True, False, "true", 0, 1]),
    "date": _date | _stamp,
    "dateTime": _stamp | _date,
    "decimal": st.floats(allow_nan=False, allow_infinity=False) | st.integers() | _digits,
    "id": st.from_regex(r"[A-Za-z0-9\-._/ #]{1,70}", fullmatch=True),
    "instant": _stamp,
    "integer": st.integers(-(2**33), 2**33) | st.floats(-9, 9),
    "positiveInt": st.integers(-3, 2**32),
    "time": _time | _stamp,
    "unsignedInt": st.integers(-3, 2**32),
    "uri": _uri,
    "url": _uri,
    "canonical": _uri,
    "oid": _uri,
    "uuid": _uri,
    "code": st.from_regex(r"[A-Za-z\-]{1,5}[ \t]{0,2}[a-z]{0,2}", fullmatch=True),
    "base64Binary": st.from_regex(r"[A-Za-z0-9+/=\n ]{1,9}", fullmatch=True),
}
_text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)


@st.composite
def wrong_resources(draw: st.DrawFn, types: Sequence[str]) -> Case:
    """A made-up resource of one of the types, and in it up to two faults of any kind or drawn values."""
    chance = draw(st.randoms(use_true_random=False))
    type_name = draw(st.sampled_from(types))
    resource = {**made.resource(chance, type_name, draw(st.sampled_from([0.1, 0.3, 0.6]))), "id": "made-up"}
    done = []
    for _ in range(draw(st.integers(0, 2))):
        places = [spot for spot in spots(resource, type_name) if spot.code != "xhtml"]
        spot = draw(st.sampled_from(places))
        if spot.is_primitive and draw(st.booleans()):
            value = draw(_values.get(spot.code, _text))
            holder(resource, spot)[spot.name] = [value] if spot.element.is_list else value
            done.append(f"{spot.path} drawn")
            continue
        kind = draw(st.sampled_from([name for name, (fits, _) in KINDS.items() if fits(spot)]))
        way = draw(st.integers(0, len(KINDS[kind][1]) - 1))
        wrong = mutate(resource, kind, way, spot, chance)
        if wrong is not None:
            done.append(f"{spot.path} {kind} ({way})")
            resource = wrong
            if kind in _LAST:
                break
    return Case(f"made up, {len(done)} faults", f"{type_name}: {', '.join(done)}", json.dumps(resource).encode())


_LAST = frozenset(KINDS) - {"element ids", "concept outside a weaker set", "format of uri", "format of string"}
"""After one of these the resource may have lost the shape that the next fault needs."""


def drawn(types: Sequence[str], count: int) -> list[Case]:
    """Up to `count` different resources that hypothesis makes, the same in each run of one version of it.

    Hypothesis also draws the constants of whatever code is loaded, so a change of any module would change the cases.
    """
    found: dict[bytes, Case] = {}

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(wrong_resources(types))
    def collect(case: Case) -> None:
        found.setdefault(case.body, case)

    with patch.object(HypothesisProvider, "_maybe_draw_constant", return_value=None):
        collect()
    return list(found.values())


_OBSERVED = '{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, %s}'
TEXTS = [
    Case("JSON text", text[:60], (_OBSERVED % text).encode())
    for text in (
        '"status": "final"',
        '"valueQuantity": {"value": 1, "value": 2}',
        '"valueInteger": 1.0',
        '"valueInteger": 1e2',
        '"valueInteger": -0',
        '"valueQuantity": {"value": NaN}',
        '"valueQuantity": {"value": 1e400}',
        '"valueQuantity": {"value": 1E5}',
        '"valueQuantity": {"value": 1.10}',
        '"valueQuantity": {"value": -0.0}',
        '"valueQuantity": {"value": 0.000000000000000000000001}',
        '"valueQuantity": {"value": 123456789012345678901234567890}',
        '"valueQuantity": {"value": 01}',
        '"valueQuantity": {"value": +1}',
        '"valueQuantity": {"value": .5}',
        '"valueQuantity": {"value": 1.}',
        '"valueString": \'x\'',
        '"valueString": "\\u0000"',
        '"valueString": "\\q"',
        '"valueString": "x",',
        '/* x */ "valueString": "x"',
        'valueString: "x"',
        '"valueBoolean": True',
    )
] + [
    Case("JSON text", text[:60], text.encode())
    for text in (
        "{}", "[]", '"x"', "null", "5", "{", '{"resourceType": "Patient"', '{"resourceType": "Patient"} {}', "Patient",
        '{"resourceType": "Patient"}', '\ufeff{"resourceType": "Patient"}', '[{"resourceType": "Patient"}]',
        '{"resourceType": "Patient", "resourceType": "Patient"}', '{"active": true, "resourceType": "Patient"}',
    )
]  # fmt: skip
