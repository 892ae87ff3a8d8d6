"""A batch of one service: each entry by itself, whatever becomes of the others."""

from __future__ import annotations

from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.interactions.rest.bundle import searchset
from carethread.interactions.rest.status import error_of
from carethread.interactions.transaction.answers import answered, done, refused
from carethread.interactions.transaction.commands import command_of
from carethread.interactions.transaction.entries import READS, check_shape, entries_of, located
from carethread.interactions.transaction.perform import Read
from carethread.interactions.writing.apply import apply_each
from carethread.interactions.writing.command import Command


def batch(runtime: Runtime, bundle: Resource, context: Context, read: Read, wanted: str = "") -> bytes:
    """Do each entry by itself; the answer tells for each what became of it. `wanted` is what `Prefer: return` says."""
    entries = entries_of(bundle, runtime.limits.bundle_entries)
    answers: dict[int, bytes] = {}
    commands: dict[int, Command] = {}
    for i, entry in enumerate(entries):
        try:
            if isinstance(entry, FhirError):
                raise entry
            if entry.method in READS:
                response = read(runtime, entry.request, context)
                if response.status >= 400:
                    raise error_of(response)
                answers[i] = answered(response, entry.method)
            else:
                check_shape(entry)
                commands[i] = command_of(runtime, entry, context)
        except FhirError as error:
            answers[i] = refused(located(error, i))
    results = apply_each(runtime, list(commands.values()), context) if commands else []
    for i, result in zip(commands, results, strict=True):
        answers[i] = refused(located(result, i)) if isinstance(result, FhirError) else done(result, wanted)
    return searchset("batch-response", None, {}, [answers[i] for i in range(len(entries))])
