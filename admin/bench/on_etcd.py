"""Measures durable writes of a control service on etcd beside bare puts into the same etcd.

Both take turns of a second, so that what else the machine does falls on both alike.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from admin.bench.etcd import Puts, options
from admin.bench.etcd_load import seconds_of_loads
from admin.bench.figures import fsync_seconds, spread
from admin.bench.fleet import content
from admin.bench.service import Client, ControlProcess
from admin.etcd_members import Members

PER_SECOND = 100
WARM_UP_COUNT = 50
CONTAINERS = 10_000
REGISTRIES = "/configuration/registries"


def writes(count: int) -> dict[str, Any]:
    """The figures of `count` writes of each kind, a hundred a second."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flocker-bench-")))
        members = Members(directory)
        stack.callback(members.stop)
        members.start()
        control = ControlProcess(directory, content(1, 0, 0), *options(members))
        stack.callback(control.stop)
        control.start()
        client = stack.enter_context(closing(control.client()))
        bare = stack.enter_context(closing(Puts(members)))
        for number in range(WARM_UP_COUNT):
            _write(client, number)
            bare.put(number)
        result: dict[str, list[float]] = {"write": [], "put": []}
        for turn in range(count // PER_SECOND):
            first = WARM_UP_COUNT + turn * PER_SECOND
            numbers = range(first, first + PER_SECOND)
            result["put"] += _paced(bare.put, numbers)
            result["write"] += _paced(lambda number: _write(client, number), numbers)
        return {
            "fsync_floor": spread(fsync_seconds(directory)),
            **{name: spread(waits) for name, waits in result.items()},
        }


def loads() -> dict[str, Any]:
    """The figures of loading a large configuration."""
    with tempfile.TemporaryDirectory(prefix="flocker-bench-") as directory:
        taken = seconds_of_loads(Path(directory), CONTAINERS)
    return {name: spread(seconds) for name, seconds in taken.items()}


def _paced(do: Callable[[int], None], numbers: range) -> list[float]:
    waits = []
    begins = time.monotonic()
    for place, number in enumerate(numbers):
        time.sleep(max(0.0, begins + place / PER_SECOND - time.monotonic()))
        began = time.monotonic()
        do(number)
        waits.append(time.monotonic() - began)
    return waits


def _write(client: Client, number: int) -> None:
    body = {"registry": f"r{number % 100}.example", "user": f"u{number}", "password": "x"}
    client.request("POST", REGISTRIES, body)


def table(result: dict[str, Any]) -> str:
    """The figures, for people."""
    lines = [f"{'':32}{'p50 ms':>10}{'p99 ms':>10}"]
    for name, what in (
        ("fsync_floor", "fsync of a page"),
        ("put", "put into etcd, 100/s"),
        ("write", "write by the REST API, 100/s"),
    ):
        each = result[name]
        lines.append(f"{what:32}{each['p50_milliseconds']:10.1f}{each['p99_milliseconds']:10.1f}")
    load, floor = (result["loads"][name]["p50_milliseconds"] for name in ("load", "floor"))
    lines.append(
        f"{CONTAINERS:,} containers are loaded in {load:.0f} ms of processor time, "
        f"{load / floor:.2f} times that of reading their JSON"
    )
    return "\n".join(lines)
