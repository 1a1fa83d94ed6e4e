"""What may be touched, by whom and from where: the target file, validated."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness import objectives
from harness.errors import BadInput, Refused
from harness.requests import OPERATIONS
from harness.safety import production
from harness.safety.quiet import DAYS, Day, QuietHours

SERVICES = (
    *("cloudwatch", "dynamodb", "ec2", "ecs", "elasticache", "elbv2", "events", "fis", "iam", "lambda", "rds"),
    *("resourcegroupstaggingapi", "route53", "sns", "sqs", "sts"),
)
"""What a role may be named for, by botocore's names: what the harness, or its watch in the account, calls."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(_Table):
    """Which account and environment this is; the guard holds the live account against it."""

    name: str = Field(min_length=1)
    kind: Literal["twin", "aws"]
    account: str = Field(pattern=r"^\d{12}$")
    accounts: tuple[str, ...] = ()
    """The other accounts in which parts of the platform live: each role's account is named here, or it is the first."""
    environment: str = Field(min_length=1)
    project: str = Field(min_length=1)

    @field_validator("accounts")
    @classmethod
    def _are_numbers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for account in given:
            if not (len(account) == 12 and account.isascii() and account.isdigit()):
                raise ValueError(f"{account!r} is no account: twelve digits")
        return given


class Role(_Table):
    """A role to assume for calls to these services in these regions; where none is named, for all of them.

    Where several fit, the one that names more wins: service and region, then either of them, then neither.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html
    """

    arn: str = Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$")
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    external_id: str = ""

    @field_validator("services")
    @classmethod
    def _are_called(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for service in given:
            if service not in SERVICES:
                raise ValueError(f"{service!r} is not called; one of {', '.join(SERVICES)}")
        return given

    @property
    def account(self) -> str:
        """The account that the role lies in."""
        return self.arn.split(":")[4]

    @property
    def rank(self) -> int:
        """How specific it is."""
        return bool(self.services) + bool(self.regions)

    def fits(self, service: str, region: str) -> bool:
        """Whether it is meant for a service in a region."""
        return service in (self.services or (service,)) and region in (self.regions or (region,))

    def meets(self, other: Role) -> bool:
        """Whether there is a call that both are meant for, and neither more than the other."""
        return (
            self.rank == other.rank
            and _overlap(self.services, other.services)
            and _overlap(self.regions, other.regions)
        )


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


class There(_Table):
    """How Python is run at a place: behind ``enter``, and on another machine by its own interpreter and folder."""

    enter: tuple[str, ...] = ()
    """What is put in front of a command to run it there; the command's input and output must pass through it."""
    python: str = ""
    """The interpreter of that machine; empty: this one, as of this machine and of the twin's places."""
    folder: str = Field(default="", pattern=r"^(/[^\s'\"$`\\]*)?$")
    """Where the project lies on that machine, from its root; without blanks, as ``ssh`` hands words to a shell."""

    @property
    def elsewhere(self) -> bool:
        """Whether it is another machine, with a clock of its own."""
        return bool(self.python)

    @property
    def way(self) -> tuple[str, ...]:
        """The words that put a command there: ``enter`` with ``{python}`` replaced by this interpreter."""
        return tuple(sys.executable if word == "{python}" else word for word in self.enter)

    def interpreter(self) -> tuple[str, ...]:
        """The words that begin a Python command there, in the project's folder."""
        inside = ("env", "-C", self.folder) if self.elsewhere else ()
        return (*self.way, *inside, self.python or sys.executable)


class Place(There):
    """A client location."""

    name: str = Field(min_length=1)
    subnet: str = Field(pattern=r"^\d+\.\d+\.\d+\.\d+/\d+$")
    nearest: tuple[str, ...] = ()
    """The regions in the order of their latency from here; needed where records route by latency."""
    continent: str = ""
    """Route 53's code of its continent, e.g. ``EU``; needed where records route by geography."""
    nameserver: str = Field(default="", pattern=r"^(\d+\.\d+\.\d+\.\d+:\d+)?$")
    """``ip:port`` of the name server that is asked with the subnet; empty: those of the API's own zone."""
    measured: bool | None = None
    """Whether latencies measured from there are that place's own; unsaid, they are where ``enter`` leads there."""


class Hand(There):
    """A place in a region from which private endpoints can be reached."""

    region: str


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
    roles: tuple[Role, ...] = ()
    objectives: dict[str, Any] = {}
    """What this environment owes otherwise than ``scenarios/objectives.toml`` says: the same tables and fields."""
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

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The locations whose latencies are not known: load that only claims to be there runs on this machine."""
        twin = self.target.kind == "twin"
        return tuple(
            place.name
            for place in self.locations
            if not (place.measured if place.measured is not None else twin or place.enter)
        )

    def asks_as(self, place: Place) -> str:
        """The subnet that clients of a location must tell a name server, since they are not there; empty: they are."""
        return "" if place.enter or self.target.kind == "twin" else place.subnet


def load(path: Path) -> Target:
    """The target of a file.

    Raises ``BadInput`` that names the file and the field, and ``Refused`` when anything in it says production.
    How its objectives fit those of ``scenarios/objectives.toml`` is only known where both are read.
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
    for field, problem in _contradictions(target):
        raise BadInput(str(path), field, problem)
    objectives.check(target.objectives, str(path), "objectives")
    if "prod" in f"{target.target.name} {target.target.environment}".lower():
        raise Refused(f"{path}: target.environment: production is never a target.", "Point it at staging.")
    said = production.spoken_of([target.target.project, target.api.host, target.database.name])
    if said is not None:
        raise Refused(f"{path}: {said} speaks of production, which is never a target.", "Point it at staging.")
    return target


def _contradictions(target: Target) -> Iterator[tuple[str, str]]:
    """What no single field can know: the field, and what is wrong with it."""
    named = (target.target.account, *target.target.accounts)
    for number, role in enumerate(target.roles):
        if role.account not in named:
            yield f"roles.{number}.arn", f"account {role.account} is not named in target.accounts"
    for (first, role), (second, other) in combinations(enumerate(target.roles), 2):
        if role.meets(other):
            yield f"roles.{second}", f"fits the same calls as roles.{first}, and neither is more specific"
    yield from _unreachable("locations", target.target.kind, target.locations)
    yield from _unreachable("hands", target.target.kind, target.hands)


def _unreachable(table: str, kind: str, places: Sequence[There]) -> Iterator[tuple[str, str]]:
    for number, place in enumerate(places):
        if kind == "aws" and place.enter and not place.python:
            yield f"{table}.{number}.python", "is missing: enter leads to another machine, which has its own"
        if place.python and not place.enter:
            yield f"{table}.{number}.python", "is for another machine, but no enter leads there"
        if place.python and not place.folder:
            yield f"{table}.{number}.folder", "is missing: where the project lies on that machine"
        if place.folder and not place.python:
            yield f"{table}.{number}.folder", "is for another machine: python says which interpreter runs there"


def _overlap(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists have one in common; an empty one has everything."""
    return not some or not others or bool(set(some) & set(others))
