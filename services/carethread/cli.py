"""The command line: what people type, turned into settings and calls. Each command imports what it needs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from carethread import __version__
from carethread.commands.check import check as check_command
from carethread.commands.events import events
from carethread.commands.facts import facts
from carethread.commands.key import webhook_key
from carethread.commands.letters import dead_letters
from carethread.commands.metrics import metrics
from carethread.commands.prove import prove
from carethread.commands.requests import requests
from carethread.core.errors import Busy, Gone, with_notes
from carethread.core.settings import DATABASES, GATEWAY, INBOUND, SERVICES, Settings, SettingsError, check_bind, load

DEFAULT_BASE = "http://127.0.0.1:8080/fhir"
ROLES = ("http", "rpc", "worker", "ws")
_BEHIND_HTTP = ROLES[1:]
_ROLES_OF = {GATEWAY: ("http", "worker"), "subscriptions": ROLES}
_STORES_OF = {GATEWAY: (GATEWAY, INBOUND)}


def _roles_of(service: str) -> tuple[str, ...]:
    return _ROLES_OF.get(service, ("http", "rpc", "worker"))


def _stores_of(service: str) -> tuple[str, ...]:
    return _STORES_OF.get(service, (service,))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="carethread")
def cli() -> None:
    """CareThread: small FHIR R4 services for scheduling, care teams, questionnaires and metrics.

    Settings are CARETHREAD_* environment variables (docs/configuration.md); options stand above them.
    """


def _settings(**options: Any) -> Settings:
    from carethread.composition.check import check

    settings = replace(load(), **{name: value for name, value in options.items() if value is not None})
    check_bind(settings)
    check(settings)
    return settings


def _address(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say where to listen and where data lies."""
    for option in (
        click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder for SQLite databases."),
        click.option("--ws-port", type=click.IntRange(0, 65535), help="Port of websockets. [8091]"),
        click.option("--grpc-port", type=click.IntRange(0, 65535), help="gRPC port. [8090]"),
        click.option("--port", "http_port", type=click.IntRange(0, 65535), help="HTTP port. [8080]"),
        click.option("--host", help="Address to listen on. [127.0.0.1]"),
    ):
        command = option(command)
    return command


@cli.command()
@_address
@click.option("--demo", is_flag=True, help="Load the demo practice, and say what to open.")
def up(demo: bool, **options: Any) -> None:
    """Run all services on this machine, in the foreground, until Ctrl-C."""
    settings = _settings(**options)
    _run(
        settings,
        [*SERVICES, GATEWAY],
        DATABASES,
        ["up-worker"],
        greet=_load_demo if demo else _say_ready,
    )


_supervisor = click.option("--supervisor", type=int, required=True, help="The process whose end is this one's.")


@cli.command("up-worker", hidden=True)
@_supervisor
def up_worker(supervisor: int) -> None:
    """The process beside `up`'s HTTP server."""
    from carethread.supervisor import run_worker

    run_worker(_settings(), [*SERVICES, GATEWAY], _BEHIND_HTTP, supervisor=supervisor)


@cli.command()
@click.argument("service", type=click.Choice([*SERVICES, GATEWAY]))
@click.option("--role", type=click.Choice(ROLES), help="One role only; without it, all of them.")
@_address
def serve(service: str, role: str | None, **options: Any) -> None:
    """Run one service: HTTP, gRPC, the worker for events, websockets (subscriptions); or one of these roles."""
    settings = _settings(**options)
    if role not in (None, *_roles_of(service)):
        raise click.ClickException(f"The roles of {service} are {', '.join(_roles_of(service))}.")
    if role in _BEHIND_HTTP:
        from carethread.supervisor import run_worker

        _migrate_files(settings, _stores_of(service))
        run_worker(settings, [service], [role])
        return
    _run(settings, [service], _stores_of(service), ["serve-behind", service] if role is None else [])


@cli.command("serve-behind", hidden=True)
@click.argument("service")
@_supervisor
def serve_behind(service: str, supervisor: int) -> None:
    """The process beside one service's HTTP server."""
    from carethread.supervisor import run_worker

    run_worker(_settings(), [service], _roles_of(service)[1:], supervisor=supervisor)


def _run(
    settings: Settings,
    http: Sequence[str],
    stores: Sequence[str],
    beside: Sequence[str],
    greet: Callable[[Settings], None] | None = None,
) -> None:
    import threading

    from carethread.supervisor import Beside, check_port, serve_http

    check_port(settings.host, settings.http_port, "--port (CARETHREAD_HTTP_PORT)")
    if beside and http != [GATEWAY]:
        check_port(settings.host, settings.grpc_port, "--grpc-port (CARETHREAD_GRPC_PORT)")
        if "subscriptions" in http:
            check_port(settings.host, settings.ws_port, "--ws-port (CARETHREAD_WS_PORT)")
    _migrate_files(settings, stores)
    if greet:
        threading.Thread(target=greet, args=(settings,), name="greet", daemon=True).start()
    serve_http(settings, http, Beside(settings, beside) if beside else None)


