"""What a fence does once the time is over: first the kill, and then what ZFS has to be asked for.

A ZFS that hangs delays no kill: its commands run beside, and are waited for by nobody.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flocker_lite.zfs.fence_kill import CGROUPS, PROC, kill, kill_all
from flocker_lite.zfs.mounts import mounts_source

LEASE_PROPERTY = "flocker:lease"
PROBATION = "probation:"
COMMAND_TIMEOUT_SECONDS = 5.0

_CONTAINER = re.compile(r"[0-9a-f]{64}")


@dataclass
class Ending:
    """Ends what runs in the containers, then what has the filesystems mounted, then the mounts.

    The containers were named by who started them on trial, so they are killed whatever a lease
    says: one that has become primary this very moment is started again by its agent, and nothing
    of its data is lost. What only has a filesystem mounted is killed if that is on probation.

    In the folder `notes` a file with a container's id as its name says that this was its end.
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
        """Kill what is there to be killed, and go on with the rest; whether all is done."""
        are_left = kill_all(self.container_ids, self.cgroups)
        self._left = [filesystem for filesystem in self._left if not filesystem.step()]
        return not (are_left or self._left)


class Foresight:
    """Whether there will be anything to end, asked before the time is over; nobody waits for it.

    A lease that is not on probation any more is so for good, as far as this loan goes.
    """

    def __init__(self, filesystems: Collection[str], zfs: str, now: Callable[[], float]) -> None:
        self._asking = {name: _lease_of(name, zfs, now) for name in filesystems}

    def step(self) -> bool:
        """Ask on; whether none of them is on probation, for sure."""
        for name, asking in tuple(self._asking.items()):
            asked = asking.outcome()
            if asked is not None and not says_probation(*asked):
                del self._asking[name]
        return not self._asking


class _Filesystem:
    """One of them, from the question for its lease to its unmount; then all over, until it is."""

    def __init__(self, name: str, zfs: str, now: Callable[[], float]) -> None:
        self._name = name
        self._asking = _lease_of(name, zfs, now)
        self._unmounting = _Command((zfs, "unmount", name), now)
        self._is_on_probation = False

    def step(self) -> bool:
        """Do the next of it; whether there is nothing more to do."""
        if not self._is_on_probation:
            asked = self._asking.outcome()
            if asked is None:
                return False
            if not says_probation(*asked):
                return True
            self._is_on_probation = True
        for pid in users(self._name):
            kill(pid)
        unmounted = self._unmounting.outcome()
        if unmounted is None:
            return False
        if not any(users(self._name)) and (unmounted[0] == 0 or not is_mounted_here(self._name)):
            return True
        self._is_on_probation = False
        return False


class _Command:
    """A command that is run again and again, and never waited for."""

    def __init__(self, argv: tuple[str, ...], now: Callable[[], float]) -> None:
        self._argv = argv
        self._now = now
        self._process: subprocess.Popen[str] | None = None
        self._late_at = 0.0

    def outcome(self) -> tuple[int, str, str] | None:
        """Its exit code and what it said; None while it runs, and had not too long for it.

        One that is late has failed, and no other is started as long as it cannot be killed.
        """
        if self._process is None:
            self._late_at = self._now() + COMMAND_TIMEOUT_SECONDS
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
            if self._now() < self._late_at:
                return None
            self._process.kill()
            return 1, "", "it did not end in time"
        # What it may have started, and left behind with its pipes, is not waited for either.
        process, self._process = self._process, None
        return code, _taken(process.stdout), _taken(process.stderr)


def _lease_of(filesystem: str, zfs: str, now: Callable[[], float]) -> _Command:
    return _Command((zfs, "get", "-Hp", "-o", "value", LEASE_PROPERTY, filesystem), now)


def _taken(pipe: IO[str] | None) -> str:
    """What lies in a pipe now."""
    assert pipe is not None
    try:
        os.set_blocking(pipe.fileno(), False)
        return os.read(pipe.fileno(), 65536).decode("utf-8", "replace")
    except BlockingIOError:
        return ""
    finally:
        pipe.close()


def says_probation(exit_code: int, said: str, complained: str) -> bool:
    """Whether its lease says so; also when it cannot be read, for that is the safe answer."""
    if exit_code != 0:
        return "does not exist" not in complained
    return said.startswith(PROBATION)


def users(filesystem: str, proc: Path = PROC) -> Iterator[int]:
    """The processes of containers that have the filesystem mounted.

    Other processes may have it in a mount namespace of their own: they are none of ours.
    """
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if _CONTAINER.search((proc / entry.name / "cgroup").read_text()) is None:
                continue
            if mounts_source((proc / entry.name / "mountinfo").read_text(), filesystem):
                yield int(entry.name)


def is_mounted_here(filesystem: str) -> bool:
    """Whether the namespace of this process has it mounted."""
    return mounts_source(Path("/proc/self/mountinfo").read_text(), filesystem)
