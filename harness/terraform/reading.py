"""Values out of a plan for the configuration: typed, and every one that is not known yet written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.clock import Duration, seconds
from harness.configuration import Unknown
from harness.errors import BadInput
from harness.terraform.plan import NOT_KNOWN, Plan, Resource

_DATABASES = ("aws_db_instance", "aws_rds_cluster", "aws_rds_global_cluster")


@dataclass
class Reading:
    """A plan being read. ``unknowns`` grows with every value that matters and is not known."""

    plan: Plan
    unknowns: list[Unknown] = field(default_factory=list)

    def doubt(self, resource: Resource | None, attribute: str, matters: str) -> None:
        """Write down that a value is not known."""
        told = Unknown(resource.address if resource else self.plan.path, attribute, matters)
        if told not in self.unknowns:
            self.unknowns.append(told)

    def number(self, resource: Resource, *path: str | int, default: float, matters: str) -> float:
        """A number; ``default`` where there is none, and where it is not known, which is written down."""
        value = resource.get(*path)
        if value is NOT_KNOWN:
            self.doubt(resource, _dotted(path), matters)
            return default
        if value is None:
            return default
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                self._wrong(resource, path, value, "a number")
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong(resource, path, value, "a number")
        return float(value)

    def span(self, resource: Resource, *path: str | int, default: float, matters: str) -> Duration:
        """A number of seconds."""
        return seconds(self.number(resource, *path, default=default, matters=matters))

    def text(self, resource: Resource, *path: str | int, default: str = "", matters: str = "") -> str:
        """A string; one that is not known is written down where it ``matters``."""
        value = resource.get(*path)
        if value is NOT_KNOWN:
            if matters:
                self.doubt(resource, _dotted(path), matters)
            return default
        if value is None:
            return default
        if not isinstance(value, str):
            self._wrong(resource, path, value, "a string")
        return str(value)

    def flag(self, resource: Resource, *path: str | int, matters: str, default: bool = False) -> bool:
        """A boolean."""
        value = resource.get(*path)
        if value is NOT_KNOWN:
            self.doubt(resource, _dotted(path), matters)
            return default
        if value is not None and not isinstance(value, bool):
            self._wrong(resource, path, value, "a boolean")
        return default if value is None else bool(value)

    def _wrong(self, resource: Resource, path: tuple[str | int, ...], value: Any, wanted: str) -> None:
        raise BadInput(self.plan.path, f"{resource.address}: {_dotted(path)}", f"must be {wanted}, not {value!r}")

    def target(
        self, resource: Resource, path: tuple[str | int, ...], kinds: tuple[str, ...], names: tuple[str, ...]
    ) -> list[Resource]:
        """The resources that a value names, by one of their attributes or by reference."""
        value = resource.get(*path)
        if isinstance(value, str) and value:
            plain = value.rstrip(".").removeprefix("dualstack.").lower()
            same = [one for one in self.plan.of(*kinds) if any(plain == str(one.get(name)).lower() for name in names)]
            if same:
                return same
        return self.plan.linked(resource, str(path[0]), *kinds)

    def region(self, resource: Resource) -> str:
        """Where a resource will be: its own word, its ARN, its zone, or its provider's region."""
        own = resource.get("region")
        if isinstance(own, str) and own:
            return own
        arn = resource.get("arn")
        if isinstance(arn, str) and arn.count(":") >= 5 and arn.split(":")[3]:
            return arn.split(":")[3]
        zone = resource.get("availability_zone")
        if isinstance(zone, str) and zone:
            return zone[:-1]
        found = self.plan.setting(resource.provider, "region")
        if found is None:
            self.doubt(resource, "region", "where it will be decides what fails with it")
        return found or ""

    def environment(self, definition: Resource | None) -> Mapping[str, str]:
        """The environment of a task definition's containers; empty where it is not known.

        What is missing is taken for what the application does without it, which is never better than what is written.
        """
        told = definition.get("container_definitions") if definition else None
        if definition is None or not isinstance(told, str):
            return {}
        try:
            containers = json.loads(told)
            return {
                str(item["name"]): str(item.get("value", ""))
                for container in containers
                for item in container.get("environment") or ()
            }
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            field_name = f"{definition.address}: container_definitions"
            raise BadInput(self.plan.path, field_name, "must be a JSON list of containers") from error


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
