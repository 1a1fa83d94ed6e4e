"""What the commands do: run scenarios through pytest, judge saved runs again, build reports."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import catalogue, comparison, expectations, explanation, matrix, prices, record, timeline
from harness import plan as plans
from harness.catalogue import Entry
from harness.clock import monotonic_nanoseconds
from harness.comparison import Comparison
from harness.errors import BadInput, Unreadable
from harness.expectations import Expectation, Key
from harness.header import read_header
from harness.heading import AS_FOUND
from harness.judges import bench
from harness.matrix import Matrix, Run
from harness.phases import PHASES
from harness.plugin import FINISHED
from harness.reporting import columns, nights, site, summary, telling
from harness.reporting import single_file as alone_page
from harness.reporting.baseline import Baseline
from harness.reporting.finished import Finished
from harness.reporting.pace import Pace, live_seconds
from harness.reporting.site import Site
from harness.runs import folder_of
from harness.safety import guard
from harness.session import HOME, RUNS, Options, Session, target_file
from harness.twin.designs.model import Version
from harness.verdicts import Exit, Outcome, Ruling, exit_code, strongest, worst

RESULTS = HOME / "reports" / "results"
SITE = HOME / "reports" / "site"
PRICES = HOME / "scenarios" / "prices.toml"


class Collector:
    """Hears from pytest what happened, since a teardown's error must count as well."""

    def __init__(self) -> None:
        self.finished: list[Finished] = []
        self.trouble: list[str] = []
        self.outside: list[str] = []
        """What of the trouble no verdict can explain: it came before or after the scenario."""
        self.tests: dict[str, set[str]] = {}
        """The tests of each scenario's path that were started."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Anything that failed outside a verdict is trouble of its own."""
        file = Path(report.nodeid.partition("::")[0])
        self.tests.setdefault(f"{file.parent.name}/{file.stem}", set()).add(report.nodeid)
        if report.failed:
            told = f"{report.nodeid} ({report.when}): {''.join(report.longreprtext.splitlines()[-1:])}"
            self.trouble.append(told)
            if report.when != "call":
                self.outside.append(told)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take over what the plugin gathered."""
        self.finished = session.config.stash[FINISHED]


def run(
    chosen: Sequence[Entry],
    target_name: str,
    speed: float,
    *,
    as_written: bool,
    as_expected: bool = False,
    yes: bool = False,
    baseline: Path | None = None,
) -> int:
    """Run these scenarios, report, and return the exit code.

    With ``as_expected`` what counts is ``scenarios/expectations.toml``: 0 when every scenario came out exactly so, 1
    otherwise. With ``baseline``, an earlier ``verdict.json`` or a file of nights, whatever got worse counts too.
    Raises ``BadInput`` before anything starts when the target, the objectives, the expectations or the baseline are
    wrong, and ``Refused`` when nothing may be broken now, and on AWS without ``yes``, once it has told what would be
    done.
    """
    expected = catalogue.expectations() if as_expected else {}
    before = Baseline.load(baseline) if baseline else None
    options = Options(target_file(target_name), speed, "as_written" if as_written else "hardened")
    wanted = Session(options).target  # reads the objectives, too, and says what is wrong in them
    # The plan first: it touches nothing, and is wanted most when nothing may be touched.
    plans.hold(chosen, wanted, yes=yes, say=lambda text: sys.stdout.write(f"{text}\n\n"))
    guard.permit(wanted, HOME)
    shutil.rmtree(RESULTS, ignore_errors=True)
    collector = Collector()
    words = [str(entry.file) for entry in chosen]
    words += ["--gameday-target", str(options.target), "--gameday-speed", f"{speed:g}", "-q", "--no-header"]
    words += ["--capture=sys"]  # the console writes past it, and children's own words are not lost
    words += ["--alluredir", str(RESULTS), "--tb=short", "-p", "no:cacheprovider", f"--rootdir={HOME}"]
    words += ["--as-written"] if as_written else []
    words += ["--gameday-yes"] if yes else []
    began = monotonic_nanoseconds()
    code = pytest.main(words, plugins=[collector])
    if not collector.finished:
        return _without_runs(code, collector)
    verdict = summary.write(RUNS.parent, collector.finished)
    _tell(summary.markdown(verdict))
    held_against = before.hold(nights.of_session(verdict)) if before else None
    if held_against:
        _tell(held_against.markdown())
    spent = (monotonic_nanoseconds() - began) / 1e9
    sys.stdout.write(f"{_pace(collector.finished, spent).sentence()}\n")
    sys.stdout.write(f"\nreport: {_site(collector.finished, options.version).index.relative_to(HOME)}\n")
    own = held(chosen, expected, options.version, collector) if as_expected else _exit(collector, code)
    return strongest([own, held_against.exit_code]) if held_against else own


def _tell(text: str) -> None:
    """On the terminal, and on the page of the job where there is one."""
    sys.stdout.write(text)
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a") as file:
            file.write(text)


def held(chosen: Sequence[Entry], expected: Mapping[Key, Expectation], version: Version, collector: Collector) -> Exit:
    """Print each scenario beside what was expected of it, and say whether all came out exactly so."""
    rows = []
    for entry in chosen:
        own = [one for one in collector.finished if one.scenario == entry.path]
        runs = [one.verdicts for one in own]
        wrong = expectations.differences(expected[entry.path, version], runs)
        missing = len(collector.tests.get(entry.path, ())) - len(runs)
        wrong += [f"{missing} of its runs left no record"] if missing else []
        wrong += [
            f"the run {one.folder.name} {one.outcome.value}"
            for one in own
            if one.outcome is not Outcome.FINISHED
            # What a design has no part to do it to is refused: foreseen as UNKNOWN, or broken before it came to that.
            and not (one.outcome is Outcome.REFUSED and expected[entry.path, version].verdict is not Ruling.KEPT)
        ]
        rows.append({
            "": "differs" if wrong else "as expected",
            "scenario": entry.path,
            "design": version,
            "expected": str(expected[entry.path, version]),
            "found": expectations.found(runs),
            "why": "; ".join(wrong),
        })  # fmt: skip
    sys.stdout.write("\n")
    columns.show(rows, {"differs": Ruling.BROKEN.colour, "as expected": Ruling.KEPT.colour})
    if any(one.outcome is Outcome.UNDO_FAILED for one in collector.finished):
        return Exit.UNDO_FAILED
    for line in collector.outside:
        sys.stderr.write(f"{line}\n")
    return Exit.BROKEN if collector.outside or any(row["why"] for row in rows) else Exit.KEPT


def _without_runs(code: int, collector: Collector) -> int:
    for line in collector.trouble:
        sys.stderr.write(f"{line}\n")
    return Exit.USAGE if code == pytest.ExitCode.USAGE_ERROR else Exit.REFUSED_OR_ABORTED


def _exit(collector: Collector, code: int) -> Exit:
    codes = [exit_code(one.outcome, worst(verdict.ruling for verdict in one.verdicts)) for one in collector.finished]
    told = strongest(codes)
    # pytest saw a failure that no verdict explains: a crash of ours, or of a teardown.
    if told is Exit.KEPT and code != pytest.ExitCode.OK:
        return Exit.REFUSED_OR_ABORTED
    return told


def rejudge(run_name: str, *, as_json: bool = False) -> int:
    """Judge a saved run again from its record alone and print its verdicts, in lines or as ``verdict.json``."""
    folder = folder_of(run_name)
    found = record.load(folder)
    verdicts = bench.judge(found)
    outcome = found.header.outcome or Outcome.ABORTED
    telling.save(folder, found, verdicts)
    told = (folder / telling.VERDICT_FILE).read_text() if as_json else summary.lines(found, verdicts)
    sys.stdout.write(told)
    return exit_code(outcome, worst(verdict.ruling for verdict in verdicts))


def compared(names: Sequence[str], last: int) -> Comparison:
    """The comparison of these runs (``SESSION/SCENARIO``, or ``SESSION`` for all of its runs), oldest session first.

    Raises ``BadInput`` for a run that there is not, and ``Unreadable`` for one that cannot be read.
    """
    if last < 1:
        raise BadInput("--last", str(last), "must be 1 or more")
    folders = {folder for name in names for folder in _runs_of(name)}
    ordered = sorted(folders, key=lambda folder: (folder.parent.name, folder.name))
    runs = [comparison.Run.of(f"{folder.parent.name}/{folder.name}", record.load(folder)) for folder in ordered]
    return comparison.compare(runs, last)


def _runs_of(name: str) -> list[Path]:
    session = RUNS / name
    inside = [path.parent.resolve() for path in session.glob(f"*/{record.HEADER_FILE}")]
    return inside or [folder_of(name).resolve()]


def report(run_name: str, single_file: Path | None = None) -> Site:
    """Build the site of a session's runs again, or of one run's alone, from their records; killed runs' too.

    ``single_file``: all of it as one file to send to people, as well. Raises ``BadInput`` when there is no such session
    or run, or the file cannot be written there, and ``Unreadable`` for a record that cannot be read.
    """
    if single_file is not None and (single_file.suffix != ".html" or not single_file.parent.is_dir()):
        raise BadInput("--single-file", str(single_file), "must end in .html, in a folder that exists")
    folder = folder_of(run_name) if run_name == "latest" else RUNS / run_name
    alone = (folder / record.HEADER_FILE).exists() and run_name != "latest"
    session = folder.parent if (folder / record.HEADER_FILE).exists() else folder
    folders = [folder] if alone else sorted(path.parent for path in session.glob(f"*/{record.HEADER_FILE}"))
    if not folders:
        raise BadInput("RUN", run_name, "no such session or run")
    with ProcessPoolExecutor() as crew:
        finished = list(crew.map(_told_again, folders))
    built = _site(finished, read_header(folders[0] / record.HEADER_FILE).design_version)
    if single_file is not None:
        single_file.write_text(alone_page.html(built))
    return built


def _told_again(folder: Path) -> Finished:
    """A run judged and drawn again, in a process of its own: a catalogue takes both cores."""
    found = record.load(folder)
    verdicts = bench.judge(found)
    telling.save(folder, found, verdicts)
    return Finished(folder, found.header.outcome or Outcome.ABORTED, tuple(verdicts))


def _site(finished: Sequence[Finished], version: str) -> Site:
    """The site; a platform that was only observed is none of the strategy's designs, to be measured or changed."""
    if version == AS_FOUND:
        return site.build(RESULTS, SITE, finished)
    changes = [explanation.explain(name).to_json() for name in PHASES]
    return site.build(RESULTS, SITE, finished, decision_matrix([], version), changes)


