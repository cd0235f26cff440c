"""Plays many seeds of the fencing protocol, and writes docs/fencing.rst: `admin/test fencing`.

--count says how many seeds, --first with which they begin. The document is written once all have
been played and no two nodes ran the container at any moment of any of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from admin.vm.verified import digest
from tests.simulation.fencing_mutants import MUTANTS
from tests.simulation.fencing_troubles import LIVES_SECONDS, play
from tests.simulation.fencing_world import Counts

CHECKOUT = Path(__file__).parents[2]
DOCUMENT = CHECKOUT / "docs" / "fencing.rst"
COUNT, FIRST, CHUNK = 10_000, 500_000, 100

PAGE = """\
===========================
Fencing: what was simulated
===========================

.. Made by "admin/test fencing" from what happened; not to be edited.

``flocker_lite/model/fencing`` is the protocol by which a standby takes over only once the old
primary has certainly stopped. It was played with four nodes and a control service, for
{seconds:.0f} s at a time: messages late, lost and overtaken, networks cut, agents, machines and
the control service killed and started again, clocks that drift by 1 % in either direction, kills
that take as long as they may, standbys, times and modes edited, moves. A seed decides what happens.
At no moment did two nodes run the container, in any of them.

.. list-table::
   :header-rows: 1
   :widths: 40 20

   * - seeds {first} to {last}
     -
   * - worlds
     - {count:,}
   * - standbys promoted
     - {counts.promotions:,}
   * - containers that their fence killed
     - {counts.fencings:,}
   * - moves to another node
     - {counts.moves:,}
   * - agreements that were called off
     - {counts.agreements_called_off:,}
   * - CPU seconds
     - {cpu:,.0f}

Each of these rules is needed: ``tests/simulation/test_fencing.py`` leaves it out, and finds two
nodes that run the container.

.. list-table::
   :header-rows: 1
   :widths: 20 60

   * - rule
     - without it
{rules}

``python -m tests.simulation.fencing_seeds --digest`` prints which code is checked out, comments
and docstrings aside. The code that was played was ``{code}``.
"""


def main() -> None:
    """Entry point; exits with 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="admin/test fencing", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--digest", action="store_true")
    arguments = parser.parse_args()
    code = digest(CHECKOUT, code_files())
    if arguments.digest:
        print(code)
        return
    last = arguments.first + arguments.count
    total, cpu, failures = Counts(), 0.0, list[str]()
    starts = range(arguments.first, last, CHUNK)
    ends = [min(start + CHUNK, last) for start in starts]
    with ProcessPoolExecutor(arguments.processes) as pool:
        for start, (counts, seconds, failed) in zip(
            starts, pool.map(play_chunk, starts, ends), strict=True
        ):
            total, cpu, failures = total + counts, cpu + seconds, failures + failed
            print(f"{start}: {len(failed)} failed, {seconds:.0f} s", flush=True)
    if failures:
        print(*failures, sep="\n")
        sys.exit(1)
    rules = "\n".join(
        f"   * - {plant.__name__.replace('_', ' ')}\n     - {plant.__doc__}" for plant in MUTANTS
    )
    DOCUMENT.write_text(
        PAGE.format(
            seconds=LIVES_SECONDS,
            first=arguments.first,
            last=last - 1,
            count=arguments.count,
            counts=total,
            cpu=cpu,
            rules=rules,
            code=code,
        )
    )
    print(f"written: {DOCUMENT.relative_to(CHECKOUT)}")


def play_chunk(first: int, end: int) -> tuple[Counts, float, list[str]]:
    """What happened in these seeds, the CPU seconds that they took, and those that failed."""
    began = time.process_time()
    counts, failed = Counts(), []
    for seed in range(first, end):
        world = play(seed)
        counts += world.counts
        if world.bad is not None:
            failed.append(f"seed {seed}: {world.bad}")
    return counts, time.process_time() - began, failed


def code_files() -> list[Path]:
    """What a seed's story depends on."""
    model = (CHECKOUT / "flocker_lite" / "model" / "fencing").rglob("*.py")
    return sorted([*model, *(CHECKOUT / "tests" / "simulation").glob("fencing_[tw]*.py")])


if __name__ == "__main__":
    main()
