"""What a search asks for, free of URLs and of SQL: the tree between `parse_query` and whatever runs it.

    SearchQuery
    ├── criteria     all of them must hold (AND)
    │   ├── Criterion    one parameter has one of these values (OR)
    │   ├── Chain        a referenced resource, of one of these types, meets a criterion of its own
    │   ├── Reverse      some other resource that refers to this one meets a criterion (`_has`)
    │   ├── Compartment  it refers to one resource by any of these parameters
    │   └── AnyOf        one of these nodes holds (what following merges makes of a node, no client's words)
    └── what to give back: sort, count, includes, summary, elements, total, cursor

Every node that repeats a parameter is independent of the others: two criteria may be met by two different rows.
Source: http://hl7.org/fhir/R4/search.html.
"""

from __future__ import annotations

from dataclasses import dataclass

CURSOR = "_cursor"
"""The parameter of our page links: where the next page begins, opaque to clients."""


@dataclass(frozen=True, slots=True)
class TokenValue:
    """Rows with this system and code. `None`: any; empty: none at all, which only `system` can be."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """Rows that point at this resource (`id`, and `type` unless None: any type), or at this `url`.

    Exactly one of `id` and `url` is set. `version` is None for any: of a resource, or of a canonical.
    """

    type: str | None
    id: str | None
    url: str | None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class DateValue:
    """Rows [l, h) against the search value's [low, high), microseconds since 1970 UTC, by `prefix`:

    eq  l >= low and h <= high            ne  not eq
    gt  h > high                          ge  gt or eq
    lt  l < low                           le  lt or eq
    sa  l >= high                         eb  h <= low
    ap  l < high and h > low; low and high are already widened by a tenth of the distance to now
    """

    prefix: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class StringValue:
    """`folded` for the default (starts with) and `:contains`, `exact` for `:exact`."""

    folded: str
    exact: str


@dataclass(frozen=True, slots=True)
class NumberValue:
    """Rows [l, h] against `value`, or against its range [low, high) of implicit precision, by `prefix`:

    eq  l >= low and h < high             ne  not eq
    gt  h > value                         ge  h >= value
    lt  l < value                         le  l <= value
    sa  l > value                         eb  h < value
    ap  l <= high and h >= low; low and high are a tenth of the value away
    """

    prefix: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """A NumberValue with a unit: `system` None is any; with a `system`, `code` is the row's code, else code or unit."""

    number: NumberValue
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class UriValue:
    """Rows with exactly this URI."""

    uri: str


@dataclass(frozen=True, slots=True)
class MissingValue:
    """`:missing`: whether the resource has no row of the parameter."""

    missing: bool


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """Rows of one element of which each part meets the value of its component: `code$value`."""

    parts: tuple[SingleValue, ...]


SingleValue = TokenValue | ReferenceValue | DateValue | StringValue | NumberValue | QuantityValue | UriValue
Value = SingleValue | MissingValue | CompositeValue


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of `values` must match a row of `param` in the index of search type `type`.

    By modifier: None; `missing` (MissingValue only); token `not` and `not-in` (no row matches any value; a resource
    without a row meets it), `in` (the members of a value set as values), `text` (StringValue on the display),
    `of-type` (TokenValue of `rows.of_type`); string `exact`, `contains`; reference `identifier` (TokenValue on the
    identifier columns); uri `above` (one that the value begins with, cut at a `/`), `below` (the other way round).
    `_id` (token; the resource's id) and `_lastUpdated` (date; its instant) are answered by the resource's own row.
    """

    param: str
    type: str
    modifier: str | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """What the target of a chain must meet, if it is of this type."""

    type: str
    node: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """Some reference of `param` leads to a resource that meets one of `links`: `patient.name=x`."""

    param: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Reverse:
    """Some resource of `type` refers to this one by its reference parameter `param` and meets `node`: `_has`."""

    type: str
    param: str
    node: Node


@dataclass(frozen=True, slots=True)
class Compartment:
    """Some reference of one of `params` (`Type.code`, of the types searched) leads to this resource.

    It may have several ids, as a merged patient has. Source: http://hl7.org/fhir/R4/compartmentdefinition.html.
    """

    type: str
    ids: tuple[str, ...]
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the nodes holds."""

    nodes: tuple[Node, ...]


Node = Criterion | Chain | Reverse | Compartment | AnyOf


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of the order; among many values the least counts ascending, the greatest descending."""

    param: str
    type: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`_include`: follow `param` of `source`; `_revinclude`: take each `source` whose `param` points at a match.

    `target` keeps only targets of that type; `iterate` follows from included resources too. A `param` of `ALL` stands
    for every reference, a `source` of `ALL` for every type.
    """

    source: str
    param: str
    target: str | None
    iterate: bool


ALL = "*"
"""Of an Include: whatever there is."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search on one type, or, when `type` is empty, on all of `types`, by parameters that they have in common.

    `count` None leaves the page size to the server; 0 asks for the total only. `used` are the pairs that had an effect,
    for the self link, without `_cursor`; `ignored` names what was left out. `place` is the path below the base URL.
    """

    type: str
    criteria: tuple[Node, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int | None = None
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    summary: str | None = None
    elements: tuple[str, ...] = ()
    total: str | None = None
    cursor: str | None = None
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    place: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types searched."""
        return (self.type,) if self.type else self.types
