"""The header of a run (``run.json``): everything that a judge must know and that no event says.

Written once when the run begins, with no outcome, and once more when it ends. A run that was killed therefore still
says what it promised, and that it never finished.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from harness import files
from harness.clock import Anchor, Clock, Duration, seconds
from harness.errors import Unreadable
from harness.objectives import Objectives
from harness.verdicts import Outcome

VERSION = 1
RUNNING = "running"
"""What ``outcome`` says until the run has ended; a killed run says it for ever."""

T = TypeVar("T")


@dataclass(frozen=True)
class ClientPolicy:
    """How the clients treat names and connections. ``connection_age`` ``None``: they are kept for ever."""

    ttl: str = "honoured"
    connection_age: Duration | None = None


@dataclass(frozen=True)
class Stream:
    """One operation from one location, or all of them: ``*``."""

    operation: str = "*"
    location: str = "*"

    def matches(self, location: str, operation: str) -> bool:
        """Whether this names that stream."""
        return self.operation in ("*", operation) and self.location in ("*", location)


@dataclass(frozen=True)
class Header:
    """What was run, where, with which promises. Spans are AWS time; rates are per AWS second over all operations."""

    scenario: str
    phase: str
    title: str
    story: str
    design: str
    design_version: str
    target: str
    speed: float
    anchor: Anchor
    promises: tuple[str, ...]
    objectives: Objectives
    locations: tuple[str, ...]
    """A request's ``location`` is an index into this."""
    nearest: Mapping[str, tuple[str, ...]]
    """The regions in the order in which each location should be served by them."""
    regions: tuple[str, ...]
    operations: tuple[str, ...]
    """A request's ``operation`` is an index into this."""
    writes: tuple[str, ...]
    deadline: Duration
    rate_per_second: Mapping[str, float]
    mix: Mapping[str, int] = field(default_factory=dict)
    client: ClientPolicy = ClientPolicy()
    feasibility: Mapping[str, Any] = field(default_factory=dict)
    """``Feasibility.to_json()`` of the configuration as it was before the fault; empty when it was not read."""
    outcome: Outcome | None = None
    """``None``: the run never came to its end."""
    lag_alarm: str | None = None
    """The name of the alarm that must ring when a replica lags."""
    alarm: str = ""
    """A word in the name of the alarm that must ring for this fault; empty: none was named."""
    declared_lag: Duration = seconds(0)
    """How late the fault makes a replica on purpose, so that reads in the fault window may be that much older."""
    undisturbed: tuple[Stream, ...] = ()
    """What must not notice the fault."""
    breaking: tuple[str, ...] = ()
    """Promises that cannot be kept under this fault: that they break is what must be seen."""
    sealed: bool = False
    """There is a seal (:mod:`harness.seal`) beside this header."""
    unmeasured: tuple[str, ...] = ()
    """The locations whose latencies are another place's: load ran elsewhere and was only routed as theirs."""
    clock_error: Mapping[str, Duration] = field(default_factory=dict)
    """By location: how far its requests' times may be off either way, as another machine's clock told them; none: 0."""

    @property
    def clock(self) -> Clock:
        """The run's clock."""
        return Clock(self.speed, self.anchor)


def to_json(header: Header) -> dict[str, Any]:
    """The header as plain JSON values; spans in seconds."""
    values = asdict(header)
    values["version"] = VERSION
    values["objectives"] = {name: _plain(value) for name, value in vars(header.objectives).items()}
    values["deadline_seconds"] = header.deadline.seconds
    values["declared_lag_seconds"] = header.declared_lag.seconds
    values["clock_error_seconds"] = {place: error.seconds for place, error in header.clock_error.items()}
    age = header.client.connection_age
    values["client"] = {"ttl": header.client.ttl, "connection_age_seconds": None if age is None else age.seconds}
    values["outcome"] = header.outcome.value if header.outcome else RUNNING
    del values["deadline"], values["declared_lag"], values["clock_error"]
    return values


def write_header(path: Path, header: Header) -> None:
    """Put ``run.json`` in place in one step, on disk before this returns; a reader never sees half of it."""
    files.put(path, json.dumps(to_json(header), indent=1) + "\n")


