"""Who we are, as which role ever, against what the target file says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import target
from harness.errors import CloudFault, Refused
from harness.safety import guard
from harness.target import Role

TWIN = target.load(Path(__file__).resolve().parents[3] / "targets" / "twin.toml")
OWN = TWIN.target.account
ROLE = Role(arn="arn:aws:iam::111111111111:role/dns", services=("route53",))
ALL = Role(arn="arn:aws:iam::111111111111:role/all")


@dataclass
class Live:
    """What AWS says that we are, by role."""

    accounts: dict[Role | None, str]
    roles: tuple[Role, ...] = ()
    asked: list[Role | None] = field(default_factory=list)

    def account(self, region: str, role: Role | None) -> str:
        self.asked.append(role)
        if not self.accounts[role]:
            raise CloudFault("sts.get_caller_identity", "AccessDenied", "No.", "Mend it.")
        return self.accounts[role]


def named(*roles: Role, accounts: tuple[str, ...] = ()) -> target.Target:
    identity = TWIN.target.model_copy(update={"accounts": accounts})
    return TWIN.model_copy(update={"target": identity, "roles": roles})


def test_every_role_is_asked():
    live = Live({None: OWN, ROLE: ROLE.account}, (ROLE,))
    guard.recognise(live, named(ROLE), "us-east-1")
    assert live.asked == [None, ROLE]


@pytest.mark.parametrize(
    ("live", "says"),
    [
        (Live({None: "222222222222"}), f"this is account 222222222222, the target file says {OWN}"),
        (Live({None: OWN, ROLE: OWN}, (ROLE,)), f"account {OWN} of {ROLE.arn}, the target file says 111111111111"),
        (Live({None: OWN, ROLE: ""}, (ROLE,)), f"who we are of {ROLE.arn} cannot be told"),
        (Live({None: "111111111111", ROLE: ROLE.account}, (ROLE,)), f"says {OWN}"),
    ],
)
def test_another_account_is_refused(live, says):
    with pytest.raises(Refused) as caught:
        guard.recognise(live, named(ROLE, accounts=("111111111111",)), "us-east-1")
    assert says in str(caught.value)


def test_where_a_role_makes_every_call_we_may_come_from_any_account_that_is_named():
    live = Live({None: "333333333333", ALL: ALL.account}, (ALL,))
    guard.recognise(live, named(ALL, accounts=("111111111111", "333333333333")), "us-east-1")
    with pytest.raises(Refused):
        guard.recognise(live, named(ALL, accounts=("111111111111",)), "us-east-1")


def test_what_to_do_is_told_where_it_is_known():
    with pytest.raises(Refused, match=r"Mend it\."):
        guard.recognise(Live({None: ""}), named(), "us-east-1")
