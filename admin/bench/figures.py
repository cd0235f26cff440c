"""Percentiles, CPU, and the floor of durable writes: what the figures of the benchmarks share."""

from __future__ import annotations

import math
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
FSYNC_COUNT = 200
FSYNC_BYTES = 4096
FLOOR_PAUSE_SECONDS = 0.05


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that this percentage of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile, in milliseconds."""
    return {
        "p50_milliseconds": percentile(seconds, 50) * 1000,
        "p99_milliseconds": percentile(seconds, 99) * 1000,
    }


def cpu_seconds(stat: Path, with_children: bool = False) -> float:
    """The CPU time of a process since it began, by its file in /proc.

    `with_children` adds the CPU time of its children that have ended.
    """
    # The name of a program, in brackets, may have spaces.
    fields = stat.read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if with_children else 13])) / _TICKS_PER_SECOND


def waited_seconds(process: Path) -> float:
    """How long a process's threads waited for a processor, by its directory in /proc.

    That is the time that other work on the machine takes from it.
    """
    waited = 0
    for thread in (process / "task").iterdir():
        with suppress(FileNotFoundError):
            waited += int((thread / "schedstat").read_text("utf-8").split()[1])
    return waited / 1e9


def fsync_seconds(directory: Path, count: int = FSYNC_COUNT) -> list[float]:
    """How long each append of a page with fsync took in this directory."""
    with FsyncFloor(directory) as floor:
        for _ in range(count):
            floor.append()
    return floor.taken


class Floor(ABC):
    """The least that a durable write can take; `beside` measures it beside other work."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._over = threading.Event()

    @abstractmethod
    def write(self) -> None:
        """Write something; it is durable when this returns."""

    def append(self) -> None:
        """Write, and note how long that took."""
        began = time.monotonic()
        self.write()
        self.taken.append(time.monotonic() - began)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Append now and then meanwhile."""

        def go_on() -> None:
            while not self._over.wait(FLOOR_PAUSE_SECONDS):
                self.append()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


class FsyncFloor(Floor):
    """Of a file in this directory: a page, and an fsync."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._path = directory / "fsync"

    def __enter__(self) -> FsyncFloor:
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        self._path.unlink()

    def write(self) -> None:
        """See Floor."""
        os.write(self._descriptor, bytes(FSYNC_BYTES))
        os.fsync(self._descriptor)
