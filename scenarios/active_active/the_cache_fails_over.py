"""The cache beside the writer gives up its writes.

Another node takes them: a replica in the region or, where a Global Datastore leaves no other choice, the next region's.
The region's services go on using the cache under its own name. The API should go on, and every job should run exactly
once: a cache that can only be read takes no job.
"""

from harness import Cache, Failover, minutes, scenario, seconds


@scenario(lasts=minutes(8))
def test_no_job_is_lost_or_doubled_when_the_cache_fails_over(gameday):
    region = gameday.regions[0]
    with gameday.promising("undisturbed", "jobs_exactly_once", undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Failover(Cache(region))):
            gameday.hold(seconds(60))
        gameday.hold(seconds(60))
