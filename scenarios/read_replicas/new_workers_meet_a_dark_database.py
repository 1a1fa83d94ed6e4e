"""All workers die, and those that ECS starts in their place meet a full queue and a database that is out of reach.

They take jobs that they cannot run. Who takes a job for good loses it; who gives it back, or keeps it until it ran,
runs each exactly once when the database is back.
"""

from harness import Blackhole, Database, Service, Stop, Tasks, minutes, scenario, seconds


@scenario(lasts=minutes(3))
def test_no_job_is_lost_when_new_workers_meet_a_dark_database(gameday):
    (region,) = gameday.regions
    with gameday.promising("jobs_exactly_once"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Tasks(Service(region, "action-workers")))):
            gameday.hold(seconds(5))
            with gameday.inject(Blackhole(Database(region))):
                gameday.hold(seconds(60))
            gameday.wait_for(recovered=True)
        gameday.hold(seconds(60))
