"""What the gateway and an owner say to each other about a part of a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import orjson

from carethread.core.context import Context, Principal
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.interactions.transaction.plan import Step

PATH = "$part"
"""`PUT $part/[transaction]` prepares, POST commits, DELETE drops; asked of the gateway, GET tells the decision."""

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Part:
    """The steps that are one service's, and what their context was."""

    steps: Sequence[Step]
    wanted: str
    backfill: bool
    idempotent: bool
    traceparent: str
    principal: Principal

    def to_bytes(self) -> bytes:
        members = {name: getattr(self, name) for name in ("wanted", "backfill", "idempotent", "traceparent")}
        steps = [step.to_json() for step in self.steps]
        return json.render({**members, "principal": asdict(self.principal), "steps": steps})

    def under(self, context: Context) -> Context:
        """The context with what the part was sent with: whoever has it done, it is its sender's."""
        return replace(
            context,
            backfill=self.backfill,
            idempotent=self.idempotent,
            traceparent=self.traceparent,
            principal=self.principal,
        )


def part_for(steps: Sequence[Step], wanted: str, context: Context) -> Part:
    """The part of a transaction that is called for in this context."""
    return Part(steps, wanted, context.backfill, context.idempotent, context.traceparent, context.principal)


def part_of(request: Request) -> Part:
    """The part that a request brings. Raises Malformed for what is none."""
    if isinstance(request.content, Part):
        return request.content
    return part_from(request.body)


def part_from(body: bytes) -> Part:
    """The part of which these are the bytes. Raises Malformed for what is none."""
    said = json.parse_object(body)
    try:
        steps, principal = [Step(**step) for step in said["steps"]], Principal(**said["principal"])
        return Part(**{**said, "steps": steps, "principal": principal})
    except (KeyError, TypeError):
        raise Malformed("This is no part of a transaction.") from None


def answering(entries: Mapping[int, bytes]) -> Response:
    """The answer with the entries of a part by their number, each a text: it is passed on as it is."""
    return Response(200, _JSON, orjson.dumps({str(number): entry.decode() for number, entry in entries.items()}))


def answers_of(response: Response) -> dict[int, bytes]:
    """The entries that `answering` tells. Raises Malformed for what is something else."""
    try:
        return {int(number): entry.encode() for number, entry in orjson.loads(response.body).items()}
    except (ValueError, AttributeError):
        raise Malformed("These are no entries of a part.") from None
