"""Wrong targets: what is wrong with each, how it comes about on a twin, and what the refusal must say."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from harness.faults import Blackhole, Fault, Lose, Silence, Stop
from harness.header import write_header
from harness.safety import lock
from harness.topology import Automation, Database, LoadBalancer, Region, Writer
from harness.undo import Act, Journal
from harness.verdicts import Exit
from tests.contract.whole import Whole
from tests.unit.judges.scripted import header

US, EU = "us-east-1", "eu-west-1"
PRIMARY, STANDBY = Region(US), Region(EU)
Befalls = Callable[[Whole], AbstractContextManager[object]]


@dataclass(frozen=True)
class Wrong:
    """One wrong target: ``swap`` is what of the twin's target file is replaced by what, ``befalls`` what of the world.

    ``told`` is a phrase of the refusal; ``asks``: AWS is asked before anybody can know.
    """

    name: str
    told: str
    swap: tuple[str, str] = ("", "")
    befalls: Befalls = lambda _: nullcontext()
    faults: tuple[Fault, ...] = ()
    code: Exit = Exit.REFUSED_OR_ABORTED
    asks: bool = False


def _malformed(told: str, before: str, after: str) -> Wrong:
    return Wrong(f"malformed: {told}", told, (before, after), code=Exit.USAGE)


def _table(lines: str) -> tuple[str, str]:
    return "[api]", f"{lines}\n\n[api]"


MALFORMED = (
    _malformed("TOML", "[target]", "[target"),
    _malformed("target.account", 'account = "123456789012"', 'account = "1234"'),
    _malformed("target.kind", 'kind = "twin"', 'kind = "gcp"'),
    _malformed("target.project", 'project = "agentauri"', 'project = ""'),
    _malformed("limits.regions_at_once", "regions_at_once = 2", "regions_at_once = 0"),
    _malformed("limits.resources_at_once", "resources_at_once = 5", "resources_at_once = -1"),
    _malformed("limits.freeze", "resources_at_once = 5", 'freeze = "FREEZE"'),
    _malformed("quiet.0.zone", *_table('[[quiet]]\nfrom = "08:00"\nuntil = "18:00"\nzone = "Mars/Olympus"')),
    _malformed("quiet.0.from", *_table('[[quiet]]\nfrom = "26:00"\nuntil = "18:00"\nzone = "UTC"')),
    _malformed("stop.error_ratio", *_table("[stop]\nerror_ratio = 20")),
)


@contextmanager
def _file(world: Whole, name: str, text: str) -> Iterator[None]:
    path = world.home / name
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink()


def _quiet(zone: str, until: str = "") -> tuple[str, str]:
    """Quiet hours from an hour ago in that zone."""
    now = datetime.datetime.now(ZoneInfo(zone))
    hour = datetime.timedelta(hours=1)
    until = until or f"{now + hour:%H:%M}"
    return _table(f'[[quiet]]\nfrom = "{now - hour:%H:%M}"\nuntil = "{until}"\nzone = "{zone}"')


@contextmanager
def _pending(world: Whole) -> Iterator[None]:
    """A run of before, on this twin, that was never undone."""
    folder = world.home / "reports" / "runs" / "20261101T000000" / "active_passive.killed"
    folder.mkdir(parents=True)
    write_header(folder / "run.json", header(anchor=world.state.anchor))
    journal = Journal(folder / "undo.jsonl")
    journal.arm("Blackhole", Act("ec2", US, "DeleteNetworkAcl", {"NetworkAclId": "acl-1"}))
    try:
        yield
    finally:
        journal.close()
        (folder / "undo.jsonl").unlink()


def _held(world: Whole) -> AbstractContextManager[None]:
    return lock.held(world.home / ".gameday", "twin")


_DAY = '[[quiet]]\nfrom = "00:00"\nuntil = "24:00"\nzone = "America/New_York"'
BEFORE_AWS = (
    Wrong("environment is production", "production is never a target",
          ('environment = "twin"', 'environment = "Production"')),
    Wrong("its name says prod", "production is never a target", ('name = "twin"', 'name = "prod-eu"')),
    Wrong("its project says prd", "speaks of production", ('project = "agentauri"', 'project = "agentauri-prd"')),
    Wrong("its host says production", "speaks of production", ("api.agentauri.example", "api.production.example")),
    Wrong("its database says Prod", "speaks of production", ('name = "agentauri"', 'name = "agentauriProd"')),
    Wrong("quiet all day", "quiet hours: 00:00 to 24:00 America/New_York, every day", _table(_DAY)),
    Wrong("quiet now, elsewhere", "Asia/Kolkata", _quiet("Asia/Kolkata")),
    Wrong("quiet until midnight and beyond", "quiet hours", _quiet("Europe/Berlin")),
    Wrong("frozen", '(limits.freeze_file): "release week"',
          befalls=lambda world: _file(world, "FREEZE", "release week\n")),
    Wrong("frozen by another file", "halt.txt is there", ("resources_at_once = 5", 'freeze_file = "halt.txt"'),
          lambda world: _file(world, "halt.txt", "")),
    Wrong("stopped already", "(stop.file)", befalls=lambda world: _file(world, "STOP", "")),
    Wrong("an undo is pending", "left 1 act(s) to undo", befalls=_pending),
    Wrong("another game day is running", "another game day is running in twin", befalls=_held),
)  # fmt: skip


_CLIENTS: dict[tuple[str, str, str], Any] = {}
"""Made once: that takes longer than the calls."""


def _client(world: Whole, service: str, region: str = US) -> Any:
    key = world.endpoint, service, region
    if key not in _CLIENTS:
        _CLIENTS[key] = world.client(service, region)
    return _CLIENTS[key]


def _arn(world: Whole, region: str, kind: str) -> str:
    told = _client(world, "resourcegroupstaggingapi", region).get_resources(ResourceTypeFilters=[kind])
    return str(told["ResourceTagMappingList"][0]["ResourceARN"])


def _tags(world: Whole, region: str, arn: str) -> dict[str, str]:
    told = _client(world, "resourcegroupstaggingapi", region).get_resources(ResourceARNList=[arn])
    return {tag["Key"]: tag["Value"] for item in told["ResourceTagMappingList"] for tag in item["Tags"]}


def _set(world: Whole, region: str, arn: str, tags: Mapping[str, str], gone: list[str]) -> None:
    """Give a resource these tags and take those away, by its own service's calls."""
    service = arn.split(":")[2]
    client = _client(world, {"elasticloadbalancing": "elbv2"}.get(service, service), region)
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    identifier = arn.rpartition("/")[2]
    add: dict[str, Any]
    take: dict[str, Any]
    add_by, add, take_by, take = {
        "elasticloadbalancing": ("add_tags", {"ResourceArns": [arn], "Tags": listed},
                                 "remove_tags", {"ResourceArns": [arn], "TagKeys": gone}),
        "rds": ("add_tags_to_resource", {"ResourceName": arn, "Tags": listed},
                "remove_tags_from_resource", {"ResourceName": arn, "TagKeys": gone}),
        "elasticache": ("add_tags_to_resource", {"ResourceName": arn, "Tags": listed},
                        "remove_tags_from_resource", {"ResourceName": arn, "TagKeys": gone}),
        "ecs": ("tag_resource", {"resourceArn": arn, "tags": [{"key": k, "value": v} for k, v in tags.items()]},
                "untag_resource", {"resourceArn": arn, "tagKeys": gone}),
        "ec2": ("create_tags", {"Resources": [identifier], "Tags": listed},
                "delete_tags", {"Resources": [identifier], "Tags": [{"Key": key} for key in gone]}),
        "cloudwatch": ("tag_resource", {"ResourceARN": arn, "Tags": listed},
                       "untag_resource", {"ResourceARN": arn, "TagKeys": gone}),
        "route53": ("change_tags_for_resource",
                    {"ResourceType": "hostedzone", "ResourceId": identifier, "AddTags": listed},
                    "change_tags_for_resource",
                    {"ResourceType": "hostedzone", "ResourceId": identifier, "RemoveTagKeys": gone}),
    }[service]  # fmt: skip
    if tags:
        getattr(client, add_by)(**add)
    if gone:
        getattr(client, take_by)(**take)


