"""A region goes dark, and its clients arrive elsewhere with the tokens that it gave them.

Every region should accept them: whoever is signed out by a failover has not been failed over.
"""

from harness import Blackhole, LoadBalancer, minutes, scenario, seconds


@scenario(lasts=minutes(3), gate=True)
def test_a_token_from_one_region_works_in_the_others(gameday):
    _, dark, _ = gameday.regions
    with gameday.promising("sessions", "recovery"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(LoadBalancer(dark))):
            gameday.wait_for(left=dark)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=dark)
