"""Run on a node of the lab, where a container's processes can be seen: stops one, and tells how."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.functional.docker_threads import DockerThreads

STOP_TIMEOUT_SECONDS = 10.0


def processes_of(pid: int) -> list[int]:
    """Those that are in the same PID namespace as the process."""
    space = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "ns/pid") == space:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def lives(pid: int) -> bool:
    """Whether it can still do anything; one that has ended may wait a moment to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def stop(name: str, pid: int) -> None:
    """Print as JSON what there was before, what there is after, and how long each step took."""
    threads = DockerThreads(Path("/"))
    before = processes_of(pid)
    start = time.monotonic()
    await threads.containers.stop(name, STOP_TIMEOUT_SECONDS)
    stopped = time.monotonic()
    left = [process for process in before if lives(process)]
    status = (await threads.containers.discover())[name].status
    await threads.containers.start(name)
    running = (await threads.containers.discover())[name].running
    threads.close()
    report = {
        "before": len(before),
        "left": len(left),
        "status": status,
        "running_again": running,
        "stop_seconds": stopped - start,
        "start_seconds": time.monotonic() - stopped,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(stop(sys.argv[1], int(sys.argv[2]))))
