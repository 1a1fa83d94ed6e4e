"""Route 53's control plane is down while a region goes dark.

Its API lives in one region. Health checks and answers do not need it, so clients should be led away from the dark
region all the same: a failover that needs somebody to change a record would now be impossible.
"""

from harness import Blackhole, ControlPlane, LoadBalancer, Lose, minutes, scenario, seconds


@scenario(lasts=minutes(3))
def test_clients_are_led_away_when_the_control_plane_is_down_as_well(gameday):
    _, dark, _ = gameday.regions
    with gameday.promising("recovery", "no_lost_writes", "failback", "automatic"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Lose(ControlPlane())):
            gameday.hold(seconds(10))
            with gameday.inject(Blackhole(LoadBalancer(dark))):
                gameday.wait_for(left=dark)
                gameday.hold(seconds(30))
        gameday.wait_for(healthy=dark)
        gameday.hold(seconds(20))
