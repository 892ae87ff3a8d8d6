"""batch and transaction of one service: http://hl7.org/fhir/R4/http.html#transaction.

A batch does each entry by itself, a transaction all or nothing, in the order DELETE, POST, PUT, GET. Within a
transaction, references to an entry's `urn:uuid:` fullUrl become references to what the entry made, and conditional
references (`Practitioner?identifier=…`) become the one match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import FhirError, Invalid, Issue, Malformed, NotSupported, PreconditionFailed, TooLarge
from carethread.core.fhir import json
from carethread.core.fhir.elements import rewrite
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.fhir.search.parse import CONTROLS
from carethread.core.ports import Request, Resource, Response, Session
from carethread.core.service import Runtime
from carethread.interactions.bundle import etag, searchset
from carethread.interactions.create import create_command
from carethread.interactions.delete import delete_command
from carethread.interactions.search import search
from carethread.interactions.status import STATUS_LINES, status_of
from carethread.interactions.update import update_command
from carethread.interactions.write import Command, Result, WriteUnit, apply_each

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3}
_KINDS = ("batch", "transaction")
_UNSUPPORTED = {"ifNoneExist": "Conditional create", "ifModifiedSince": "Conditional read"}

Handle = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a Bundle."""

    number: int
    method: str
    url: str
    full_url: str
    resource: Resource | None
    if_match: str | None
    if_none_match: str | None

    @property
    def path(self) -> list[str]:
        return [unquote(part) for part in self.url.partition("?")[0].split("/")]


def entries_of(bundle: Resource, limit: int) -> list[Entry | FhirError]:
    """The requests of a batch or transaction, or for each that cannot be read its error.

    Raises Malformed for a Bundle of another type, TooLarge for more than `limit` entries.
    """
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in _KINDS:
        raise Malformed(
            "Here a Bundle of type batch or transaction is expected; to store another resource, POST it to its type.",
            code="invalid",
            expression="Bundle.type",
        )
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Malformed("entry is an array of objects.", expression="Bundle.entry")
    if len(entries) > limit:
        raise TooLarge(f"A Bundle may have {limit} entries; this one has {len(entries)}.", expression="Bundle.entry")
    return [_entry(i, value) for i, value in enumerate(entries)]


def _entry(number: int, value: object) -> Entry | FhirError:
    where = f"Bundle.entry[{number}]"
    request = value.get("request") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(request, dict):
        return Malformed("Every entry needs a request.", code="required", expression=f"{where}.request")
    method, url, resource = request.get("method"), request.get("url"), value.get("resource")
    if not isinstance(method, str) or method not in _ORDER:
        return NotSupported(
            f"request.method is one of {', '.join(_ORDER)}.", kind="method", expression=f"{where}.request.method"
        )
    if not isinstance(url, str) or not url or url.startswith(("/", "http:", "https:")) or "\0" in unquote(url):
        return Malformed(
            "request.url is relative to the base URL: Patient/123.", code="value", expression=f"{where}.request.url"
        )
    for name, what in _UNSUPPORTED.items():
        if name in request:
            return NotSupported(f"{what} is not supported.", kind="method", expression=f"{where}.request.{name}")
    if method in ("POST", "PUT") and not isinstance(resource, dict):
        return Malformed(f"{method} needs a resource.", code="required", expression=f"{where}.resource")
    full_url, if_match, if_none_match = value.get("fullUrl", ""), request.get("ifMatch"), request.get("ifNoneMatch")
    texts = (full_url, "" if if_match is None else if_match, "" if if_none_match is None else if_none_match)
    if not all(isinstance(text, str) for text in texts):
        return Malformed("fullUrl, ifMatch and ifNoneMatch are strings.", code="structure", expression=where)
    resource = resource if isinstance(resource, dict) else None
    return Entry(number, method, url, full_url, resource, if_match, if_none_match)


def batch(runtime: Runtime, bundle: Resource, context: Context, handle: Handle) -> bytes:
    """Do each entry by itself; the answer tells for each what became of it. `handle` answers the reads."""
    entries = entries_of(bundle, runtime.limits.bundle_entries)
    answers: dict[int, bytes] = {}
    commands: dict[int, Command] = {}
    for i, entry in enumerate(entries):
        try:
            if isinstance(entry, FhirError):
                raise entry
            if entry.method == "GET":
                answers[i] = _answered(handle(_request(entry)))
            else:
                commands[i] = _command(runtime, entry, context)
        except FhirError as error:
            answers[i] = _refused(_located(error, i))
    results = apply_each(runtime, list(commands.values()), context) if commands else []
    for i, result in zip(commands, results, strict=True):
        answers[i] = _refused(_located(result, i)) if isinstance(result, FhirError) else _done(result)
    return searchset("batch-response", None, {}, [answers[i] for i in range(len(entries))])


def transaction(runtime: Runtime, bundle: Resource, context: Context, handle: Handle) -> bytes:
    """Do all entries or none. Raises the errors of every entry that cannot be done, located in the Bundle."""
    parsed = entries_of(bundle, runtime.limits.bundle_entries)
    entries = [entry for entry in parsed if isinstance(entry, Entry)]
    _raise_all([error for error in parsed if isinstance(error, FhirError)])
    made = {e.number: context.new_id() for e in entries if e.method == "POST"}
    writes = sorted((e for e in entries if e.method != "GET"), key=lambda e: _ORDER[e.method])
    resolve = _resolver(runtime, context, {e.full_url: _target(e, made) for e in writes if e.resource and e.full_url})
    commands: dict[int, Command] = {}
    errors: list[FhirError] = []
    for entry in writes:
        try:
            commands[entry.number] = _command(runtime, entry, context, made.get(entry.number, ""), resolve)
        except FhirError as error:
            errors.append(_located(error, entry.number))
    _raise_all(errors)
    _refuse_same_identity(commands)
    answers: dict[int, bytes] = {}
    for i, result in _apply(runtime, commands, context).items():
        answers[i] = _done(result)
    answers |= {e.number: _answered(handle(_request(e))) for e in entries if e.method == "GET"}
    return searchset("transaction-response", None, {}, [answers[i] for i in range(len(parsed))])


