"""An operator switches the writer over to another region, as planned.

Nothing may be lost, and everything that needs the writer should be back within the time that AWS documents for it.
"""

from harness import GlobalCluster, Switchover, minutes, scenario, seconds


@scenario(lasts=minutes(4), destructive=True)
def test_nothing_is_lost_when_the_writer_is_switched_over(gameday):
    _, next_writer, _ = gameday.regions
    with gameday.promising("recovery", "no_lost_writes"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Switchover(GlobalCluster(), to=next_writer)):
            gameday.wait_for(writer=next_writer, recovered=True)
            gameday.hold(seconds(30))
        gameday.hold(seconds(15))
