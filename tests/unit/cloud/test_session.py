"""A call's own parameters may have any name that AWS gave them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.cloud.session import Cloud


@pytest.mark.parametrize("name", ["service", "region", "operation", "role"])
def test_a_parameter_may_be_called_as_one_of_ours(monkeypatch, name):
    client = SimpleNamespace(update_service=lambda **given: given)
    monkeypatch.setattr(Cloud, "_client", lambda *_: client)
    assert Cloud().call("ecs", "us-east-1", "update_service", **{name: "api-gateway"}) == {name: "api-gateway"}
