"""`make bench`: the twin's limits, measured. Prints each figure beside its limit; exits 1 when one is missed."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from harness.clock import Clock, seconds
from harness.cloud import discovery
from harness.generators import LoadPlace
from harness.load import Load, LoadPlan
from harness.session import HOME, reach_twin, target_file
from harness.target import load
from harness.twin import root
from harness.twin.state import State
from loadtests.settings import MIX

BOOTS = 3
LOAD_SECONDS = 60


def pss_megabytes(state: State) -> float:
    """Proportional set size of every process of the twin."""
    space = os.readlink(f"/proc/{state.pid}/ns/pid")
    total = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.readlink(process / "ns/pid") == space:
                    rollup = (process / "smaps_rollup").read_text()
                    total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
            except (OSError, StopIteration):
                continue  # it ended between the listing and the reading
    return total / 1024


def boot() -> tuple[float, State]:
    began = time.monotonic()
    state = root.launch("active_active", "hardened", 1.0, HOME, root.BOOT_SECONDS)
    return time.monotonic() - began, state


def settled_after(state: State, began: float) -> float:
    """Real seconds until no alarm rings or lacks data, and every target is healthy."""
    estate = reach_twin(load(target_file("twin")), state)
    while time.monotonic() - began < 120:
        status = discovery_status(estate)
        if status:
            return time.monotonic() - began
        time.sleep(0.2)
    return float("inf")


def discovery_status(estate) -> bool:
    for region in estate.platform.regions:
        alarms = estate.cloud.call("cloudwatch", region.name, "describe_alarms")["MetricAlarms"]
        if any(alarm["StateValue"] != "OK" for alarm in alarms):
            return False
        groups = estate.cloud.call("elbv2", region.name, "describe_target_groups")["TargetGroups"]
        for group in groups:
            told = estate.cloud.call(
                "elbv2", region.name, "describe_target_health", TargetGroupArn=group["TargetGroupArn"]
            )
            if any(item["TargetHealth"]["State"] != "healthy" for item in told["TargetHealthDescriptions"]):
                return False
    return bool(discovery.instances(estate.cloud, estate.platform.regions[0].name))


def put_load(state: State, folder: Path) -> None:
    wanted = load(target_file("twin"))
    places = [LoadPlace(place.name, index, place.way) for index, place in enumerate(wanted.locations)]
    plan = LoadPlan(
        f"http://{wanted.api.host}:{wanted.api.port}", {place.name: 30.0 for place in wanted.locations}, dict(MIX)
    )
    clock: Clock = state.clock
    with Load(clock, folder, places, plan) as traffic:
        traffic.start()
        clock.sleep(seconds(LOAD_SECONDS))


def main() -> int:
    import tempfile

    rows: list[tuple[str, float, float, str]] = []
    boots = []
    for number in range(BOOTS):
        took, state = boot()
        boots.append(took)
        if number < BOOTS - 1:
            root.shutdown(HOME)
    began = time.monotonic() - boots[-1]
    rows.append(("cold boot, three regions serve and replicate", statistics.median(boots), 4.0, "s"))
    rows.append(("memory at boot (PSS)", pss_megabytes(state), 450.0, "MB"))
    settled = settled_after(state, began)
    with tempfile.TemporaryDirectory() as folder:
        put_load(state, Path(folder))
    rows.append((f"memory after {LOAD_SECONDS} s of 90 requests/s (PSS)", pss_megabytes(state), 550.0, "MB"))
    ended = time.monotonic()
    root.shutdown(HOME)
    rows.append(("down, nothing left", time.monotonic() - ended, 2.0, "s"))
    for name, value, limit, unit in rows:
        print(f"{name:<52}{value:>9.2f} {unit:<3} limit {limit:g} {unit}  {'ok' if value <= limit else 'MISSED'}")
    print(f"{'settled: alarms OK, targets healthy':<52}{settled:>9.2f} s")
    print(f"boots: {', '.join(f'{value:.2f}' for value in boots)} s; left over: {root.leftovers(HOME)}")
    return int(any(value > limit for _, value, limit, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
