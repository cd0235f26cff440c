"""What happens to the directories at which datasets are mounted: by strangers, and by daemons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from flocker_lite.errors import InUse
from flocker_lite.model.state import Place


@dataclass
class MemoryMountpoints:
    """Those of one node, by path.

    `files` are in the directories while nothing is mounted there, `aside` those that were in the
    way of a mount. `obstacles` are mounted in a dataset's place, `dead` are mounts whose daemon
    died. `counts` has how often something was mounted.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    aside: dict[str, list[str]] = field(default_factory=dict)
    guarded: set[str] = field(default_factory=set)
    obstacles: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    _watchers: list[Callable[[], None]] = field(default_factory=list)

    def litter(self, path: str, name: str) -> None:
        """Somebody makes a file in the directory, as nothing is mounted there."""
        if path in self.guarded:
            raise PermissionError(f"{path} is immutable")
        self.files.setdefault(path, []).append(name)

    def cover(self, path: str, by: str) -> None:
        """Somebody mounts something else there."""
        self.obstacles[path] = f"{by} is mounted over it at {path}: say `umount {path}`"
        self.tell()

    def uncover(self, path: str) -> None:
        """And unmounts it again."""
        del self.obstacles[path]
        self.tell()

    def place(self, path: str, mounted: bool) -> Place:
        """What is there, of a dataset that ZFS calls mounted or not."""
        stray = self.aside.get(path)
        warning = f"files were in the way: {', '.join(stray)}" if stray else None
        obstacle = self.obstacles.get(path)
        is_dead = obstacle is None and path in self.dead
        is_mounted = mounted and obstacle is None and not is_dead
        return Place(is_mounted, is_dead, obstacle, warning)

    def make_room(self, path: str) -> None:
        """Have nothing there but the directory, guarded."""
        self.require_no_obstacle(path)
        self.dead.discard(path)
        self.aside.setdefault(path, []).extend(self.files.pop(path, []))
        self.guarded.add(path)

    def require_no_obstacle(self, path: str) -> None:
        """InUse when something else is mounted there."""
        if path in self.obstacles:
            raise InUse(self.obstacles[path])

    def mounted(self, path: str) -> None:
        """One more mount."""
        self.counts[path] = self.counts.get(path, 0) + 1

    def reboot(self) -> None:
        """Nothing is mounted, and nobody watches."""
        self.obstacles.clear()
        self.dead.clear()
        self._watchers.clear()

    def tell(self) -> None:
        """Something was mounted or unmounted, or died."""
        for changed in tuple(self._watchers):
            changed()

    async def watch(self, changed: Callable[[], None]) -> None:
        """See IStorage."""
        self._watchers.append(changed)
        try:
            await Deferred()
        finally:
            self._watchers[:] = [watcher for watcher in self._watchers if watcher is not changed]
