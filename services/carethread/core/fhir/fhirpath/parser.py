"""Tokens to the abstract syntax tree, by precedence climbing.

Source: http://hl7.org/fhirpath/N1, section 6.8 (precedence) and appendix B.
"""

from __future__ import annotations

from decimal import Decimal

from carethread.core.fhir.fhirpath.errors import BudgetExceeded, FhirPathSyntaxError
from carethread.core.fhir.fhirpath.lexer import Token, tokens, unquoted
from carethread.core.fhir.fhirpath.quantity import CALENDAR_UNITS, Quantity
from carethread.core.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    Polarity,
    Special,
    TypeOperation,
    Variable,
    children,
)
from carethread.core.fhir.fhirpath.temporal import Temporal

MAX_LENGTH = 10_000
"""Characters of one expression; the longest invariant of R4 has 600."""

MAX_NESTING = 150
"""Levels of the tree, so that neither compiling nor evaluating can exhaust the stack."""

_PRECEDENCE = {
    operator: level
    for level, operators in enumerate(
        (
            ("implies",),
            ("or", "xor"),
            ("and",),
            ("in", "contains"),
            ("=", "~", "!=", "!~"),
            ("<", ">", "<=", ">="),
            ("|",),
            ("is", "as"),
            ("+", "-", "&"),
            ("*", "/", "div", "mod"),
        ),
        start=1,
    )
    for operator in operators
}
_POLARITY_LEVEL = len({*_PRECEDENCE.values()}) + 1


def parse(text: str) -> Node:
    """Read one expression. Raises FhirPathSyntaxError, or BudgetExceeded for one too long or too deep."""
    if len(text) > MAX_LENGTH:
        raise BudgetExceeded(f"The expression has {len(text)} characters; {MAX_LENGTH} are allowed.")
    parser = _Parser(text)
    node = parser.expression(1)
    parser.expect_end()
    _check_nesting(node)
    return node


def _check_nesting(node: Node) -> None:
    level, depth = [node], 0
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise BudgetExceeded(f"The expression nests more than {MAX_NESTING} levels deep.")
        level = [child for parent in level for child in children(parent)]


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0
        self.depth = 0

    def expression(self, lowest: int) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise BudgetExceeded(f"The expression nests more than {MAX_NESTING} levels deep.")
        left = self._operand()
        while True:
            token = self.tokens[self.at]
            level = _PRECEDENCE.get(token.text, 0) if token.kind in ("name", "symbol") else 0
            if level < lowest or level == 0:
                self.depth -= 1
                return left
            self.at += 1
            if token.text in ("is", "as"):
                left = TypeOperation(token.text, left, self._type_name())
            else:
                left = Binary(token.text, left, self.expression(level + 1))

    def expect_end(self) -> None:
        token = self.tokens[self.at]
        if token.kind != "end":
            raise self._unexpected(token, "an operator or the end")

    def _operand(self) -> Node:
        token = self.tokens[self.at]
        if token.kind == "symbol" and token.text in "+-":
            self.at += 1
            return Polarity(token.text, self.expression(_POLARITY_LEVEL))
        node = self._term()
        while True:
            if self._accept("."):
                node = self._invocation(node)
            elif self._accept("["):
                node = Index(node, self.expression(1))
                self._expect("]")
            else:
                return node

    def _term(self) -> Node:
        token = self.tokens[self.at]
        match token.kind:
            case "name" if token.text in ("true", "false"):
                self.at += 1
                return Literal((token.text == "true",))
            case "name" | "delimited" | "special":
                return self._invocation(None)
            case "number":
                self.at += 1
                return self._number(token)
            case "string":
                self.at += 1
                return Literal((unquoted(token.text),))
            case "temporal":
                self.at += 1
                return Literal((_temporal(token),))
            case "variable":
                self.at += 1
                name = token.text[1:]
                return Variable(unquoted(name) if name[0] in "`'" else name)
            case "symbol" if token.text == "(":
                self.at += 1
                node = self.expression(1)
                self._expect(")")
                return node
            case "symbol" if token.text == "{":
                self.at += 1
                self._expect("}")
                return Literal(())
            case _:
                raise self._unexpected(token, "a literal, a name or '('")

    def _number(self, token: Token) -> Node:
        number = Decimal(token.text) if "." in token.text else int(token.text)
        unit = self.tokens[self.at]
        if unit.kind == "string":
            self.at += 1
            return Literal((Quantity(Decimal(number), unquoted(unit.text)),))
        if unit.kind == "name" and unit.text in CALENDAR_UNITS:
            self.at += 1
            return Literal((Quantity(Decimal(number), CALENDAR_UNITS[unit.text]),))
        return Literal((number,))

    def _invocation(self, source: Node | None) -> Node:
        token = self.tokens[self.at]
        if token.kind == "special":
            self.at += 1
            if source is not None:
                raise self._unexpected(token, "a name")
            return Special(token.text[1:])
        name = self._name()
        if not self._accept("("):
            return Member(source, name)
        arguments: list[Node] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.expression(1))
        return Call(source, name, tuple(arguments))

    def _type_name(self) -> str:
        name = self._name()
        return f"{name}.{self._name()}" if self._accept(".") else name

    def _name(self) -> str:
        token = self.tokens[self.at]
        if token.kind not in ("name", "delimited"):
            raise self._unexpected(token, "a name")
        self.at += 1
        return unquoted(token.text) if token.kind == "delimited" else token.text

    def _accept(self, symbol: str) -> bool:
        token = self.tokens[self.at]
        if token.kind == "symbol" and token.text == symbol:
            self.at += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            raise self._unexpected(self.tokens[self.at], f"'{symbol}'")

    def _unexpected(self, token: Token, allowed: str) -> FhirPathSyntaxError:
        found = f"'{token.text[:40]}'" if token.text else "the end"
        return FhirPathSyntaxError(f"Character {token.position + 1} of the expression: {found}; expected: {allowed}.")


def _temporal(token: Token) -> Temporal:
    value = Temporal.parse_literal(token.text[1:])
    if value is None:
        raise FhirPathSyntaxError(f"Character {token.position + 1} of the expression: '{token.text}' is no date.")
    return value
