"""A scenario, by name; and its module read without importing it: story, card, the promises that it names, faults."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

from harness import card
from harness.card import Card
from harness.clock import Duration, milliseconds, minutes, seconds
from harness.errors import BadInput
from harness.faults import Arrangement, Fault, is_destructive
from harness.objectives import PROMISES
from harness.procedures import Procedure
from harness.topology import Region, Target, Zone

_SPANS = {"milliseconds": milliseconds, "seconds": seconds, "minutes": minutes}
_FAULTS: dict[str, type[Fault]] = {kind.__name__: kind for kind in get_args(Fault)}
_ARRANGEMENTS: dict[str, type[Arrangement]] = {Arrangement.__name__: Arrangement}
_PROCEDURES: dict[str, type[Procedure]] = {kind.__name__: kind for kind in get_args(Procedure)}
_TARGETS: dict[str, type[Target]] = {kind.__name__: kind for kind in get_args(Target)}
_CARD_FIELDS = tuple(field.name for field in fields(Card))


@dataclass(frozen=True)
class Kind:
    """A kind of fault (or arrangement) on a kind of target: a class of :mod:`harness.faults`, one of the topology."""

    fault: type[Fault | Arrangement]
    target: type[Target]

    @property
    def destructive(self) -> bool:
        """Whether it changes the topology for good, as :func:`harness.faults.is_destructive` says of a fault."""
        return is_destructive(self.fault, self.target)


@dataclass(frozen=True)
class Written:
    """A fault or an arrangement as a script has it."""

    words: str
    kind: Kind


@dataclass(frozen=True)
class Scenario:
    """Which scenario runs: its phase, its name (with a parameter, if any) and its docstring."""

    phase: str
    name: str
    story: str
    parameter: str = ""

    @property
    def path(self) -> str:
        """``phase/name``, as on the command line."""
        return f"{self.phase}/{self.name}"

    @property
    def folder(self) -> str:
        """The name of the run's folder."""
        return f"{self.phase}.{self.name}" + (f".{self.parameter}" if self.parameter else "")

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        return self.story.strip().splitlines()[0]


