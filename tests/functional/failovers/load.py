"""Nothing fails over, and nothing is fenced, on a machine whose processors are all busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.functional.failovers.faults import PRIMARY
from tests.functional.failovers.scene import Scene, longest_gap

BUSY = "while True: pass"
LOOK_SECONDS = 5.0
TELL_SECONDS = 60.0


@contextmanager
def busy() -> Iterator[None]:
    """A process for each processor, which never waits."""
    count = os.cpu_count() or 1
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def endure(made: Scene, minutes: float) -> str:
    """Watch for so long; AssertionError once anything was stopped or failed over."""
    made.await_home()
    made.runs.forget()
    began, told = time.time(), 0.0
    said = ""
    with busy():
        while time.time() < began + 60 * minutes:
            time.sleep(LOOK_SECONDS)
            for database in made.databases:
                spans = made.runs.spans.get(database.container, [])
                went_on = [(each.node, each.gone) for each in spans] == [(PRIMARY, None)]
                assert went_on, f"{database.name} was interrupted after {said}: {spans}"
            said = f"{(time.time() - began) / 60:.1f} minutes"
            if time.time() > told + TELL_SECONDS:
                told = time.time()
                print(f"{said}, load {os.getloadavg()[0]:.1f}", flush=True)
    moves = [each for each in made.cluster.get("/state/moves") if each.get("kind") == "failover"]
    assert not moves, moves
    gaps = [f"{each.name} {longest_gap(each.client.since(began)):.1f} s" for each in made.databases]
    return f"{said}: no failover, no fencing; the longest time without an answer: {', '.join(gaps)}"
