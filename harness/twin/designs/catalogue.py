"""Every design by name and version."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.errors import BadInput
from harness.twin.designs import active_active, active_passive, read_replicas
from harness.twin.designs.model import Design, Version

_DESIGNS: dict[str, dict[Version, Callable[[], Design]]] = {
    "read_replicas": {"as_written": read_replicas.as_written, "hardened": read_replicas.hardened},
    "active_passive": {"as_written": active_passive.as_written, "hardened": active_passive.hardened},
    "active_active": {"as_written": active_active.as_written, "hardened": active_active.hardened},
}
NAMES = tuple(_DESIGNS)


def design(name: str, version: str) -> Design:
    """The design of that name; raises ``BadInput`` when there is none."""
    if name not in _DESIGNS:
        raise BadInput("--design", name, "no such design", f"One of {', '.join(NAMES)}.")
    versions: Mapping[str, Callable[[], Design]] = {str(known): made for known, made in _DESIGNS[name].items()}
    if version not in versions:
        raise BadInput("--design", version, "no such version", f"One of {', '.join(versions)}.")
    return versions[version]()
