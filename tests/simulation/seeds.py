"""Plays many seeds of each simulation, and writes docs/seeds.rst: `admin/test seeds`.

--count says how many seeds of all kinds together, --first with which they begin. What has been
played is kept in .cache/seeds.json for the code that it was played with, so that an interrupted
run goes on where it was. The document is written once all have been played and none has failed.
With --kind only seeds of that kind are played, and no document is written.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from admin.vm.verified import digest
from tests.simulation import automatic_world
from tests.simulation.test_failovers import FailoverSimulation
from tests.simulation.test_liar import LyingSimulation
from tests.simulation.test_rough import RoughSimulation
from tests.simulation.test_simulation import Simulation, play
from tests.simulation.test_standbys import StandbySimulation
from tests.simulation.test_stopping import StoppingSimulation

CHECKOUT = Path(__file__).parents[2]
DOCUMENT = CHECKOUT / "docs" / "seeds.rst"
CACHE = CHECKOUT / ".cache" / "seeds.json"
KINDS: dict[str, Callable[[int], None]] = {
    "users and faults": partial(play, Simulation),
    "full disks, slow links, late news": partial(play, RoughSimulation),
    "a node that lies, old backups": partial(play, LyingSimulation),
    "containers stopped and restarted": partial(play, StoppingSimulation),
    "standbys": partial(play, StandbySimulation),
    "failovers by force": partial(play, FailoverSimulation),
    "failovers by themselves": automatic_world.play,
}
COUNT, FIRST = 10_000, 300_000
CHUNK = 25
"""So many seeds are played between two looks at the results."""

PAGE = """\
=======================
Simulations: many seeds
=======================

.. Made by "admin/test seeds" from what happened; not to be edited.

A simulation is a whole cluster in memory: the real control service, agents and planners, with fake
ZFS, Docker and networks that pass the same contracts as the real ones. A seed decides what users
ask for, what fails and when: commands, agents, the control service, its disk, networks. At every
step no dataset has two writers, no acknowledged write is lost, a container's datasets show one
instant, nobody reaches a container on trial, and no copy receives two streams at once. Once the
faults end, everything becomes as configured.

{count:,} seeds were played, and every rule held in all of them.

.. list-table::
   :header-rows: 1
   :widths: 50 30 20

   * - simulation
     - seeds
     - CPU seconds
{rows}

``python -m tests.simulation.seeds --digest`` prints which code is checked out, comments and
docstrings aside. The code that was played was ``{code}``.
"""


@dataclass(frozen=True)
class Chunk:
    """Seeds from `first` on, of one kind."""

    kind: str
    first: int

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.first}"


def main() -> None:
    """Entry point; exits with 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="admin/test seeds", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--digest", action="store_true")
    arguments = parser.parse_args()
    code = digest(CHECKOUT, code_files())
    if arguments.digest:
        print(code)
        return
    kinds = [arguments.kind] if arguments.kind is not None else list(KINDS)
    each = -(-arguments.count // len(kinds))
    starts = range(arguments.first, arguments.first + each, CHUNK)
    played = load(code)
    # The kinds by turns.
    chunks = [Chunk(kind, start) for start in starts for kind in kinds]
    left = [chunk for chunk in chunks if chunk.name not in played]
    failures: dict[str, str] = {}
    with ProcessPoolExecutor(arguments.processes) as pool:
        for chunk, seconds, failed in pool.map(play_chunk, left):
            failures |= failed
            if not failed:
                played[chunk.name] = seconds
                CACHE.write_text(json.dumps({"code": code, "played": played}))
            print(f"{chunk.name}: {len(failed)} failed, {seconds:.0f} s", flush=True)
    for name, story in failures.items():
        print(f"\nFAILED {name}\n{story}")
    if failures:
        sys.exit(1)
    if arguments.kind is not None:
        return
    DOCUMENT.write_text(page(starts, played, code))
    print(f"written: {DOCUMENT.relative_to(CHECKOUT)}")


def play_chunk(chunk: Chunk) -> tuple[Chunk, float, dict[str, str]]:
    """The CPU seconds that it took, and the story of each seed that failed."""
    began = time.process_time()
    failed: dict[str, str] = {}
    for seed in range(chunk.first, chunk.first + CHUNK):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                KINDS[chunk.kind](seed)
        except Exception as error:  # whatever it is, the others are played
            failed[f"{chunk.kind}: {seed}"] = f"{type(error).__name__}: {error}"
    return chunk, time.process_time() - began, failed


def code_files() -> list[Path]:
    """What a seed's story depends on."""
    folders = (CHECKOUT / "flocker_lite", CHECKOUT / "tests" / "simulation")
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def load(code: str) -> dict[str, float]:
    """What was played of this very code: CPU seconds by chunk."""
    try:
        kept = json.loads(CACHE.read_text())
    except (OSError, ValueError):
        return {}
    return dict(kept["played"]) if kept["code"] == code else {}


def page(starts: range, played: dict[str, float], code: str) -> str:
    """The document; each kind was played from each of the `starts` on."""
    count = len(starts) * CHUNK
    rows = []
    for kind in KINDS:
        seconds = sum(played[Chunk(kind, start).name] for start in starts)
        seeds = f"{starts.start} to {starts.start + count - 1}"
        rows.append(f"   * - {kind}\n     - {seeds}\n     - {seconds:,.0f}")
    return PAGE.format(count=len(KINDS) * count, rows="\n".join(rows), code=code)


if __name__ == "__main__":
    main()
