"""Plays every step with every fault, and writes docs/crash-table.rst: `admin/test crashes`.

With --go-on what an earlier run of the same code has played is not played again. With words, only
those cells are played in whose name ("committed, source agent") one of them is. The document is
written once every cell has been played.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict

from admin.hosts import LabError
from admin.story.player import StoryError
from tests.functional.agents_lab import CHECKOUT
from tests.functional.crashes.outcome import Outcome
from tests.functional.crashes.stage import stage
from tests.functional.crashes.steps import CELLS, Fault, Step
from tests.functional.crashes.table import render

NAME, SUBNET = "test-crashes", "10.97.0.0/24"
DOCUMENT = CHECKOUT / "docs" / "crash-table.rst"
PLAYED = CHECKOUT / ".cache" / "crashes.json"

Cell = tuple[Step, Fault]


def main() -> None:
    """Entry point; exits with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="admin/test crashes", description=__doc__)
    parser.add_argument("--go-on", action="store_true")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    outcomes = load() if arguments.go_on else {}
    cells = [cell for cell in CELLS if cell not in outcomes and is_named(cell, arguments.words)]
    failures: dict[Cell, str] = {}
    while cells:
        play(cells, outcomes, failures)
    for cell, reason in failures.items():
        print(f"\nFAILED {title(cell)}: {reason}")
    print(f"\n{len(outcomes)} of {len(CELLS)} cells held, {len(failures)} failed")
    if failures:
        sys.exit(1)
    if len(outcomes) == len(CELLS):
        DOCUMENT.write_text(render(outcomes))
        print(f"written: {DOCUMENT.relative_to(CHECKOUT)}")


def play(cells: list[Cell], outcomes: dict[Cell, Outcome], failures: dict[Cell, str]) -> None:
    """Play cells on one lab, and take them off the list; the first that fails ends the lab."""
    with stage(NAME, SUBNET) as scene:
        while cells:
            cell = cells.pop(0)
            began = time.monotonic()
            try:
                outcomes[cell] = scene.play(*cell)
            except (AssertionError, LabError, StoryError, OSError) as error:
                failures[cell] = f"{type(error).__name__}: {error}"
                tell(cell, began, failures[cell])
                return
            tell(cell, began, str(outcomes[cell]))
            save(outcomes)


def tell(cell: Cell, began: float, result: str) -> None:
    """One line for each cell, as soon as it was played."""
    print(f"{time.monotonic() - began:5.1f} s  {title(cell)}: {result}", flush=True)


def title(cell: Cell) -> str:
    """What a cell is called."""
    return f"{cell[0].name}, {cell[1].value}"


def is_named(cell: Cell, words: list[str]) -> bool:
    """Whether a cell was asked for."""
    return not words or any(word in title(cell) for word in words)


def save(outcomes: dict[Cell, Outcome]) -> None:
    """Keep what was played, for --go-on."""
    kept = {title(cell): asdict(outcome) for cell, outcome in outcomes.items()}
    PLAYED.parent.mkdir(exist_ok=True)
    PLAYED.write_text(json.dumps(kept, indent=1))


def load() -> dict[Cell, Outcome]:
    """What an earlier run has kept."""
    kept = json.loads(PLAYED.read_text()) if PLAYED.exists() else {}
    return {cell: Outcome(**kept[title(cell)]) for cell in CELLS if title(cell) in kept}


if __name__ == "__main__":
    main()
