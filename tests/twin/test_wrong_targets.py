"""Wrong targets are refused, and nothing is touched: the endpoint's own audit holds not one call that changes anything.

Each goes through what ``gameday run`` goes through: the target file, the session, the platform's discovery and the
guard, and the blast radius of the faults.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from harness import session
from harness.cli import _code
from harness.cloud.session import Cloud
from harness.errors import GamedayError
from harness.faults import Fault
from harness.safety.radius import Radius
from harness.session import Options, Session
from harness.verdicts import Exit
from tests.contract.whole import REPOSITORY, Whole, running
from tests.twin.wrong_targets import DARK, EVERY, TOO_MUCH, Wrong

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
TWIN = (REPOSITORY / "targets" / "twin.toml").read_text()
STAGING = (REPOSITORY / "targets" / "staging.example.toml").read_text()
PHASE = "active_passive"
SPEED = 10.0
OURS = "AKIAIOSFODNN7EXAMPLE"
"""The key under which the tests themselves call; whatever has another one was the harness."""
LEAST = 40


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("home")
    for folder in ("scenarios", "targets"):
        (home / folder).symlink_to(REPOSITORY / folder)
    with running(home, design=PHASE, speed=SPEED) as twin, pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "HOME", home)
        patch.setattr(session, "RUNS", home / "reports" / "runs")
        patch.setattr(session, "OBJECTIVES", home / "scenarios" / "objectives.toml")
        # Clients are made once for all targets: that takes longer than the calls.
        patch.setattr(session, "Cloud", partial(Cloud, _clients={}))
        yield twin


def attempt(path: Path, faults: Sequence[Fault]) -> None:
    """All that happens before the first fault is armed, and as much for the ones after it."""
    with Session(Options(path, SPEED)) as asked, ExitStack() as standing:
        radius = Radius(asked.estate(PHASE))
        for fault in faults:
            standing.enter_context(radius.holding(fault))


def calls(trail: Path, since: int) -> list[Mapping[str, Any]]:
    """What the harness called since then, by the endpoint's own audit."""
    with trail.open("rb") as lines:
        lines.seek(since)
        told = [json.loads(line) for line in lines]
    return [one for one in told if one["userIdentity"].get("accessKeyId") not in (None, OURS)]


def changing(told: Sequence[Mapping[str, Any]]) -> list[str]:
    return [one["eventName"] for one in told if not one["readOnly"]]


@pytest.mark.parametrize("wrong", EVERY, ids=lambda wrong: wrong.name)
def test_a_wrong_target_is_refused_and_nothing_is_touched(world: Whole, tmp_path: Path, wrong: Wrong) -> None:
    before, after = wrong.swap
    assert before in TWIN
    path = tmp_path / "wrong.toml"
    path.write_text(TWIN.replace(before, after, 1))
    with wrong.befalls(world):
        since = world.trail.stat().st_size
        with pytest.raises(GamedayError) as caught:
            attempt(path, wrong.faults)
        told = calls(world.trail, since)
    assert _code(caught.value) == wrong.code
    assert wrong.told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert changing(told) == []
    assert bool(told) is wrong.asks


def test_there_are_enough_of_them() -> None:
    names = [wrong.name for wrong in EVERY]
    assert len(set(names)) == len(names)
    assert len(names) + len(CREDENTIALS) >= LEAST


def test_the_right_target_is_let_on_and_its_audit_tells_what_changes(world: Whole, tmp_path: Path) -> None:
    path = tmp_path / "right.toml"
    path.write_text(TWIN)
    since = world.trail.stat().st_size
    attempt(path, [DARK])
    attempt(path, TOO_MUCH[-1].faults)
    told = calls(world.trail, since)
    assert len(told) > 20
    assert changing(told) == []
    with Session(Options(path, SPEED)) as asked:
        cloud = asked.estate(PHASE).cloud
        acl = cloud.call("ec2", "us-east-1", "describe_network_acls")["NetworkAcls"][0]
        made = cloud.call("ec2", "us-east-1", "create_network_acl", VpcId=acl["VpcId"])["NetworkAcl"]["NetworkAclId"]
        cloud.call("ec2", "us-east-1", "delete_network_acl", NetworkAclId=made)
    assert changing(calls(world.trail, since)) == ["CreateNetworkAcl", "DeleteNetworkAcl"]


