"""`make soak`: the front door under load on a whole twin. Prints figures beside limits; exits 1 when one is missed.

Twelve callers describe everything while writers change everything: nobody may see an error or a torn answer. Then one
caller's median, what twelve reach together, and whether memory stays flat over a hundred thousand calls.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.whole import REGIONS, Whole, running

CALLERS = 12
Describe = tuple[str, str, Mapping[str, Any]]
DESCRIBES: tuple[Describe, ...] = (
    ("rds", "describe_db_instances", {}),
    ("rds", "describe_db_clusters", {}),
    ("rds", "describe_global_clusters", {}),
    ("rds", "describe_db_cluster_parameters", {"DBClusterParameterGroupName": "agentauri-aurora"}),
    ("rds", "describe_events", {"Duration": 60}),
    ("elasticache", "describe_replication_groups", {}),
    ("ec2", "describe_network_acls", {}),
    ("ec2", "describe_subnets", {}),
    ("ecs", "describe_services", {"cluster": "agentauri", "services": ["api-gateway", "action-workers"]}),
    ("elbv2", "describe_target_groups", {}),
    ("cloudwatch", "describe_alarms", {}),
    ("cloudwatch", "describe_alarm_history", {}),
    ("cloudwatch", "list_metrics", {}),
)


@dataclass
class Findings:
    """What went wrong, first of each kind, and how much was done; thread-safe by the interpreter's own lock."""

    calls: int = 0
    changes: int = 0
    wrong: dict[str, str] = field(default_factory=dict)

    def tell(self, kind: str, problem: str) -> None:
        self.wrong.setdefault(kind, problem)


def torn(operation: str, answer: Mapping[str, Any]) -> str | None:
    """What in an answer cannot be true at any one moment, if anything is."""
    return _TORN[operation](answer) if operation in _TORN else None


def _torn_clusters(answer: Mapping[str, Any]) -> str | None:
    for cluster in answer["DBClusters"]:
        writers = [item for item in cluster["DBClusterMembers"] if item["IsClusterWriter"]]
        if len(writers) > 1:
            return f"{cluster['DBClusterIdentifier']} has {len(writers)} writers"
    return None


def _torn_acls(answer: Mapping[str, Any]) -> str | None:
    subnets = [item["SubnetId"] for acl in answer["NetworkAcls"] for item in acl["Associations"]]
    if len(subnets) != len(set(subnets)):
        return f"a subnet has two ACLs: {sorted(subnets)}"
    for acl in answer["NetworkAcls"]:
        keys = [(entry["Egress"], entry["RuleNumber"]) for entry in acl["Entries"]]
        if len(keys) != len(set(keys)) or (False, 32767) not in keys or (True, 32767) not in keys:
            return f"{acl['NetworkAclId']} has impossible entries: {keys}"
        passing = [entry["RuleNumber"] for entry in acl["Entries"] if 200 <= entry["RuleNumber"] < 300]
        if len(passing) > 1:
            return f"{acl['NetworkAclId']} has a rule and its successor: {passing}"
    return None


def _torn_alarms(answer: Mapping[str, Any]) -> str | None:
    for alarm in answer["MetricAlarms"]:
        if alarm["AlarmName"].startswith("soak-"):
            told = (alarm["Threshold"], float(alarm["EvaluationPeriods"]), alarm["AlarmDescription"])
            if told[0] != told[1] or str(int(told[0])) != told[2]:
                return f"{alarm['AlarmName']} mixes two versions: {told}"
    return None


def _torn_services(answer: Mapping[str, Any]) -> str | None:
    for service in answer["services"]:
        deployed = [item["desiredCount"] for item in service["deployments"] if item["status"] == "PRIMARY"]
        if deployed != [service["desiredCount"]]:
            return f"{service['serviceName']} wants {service['desiredCount']} and {deployed}"
    return None


_TORN: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "describe_db_clusters": _torn_clusters,
    "describe_network_acls": _torn_acls,
    "describe_alarms": _torn_alarms,
    "describe_services": _torn_services,
}


class Caller:
    """Describes one thing after another, in every region in turn, until told to stop."""

    def __init__(self, clients: Mapping[tuple[str, str], Any], number: int, findings: Findings) -> None:
        self._findings = findings
        rounds = [(clients[service, region], name, given) for region in REGIONS for service, name, given in DESCRIBES]
        self._rounds = itertools.cycle(rounds[number:] + rounds[:number])

    def once(self) -> None:
        client, operation, given = next(self._rounds)
        try:
            problem = torn(operation, getattr(client, operation)(**given))
        except (ClientError, BotoCoreError) as error:
            self._findings.tell(f"{operation}: {type(error).__name__}", str(error))
            return
        self._findings.calls += 1
        if problem:
            self._findings.tell(f"{operation}: torn", problem)


