"""Metric math, a subset: arithmetic, comparison and logic over series, and the functions that alarms are made of.

Grammar, loosest first: ``OR ||``, ``AND &&``, comparison, ``+ -``, ``* / %``, sign and ``!``, ``^`` (to the right).
A series has one value or ``None`` (missing) a period. Between two series a missing value counts as 0 where the other
one has a value; a division by zero is missing.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from harness.twin.api.cloudwatch.functions import FUNCTIONS, UNBUILT, Bundle, Context, Series, Value, combine, row
from harness.twin.calls import AwsError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\|\||&&|<=|>=|==|!=|[-+*/%^<>!(),\[\]]))"
)
_BINARY: Mapping[str, tuple[int, Callable[[float, float], float | None]]] = {
    "||": (1, lambda a, b: float(bool(a) or bool(b))),
    "&&": (2, lambda a, b: float(bool(a) and bool(b))),
    "==": (3, lambda a, b: float(a == b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (3, lambda a, b: float(a < b)),
    "<=": (3, lambda a, b: float(a <= b)),
    ">": (3, lambda a, b: float(a > b)),
    ">=": (3, lambda a, b: float(a >= b)),
    "+": (4, lambda a, b: a + b),
    "-": (4, lambda a, b: a - b),
    "*": (5, lambda a, b: a * b),
    "/": (5, lambda a, b: a / b if b else None),
    "%": (5, lambda a, b: a % b if b else None),
    "^": (7, lambda a, b: _power(a, b)),
}
_WORDS = {"AND": "&&", "OR": "||"}
_SIGN_BINDS = 6
_KEYWORDS = ("REPEAT", "LINEAR")


@dataclass(frozen=True)
class _Constant:
    value: float | str


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass(frozen=True)
class _Unary:
    sign: str
    operand: _Node


@dataclass(frozen=True)
class _Binary:
    sign: str
    left: _Node
    right: _Node


@dataclass(frozen=True)
class _Apply:
    function: str
    arguments: tuple[_Node, ...]


@dataclass(frozen=True)
class _List:
    items: tuple[_Node, ...]


_Node: TypeAlias = _Constant | _Name | _Unary | _Binary | _Apply | _List


@dataclass(frozen=True)
class Expression:
    """A parsed expression. ``uses`` are the ids of the queries that it refers to."""

    source: str
    root: _Node
    uses: frozenset[str]
    uses_all_metrics: bool

    def value(self, context: Context) -> Value:
        """What it comes to, perhaps a number that only other expressions can use. Raises ``AwsError``."""
        return _evaluate(self.root, context)

    def series(self, value: Value) -> Series:
        """``value`` as the expression's result; raises ``AwsError`` unless it is one time series.

        AWS refuses a number here, and gives an array of series back as several results.
        """
        if isinstance(value, Bundle):
            raise AwsError("NotImplementedByTwin", "The twin does not return arrays of time series.", 501)
        if not isinstance(value, tuple):
            raise _invalid(self.source, "it must return a time series, not a number")
        return value


def parse(source: str) -> Expression:
    """The expression that ``source`` says; raises ``AwsError`` ValidationError with the place that is wrong."""
    parser = _Parser(source)
    root = parser.whole()
    return Expression(source, root, frozenset(parser.names), parser.uses_all_metrics)


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = _tokens(source)
        self._next = 0
        self.names: set[str] = set()
        self.uses_all_metrics = False

    def whole(self) -> _Node:
        node = self._expression(0)
        if self._peek() != ("end", ""):
            raise self._wrong()
        return node

    def _expression(self, least: int) -> _Node:
        left = self._operand()
        while True:
            kind, text = self._peek()
            sign = _WORDS.get(text, text) if kind in ("sign", "name") else ""
            binds = _BINARY[sign][0] if sign in _BINARY else -1
            if binds < max(least, 1):
                return left
            self._next += 1
            right = self._expression(binds if sign == "^" else binds + 1)
            left = _Binary(sign, left, right)

    def _operand(self) -> _Node:
        kind, text = self._take()
        if kind == "number":
            return _Constant(float(text))
        if kind == "text":
            return _Constant(text[1:-1])
        if kind == "name":
            return self._named(text)
        if text in ("-", "+", "!"):
            return _Unary(text, self._expression(_SIGN_BINDS))
        if text == "(":
            node = self._expression(0)
            self._expect(")")
            return node
        if text == "[":
            return _List(self._listed("]"))
        self._next -= 1
        raise self._wrong()

    def _named(self, name: str) -> _Node:
        if self._peek() == ("sign", "("):
            self._next += 1
            return self._applied(name)
        if name in _KEYWORDS:
            return _Constant(name)
        if not name[0].islower():
            raise _invalid(self._source, f"{name} is no query id (ids begin with a lower-case letter)")
        self.names.add(name)
        return _Name(name)

    def _applied(self, name: str) -> _Node:
        if name in UNBUILT:
            raise AwsError("NotImplementedByTwin", f"The twin does not implement the metric math function {name}.", 501)
        if name not in FUNCTIONS:
            raise _invalid(self._source, f"{name} is no function")
        arguments = self._listed(")")
        fewest, most = FUNCTIONS[name].arity
        if not fewest <= len(arguments) <= most:
            raise _invalid(self._source, f"{name} does not take {len(arguments)} arguments")
        self.uses_all_metrics |= name == "METRICS"
        return _Apply(name, arguments)

    def _listed(self, closing: str) -> tuple[_Node, ...]:
        items: list[_Node] = []
        if self._peek() == ("sign", closing):
            self._next += 1
            return ()
        while True:
            items.append(self._expression(0))
            if self._peek() != ("sign", ","):
                break
            self._next += 1
        self._expect(closing)
        return tuple(items)

    def _expect(self, text: str) -> None:
        if self._peek() != ("sign", text):
            raise self._wrong()
        self._next += 1

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next]

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._next]
        if token[0] == "end":
            raise self._wrong()
        self._next += 1
        return token

    def _wrong(self) -> AwsError:
        kind, text = self._peek()
        return _invalid(self._source, "it ends too early" if kind == "end" else f"{text!r} is not expected here")


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    place = 0
    while source[place:].strip():
        match = _TOKEN.match(source, place)
        if match is None:
            raise _invalid(source, f"{source[place:].strip()[0]!r} is not understood")
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        place = match.end()
    return [*tokens, ("end", "")]


def _evaluate(node: _Node, context: Context) -> Value:
    if isinstance(node, _Constant):
        return node.value
    if isinstance(node, _Name):
        if node.name not in context.values:
            raise AwsError("ValidationError", f"Error in expression: no query has the id {node.name}.")
        return context.values[node.name]
    if isinstance(node, _List):
        items = [_evaluate(item, context) for item in node.items]
        lists = [item.series if isinstance(item, Bundle) else (row(item, context),) for item in items]
        return Bundle(tuple(series for several in lists for series in several))
    if isinstance(node, _Unary):
        return combine(_SIGNS[node.sign], context, _evaluate(node.operand, context))
    if isinstance(node, _Binary):
        operands = (_evaluate(node.left, context), _evaluate(node.right, context))
        return combine(_BINARY[node.sign][1], context, *operands)
    return FUNCTIONS[node.function].apply(context, *(_evaluate(item, context) for item in node.arguments))


_SIGNS: Mapping[str, Callable[[float], float]] = {
    "-": lambda a: -a,
    "+": lambda a: a,
    "!": lambda a: float(not a),
}


def _power(base: float, exponent: float) -> float | None:
    try:
        result = base**exponent
    except (OverflowError, ZeroDivisionError):
        return None
    return result if isinstance(result, float) else None


def _invalid(source: str, problem: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression '{source}': {problem}.")