def _migrate_files(settings: Settings, services: Sequence[str]) -> None:
    """SQLite files are made and migrated at start; a PostgreSQL database is migrated by `carethread migrate`."""
    from carethread.composition.bus import make_bus
    from carethread.composition.parts import migrate as migrate_all

    migrate_all(settings, [s for s in services if settings.database(s).startswith("sqlite")])
    make_bus(settings)


def _url(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.http_port}"


def _say_ready(settings: Settings) -> None:
    from carethread.supervisor import wait_ready

    if wait_ready(_url(settings), 60):
        bus = f"Kafka at {settings.kafka_bootstrap_servers}" if settings.kafka_bootstrap_servers else "the embedded bus"
        click.echo(
            f"CareThread is ready: FHIR R4 at {settings.fhir_base}, gRPC at {settings.host}:{settings.grpc_port}, "
            f"websockets at {settings.host}:{settings.ws_port}, events on {bus}."
        )
        click.echo(f"Small numbers: {settings.small_numbers}.")


def _load_demo(settings: Settings) -> None:
    from carethread.composition.parts import owners_of_types
    from carethread.demo import run, run_history
    from carethread.supervisor import wait_ready

    if not wait_ready(_url(settings), 60):
        return
    base = f"{_url(settings)}/fhir"
    told = base, 7, datetime.now(UTC).date(), owners_of_types()
    failed = run(*told)
    _say_ready(settings)
    click.echo(f"Open {_url(settings)}/console/metrics in a browser. Ctrl-C stops everything.")
    if not failed:
        run_history(*told)


def _base_url(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and text.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in text:
        raise click.BadParameter("it is http or https, a host, perhaps a port and a path, such as " + DEFAULT_BASE)
    return text.rstrip("/")


_base_option = click.option(
    "--base", default=DEFAULT_BASE, show_default=True, callback=_base_url, help="FHIR base URL of the server."
)


@cli.command()
@_base_option
@click.option("--seed", default=7, show_default=True, help="The same seed makes the same practice.")
def demo(base: str, seed: int) -> None:
    """Load a made-up practice: departments, people, slots, ten weeks of visits, answers, and the months before."""
    from carethread.composition.parts import owners_of_types
    from carethread.demo import run, run_history

    told = base, seed, datetime.now(UTC).date(), owners_of_types()
    sys.exit(run(*told) or run_history(*told))


@cli.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@_base_option
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="Where progress is kept.")
@click.option("--refused", type=click.Path(dir_okay=False, path_type=Path), help="Where refusals are listed.")
@click.option("--again", is_flag=True, help="Read files again that were imported before.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="A summary as one JSON object on standard output.")
def import_(paths: Sequence[Path], base: str, **options: Any) -> None:
    """Bring in EHR data: Bundles, resources, NDJSON, .gz, or folders of these."""
    from carethread.composition.parts import owners_of_types
    from carethread.importer import run

    sys.exit(run(paths, base, owners_of_types(), **options))


@cli.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_base_option
@click.option("--type", "types", multiple=True, help="Only this resource type; may be repeated.")
@click.option("--since", default="", help="Only what has changed after this instant, such as an export's last.")
@click.option("--patients", is_flag=True, help="Only patients and what is in their compartments.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def export(folder: Path, base: str, **options: Any) -> None:
    """Bring all resources, as they are at one moment, into NDJSON files in FOLDER (FHIR Bulk Data)."""
    from carethread.exporter import run

    sys.exit(run(base, folder, **options))


@cli.command()
@click.argument("services", nargs=-1, type=click.Choice(DATABASES))
def migrate(services: Sequence[str]) -> None:
    """Bring the databases to this version's schema: of all services, or of those named."""
    from carethread.adapters.logs import log_setup
    from carethread.composition.check import check
    from carethread.composition.parts import migrate as migrate_all

    settings = load()
    check(settings)
    log_setup(settings.log_level)  # which says why a database is away
    changed = migrate_all(settings, services or DATABASES)
    click.echo(f"Migrated: {', '.join(changed)}." if changed else "Nothing to migrate.")


events.add_command(prove)
for command in (check_command, dead_letters, events, facts, metrics, requests, webhook_key):
    cli.add_command(command)


def main() -> None:
    """The `carethread` command; what the settings or the machine do not allow is one line, not a trace."""
    logging.getLogger("carethread").addHandler(logging.NullHandler())  # what is told in a line needs no other
    try:
        cli(prog_name="carethread")
    except (SettingsError, Busy, Gone) as error:
        click.echo(f"Error: {with_notes(error)}", err=True)
        sys.exit(1)
