"""May we? The live account, its tags and the hour against the target file; any doubt refuses before anything is done.

*Who are we* (``recognise``) is asked before everything, an undo too. *Is it the right platform* (``admit``): once it is
discovered. *May anything be broken now* (``permit``): at the start of a session, of each scenario and before each
injection, since the hour comes and files appear meanwhile. *How much at once*: see ``harness.safety.radius``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import undo
from harness.clock import Anchor, Instant
from harness.cloud import discovery, doubts
from harness.cloud.discovery import Platform
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.errors import CloudFault, Refused
from harness.safety import notices, production, quiet
from harness.target import Role, Target
from harness.undo import Armed

_LOG = logging.getLogger("gameday.guard")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")


def recognise(cloud: Cloud, target: Target, region: str) -> None:
    """Hold the live accounts, as a region tells them, against the target file; an undo asks no more: it only puts back.

    Raises ``Refused`` when one is another or cannot be told, as which role ever we call: no credentials, expired or
    invalid ones, an endpoint that does not answer.
    """
    for role in dict.fromkeys((None, *cloud.roles)):
        whose = f" of {role.arn}" if role else ""
        account = _account(cloud, region, role, whose)
        expected = (role.account,) if role else _own_accounts(target)
        if account not in expected:
            named = " or ".join(expected)
            raise Refused(f"this is account {account}{whose}, the target file says {named}.", "Check credentials.")


def _account(cloud: Cloud, region: str, role: Role | None, whose: str) -> str:
    try:
        return cloud.account(region, role)
    except CloudFault as error:
        remedy = "Renew the credentials." if error.code in _EXPIRED else "Check the credentials and the network."
        raise Refused(f"who we are{whose} cannot be told: {error.message}", error.remedy or remedy) from error
    except ValueError as error:  # botocore's own word for an endpoint that is no URL
        raise Refused(f"who we are cannot be told: {error}", "Check AWS_ENDPOINT_URL.") from error


def _own_accounts(target: Target) -> tuple[str, ...]:
    """Where our own credentials may be from: where a role takes every call, any account that the file names."""
    hub = any(not role.rank for role in target.roles)
    return (target.target.account, *(target.target.accounts if hub else ()))


def admit_survivors(cloud: Cloud, target: Target, platform: Platform) -> None:
    """Hold the account and all that carries our tags against the target file, in the regions that answer.

    Raises ``Refused`` when the account is another, its alias or a resource speaks of production, one that carries our
    tags lacks ``gameday:allowed = true``, or it is not clear who plays which part.
    """
    for region in platform.regions:
        recognise(cloud, target, region.name)
    _no_production_alias(cloud)
    tagged = {region.name: discovery.tagged(cloud, target, region.name) for region in platform.regions}
    for found in tagged.values():
        for arn, tags in found.items():
            said = production.spoken_of([arn, *tags, *tags.values()])
            if said is not None:
                raise Refused(f"{arn} speaks of production: {said}.", "Production is never a target.")
            if tags.get("gameday:allowed") != "true":
                raise Refused(f"{arn} is not tagged gameday:allowed=true.", "Tag it, if it may be broken.")
    for doubt in doubts.found(cloud, target, platform, tagged):
        raise Refused(f"{doubt}.", "Mend the tags or the target file: any doubt refuses.")


def admit(cloud: Cloud, target: Target, platform: Platform) -> None:
    """The same for a platform that is whole: it must have a database that takes writes as well."""
    admit_survivors(cloud, target, platform)
    wrong = doubts.writer(cloud, platform)
    if wrong is not None:
        raise Refused(f"{wrong}.", "Wait until the database is available.")


def _no_production_alias(cloud: Cloud) -> None:
    """Refuse an account whose alias speaks of production.

    Who may not read the alias (``iam:ListAccountAliases``) is let on, and it is logged: the alias only says again what
    the account's number has said already. So is one whom IAM does not answer while its region is lost.
    """
    try:
        aliases = cloud.call("iam", GLOBAL_REGION, "list_account_aliases")["AccountAliases"]
    except CloudFault as error:
        if error.code not in (*_DENIED, "Unreachable"):
            raise Refused(f"the account's alias cannot be told: {error.message}", "Allow it, or deny it.") from error
        _LOG.warning("the account's alias is not known: %s", error.message)
        return
    said = production.spoken_of(aliases)
    if said is not None:
        raise Refused(f"the account is called {said}.", "Production is never a target.")


def permit(target: Target, home: Path) -> None:
    """May anything be broken now? ``home``: the checkout, in which the freeze file and the stop file would be.

    Quiet hours are by the machine's own wall clock, at whatever speed a twin runs. Raises ``Refused``.
    """
    hours = quiet.holding((one.hours for one in target.quiet), Instant(Anchor.now().epoch_nanoseconds))
    if hours is not None:
        raise Refused(f"these are quiet hours: {hours}.", "Wait until they are over.")
    for field, name in (("limits.freeze_file", target.limits.freeze_file), ("stop.file", target.stop.file)):
        told = notices.posted(home / name)
        if told is not None:
            raise Refused(f"{home / name} is there ({field}): {told}.", "Remove it when game days may go on.")


def nothing_pending(runs: Path, is_moot: Callable[[Path], bool]) -> None:
    """Refuse to start while an earlier run left something to undo; ``is_moot`` says of a run that its world is gone."""
    for journal in sorted(runs.glob("*/*/undo.jsonl")):
        waiting = undo.pending(journal)
        if waiting and not is_moot(journal.parent):
            raise left_behind(f"{journal.parent.parent.name}/{journal.parent.name}", waiting)


def left_behind(run: str, waiting: Sequence[Armed]) -> Refused:
    """That nothing may begin while a run left these acts to undo."""
    return Refused(f"{run} left {len(waiting)} act(s) to undo: {waiting[0].act}.", f"Run `gameday undo {run}`.")
