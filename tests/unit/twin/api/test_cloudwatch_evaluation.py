"""AWS's own table, row by row and mode by mode.

Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data".
"""

import pytest

from harness.twin.api.cloudwatch.evaluation import STATES, TREATMENTS, decide

# Datapoints, oldest first (0 not breaching, X breaching, - missing), N, M, then the state in each mode of TREATMENTS.
ROWS = [
    ("0-X-X", 3, 3, "OK", "OK", "OK", "OK"),
    ("0----", 3, 3, "OK", "OK", "OK", "OK"),
    ("-----", 3, 3, "INSUFFICIENT_DATA", "retain", "ALARM", "OK"),
    ("0XX-X", 3, 3, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("--X--", 3, 3, "ALARM", "retain", "ALARM", "OK"),
    ("0-X-X", 3, 2, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("00X0X", 3, 2, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0-X--", 3, 2, "OK", "OK", "ALARM", "OK"),
    ("----0", 3, 2, "OK", "OK", "ALARM", "OK"),
    ("---X-", 3, 2, "ALARM", "retain", "ALARM", "OK"),
    # The text below the tables: not yet old enough to be believed.
    ("----X", 3, 3, "INSUFFICIENT_DATA", "retain", "ALARM", "OK"),
    ("---X-", 3, 3, "INSUFFICIENT_DATA", "retain", "ALARM", "OK"),
]


def points(row):
    return [{"0": False, "X": True, "-": None}[mark] for mark in row]


@pytest.mark.parametrize("current", STATES)
@pytest.mark.parametrize("mode", range(4), ids=TREATMENTS)
@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[2]} of {row[1]}" for row in ROWS])
def test_every_row_of_the_documented_table(row, mode, current):
    marks, evaluation_periods, datapoints_to_alarm, *expected = row
    wanted = current if expected[mode] == "retain" else expected[mode]
    assert decide(points(marks), evaluation_periods, datapoints_to_alarm, TREATMENTS[mode], current) == wanted


def test_one_of_one():
    assert decide([None, None, True], 1, 1, "missing", "OK") == "ALARM"
    assert decide([True, True, False], 1, 1, "missing", "ALARM") == "OK"


def test_old_datapoints_are_not_judged_when_there_are_enough_new_ones():
    assert decide(points("XX000"), 3, 1, "missing", "ALARM") == "OK"


def test_one_old_breach_rings_a_two_of_two_with_missing():
    assert decide(points("-X--"), 2, 2, "missing", "OK") == "ALARM"
