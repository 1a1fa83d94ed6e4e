"""The read replica falls behind.

It applies every change two minutes late. The lag alarm must have been silent before, ring for the right reason in the
time that its own periods allow, tell its subscribers, and fall silent again afterwards. Reads may be as late as the
replica, and no later.
"""

from harness import Lag, Replica, minutes, scenario, seconds


@scenario(lasts=minutes(3), gate=True)
def test_the_lag_alarm_rings_and_falls_silent_when_the_replica_falls_behind(gameday):
    (region,) = gameday.regions
    with gameday.promising("lag_alarm", "bounded_staleness", "no_lost_writes"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Lag(Replica(region), delay=minutes(2))):
            gameday.wait_for(alarm="replica-lag", state="ALARM")
            gameday.hold(seconds(20))
        gameday.wait_for(alarm="replica-lag", state="OK")