@contextmanager
def _tagged(world: Whole, kind: str, region: str, tags: Mapping[str, str], gone: tuple[str, ...]) -> Iterator[None]:
    arn = _arn(world, region, kind)
    before = _tags(world, region, arn)
    _set(world, region, arn, tags, list(gone))
    try:
        yield
    finally:
        _set(world, region, arn, before, [key for key in tags if key not in before])


def _with_tags(
    name: str,
    told: str,
    kind: str,
    *,
    add: Mapping[str, str] | None = None,
    gone: tuple[str, ...] = (),
    region: str = US,
) -> Wrong:
    def befalls(world: Whole) -> AbstractContextManager[None]:
        return _tagged(world, kind, region, add or {}, gone)

    return Wrong(f"{kind} in {region} {name}", told, befalls=befalls, asks=True)


KINDS = (
    "elasticloadbalancing:loadbalancer", "rds:db", "rds:cluster", "elasticache:replicationgroup", "ecs:service",
    "ec2:subnet", "route53:hostedzone", "cloudwatch:alarm",
)  # fmt: skip
_SAYINGS = (
    {"Stage": "production"}, {"Owner": "team-PRODUCTION-oncall"}, {"prod": "yes"}, {"Name": "agentauriProd"},
    {"Tier": "pre-production"}, {"Note": "copy of prd"}, {"Production": ""}, {"Cell": "prod2"},
)  # fmt: skip
BY_TAGS = (
    *(_with_tags("may not be broken", "is not tagged gameday:allowed=true", kind, add={"gameday:allowed": "false"})
      for kind in KINDS),
    *(_with_tags(f"says {said}", "speaks of production", kind, add=said, region=US if "route53" in kind else EU)
      for kind, said in zip(KINDS[:1] + KINDS[2:3] + KINDS[4:], _SAYINGS, strict=False)),
    _with_tags("was never allowed", "is not tagged gameday:allowed=true", "rds:cluster", gone=("gameday:allowed",)),
    _with_tags("is not ours", "eu-west-1 holds", KINDS[0], gone=("Project",), region=EU),
    _with_tags("is another environment's", "lacks the tag Environment=twin (it has Environment=staging)", "rds:db",
               add={"Environment": "staging"}),
    _with_tags("lost a tag", "lacks the tag Project=agentauri", "rds:cluster", gone=("Project",), region=EU),
    _with_tags("lost a tag", "lacks the tag Environment=twin", "elasticache:replicationgroup", gone=("Environment",)),
)  # fmt: skip


