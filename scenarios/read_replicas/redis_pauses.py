"""Redis pauses.

It keeps its connections and answers nothing for half a minute. The API should keep serving, since rate limits and
cached roles can do without, and every job, queued before, during or after, should run exactly once.
"""

from harness import Cache, Pause, minutes, scenario, seconds


@scenario(lasts=minutes(2.5), gate=True)
def test_the_service_goes_on_and_every_job_runs_once_when_redis_pauses(gameday):
    (region,) = gameday.regions
    with gameday.promising("undisturbed", "jobs_exactly_once", undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Pause(Cache(region), span=seconds(30))):
            gameday.hold(seconds(30))
        gameday.hold(seconds(60))
