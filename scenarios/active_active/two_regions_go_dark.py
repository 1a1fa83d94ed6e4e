"""Two of three regions go dark to their clients, one after the other.

The last one should serve everybody, whose writes still reach the writer wherever it is, and everybody should be home
again once the regions are back.
"""

from harness import Blackhole, LoadBalancer, minutes, scenario, seconds


@scenario(lasts=minutes(4), cadence="weekly")
def test_the_last_region_serves_everybody_when_two_go_dark(gameday):
    first, last, third = gameday.regions
    with gameday.promising("recovery", "no_lost_writes", "failback", "automatic"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(LoadBalancer(third))):
            gameday.wait_for(left=third)
            gameday.hold(seconds(15))
            with gameday.inject(Blackhole(LoadBalancer(first))):
                gameday.wait_for(serving=last)
                gameday.hold(seconds(30))
        gameday.wait_for(healthy=first)
        gameday.hold(seconds(20))