@dataclass(frozen=True)
class Script:
    """What one module says."""

    story: str
    card: Card
    promises: tuple[str, ...]
    breaking: tuple[str, ...]
    """The promises that nobody can keep under its faults."""
    injected: tuple[Written, ...]
    """The arguments of every ``gameday.inject``."""
    arranged: tuple[Written, ...] = ()
    """Those of every ``gameday.arranged``: no faults."""
    procedures: tuple[type[Procedure], ...] = ()
    """What operators carry out by runbook."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What it injects, as written."""
        return tuple(one.words for one in self.injected)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What that is, each kind once."""
        return tuple(dict.fromkeys(one.kind for one in self.injected))


def read(path: Path, where: str) -> Script:
    """The script in a file. Raises ``BadInput`` that names ``where`` (the file) and what in it is wrong."""
    try:
        tree = ast.parse(path.read_text())
    except SyntaxError as error:
        raise BadInput(where, f"line {error.lineno}", f"not Python: {error.msg}") from error
    return _Reader(tree, where).script()


class _Reader:
    """Follows a name to what it was assigned to, anywhere in the module."""

    def __init__(self, tree: ast.Module, where: str) -> None:
        self._tree = tree
        self._where = where
        self._assigned = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def script(self) -> Script:
        """Everything, or ``BadInput``."""
        story = ast.get_docstring(self._tree)
        if not story:
            raise BadInput(self._where, "docstring", "missing: say what breaks, what should happen and why it matters")
        injected = tuple(self._thing(node, _FAULTS, "inject") for node in self._arguments("inject"))
        arranged = tuple(self._thing(node, _ARRANGEMENTS, "arranged") for node in self._arguments("arranged"))
        procedures = tuple(dict.fromkeys(map(self._procedure, self._arguments("carry_out"))))
        promises, breaking = self._promises(), self._breaking()
        if not promises and not breaking:
            raise BadInput(self._where, "promising", "names no promise")
        return Script(story, self._card(), promises, breaking, injected, arranged, procedures)

    def _arguments(self, verb: str) -> list[ast.expr]:
        return [self._resolved(part) for call in self._calls(verb) for part in call.args]

    def _calls(self, verb: str) -> Iterator[ast.Call]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == verb:
                yield node

    def _resolved(self, node: ast.expr) -> ast.expr:
        inner = node.value if isinstance(node, ast.Starred) else node
        return self._assigned.get(inner.id, inner) if isinstance(inner, ast.Name) else inner

    def _thing(self, node: ast.expr, known: Mapping[str, type[Fault | Arrangement]], verb: str) -> Written:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known and node.args:
            kind = Kind(known[node.func.id], self._target(self._resolved(node.args[0])))
            return Written(ast.unparse(node), kind)
        raise BadInput(self._where, f"line {node.lineno}", f"{verb}: {ast.unparse(node)} names no fault")

    def _procedure(self, node: ast.expr) -> type[Procedure]:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _PROCEDURES:
            return _PROCEDURES[node.func.id]
        raise BadInput(self._where, f"line {node.lineno}", f"carry_out: {ast.unparse(node)} names no procedure")

    def _target(self, node: ast.expr) -> type[Target]:
        """The class that is called; what the game day gives out is a region, or the zone that its name speaks of."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TARGETS:
            return _TARGETS[node.func.id]
        return Zone if isinstance(node, ast.Attribute) and node.attr.startswith("zone") else Region

    def _promises(self) -> tuple[str, ...]:
        return self._known(
            [name for call in self._calls("promising") for part in call.args for name in self._texts(part)]
        )

    def _breaking(self) -> tuple[str, ...]:
        keywords = [word for call in self._calls("promising") for word in call.keywords if word.arg == "breaking"]
        return self._known([name for word in keywords for name in self._texts(word.value)])

    def _known(self, found: list[str]) -> tuple[str, ...]:
        for name in found:
            if name not in PROMISES:
                raise BadInput(self._where, "promising", f"no such promise: {name}", f"One of {', '.join(PROMISES)}.")
        return tuple(dict.fromkeys(found))

    def _texts(self, node: ast.expr) -> list[str]:
        known = self._resolved(node)
        if isinstance(known, ast.Constant) and isinstance(known.value, str):
            return [known.value]
        if isinstance(known, ast.Tuple | ast.List):
            return [name for part in known.elts for name in self._texts(part)]
        raise BadInput(self._where, f"line {node.lineno}", f"promising: {ast.unparse(node)} is no name of a promise")

    def _card(self) -> Card:
        tests = [
            node for node in self._tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        if len(tests) != 1:
            raise BadInput(self._where, "test function", f"one is expected, {len(tests)} are there")
        for mark in tests[0].decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "scenario":
                return self._made(mark)
        raise BadInput(self._where, card.WHERE, "missing: say how long it takes, as in @scenario(lasts=minutes(3))")

    def _made(self, mark: ast.Call) -> Card:
        values = {keyword.arg or "**": self._value(keyword.value) for keyword in mark.keywords}
        unknown = [name for name in values if name not in _CARD_FIELDS]
        if mark.args or unknown:
            wrong = ", ".join(unknown) or ast.unparse(mark.args[0])
            raise BadInput(self._where, card.WHERE, f"{wrong}: no such field", f"One of {', '.join(_CARD_FIELDS)}.")
        if "lasts" not in values:
            raise BadInput(self._where, card.WHERE, "lasts: missing")
        try:
            return card.card(**values)  # type: ignore[arg-type]
        except BadInput as error:
            problem = error.message.removeprefix(f"{card.WHERE}: ")
            raise BadInput(self._where, card.WHERE, problem, error.remedy) from error

    def _value(self, node: ast.expr) -> Duration | str | bool | float:
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bool | int | float):
            return node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SPANS:
            count = node.args[0] if len(node.args) == 1 else None
            if isinstance(count, ast.Constant) and isinstance(count.value, int | float):
                return _SPANS[node.func.id](count.value)
        raise BadInput(self._where, f"line {node.lineno}", f"{card.WHERE}: {ast.unparse(node)} is no plain value")
