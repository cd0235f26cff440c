"""Percentiles, and the floor of durable writes: what the figures of the benchmarks share."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

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
