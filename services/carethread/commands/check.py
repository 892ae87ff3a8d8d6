"""`carethread check`: what is configured, and whether it can be reached."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

import click

from carethread.core.errors import FhirError, with_notes
from carethread.core.settings import DATABASES, Settings, load

_SECONDS = 3.0


@click.command("check")
def check() -> None:
    """Say what is configured, whether it can be reached, and whether it runs: whether numbers of few people are told,
    databases and their schemas, the bus, other services; then, as the databases know it, the relays, consumers and
    deliveries of all processes.

    One line each. The exit code is 1 when something is away.
    """
    from carethread.composition.check import check as check_settings
    from carethread.composition.running import TAKEOVER_SECONDS, running

    settings = load()
    check_settings(settings)
    _there("small numbers", lambda: settings.small_numbers)
    there = [name for name in DATABASES if _there(f"database {name}", partial(_database, settings, name))]
    failed = len(there) < len(DATABASES)
    until = time.monotonic() + TAKEOVER_SECONDS
    loops = (each for name in there for each in running(settings, name, until))
    for what, ask in chain(_parts(settings), loops):
        failed = not _there(what, ask) or failed
    sys.exit(failed)


def _there(what: str, ask: Callable[[], str]) -> bool:
    """Say how something is."""
    try:
        said = ask()
    except FhirError as error:
        click.echo(f"AWAY  {what}: {with_notes(error)}")
        return False
    click.echo(f"ok    {what}: {said}")
    return True


def _parts(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each part by what it is, and a question whose answer says how it is; it raises Busy when the part is away."""
    yield "bus", partial(_bus, settings)
    for name, url in settings.http_urls.items():
        yield f"http {name}", partial(_http, url)
    for name, target in settings.grpc_targets.items():
        yield f"grpc {name}", partial(_grpc, settings, name, target)


def _database(settings: Settings, name: str) -> str:
    from carethread.composition.operating import address

    return address(settings, name)


def _bus(settings: Settings) -> str:
    from carethread.composition.bus import reach

    return reach(settings)


def _http(url: str) -> str:
    from carethread.composition.operating import ready

    return ready(url, _SECONDS)


def _grpc(settings: Settings, service: str, target: str) -> str:
    from carethread.composition.parts import grpc_owners, registry

    grpc_owners(settings).read(service, (registry()[service].types[0].name, "check"))
    return target
