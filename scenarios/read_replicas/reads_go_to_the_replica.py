"""Reads go to the replica and writes to the writer, in calm weather.

It is what the replica is paid for, and nothing shows when it is not so: a route that asks the wrong database works just
as well. So the databases themselves are asked how often each route's own statement ran on them. Events, dashboard and
key statistics belong to the replica; triggers, API keys and signing in to the writer.
"""

from harness import minutes, scenario, seconds


@scenario(lasts=minutes(2), gate=True)
def test_each_route_asks_the_database_that_is_meant_for_it(gameday):
    with gameday.promising("split_reads"), gameday.traffic(every_route=True):
        gameday.steady(seconds(20))
        gameday.count_statements(seconds(60))
