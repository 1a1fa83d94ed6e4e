import pytest

from harness.twin.api.cloudwatch.expression import parse
from harness.twin.api.cloudwatch.functions import Context
from harness.twin.calls import AwsError

START = 1_800_000_000.0  # a Friday, 2027-01-15T08:00:00Z
CONTEXT = Context(
    {"m1": (1.0, 2.0, None, 4.0), "m2": (4.0, 0.0, 1.0, 2.0), "other": (9.0,) * 4}, ("m1", "m2"), 60.0, 4, START
)


def value(source):
    expression = parse(source)
    return expression.series(expression.value(CONTEXT))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 * 3 ^ 2", 18.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("10 - 4 - 3", 3.0),
        ("12 / 4 / 3", 1.0),
        ("7 % 4", 3.0),
        ("1 + 1 == 2", 1.0),
        ("1 > 2 || 3 > 2 && 2 > 1", 1.0),
        ("1 OR 0 AND 0", 1.0),
        ("(1 OR 0) AND 0", 0.0),
        ("1 < 2 < 3", 1.0),
        ("!1", 0.0),
        ("!(1 > 2)", 1.0),
        ("1.5e1 + .5", 15.5),
        ("1/0", None),
        ("CEIL(1.2) + FLOOR(1.8) + ABS(-1)", 4.0),
    ],
)
def test_numbers_and_precedence(source, expected):
    assert value(f"TIME_SERIES({source})") == (expected,) * 4


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("m1", (1.0, 2.0, None, 4.0)),
        ("m1 + m2", (5.0, 2.0, 1.0, 6.0)),
        ("m1 / m2", (0.25, None, 0.0, 2.0)),
        ("m1 > 1", (0.0, 1.0, None, 1.0)),
        ("FILL(m1, 0)", (1.0, 2.0, 0.0, 4.0)),
        ("FILL(m1, REPEAT)", (1.0, 2.0, 2.0, 4.0)),
        ("FILL(m1, LINEAR)", (1.0, 2.0, 3.0, 4.0)),
        ("FILL(m1, m2)", (1.0, 2.0, 1.0, 4.0)),
        ("MAX([m1, m2])", (4.0, 2.0, 1.0, 4.0)),
        ("MIN([m1, 2])", (1.0, 2.0, 2.0, 2.0)),
        ("SUM(METRICS())", (5.0, 2.0, 1.0, 6.0)),
        ('SUM(METRICS("m2"))', (4.0, 0.0, 1.0, 2.0)),
        ("AVG([m1, m2])", (2.5, 1.0, 0.5, 3.0)),
        ("m2 - AVG(m2)", (2.25, -1.75, -0.75, 0.25)),
        ("TIME_SERIES(MAX(m1))", (4.0,) * 4),
        ("SUM(2 * [m1, m2])", (10.0, 4.0, 2.0, 12.0)),
        ("SUM(other - [m1, m2])", (13.0, 16.0, 17.0, 12.0)),
        ("DIFF(m1)", (None, 1.0, None, 2.0)),
        ("RATE(m1)", (None, 1 / 60, None, 2 / 120)),
        ("DIFF_TIME(m1)", (None, 60.0, None, 120.0)),
        ("0 * m2 + PERIOD(m1)", (60.0,) * 4),
        ("RUNNING_SUM(m1)", (1.0, 3.0, None, 7.0)),
        ("DATAPOINT_COUNT([m1, m2])", (2.0, 2.0, 1.0, 2.0)),
        ("STDDEV([m1, m2])", (1.5, 1.0, 0.0, 1.0)),
        ("LAST(METRICS())", (4.0, 0.0, 1.0, 2.0)),
        ("LOG10(10 * other / 9)", (1.0,) * 4),
        ("MINUTE(m1)", (0.0, 1.0, 2.0, 3.0)),
        ("100 * DAY(m1) + HOUR(m1)", (508.0,) * 4),
        ("EPOCH(m1)", (START, START + 60, START + 120, START + 180)),
        ("IF(m1 > 1, m2)", (None, 0.0, None, 2.0)),
        ("IF(m2, m1, 7)", (1.0, 7.0, 0.0, 4.0)),
        ("IF(other > 9, 1, 2)", (2.0,) * 4),
    ],
)
def test_series(source, expected):
    assert value(source) == pytest.approx(expected) if None not in expected else value(source) == expected


@pytest.mark.parametrize(
    "source", ["", "1 +", "(1", "m1 m2", "NOPE(m1)", "M1", "1 $ 2", "FILL(m1)", "'a'", "MAX(m1)", "1 + 1"]
)
def test_what_is_no_expression_is_refused(source):
    with pytest.raises(AwsError) as refused:
        value(source)
    assert refused.value.code == "ValidationError"


def test_the_documented_comparisons_of_sparse_series():
    """The table of operators in AWS's page: a missing value counts as 0 beside one that is there."""
    context = Context({"a": (30.0, 20.0, 0.0, 0.0), "b": (20.0, None, 20.0, None)}, ("a", "b"), 60.0, 4)
    for source, expected in (
        ("(a < b)", (0.0, 0.0, 1.0, 0.0)),
        ("(a >= 30)", (1.0, 0.0, 0.0, 0.0)),
        ("(a > 15 AND b > 15)", (1.0, 0.0, 0.0, 0.0)),
    ):
        assert parse(source).value(context) == expected


def test_the_documented_forms_of_if():
    metrics = {
        "a": (1.0, 1.0, 0.0, 0.0, None),
        "b": (30.0, None, 0.0, 0.0, 30.0),
        "c": (0.0, 0.0, 20.0, None, 20.0),
    }
    context = Context(metrics, ("a", "b", "c"), 60.0, 5)
    for source, expected in (
        ("IF(a, b, c)", (30.0, 0.0, 20.0, None, None)),
        ("IF(a, 5, c)", (5.0, 5.0, 20.0, None, None)),
        ("IF(a, b, 5)", (30.0, 0.0, 5.0, 5.0, None)),
        ("IF(1, b, c)", metrics["b"]),
    ):
        assert parse(source).value(context) == expected


def test_arrays_of_series_are_no_result_on_the_twin():
    with pytest.raises(AwsError) as refused:
        value("[m1, m2]")
    assert refused.value.code == "NotImplementedByTwin"


def test_what_the_twin_lacks_says_so():
    with pytest.raises(AwsError) as refused:
        parse("ANOMALY_DETECTION_BAND(m1)")
    assert refused.value.code == "NotImplementedByTwin"


def test_names_that_are_used():
    expression = parse("m1 + IF(m2 > 1, other)")
    assert expression.uses == {"m1", "m2", "other"}
    assert not expression.uses_all_metrics
    assert parse("SUM(METRICS())").uses_all_metrics


@pytest.mark.timeout(5)
def test_deep_nesting_is_read():
    assert value("(" * 60 + "other" + ")" * 60) == (9.0,) * 4
