"""A small FHIR client for tests: each call answers (status, headers, body) and judges nothing."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import urllib3

_JSON = "application/fhir+json"


class Answer(NamedTuple):
    """One response; `json` is None when the body is empty or no JSON."""

    status: int
    headers: urllib3.HTTPHeaderDict
    json: Any


class Fhir:
    """A client of the FHIR base URL `base`, such as `http://127.0.0.1:8080/fhir`; paths are relative to it."""

    def __init__(self, base: str, *, timeout: float = 30.0) -> None:
        self.base = base.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("POST", path, body, headers=headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("PUT", path, body, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("PATCH", path, body, headers=headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.send("DELETE", path, headers=headers)

    def send(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Answer:
        """`body`: bytes and str go as they are, anything else as JSON. Header names are given as `If_Match="…"`."""
        sent = {"Accept": _JSON} | {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body)
        if body is not None and "content-type" not in {name.lower() for name in sent}:
            sent["Content-Type"] = _JSON
        url = f"{self.base}/{path.lstrip('/')}" if path else self.base
        response = self._pool.request(method, url, body=body, headers=sent)
        try:
            parsed = json.loads(response.data) if response.data else None
        except ValueError:
            parsed = None
        return Answer(response.status, response.headers, parsed)
