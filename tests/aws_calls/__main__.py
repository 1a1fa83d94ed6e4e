"""``python -m tests.aws_calls [SPEED]``: carry everything out on a twin of each design, and write docs/aws anew.

On a busy machine a slower twin gives the proofs the time that they need.
Exit 1, and nothing is written, when a call fails, when a kind of fault was carried out nowhere, or when the source can
make a call that nothing here has made.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from harness.clock import monotonic_nanoseconds
from harness.phases import PHASES
from harness.script import Kind
from tests.aws_calls import acts
from tests.aws_calls.acts import KINDS, LOST, SILENCED, SPEED, Stage, on_twin, words
from tests.aws_calls.book import CALLS, POLICY, Book, policy_of, rows, written
from tests.aws_calls.recorder import Recorder


def hear(design: str, version: str, speed: float, refused: dict[str, str]) -> dict[str, Recorder]:
    """Everything that this design has a use for, on twins of its own; the runbooks get a fresh one."""
    label = f"{design} {version}"
    heard = {label: Recorder(), f"{label}, one database left": Recorder()}
    whole, alone = heard.values()
    with tempfile.TemporaryDirectory() as home, on_twin(Path(home), design, version, whole, speed) as stage:
        play_faults(stage, refused)
    with tempfile.TemporaryDirectory() as home, on_twin(Path(home), design, version, whole, speed) as stage:
        began = monotonic_nanoseconds()
        acts.by_the_book(stage, alone)
        _say("  runbooks", began)
    return {name: one for name, one in heard.items() if one.calls}


def play_faults(stage: Stage, refused: dict[str, str]) -> None:
    """What only looks, then every kind of fault."""
    acts.looks(stage)
    acts.watch(stage)
    acts.keep(stage)
    acts.look_back(stage)
    play(stage, SILENCED, refused)
    with acts.nobody_decides(stage):
        for kind in KINDS:
            if kind not in (SILENCED, LOST):
                play(stage, kind, refused)
    play(stage, LOST, refused)


def play(stage: Stage, kind: Kind, refused: dict[str, str]) -> None:
    """One kind of fault, and how it went."""
    began = monotonic_nanoseconds()
    watched = kind == LOST and acts.deciders(stage)
    why = acts.lose_the_region(stage) if watched else acts.inject(stage, kind)
    stage.rest()
    if why:
        refused[words(kind)] = why
    _say(f"  {words(kind):<24} {f'refused: {why}' if why else 'carried out and undone'}", began)


def _say(text: str, began: int) -> None:
    print(f"{text}, {(monotonic_nanoseconds() - began) / 1e9:.1f} s", flush=True)


def main(speed: float) -> int:
    """All designs, both versions."""
    book, refused = Book(), dict[str, str]()
    for design in PHASES:
        for version in ("hardened", "as_written"):
            print(f"{design} {version}", flush=True)
            book.heard |= hear(design, version, speed, refused)
    carried = {name for one in book.heard.values() for part, name in one.deeds if part == "fault"}
    wrong = [f"{name} was carried out nowhere: {why}" for name, why in refused.items() if name not in carried]
    wrong += book.problems()
    if wrong:
        print("\n".join(wrong))
        return 1
    told = book.to_json()
    CALLS.write_text(written(told))
    POLICY.write_text(written(policy_of(told)))
    print("\n".join(rows(told)))
    calls = sum(one.calls for one in book.heard.values())
    print(f"{calls} calls of {len(told['calls'])} operations, {len(carried)} kinds of fault: all valid, all succeeded")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else SPEED))
