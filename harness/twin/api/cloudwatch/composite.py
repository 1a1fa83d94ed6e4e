"""Composite alarms: what PutCompositeAlarm states, and the rule that says when one rings.

Grammar, loosest first: ``OR``, ``AND``, ``NOT``; parentheses; ``ALARM(name)``, ``OK(name)`` and
``INSUFFICIENT_DATA(name)`` with the name or ARN of an alarm of the same region, quoted or not; ``TRUE`` and ``FALSE``.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.twin.api.cloudwatch import actions
from harness.twin.api.cloudwatch.alarms import Stated, check_name, stated_of
from harness.twin.api.cloudwatch.evaluation import STATES, State
from harness.twin.calls import AwsError
from harness.twin.names import arn

StateOf = Callable[[str], State]
Holds = Callable[[StateOf], bool]

_STATED = (
    "AlarmName",
    "AlarmDescription",
    "AlarmRule",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
)
_UNBUILT = (
    "ActionConfiguration",
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
)
_MOST_CHILDREN = 100
_WORD = re.compile(r"\s*([A-Za-z_]+|[()])")
_NAME = re.compile(r"\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^\"()]+))\s*\)")


@dataclass(frozen=True)
class Rule:
    """A parsed AlarmRule. ``children``: the names of the alarms that it refers to, each once."""

    holds: Holds
    children: tuple[str, ...]


@dataclass(frozen=True)
class Composite(Stated):
    """A composite alarm."""

    rule: Rule
    kind: ClassVar[str] = "CompositeAlarm"

    def judge(self, state_of: StateOf) -> State:
        """ALARM when the rule holds, else OK; a composite alarm has no other state once it has been judged."""
        return "ALARM" if self.rule.holds(state_of) else "OK"


def composite_of(region: str, given: Mapping[str, Any]) -> Composite:
    """The composite alarm that PutCompositeAlarm was given; raises ``AwsError`` for what AWS refuses."""
    for name in _UNBUILT:
        if given.get(name) is not None:
            raise AwsError("NotImplementedByTwin", f"The twin does not implement {name} of a composite alarm.", 501)
    check_name(given["AlarmName"])
    actions.check(region, given)
    rule = parse(region, given["AlarmRule"])
    return Composite(region, given["AlarmName"], stated_of(given, _STATED), rule)


def parse(region: str, text: str) -> Rule:
    """The rule that ``text`` says; raises ``AwsError`` ValidationError where it says none."""
    parser = _Parser(region, text)
    holds = parser.whole()
    children = tuple(dict.fromkeys(parser.children))
    if len(children) > _MOST_CHILDREN:
        raise AwsError("ValidationError", f"AlarmRule must not refer to more than {_MOST_CHILDREN} alarms.")
    return Rule(holds, children)


class _Parser:
    """Recursive descent over the text of one rule."""

    def __init__(self, region: str, text: str) -> None:
        self._region = region
        self._text = text
        self._place = 0
        self.children: list[str] = []

    def whole(self) -> Holds:
        holds = self._either()
        if self._text[self._place :].strip():
            raise self._wrong()
        return holds

    def _either(self) -> Holds:
        terms = [self._both()]
        while self._takes("OR"):
            terms.append(self._both())
        return lambda state_of: any(term(state_of) for term in terms)

    def _both(self) -> Holds:
        terms = [self._one()]
        while self._takes("AND"):
            terms.append(self._one())
        return lambda state_of: all(term(state_of) for term in terms)

    def _one(self) -> Holds:
        if self._takes("NOT"):
            denied = self._one()
            return lambda state_of: not denied(state_of)
        if self._takes("("):
            inner = self._either()
            if not self._takes(")"):
                raise self._wrong()
            return inner
        for word, constant in (("TRUE", True), ("FALSE", False)):
            if self._takes(word):
                return lambda _, constant=constant: constant  # type: ignore[misc]
        if self._takes("AT_LEAST"):
            raise AwsError("NotImplementedByTwin", "The twin does not implement AT_LEAST in an AlarmRule.", 501)
        for state in STATES:
            if self._takes(state):
                return self._child(state)
        raise self._wrong()

    def _child(self, state: State) -> Holds:
        if not self._takes("("):
            raise self._wrong()
        match = _NAME.match(self._text, self._place)
        if match is None:
            raise self._wrong()
        self._place = match.end()
        quoted = match["quoted"]
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match["plain"].strip()
        name = name.removeprefix(arn("cloudwatch", self._region, "alarm:"))
        self.children.append(name)
        return lambda state_of: state_of(name) == state

    def _takes(self, wanted: str) -> bool:
        match = _WORD.match(self._text, self._place)
        if match is None or match[1].upper() != wanted:
            return False
        self._place = match.end()
        return True

    def _wrong(self) -> AwsError:
        rest = self._text[self._place :].strip()
        where = f"near '{rest[:40]}'" if rest else "at its end"
        return AwsError("ValidationError", f"Error in AlarmRule: not understood {where}.")
