"""`make walk`: a random walk of legal and illegal calls, with processes killed at random. Does the API tell the truth?

There is no model of the twin here: after each burst of calls the walk waits until the API itself says that nothing is
on its way, and compares what it says with what is. Exits 1 on any disagreement. WALK_SEED, WALK_CALLS and WALK_DESIGN
(``hardened``, ``as_written``) choose another one.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.walk_calls import Calls, Step
from tests.contract.walk_truth import Truth
from tests.contract.whole import REGIONS, Whole, running

CALLS = 2000
BURST = 30
SPEED = 20
_QUIET = 60.0
AGREE = 10.0
_LOOK_AGAIN = 0.1
_OURS = ("NotImplementedByTwin", 501)


@dataclass
class Told:
    """What a walk met."""

    seed: int
    calls: int = 0
    illegal: int = 0
    kills: int = 0
    quiet_points: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)

    def disagree(self, problem: str) -> None:
        """Keep it, with the last calls that led there."""
        self.disagreements.append(f"{problem}\n      after {'; '.join(self.last[-BURST:])}")


class Walk:
    """One walk over a running twin."""

    def __init__(self, twin: Whole, seed: int, *, cached: bool = False) -> None:
        self._twin = twin
        self._clients: dict[tuple[str, str], Any] = {}
        self._calls = Calls(seed, self.describe, cached=cached)
        self.told = Told(seed)

    def describe(self, service: str, region: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Look; a Route 53 that is asked too often is asked again."""
        for _ in range(50):
            try:
                answer: Mapping[str, Any] = getattr(self._client(service, region), operation)(**parameters)
            except ClientError as error:
                if error.response["Error"]["Code"] != "Throttling":
                    raise
                time.sleep(0.05)
            else:
                return answer
        raise AssertionError(f"{service}.{operation} is throttled for ever")

    def run(self, calls: int, burst: int = BURST) -> Told:
        """So many calls, with a quiet point after each burst."""
        with Truth(self._twin, self.describe) as truth:
            return self.beside(truth, calls, burst)

    def beside(self, truth: Truth, calls: int, burst: int = BURST) -> Told:
        """The same, compared with a truth that is opened already."""
        self._settle(truth)
        while self.told.calls < calls:
            length = min(burst, calls - self.told.calls)
            doomed = self._calls.pick(list(range(length)))  # no burst goes by without a kill
            for number in range(length):
                self._step(self._calls.next())
                if number == doomed or self._calls.chance(0.03):
                    self._kill()
            self._compare(truth)
        return self.told

    def _step(self, step: Step) -> None:
        told = self.told
        told.calls += 1
        told.illegal += step.illegal
        told.last.append(f"{step.region} {step.operation}")
        try:
            getattr(self._client(step.service, step.region), step.operation)(**step.parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            told.codes[code] += 1
            told.last[-1] += f" ({code})"
            if status >= 500 and (code, status) != _OURS:
                told.disagree(f"{step.service}.{step.operation} {dict(step.parameters)} failed: {code} {status}")
        except BotoCoreError as error:
            told.disagree(f"{step.service}.{step.operation} got no answer: {error}")
        else:
            if step.illegal:
                told.disagree(f"{step.service}.{step.operation} {dict(step.parameters)} was not refused")

    def _compare(self, truth: Truth) -> None:
        self._agree("packets", truth.packets)
        self._open()
        self._settle(truth)
        self._agree("state", truth.disagreements)
        self.told.quiet_points += 1

    def _settle(self, truth: Truth) -> None:
        left = until_nothing(truth.unrest, _QUIET)
        if left:
            self.told.disagree(f"never quiet: {left}")

    def _agree(self, what: str, look: Callable[[], list[str]]) -> None:
        """A name server's answer may be a TTL old and a health check an interval: looked at until it fits, or not."""
        left = until_nothing(look, AGREE)
        if left:
            self.told.disagree(f"{what}: {left}")

    def _open(self) -> None:
        """Public subnets back to the default ACL: behind a closed one ECS replaces its tasks for ever."""
        for region in REGIONS:
            ec2 = self._client("ec2", region)
            acls = self.describe("ec2", region, "describe_network_acls")["NetworkAcls"]
            default = next(acl["NetworkAclId"] for acl in acls if acl["IsDefault"])
            for pair in (pair for acl in acls if not acl["IsDefault"] for pair in acl["Associations"]):
                ec2.replace_network_acl_association(AssociationId=pair["NetworkAclAssociationId"], NetworkAclId=default)

    def _kill(self) -> None:
        """SIGKILL a database, a cache or a task of the twin, by its number: one of each as often as of the others."""
        while victims := _victims(self._twin.state.pid):
            kinds = sorted({_kind(name) for name in victims.values()})
            kind = kinds[self._calls.pick(list(range(len(kinds))))]
            chosen = self._calls.pick(sorted(number for number, name in victims.items() if _kind(name) == kind))
            try:
                os.kill(chosen, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended between the look and the blow
            self.told.last.append(f"kill {victims[chosen]}")
            self.told.kills += 1
            return

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = self._twin.client(service, region)
        return self._clients[service, region]


def until_nothing(look: Callable[[], list[str]], patience: float) -> list[str]:
    """What is left when nothing is left to tell, or the patience (real seconds) is over."""
    until = time.monotonic() + patience
    while (left := look()) and time.monotonic() < until:
        time.sleep(_LOOK_AGAIN)
    return left


def _kind(victim: str) -> str:
    return victim.split()[0]


def _victims(init: int) -> dict[int, str]:
    """Database servers, caches and tasks of the twin whose init this is, by their number on the host."""
    space = os.readlink(f"/proc/{init}/ns/pid")
    found: dict[int, str] = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if os.readlink(process / "ns/pid") != space:
                continue
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            parents = Path(f"/proc/{parent}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended between the listing and the reading
        program = Path(words[0]).name
        if program == "postgres" and "-D" in words:
            found[int(process.name)] = f"postgres {words[words.index('-D') + 1].rsplit('/', 1)[-1]}"
        elif program.startswith("redis-server"):
            found[int(process.name)] = " ".join(words[:2]).strip()
        elif "harness.twin.app.zygote" in " ".join(words) and "harness.twin.app.zygote" in parents:
            found[int(process.name)] = "task"
    return found


def main() -> int:
    """The whole walk; prints what it met."""
    seed = int(os.environ.get("WALK_SEED", str(time.time_ns() % 1_000_000)))
    calls = int(os.environ.get("WALK_CALLS", str(CALLS)))
    version = os.environ.get("WALK_DESIGN", "hardened")
    began = time.monotonic()
    print(f"seed {seed}, {calls} calls over active_active ({version}) at speed {SPEED}", flush=True)
    with tempfile.TemporaryDirectory(prefix="walk-") as home, running(Path(home), speed=SPEED, version=version) as twin:
        told = Walk(twin, seed, cached=version == "as_written").run(calls)
    print(f"{told.calls} calls, {told.illegal / told.calls:.0%} illegal, {told.kills} kills,", end=" ")
    print(f"{told.quiet_points} quiet points, {time.monotonic() - began:.0f} s")
    print("error codes:", ", ".join(f"{code} {count}" for code, count in told.codes.most_common()))
    print(f"disagreements: {len(told.disagreements)}")
    for problem in told.disagreements:
        print(f"  - {problem}")
    return int(bool(told.disagreements))


if __name__ == "__main__":
    sys.exit(main())
