"""The Redis of one of three regions pauses.

It answers nothing for half a minute. Its region should go on serving, the others should notice nothing, and every job
should run exactly once, wherever it was queued.
"""

from harness import Cache, Pause, minutes, scenario, seconds


@scenario(lasts=minutes(2.5))
def test_every_region_goes_on_when_one_redis_pauses(gameday):
    _, region, _ = gameday.regions
    with gameday.promising("undisturbed", "jobs_exactly_once", undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Pause(Cache(region), span=seconds(30))):
            gameday.hold(seconds(30))
        gameday.hold(seconds(60))
