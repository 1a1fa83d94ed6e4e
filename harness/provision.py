"""Set-up, in one place: what is needed, whether it is there, and how it is installed. Standard library only.

``python3 -m harness.provision`` installs what is missing and does nothing the second time, with ``tests`` what only the
tests need as well; ``gameday doctor`` prints the same list as a table.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
VENV = HOME / ".venv"
REPORTS = HOME / "reports"
_SYSTEM_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Need:
    """One thing that the project needs. ``find`` answers where it is, or ``None``."""

    name: str
    purpose: str
    find: Callable[[], str | None]
    package: str = ""
    remedy: str = ""


class Missing(Exception):
    """Something cannot be installed; the message names the command that would."""


def program(*names: str) -> Callable[[], str | None]:
    """Finds the first of these commands on the path or in the system's folders."""

    def find() -> str | None:
        paths = os.environ.get("PATH", "") + ":" + _SYSTEM_PATHS
        return next((found for name in names if (found := shutil.which(name, path=paths))), None)

    return find


def postgres() -> str | None:
    """The newest PostgreSQL server's folder of programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    return str(found[-1].parent) if found else None


def fonts() -> str | None:
    """A font for pages, without which Chromium shows none of their words."""
    found = sorted(Path("/usr/share/fonts/truetype").glob("dejavu/DejaVuSans.ttf"))
    return str(found[0].parent) if found else None


def ensurepip() -> str | None:
    """Debian splits the parts of Python that make virtual environments into a package of their own."""
    done = subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, check=False)
    return sys.executable if done.returncode == 0 else None


def environment() -> str | None:
    """The virtual environment, when it was made from the present lock file."""
    return str(VENV) if _stamp(VENV) == _digest(*_LOCKS) else None


def node() -> str | None:
    """Node 20 or newer: the system's, or the one in the virtual environment."""
    for candidate in (program("node")(), str(VENV / "bin" / "node")):
        if candidate and Path(candidate).exists():
            told = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
            if told.startswith("v") and int(told[1:].split(".")[0]) >= 20:
                return candidate
    return None


def report_tool() -> str | None:
    """Allure, when it was installed from the present lock file."""
    installed = REPORTS / "node_modules"
    return str(installed) if _stamp(installed) == _digest(REPORTS / "package-lock.json") else None


_LOCKS = (HOME / "requirements.lock", HOME / "pyproject.toml")

PROGRAMS = (
    Need("PostgreSQL", "the twin's databases", postgres, "postgresql"),
    Need("Redis", "the twin's caches", program("redis-server", "valkey-server"), "redis-server"),
    Need("HAProxy", "the twin's load balancers", program("haproxy"), "haproxy"),
    Need("nft", "network ACLs", program("nft"), "nftables"),
    Need("ip", "network namespaces", program("ip"), "iproute2"),
    Need("setpriv", "databases that are not root", program("setpriv"), "util-linux"),
    Need("venv", "the virtual environment", ensurepip, "python3-venv"),
)
CHROMIUM = Need("Chromium", "tests that look at the reports", program("chromium", "chromium-browser"), "chromium")
FOR_TESTS = (CHROMIUM, Need("DejaVu fonts", "what they see there", fonts, "fonts-dejavu-core"))
PARTS = (
    Need("Python packages", "everything", environment, remedy="make setup"),
    Need("Node 20", "the HTML report", node, remedy="make setup"),
    Need("Allure", "the HTML report", report_tool, remedy="make setup"),
)


def main(words: Sequence[str]) -> int:
    """Install what is missing; 0 when all is there, 2 with one clear message when something cannot be had."""
    wanted = (*PROGRAMS, *(FOR_TESTS if "tests" in words else ()))
    try:
        _install_packages([need for need in wanted if need.find() is None])
        if environment() is None:
            _make_environment()
        if node() is None:
            _run([str(VENV / "bin/pip"), "install", "-q", "--require-hashes", "-r", "requirements-node.lock"])
        if report_tool() is None:
            _install_report_tool()
    except Missing as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    return 0


def _install_packages(missing: Sequence[Need]) -> None:
    if not missing:
        return
    packages = [need.package for need in missing]
    by_hand = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    apt = shutil.which("apt-get")
    prefix: list[str] = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt is None or (prefix and shutil.which("sudo") is None):
        raise Missing(f"missing: {', '.join(packages)}. Install them as root: {by_hand}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _say(f"installing {', '.join(packages)}")
    install = [*prefix, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    refresh = [*prefix, "apt-get", "update", "-q"]
    for command in (refresh, install):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode != 0 and command is install:
            raise Missing(f"{done.stderr.strip().splitlines()[-1:]}\nInstall them as root: {by_hand}")
    still = [need.package for need in missing if need.find() is None]
    if still:
        raise Missing(f"still missing after installation: {', '.join(still)}. Install them as root: {by_hand}")


def _make_environment() -> None:
    _say("making .venv from requirements.lock")
    if not (VENV / "bin" / "python").exists():
        _run([sys.executable, "-m", "venv", str(VENV)])
    pip = [str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    _run([*pip, "--require-hashes", "-r", "requirements.lock"])
    _run([*pip, "--no-deps", "--no-build-isolation", "-e", "."])
    (VENV / ".stamp").write_text(_digest(*_LOCKS))


def _install_report_tool() -> None:
    _say("installing the report tool from reports/package-lock.json")
    found = node()
    assert found is not None, "Node was just installed"
    beside = Path(found).parent / "npm"
    npm = str(beside) if beside.exists() else program("npm")()
    if npm is None:
        raise Missing("npm is missing. Install it as root: apt-get install -y npm")
    path = f"{Path(found).parent}:{os.environ.get('PATH', '')}"
    command = [npm, "ci", "--no-audit", "--no-fund", "--omit=dev"]
    _run(command, REPORTS, {**os.environ, "PATH": path})
    (REPORTS / "node_modules" / ".stamp").write_text(_digest(REPORTS / "package-lock.json"))


def _run(command: Sequence[str], folder: Path = HOME, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip()[-600:]
        raise Missing(f"{last}\nThis failed, run it by hand in {folder.name}/: {' '.join(command)}")


def _say(text: str) -> None:
    sys.stderr.write(f"setup: {text}\n")
    sys.stderr.flush()


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _stamp(folder: Path) -> str:
    stamp = folder / ".stamp"
    return stamp.read_text() if stamp.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
