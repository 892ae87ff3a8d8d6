"""What a Parameters says is heard or refused, by every operation: an object where a simple value is read bounds
nothing, so nobody is to think it did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.composition.parts import registry
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request
from carethread.core.service import Operation, Runtime
from carethread.interactions.operations import operations_of
from carethread.interactions.rest.handling import handle
from support.stores import open_store

AN_OBJECT = {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}}
"""That no operation takes."""

ASK_FIRST = frozenset(
    {"match", "huddle-minutes", "notice", "resolve-feedback", "close-feedback-review", "code-comment", "populate"}
    | {"review-decide"}
)
"""These read each value as what it has to be, and say first what else they need."""

TOLD = [
    (service, operation, name)
    for service, made in registry().items()
    for operation in operations_of(made)
    if not (operation.takes_form or operation.judges_body or operation.name in ASK_FIRST)
    for name in operation.parameters
]


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Runtime]]:
    folder = tmp_path_factory.mktemp("objects")
    stores = {name: open_store(f"sqlite:///{folder}/{name}.db", name) for name in registry()}
    base = "https://example.org/fhir"
    yield {
        name: Runtime(registry()[name], store, LocalOwners({}), LocalPeer({}), base) for name, store in stores.items()
    }
    for store in stores.values():
        store.close()


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    TOLD,
    ids=[f"{service}-{each.type}-{each.name}-{name}" for service, each, name in TOLD],
)
def test_an_object_is_never_passed_over(
    runtimes: dict[str, Runtime], service: str, operation: Operation, name: str
) -> None:
    runtime = runtimes[service]
    type_name = operation.type or next(iter(runtime.service.types)).name
    where = {"system": "", "type": type_name, "instance": f"{type_name}/x"}[operation.levels[0]]
    sent = json.render({"resourceType": "Parameters", "parameter": [{"name": name, **AN_OBJECT}]})
    content = {"content-type": "application/fhir+json"}
    content |= {"prefer": "respond-async"} if operation.asynchronous else {}
    answer = handle(runtime, Request("POST", f"{where}/${operation.name}".strip("/"), (), content, sent), Context())
    (issue,) = json.parse_object(answer.body)["issue"]
    told = (f"{name} is a simple value here, ", f"{name} is not given by valueRatio")
    assert (answer.status, issue["diagnostics"].startswith(told)) == (400, True), issue
