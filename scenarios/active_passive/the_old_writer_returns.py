"""The old writer returns, and there are clients who never left it.

They ignore what DNS says and keep to the address of the lost region. Once it is back, with another region's database
promoted meanwhile, its old writer must not take a single row of theirs.
"""

from harness import Lose, minutes, scenario, seconds


@scenario(lasts=minutes(6), destructive=True)
def test_the_old_writer_takes_no_write_when_it_returns(gameday):
    primary, standby = gameday.regions
    with gameday.promising("single_writer", "bounded_loss"), gameday.traffic(clients="stubborn"):
        gameday.steady(seconds(20))
        with gameday.inject(Lose(primary)):
            gameday.wait_for(writer=standby)
            gameday.hold(seconds(30))
        gameday.hold(seconds(60))
