"""The requests in a Bundle, and where in it an error is: http://hl7.org/fhir/R4/bundle.html#transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from carethread.core.errors import FhirError, Issue, Malformed, NotSupported, TooLarge
from carethread.core.ports import Request, Resource

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
"""http://hl7.org/fhir/R4/http.html#trules"""

READS = ("GET", "HEAD")
_WITH_RESOURCE = ("POST", "PUT", "PATCH")
_KINDS = ("batch", "transaction")
_HEADERS = {
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
    "ifNoneExist": "if-none-exist",
    "ifModifiedSince": "if-modified-since",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a Bundle; `headers` are its conditions by the names that they have in HTTP."""

    number: int
    method: str
    url: str
    full_url: str
    resource: Resource | None
    headers: Mapping[str, str]

    @property
    def path(self) -> list[str]:
        return [unquote(part) for part in self.url.partition("?")[0].split("/")]

    @property
    def criteria(self) -> str:
        """Which resource is meant, as the query of a search; empty when the url or a new id says that."""
        return self.headers.get("if-none-exist", "") if self.method == "POST" else self.url.partition("?")[2]

    @property
    def request(self) -> Request:
        """The entry as a request of its own, without a body."""
        path, _, query = self.url.partition("?")
        return Request("GET", unquote(path), parse_qsl(query, keep_blank_values=True), self.headers)


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
    if not isinstance(method, str) or method not in ORDER:
        return NotSupported(
            f"request.method is one of {', '.join(ORDER)}.", kind="method", expression=f"{where}.request.method"
        )
    if not isinstance(url, str) or not url or url.startswith(("/", "http:", "https:")):
        return Malformed(
            "request.url is relative to the base URL: Patient/123.", code="value", expression=f"{where}.request.url"
        )
    if not _decodable(url):
        return Malformed(
            "request.url is percent-encoded UTF-8, without U+0000.", code="value", expression=f"{where}.request.url"
        )
    headers = {header: request[name] for name, header in _HEADERS.items() if request.get(name) is not None}
    for name, header in _HEADERS.items():
        if not isinstance(headers.get(header, ""), str):
            return Malformed(f"{name} is a string.", expression=f"{where}.request.{name}")
    if method in _WITH_RESOURCE and not isinstance(resource, dict):
        return Malformed(f"{method} needs a resource.", code="required", expression=f"{where}.resource")
    full_url = value.get("fullUrl", "")
    if not isinstance(full_url, str):
        return Malformed("fullUrl is a string.", expression=f"{where}.fullUrl")
    return Entry(number, method, url, full_url, resource if isinstance(resource, dict) else None, headers)


def _decodable(url: str) -> bool:
    """Whether its percent-encoding stands for text that may be there."""
    try:
        return "\0" not in unquote(url, errors="strict")
    except UnicodeDecodeError:
        return False


def check_shape(entry: Entry) -> None:
    """Raise for an entry that writes and whose url says not what: a type, a resource, or criteria."""
    type_name, *rest = entry.path
    by_criteria = "?" in entry.url
    where = f"Bundle.entry[{entry.number}].request.url"
    if entry.method == "POST" and (rest or by_criteria):
        raise NotSupported(f"In a Bundle the url for POST is {type_name}.", kind="method", expression=where)
    if entry.method != "POST" and len(rest) != (0 if by_criteria else 1):
        shape = f"{type_name}/[id] or {type_name}?[criteria]"
        raise NotSupported(f"In a Bundle the url for {entry.method} is {shape}.", kind="method", expression=where)
    if (by_criteria or "if-none-exist" in entry.headers) and not entry.criteria:
        hint = f"Criteria are needed, such as {type_name}?identifier=system|value."
        raise Malformed(hint, code="value", expression=where)


def located(error: FhirError, number: int) -> FhirError:
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


@contextmanager
def at_entry(number: int) -> Iterator[None]:
    """What goes wrong inside is told with its place in the Bundle."""
    try:
        yield
    except FhirError as error:
        raise located(error, number) from None


def raise_all(errors: Sequence[FhirError]) -> None:
    """Raise one error of the first one's category with the issues of all; nothing where there is none."""
    if errors:
        first = errors[0]
        first.issues = tuple(issue for error in errors for issue in error.issues)
        raise first
