"""$export over all services: one export in each under the same id, and one manifest.

Nothing is kept here. The kick-off asks each service which moment it can show, and tells all of them the earliest; the
manifest joins theirs; a file comes from the owner of its type. See `interactions.operations.export`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.gateway.asking import Send
from carethread.interactions.operations.export import HORIZON_HEADER, JOB_HEADER, SEQUENCES

_LISTS = ("output", "deleted", "error")


def kick_off(request: Request, services: Sequence[str], send: Send, context: Context) -> Response:
    """Begin everywhere, or nowhere: what one service refuses is the answer."""
    job = context.new_id()
    asked = replace(request, headers={**_plain(request), JOB_HEADER.lower(): job})
    horizons: dict[str, int] = {}
    answer = Response(202)
    try:
        for service in services:
            answer = send(service, asked)
            if answer.status != 202:
                break
            horizons[service] = _horizon(answer)
        else:
            first = str(min(horizons.values()))
            settled = replace(asked, headers={**asked.headers, HORIZON_HEADER.lower(): first})
            for service in [name for name, horizon in horizons.items() if str(horizon) != first]:
                answer = send(service, settled)
                if answer.status != 202:
                    break
    except FhirError:
        _drop(job, horizons, send)
        raise
    if answer.status != 202:
        _drop(job, horizons, send)
    return replace(answer, headers={n: v for n, v in answer.headers.items() if n.lower() != HORIZON_HEADER.lower()})


def _plain(request: Request) -> dict[str, str]:
    """The headers without those that only the gateway may send."""
    ours = {JOB_HEADER.lower(), HORIZON_HEADER.lower()}
    return {name: value for name, value in request.headers.items() if name not in ours}


def _horizon(answer: Response) -> int:
    return next(int(value) for name, value in answer.headers.items() if name.lower() == HORIZON_HEADER.lower())


def _drop(job: str, services: Sequence[str] | dict[str, int], send: Send) -> None:
    """Cancel what has begun; where that fails too, it is forgotten after its days."""
    for service in services:
        try:
            send(service, Request("DELETE", f"$export/{job}"))
        except FhirError:
            continue


def poll(request: Request, services: Sequence[str], send: Send) -> Response:
    """The joined manifest; 202 as long as one service is not ready; else what one refuses."""
    answers = {service: send(service, request) for service in services}
    for answer in answers.values():
        if answer.status not in (200, 202):
            return answer
    waiting = {service: answer for service, answer in answers.items() if answer.status == 202}
    if waiting:
        said = "; ".join(f"{service}: {_header(answer, 'X-Progress')}" for service, answer in waiting.items())
        return Response(202, {"X-Progress": said, "Retry-After": "1"})
    manifests = [json.parse_object(answer.body) for answer in answers.values()]
    whole = manifests[0] | {name: [each for manifest in manifests for each in manifest[name]] for name in _LISTS}
    whole["extension"] = {SEQUENCES: {k: v for each in manifests for k, v in each["extension"][SEQUENCES].items()}}
    first = next(iter(answers.values()))
    return Response(200, dict(first.headers), json.render(whole))


def _header(answer: Response, name: str) -> str:
    return next((value for key, value in answer.headers.items() if key.lower() == name.lower()), "")


def cancel(request: Request, services: Sequence[str], send: Send) -> Response:
    """Cancel everywhere; 404 where nothing was."""
    answers = [send(service, request) for service in services]
    refused = [answer for answer in answers if answer.status not in (202, 404)]
    return next(iter(refused), min(answers, key=lambda answer: answer.status))
