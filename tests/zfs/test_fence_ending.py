"""How a deadline fence ends containers: what it kills, unmounts and waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.zfs.fence_ending import (
    UNMOUNT_SECONDS_MAX,
    UNMOUNTS_MAX,
    Ending,
)
from tests.zfs.fence_world import Container, a_folder

ID, OTHER_ID = "a" * 64, "b" * 64
UNIFIED = Path("/sys/fs/cgroup/unified")
V2 = UNIFIED if UNIFIED.is_dir() else Path("/sys/fs/cgroup")


class EndingTests(SynchronousTestCase):
    """Whose /proc, control groups and ZFS are files and scripts."""

    def setUp(self) -> None:
        self.folder = a_folder(self)
        self.proc = self.folder / "proc"
        (self.proc / "self").mkdir(parents=True)
        self.time = 0.0
        self.mounted()
        self.called = self.folder / "called"

    def ending(self, zfs: str) -> Ending:
        """One whose command `zfs` is that script."""
        script = self.folder / "zfs"
        script.write_text(f'#!/bin/sh\necho "$@" >> {self.called}\n{zfs}\n')
        script.chmod(0o755)
        cgroups, notes = self.folder / "cgroups", self.folder / "notes"
        notes.mkdir()
        ending = Ending(str(script), cgroups, notes, lambda: self.time, self.proc)
        self.addCleanup(self.end_commands, ending)
        return ending

    def end_commands(self, ending: Ending) -> None:
        """Leave none of its commands behind."""
        left = [
            unmount.command
            for container in ending._containers.values()
            for unmount in container.unmounting.values()
        ]
        while left:
            left = [command for command in left if not command.ends()]
            time.sleep(0.01)

    def container(self, container_id: str = ID) -> Container:
        """One that runs."""
        container = Container(self.folder / "cgroups", container_id, "freezer/docker/{}")
        self.addCleanup(container.end)
        return container

    def mounted(self, *filesystems: str, pid: str = "self") -> None:
        """Have these be mounted, for a process."""
        (self.proc / pid).mkdir(exist_ok=True)
        lines = [f"1 2 0:3 / /flocker/{name} rw - fuse {name} rw\n" for name in filesystems]
        (self.proc / pid / "mountinfo").write_text("".join(lines))

    def steps(self, ending: Ending, seconds: float = 5.0) -> list[str]:
        """Take steps until some container is ended; [] when none is."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            ended = ending.step()
            if ended:
                return ended
            time.sleep(0.02)
        return []

    def test_what_is_not_mounted_is_ended_once_it_is_killed(self) -> None:
        """ZFS is not asked at all."""
        ending, container = self.ending("exit 1"), self.container()
        ending.begin("shop", [ID], ["pool/d"])
        assert not ending.are_all_killed
        assert self.steps(ending) == ["shop"]
        assert container.process.wait(10) == -signal.SIGKILL
        assert ending.are_all_killed
        assert not self.called.exists()
        assert (self.folder / "notes" / ID).exists()

    def test_it_is_unmounted_after_the_kill(self) -> None:
        """As often as that takes."""
        ending = self.ending("exit 1")
        self.mounted("pool/d")
        ending.begin("shop", [ID], ["pool/d"])
        assert self.steps(ending, 0.5) == []
        self.time += 1.0
        assert self.steps(ending, 0.5) == []
        assert self.called.read_text() == 2 * "unmount pool/d\n"
        self.mounted()
        assert self.steps(ending) == ["shop"]

    def test_a_zfs_that_hangs_delays_no_other_end(self) -> None:
        """Nor is its own over while a late command could unmount what is mounted anew."""
        ending, container = self.ending("exec sleep 600"), self.container(OTHER_ID)
        self.mounted("pool/d")
        ending.begin("shop", [ID], ["pool/d"])
        assert self.steps(ending, 0.3) == []
        ending.begin("blog", [OTHER_ID], ["pool/e"])
        assert self.steps(ending) == ["blog"]
        assert container.process.wait(1) == -signal.SIGKILL
        assert ending.are_all_killed
        self.mounted()
        assert self.steps(ending) == ["shop"]

    def test_only_so_many_are_unmounted_at_once(self) -> None:
        ending = self.ending("exec sleep 600")
        names = [f"pool/d{number}" for number in range(3 * UNMOUNTS_MAX)]
        self.mounted(*names)
        ending.begin("shop", [], names)
        assert self.steps(ending, 0.5) == []
        assert len(self.called.read_text().splitlines()) == UNMOUNTS_MAX
        self.mounted()
        assert self.steps(ending) == ["shop"]

    def test_whoever_holds_it_for_long_is_no_container(self) -> None:
        """After a minute the container counts as ended."""
        ending = self.ending("exit 1")
        self.mounted("pool/d")
        ending.begin("shop", [ID], ["pool/d"])
        assert self.steps(ending, 0.3) == []
        self.time += UNMOUNT_SECONDS_MAX
        assert self.steps(ending) == ["shop"]

    def test_a_container_that_has_it_mounted_is_killed(self) -> None:
        """Whose ever it is; a process that is in no container is spared."""
        killed, spared = (subprocess.Popen(["sleep", "600"]) for _ in range(2))
        for process, group in ((killed, f"/docker/{OTHER_ID}"), (spared, "/user")):
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            folder = self.proc / str(process.pid)
            self.mounted("pool/d", pid=str(process.pid))
            (folder / "cgroup").write_text(f"0::{group}\n")
            (folder / "ns").mkdir()
            (folder / "ns" / "mnt").symlink_to(f"mnt:[{process.pid}]")
        ending = self.ending("exit 0")
        ending.begin("shop", [ID], ["pool/d"])
        ending.step()
        assert killed.wait(10) == -signal.SIGKILL
        assert spared.poll() is None

    def test_what_is_started_again_is_killed_again(self) -> None:
        ending, container = self.ending("exit 0"), self.container()
        ending.kill_again([ID, OTHER_ID])
        assert container.process.wait(10) == -signal.SIGKILL
        assert [path.name for path in (self.folder / "notes").iterdir()] == [ID]


@pytest.mark.skipif(not os.access(V2 / "cgroup.procs", os.W_OK), reason="needs root, and cgroup 2")
def test_many_processes_are_dead_once_it_says_so() -> None:
    """In true control groups: ten containers with a hundred processes each."""
    ids = [f"{number:x}" * 64 for number in range(10)]
    groups = [V2 / f"flocker-lite-test-{each}" for each in ids]
    processes = []
    try:
        for group in groups:
            group.mkdir()
            shell = subprocess.Popen(
                ["sh", "-c", "for i in $(seq 99); do sleep 600 & done; echo up; wait"],
                preexec_fn=_joins(group),
                stdout=subprocess.PIPE,
            )
            processes.append(shell)
        for shell in processes:
            assert shell.stdout is not None
            shell.stdout.readline()
        ending = Ending(zfs="false", cgroups=V2 if V2 != UNIFIED else V2.parent)
        for each in ids:
            ending.begin(each, [each], [])
        while not ending.are_all_killed:
            ending.step()
        assert not any((group / "cgroup.procs").read_text() for group in groups)
    finally:
        for shell in processes:
            shell.kill()
            shell.wait()
            assert shell.stdout is not None
            shell.stdout.close()
        for group in groups:
            group.rmdir()


def _joins(group: Path) -> Callable[[], int]:
    """What has the process that calls it be in that group."""
    return lambda: (group / "cgroup.procs").write_text("0")
