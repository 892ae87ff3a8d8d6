"""$export, the Bulk Data Access IG: http://hl7.org/fhir/uv/bulkdata/export.html, for the system and for all patients.

An export is a row: the moment that it shows (`horizon`) and what was asked for. Nothing is copied. A file is read from
the store when it is downloaded, each resource in the version that was current at the horizon, so an export takes no
room, survives a restart, and may be downloaded again. What is left to do before the manifest is to cut the resources
into files of a few megabytes; each poll does about a second of it. A file is small, so that it is answered whole, with
its length: memory stays the same however much there is, and a client sees when a file breaks off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from carethread.core.clock import http_date, instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.definitions import compartment, resource_types
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.dates import asked_range
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Extent, Resource, Response, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.history import settled
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.rest.bundle import link_url
from carethread.interactions.rest.headers import preferences

NDJSON = "application/fhir+ndjson"
JOB_HEADER = "X-CareThread-Export"
"""Request header by which the gateway gives every service's part of one export the same id."""

HORIZON_HEADER = "X-CareThread-Horizon"
"""In the answer to a kick-off, the moment that the export shows (microseconds); in a request, the latest it may be."""

SEQUENCES = "https://carethread.dev/fhir/export-sequences"
"""The extension of the manifest that says where a subscriber joins the stream of events: by service, the `ce_sequence`
to read on from. Of what follows, that which did not happen after `transactionTime` (`ce_time`) is in the export."""

_FORMATS = (NDJSON, "application/ndjson", "ndjson")
_PARAMETERS = ("_outputFormat", "_since", "_type")
_KEPT_DAYS = 7
_KEPT = _KEPT_DAYS * 24 * 3600 * 1_000_000
"""Microseconds after which an export is forgotten."""

_POLL = 1_000_000
"""Microseconds of work in one poll."""

_FILE_BYTES = 2 * 1024 * 1024
_FILE_ROWS = 5_000
_ROWS_AT_ONCE = 10_000
_ENDING = ".ndjson"


def kick_off(runtime: Runtime, call: Call, context: Context) -> Response:
    """Begin an export: 202 with the URL to poll. Raises Malformed for a parameter or header that is not right."""
    request = call.request
    if "respond-async" not in preferences(request.headers):
        raise Malformed(
            "An export is asynchronous: send the header 'Prefer: respond-async'.", code="required", expression="Prefer"
        )
    refuse_unknown(call, "an export", _PARAMETERS)
    given = call.params.get("_outputFormat", [])
    if any(text.replace(" ", "+") not in _FORMATS for text in given):
        raise Malformed(
            f"_outputFormat is one of {', '.join(_FORMATS)}.", code="not-supported", expression="_outputFormat"
        )
    job = request.headers.get(JOB_HEADER.lower(), "")
    job = job if is_id(job) else context.new_id()
    now = to_micros(context.clock())
    horizon = settled(runtime, context) - 1000  # what may still commit is at that moment or later
    latest = request.headers.get(HORIZON_HEADER.lower(), "")
    if latest.isascii() and latest.isdigit():
        horizon = min(horizon, int(latest[:18]))
    since = _since(call)
    kinds = (False,) if since < 0 else (False, True)
    state = {
        "request": link_url(runtime.base_url, request.path, request.query),
        "created": now,
        "horizon": horizon,
        "since": since,
        "patients": call.type == "Patient",
        "files": [],
        "left": [[name, deleted, 0] for name in _types(runtime, call) for deleted in kinds],
    }

    def keep(session: Session) -> None:
        sequence = session.sequence([type_.name for type_ in runtime.service.types], horizon)
        session.keep_export(job, now, json.render(state | {"sequence": sequence}), expired=now - _KEPT)

    # On SQLite this waits for whoever was writing when the horizon was taken, so the horizon holds from here on.
    runtime.store.transact(keep)
    location = f"{runtime.base_url}/$export/{job}"
    return Response(202, {"Content-Location": location, HORIZON_HEADER: str(state["horizon"])})


def _since(call: Call) -> int:
    """The moment after which a resource has changed, in microseconds; -1 for any."""
    given = call.params.get("_since", [])
    if not given:
        return -1
    moment = asked_range(given[0]) if len(given) == 1 and "T" in given[0] else None
    if moment is None:
        raise Malformed("_since is one instant, such as 2026-01-31T08:00:00Z.", code="value", expression="_since")
    return moment[0]


def _types(runtime: Runtime, call: Call) -> list[str]:
    """What this service has to count and to give of what was asked for, in order."""
    allowed = {"Patient", *compartment()} if call.type == "Patient" else resource_types()
    asked = {name.strip() for text in call.params.get("_type", []) for name in text.split(",")}
    for name in sorted(asked - allowed):
        kind = "type of a patient's compartment" if call.type == "Patient" else "R4 resource type"
        raise Malformed(f"'{name[:64]}' is no {kind}.", code="value", expression="_type")
    return sorted(type_.name for type_ in runtime.service.types if type_.name in (asked or allowed))


