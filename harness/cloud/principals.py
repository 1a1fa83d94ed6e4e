"""Who we are when we call AWS: our own credentials, or a role of another account, renewed before its time is over.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from harness.cloud.trail import Listener, overhear

if TYPE_CHECKING:  # the dead man's switch has boto3, and not what reads target files
    from harness.target import Role

_STS_REGION = "us-east-1"


class _Assumed(CredentialProvider):
    """Gives a session the credentials of a role and nothing that it would find elsewhere."""

    METHOD = "assume-role"

    def __init__(self, credentials: DeferredRefreshableCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Any:
        """The credentials, which renew themselves a quarter of an hour before their hour is over."""
        return self._credentials


def meant_for(roles: Sequence[Role], service: str, region: str) -> Role | None:
    """The role that a call goes as: of those that fit the one that names most; ``None``: our own credentials.

    The target file is refused where two that are equally specific fit one call.
    """
    fitting = [role for role in roles if role.fits(service, region)]
    return max(fitting, key=lambda role: role.rank, default=None)


def assumed(
    role: Role, purpose: str, keys: Mapping[str, str | None], options: Mapping[str, Any], tell: Listener
) -> boto3.Session:
    """A session whose every client is that role, assumed at the first call by our own credentials.

    ``keys`` are ours, as boto3 names them (without any it finds them itself); ``options`` are those of every client;
    ``tell`` hears of each time that the role is assumed. Raises botocore's ``NoCredentialsError``.
    """
    own: Any = boto3.Session(**keys).get_credentials()  # type: ignore[arg-type]
    if own is None:
        raise NoCredentialsError
    home = role.regions[0] if role.regions else _STS_REGION
    extra = {"RoleSessionName": purpose} | ({"ExternalId": role.external_id} if role.external_id else {})

    def create(service: str, **more: Any) -> Any:
        client: Any = boto3.client(service, region_name=home, **options, **more)  # type: ignore[call-overload]
        overhear(client, home, tell)
        return client

    fetcher = AssumeRoleCredentialFetcher(create, own, role.arn, extra_args=extra)
    session = Session()
    # The models of AWS's services are read once a process: that takes longer than any call.
    session.register_component("data_loader", _loader())
    credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, _Assumed.METHOD)
    session.register_component("credential_provider", CredentialResolver([_Assumed(credentials)]))
    return boto3.Session(botocore_session=session)


@functools.cache
def _loader() -> Loader:
    return create_loader()
