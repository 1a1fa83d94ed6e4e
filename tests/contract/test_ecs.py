"""ECS as AWS SDKs meet it: a service keeps its tasks, whatever happens to them."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator

import pytest

from harness.clock import seconds
from tests.contract.ecs_rig import ALB, CLUSTER, SERVICE, Rig, rig
from tests.twin.stage import needs_root

pytestmark = needs_root
BIRTH = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
DEATH = ["RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


@pytest.fixture(scope="module")
def shared() -> Iterator[Rig]:
    with rig(ALB, speed=15) as built:
        yield built


@pytest.fixture
def world(shared: Rig) -> Iterator[Rig]:
    yield shared
    shared.reset()


def test_boot_starts_the_desired_tasks_over_the_zones(world: Rig) -> None:
    assert {task.zone for task in world.tasks()} == {"a", "b"}
    assert {task.address for task in world.tasks()} == world.healthy()
    service = world.service()
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (2, 2, 0)


def test_a_stopped_task_passes_through_awss_states_while_another_replaces_it(world: Rig) -> None:
    victim = world.tasks()[0]
    before = set(world.list())
    seen: dict[str, list[str]] = {victim.arn: ["RUNNING"]}
    answer = world.stop(victim, reason="game day")
    assert (answer["lastStatus"], answer["desiredStatus"]) == ("DEACTIVATING", "STOPPED")

    def watched() -> bool:
        arns = [victim.arn, *(set(world.list()) - before)]
        for task in world.describe(*arns):
            past = seen.setdefault(task["taskArn"], [])
            if past[-1:] != [task["lastStatus"]]:
                past.append(task["lastStatus"])
        return sorted(past[-1] for past in seen.values()) == ["RUNNING", "STOPPED"]

    world.stage.until(watched, seconds(120))
    assert seen.pop(victim.arn) == DEATH
    assert list(seen.values()) == [BIRTH]
    (told,) = world.describe(victim.arn)
    assert (told["stopCode"], told["stoppedReason"], told["containers"][0]["exitCode"]) == (
        "UserInitiated",
        "game day",
        137,
    )
    assert told["stoppingAt"] < told["executionStoppedAt"] < told["stoppedAt"]
    assert victim.arn in world.list(desiredStatus="STOPPED")


def test_a_stopped_task_serves_until_it_has_drained(world: Rig) -> None:
    victim = world.tasks()[0]
    assert victim.process is not None
    began = world.stage.clock.now()
    world.stop(victim)
    assert victim.address not in world.healthy()
    assert {world.stage.get("10.1.10.80")[0] for _ in range(4)} == {200}
    assert victim.process.alive(), "still draining"
    world.stage.until(lambda: victim.process is not None and not victim.process.alive())
    assert world.stage.clock.now() - began >= seconds(5), "the deregistration delay"
    assert victim.stopped_reason == "Task stopped by user"


def test_a_crashed_task_is_replaced_by_one_with_another_address(world: Rig) -> None:
    victim = world.tasks()[0]
    assert victim.process is not None
    victim.process.kill()
    service = world.service()
    assert service["runningCount"] == 1, "the count is true at once"
    (told,) = world.describe(victim.arn)
    assert (told["stopCode"], told["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert told["containers"][0]["exitCode"] == 137
    world.stage.until(lambda: world.service()["pendingCount"] == 1)
    world.stage.until(world.steady)
    assert victim.address not in {task.address for task in world.tasks()}


def test_counts_are_true_while_tasks_die_at_random(world: Rig) -> None:
    dice = random.Random(3)
    world.update(desiredCount=4)
    for _ in range(25):
        alive = [task for task in world.tasks() if task.process is not None and task.process.alive()]
        if alive and dice.random() < 0.5:
            victim = dice.choice(alive)
            assert victim.process is not None
            victim.process.kill()
            assert victim.arn not in world.list(), "a dead task is not listed as running"
        service = world.service()
        counted = [sum(one[name] for one in service["deployments"]) for name in ("runningCount", "pendingCount")]
        assert counted == [service["runningCount"], service["pendingCount"]]
        assert service["runningCount"] + service["pendingCount"] <= 4
        listed = world.list()
        assert {task["lastStatus"] for task in (world.describe(*listed) if listed else ())} <= {*BIRTH, *DEATH}
        world.stage.clock.sleep(seconds(0.5))
    world.stage.until(lambda: world.service()["runningCount"] == 4, seconds(200))
    alive = [task for task in world.tasks() if task.process is not None and task.process.alive()]
    (cluster,) = world.api.describe_clusters(clusters=[CLUSTER])["clusters"]
    assert len(alive) == cluster["runningTasksCount"] == 4


def test_a_task_that_fails_its_load_balancer_checks_is_replaced_before_it_stops(world: Rig) -> None:
    victim = world.tasks()[0]
    world.freeze(victim)
    world.stage.until(lambda: victim.status == "DEACTIVATING", seconds(90))
    assert world.steady(), "the replacement was healthy before the unhealthy task went"
    group = world.service()["loadBalancers"][0]["targetGroupArn"]
    assert victim.stopped_reason == f"Task failed ELB health checks in (target-group {group})"
    told = world.messages()
    where = f"(task {victim.identifier}) (port 8080) is unhealthy in (target-group {group})"
    sick = f"{where} due to (reason Request timed out)"
    started = next(one for one in told[told.index(sick) :] if one.startswith("has started 1 tasks"))
    assert started.endswith("Amazon ECS replaced 1 tasks due to an unhealthy status.")
    stopped = told.index(f"has stopped 1 running tasks: (task {victim.identifier}).")
    assert told.index(sick) < told.index(started) < stopped
    assert told[stopped + 1] == f"deregistered 1 targets in (target-group {group})"
    assert told[stopped + 2] == (
        f"(service {SERVICE}, taskSet {victim.deployment}) has begun draining connections on 1 tasks."
    )


def test_without_room_an_unhealthy_task_stops_before_its_replacement_starts(world: Rig) -> None:
    world.percents(50, 100)
    victim = world.tasks()[0]
    world.freeze(victim)
    known = len(world.host.started)
    world.stage.until(lambda: victim.status == "DEACTIVATING", seconds(90))
    assert len(world.host.started) == known
    assert world.service()["runningCount"] == 1
    world.stage.until(world.steady)


def test_the_grace_period_keeps_a_young_unhealthy_task(world: Rig) -> None:
    assert world.update(healthCheckGracePeriodSeconds=3600)["healthCheckGracePeriodSeconds"] == 3600
    victim = world.tasks()[0]
    world.freeze(victim)
    world.stage.until(lambda: victim.address not in world.healthy(), seconds(60))
    world.stage.clock.sleep(seconds(5))
    assert (victim.status, world.service()["pendingCount"]) == ("RUNNING", 0)
    world.update(healthCheckGracePeriodSeconds=0)
    world.stage.until(lambda: world.service()["pendingCount"] == 1)


def test_a_forced_deployment_replaces_every_task_and_never_serves_with_fewer(world: Rig) -> None:
    old = {task.arn for task in world.tasks()}
    service = world.update(forceNewDeployment=True)
    newest, oldest = service["deployments"]
    assert (newest["status"], newest["rolloutState"], newest["desiredCount"]) == ("PRIMARY", "IN_PROGRESS", 2)
    assert (oldest["status"], oldest["rolloutState"], oldest["runningCount"]) == ("ACTIVE", "COMPLETED", 2)
    most = 0

    def rolled() -> bool:
        nonlocal most
        wanted = [task for task in world.ecs.tasks("us-east-1", SERVICE) if task.wanted]
        most = max(most, len(wanted))
        assert len(world.healthy()) >= 2
        return len(world.service()["deployments"]) == 1

    world.stage.until(rolled, seconds(120))
    assert most == 4, "maximumPercent 200"
    assert not old & set(world.list())
    done = f"(deployment {newest['id']}) deployment completed."
    world.stage.until(lambda: done in world.messages(), seconds(60))
    assert world.messages()[world.messages().index(done) + 1] == "has reached a steady state."
    world.api.get_waiter("services_stable").wait(cluster=CLUSTER, services=[SERVICE])
    (deployment,) = world.service()["deployments"]
    assert (deployment["id"], deployment["rolloutState"]) == (newest["id"], "COMPLETED")
    reasons = {task["stoppedReason"] for task in world.describe(*old)}
    assert reasons == {f"Scaling activity initiated by (deployment {newest['id']})"}


def test_a_deployment_without_room_goes_one_by_one_down_to_the_minimum(world: Rig) -> None:
    world.percents(50, 100)
    old = {task.arn for task in world.tasks()}
    world.update(forceNewDeployment=True)
    least = 2

    def rolled() -> bool:
        nonlocal least
        wanted = [task for task in world.ecs.tasks("us-east-1", SERVICE) if task.wanted]
        least = min(least, len(world.healthy()))
        assert len(wanted) <= 2
        return len(world.service()["deployments"]) == 1 and world.steady()

    world.stage.until(rolled, seconds(120))
    assert least == 1
    assert not old & set(world.list())


def test_desired_count_to_zero_and_back(world: Rig) -> None:
    assert world.update(desiredCount=0)["desiredCount"] == 0
    world.stage.until(lambda: not world.tasks())
    world.stage.until(lambda: world.stage.get("10.1.10.80")[0] == 503)
    assert world.service()["runningCount"] == 0
    world.update(desiredCount=2)
    world.stage.until(world.steady)
    assert {world.stage.get("10.1.10.80")[0] for _ in range(2)} == {200}


def test_a_service_that_cannot_start_waits_longer_each_time(world: Rig) -> None:
    world.host.starts = False
    for task in world.tasks():
        assert task.process is not None
        task.process.kill()
    impaired = "is unable to consistently start tasks successfully."
    world.stage.until(lambda: world.messages().count(impaired) >= 2, seconds(120))
    assert world.service()["runningCount"] == 0
    world.host.starts = True
    world.stage.until(world.steady, seconds(200))


def test_three_failed_container_checks_replace_a_task_that_no_load_balancer_watches() -> None:
    with rig(None, speed=40) as alone:
        victim = alone.tasks()[0]
        alone.stage.until(lambda: {task.health for task in alone.tasks()} == {"HEALTHY"}, seconds(80))
        os.kill(victim.process.pid if victim.process else 0, signal.SIGSTOP)
        took = alone.stage.until(lambda: victim.health == "UNHEALTHY", seconds(200))
        assert seconds(70) < took < seconds(130)
        assert victim.status == "RUNNING"
        (told,) = alone.describe(victim.arn)
        assert (told["healthStatus"], told["containers"][0]["healthStatus"]) == ("UNHEALTHY", "UNHEALTHY")
        alone.stage.until(lambda: victim.status == "STOPPED", seconds(200))
        assert victim.stopped_reason == "Task failed container health checks"
        assert f"(task {victim.identifier}) failed container health checks." in alone.messages()
        assert alone.steady()
