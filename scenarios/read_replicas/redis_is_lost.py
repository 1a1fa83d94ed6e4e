"""Redis restarts, and its memory is empty.

Whatever was queued in it is gone. The API should go on, since rate limits and cached roles can do without, and every
job should still run exactly once.
"""

from harness import Cache, Restart, minutes, scenario, seconds


@scenario(lasts=minutes(2.5))
def test_no_job_is_lost_or_doubled_when_redis_loses_its_memory(gameday):
    (region,) = gameday.regions
    with gameday.promising("undisturbed", "jobs_exactly_once", undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Restart(Cache(region))):
            gameday.wait_for(recovered=True)
            gameday.hold(seconds(20))
        gameday.hold(seconds(60))
