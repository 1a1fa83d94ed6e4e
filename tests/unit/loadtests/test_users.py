import json

import pytest

from harness.requests import Outcome
from loadtests.routing import Reply
from loadtests.users import Judged, judge, newest


def answer(status: int, data: object, key: str = "data") -> Reply:
    return Reply(status=status, body=json.dumps({key: data}).encode())


ROW = {"id": "5b", "name": "gd-1"}


@pytest.mark.parametrize(
    ("operation", "reply", "outcome"),
    [
        ("create_trigger", answer(201, ROW), Outcome.GOOD),
        ("create_trigger", answer(200, ROW), Outcome.WRONG_STATUS),
        ("create_trigger", answer(201, {"id": "5b", "name": "gd-2"}), Outcome.WRONG_BODY),
        ("create_trigger", answer(201, {"name": "gd-1"}), Outcome.WRONG_BODY),
        ("create_trigger", answer(201, ROW, "error"), Outcome.WRONG_BODY),
        ("create_trigger", answer(503, ROW), Outcome.WRONG_STATUS),
        ("list_triggers", answer(200, []), Outcome.GOOD),
        ("list_triggers", answer(200, {}), Outcome.WRONG_BODY),
        ("list_triggers", answer(401, []), Outcome.UNAUTHORIZED),
        ("list_triggers", Reply(status=200, body=b"<html>"), Outcome.WRONG_BODY),
        ("list_triggers", Reply(status=200, body=b"[]"), Outcome.WRONG_BODY),
        ("list_triggers", Reply(Outcome.TIMED_OUT), Outcome.TIMED_OUT),
        ("ponder_events", answer(200, [{"id": 1}]), Outcome.GOOD),
        ("ponder_events", answer(200, []), Outcome.WRONG_BODY),
        ("api_key_stats", answer(200, {"total": 0}), Outcome.GOOD),
        ("api_key_stats", answer(200, []), Outcome.WRONG_BODY),
        ("ponder_status", answer(200, {"synced": True}), Outcome.GOOD),
        ("ponder_status", answer(200, []), Outcome.WRONG_BODY),
        ("create_api_key", answer(201, {"id": "5b"}), Outcome.GOOD),
        ("create_api_key", answer(200, {"id": "5b"}), Outcome.WRONG_STATUS),
        ("create_api_key", answer(201, {}), Outcome.WRONG_BODY),
        ("log_in", answer(200, {"token": "t"}), Outcome.GOOD),
        ("log_in", answer(200, {"user": {}}), Outcome.WRONG_BODY),
    ],
)
def test_status_and_body_decide(operation: str, reply: Reply, outcome: Outcome) -> None:
    assert judge(operation, reply, "gd-1").outcome is outcome


@pytest.mark.parametrize(
    ("events", "observed"),
    [
        ([{"created_at": "2026-01-01T00:00:00.000001Z"}], 1_767_225_600_000_001),
        ([{"created_at": "2026-01-01T00:00:00"}, {"created_at": "2025-01-01T00:00:00+00:00"}], 1_767_225_600_000_000),
        ([{"created_at": "2026-01-01T01:00:00+01:00"}], 1_767_225_600_000_000),
        ([{"created_at": 1_767_225_600.5}], 1_767_225_600_500_000),
        ([{"id": 7}, {"id": "12"}], 12),
        ([{"id": "5b"}], 0),
        (["odd"], 0),
        ([{"created_at": "yesterday"}], 0),
    ],
)
def test_the_newest_event_is_observed(events: list[object], observed: int) -> None:
    assert newest(events) == observed


@pytest.mark.parametrize(
    ("operation", "reply", "observed"),
    [
        ("create_trigger", answer(201, {**ROW, "created_at": "2026-01-01T00:00:00.000001Z"}), 1_767_225_600_000_001),
        ("create_trigger", answer(201, ROW), 0),
        ("list_triggers", answer(200, [{"id": "7", "created_at": "2026-01-01T00:00:00Z"}]), 1_767_225_600_000_000),
        ("list_triggers", answer(200, [{"id": "7"}]), 0),
        ("list_triggers", answer(200, []), 0),
        ("ponder_events", answer(200, [{"id": "7"}]), 7),
    ],
)
def test_own_triggers_are_dated_and_only_events_have_ids(operation: str, reply: Reply, observed: int) -> None:
    assert judge(operation, reply, "gd-1") == Judged(Outcome.GOOD, observed)
