"""Writes plans as `terraform show -json` renders them: the shape was compared with what Terraform 1.11 itself wrote.

A :class:`Ref` stands for a value that is known after apply, through a reference to another resource.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True)
class Ref:
    """A reference, e.g. ``Ref("aws_lb.us.dns_name")``; ``also``: what else the expression names."""

    to: str
    also: tuple[str, ...] = ()

    def references(self) -> list[str]:
        parts = re.findall(r"[^.\[]+(?:\[[^\]]*\])?", self.to)
        return [".".join(parts[:end]) for end in range(len(parts), 1, -1)] + list(self.also)


@dataclass
class Rendering:
    """A plan that grows by :meth:`add`; :meth:`document` is the whole."""

    regions: dict[str, str] = field(default_factory=lambda: {"aws": "us-east-1", "aws.eu": "eu-west-1"})
    changes: list[Json] = field(default_factory=list)
    root: Json = field(default_factory=lambda: {"resources": [], "module_calls": {}})

    def add(
        self, address: str, values: dict[str, Json], provider: str = "aws", actions: tuple[str, ...] = ("create",)
    ) -> None:
        """A resource by its full address; blocks are lists of dictionaries."""
        module, kind, name, index = _split(address)
        unknown = _unknown(values)
        if "create" in actions:
            unknown |= {key: True for key in ("id", "arn") if key not in values}
        change = {
            "address": address,
            **({"module_address": module} if module else {}),
            "mode": "managed",
            "type": kind,
            "name": name,
            **({"index": index} if index is not None else {}),
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {
                "actions": list(actions),
                "before": None,
                "after": _known(values),
                "after_unknown": unknown,
                "before_sensitive": False,
                "after_sensitive": {},
            },
        }
        self.changes.append(change)
        written = self._module(module)["resources"]
        if not any((one["type"], one["name"]) == (kind, name) for one in written):
            own = {
                "address": f"{kind}.{name}",
                "mode": "managed",
                "type": kind,
                "name": name,
                "provider_config_key": provider,
                "expressions": {key: _expression(value) for key, value in values.items()},
                "schema_version": 0,
            }
            if isinstance(index, str):
                own["for_each_expression"] = {"references": ["var.regions"]}
            if isinstance(index, int):
                own["count_expression"] = {"constant_value": index + 1}
            written.append(own)

    def output(self, module: str, name: str, to: Ref) -> None:
        """An output of a module."""
        self._module(module).setdefault("outputs", {})[name] = {"expression": {"references": to.references()}}

    def argument(self, module: str, name: str, to: Ref) -> None:
        """What the call of a module gives for a variable."""
        self._call(module)["expressions"][name] = {"references": to.references()}

    def _module(self, module: str) -> Json:
        return self._call(module)["module"] if module else self.root

    def _call(self, module: str) -> Json:
        made = self.root
        call: Json = {}
        for step in re.findall(r"module\.([\w-]+)(?:\[[^\]]*\])?", module):
            call = made.setdefault("module_calls", {}).setdefault(
                step, {"source": f"./{step}", "expressions": {}, "module": {"resources": []}}
            )
            made = call["module"]
        return call

    def document(self, **changes: Json) -> Json:
        """The whole plan, with some of its top-level members replaced."""
        planned = [one for one in self.changes if one["change"]["actions"] != ["delete"]]
        return {
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "variables": {"regions": {"value": ["us-east-1", "eu-west-1"]}},
            "planned_values": {
                "root_module": {
                    "resources": [
                        {**{key: one[key] for key in ("address", "type", "name")}, "values": one["change"]["after"]}
                        for one in planned
                    ]
                }
            },
            "resource_changes": self.changes,
            "configuration": {
                "provider_config": {
                    key: {"name": "aws", "expressions": {"region": {"constant_value": region}}}
                    for key, region in self.regions.items()
                },
                "root_module": self.root,
            },
            "timestamp": "2026-11-24T12:00:00Z",
            "applyable": True,
            "complete": True,
            "errored": False,
            **changes,
        }


def _split(address: str) -> tuple[str, str, str, str | int | None]:
    found = re.fullmatch(r"((?:module\.[\w-]+(?:\[[^\]]*\])?\.)*)([\w-]+)\.([\w-]+)(?:\[([^\]]*)\])?", address)
    assert found, address
    module, kind, name, key = found.groups()
    index = None if key is None else key.strip('"') if key.startswith('"') else int(key)
    return module.rstrip("."), kind, name, index


def _known(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items() if not isinstance(one, Ref)}
    return [None if isinstance(one, Ref) else _known(one) for one in value] if isinstance(value, list) else value


def _unknown(value: Json) -> Json:
    if isinstance(value, Ref):
        return True
    if isinstance(value, dict):
        return {key: told for key, one in value.items() if (told := _unknown(one))}
    if isinstance(value, list):
        told = [_unknown(one) or (False if not isinstance(one, dict) else {}) for one in value]
        return told if any(told) else []
    return False


def _expression(value: Json) -> Json:
    if isinstance(value, Ref):
        return {"references": value.references()}
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [{key: _expression(one) for key, one in block.items()} for block in value]
    found = [one for ref in _refs(value) for one in ref.references()]
    return {"references": found} if found else {"constant_value": value}


def _refs(value: Json) -> list[Ref]:
    if isinstance(value, Ref):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [ref for one in inside for ref in _refs(one)]
