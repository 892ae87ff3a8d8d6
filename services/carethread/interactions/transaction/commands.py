"""From an entry to its command: what is to be written, checked, before any lock is taken."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from carethread.core.context import Context
from carethread.core.errors import Invalid, NotSupported
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.interactions.create import create_command
from carethread.interactions.delete import conditional_delete_command, delete_command
from carethread.interactions.patch import LANGUAGES, Change, patch_command
from carethread.interactions.transaction.entries import Entry
from carethread.interactions.update import conditional_update_command, update_command
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.conditional import known_condition


def command_of(runtime: Runtime, entry: Entry, context: Context, id_: str = "") -> Command:
    """The checked command of an entry that writes; `id_` is that of what it makes, if it is known.

    Raises what its content, criteria or url is refused for.
    """
    type_name, *rest = entry.path
    if not runtime.service.owns(type_name):
        raise NotSupported("The url begins with no type that is kept here.", expression=_url(entry))
    condition = known_condition(runtime, type_name, entry.criteria, context) if entry.criteria else None
    resource, if_match = entry.resource or {}, entry.headers.get("if-match")
    if entry.method == "POST":
        return create_command(type_name, resource, context, id_=id_, condition=condition)
    if entry.method == "DELETE":
        if condition:
            return conditional_delete_command(condition, context, if_match=if_match)
        return delete_command((type_name, rest[0]), context, if_match=if_match)
    if entry.method == "PATCH":
        return patch_command(condition or (type_name, rest[0]), _change(resource), context, if_match=if_match)
    if_none_match = entry.headers.get("if-none-match")
    if condition:
        return conditional_update_command(condition, resource, context, if_match=if_match, if_none_match=if_none_match)
    key = type_name, rest[0]
    return update_command(key, resource, context, if_match=if_match, if_none_match=if_none_match)


def _change(patch: Resource) -> Change:
    """What a patch does, sent as Parameters (FHIRPath Patch) or as a Binary that has the patch as its data."""
    if patch.get("resourceType") == "Parameters":
        return LANGUAGES["application/fhir+json"](json.render(patch))
    media: Any = patch.get("contentType")
    if patch.get("resourceType") != "Binary" or not isinstance(media, str) or media not in LANGUAGES:
        raise NotSupported(
            f"A patch in a Bundle is Parameters, or a Binary whose contentType is one of {', '.join(LANGUAGES)}.",
            kind="media",
            expression="Binary.contentType",
        )
    try:
        return LANGUAGES[media](b64decode(patch.get("data", ""), validate=True))
    except (binascii.Error, TypeError):
        raise Invalid("The data is the patch in base64.", code="value", expression="Binary.data") from None


def _url(entry: Entry) -> str:
    return f"Bundle.entry[{entry.number}].request.url"
