"""A message's transactions, each done once: the journal remembers what was committed until the answer is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from carethread.core.context import Context
from carethread.core.ports import Peer, Request, Resource, Response, Store
from carethread.core.service import Limits
from carethread.gateway.coordinator import KEPT, Coordinator
from carethread.gateway.inbound.reaction import Run
from carethread.gateway.transaction import do_all
from carethread.interactions.transaction import entries_of


def running(owners: Mapping[str, str], peer: Peer, coordinator: Coordinator, limits: Limits) -> Run:
    """How a transaction is done. `owners` says which service keeps a type."""

    def run(name: str, bundle: Resource, context: Context) -> Mapping[int, bytes]:
        def send(service: str, request: Request) -> Response:
            return peer.call(service, replace(request, headers={**request.headers, "traceparent": context.traceparent}))

        if not coordinator.begin_again(name):
            return {}
        entries = entries_of(bundle, limits.bundle_entries)
        return do_all(entries, owners, send, coordinator, context, name=name)

    return run


def forget_answered(coordinator: Coordinator, store: Store) -> int:
    """Let the journal forget the transactions whose messages are answered; returns how many. Raises Busy."""
    kept = coordinator.kept()
    messages = {transaction: transaction.removeprefix(KEPT).rpartition("-")[0] for transaction in kept}
    done = store.snapshot(
        lambda session: [each for each, message in messages.items() if session.inbound.answer(message) is not None]
    )
    for transaction in done:
        coordinator.forget(transaction)
    return len(done)
