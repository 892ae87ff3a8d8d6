"""What a slot is for, and whether that suits: services, specialty, kind of visit, modality. Pure.

`kinds` is the text that `Opening` has: ` system|code modality|phone `. A slot that says nothing of a matter suits
beside another that says what is wanted; by itself it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from carethread.scheduling.finding.asking import Asked, Token

_MODALITY = "modality|"
_OF_OTHER_MATTERS = (_MODALITY, "place|")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the tokens, or one of the modalities, is wanted."""

    tokens: Sequence[Token] = ()
    modalities: Sequence[str] = ()

    def met(self, kinds: str) -> bool:
        """Whether the slot says what is wanted."""
        if self.modalities:
            return any(f" {_MODALITY}{each} " in kinds for each in self.modalities)
        return any(_says(kinds, token) for token in self.tokens)

    def open(self, kinds: str) -> bool:
        """Whether the slot says nothing of it."""
        if self.modalities:
            return f" {_MODALITY}" not in kinds
        return all(kind.startswith(_OF_OTHER_MATTERS) for kind in kinds.split())


def _says(kinds: str, token: Token) -> bool:
    if token.system is None:
        return f"|{token.code} " in kinds
    return f" {token.system}|{token.code} " in kinds if token.code else f" {token.system}|" in kinds


def says(kinds: str, tokens: Iterable[Token]) -> bool:
    """Whether a slot is for one of these."""
    return any(_says(kinds, token) for token in tokens)


def criteria_of(asked: Asked) -> list[Criterion]:
    """What is wanted of the slots."""
    found = [Criterion(tokens=tuple(group)) for group in asked.kinds]
    return [*found, *([Criterion(modalities=tuple(asked.modalities))] if asked.modalities else [])]


def suitable(purposes: Mapping[int, str], criteria: Sequence[Criterion], *, alone: bool) -> set[int]:
    """The purposes, by number, that suit."""
    return {
        number
        for number, kinds in purposes.items()
        if all(each.met(kinds) or (not alone and each.open(kinds)) for each in criteria)
    }


def enough(kinds: Sequence[str], criteria: Sequence[Criterion]) -> bool:
    """Whether, of slots that suit together, at least one says what is wanted, for each."""
    return all(any(each.met(text) for text in kinds) for each in criteria)
