"""The trail: every AWS call and every act of nature, as one line of JSON in the manner of CloudTrail."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.clock import Instant


@dataclass(frozen=True)
class Entry:
    """One call. ``at`` is AWS time; ``milliseconds`` is real time, which no speed changes."""

    at: Instant
    source: str
    name: str
    region: str
    caller: str
    parameters: Mapping[str, Any]
    milliseconds: float
    error_code: str | None = None
    error_message: str | None = None

    def line(self) -> str:
        """The entry as CloudTrail's field names; values that JSON lacks are written as text."""
        record: dict[str, Any] = {
            "eventTime": str(self.at),
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": self.region,
            "caller": self.caller,
            "requestParameters": self.parameters,
            "milliseconds": round(self.milliseconds, 2),
        }
        if self.error_code is not None:
            record["errorCode"] = self.error_code
            record["errorMessage"] = self.error_message
        return json.dumps(record, default=_text, separators=(",", ":"))


class Audit:
    """Appends entries to one file; thread-safe. Each line reaches the kernel before the call is answered."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def append(self, entry: Entry) -> None:
        """Write one entry; nothing is written once the trail is closed."""
        line = entry.line() + "\n"
        with self._lock:
            if not self._file.closed:
                self._file.write(line)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Audit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
