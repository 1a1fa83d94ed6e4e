"""Being somebody else: as root by becoming that user, in a user namespace by a nested one that calls us so.

An ordinary user's twin runs in a user namespace that knows one user only, its own, as root. PostgreSQL refuses to be
root, so it gets a namespace in that one, where the same user has PostgreSQL's number.
"""

from __future__ import annotations

import functools
import os
import pwd
from collections.abc import Sequence
from pathlib import Path

_UID_MAP = Path("/proc/self/uid_map")


@functools.cache
def _exists_here(uid: int) -> bool:
    """Whether this process's user namespace has that user."""
    ranges = [[int(word) for word in line.split()] for line in _UID_MAP.read_text(encoding="ascii").splitlines()]
    return any(first <= uid < first + count for first, _, count in ranges)


def as_user(user: str, command: Sequence[str]) -> list[str]:
    """The command as that user when this process is root, else as it is. ``KeyError`` when there is no such user."""
    if os.geteuid() != 0:
        return list(command)
    entry = pwd.getpwnam(user)
    if _exists_here(entry.pw_uid):
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *command]
    return ["unshare", "--user", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}", "--", *command]


def hand_over(path: Path, user: str) -> None:
    """Let that user own ``path`` when this process is root; in a namespace of one user it owns everything already."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        if _exists_here(entry.pw_uid):
            os.chown(path, entry.pw_uid, entry.pw_gid)
