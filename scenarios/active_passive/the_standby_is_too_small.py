"""The standby is called up under full load, and is too small for it.

Somebody saved a task there: one runs where twice the usual traffic needs two. Then the primary's load balancer goes
dark. A task that gets more than it can do is slow first and then refuses, so that the platform should bring the standby
to full size by itself, before anybody has to be woken.
"""

from harness import Blackhole, LoadBalancer, Service, Shrink, minutes, scenario, seconds


@scenario(lasts=minutes(4), gate=True)
def test_the_standby_grows_with_the_load_that_it_takes_over(gameday):
    primary, standby = gameday.regions
    with gameday.promising("ready_standby", "recovery", "no_lost_writes"), gameday.traffic(times=2):
        gameday.steady(seconds(20))
        with (
            gameday.inject(Shrink(Service(standby, "api-gateway"), to=1)),
            gameday.inject(Blackhole(LoadBalancer(primary))),
        ):
            gameday.wait_for(serving=standby)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=primary)
        gameday.hold(seconds(20))
