"""The standby is called up while its Redis is out of reach.

A region that has only stood by has a cold cache, or none. Its tasks start anew without it, and then the primary's load
balancer goes dark: the standby should serve within the objective all the same. One whose tasks refuse to start without
Redis has nothing to take over with, and nobody sees that before the day on which it is needed.
"""

from harness import Blackhole, Cache, LoadBalancer, Service, Stop, Tasks, minutes, scenario, seconds


@scenario(lasts=minutes(4))
def test_the_standby_takes_over_with_a_cold_redis(gameday):
    primary, standby = gameday.regions
    with gameday.promising("ready_standby", "recovery", "no_lost_writes"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(Cache(standby))):
            with gameday.inject(Stop(Tasks(Service(standby, "api-gateway")))):
                gameday.hold(seconds(20))
            with gameday.inject(Blackhole(LoadBalancer(primary))):
                gameday.wait_for(serving=standby)
                gameday.hold(seconds(30))
        gameday.wait_for(healthy=primary)
        gameday.hold(seconds(20))
