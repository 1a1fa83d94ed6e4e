"""Run a command as if from a place of the twin: ``python -m harness.twin.enter LOCATION -- COMMAND…``.

LOCATION is a client location (``europe``), a region (``us-east-1``: from its application subnet of zone a) or a subnet
(``us-east-1b-data``). The command gets the place's network and resolver and nothing else of the twin: files, users
and process ids are the host's, so it outlives the twin and can tell of its end. It replaces this process. An ordinary
user can enter the twin that it started, and stays itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import BadInput, GamedayError, TwinFault
from harness.twin.network import kernel
from harness.twin.state import NAMES, RUN, State, folder, write_whole

_USAGE = "python -m harness.twin.enter LOCATION -- COMMAND…"
_EXIT_USAGE, _EXIT_FAULT, _EXIT_NO_COMMAND = 2, 4, 127


def checkout(environment: Mapping[str, str], here: Path) -> Path:
    """Whose twin is meant: $GAMEDAY_HOME, else a working directory that has one, else where this package lies."""
    if "GAMEDAY_HOME" in environment:
        return Path(environment["GAMEDAY_HOME"])
    return here if folder(here).is_dir() else Path(__file__).resolve().parents[2]


def living(home: Path) -> State:
    """The twin of a checkout; raises ``TwinFault`` when none runs."""
    state = State.read(home)
    if state is None or not state.lives:
        raise TwinFault(f"No twin runs in {home}.", "Start one: `gameday twin up`.")
    return state


def resolve(state: State, location: str) -> str:
    """The place that a location means; raises ``BadInput`` when there is none."""
    names = state.inside(NAMES)
    for place in (f"{location}a-app", location):
        if (names / place).exists():
            return place
    known = ", ".join(sorted(path.name for path in names.iterdir()))
    raise BadInput("twin enter", "LOCATION", f"there is no {location} in {state.design}.", f"One of {known}.")


def enter(home: Path, location: str) -> None:
    """Move this thread to a place of the twin and give it that place's resolver."""
    state = living(home)
    place = resolve(state, location)
    # A file of another mount namespace cannot be bound, so the place's resolv.conf is copied out.
    resolver = folder(home) / "resolv" / place
    resolver.parent.mkdir(exist_ok=True)
    write_whole(resolver, (state.inside(RUN) / "resolv" / place).read_text(encoding="ascii"))
    namespace = os.open(state.inside(NAMES) / place, os.O_RDONLY | os.O_CLOEXEC)
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        _become_root_of(state)
    kernel.private_mounts(kernel.MS_SLAVE)
    kernel.bind(resolver, os.path.realpath("/etc/resolv.conf"))
    kernel.setns(namespace, kernel.NEW_NET)
    os.close(namespace)
    if uid != 0:
        kernel.own_user_namespace(0, uid=uid, gid=gid)


def _become_root_of(state: State) -> None:
    """An ordinary user's twin lives in a user namespace, whose root may enter the others; one thread only."""
    space = os.open(f"/proc/{state.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.setns(space, kernel.NEW_USER)
    finally:
        os.close(space)


def main(arguments: Sequence[str]) -> NoReturn:
    """The command line: exit 2 for wrong use, 4 when the place cannot be entered, 127 when there is no such command."""
    if len(arguments) < 3 or arguments[1] != "--":
        sys.stderr.write(f"usage: {_USAGE}\n")
        raise SystemExit(_EXIT_USAGE)
    location, _, *command = arguments
    home = Path.cwd()
    try:
        enter(checkout(os.environ, home), location)
        os.chdir(home)  # a new mount namespace starts from the same tree, and the command from the same folder
    except GamedayError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(_EXIT_USAGE if isinstance(error, BadInput) else _EXIT_FAULT) from error
    except OSError as error:
        sys.stderr.write(f"Cannot enter {location}: {error}. Run as root or as who started the twin, while it is up.\n")
        raise SystemExit(_EXIT_FAULT) from error
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        raise SystemExit(_EXIT_NO_COMMAND) from error


if __name__ == "__main__":
    main(sys.argv[1:])