def clients_of(twin: Whole) -> Mapping[tuple[str, str], Any]:
    """A client for each service and region; threads may share them."""
    services = sorted({service for service, _, _ in DESCRIBES})
    return {(service, region): twin.client(service, region) for service in services for region in REGIONS}


class Writers:
    """Change everything that can be changed without an end to it, each region's in its own thread."""

    def __init__(self, twin: Whole, region: str, findings: Findings) -> None:
        self._findings = findings
        self._region = region
        self._ec2 = twin.client("ec2", region)
        self._rds = twin.client("rds", region)
        self._ecs = twin.client("ecs", region)
        self._cloudwatch = twin.client("cloudwatch", region)
        self._elb = twin.client("elbv2", region)
        acls = self._ec2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}])["NetworkAcls"]
        self._acl, self._vpc = acls[0]["NetworkAclId"], acls[0]["VpcId"]
        self._group = self._elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
        self._number = 0

    def once(self) -> None:
        """One change of each kind; what a state forbids for now is refused, and that is right."""
        self._number += 1
        for change in (self._acl_rule, self._new_acl, self._alarm, self._metric, self._parameter, self._count):
            change()
            self._findings.changes += 1
        if self._number % 20 == 1:
            self._failover()
            self._drain()
            self._findings.changes += 2

    def _acl_rule(self) -> None:
        number = 200 + self._number % 2
        rule = {"NetworkAclId": self._acl, "RuleNumber": number, "Egress": False}
        cidr = f"198.51.100.{self._number % 250}/32"
        self._ec2.create_network_acl_entry(**rule, Protocol="-1", RuleAction="deny", CidrBlock=cidr)
        self._ec2.delete_network_acl_entry(**rule)

    def _new_acl(self) -> None:
        made = self._ec2.create_network_acl(VpcId=self._vpc)["NetworkAcl"]["NetworkAclId"]
        self._ec2.delete_network_acl(NetworkAclId=made)

    def _alarm(self) -> None:
        version = 1 + self._number % 9
        self._cloudwatch.put_metric_alarm(
            AlarmName="soak-alarm",
            AlarmDescription=str(version),
            Namespace="Soak",
            MetricName="Load",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=version,
            Threshold=float(version),
            ComparisonOperator="GreaterThanThreshold",
        )
        state = ("OK", "ALARM", "INSUFFICIENT_DATA")[self._number % 3]
        self._cloudwatch.set_alarm_state(AlarmName="soak-alarm", StateValue=state, StateReason="soak")

    def _metric(self) -> None:
        data = [{"MetricName": "Load", "Value": float(self._number), "StorageResolution": 1}]
        self._cloudwatch.put_metric_data(Namespace="Soak", MetricData=data)

    def _parameter(self) -> None:
        value = str(self._number % 1000)
        parameter = {"ParameterName": "log_min_duration_statement", "ParameterValue": value, "ApplyMethod": "immediate"}
        self._rds.modify_db_cluster_parameter_group(
            DBClusterParameterGroupName="agentauri-aurora", Parameters=[parameter]
        )

    def _count(self) -> None:
        self._ecs.update_service(cluster="agentauri", service="action-workers", desiredCount=1 + self._number // 20 % 2)

    def _failover(self) -> None:
        if self._region == REGIONS[0]:
            with _allowing("InvalidDBClusterStateFault"):
                self._rds.failover_db_cluster(DBClusterIdentifier="agentauri-us")

    def _drain(self) -> None:
        healthy = self._elb.describe_target_health(TargetGroupArn=self._group)["TargetHealthDescriptions"]
        for target in [item["Target"] for item in healthy][:1]:
            self._elb.deregister_targets(TargetGroupArn=self._group, Targets=[target])
            self._elb.register_targets(TargetGroupArn=self._group, Targets=[target])


@contextmanager
def _allowing(code: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def storm(twin: Whole, seconds: float) -> Findings:
    """Twelve callers and a writer in each region for so many real seconds."""
    findings = Findings()
    clients = clients_of(twin)
    workers: list[Caller | Writers] = [Caller(clients, number, findings) for number in range(CALLERS)]
    workers += [Writers(twin, region, findings) for region in REGIONS]
    until = time.monotonic() + seconds

    def work(worker: Caller | Writers) -> None:
        while time.monotonic() < until:
            try:
                worker.once()
            except Exception as error:  # noqa: BLE001 - whatever a worker met is the finding
                findings.tell(f"{type(worker).__name__}: {type(error).__name__}", str(error))
                if not isinstance(error, ClientError | BotoCoreError):
                    return

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return findings


def median_milliseconds(twin: Whole, rounds: int) -> float:
    """One caller's median, the client's own part included."""
    clients = clients_of(twin)
    calls = [(clients[service, region], name, given) for region in REGIONS for service, name, given in DESCRIBES]
    took = []
    for turn in range(rounds + 1):
        for client, operation, given in calls:
            began = time.perf_counter()
            getattr(client, operation)(**given)
            if turn:
                took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _pour(twin: Whole, number: int, begin: Any, calls: Any, seconds: float) -> None:
    findings = Findings()
    caller = Caller(clients_of(twin), number, findings)
    caller.once()
    begin.wait()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        caller.once()
    calls.put((findings.calls - 1, findings.wrong))


def together(twin: Whole, seconds: float) -> float:
    """Calls a second of twelve callers, each a process of its own: one Python client alone would be the limit."""
    context = multiprocessing.get_context("spawn")
    begin, calls = context.Barrier(CALLERS), context.Queue()
    processes = [context.Process(target=_pour, args=(twin, number, begin, calls, seconds)) for number in range(CALLERS)]
    for process in processes:
        process.start()
    counts = [calls.get(timeout=60 + seconds) for _ in processes]
    for process in processes:
        process.join()
    wrong = [problem for _, found in counts for problem in found.items()]
    assert not wrong, wrong
    return sum(count for count, _ in counts) / seconds


def _root(twin: Whole) -> Path:
    (child,) = Path(f"/proc/{twin.state.pid}/task/{twin.state.pid}/children").read_text().split()[:1]
    return Path("/proc") / child


def root_cpu_seconds(twin: Whole) -> float:
    """CPU time that the root has used: its cost does not depend on who else wants the machine."""
    fields = (_root(twin) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def root_megabytes(twin: Whole) -> float:
    """Resident memory that the twin's root, in which the API lives, shares with nobody."""
    lines = (_root(twin) / "smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def recorded(twin: Whole) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Every describe as the bytes that boto3 sends: replayed, they cost the client next to nothing."""
    sent = []

    def keep(request: Any, **_: Any) -> None:
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()
        }
        body = request.body or b""
        sent.append((request.method, "/", body if isinstance(body, bytes) else body.encode(), headers))

    clients = clients_of(twin)
    for client in clients.values():
        client.meta.events.register("before-send", keep)
    for region in REGIONS:
        for service, operation, given in DESCRIBES:
            getattr(clients[service, region], operation)(**given)
    return sent


def replay(twin: Whole, calls: int) -> float:
    """Send so many describes over twelve connections; calls a second. Fails when one is not answered with 200."""
    requests, share = recorded(twin), calls // CALLERS
    refused: list[tuple[int, bytes]] = []

    def work(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", twin.state.api_port, timeout=60)
        for method, path, body, headers in itertools.islice(itertools.cycle(requests), number, number + share):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                refused.append((answer.status, told))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CALLERS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused, refused[0]
    return CALLERS * share / (time.monotonic() - began)


def growth(twin: Whole, calls: int) -> float:
    """Megabytes that the root grew by over so many calls, after a warm-up of a tenth of them."""
    replay(twin, calls // 10)
    before = root_megabytes(twin)
    replay(twin, calls)
    return root_megabytes(twin) - before


def main() -> int:
    """The whole of it: about five minutes."""
    seconds, calls = float(os.environ.get("SOAK_SECONDS", "60")), int(os.environ.get("SOAK_CALLS", "100000"))
    rows: list[tuple[str, float, str, float, str]] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as home, running(Path(home), speed=10) as twin:
        time.sleep(5)
        rows.append(("one caller, median describe", median_milliseconds(twin, 20), "<=", 4, "ms"))
        before = root_cpu_seconds(twin)
        rate = together(twin, 10)
        each = (root_cpu_seconds(twin) - before) / (rate * 10) * 1000
        rows.append(("twelve callers together", rate, ">=", 300, "calls/s"))
        bare = replay(twin, 3000)
        rows.append((f"memory over {calls} calls", growth(twin, calls), "<=", 5, "MB"))
        findings = storm(twin, seconds)
        rows.append(
            (f"wrong in {findings.calls} describes, {findings.changes} changes", len(findings.wrong), "<=", 0, "")
        )
    missed = 0
    for name, value, sense, limit, unit in rows:
        kept = value <= limit if sense == "<=" else value >= limit
        missed += not kept
        print(f"{name:<52}{value:>9.2f} {unit:<8} limit {sense} {limit:g} {unit}  {'ok' if kept else 'MISSED'}")
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    print(f"without boto3's own cost, twelve connections got {bare:.0f} answers/s")
    print(f"the twin's root used {each:.2f} ms of CPU a call, timers and all; load {load:.1f} on {cores} cores")
    for kind, problem in findings.wrong.items():
        print(f"  {kind}: {problem}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
