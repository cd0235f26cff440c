"""What a fence does when the trial's time is over: it kills first, and asks ZFS afterwards.

A ZFS that hangs does not delay a kill: the fence runs ZFS's commands beside it, and never waits.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flocker_lite.mounts.tables import mounts_source
from flocker_lite.zfs.fence_kill import CGROUPS, PROC, container_processes, kill, kill_all

LEASE_PROPERTY = "flocker:lease"
PROBATION = "probation:"
COMMAND_TIMEOUT_SECONDS = 5.0


@dataclass
class Expiry:
    """Kills the containers' processes, then processes that have a filesystem mounted; unmounts it.

    The agent named the containers when it started them on trial, so we kill them whatever a lease
    says. If a copy has become primary this very moment, the agent starts its container again, and
    no data is lost. We kill other processes that have a filesystem mounted only if its lease is on
    probation.

    A file in the folder `notes`, named by a container's id, says that a fence killed the container.
    """

    container_ids: Collection[str]
    filesystems: Collection[str]
    zfs: str = "zfs"
    cgroups: Path = CGROUPS
    notes: Path | None = None
    now: Callable[[], float] = time.monotonic
    _left: list[_Filesystem] = field(init=False)

    def __post_init__(self) -> None:
        self._left = [_Filesystem(name, self.zfs, self.now) for name in self.filesystems]
        for container_id in self.container_ids if self.notes is not None else ():
            with suppress(OSError):
                Path(self.notes or "", container_id).touch()

    def step(self) -> bool:
        """Kill the processes that are there, and unmount further; returns whether all is done."""
        are_running = kill_all(self.container_ids, self.cgroups)
        self._left = [filesystem for filesystem in self._left if not filesystem.step()]
        return not (are_running or self._left)


class ProbationCheck:
    """Asks ZFS, before the time is over, whether any lease is still on probation; never waits.

    A lease that has left probation does not come back to it during this trial.
    """

    def __init__(self, filesystems: Collection[str], zfs: str, now: Callable[[], float]) -> None:
        self._asking = {name: _lease_of(name, zfs, now) for name in filesystems}

    def step(self) -> bool:
        """Ask further; returns whether we know that no lease is on probation."""
        for name, asking in tuple(self._asking.items()):
            result = asking.poll()
            if result is not None and not says_probation(*result):
                del self._asking[name]
        return not self._asking


class _Filesystem:
    """One filesystem: asks for its lease, kills, unmounts, and repeats until it is unmounted."""

    def __init__(self, name: str, zfs: str, now: Callable[[], float]) -> None:
        self._name = name
        self._asking = _lease_of(name, zfs, now)
        self._unmounting = Command((zfs, "unmount", name), now)
        self._is_on_probation = False

    def step(self) -> bool:
        """Do the next step; returns whether nothing is left to do."""
        if not self._is_on_probation:
            result = self._asking.poll()
            if result is None:
                return False
            if not says_probation(*result):
                return True
            self._is_on_probation = True
        for pid in mounting_pids(self._name):
            kill(pid)
        unmounted = self._unmounting.poll()
        if unmounted is None:
            return False
        is_unmounted = not any(mounting_pids(self._name)) and (
            unmounted[0] == 0 or not is_mounted_here(self._name)
        )
        if is_unmounted:
            return True
        self._is_on_probation = False
        return False


class Command:
    """A command that we run again and again, and never wait for."""

    def __init__(self, argv: tuple[str, ...], now: Callable[[], float]) -> None:
        self._argv = argv
        self._now = now
        self._process: subprocess.Popen[str] | None = None
        self._deadline = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not been seen to end."""
        return self._process is not None

    def ends(self) -> bool:
        """Kill it if it runs; returns whether it is gone."""
        if self._process is not None:
            self._process.kill()
            self.poll()
        return self._process is None

    def poll(self) -> tuple[int, str, str] | None:
        """Its exit code, stdout and stderr; None while it runs within its time.

        A command that takes too long counts as failed. No new one starts before it is dead.
        """
        if self._process is None:
            self._deadline = self._now() + COMMAND_TIMEOUT_SECONDS
            try:
                self._process = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            except OSError as error:
                return 1, "", str(error)
        code = self._process.poll()
        if code is None:
            if self._now() < self._deadline:
                return None
            self._process.kill()
            return 1, "", "it did not end in time"
        # A child that outlives the command may hold its pipes open; do not wait for that either.
        process, self._process = self._process, None
        return code, _read_available(process.stdout), _read_available(process.stderr)


def _lease_of(filesystem: str, zfs: str, now: Callable[[], float]) -> Command:
    return Command((zfs, "get", "-Hp", "-o", "value", LEASE_PROPERTY, filesystem), now)


def _read_available(pipe: IO[str] | None) -> str:
    """What the pipe holds now."""
    assert pipe is not None
    try:
        os.set_blocking(pipe.fileno(), False)
        return os.read(pipe.fileno(), 65536).decode("utf-8", "replace")
    except BlockingIOError:
        return ""
    finally:
        pipe.close()


def says_probation(exit_code: int, stdout: str, stderr: str) -> bool:
    """Whether the lease is on probation; True if it cannot be read, which is the safe answer."""
    if exit_code != 0:
        return "does not exist" not in stderr
    return stdout.startswith(PROBATION)


def mounting_pids(filesystem: str, proc: Path = PROC) -> Iterator[int]:
    """The processes of containers that have the filesystem mounted."""
    for process in container_processes(proc):
        with suppress(OSError):
            if mounts_source((process / "mountinfo").read_text(), filesystem):
                yield int(process.name)


def is_mounted_here(filesystem: str, proc: Path = PROC) -> bool:
    """Whether the filesystem is mounted in this process's own namespace."""
    return mounts_source((proc / "self" / "mountinfo").read_text("utf-8", "replace"), filesystem)
