"""CloudWatch: metrics, metric math and alarms, in AWS time."""