def _pace(finished: Sequence[Finished], wall_seconds: float) -> Pace:
    live = 0.0
    for one in finished:
        with _left_out(one.folder.name):
            speed = read_header(one.folder / record.HEADER_FILE).speed
            live += live_seconds(timeline.read(one.folder / record.TIMELINE_FILE), speed)
    return Pace(wall_seconds, live)


def decision_matrix(sessions: Sequence[str], version: str) -> Matrix:
    """The decision matrix of a version of the designs, from the runs of these sessions, or of all.

    A run that cannot be read is told on stderr and left out. Raises ``BadInput`` for a session that there is not, and
    for malformed prices.
    """
    priced = prices.parse(PRICES.read_text(), str(PRICES.relative_to(HOME)))
    for session in sessions:
        if not list(RUNS.glob(f"{session}/*/{record.HEADER_FILE}")):
            raise BadInput("SESSION", session, "no such session")
    headers = {}
    for path in sorted(RUNS.glob(f"*/*/{record.HEADER_FILE}")):
        name = f"{path.parent.parent.name}/{path.parent.name}"
        if not sessions or path.parent.parent.name in sessions:
            with _left_out(name):
                headers[name] = read_header(path)
    runs = []
    for name in matrix.choose(headers, version):
        with _left_out(name):
            runs.append(Run(name, record.load(RUNS / name)))
    return matrix.measure(runs, priced, version)


@contextmanager
def _left_out(name: str) -> Iterator[None]:
    try:
        yield
    except Unreadable as error:
        sys.stderr.write(f"gameday: {name} is left out: {error}\n")
