"""What a checkout's folder ``.twin`` says of its twin: where it listens, who it is, and whether it lives."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.clock import Anchor, Clock
from harness.errors import TwinFault
from harness.processes import birth

RUN = Path("/run/twin")
"""The twin's private tmpfs; it exists inside the twin's own mounts only, so every checkout has the same path."""
NAMES = Path("/run/netns")


def folder(checkout: Path) -> Path:
    """The folder of a checkout's twin."""
    return checkout / ".twin"


@dataclass(frozen=True)
class State:
    """A running twin. ``pid`` is its init as the host sees it and ``started`` that process's birth in clock ticks.

    ``details`` is what the world said when it was ready.
    """

    pid: int
    started: int
    api_port: int
    dns_port: int
    design: str
    version: str
    speed: float
    anchor: Anchor
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """The twin's clock, equal to the one that it uses itself."""
        return Clock(self.speed, self.anchor)

    @property
    def lives(self) -> bool:
        """Whether that very process still runs, and not another with its number."""
        return birth(self.pid) == self.started

    def inside(self, path: Path) -> Path:
        """How the host reaches a path that only exists in the twin's mounts."""
        return Path(f"/proc/{self.pid}/root") / path.relative_to("/")

    def write(self, checkout: Path) -> None:
        """Put it on disk, whole or not at all."""
        anchor = [self.anchor.monotonic_nanoseconds, self.anchor.epoch_nanoseconds]
        write_whole(folder(checkout) / "state.json", json.dumps({**self.__dict__, "anchor": anchor}, indent=2) + "\n")

    @classmethod
    def read(cls, checkout: Path) -> State | None:
        """The state on disk, of a twin that may be dead by now; ``None`` when there is none."""
        path = folder(checkout) / "state.json"
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise TwinFault(f"{path} is damaged: {error}.", "Run `gameday twin down`.") from error
        return cls(**{**fields, "anchor": Anchor(*fields["anchor"])})


def living_init(checkout: Path) -> int | None:
    """The init of a checkout's twin, by its number and birth, also of one that is not ready yet or is dying.

    It is the last of the twin's processes to go.
    """
    try:
        init = json.loads((folder(checkout) / "init.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    pid: int = init["pid"]
    return pid if birth(pid) == init["started"] else None


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old text or the new, never a part."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
