"""The interactions of the RESTful API as data: http://hl7.org/fhir/R4/http.html, one line for each method of each path.

The routes take from here which methods a path has, the CapabilityStatement and the OpenAPI document what there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

BASE = ""
TYPE = "{type}"
INSTANCE = "{type}/{id}"
VERSION = "{type}/{id}/_history/{version}"
INSTANCE_HISTORY = "{type}/{id}/_history"
TYPE_HISTORY = "{type}/_history"
HISTORY = "_history"
TYPE_SEARCH = "{type}/_search"
SEARCH = "_search"
COMPARTMENT = "Patient/{id}/{type}"
COMPARTMENT_SEARCH = "Patient/{id}/{type}/_search"
METADATA = "metadata"
SMART = ".well-known/smart-configuration"
OPENAPI = "openapi.json"
EXPORT = "$export/{job}"
EXPORT_FILE = "$export/{job}/{file}"


class Interaction(NamedTuple):
    """`code` is R4's (http://hl7.org/fhir/R4/valueset-type-restful-interaction.html), `path` below the base URL.

    Lines of one code differ in how they are asked: `manner` tells, and is empty for the plain one.
    """

    code: str
    method: str
    path: str
    manner: str = ""


INTERACTIONS = (
    Interaction("read", "GET", INSTANCE),
    Interaction("vread", "GET", VERSION),
    Interaction("update", "PUT", INSTANCE),
    Interaction("update", "PUT", TYPE, "conditional"),
    Interaction("patch", "PATCH", INSTANCE),
    Interaction("patch", "PATCH", TYPE, "conditional"),
    Interaction("delete", "DELETE", INSTANCE),
    Interaction("delete", "DELETE", TYPE, "conditional"),
    Interaction("history-instance", "GET", INSTANCE_HISTORY),
    Interaction("history-type", "GET", TYPE_HISTORY),
    Interaction("create", "POST", TYPE),
    Interaction("search-type", "GET", TYPE),
    Interaction("search-type", "POST", TYPE_SEARCH, "form"),
    Interaction("search-type", "GET", COMPARTMENT, "compartment"),
    Interaction("search-type", "POST", COMPARTMENT_SEARCH, "compartment-form"),
    Interaction("search-system", "GET", BASE),
    Interaction("transaction", "POST", BASE),
    Interaction("batch", "POST", BASE),
    Interaction("search-system", "POST", SEARCH, "form"),
    Interaction("history-system", "GET", HISTORY),
    Interaction("capabilities", "GET", METADATA),
    Interaction("capabilities", "GET", SMART, "smart"),
    Interaction("capabilities", "GET", OPENAPI, "openapi"),
    Interaction("export-status", "GET", EXPORT),
    Interaction("export-cancel", "DELETE", EXPORT),
    Interaction("export-file", "GET", EXPORT_FILE),
)
"""All of them but the operations, which services declare."""

_UNSTATED = ("capabilities", "export-status", "export-cancel", "export-file")
"""What a CapabilityStatement has no code for, or says by being there."""

TYPE_CODES = tuple(
    dict.fromkeys(each.code for each in INTERACTIONS if "{type}" in each.path and each.code not in _UNSTATED)
)
"""The codes of what is about one type, as CapabilityStatement.rest.resource.interaction has them."""

SYSTEM_CODES = tuple(
    dict.fromkeys(each.code for each in INTERACTIONS if "{type}" not in each.path and each.code not in _UNSTATED)
)
"""The codes of what is about all types, as CapabilityStatement.rest.interaction has them."""

_METHODS: Mapping[str, tuple[str, ...]] = {
    path: tuple(dict.fromkeys(each.method for each in INTERACTIONS if each.path == path))
    for path in {each.path for each in INTERACTIONS}
}


def methods(path: str) -> tuple[str, ...]:
    """The methods of a path, such as `TYPE`, in the order of the table."""
    return _METHODS[path]
