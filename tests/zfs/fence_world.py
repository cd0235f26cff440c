"""What tests of fences run against: processes, in trees like those of control groups."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


class Container:
    """A process that stands for `count` of a container, in a tree like that of control groups."""

    def __init__(self, cgroups: Path, container_id: str, folder: str, count: int = 1) -> None:
        if count > 1:
            counts = cgroups / "pids" / "docker" / container_id
            counts.mkdir(parents=True)
            (counts / "pids.current").write_text(f"{count}\n")
        self._group = cgroups / folder.format(container_id)
        self._group.mkdir(parents=True)
        self.start()

    def start(self) -> None:
        """Run it, also again."""
        self.process = subprocess.Popen(["sleep", "600"])
        (self._group / "cgroup.procs").write_text(f"{self.process.pid}\n")

    def runs(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def a_folder(case: SynchronousTestCase) -> Path:
    """One that goes with the test."""
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    return Path(folder.name)
