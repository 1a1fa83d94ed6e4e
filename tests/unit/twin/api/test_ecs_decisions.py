from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clock import seconds
from harness.twin.api.ecs.decisions import Decision, Health, View, decide, place, wait


def task(identifier: str, health: Health = "healthy", *, zone: str = "a", running: bool = True) -> View:
    return View(identifier, zone, running, health)


def old(identifier: str, health: Health = "healthy") -> View:
    return View(identifier, "a", running=True, health=health, current=False)


def test_missing_tasks_are_started() -> None:
    assert decide([], 2, 200) == Decision(start=2)
    assert decide([task("1")], 2, 200) == Decision(start=1)


def test_a_full_service_stays_as_it_is() -> None:
    assert decide([task("1"), task("2", zone="b")], 2, 200) == Decision()
    assert decide([task("1"), task("2", "unknown", running=False)], 2, 200) == Decision()


def test_a_replacement_starts_before_the_unhealthy_task_stops() -> None:
    assert decide([task("1", "unhealthy"), task("2")], 2, 200) == Decision(start=1)
    starting = task("3", "unknown", running=False)
    assert decide([task("1", "unhealthy"), task("2"), starting], 2, 200) == Decision()
    assert decide([task("1", "unhealthy"), task("2"), task("3")], 2, 200) == Decision(stop=("1",))


def test_without_room_one_unhealthy_task_at_a_time_makes_it() -> None:
    sick = [task("1", "unhealthy"), task("2", "unhealthy")]
    assert decide(sick, 2, 100) == Decision(stop=("1",))
    assert decide(sick[1:], 2, 100) == Decision(start=1)


def test_a_task_that_recovered_makes_its_replacement_surplus() -> None:
    starting = task("3", "unknown", running=False)
    assert decide([task("1"), task("2"), starting], 2, 200) == Decision(stop=("3",))


def test_a_smaller_service_keeps_its_spread_and_its_oldest() -> None:
    tasks = [task("1"), task("2", zone="b"), task("3"), task("4", zone="b")]
    assert decide(tasks, 2, 200) == Decision(stop=("4", "3"))
    assert decide([*tasks, task("5", "unhealthy")], 0, 200) == Decision(stop=("5",))
    assert set(decide(tasks, 0, 200).stop) == {"1", "2", "3", "4"}


def test_zones_are_filled_evenly() -> None:
    assert place("ab", []) == "a"
    assert place("ab", [task("1")]) == "b"
    assert place("ab", [task("1"), task("2", zone="b")]) == "a"


def test_only_repeated_failures_make_it_wait() -> None:
    assert [wait(failures).seconds for failures in range(5)] == [0, 0, 5, 10, 20]
    assert wait(1000) == seconds(27 * 60)


def test_a_deployment_starts_all_it_may_and_stops_the_old_once_the_new_are_healthy() -> None:
    assert decide([old("1"), old("2")], 2, 200) == Decision(start=2)
    starting = [task("3", "unknown", running=False), task("4", "unknown")]
    assert decide([old("1"), old("2"), *starting], 2, 200) == Decision()
    assert decide([old("1"), old("2"), task("3"), starting[1]], 2, 200) == Decision(stop=("1",))
    assert decide([old("2"), task("3"), task("4")], 2, 200) == Decision(stop=("2",))


def test_a_deployment_without_room_stops_an_old_task_first_as_far_as_the_minimum_lets_it() -> None:
    assert decide([old("1"), old("2")], 2, 100, 50) == Decision(stop=("1",))
    assert decide([old("2")], 2, 100, 50) == Decision(start=1)
    assert decide([old("2"), task("3", "unknown")], 2, 100, 50) == Decision()
    assert decide([old("2"), task("3")], 2, 100, 50) == Decision(stop=("2",))
    assert decide([old("1")], 1, 100, 50) == Decision(), "half of one task is a whole one: AWS is stuck too"


def test_a_deployment_gives_up_unhealthy_tasks_first() -> None:
    assert decide([old("1"), old("2", "unhealthy"), task("3")], 2, 150) == Decision(stop=("2",))
    assert decide([old("1"), old("2"), task("3", "unhealthy"), task("4")], 2, 200).stop == ("3", "1")


@given(
    st.lists(
        st.builds(
            View,
            st.uuids().map(str),
            st.just("a"),
            st.booleans(),
            st.sampled_from(["healthy", "unhealthy", "unknown"]),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.integers(0, 4),
    st.sampled_from([100, 150, 200]),
    st.sampled_from([0, 50, 100]),
)
def test_no_deployment_leaves_fewer_healthy_tasks_than_the_minimum(
    tasks: list[View], desired: int, maximum: int, minimum: int
) -> None:
    decision = decide(tasks, desired, maximum, minimum)
    assert not decision.start or len(tasks) + decision.start <= max(desired, desired * maximum // 100)
    left = [view for view in tasks if view.identifier not in decision.stop]
    floor = min(-(-desired * minimum // 100), sum(view.proven for view in tasks))
    assert sum(view.proven for view in left) >= floor


views = st.builds(
    View,
    st.uuids().map(str),
    st.sampled_from("ab"),
    st.booleans(),
    st.sampled_from(["healthy", "unhealthy", "unknown"]),
)


@given(st.lists(views, max_size=8), st.integers(0, 4), st.sampled_from([100, 150, 200]))
def test_no_decision_starts_beyond_the_maximum_or_leaves_too_few(tasks: list[View], desired: int, maximum: int) -> None:
    decision = decide(tasks, desired, maximum)
    assert decision.start >= 0
    assert not decision.start or len(tasks) + decision.start <= max(desired, desired * maximum // 100)
    fit = [view for view in tasks if view.health != "unhealthy" and view.identifier not in decision.stop]
    assert len(fit) >= min(desired, sum(view.health != "unhealthy" for view in tasks))
    assert len(set(decision.stop)) == len(decision.stop)
