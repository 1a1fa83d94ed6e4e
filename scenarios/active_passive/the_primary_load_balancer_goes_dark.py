"""The serving region's load balancer goes dark.

Packets to it are dropped, not refused, so clients hang instead of failing fast. Health checks should notice, DNS should
send clients to the standby, no acknowledged write may be missing afterwards, and once the load balancer is back, so
should be its clients.
"""

from harness import Blackhole, LoadBalancer, minutes, scenario, seconds


@scenario(lasts=minutes(3), gate=True)
def test_the_standby_serves_when_the_primary_load_balancer_goes_dark(gameday):
    primary, standby = gameday.regions
    promises = ("recovery", "no_lost_writes", "routing", "failback", "automatic")
    with gameday.promising(*promises), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(LoadBalancer(primary))):
            gameday.wait_for(serving=standby)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=primary)
        gameday.hold(seconds(20))
