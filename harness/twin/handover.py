"""What passes between the processes of a twin's birth: the order, the report, and what the world is given."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clock import Anchor, Clock
from harness.errors import TwinFault

_LONGEST_PIECE = 65536


@dataclass(frozen=True)
class Order:
    """What the launcher asks for.

    ``entry`` is ``module:function``; ``mark`` names the private tmpfs; ``report`` and ``lock`` are inherited
    descriptors.
    """

    design: str
    version: str
    speed: float
    checkout: str
    entry: str
    mark: str
    report: int
    lock: int


@dataclass(frozen=True)
class Handover:
    """What the world's ``main`` gets: it builds the world, calls ``ready`` once, and returns when ``stop`` is set.

    ``api`` (listening TCP) and ``dns`` (UDP) are on the host's loopback; everything made from now on is born in the
    twin's own namespaces. ``state`` is a private tmpfs whose ``logs`` folder is the checkout's ``.twin/logs``, which
    survives. Returning or raising ends the twin and every process in it.
    """

    design: str
    version: str
    clock: Clock
    checkout: Path
    state: Path
    api: socket.socket
    dns: socket.socket
    stop: threading.Event
    ready: Callable[[Mapping[str, Any]], None]
    """Tell the launcher; the mapping (JSON) becomes ``State.details``. Raises ``TwinFault`` when nobody waits."""


class Report:
    """One end of the line between the launcher and the newborn: JSON objects, one a line."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._rest = b""
        self.was_ready = False

    def tell(self, **message: Any) -> None:
        """Send a message; raises ``OSError`` when the other end is gone."""
        self._channel.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any] | None:
        """The next message, or ``None`` when the other end is gone; raises ``TimeoutError`` as the socket does."""
        while b"\n" not in self._rest:
            piece = self._channel.recv(_LONGEST_PIECE)
            if not piece:
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def ready(self, anchor: Anchor, details: Mapping[str, Any]) -> None:
        """Say that the world is up and wait until the launcher has written that down.

        A launcher that died meanwhile has left no word of this twin anywhere: raises ``TwinFault``, and it ends.
        """
        self.was_ready = True
        try:
            self.tell(ready=True, anchor=[anchor.monotonic_nanoseconds, anchor.epoch_nanoseconds], details=details)
            heard = self.hear()
        except OSError:
            heard = None
        if heard is None:
            raise TwinFault("The launcher went away before the twin was ready.")
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._channel.close()
