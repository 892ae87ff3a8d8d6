"""The steps of a transaction done inside one database transaction, and what is answered for each.

It makes the same of the same store each time: a part of a transaction that spans services is performed once to see
whether it can be, and once to do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Invalid
from carethread.core.ports import Key, Request, Response, Session, Write
from carethread.core.service import Runtime
from carethread.interactions.rest.status import error_of
from carethread.interactions.transaction.answers import answered, done
from carethread.interactions.transaction.commands import command_of
from carethread.interactions.transaction.entries import at_entry, located, raise_all
from carethread.interactions.transaction.plan import Step
from carethread.interactions.transaction.within import inside
from carethread.interactions.writing.command import Command, Condition, Result
from carethread.interactions.writing.conditional import hold, identify
from carethread.interactions.writing.unit import WriteUnit

Read = Callable[[Runtime, Request, Context], Response]
"""Answers a read of a service."""


class Stale(Busy):
    """Criteria mean another resource than when the transaction was planned; plan it again."""


@dataclass(frozen=True, slots=True)
class Performed:
    """The answer's entries by their number, what became of those that write, and all that was written for them.

    `seen` are the resources on which the decisions rest, with their versions.
    """

    answers: Mapping[int, bytes]
    results: Mapping[int, Result]
    writes: Sequence[Write]
    seen: Mapping[Key, int]


def checked(runtime: Runtime, steps: Sequence[Step], context: Context) -> dict[int, Command]:
    """The commands of the steps that write, by number. Raises what is wrong with any, each in its place."""
    commands: dict[int, Command] = {}
    errors: list[FhirError] = []
    making: dict[str, int] = {}
    for step in steps:
        if step.is_read:
            continue
        try:
            command = command_of(runtime, step.entry, context, "" if step.found else step.id)
            if command.condition and not step.found:
                command = replace(command, id=step.id)
            commands[step.number] = command
            if command.condition and not step.found and command.verb != "DELETE":
                _refuse_same_criteria(step.number, command.condition, making)
        except FhirError as error:
            errors.append(located(error, step.number))
    raise_all(errors)
    return commands


def _refuse_same_criteria(number: int, condition: Condition, making: dict[str, int]) -> None:
    """Raise Invalid where an earlier entry makes a resource by criteria that may mean the same; notes what it makes."""
    other = next((making[key] for key in condition.keys if key in making), None)
    if other is not None:
        raise Invalid(
            f"Entry {other} makes a {condition.type} by criteria that may mean the same one; send one of them.",
            code="duplicate",
        )
    making |= dict.fromkeys(condition.keys, number)


def perform(
    runtime: Runtime,
    session: Session,
    steps: Sequence[Step],
    commands: Mapping[int, Command],
    context: Context,
    read: Read,
    *,
    wanted: str = "",
    trial: bool = False,
) -> Performed:
    """Write, then read what the writes left. Raises the first refusal in its place; Stale where criteria moved on.

    A `trial` is going to be undone, and stores only what a read has to find.
    """
    unit = WriteUnit(runtime, session, context, trial=trial and not any(step.is_read for step in steps))
    results = decided(unit, steps, commands)
    writes = unit.store()
    answers = {number: done(result, wanted) for number, result in results.items()}
    within = inside(runtime, session)
    for step in steps:
        if step.is_read:
            response = read(within, step.entry.request, context)
            if response.status >= 400:
                raise located(error_of(response), step.number)
            answers[step.number] = answered(response, step.method)
    return Performed(answers, results, writes, unit.seen)


def decided(unit: WriteUnit, steps: Sequence[Step], commands: Mapping[int, Command]) -> dict[int, Result]:
    """What becomes of the steps that write, by number; the unit has still to store it. Raises as `perform` does."""
    session = unit.session
    hold(session, [command.condition for command in commands.values() if command.condition])
    results: dict[int, Result] = {}
    pending: dict[int, Command] = {}
    for step in steps:
        if not step.is_read:
            with at_entry(step.number):
                found = _looked_up(session, step, commands[step.number])
            if isinstance(found, Result):
                results[step.number] = found
            else:
                pending[step.number] = found
    places = {type_.name: place for place, type_ in enumerate(unit.runtime.service.types)}
    numbers = sorted(pending, key=lambda n: (_RANK[pending[n].verb], places[pending[n].type], pending[n].key))
    unit.look([pending[number] for number in numbers])
    became = unit.do_all([pending[number] for number in numbers], at=lambda place: at_entry(numbers[place]))
    return results | dict(zip(numbers, became, strict=True))


_RANK = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}


def _looked_up(session: Session, step: Step, command: Command) -> Command | Result:
    """The command on the resource that is meant. Raises Stale where that is not the one to which links were set."""
    found = identify(session, command)
    id_ = found.id if isinstance(found, Command) else found.stored.id if found.stored else ""
    if step.criteria and id_ != step.id:
        raise Stale("What the criteria match was changed meanwhile; try again.")
    return found
