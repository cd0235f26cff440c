"""Plays every step with every fault, and writes docs/crash-table.rst: `admin/test crashes`.

With words, only those cells are played in whose name ("committed, source agent") one of them is.
--part 1/3 plays every third cell on a lab of its own, so that three processes can share the work:
a cell waits more than it computes. --go-on keeps the results of earlier runs of the same code,
those of all parts included. The document is written once every cell has been played.
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

NAME = "test-crashes"
SUBNETS = ("10.97.0.0/24", "10.97.1.0/24", "10.97.2.0/24", "10.97.3.0/24")
DOCUMENT = CHECKOUT / "docs" / "crash-table.rst"
CACHE = CHECKOUT / ".cache"

Cell = tuple[Step, Fault]


def main() -> None:
    """Entry point; exits with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="admin/test crashes", description=__doc__)
    parser.add_argument("--go-on", action="store_true")
    parser.add_argument("--part", type=part, default=(1, 1), metavar="K/N")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    number, parts = arguments.part
    outcomes = load() if arguments.go_on else {}
    cells = [
        cell
        for cell in CELLS[number - 1 :: parts]
        if cell not in outcomes and is_named(cell, arguments.words)
    ]
    failures: dict[Cell, str] = {}
    while cells:
        play(cells, outcomes, failures, number)
    for cell, reason in failures.items():
        print(f"\nFAILED {title(cell)}: {reason}")
    print(f"\n{len(outcomes)} of {len(CELLS)} cells held, {len(failures)} failed")
    if failures:
        sys.exit(1)
    if len(outcomes) == len(CELLS):
        DOCUMENT.write_text(render(outcomes))
        print(f"written: {DOCUMENT.relative_to(CHECKOUT)}")


def part(text: str) -> tuple[int, int]:
    """The number of a part and how many there are, from "1/3"."""
    number, parts = (int(word) for word in text.split("/"))
    if not 1 <= number <= parts <= len(SUBNETS):
        raise ValueError
    return number, parts


def play(
    cells: list[Cell], outcomes: dict[Cell, Outcome], failures: dict[Cell, str], number: int
) -> None:
    """Play cells on one lab, and take them off the list; the first that fails ends the lab."""
    with stage(f"{NAME}-{number}", SUBNETS[number - 1]) as scene:
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
            save(outcomes, number)


def tell(cell: Cell, began: float, result: str) -> None:
    """One line for each cell, as soon as it was played."""
    print(f"{time.monotonic() - began:5.1f} s  {title(cell)}: {result}", flush=True)


def title(cell: Cell) -> str:
    """What a cell is called."""
    return f"{cell[0].name}, {cell[1].value}"


def is_named(cell: Cell, words: list[str]) -> bool:
    """Whether a cell was asked for."""
    return not words or any(word in title(cell) for word in words)


def save(outcomes: dict[Cell, Outcome], number: int) -> None:
    """Keep what a part has played, for --go-on."""
    kept = {title(cell): asdict(outcome) for cell, outcome in outcomes.items()}
    CACHE.mkdir(exist_ok=True)
    (CACHE / f"crashes-{number}.json").write_text(json.dumps(kept, indent=1))


def load() -> dict[Cell, Outcome]:
    """What earlier runs of all parts have kept."""
    kept = {}
    for path in sorted(CACHE.glob("crashes-*.json")):
        kept.update(json.loads(path.read_text()))
    return {cell: Outcome(**kept[title(cell)]) for cell in CELLS if title(cell) in kept}


if __name__ == "__main__":
    main()
