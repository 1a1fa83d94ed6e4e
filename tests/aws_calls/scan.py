"""The AWS calls that the harness's source can make, read from its syntax tree.

A call is any whose first word is botocore's name of a service and whose third is a method of it, whatever the function
is called by: ``cloud.call("rds", region, "describe_db_clusters")``, ``call(…)``, ``.pages(…)``, ``Order(…)``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

HOME = Path(__file__).resolve().parents[2]
_ACTS = "Act"
"""Of the undo journal: its third word is the API's own name, and it is no call."""
Method = tuple[str, str]
"""A service and a method of it, e.g. ``("rds", "describe_db_clusters")``."""


@dataclass(frozen=True)
class Found:
    """A call in the source: ``methods`` are all that it may be, one where it says so outright."""

    where: str
    service: str
    methods: frozenset[str]


@cache
def methods(service: str) -> dict[str, str]:
    """The API's name of each method of a service, by botocore's name."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(operation): operation for operation in model.operation_names}


@cache
def _services() -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_available_services())


def found() -> list[Found]:
    """Every call in the harness, the twin's own parts aside: those are the platform's."""
    paths = [path.relative_to(HOME) for path in sorted((HOME / "harness").rglob("*.py"))]
    mine = [path for path in paths if "twin" not in path.parts]
    return [one for path in mine for one in in_text((HOME / path).read_text(), str(path))]


def in_text(text: str, where: str) -> Iterator[Found]:
    """Every call in a module; ``where`` is its name."""
    tree = ast.parse(text)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) >= 3 and _called(node) != _ACTS:
            service = node.args[0]
            if isinstance(service, ast.Constant) and service.value in _services() and _may_name(node.args[2]):
                yield _found(f"{where}:{node.lineno}", service.value, node.args[2], texts)


def _found(where: str, service: str, written: ast.expr, texts: set[str]) -> Found:
    known = methods(service)
    if isinstance(written, ast.Constant):
        return Found(where, service, frozenset({str(written.value)}))
    if isinstance(written, ast.JoinedStr):
        parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in written.values]
        return Found(where, service, frozenset(name for name in known if re.fullmatch("".join(parts), name)))
    return Found(where, service, frozenset(texts & known.keys()))  # a name: some text of its module


def _may_name(written: ast.expr) -> bool:
    """Whether it may be a method's name, if only a misspelt one: a plain word, or what is put together or named."""
    return not isinstance(written, ast.Constant) or (isinstance(written.value, str) and written.value.isidentifier())


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def unknown(calls: list[Found], made: set[Method]) -> list[str]:
    """The calls in the source of which none is among those that are made, or that botocore does not know."""
    wrong = []
    for one in calls:
        strange = one.methods - methods(one.service).keys()
        if strange:
            wrong.append(f"{one.where}: {one.service} has no {', '.join(strange)}")
        elif not any((one.service, method) in made for method in one.methods):
            wrong.append(f"{one.where}: {one.service} {' or '.join(sorted(one.methods))} is not in docs/aws/calls.json")
    return wrong


def unmade(calls: list[Found], made: set[Method]) -> list[Method]:
    """What is said to be made, and no source makes."""
    possible = {(one.service, method) for one in calls for method in one.methods}
    return sorted(made - possible)


def hidden() -> list[str]:
    """The modules with a call whose service is no plain word, so that this cannot tell which call it is."""
    paths = [path.relative_to(HOME) for path in sorted((HOME / "harness").rglob("*.py"))]
    found = []
    for path in (path for path in paths if "twin" not in path.parts):
        text = (HOME / path).read_text()
        names = {
            "call",
            "pages",
            *(["Order"] if "harness.cloud.orders" in text else []),
        }  # there are others of the name
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        asked = [node for node in calls if _called(node) in names and len(node.args) >= 3]
        found += [str(path) for node in asked if not isinstance(node.args[0], ast.Constant)]
    return found