def read_header(path: Path) -> Header:
    """The header of :func:`write_header`. Raises ``Unreadable`` that names the file and the field."""
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{path}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise Unreadable(f"{path}: not a JSON object")
    return _Fields(path, values).header()


class _Fields:
    """Reads one field after the other and knows which one was wrong."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self._path = path
        self._values = values

    def header(self) -> Header:
        version = self._get("version", lambda value: value)
        if version != VERSION:
            raise Unreadable(
                f"{self._path}: version: {version!r} is not {VERSION}", "Judge it with the gameday that wrote it."
            )
        plain: dict[str, Any] = {name: self._get(name, _text) for name in _TEXTS}
        plain |= {name: self._get(name, _texts) for name in _LISTS}
        return Header(
            **plain,
            speed=self._get("speed", _positive),
            anchor=self._get("anchor", _anchor),
            objectives=self._get("objectives", _objectives),
            nearest=self._get("nearest", lambda value: {key: _texts(item) for key, item in _table(value).items()}),
            deadline=self._get("deadline_seconds", lambda value: seconds(_positive(value))),
            rate_per_second=self._get("rate_per_second", _numbers),
            mix=self._get("mix", lambda value: {key: int(n) for key, n in _numbers(value).items()}, {}),
            client=self._get("client", _client, ClientPolicy()),
            feasibility=self._get("feasibility", lambda value: _table({} if value is None else value), {}),
            outcome=self._get("outcome", _outcome, None),
            lag_alarm=self._get("lag_alarm", lambda value: None if value is None else _text(value), None),
            alarm=self._get("alarm", _text, ""),
            declared_lag=self._get("declared_lag_seconds", lambda value: seconds(_number(value)), seconds(0)),
            undisturbed=self._get("undisturbed", lambda value: tuple(map(_stream, value)), ()),
            breaking=self._get("breaking", _texts, ()),
            sealed=self._get("sealed", _flag, False),
            unmeasured=self._get("unmeasured", _texts, ()),
            clock_error=self._get("clock_error_seconds", _spans, {}),
        )

    def _get(self, name: str, convert: Callable[[Any], T], *default: T) -> T:
        if name not in self._values:
            if default:
                return default[0]
            raise Unreadable(f"{self._path}: {name}: missing")
        try:
            return convert(self._values[name])
        except KeyError as error:
            raise Unreadable(f"{self._path}: {name}: {error} is missing") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise Unreadable(f"{self._path}: {name}: {error}") from error


_TEXTS = ("scenario", "phase", "title", "story", "design", "design_version", "target")
_LISTS = ("promises", "locations", "regions", "operations", "writes")


def _plain(value: object) -> object:
    return value.seconds if isinstance(value, Duration) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return tuple(map(_text, value))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value


def _positive(value: Any) -> float:
    if not _number(value) > 0:
        raise ValueError(f"{value!r} is not above 0")
    return float(value)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a table")
    return value


def _numbers(value: Any) -> dict[str, float]:
    return {key: _number(item) for key, item in _table(value).items()}


def _spans(value: Any) -> dict[str, Duration]:
    spans = {key: seconds(item) for key, item in _numbers(value).items()}
    if any(span.nanoseconds < 0 for span in spans.values()):
        raise ValueError(f"{value!r} has a span below 0")
    return spans


def _anchor(value: Any) -> Anchor:
    return Anchor(int(_number(value["monotonic_nanoseconds"])), int(_number(value["epoch_nanoseconds"])))


def _objectives(value: Any) -> Objectives:
    kinds = {f.name: f.type for f in fields(Objectives)}
    unknown = sorted(set(_table(value)) - set(kinds))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} unknown")
    spans = {name: seconds(_number(item)) for name, item in value.items() if kinds[name] == "Duration"}
    return Objectives(**{**value, **spans})


def _client(value: Any) -> ClientPolicy:
    age = value.get("connection_age_seconds")
    return ClientPolicy(_text(value.get("ttl", "honoured")), None if age is None else seconds(_number(age)))


def _outcome(value: Any) -> Outcome | None:
    return None if value in (None, RUNNING) else Outcome(value)


def _stream(value: Any) -> Stream:
    return Stream(_text(value.get("operation", "*")), _text(value.get("location", "*")))
