import pytest

from harness.clock import Instant, minutes, seconds
from harness.twin.api.cloudwatch.metrics import Cell, Grid, Metric, Sample, Store
from harness.twin.api.cloudwatch.statistics import check, statistic
from harness.twin.calls import AwsError

START = Instant(1_800_000_000 * 10**9)
LAG = Metric.of("us-east-1", "AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": "replica"})


def store(*samples, metric=LAG, unit="Seconds"):
    made = Store()
    made.add(metric, unit, samples)
    return made


def sums(made, grid, unit=None, metric=LAG):
    return [None if cell is None else statistic(cell, "Sum") for cell in made.read(metric, grid, unit)]


def test_a_period_holds_what_begins_in_it():
    made = store(*(Sample(START + seconds(at), 1.0) for at in (0, 59.999, 60, 119, 180)))
    assert sums(made, Grid(START, seconds(60), 4)) == [2.0, 2.0, None, 1.0]


def test_samples_may_come_in_any_order():
    made = store(*(Sample(START + seconds(at), float(at)) for at in (120, 0, 60)))
    assert sums(made, Grid(START, seconds(60), 3)) == [0.0, 60.0, 120.0]


def test_dimensions_must_match_exactly():
    made = store(Sample(START, 1.0))
    grid = Grid(START, seconds(60), 1)
    assert sums(made, grid, metric=Metric.of("us-east-1", "AWS/RDS", "ReplicaLag", {})) == [None]
    assert sums(made, grid, metric=Metric.of("eu-west-1", *("AWS/RDS", "ReplicaLag"), dict(LAG.dimensions))) == [None]
    assert Metric.of("r", "n", "m", {"b": "1", "a": "2"}) == Metric.of("r", "n", "m", {"a": "2", "b": "1"})


def test_short_periods_find_standard_samples_at_the_beginning_of_their_minute_only():
    grid = Grid(START, seconds(10), 6)
    standard = store(*(Sample(START + seconds(at), 1.0) for at in (12, 25, 58)))
    assert sums(standard, grid) == [3.0, None, None, None, None, None]
    fine = store(*(Sample(START + seconds(at), 1.0, high_resolution=True) for at in (12, 25, 58)))
    assert sums(fine, grid) == [None, 1.0, 1.0, None, None, 1.0]
    assert sums(standard, Grid(START, seconds(60), 1)) == sums(fine, Grid(START, seconds(60), 1)) == [3.0]


def test_units_are_kept_apart_and_read_together():
    made = store(Sample(START, 1.0))
    made.add(LAG, "Milliseconds", [Sample(START, 2.0)])
    grid = Grid(START, seconds(60), 1)
    assert (sums(made, grid), sums(made, grid, "Seconds"), sums(made, grid, "Bytes")) == ([3.0], [1.0], [None])


def test_old_samples_are_forgotten():
    made = store(*(Sample(START + seconds(at), 1.0) for at in range(0, 4 * 3600, 10)))
    assert sums(made, Grid(START, minutes(30), 1)) == [None]
    newest = made.newest(LAG)
    assert newest == START + seconds(4 * 3600 - 60)
    kept = sum(value or 0 for value in sums(made, Grid(START, minutes(60), 4)))
    assert 3 * 360 <= kept <= 3 * 360 + 61


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Average", 2.5),
        ("Sum", 10.0),
        ("Minimum", 1.0),
        ("Maximum", 4.0),
        ("SampleCount", 4.0),
        ("p0", 1.0),
        ("p50", 2.5),
        ("p100", 4.0),
        ("p99.9", 3.997),
    ],
)
def test_statistics(name, expected):
    assert statistic(Cell([4.0, 1.0, 3.0, 2.0], [1.0] * 4), name) == pytest.approx(expected)


def test_weights_count():
    cell = Cell([1.0, 10.0], [9.0, 1.0])
    assert statistic(cell, "Average") == pytest.approx(1.9)
    assert statistic(cell, "p50") == 1.0
    assert statistic(cell, "SampleCount") == 10.0


def test_a_statistic_set_has_no_percentiles():
    assert statistic(Cell([1.0], [1.0], summarised=True), "p50") is None


def test_negative_values_have_no_percentiles():
    assert statistic(Cell([-1.0, 1.0], [1.0, 1.0]), "p50") is None
    assert statistic(Cell([-1.0, 1.0], [1.0, 1.0]), "Average") == 0.0


@pytest.mark.parametrize(
    ("name", "code"), [("p101", "ValidationError"), ("Mean", "ValidationError"), ("tm90", "NotImplementedByTwin")]
)
def test_other_statistics_are_refused(name, code):
    with pytest.raises(AwsError) as refused:
        check(name)
    assert refused.value.code == code
