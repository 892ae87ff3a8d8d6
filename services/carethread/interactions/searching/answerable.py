"""What of a search this service can answer. The rest is never passed over in silence.

A chain into a type that is neither kept nor wholly mirrored here could miss what it asks for, so it is refused; the
gateway asks the owners and puts ids in its place. So is `_revinclude` of such a type under `Prefer: handling=strict`;
else it is left out of the self link, and told (http://hl7.org/fhir/R4/search.html#errors).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from carethread.core.errors import Malformed
from carethread.core.fhir.search.query import ALL, Chain, Node, Reverse, SearchQuery
from carethread.core.service import Service


def kept(service: Service) -> frozenset[str]:
    """The types that searches may lead to in a service: its own, and copies that are indexed by every parameter."""
    copies = {mirror.type for mirror in service.mirrors if mirror.params is None}
    return frozenset({type_.name for type_ in service.types} | copies)


def answerable(service: Service, query: SearchQuery, *, strict: bool) -> SearchQuery:
    """The query without what only adds to the answer and cannot be found here.

    Raises Malformed for a chain that leads beyond this service, and, when `strict`, for what would be left out.
    """
    here = kept(service)
    beyond = sorted({name for name in led_to(query.criteria) if name not in here})
    if beyond:
        raise Malformed(
            f"{service.name} has no copy of {', '.join(beyond)}, so a search cannot lead there.",
            code="not-supported",
            expression=query.type or "_type",
        )
    left_out = [(name, value) for name, value in query.used if _is_left_out(name, value, here)]
    if not left_out:
        return query
    if strict:
        name, value = left_out[0]
        raise Malformed(f"{service.name} has no {value.split(':')[0]}.", code="not-supported", expression=name)
    return replace(
        query,
        revincludes=tuple(include for include in query.revincludes if include.source in (*here, ALL)),
        used=tuple(pair for pair in query.used if pair not in left_out),
        ignored=(*query.ignored, *(name for name, _ in left_out)),
    )


def _is_left_out(name: str, value: str, here: frozenset[str]) -> bool:
    return name.startswith("_revinclude") and value.split(":")[0] not in (*here, ALL)


def led_to(nodes: Iterable[Node]) -> Iterable[str]:
    """The types that chains lead to, and those from which reverse chains come."""
    for node in nodes:
        if isinstance(node, Chain):
            for link in node.links:
                yield link.type
                yield from led_to([link.node])
        elif isinstance(node, Reverse):
            yield node.type
            yield from led_to([node.node])
