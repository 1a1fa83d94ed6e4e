"""Proof that a place is dark to a client location, or lit again, from connections really tried there."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType

from harness.clock import Clock, Instant, monotonic_nanoseconds, seconds
from harness.errors import HarnessFault
from harness.target import There

_INTERVAL = seconds(0.5)
_TIMEOUT = seconds(3)


class Darkness:
    """Tries every address from one location, new and established connections, until it is closed.

    The process runs behind the location's ``enter`` prefix; results are read as they come. Another machine's clock says
    nothing here: what is tried there happened, at the latest, when its result came.
    """

    def __init__(self, clock: Clock, place: There, addresses: Sequence[str], port: int, path: str) -> None:
        self._clock = clock
        self._elsewhere = place.elsewhere
        self._addresses = tuple(addresses)
        interval, timeout = (max(0.05, clock.real_seconds(span)) for span in (_INTERVAL, _TIMEOUT))
        shape = [str(port), f"{interval:.3f}", f"{timeout:.3f}", path]
        self._process = subprocess.Popen(
            [*place.interpreter(), "-m", "harness.probes.reach", *shape, *addresses],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._last: dict[tuple[str, str], tuple[int, str]] = {}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Darkness:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def dark_since(self, since: Instant) -> Instant | None:
        """When the last of all tries that began after ``since`` had failed; ``None`` while one still succeeds."""
        return self._all(since, wanted=False)

    def lit_since(self, since: Instant) -> Instant | None:
        """The same for success."""
        return self._all(since, wanted=True)

    def sight(self) -> str:
        """What was seen last, in words."""
        seen = [f"{kind} to {address}: {result}" for (address, kind), (_, result) in sorted(self._last.items())]
        return "; ".join(seen) or "no try has finished"

    def _all(self, since: Instant, *, wanted: bool) -> Instant | None:
        if self._process.poll() is not None:
            raise HarnessFault(f"the reachability probe ended with {self._process.returncode}: {self.sight()}")
        began = self._clock.monotonic(since)
        latest = 0
        for address in self._addresses:
            for kind in ("new", "established"):
                at, result = self._last.get((address, kind), (0, "none"))
                timeout = self._clock.real_seconds(_TIMEOUT) * 1e9 if result == "timeout" else 0
                if at - timeout < began or (result == "ok") is not wanted:
                    return None
                latest = max(latest, at)
        return self._clock.at(latest or monotonic_nanoseconds())

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seen = json.loads(line)
            at = monotonic_nanoseconds() if self._elsewhere else seen["at"]
            self._last[seen["address"], seen["kind"]] = (at, seen["result"])
