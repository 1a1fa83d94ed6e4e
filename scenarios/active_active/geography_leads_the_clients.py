"""Route 53 leads by geography, and the region of one continent goes dark.

Europe has a record of its own; whoever is on a continent without one gets the default. When Europe's region is dark its
record's health check should leave Europe with the default too: without a check it would be led into the dark. Everybody
else should notice nothing, and Europe should be home again once its region is back.
"""

from harness import Blackhole, Geolocate, LoadBalancer, Records, minutes, scenario, seconds


@scenario(lasts=minutes(3))
def test_the_default_serves_when_the_region_of_a_continent_goes_dark(gameday):
    default, european, _ = gameday.regions
    promises = ("recovery", "no_lost_writes", "routing", "undisturbed", "failback")
    with (
        gameday.promising(*promises, undisturbed=gameday.away_from(european)),
        gameday.arranged(Geolocate(Records(), {"EU": european}, default)),
        gameday.traffic(),
    ):
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(LoadBalancer(european))):
            gameday.wait_for(left=european)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=european)
        gameday.hold(seconds(20))
