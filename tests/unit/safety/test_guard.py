"""Who we are and whether anything may be broken now, with a cloud that says what it is told to."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pytest

from harness import target
from harness.cloud.session import Cloud
from harness.errors import CloudFault, Refused
from harness.safety import guard
from harness.target import Role

TWIN = target.load(Path(__file__).resolve().parents[3] / "targets" / "twin.toml")


class Says:
    """Answers every call alike, or fails."""

    roles: tuple[Role, ...] = ()

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer

    def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def account(self, region: str, role: Role | None) -> str:
        return str(self.call(region, role)["Account"])


def says(answer: dict[str, Any] | Exception) -> Cloud:
    return cast(Cloud, Says(answer))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"Account": "210987654321"}, "this is account 210987654321, the target file says 123456789012"),
        (CloudFault("sts", "ExpiredToken", "The token has expired"), "has expired. Renew the credentials"),
        (CloudFault("sts", "InvalidClientTokenId", "The token is invalid"), "invalid. Check the credentials"),
        (CloudFault("sts", "Unreachable", "Unable to locate credentials"), "who we are cannot be told: sts"),
        (ValueError("Invalid endpoint: nonsense"), "Invalid endpoint: nonsense. Check AWS_ENDPOINT_URL"),
    ],
)
def test_who_we_are_must_be_told_and_be_right(answer, told):
    with pytest.raises(Refused) as caught:
        guard.recognise(says(answer), TWIN, "us-east-1")
    assert told in str(caught.value)


def test_an_alias_that_speaks_of_production_is_refused_and_one_that_may_not_be_read_is_logged(caplog):
    guard._no_production_alias(says({"AccountAliases": ["agentauri-staging"]}))
    with pytest.raises(Refused, match="the account is called agentauri-production"):
        guard._no_production_alias(says({"AccountAliases": ["agentauri-production"]}))
    with pytest.raises(Refused, match="cannot be told"):
        guard._no_production_alias(says(CloudFault("iam", "ServiceFailure", "it failed")))
    with caplog.at_level(logging.WARNING, "gameday.guard"):
        guard._no_production_alias(says(CloudFault("iam", "AccessDenied", "not yours")))
    assert "not yours" in caplog.text


def test_nothing_stands_in_the_way_of_an_ordinary_hour(tmp_path):
    guard.permit(TWIN, tmp_path)


@pytest.mark.parametrize("file", ["FREEZE", "STOP"])
def test_a_notice_refuses_and_is_quoted(tmp_path, file):
    (tmp_path / file).write_text("release week\n")
    with pytest.raises(Refused, match=r'is there .*: "release week"'):
        guard.permit(TWIN, tmp_path)


def test_the_notices_may_have_other_names(tmp_path):
    (tmp_path / "FREEZE").write_text("")
    elsewhere = TWIN.model_copy(update={"limits": target.Limits(freeze_file="docs/frozen")})
    guard.permit(elsewhere, tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "frozen").write_text("")
    with pytest.raises(Refused, match=r"limits\.freeze_file"):
        guard.permit(elsewhere, tmp_path)


def test_quiet_hours_refuse(tmp_path):
    always = target.Quiet.model_validate({"from": "00:00", "until": "24:00", "zone": "Europe/Berlin"})
    with pytest.raises(Refused, match="quiet hours: 00:00 to 24:00 Europe/Berlin, every day"):
        guard.permit(TWIN.model_copy(update={"quiet": (always,)}), tmp_path)
