"""What the API says beside what is: roles by SQL and INFO, names by query, network ACLs by packet, tasks by connecting.

Every function returns disagreements as text, and asks the twin's published endpoints only, from where a client of
AWS would have to stand.
"""

from __future__ import annotations

import ipaddress
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from harness.data.remote import Hand
from harness.errors import CloudFault
from harness.probes.names import Answer, NameServer, ask
from harness.target import DatabaseAccess
from harness.twin import names
from tests.contract.walk_calls import Describe
from tests.contract.walk_knock import PATIENCE
from tests.contract.whole import REGIONS, REPOSITORY, Whole

LOCATIONS = {"america": "10.101.0", "europe": "10.102.0", "asia": "10.103.0"}
_EPHEMERAL = 40000
_ROLE = "select pg_is_in_recovery(), host(inet_server_addr())"
_WRITE = "select pg_logical_emit_message(true, 'walk', '')::text, current_setting('listen_addresses')"
_FOLLOWED = """
select pg_last_wal_replay_lsn() >= '{row}', (select sender_host from pg_stat_wal_receiver where status = 'streaming')
"""
_ARRIVES_SECONDS = 2.0


_Server = tuple[str, str, str]
"""Region, identifier, endpoint."""
_Ask = Callable[[str, str, str], list[Any] | None]