class _Sts(http.server.BaseHTTPRequestHandler):
    """An endpoint that says one and the same to everything, and remembers what it was asked."""

    asked: list[str]
    says: tuple[int, str]

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status, body = self.says
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _refusal(code: str) -> tuple[int, str]:
    return 403, f"<ErrorResponse><Error><Code>{code}</Code><Message>It is not good.</Message></Error></ErrorResponse>"


def _account(number: str) -> tuple[int, str]:
    told = f"<GetCallerIdentityResult><Account>{number}</Account></GetCallerIdentityResult>"
    return 200, f"<GetCallerIdentityResponse>{told}</GetCallerIdentityResponse>"


@contextmanager
def endpoint(says: tuple[int, str]) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("Handler", (_Sts,), {"asked": asked, "says": says})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


CREDENTIALS = {
    "expired": (_refusal("ExpiredToken"), {}, "Renew the credentials"),
    "invalid": (_refusal("InvalidClientTokenId"), {}, "Check the credentials"),
    "wrongly signed": (_refusal("SignatureDoesNotMatch"), {}, "who we are cannot be told"),
    "denied": (_refusal("AccessDenied"), {}, "who we are cannot be told"),
    "of another account": (_account("210987654321"), {}, "this is account 210987654321"),
    "none": (_account("000000000000"), {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate"),
    "half": (_account("000000000000"), {"AWS_SECRET_ACCESS_KEY": ""}, "who we are cannot be told"),
    "nobody answers": (_account("000000000000"), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
    "no endpoint": (_account("000000000000"), {"AWS_ENDPOINT_URL": "nonsense"}, "Check AWS_ENDPOINT_URL"),
}
"""What an endpoint says to these credentials, what differs in the environment, and what must be told."""


@pytest.mark.parametrize("name", CREDENTIALS)
def test_who_cannot_be_told_is_refused_and_asks_for_nothing_else(
    world: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    says, environment, words = CREDENTIALS[name]
    path = tmp_path / "staging.toml"
    path.write_text(_without_quiet(STAGING))
    with endpoint(says) as (url, asked):
        ordinary = {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_MAX_ATTEMPTS": "1",
        }  # fmt: skip
        for variable, value in (ordinary | environment).items():
            monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable, raising=False)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        monkeypatch.setattr(session, "Cloud", Cloud)
        with pytest.raises(GamedayError) as caught:
            attempt(path, [])
    assert _code(caught.value) == Exit.REFUSED_OR_ABORTED
    assert words in str(caught.value)
    assert all("Action=GetCallerIdentity" in one for one in asked)


def _without_quiet(text: str) -> str:
    """The example for staging, at an hour that is never quiet."""
    head, _, rest = text.partition("[[quiet]]")
    return head + rest[rest.index("[stop]") :]


@pytest.mark.parametrize(
    ("name", "code"),
    [("malformed: quiet.0.zone", 2), ("frozen", 4), ("rds:db in us-east-1 may not be broken", 4)],
)
def test_the_command_line_says_so_in_one_line(world: Whole, tmp_path: Path, name: str, code: int) -> None:
    wrong = next(one for one in EVERY if one.name == name)
    path = tmp_path / "wrong.toml"
    path.write_text(TWIN.replace(*wrong.swap, 1))
    words = ["run", f"{PHASE}/the_primary_load_balancer_goes_dark", "--target", str(path), "--speed", f"{SPEED:g}"]
    environment = {**os.environ, "GAMEDAY_HOME": str(world.home), "PYTHONPATH": str(REPOSITORY)}
    with wrong.befalls(world):
        since = world.trail.stat().st_size
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", *words],
            capture_output=True, text=True, check=False, env=environment, cwd=REPOSITORY, timeout=120,
        )  # fmt: skip
        told = calls(world.trail, since)
    assert done.returncode == code, done.stdout + done.stderr
    assert wrong.told in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert changing(told) == []
