"""Plays outages of databases that fail over by themselves: `admin/test failovers`.

It writes docs/failover-table.rst once every row has been played. With words, only the rows of these
names are played. --part 1/2 plays every second row on a lab of its own, so that two processes can
share the work; --go-on keeps the results of earlier runs of the same code, of all parts.
With --load-minutes nothing breaks: all processors are busy for so long, and nothing may fail over.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from dataclasses import asdict

from admin.hosts import LabError
from admin.story.player import StoryError
from tests.functional.agents_lab import CHECKOUT
from tests.functional.failovers.faults import ROWS, Row
from tests.functional.failovers.load import endure
from tests.functional.failovers.outcome import Outcome
from tests.functional.failovers.scene import Scene, scene
from tests.functional.failovers.table import render

NAME = "test-failovers"
SUBNETS = ("10.97.5.0/24", "10.97.6.0/24", "10.97.7.0/24", "10.97.8.0/24")
LOAD_SUBNET = "10.97.9.0/24"
CACHE = CHECKOUT / ".cache"
DOCUMENT = CHECKOUT / "docs" / "failover-table.rst"
AFTER_SECONDS = 10

Outcomes = dict[str, dict[str, Outcome]]
BROKEN = (AssertionError, LabError, StoryError, OSError, subprocess.TimeoutExpired)


def main() -> None:
    """Entry point; exits with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="admin/test failovers", description=__doc__)
    parser.add_argument("--go-on", action="store_true")
    parser.add_argument("--part", default="1/1", metavar="K/N")
    parser.add_argument("--after-seconds", type=int, default=AFTER_SECONDS)
    parser.add_argument("--load-minutes", type=float, metavar="MINUTES")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    if options.load_minutes is not None:
        with scene(f"{NAME}-load", LOAD_SUBNET, options.after_seconds) as made:
            print(endure(made, options.load_minutes))
        return
    number, parts = (int(word) for word in options.part.split("/"))
    outcomes = load() if options.go_on else {}
    rows = [
        row
        for row in ROWS[number - 1 :: parts]
        if row.name not in outcomes and (not options.words or row.name in options.words)
    ]
    failures: dict[str, str] = {}
    while rows:
        with scene(f"{NAME}-{number}", SUBNETS[number - 1], options.after_seconds) as made:
            play(made, rows, outcomes, failures, number)
    for name, reason in failures.items():
        print(f"\nFAILED {name}: {reason}")
    print(f"\n{len(outcomes)} of {len(ROWS)} rows held, {len(failures)} failed")
    if failures:
        sys.exit(1)
    if len(outcomes) == len(ROWS):
        DOCUMENT.write_text(render(outcomes, options.after_seconds))
        print(f"written: {DOCUMENT.relative_to(CHECKOUT)}")


def play(
    made: Scene, rows: list[Row], outcomes: Outcomes, failures: dict[str, str], number: int
) -> None:
    """Play rows on one lab, and take them off the list; the first that fails ends the lab."""
    while rows:
        row, began = rows.pop(0), time.monotonic()
        try:
            outcomes[row.name] = made.play(row)
        except BROKEN as error:
            failures[row.name] = f"{type(error).__name__}: {error}"
            print(f"{time.monotonic() - began:5.1f} s  {row.name}: FAILED", flush=True)
            traceback.print_exc()
            for node in ("n1", "n2"):
                print(made.cluster.node(node).log_tail("flocker-agent"), flush=True)
            print(made.cluster.node("control").log_tail("flocker-control"), flush=True)
            return
        print(f"{time.monotonic() - began:5.1f} s  {row.name}: {outcomes[row.name]}", flush=True)
        save(outcomes, number)


def save(outcomes: Outcomes, number: int) -> None:
    """Keep what a part has played, for --go-on."""
    kept = {
        name: {database: asdict(each) for database, each in several.items()}
        for name, several in outcomes.items()
    }
    CACHE.mkdir(exist_ok=True)
    (CACHE / f"failovers-{number}.json").write_text(json.dumps(kept, indent=1))


def load() -> Outcomes:
    """What earlier runs of all parts have kept."""
    kept: Outcomes = {}
    names = {row.name for row in ROWS}
    for path in sorted(CACHE.glob("failovers-*.json")):
        for name, several in json.loads(path.read_text()).items():
            if name in names:
                kept[name] = {key: Outcome(**each) for key, each in several.items()}
    return kept


if __name__ == "__main__":
    main()
