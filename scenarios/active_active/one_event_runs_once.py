"""One event, three regions.

Every region's processor hears of every event. The one beside the writer stops, so that the two far ones look at each
event at nearly the same moment. One of them should queue its job, in a cache that takes it: two would run it twice, and
a region whose cache can only be read would lose it.
"""

from harness import Service, Stop, minutes, scenario, seconds


@scenario(lasts=minutes(4.5))
def test_one_event_runs_its_job_once_in_three_regions(gameday):
    near = gameday.regions[0]
    with gameday.promising("jobs_exactly_once"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Service(near, "event-processor"))):
            gameday.hold(seconds(60))
        gameday.hold(seconds(45))
