"""Loads a large configuration from etcd, beside a bare read of the same pairs; prints the seconds.

    python -m admin.bench.etcd_load FOLDER COUNT

Three members of etcd in that folder are filled with so many containers. The load takes turns with
its floor: pages of the same pairs, whose values are decoded and read as JSON, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

from pyrsistent import pmap
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from admin.etcd_members import Members
from flocker_lite.control.store.etcd import OPERATIONS_MAX, open_store
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.etcd_gateway import HTTPGateway
from flocker_lite.model.records import Change, Container

ATTEMPT_SECONDS = 5.0
LOADS = 5
NODE = "f0000000-0000-4000-8000-000000000001"
PREFIX = "/flocker-lite/"
Seconds = dict[str, list[float]]
"""By what was done, the processor seconds of this process for each time."""


def seconds_of_loads(folder: Path, count: int) -> Seconds:
    """The figures, measured by a process whose reactor is its own."""
    program = [sys.executable, "-m", "admin.bench.etcd_load", str(folder), str(count)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return cast(Seconds, json.loads(done.stdout))


async def measure(members: Members, count: int) -> Seconds:
    """Fill an empty etcd, and read it."""
    clock = cast(Any, reactor)
    gateway = HTTPGateway(clock, members.urls, ATTEMPT_SECONDS, members.certificates)
    etcd = Etcd(gateway, clock, PREFIX)
    store = await open_store(etcd)
    for edit in edits(count):
        await store.commit(edit)

    async def floor() -> None:
        async for pairs, _ in etcd.pages(PREFIX):
            for pair in pairs:
                json.loads(pair.value)

    taken: Seconds = {"floor": [], "load": []}
    for _ in range(LOADS):
        taken["floor"].append(await _timed(floor))
        taken["load"].append(await _timed(store.load))
    await store.close()
    await gateway.close()
    return taken


async def _timed(read: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await read()
    return time.process_time() - began


def edits(count: int) -> Iterator[tuple[Change, ...]]:
    """What makes so many containers, in as few commits as etcd takes."""
    environment = pmap({f"VARIABLE_{number}": "x" * 20 for number in range(12)})
    changes = (
        Change("containers", name, Container(name, NODE, "nginx", environment=environment))
        for name in (f"c{number}" for number in range(count))
    )
    while edit := tuple(islice(changes, OPERATIONS_MAX - 1)):
        yield edit


def main(folder: str, count: str) -> None:
    """Print the figures as JSON."""
    members = Members(Path(folder))
    try:
        members.start()

        async def work(_: object) -> None:
            print(json.dumps(await measure(members, int(count))))

        react(lambda clock: Deferred.fromCoroutine(work(clock)))
    finally:
        members.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
