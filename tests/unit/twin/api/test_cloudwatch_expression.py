import pytest

from harness.twin.api.cloudwatch.expression import parse
from harness.twin.api.cloudwatch.functions import Context
from harness.twin.calls import AwsError

CONTEXT = Context({"m1": (1.0, 2.0, None, 4.0), "m2": (4.0, 0.0, 1.0, 2.0), "other": (9.0,) * 4}, ("m1", "m2"), 60.0, 4)


def value(source):
    return parse(source).evaluate(CONTEXT)


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
        ("IF(0, 1, 2)", 2.0),
        ("1/0", None),
        ("CEIL(1.2) + FLOOR(1.8) + ABS(-1)", 4.0),
    ],
)
def test_numbers_and_precedence(source, expected):
    assert value(source) == (expected,) * 4


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("m1", (1.0, 2.0, None, 4.0)),
        ("m1 + m2", (5.0, 2.0, None, 6.0)),
        ("m1 / m2", (0.25, None, None, 2.0)),
        ("m1 > 1", (0.0, 1.0, None, 1.0)),
        ("FILL(m1, 0)", (1.0, 2.0, 0.0, 4.0)),
        ("FILL(m1, REPEAT)", (1.0, 2.0, 2.0, 4.0)),
        ("FILL(m1, LINEAR)", (1.0, 2.0, 3.0, 4.0)),
        ("FILL(m1, m2)", (1.0, 2.0, 1.0, 4.0)),
        ("MAX([m1, m2])", (4.0, 2.0, 1.0, 4.0)),
        ("MIN([m1, 2])", (1.0, 2.0, 2.0, 2.0)),
        ("SUM(METRICS())", (5.0, 2.0, 1.0, 6.0)),
        ('SUM(METRICS("m2"))', (4.0, 0.0, 1.0, 2.0)),
        ("AVG([m1, m2])", (2.5, 1.0, 1.0, 3.0)),
        ("m2 - AVG(m2)", (2.25, -1.75, -0.75, 0.25)),
        ("MAX(m1)", (4.0,) * 4),
        ("SUM(2 * [m1, m2])", (10.0, 4.0, 2.0, 12.0)),
        ("DIFF(m1)", (None, 1.0, None, 2.0)),
        ("RATE(m1)", (None, 1 / 60, None, 2 / 120)),
        ("PERIOD(m1)", (60.0,) * 4),
        ("IF(m1 > 1, m2)", (None, 0.0, None, 2.0)),
        ("IF(m2, m1, 7)", (1.0, 7.0, None, 4.0)),
    ],
)
def test_series(source, expected):
    assert value(source) == pytest.approx(expected) if None not in expected else value(source) == expected


@pytest.mark.parametrize("source", ["", "1 +", "(1", "m1 m2", "NOPE(m1)", "M1", "1 $ 2", "FILL(m1)", "[m1, m2]", "'a'"])
def test_what_is_no_expression_is_refused(source):
    with pytest.raises(AwsError) as refused:
        value(source)
    assert refused.value.code == "ValidationError"


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
    assert value("(" * 60 + "1" + ")" * 60) == (1.0,) * 4
