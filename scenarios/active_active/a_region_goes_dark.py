"""One of three regions goes dark to its clients.

Its load balancer drops every packet. Its clients should be served by the next nearest region, clients elsewhere should
notice nothing, no acknowledged write may be missing, and everybody should be home again once the region is back.
"""

from harness import Blackhole, LoadBalancer, minutes, scenario, seconds


@scenario(lasts=minutes(8))
def test_the_next_nearest_region_serves_when_one_goes_dark(gameday, region_index):
    dark = gameday.regions[region_index]
    promises = ("recovery", "no_lost_writes", "routing", "undisturbed", "failback", "automatic")
    with gameday.promising(*promises, undisturbed=gameday.away_from(dark)), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(LoadBalancer(dark))):
            gameday.wait_for(left=dark)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=dark)
        gameday.hold(seconds(20))
