"""The operators bring the writer home after the primary region was lost.

The platform has failed over by itself, and the region is back: its clients with it, its database rebuilt as a
secondary of the standby's. Now the operators fail back by runbook. Clients should not be sent to and fro, nothing may
fail but what needs the writer, and that no longer than AWS documents for a switchover; no acknowledged write is lost.
"""

from harness import FailBack, Lose, minutes, scenario, seconds


@scenario(lasts=minutes(10), gate=True, destructive=True)
def test_nobody_is_cut_off_again_when_the_writer_comes_home(gameday):
    primary, standby = gameday.regions
    promises = ("recovery", "bounded_loss", "automatic", "single_writer", "failback", "writer_home")
    with gameday.promising(*promises), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Lose(primary)):
            gameday.wait_for(serving=standby, writer=standby)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=primary)
        gameday.carry_out(FailBack(primary))
        gameday.wait_for(writer=primary, served=True)
        gameday.hold(seconds(30))
