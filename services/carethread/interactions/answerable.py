"""What of a search this service can answer. The rest is never passed over in silence.

A chain into a type that is neither kept nor mirrored here could only answer with nothing, so it is refused. What
shapes the answer and is not supported is refused under `Prefer: handling=strict`, else left out of the self link, as
R4 asks of what is ignored (http://hl7.org/fhir/R4/search.html#errors).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from carethread.core.errors import Malformed
from carethread.core.fhir.search.query import Chain, Node, Reverse, SearchQuery
from carethread.core.service import Service

_SHAPES = ("_elements", "_revinclude", "_revinclude:iterate", "_include:iterate")
_SUMMARIES = ("count", "false")


def answerable(service: Service, query: SearchQuery, *, strict: bool) -> SearchQuery:
    """The query without what only shapes the answer and is not supported.

    Raises Malformed for a chain that leads beyond this service, and, when `strict`, for what would be left out.
    """
    here = {type_.name for type_ in service.types} | {mirror.type for mirror in service.mirrors}
    beyond = sorted({name for name in _types(query.criteria) if name not in here})
    if beyond:
        raise Malformed(
            f"{service.name} has no copy of {', '.join(beyond)}, so a search cannot lead there.",
            code="not-supported",
            expression=query.type,
        )
    left_out = [name for name, value in query.used if _is_left_out(name, value)]
    if left_out and strict:
        raise Malformed(f"'{left_out[0]}' is not supported here.", code="not-supported", expression=left_out[0])
    return replace(
        query,
        revincludes=(),
        elements=(),
        includes=tuple(include for include in query.includes if not include.iterate),
        used=tuple(pair for pair in query.used if not _is_left_out(*pair)),
        ignored=(*query.ignored, *left_out),
    )


def _is_left_out(name: str, value: str) -> bool:
    return name in _SHAPES or (name == "_summary" and value not in _SUMMARIES)


def _types(nodes: Iterable[Node]) -> Iterable[str]:
    """The types that chains lead to, and those from which reverse chains come."""
    for node in nodes:
        if isinstance(node, Chain):
            for link in node.links:
                yield link.type
                yield from _types([link.node])
        elif isinstance(node, Reverse):
            yield node.type
            yield from _types([node.node])
