"""The mountpoints of datasets in memory, and what people do to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from flocker_lite.errors import InUse
from flocker_lite.model.state import MountStatus


@dataclass
class MemoryMountpoints:
    """The mountpoints of one node, by path.

    `files` has the files in a directory while nothing is mounted there, `aside` those that were
    moved out of a mount's way. `obstacles` has other mounts at a dataset's mountpoint, `dead` the
    mounts whose daemon died. `counts` says how often a dataset was mounted there.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    aside: dict[str, list[str]] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    obstacles: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    _watchers: list[Callable[[], None]] = field(default_factory=list)

    def make_stray_file(self, path: str, name: str) -> None:
        """Make a file in the directory, as a person might while nothing is mounted there."""
        if path in self.protected:
            raise PermissionError(f"{path} is immutable")
        self.files.setdefault(path, []).append(name)

    def mount_over(self, path: str, by: str) -> None:
        """Mount something else there, as a person might."""
        self.obstacles[path] = f"somebody else mounted {by} over it at {path}: run `umount {path}`"
        self.notify()

    def unmount_over(self, path: str) -> None:
        """Unmount it again."""
        del self.obstacles[path]
        self.notify()

    def mount_status(self, path: str, mounted: bool) -> MountStatus:
        """What is mounted there; `mounted` says whether ZFS calls the dataset mounted."""
        stray = self.aside.get(path)
        warning = f"files were in the way: {', '.join(stray)}" if stray else None
        obstacle = self.obstacles.get(path)
        is_dead = obstacle is None and path in self.dead
        is_mounted = mounted and obstacle is None and not is_dead
        return MountStatus(is_mounted, is_dead, obstacle, warning)

    def prepare(self, path: str) -> None:
        """Leave only the protected directory there."""
        self.require_no_obstacle(path)
        self.dead.discard(path)
        self.aside.setdefault(path, []).extend(self.files.pop(path, []))
        self.protected.add(path)

    def require_no_obstacle(self, path: str) -> None:
        """InUse when something else is mounted there."""
        if path in self.obstacles:
            raise InUse(self.obstacles[path])

    def mounted(self, path: str) -> None:
        """Count one more mount."""
        self.counts[path] = self.counts.get(path, 0) + 1

    def reboot(self) -> None:
        """Forget all mounts and watchers."""
        self.obstacles.clear()
        self.dead.clear()
        self._watchers.clear()

    def notify(self) -> None:
        """Tell the watchers that something was mounted or unmounted, or died."""
        for changed in tuple(self._watchers):
            changed()

    async def watch(self, changed: Callable[[], None]) -> None:
        """See IStorage."""
        self._watchers.append(changed)
        try:
            await Deferred()
        finally:
            self._watchers[:] = [watcher for watcher in self._watchers if watcher is not changed]
