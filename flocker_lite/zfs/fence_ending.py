"""What a deadline fence does at deadlines: it kills, asking nobody, and unmounts afterwards.

A ZFS that hangs delays nothing: its command runs beside, and the fence never waits for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flocker_lite.mounts.tables import table
from flocker_lite.zfs.fence_expiry import Command, is_mounted_here
from flocker_lite.zfs.fence_kill import (
    CGROUPS,
    PROC,
    container_processes,
    count,
    groups,
    kill,
    kill_all,
    members,
)

UNMOUNTS_MAX = 4
"""How many filesystems are unmounted at once."""

UNMOUNT_RETRY_SECONDS = 0.5
UNMOUNT_SECONDS_MAX = 60.0
"""How long we try: whoever has it mounted after that is no container."""


@dataclass
class _Container:
    """One container that is being ended, and the filesystems that are still mounted."""

    instances: tuple[str, ...]
    unmounting: dict[str, _Unmount]
    is_killed: bool = False


@dataclass
class _Unmount:
    """The unmounting of one filesystem, tried again until `gives_up_at`."""

    command: Command
    gives_up_at: float
    next_try_at: float = 0.0

    def step(self, is_held: bool, may_start: bool, now: float) -> bool:
        """Try further, or kill a command that is not needed; returns whether this is over."""
        if not is_held or now >= self.gives_up_at:
            # A command that still ran could unmount what the next agent mounts.
            return self.command.ends()
        is_due = may_start and now >= self.next_try_at
        if (self.command.is_running or is_due) and self.command.poll() is not None:
            self.next_try_at = now + UNMOUNT_RETRY_SECONDS
        return False


@dataclass
class Ending:
    """Ends containers, all at once, in steps; `notes` is the folder that says which were killed."""

    zfs: str = "zfs"
    cgroups: Path = CGROUPS
    notes: Path | None = None
    now: Callable[[], float] = time.monotonic
    proc: Path = PROC
    _containers: dict[str, _Container] = field(default_factory=dict)

    def begin(self, name: str, instances: Iterable[str], filesystems: Iterable[str]) -> None:
        """End this container, too, from the next step on."""
        gives_up_at = self.now() + UNMOUNT_SECONDS_MAX
        unmounting = {
            each: _Unmount(Command((self.zfs, "unmount", each), self.now), gives_up_at)
            for each in filesystems
        }
        self._containers[name] = _Container(tuple(instances), unmounting)

    def step(self) -> list[str]:
        """Kill what is there, and unmount further; returns the containers that are ended now."""
        if not self._containers:
            return []
        self._kill_instances()
        filesystems = {name for each in self._containers.values() for name in each.unmounting}
        held = kill_holders(filesystems, self.proc)
        at = self.now()
        commands = [
            one.command for each in self._containers.values() for one in each.unmounting.values()
        ]
        free = UNMOUNTS_MAX - sum(command.is_running for command in commands)
        for each in self._containers.values():
            for name, unmount in tuple(each.unmounting.items()):
                was_running = unmount.command.is_running
                is_held = name in held or is_mounted_here(name, self.proc)
                if unmount.step(is_held, free > 0, at):
                    del each.unmounting[name]
                free += was_running - unmount.command.is_running
        ended = [
            name
            for name, each in self._containers.items()
            if each.is_killed and not each.unmounting
        ]
        for name in ended:
            del self._containers[name]
        return ended

    def kill_again(self, instances: Collection[str]) -> None:
        """Kill what was started in spite of a deadline that has passed."""
        found = {
            each
            for group in (groups(instances, self.cgroups) if instances else ())
            if any(members(group))
            for each in instances
            if each in group.name
        }
        self._note(found)
        kill_all(found, self.cgroups, self.proc, looks_at_all=False)

    def processes(self, instances: Collection[str]) -> int:
        """How many processes and threads these instances have."""
        return count(instances, self.cgroups)

    @property
    def are_all_killed(self) -> bool:
        """Whether no instance runs any more; there may still be something to unmount."""
        return all(each.is_killed for each in self._containers.values())

    def _kill_instances(self) -> None:
        living = {name: each for name, each in self._containers.items() if not each.is_killed}
        ids = [instance for each in living.values() for instance in each.instances]
        # The notes are in memory. Were they written later, an agent could take the exit for one
        # by itself.
        self._note(ids)
        are_running = kill_all(ids, self.cgroups, self.proc)
        for each in living.values():
            each.is_killed = not are_running or not kill_all(
                each.instances, self.cgroups, self.proc
            )

    def _note(self, instances: Iterable[str]) -> None:
        for instance in instances if self.notes is not None else ():
            with suppress(OSError):
                Path(self.notes or "", instance).touch()


def kill_holders(filesystems: Collection[str], proc: Path = PROC) -> set[str]:
    """Kill all processes of containers that have one of these mounted; returns what is mounted."""
    found: set[str] = set()
    by_namespace: dict[str, set[str]] = {}
    for process in container_processes(proc) if filesystems else ():
        with suppress(OSError):
            namespace = os.readlink(process / "ns" / "mnt")
            if namespace not in by_namespace:
                mountinfo = (process / "mountinfo").read_text("utf-8", "replace")
                sources = {mount.source for mount in table(mountinfo)}
                by_namespace[namespace] = sources.intersection(filesystems)
            if by_namespace[namespace]:
                kill(int(process.name))
                found |= by_namespace[namespace]
    return found