class Knocker:
    """Asks from one place which doors open; see ``walk_knock``."""

    def __init__(self, twin: Whole, place: str) -> None:
        self._process = subprocess.Popen(
            [*_enter(twin, place), sys.executable, "-m", "tests.contract.walk_knock"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        )

    def knock(self, doors: Sequence[tuple[str, int]]) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(doors) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], 20 + 2 * PATIENCE)
        assert ready, "the knocker does not answer"
        told: list[str] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Truth:
    """Compares; keeps a hand in each region and a knocker in each region and client location."""

    def __init__(self, twin: Whole, describe: Describe) -> None:
        self._describe = describe
        self._server = NameServer("127.0.0.1", twin.state.dns_port)
        access = DatabaseAccess(name="agentauri", user="gameday")
        self._hands = {region: Hand(region, (*_enter(twin, region), sys.executable), access) for region in REGIONS}
        self._knockers = {place: Knocker(twin, place) for place in (*REGIONS, *LOCATIONS)}
        self._silence = ""
        """Why the last server that did not answer did not."""

    def __enter__(self) -> Truth:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self._hands.values():
            hand.__exit__(None, None, None)
        for knocker in self._knockers.values():
            knocker.close()

    def unrest(self) -> list[str]:
        """What is still on its way somewhere, by the API's own words."""
        moving: list[str] = []
        group = self._describe("rds", REGIONS[0], "describe_global_clusters")["GlobalClusters"][0]
        moving += _unless("global cluster", group["Status"], "available")
        for region in REGIONS:
            for item in self._describe("rds", region, "describe_db_clusters")["DBClusters"]:
                moving += _unless(item["DBClusterIdentifier"], item["Status"], "available")
            for item in self._describe("rds", region, "describe_db_instances")["DBInstances"]:
                moving += _unless(item["DBInstanceIdentifier"], item["DBInstanceStatus"], "available")
            for item in self._describe("elasticache", region, "describe_replication_groups")["ReplicationGroups"]:
                moving += _unless(f"{item['ReplicationGroupId']} of {region}", item["Status"], "available")
            # A node that is being replaced tells so itself: its group goes on as available.
            for item in self._describe("elasticache", region, "describe_cache_clusters")["CacheClusters"]:
                moving += _unless(f"{item['CacheClusterId']} of {region}", item["CacheClusterStatus"], "available")
            for item in self._services(region):
                wanted, runs = item["desiredCount"], item["runningCount"]
                if (runs, item["pendingCount"]) != (wanted, 0):
                    moving.append(f"{item['serviceName']} of {region} runs {runs} of {wanted}")
            moving += [
                f"target {address} of {region} is {state}"
                for address, state in self._targets(region).items()
                if state not in ("healthy", "unhealthy")
            ]
        return moving

    def disagreements(self) -> list[str]:
        """Everything but packets, at a quiet point."""
        found = self._databases()
        for region in REGIONS:
            found += self._caches(region)
            found += self._tasks(region)
            found += self._alarms(region)
        return found + self._names()

    def packets(self) -> list[str]:
        """Whether a client's connection opens exactly when the network ACLs let it and its answers pass."""
        doors: list[tuple[str, int]] = []
        expected: dict[str, list[bool]] = {place: [] for place in LOCATIONS}
        for region in REGIONS:
            acls = self._describe("ec2", region, "describe_network_acls")["NetworkAcls"]
            balancer = self._describe("elbv2", region, "describe_load_balancers")["LoadBalancers"][0]
            for address in ask(self._server, balancer["DNSName"]).addresses:
                doors.append((address, 80))
                entries = self._rules_at(region, address, acls)
                for place, prefix in LOCATIONS.items():
                    client = f"{prefix}.10"
                    passes = allowed(entries, client, 80, egress=False)
                    expected[place].append(passes and allowed(entries, client, _EPHEMERAL, egress=True))
        found: list[str] = []
        for place, wanted in expected.items():
            told = self._knockers[place].knock(doors)
            for (address, _), open_by_rule, seen in zip(doors, wanted, told, strict=True):
                if (seen == "open") != open_by_rule:
                    found.append(f"{address}:80 is {seen} from {place}; the ACL says {open_by_rule}")
        return found

    def _rules_at(self, region: str, address: str, acls: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        subnets = self._describe("ec2", region, "describe_subnets")["Subnets"]
        (subnet,) = [
            item["SubnetId"]
            for item in subnets
            if ipaddress.ip_address(address) in ipaddress.ip_network(item["CidrBlock"])
        ]
        (acl,) = [acl for acl in acls if any(pair["SubnetId"] == subnet for pair in acl["Associations"])]
        rules: list[Mapping[str, Any]] = acl["Entries"]
        return rules

    def _databases(self) -> list[str]:
        """Who may be written to and who streams from it, by SQL at every instance; where the moving endpoints lead."""
        group = self._describe("rds", REGIONS[0], "describe_global_clusters")["GlobalClusters"][0]
        (primary,) = [item["DBClusterArn"] for item in group["GlobalClusterMembers"] if item["IsWriter"]]
        found: list[str] = []
        writer: _Server | None = None
        readers: list[_Server] = []
        for region in REGIONS:
            instances = self._describe("rds", region, "describe_db_instances")["DBInstances"]
            addresses = {item["DBInstanceIdentifier"]: item["Endpoint"]["Address"] for item in instances}
            for cluster in self._describe("rds", region, "describe_db_clusters")["DBClusters"]:
                for member in cluster["DBClusterMembers"]:
                    name = member["DBInstanceIdentifier"]
                    writes = member["IsClusterWriter"] and cluster["DBClusterArn"] == primary
                    told = self._role(region, addresses[name])
                    if told is None or told[0] == writes:
                        seen = self._silence if told is None else told
                        found.append(f"{name} {'writes' if writes else 'reads'} by the API; recovery by SQL: {seen}")
                    if writes:
                        writer = (region, name, addresses[name])
                        for endpoint in (cluster["Endpoint"], group.get("Endpoint")):
                            led = self._role(region, endpoint) if endpoint else told
                            if led != told:
                                found.append(f"{endpoint} leads to {led}, not to {name} at {told}")
                    else:
                        readers.append((region, name, addresses[name]))
        return found + (streams(self._sql, writer, readers) if writer else [])

    def _role(self, region: str, host: str) -> tuple[bool, str] | None:
        found = self._sql(region, host, _ROLE)
        return found and (found[0], found[1])

    def _sql(self, region: str, host: str, query: str) -> list[Any] | None:
        """The only row; ``None`` when the server does not answer."""
        try:
            (row,) = self._hands[region].sql(host, query, limit_seconds=2)
        except CloudFault as fault:
            self._silence = fault.message
            return None
        return row

    def _caches(self, region: str) -> list[str]:
        """Who is master, by INFO at every node's endpoint."""
        found: list[str] = []
        for group in self._describe("elasticache", region, "describe_replication_groups")["ReplicationGroups"]:
            role = group.get("GlobalReplicationGroupInfo", {}).get("GlobalReplicationGroupMemberRole", "PRIMARY")
            for member in group["NodeGroups"][0]["NodeGroupMembers"]:
                wanted = "master" if (member["CurrentRole"], role) == ("primary", "PRIMARY") else "slave"
                endpoint = member["ReadEndpoint"]
                try:
                    told = self._hands[region].redis(endpoint["Address"], endpoint["Port"], "INFO", "replication")
                    seen = told["role"] if isinstance(told, dict) else told.split("role:")[1].split()[0]
                except CloudFault as fault:
                    seen = str(fault)
                if seen != wanted:
                    found.append(f"{member['CacheClusterId']} of {region} is {wanted} by the API, {seen} by INFO")
        return found

    def _tasks(self, region: str) -> list[str]:
        """Every running gateway listens and is a target of the load balancer, and nothing else is."""
        arns = self._describe("ecs", region, "list_tasks", cluster="agentauri", serviceName="api-gateway")["taskArns"]
        tasks = self._describe("ecs", region, "describe_tasks", cluster="agentauri", tasks=arns)["tasks"]
        running = [_address(task) for task in tasks if task["lastStatus"] == "RUNNING"]
        told = self._knockers[region].knock([(address, 8080) for address in running])
        found = [
            f"task {at} of {region} runs and is {seen}"
            for at, seen in zip(running, told, strict=True)
            if seen != "open"
        ]
        targets = self._targets(region)
        if set(targets) != set(running):
            found.append(f"targets of {region} are {sorted(targets)}, tasks {sorted(running)}")
        return found + [f"target {at} of {region} is {state}" for at, state in targets.items() if state != "healthy"]

    def _alarms(self, region: str) -> list[str]:
        """An alarm is in the state into which its history last saw it go; a new one goes into INSUFFICIENT_DATA.

        CloudWatch keeps the history of a deleted alarm, so one that is made again under its name has that before its
        own. Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
        """
        found: list[str] = []
        for alarm in self._describe("cloudwatch", region, "describe_alarms")["MetricAlarms"]:
            name, state = alarm["AlarmName"], alarm["StateValue"]
            told = self._describe("cloudwatch", region, "describe_alarm_history", AlarmName=name, MaxRecords=100)
            wanted = last_state(told["AlarmHistoryItems"])
            if state != wanted:
                found.append(f"{name} of {region} is {state}, {wanted} by its history")
        return found

    def _names(self) -> list[str]:
        """The walk's records by query, and the API's name as each location gets it beside TestDNSAnswer."""
        zone = {"HostedZoneId": names.HOSTED_ZONE_ID}
        listed = self._describe("route53", REGIONS[0], "list_resource_record_sets", **zone)["ResourceRecordSets"]
        values = {item["Name"].rstrip("."): item["ResourceRecords"] for item in listed if item["Name"][:5] == "walk-"}
        found: list[str] = []
        for number in range(4):
            name = f"walk-{number}.{names.ZONE_NAME}"
            wanted = tuple(sorted(item["Value"] for item in values.get(name, ())))
            seen = self._answer(name)
            if seen is None or seen.addresses != wanted:
                found.append(f"{name} is {wanted} by the API, {seen} by query")
        for place, prefix in LOCATIONS.items():
            client = {"EDNS0ClientSubnetIP": f"{prefix}.0", "EDNS0ClientSubnetMask": "24"}
            question = {"RecordName": names.API_HOST, "RecordType": "A", **client}
            told = self._describe("route53", REGIONS[0], "test_dns_answer", **zone, **question)["RecordData"]
            answer = self._answer(names.API_HOST, f"{prefix}.0/24")
            if answer is None or not {item.rstrip(".") for item in told} & {*answer.chain, *answer.addresses}:
                found.append(f"{names.API_HOST} from {place} is {told} by TestDNSAnswer, {answer} by query")
        return found

    def _answer(self, name: str, subnet: str | None = None) -> Answer | None:
        """What the name server says; ``None`` when it says nothing in time."""
        try:
            return ask(self._server, name, subnet)
        except CloudFault:
            return None

    def _services(self, region: str) -> list[Mapping[str, Any]]:
        arns = self._describe("ecs", region, "list_services", cluster="agentauri")["serviceArns"]
        told: list[Mapping[str, Any]] = self._describe(
            "ecs", region, "describe_services", cluster="agentauri", services=arns
        )["services"]
        return told

    def _targets(self, region: str) -> dict[str, str]:
        group = self._describe("elbv2", region, "describe_target_groups")["TargetGroups"][0]["TargetGroupArn"]
        told = self._describe("elbv2", region, "describe_target_health", TargetGroupArn=group)
        return {item["Target"]["Id"]: item["TargetHealth"]["State"] for item in told["TargetHealthDescriptions"]}


def streams(ask_sql: _Ask, writer: _Server, readers: Iterable[_Server]) -> list[str]:
    """Every reader gets what the writer writes, from the writer itself: a server on a dead branch may look alike."""
    region, name, host = writer
    told = ask_sql(region, host, _WRITE)
    if told is None:
        return [f"{name} takes no write"]
    row, heard_at = told
    found: list[str] = []
    for place, reader, address in readers:
        until = time.monotonic() + _ARRIVES_SECONDS
        while True:
            arrived, sender = ask_sql(place, address, _FOLLOWED.format(row=row)) or (False, None)
            if arrived or time.monotonic() > until:
                break
        if not arrived:
            found.append(f"{reader} has not got what {name} wrote")
        elif sender not in heard_at.split(","):
            found.append(f"{reader} streams from {sender}, not from {name} at {heard_at}")
    return found


def last_state(history: Iterable[Mapping[str, Any]]) -> str:
    """The state that an alarm's history, newest item first, leaves it in."""
    for item in history:
        if item["HistoryItemType"] == "StateUpdate":
            return str(item["HistorySummary"].rpartition(" ")[2])
        if item["HistoryItemType"] == "ConfigurationUpdate" and item["HistorySummary"].endswith("created"):
            break
    return "INSUFFICIENT_DATA"


def allowed(entries: Iterable[Mapping[str, Any]], other: str, port: int, *, egress: bool) -> bool:
    """What AWS's rule order decides for TCP with ``other`` at the far end: the first rule that fits."""
    for entry in sorted(entries, key=lambda entry: entry["RuleNumber"]):
        ports = entry.get("PortRange", {"From": 0, "To": 65535})
        fits = (
            entry["Egress"] == egress
            and entry["Protocol"] in ("-1", "6")
            and ipaddress.ip_address(other) in ipaddress.ip_network(entry["CidrBlock"])
            and ports["From"] <= port <= ports["To"]
        )
        if fits:
            return bool(entry["RuleAction"] == "allow")
    return False


def _address(task: Mapping[str, Any]) -> str:
    details = {item["name"]: item["value"] for pair in task["attachments"] for item in pair["details"]}
    return str(details["privateIPv4Address"])


def _unless(what: str, status: str, wanted: str) -> list[str]:
    return [] if status == wanted else [f"{what} is {status}"]


def _enter(twin: Whole, place: str) -> list[str]:
    home = f"GAMEDAY_HOME={twin.home}"
    return ["/usr/bin/env", home, f"PATH={os.environ['PATH']}", sys.executable, "-m", "harness.twin.enter", place, "--"]