def _apply(runtime: Runtime, commands: dict[int, Command], context: Context) -> dict[int, Result]:
    """Do all in one database transaction, or none; an error says which entry it is of."""

    def work(session: Session) -> dict[int, Result]:
        unit = WriteUnit(runtime, session, context)
        unit.look(list(commands.values()))
        results: dict[int, Result] = {}
        for number, command in commands.items():
            try:
                results[number] = unit.do(command)
            except FhirError as error:
                raise _located(error, number) from None
        unit.store()
        return results

    return runtime.store.transact(work)


def _raise_all(errors: Sequence[FhirError]) -> None:
    """Raise one error of the first one's category with the issues of all."""
    if errors:
        first = errors[0]
        first.issues = tuple(issue for error in errors for issue in error.issues)
        raise first


def _target(entry: Entry, made: dict[int, str]) -> str:
    return f"{entry.path[0]}/{made[entry.number]}" if entry.method == "POST" else "/".join(entry.path)


def _resolver(runtime: Runtime, context: Context, targets: dict[str, str]) -> Callable[[str], str]:
    """What a reference in the transaction becomes."""

    def resolve(reference: str) -> str:
        if reference in targets:
            return targets[reference]
        type_name, mark, criteria = reference.partition("?")
        if not mark or not type_name.isalpha():
            return reference
        if not runtime.service.owns(type_name):
            raise NotSupported(f"Conditional references to {type_name} are resolved where {type_name} is kept.")
        params = parse_qsl(criteria)
        if not params or any(name in CONTROLS for name, _ in params):
            raise Malformed(f"A conditional reference to {type_name} has criteria only.", code="value")
        found = search(runtime, type_name, [*params, ("_count", "2")], context, strict=True).matches
        if len(found) != 1:
            raise PreconditionFailed(
                f"The conditional reference to {type_name} must match one resource; it matches "
                + ("none." if not found else "several."),
                code="not-found" if not found else "multiple-matches",
            )
        return f"{type_name}/{found[0].id}"

    return resolve


def _command(
    runtime: Runtime, entry: Entry, context: Context, made: str = "", resolve: Callable[[str], str] | None = None
) -> Command:
    type_name, *rest = entry.path
    if not runtime.service.owns(type_name):
        raise NotSupported("The url begins with no type that is kept here.")
    if "?" in entry.url or len(rest) != (0 if entry.method == "POST" else 1):
        shape = type_name if entry.method == "POST" else f"{type_name}/[id]"
        raise NotSupported(f"For {entry.method} the url is {shape}.", kind="method")
    if entry.method == "DELETE":
        return delete_command((type_name, rest[0]), context, if_match=entry.if_match)
    resource = entry.resource or {}
    if resolve:
        resource = rewrite(resource, resolve)
    if entry.method == "POST":
        command = create_command(type_name, resource, context)
        return Command(type_name, made or command.id, resource, fresh=True)
    return update_command(
        (type_name, rest[0]), resource, context, if_match=entry.if_match, if_none_match=entry.if_none_match
    )


def _refuse_same_identity(commands: dict[int, Command]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for number, command in commands.items():
        if command.key in seen:
            raise Invalid(
                f"{command.type}/{command.id} is written by entry {seen[command.key]} too; "
                "a transaction writes each once.",
                code="duplicate",
                expression=f"Bundle.entry[{number}].request.url",
            )
        seen[command.key] = number


def _request(entry: Entry) -> Request:
    path, _, query = entry.url.partition("?")
    return Request("GET", unquote(path), parse_qsl(query, keep_blank_values=True))


def _located(error: FhirError, number: int) -> FhirError:
    """The error with its places told from the Bundle: `Patient.name` becomes `Bundle.entry[3].resource.name`."""
    where = f"Bundle.entry[{number}]"

    def place(expression: str | None) -> str:
        if not expression:
            return where
        if expression.startswith("Bundle.entry["):
            return expression
        _, dot, rest = expression.partition(".")
        return f"{where}.resource{dot}{rest}"

    error.issues = tuple(Issue(i.code, i.diagnostics, place(i.expression), i.severity) for i in error.issues)
    return error


def _done(result: Result) -> bytes:
    stored = result.stored
    response: dict[str, object] = {"status": STATUS_LINES[result.outcome]}
    if stored is not None and not stored.deleted:
        response["location"] = f"{stored.type}/{stored.id}/_history/{stored.version}"
    if stored is not None:
        response |= {"etag": etag(stored.version), "lastModified": instant(stored.updated)}
    return b'{"response":' + json.render(response) + b"}"


def _answered(response: Response) -> bytes:
    member = b'"resource":' if response.status < 400 else b'"response":{"status":"%d","outcome":' % response.status
    if response.status >= 400:
        return b"{" + member + response.body + b"}}"
    head = json.render({"status": str(response.status)})
    return b"{" + member + response.body + b',"response":' + head + b"}"


def _refused(error: FhirError) -> bytes:
    return b'{"response":{"status":"%d","outcome":%s}}' % (status_of(error), outcome_bytes(error))
