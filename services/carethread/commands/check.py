"""`carethread check`: what is configured, and whether it can be reached."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

import click

from carethread.core.errors import FhirError
from carethread.core.settings import DATABASES, Settings, load

_SECONDS = 3.0


@click.command("check")
def check() -> None:
    """Say what is configured and whether it can be reached: databases and their schemas, the bus, other services.

    One line each. The exit code is 1 when something is away.
    """
    from carethread.composition.check import check as check_settings

    settings = load()
    check_settings(settings)
    failed = False
    for what, ask in _parts(settings):
        try:
            said = ask()
        except FhirError as error:
            click.echo(f"AWAY  {what}: {error}")
            failed = True
        else:
            click.echo(f"ok    {what}: {said}")
    sys.exit(failed)


def _parts(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each part by what it is, and a question whose answer says how it is; it raises Busy when the part is away."""
    for name in DATABASES:
        yield f"database {name}", partial(_database, settings, name)
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
