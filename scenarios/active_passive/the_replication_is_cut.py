"""Nothing passes between the two regions any more.

Both live, and clients should notice nothing. The standby falls behind, so its lag alarm should ring; nobody should
promote it, since the primary is well; and it should catch up once the link is back.
"""

from harness import Cut, Link, minutes, scenario, seconds


@scenario(lasts=minutes(4))
def test_the_alarm_rings_and_clients_notice_nothing_when_the_replication_is_cut(gameday):
    primary, standby = gameday.regions
    promises = ("lag_alarm", "undisturbed", "no_lost_writes", "single_writer")
    with gameday.promising(*promises, undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Cut(Link(primary, standby))):
            gameday.wait_for(alarm="replica-lag", state="ALARM")
            gameday.hold(seconds(20))
        gameday.wait_for(alarm="replica-lag", state="OK")
