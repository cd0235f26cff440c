"""Percentiles, CPU, and the floor of durable writes: what the figures of the benchmarks share."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
FSYNC_COUNT = 200
FSYNC_BYTES = 4096


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile, in milliseconds."""
    return {
        "p50_milliseconds": percentile(seconds, 50) * 1000,
        "p99_milliseconds": percentile(seconds, 99) * 1000,
    }


def cpu_seconds(stat: Path, with_children: bool = False) -> float:
    """What a process used of the processors since it began, by its file in /proc.

    Also what its children used that have ended, if that is wanted.
    """
    # The name of a program, in brackets, may have spaces.
    fields = stat.read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if with_children else 13])) / _TICKS_PER_SECOND


def fsync_seconds(directory: Path, count: int = FSYNC_COUNT) -> list[float]:
    """How long each of so many appends with fsync took, of a page each, in this directory."""
    path = directory / "fsync"
    taken = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(count):
            began = time.monotonic()
            os.write(descriptor, bytes(FSYNC_BYTES))
            os.fsync(descriptor)
            taken.append(time.monotonic() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return taken
