"""What may be touched, and from where: the target file, validated."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import BadInput, Refused
from harness.requests import OPERATIONS
from harness.safety import production
from harness.safety.quiet import DAYS, Day, QuietHours


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(_Table):
    """Which account and environment this is; the guard holds the live account against it."""

    name: str = Field(min_length=1)
    kind: Literal["twin", "aws"]
    account: str = Field(pattern=r"^\d{12}$")
    environment: str = Field(min_length=1)
    project: str = Field(min_length=1)


class Limits(_Table):
    """The blast radius: how much may be broken at once, and the file that forbids all of it."""

    regions_at_once: int = Field(default=1, ge=1)
    resources_at_once: int = Field(default=8, ge=1)
    """How resources are counted: ``harness.safety.radius``."""
    freeze_file: str = Field(default="FREEZE", min_length=1)
    """While it exists nothing is broken. Relative to the checkout."""
    fault_minutes: float = Field(default=60, gt=0)
    """How long a fault may stand (AWS time) before the watchdog ends the run."""


class Home(_Table):
    """Where the lock and the undo journal are kept as well: a DynamoDB table outside the regions under test."""

    table: str = Field(min_length=3)
    region: str = Field(min_length=1)
    lease_seconds: int = Field(default=120, ge=30)


class Quiet(_Table):
    """Hours in which nothing is broken, in local time; over midnight where ``until`` is before ``from``.

    ``days`` are those on which they begin: every day, unless some are named.
    """

    begins: str = Field(alias="from", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    until: str = Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    zone: str
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"this machine knows no time zone {zone!r}, such as Europe/Berlin") from error
        return zone

    @model_validator(mode="after")
    def _lasting(self) -> Quiet:
        if self.begins == self.until:
            raise ValueError("from and until are the same; a whole day is 00:00 to 24:00")
        return self

    @property
    def hours(self) -> QuietHours:
        """The same as a value that can be asked."""
        days = frozenset(DAYS.index(day) for day in self.days)
        return QuietHours(_minute(self.begins), _minute(self.until), ZoneInfo(self.zone), days)


def _minute(told: str) -> int:
    hour, _, minute = told.partition(":")
    return int(hour) * 60 + int(minute)


class StopConditions(_Table):
    """What ends an experiment while it goes on; a key press on the terminal does so without being named here."""

    alarms: tuple[str, ...] = ()
    """Names of CloudWatch alarms, in any region of ``[[hands]]`` or in us-east-1; one that rings stops it."""
    error_ratio: float | None = Field(default=None, gt=0, lt=1)
    """The share of the requests that the scenario calls undisturbed above which it stops; none where it names none."""
    for_seconds: float = Field(default=30, ge=5, le=120)
    """The span, in AWS time, over which that share is taken."""
    file: str = Field(default="STOP", min_length=1)
    """Once it exists it stops; before the start it refuses. Relative to the checkout."""


class Api(_Table):
    """The name that clients call, and the token that spares their sign-up the limit for strangers.

    The token is a secret: it comes from the environment variable named here.
    """

    host: str = Field(min_length=1)
    port: int = Field(default=80, ge=1, le=65535)
    monitoring_token_variable: str | None = None


class DatabaseAccess(_Table):
    """How the read-back connects; the password, if any, comes from the environment variable named here."""

    name: str
    user: str
    password_variable: str | None = None


class LoadShape(_Table):
    """Traffic, in AWS time: arrivals a second and location, the client's deadline and its connections' age."""

    rate_per_second: float = Field(gt=0)
    deadline_seconds: float = Field(gt=0)
    connection_age_seconds: float = Field(gt=0)


class Place(_Table):
    """A client location; ``enter`` is put in front of a command to run it there."""

    name: str = Field(min_length=1)
    subnet: str = Field(pattern=r"^\d+\.\d+\.\d+\.\d+/\d+$")
    enter: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()
    """The regions in the order of their latency from here; needed where records route by latency."""
    continent: str = ""
    """Route 53's code of its continent, e.g. ``EU``; needed where records route by geography."""


class Hand(_Table):
    """A place in a region from which private endpoints can be reached."""

    region: str
    enter: tuple[str, ...] = ()


class Target(_Table):
    """A whole target file."""

    target: Identity
    limits: Limits = Limits()
    journal: Home | None = None
    quiet: tuple[Quiet, ...] = ()
    stop: StopConditions = StopConditions()
    api: Api
    database: DatabaseAccess
    load: LoadShape
    locations: tuple[Place, ...] = Field(min_length=1)
    hands: tuple[Hand, ...] = ()
    statements: dict[str, str] = {}
    """By operation: a phrase that its own SQL contains and no other statement's, for the databases' statistics."""

    @field_validator("statements")
    @classmethod
    def _of_operations(cls, given: dict[str, str]) -> dict[str, str]:
        for operation, phrase in given.items():
            if operation not in OPERATIONS:
                raise ValueError(f"{operation} is no operation; one of {', '.join(OPERATIONS)}")
            if not phrase.strip():
                raise ValueError(f"{operation} has no phrase")
        return given


def load(path: Path) -> Target:
    """The target of a file.

    Raises ``BadInput`` that names the file and the field, and ``Refused`` when anything in it says production.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise BadInput(str(path), "file", error.strerror or "cannot be read") from error
    try:
        document = tomllib.loads(text)
        target = Target.model_validate(document)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(str(path), "TOML", str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise BadInput(str(path), where, first["msg"].lower()) from error
    if "prod" in f"{target.target.name} {target.target.environment}".lower():
        raise Refused(f"{path}: target.environment: production is never a target.", "Point it at staging.")
    said = production.spoken_of([target.target.project, target.api.host, target.database.name])
    if said is not None:
        raise Refused(f"{path}: {said} speaks of production, which is never a target.", "Point it at staging.")
    return target


def command(enter: tuple[str, ...]) -> tuple[str, ...]:
    """An ``enter`` prefix with ``{python}`` replaced by this interpreter."""
    return tuple(sys.executable if word == "{python}" else word for word in enter)