@contextmanager
def _second_queue(world: Whole) -> Iterator[None]:
    sqs = _client(world, "sqs", EU)
    url = sqs.create_queue(QueueName="second-gameday")["QueueUrl"]
    try:
        yield
    finally:
        sqs.delete_queue(QueueUrl=url)


@contextmanager
def _alias(world: Whole) -> Iterator[None]:
    iam = _client(world, "iam")
    iam.create_account_alias(AccountAlias="agentauri-production")
    try:
        yield
    finally:
        iam.delete_account_alias(AccountAlias="agentauri-production")


BY_AWS = (
    Wrong("another account", "this is account 123456789012, the target file says 123456789013",
          ('account = "123456789012"', 'account = "123456789013"'), asks=True),
    Wrong("another project", "no load balancer is tagged Project=other",
          ('project = "agentauri"', 'project = "other"'), asks=True),
    Wrong("another environment", "no load balancer is tagged Project=agentauri, Environment=staging",
          ('environment = "twin"', 'environment = "staging"'), asks=True),
    Wrong("a name in no zone", "no public hosted zone holds api.agentauri.test",
          ("api.agentauri.example", "api.agentauri.test"), asks=True),
    Wrong("a stop alarm that is nowhere", "the stop alarm nobody-made-it is in none of",
          _table('[stop]\nalarms = ["nobody-made-it"]'), asks=True),
    Wrong("the account is called production", "the account is called agentauri-production", befalls=_alias, asks=True),
    Wrong("two queues for alarms", "eu-west-1 has 2 queues for alarms", befalls=_second_queue, asks=True),
)  # fmt: skip

DARK = Blackhole(LoadBalancer(PRIMARY))
TOO_MUCH = (
    Wrong("two regions at once", "2 regions at once", ("regions_at_once = 2", "regions_at_once = 1"),
          faults=(DARK, Blackhole(LoadBalancer(STANDBY))), asks=True),
    Wrong("a region beside a load balancer", "2 regions at once", ("regions_at_once = 2", "regions_at_once = 1"),
          faults=(DARK, Lose(STANDBY)), asks=True),
    Wrong("two resources at once", "2 resources at once", ("resources_at_once = 5", "resources_at_once = 1"),
          faults=(DARK, Stop(Writer())), asks=True),
    Wrong("a region of two zones", "2 resources at once", ("resources_at_once = 5", "resources_at_once = 1"),
          faults=(Lose(PRIMARY),), asks=True),
    Wrong("all databases of a region", "2 resources at once", ("resources_at_once = 5", "resources_at_once = 1"),
          faults=(Blackhole(Database(PRIMARY)),), asks=True),
    Wrong("nobody decides while a region is lost", "4 resources at once",
          ("resources_at_once = 5", "resources_at_once = 3"), faults=(Silence(Automation()), Lose(PRIMARY)), asks=True),
)  # fmt: skip

EVERY = (*MALFORMED, *BEFORE_AWS, *BY_TAGS, *BY_AWS, *TOO_MUCH)
"""Every wrong target that one twin can show."""
