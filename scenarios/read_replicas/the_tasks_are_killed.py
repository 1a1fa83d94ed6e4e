"""Every task of the API is killed at once.

ECS should start others and the load balancer should send requests to them as soon as they are healthy. Requests under
way may be lost, acknowledged writes may not.
"""

from harness import Service, Stop, Tasks, minutes, scenario, seconds


@scenario(lasts=minutes(2))
def test_the_service_is_back_when_all_its_tasks_are_killed(gameday):
    (region,) = gameday.regions
    with gameday.promising("recovery", "no_lost_writes"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Tasks(Service(region, "api-gateway")))):
            gameday.wait_for(recovered=True)
            gameday.hold(seconds(20))
        gameday.hold(seconds(15))
