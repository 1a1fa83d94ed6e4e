"""A plan file: its resources as they will be, what is not known of them yet, and what refers to what.

Source: https://developer.hashicorp.com/terraform/internals/json-format (major version 1; unknown properties are left
alone, as that page asks). Nothing here knows AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from harness.errors import BadInput

_RENDER = "Render it: terraform plan -out FILE && terraform show -json FILE > plan.json"
_GONE = (["delete"], ["forget"])
_STEP = re.compile(r"module\.([\w-]+)(\[[^\]]*\])?\.?")
_REFERENCE = re.compile(r"^(?:data\.)?([\w-]+)\.([\w-]+)(\[[^\]]*\])?(?:\.([\w-]+))?")
_DEEPEST = 12


class _NotKnown:
    def __repr__(self) -> str:
        return "(known after apply)"


NOT_KNOWN: Final = _NotKnown()
"""In the place of a value that Terraform knows only after it has applied the plan."""


@dataclass(frozen=True)
class Resource:
    """A managed resource as it will be. ``index``: its key of ``for_each`` or number of ``count``, else ``None``."""

    address: str
    module: str
    kind: str
    name: str
    index: str | int | None
    values: Mapping[str, Any]
    unknown: Mapping[str, Any]
    expressions: Mapping[str, Any] = field(hash=False, compare=False, default_factory=dict)
    loops: tuple[str, ...] = ()
    """What its ``for_each`` refers to."""
    provider: str = ""

    def __hash__(self) -> int:
        return hash(self.address)

    def get(self, *path: str | int) -> Any:
        """The value at a path, e.g. ``get("alias", 0, "name")``: ``None`` where there is none, or :data:`NOT_KNOWN`."""
        value: Any = self.values
        unknown: Any = self.unknown
        for step in path:
            unknown = _step(unknown, step)
            if unknown is True:
                return NOT_KNOWN
            value = _step(value, step)
        return value

    def references(self, attribute: str) -> tuple[str, ...]:
        """What the expression of an attribute, or anything within it, refers to."""
        return tuple(dict.fromkeys(_references(self.expressions.get(attribute))))


def _step(value: Any, step: str | int) -> Any:
    if value is True:
        return True
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and len(value) > step else None
    return value.get(step) if isinstance(value, dict) else None


def _references(expression: Any) -> Iterator[str]:
    if isinstance(expression, dict):
        told = expression.get("references")
        if isinstance(told, list):
            yield from (one for one in told if isinstance(one, str))
        for key, value in expression.items():
            if key != "references":
                yield from _references(value)
    elif isinstance(expression, list):
        for one in expression:
            yield from _references(one)


@dataclass(frozen=True)
class Plan:
    """A whole plan. ``complete``: it says all that will be."""

    path: str
    resources: tuple[Resource, ...]
    root: Mapping[str, Any]
    providers: Mapping[str, Any]
    variables: Mapping[str, Any]
    complete: bool = True

    def of(self, *kinds: str) -> list[Resource]:
        """The resources of these types, in the plan's order."""
        return [one for one in self.resources if one.kind in kinds]

    def linked(self, resource: Resource, attribute: str, *kinds: str) -> list[Resource]:
        """The resources of these types that an attribute refers to."""
        found = self._resolve(resource.module, resource.references(attribute), resource.index, resource.loops, 0)
        return list(dict.fromkeys(one for one in found if one.kind in kinds))

    def setting(self, provider: str, name: str) -> str | None:
        """An argument of a provider's configuration, where it is a constant or a variable of the root module."""
        known = self.providers.get(provider) or self.providers.get(provider.rpartition(":")[2]) or {}
        expression = (known.get("expressions") or {}).get(name)
        constant = expression.get("constant_value") if isinstance(expression, dict) else None
        if isinstance(constant, str):
            return constant
        for one in _references(expression):
            value = (self.variables.get(one.removeprefix("var.")) or {}).get("value")
            if one.startswith("var.") and isinstance(value, str):
                return value
        return None

    @cached_property
    def _places(self) -> Mapping[tuple[str, str, str], list[Resource]]:
        found: dict[tuple[str, str, str], list[Resource]] = {}
        for one in self.resources:
            found.setdefault((one.module, one.kind, one.name), []).append(one)
        return found

    def _resolve(
        self, module: str, references: tuple[str, ...], index: Any, loops: tuple[str, ...], depth: int
    ) -> Iterator[Resource]:
        """The resources behind references made in a module by an instance with this index."""
        if depth > _DEEPEST:
            return
        for reference in references:
            if reference.startswith("var."):
                yield from self._argument(module, reference.split(".")[1].split("[")[0], depth)
            elif reference.startswith("module."):
                yield from self._output(module, reference, index, depth)
            elif reference.startswith("each."):
                yield from self._resolve(module, loops, index, (), depth + 1)
            elif match := _REFERENCE.match(reference):
                yield from self._instances(module, match, index)

    def _instances(self, module: str, match: re.Match[str], index: Any) -> Iterator[Resource]:
        kind, name, key = match.group(1), match.group(2), match.group(3)
        found = self._places.get((module, kind, name), [])
        wanted = json.loads(key[1:-1]) if key and _is_literal(key) else index
        same = [one for one in found if one.index == wanted]
        yield from same if same and (key or len(found) > 1) else found

    def _argument(self, module: str, name: str, depth: int) -> Iterator[Resource]:
        """What the call of a module gives for one of its variables."""
        parent, step = _parent(module)
        call = _calls(self.root, parent).get(step.partition("[")[0].removeprefix("module."), {})
        index = (
            json.loads(step[step.index("[") + 1 : -1]) if "[" in step and _is_literal(step[step.index("[") :]) else None
        )
        loops = tuple(_references(call.get("for_each_expression")))
        given = tuple(_references((call.get("expressions") or {}).get(name)))
        yield from self._resolve(parent, given, index, loops, depth + 1)

    def _output(self, module: str, reference: str, index: Any, depth: int) -> Iterator[Resource]:
        """What a module's output refers to."""
        match = _STEP.match(reference)
        rest = reference[match.end() :].split(".")[0].split("[")[0] if match else ""
        if match is None or not rest:
            return
        name, key = match.group(1), match.group(2) or ""
        made = _calls(self.root, module).get(name, {}).get("module") or {}
        told = tuple(_references((made.get("outputs") or {}).get(rest, {}).get("expression")))
        base = f"{module}.module.{name}" if module else f"module.{name}"
        exact = {one.module for one in self.resources if one.module == base + key}
        near = {one.module for one in self.resources if one.module.partition("[")[0] == base or one.module == base}
        own = {f'{base}["{index}"]', f"{base}[{index}]"} & near
        for place in sorted(exact or own or near):
            yield from self._resolve(place, told, None, (), depth + 1)


