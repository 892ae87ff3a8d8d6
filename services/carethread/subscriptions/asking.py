"""What owners are asked before an event is matched: once, and outside of the transaction that matches.

That transaction holds what all others who match wait for. So whoever lacks an answer there says so, the transaction
comes to nothing, the questions are asked, and it is begun anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from carethread.core.errors import Busy

T = TypeVar("T")

Question = tuple[str, int]
"""The event's id, and which of its questions it is."""

_SECONDS = 2.0
"""For so long, and one call, is asked before others have their turn; what was answered by then is kept."""

_MOST = 10_000
"""Answers that are kept; those to events that another process has matched are never used."""


class Unasked(Exception):
    """An answer is lacking; `ask` gets it, and raises Busy when it is not to be had."""

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__()
        self.ask = ask


class Known(Protocol):
    """The answer to a question that `ask` would ask. Raises Unasked, or what `ask` raises."""

    def __call__(self, question: Question, ask: Callable[[], T], /) -> T: ...


def at_once(_question: Question, ask: Callable[[], T]) -> T:
    """For who holds nothing that others wait for."""
    return ask()


@dataclass(frozen=True, slots=True)
class Asking:
    """The answers, until their events are matched."""

    answers: dict[Question, Any] = field(default_factory=dict)

    def known(self, question: Question, ask: Callable[[], T]) -> T:
        if question not in self.answers:
            raise Unasked(partial(self._ask, question, ask))
        answer: T = self.answers[question]
        return answer

    def _ask(self, question: Question, ask: Callable[[], object]) -> None:
        self.answers[question] = ask()

    def forget(self, ids: Iterable[str]) -> None:
        """These events are matched."""
        over = set(ids)
        if len(self.answers) > _MOST:
            self.answers.clear()
        for question in [each for each in self.answers if each[0] in over]:
            self.answers.pop(question, None)


def sorted_out(works: Iterable[Callable[[], T]]) -> tuple[list[T], list[Callable[[], None]]]:
    """What works came to, and what is to be asked for the others."""
    done: list[T] = []
    lacking: list[Callable[[], None]] = []
    for work in works:
        try:
            done.append(work())
        except Unasked as error:
            lacking.append(error.ask)
    return done, lacking


def ask(
    lacking: Sequence[Callable[[], None]],
    seconds: float = _SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Ask for a while. Raises Busy when an owner is away, or so slow that the others should go first."""
    end = monotonic() + seconds
    for number, each in enumerate(lacking):
        if number and monotonic() > end:
            raise Busy(f"Owners were asked for {seconds:g} s; {len(lacking) - number} questions are left.")
        each()