def status(runtime: Runtime, job: str, context: Context) -> Response:
    """202 with the progress while the files are being cut, then the manifest. Raises NotFound."""
    before = _kept(runtime, job)
    state: dict[str, Any] = json.parse(before)
    until = to_micros(context.clock()) + _POLL
    while state["left"] and to_micros(context.clock()) <= until:
        runtime.store.snapshot(partial(_cut, state=state))
    after = json.render(state)
    ours = after == before or runtime.store.transact(lambda session: session.advance_export(job, before, after))
    if state["left"] or not ours:  # another poll was faster: its cuts count
        said = f"{len(state['files'])} files cut, {len(state['left'])} lists of resources left to read"
        return Response(202, {"X-Progress": said, "Retry-After": "1"})
    headers = {"Content-Type": "application/json", "Expires": http_date(state["created"] + _KEPT)}
    return Response(200, headers, json.render(_manifest(runtime, job, state)))


def _cut(session: Session, state: dict[str, Any]) -> None:
    """Read on in the first list that is left, and cut what was read into files.

    A file is [type, whether of deletions, the row before its first, its last row, resources, whether one is in doubt].
    """
    type_name, deleted, after = state["left"][0]
    found, more = session.measure(_extent(state, type_name, deleted=deleted), after, _ROWS_AT_ONCE)
    files: list[list[Any]] = []
    room = 0
    for row, size, doubt in found:
        if not files or room < size or files[-1][4] == _FILE_ROWS:
            files.append([type_name, deleted, after, row, 0, False])
            room = _FILE_BYTES
        files[-1][3:] = [row, files[-1][4] + 1, files[-1][5] or doubt]
        room -= size
        after = row
    state["files"] += files
    state["left"][0][2] = more
    if not more:
        del state["left"][0]


def _manifest(runtime: Runtime, job: str, state: dict[str, Any]) -> Resource:
    output, deleted = [], []
    for number, (type_name, gone, _, _, count, doubt) in enumerate(state["files"]):
        url = f"{runtime.base_url}/$export/{job}/{type_name}-{number}{_ENDING}"
        if gone:
            deleted.append({"type": "Bundle", "url": url, "count": 1})
        else:
            output.append({"type": type_name, "url": url} | ({} if doubt else {"count": count}))
    return {
        "transactionTime": instant(state["horizon"]),
        "request": state["request"],
        "requiresAccessToken": False,
        "output": output,
        "deleted": deleted,
        "error": [],
        "extension": {SEQUENCES: {runtime.service.name: state["sequence"]}},
    }


def cancel(runtime: Runtime, job: str) -> Response:
    """Forget an export: 202, and 404 from now on. Raises NotFound."""
    if not runtime.store.transact(lambda session: session.drop_export(job)):
        raise _unknown()
    return Response(202)


def file(runtime: Runtime, job: str, name: str, context: Context) -> Response:
    """One file of an export. Raises NotFound for an export or file that is not there."""
    state = json.parse(_kept(runtime, job))
    files = {f"{each[0]}-{place}{_ENDING}": each for place, each in enumerate(state["files"])}
    if name not in files:
        raise NotFound("This export has no such file; its manifest lists those that it has.")
    type_name, deleted, after, through, _, _ = files[name]
    authorize("$export", type_name, context)
    extent = _extent(state, type_name, deleted=deleted)
    found = runtime.store.snapshot(lambda session: session.slice(extent, after, through))
    if deleted:
        lines = [_deletions([stored for stored, _ in found])]
    else:
        lines = [stored.body for stored, doubt in found if not doubt or _of_a_patient(runtime, stored, extent)]
    return Response(200, {"Content-Type": NDJSON}, b"\n".join([*lines, b""]))


def type_of(name: str) -> str:
    """The resource type that a file's name tells."""
    return name.partition("-")[0]


def _deletions(gone: Sequence[Stored]) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": f"{stored.type}/{stored.id}"}} for stored in gone]
    return json.render({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _of_a_patient(runtime: Runtime, stored: Stored, extent: Extent) -> bool:
    rows = extract(json.parse(stored.body), base=runtime.base_url).reference
    return any(
        target == "Patient" and id_ and f"{stored.type}.{param}" in extent.params for param, target, id_, *_ in rows
    )


def _extent(state: dict[str, Any], type_name: str, *, deleted: bool) -> Extent:
    narrowed = state["patients"] and type_name != "Patient" and not deleted  # a deletion no longer tells whose it was
    params = tuple(f"{type_name}.{code}" for code in compartment()[type_name]) if narrowed else ()
    return Extent(type_name, state["horizon"], state["since"], params, deleted)


def _kept(runtime: Runtime, job: str) -> bytes:
    found = runtime.store.snapshot(lambda session: session.export(job)) if is_id(job) else None
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound(f"This export is not known: it was cancelled, or began more than {_KEPT_DAYS} days ago.")


_LEVELS: tuple[tuple[str, tuple[Literal["system", "type"]], str], ...] = (
    ("", ("system",), "export"),
    ("Patient", ("type",), "patient-export"),
)

OPERATIONS = tuple(
    Operation(
        name="export",
        type=type_name,
        levels=levels,
        definition=f"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{definition}",
        handler=kick_off,
        partial=True,
        parameters=_PARAMETERS,
        asynchronous=True,
    )
    for type_name, levels, definition in _LEVELS
)
"""The kick-offs; `status`, `cancel` and `file` answer below `$export/[job]`."""