def _is_literal(key: str) -> bool:
    try:
        json.loads(key[1:-1])
    except ValueError:
        return False
    return True


def _parent(module: str) -> tuple[str, str]:
    """The address of the module around a module, and its own last step."""
    steps = [match.group(0).rstrip(".") for match in _STEP.finditer(module)]
    return ".".join(steps[:-1]), steps[-1] if steps else ""


def _calls(root: Mapping[str, Any], module: str) -> Mapping[str, Any]:
    """The module calls written in a module."""
    return _written(root, module).get("module_calls", {}) or {}


def _written(root: Mapping[str, Any], module: str) -> Mapping[str, Any]:
    """The configuration of a module by its address, indices left aside."""
    found: Mapping[str, Any] = root
    for match in _STEP.finditer(module):
        found = (found.get("module_calls") or {}).get(match.group(1), {}).get("module") or {}
    return found


def read(path: Path) -> Plan:
    """The plan of a file. Raises ``BadInput`` in one line for anything that is not one, saying what it is instead."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(str(path), "file", error.strerror or "cannot be read") from error
    if raw.startswith(b"PK"):
        raise BadInput(str(path), "file", "is a binary plan, not its JSON", _RENDER)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadInput(str(path), "file", "is no text", _RENDER) from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Plan:
    """The plan in a text; ``where`` names it in errors."""
    document = _document(text, where)
    version = document.get("format_version")
    if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+", version):
        raise BadInput(where, "format_version", "is missing or no version: this is no plan", _RENDER)
    if int(version.split(".")[0]) > 1:
        raise BadInput(where, "format_version", f"{version} is not supported; 0.x and 1.x are")
    if "resource_changes" not in document and "planned_values" not in document and len(document) <= 3:
        raise BadInput(where, "resource_changes", "is missing: this is a state, not a plan", _RENDER)
    if document.get("errored"):
        raise BadInput(where, "errored", "the plan failed: what would be built is not known")
    for name, kind in (("resource_changes", list), ("configuration", dict)):
        if not isinstance(document.get(name), kind):
            raise BadInput(where, name, f"is missing or no {kind.__name__}: the plan is damaged")
    return _plan(document, where)


def _document(text: str, where: str) -> dict[str, Any]:
    if not text.strip():
        raise BadInput(where, "file", "is empty")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if re.search(r"^\s*(resource|provider|module|terraform|variable)\b[^\n]*\{", text, re.MULTILINE):
            raise BadInput(where, "file", "is HCL, not a plan", _RENDER) from error
        if text.lstrip().startswith('{"@level"'):
            raise BadInput(where, "file", "is the log of `terraform plan -json`, not a plan", _RENDER) from error
        told = error.msg + f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deep"
        raise BadInput(where, "JSON", told) from error
    if not isinstance(document, dict):
        raise BadInput(where, "JSON", "is no object: this is no plan", _RENDER)
    if "lineage" in document or ("serial" in document and "version" in document):
        raise BadInput(where, "file", "is a state file, not a plan", _RENDER)
    if "@level" in document:
        raise BadInput(where, "file", "is the log of `terraform plan -json`, not a plan", _RENDER)
    return document


def _plan(document: Mapping[str, Any], where: str) -> Plan:
    configuration = document["configuration"]
    root = configuration.get("root_module")
    if not isinstance(root, dict):
        raise BadInput(where, "configuration.root_module", "is missing: the plan is damaged")
    _sound(root, where, "configuration.root_module")
    _tables(configuration.get("provider_config"), where, "configuration.provider_config", "expressions")
    _tables(document.get("variables"), where, "variables")
    found = []
    for number, item in enumerate(document["resource_changes"]):
        field = f"resource_changes[{number}]"
        if not isinstance(item, dict) or not isinstance(item.get("change"), dict):
            raise BadInput(where, field, "is no change of a resource: the plan is damaged")
        for name in ("address", "type", "name"):
            if not isinstance(item.get(name), str):
                raise BadInput(where, f"{field}.{name}", "is missing: the plan is damaged")
        if item.get("mode", "managed") != "managed" or item["change"].get("actions") in _GONE:
            continue
        if not isinstance(item["change"].get("after"), dict):
            raise BadInput(where, f"{field}.change.after", f"is no object: {item['address']} cannot be read")
        found.append(_resource(item, root))
    return Plan(
        where,
        tuple(found),
        root,
        configuration.get("provider_config") or {},
        document.get("variables") or {},
        document.get("complete", True) is not False,
    )


def _sound(module: Mapping[str, Any], where: str, path: str) -> None:
    """Raise ``BadInput`` where what is written in a module is not of the shape that the format gives it."""
    written = module.get("resources")
    if written is not None and not isinstance(written, list):
        raise BadInput(where, f"{path}.resources", "is no list: the plan is damaged")
    for number, one in enumerate(written or ()):
        if not isinstance(one, dict) or not isinstance(one.get("expressions", {}), dict):
            raise BadInput(where, f"{path}.resources[{number}]", "is no resource: the plan is damaged")
    _tables(module.get("outputs"), where, f"{path}.outputs")
    calls = module.get("module_calls")
    _tables(calls, where, f"{path}.module_calls", "expressions", "module")
    for name, call in (calls or {}).items():
        _sound(call.get("module") or {}, where, f"{path}.module_calls.{name}.module")


def _tables(value: Any, where: str, path: str, *inside: str) -> None:
    """Raise ``BadInput`` where something is not a table of tables, in which these members are tables too."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise BadInput(where, path, "is no object: the plan is damaged")
    for name, one in value.items():
        if not isinstance(one, dict) or not all(isinstance(one.get(key) or {}, dict) for key in inside):
            raise BadInput(where, f"{path}.{name}", "is no object: the plan is damaged")


def _resource(item: Mapping[str, Any], root: Mapping[str, Any]) -> Resource:
    module, change = str(item.get("module_address", "")), item["change"]
    written: Mapping[str, Any] = next(
        (
            one
            for one in _written(root, module).get("resources", []) or []
            if (one.get("type"), one.get("name")) == (item["type"], item["name"])
        ),
        {},
    )
    unknown = change.get("after_unknown")
    return Resource(
        item["address"],
        module,
        item["type"],
        item["name"],
        item.get("index"),
        change["after"],
        unknown if isinstance(unknown, dict) else {},
        written.get("expressions") or {},
        tuple(_references(written.get("for_each_expression"))),
        str(written.get("provider_config_key", "")),
    )
