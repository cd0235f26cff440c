"""Who has something of a dataset is read from /proc."""

from __future__ import annotations

from pathlib import Path

from flocker_lite.model.state import Holder
from flocker_lite.mounts.holder_search import holders, keepers, seen

NAME = "tank/flocker-lite/d"
PATH = "/flocker/d"
ROOT = "1 0 8:1 / / rw shared:1 - ext4 /dev/vda rw\n"
PARENT = "2 1 0:30 / /flocker rw shared:5 - ext4 /dev/vda rw\n"
HERE = f"{ROOT}{PARENT}3 2 0:47 / {PATH} rw shared:7 - fuse.zfs {NAME} rw\n"
SERVICE = (
    "10 0 8:1 / / rw master:1 - ext4 /dev/vda rw\n"
    "12 10 0:30 / /flocker rw shared:8 master:5 - ext4 /dev/vda rw\n"
    f"13 12 0:47 / {PATH} rw master:7 - fuse.zfs {NAME} rw\n"
)
BOUND = f"20 0 0:50 / / rw - overlay overlay rw\n23 20 0:47 / /x rw - fuse.zfs {NAME} rw\n"
FOLLOWS_SERVICE = (
    "30 0 8:1 / / rw - ext4 /dev/vda rw\n"
    "32 30 0:30 / /flocker rw master:8 - ext4 /dev/vda rw\n"
    f"33 32 0:47 / {PATH} rw - fuse.zfs {NAME} rw\n"
)
CONTAINER = "c" * 64


class Machine:
    """A folder that looks like /proc, with the first process in the namespace of who looks."""

    def __init__(self, proc: Path) -> None:
        self.proc = proc
        self.process(1, "host", HERE)
        (proc / "self").symlink_to("1")

    def process(
        self, pid: int, namespace: str, mountinfo: str, container: str = "", name: str = "sleep"
    ) -> Path:
        """One process."""
        folder = self.proc / str(pid)
        for each in ("ns", "fd", "fdinfo"):
            (folder / each).mkdir(parents=True)
        (folder / "ns/mnt").symlink_to(namespace)
        (folder / "mountinfo").write_text(mountinfo)
        (folder / "cgroup").write_text(f"0::/docker/{container}\n")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "maps").write_text("55d0-55d1 r-xp 00000000 08:01 12 /bin/sleep\n")
        return folder

    def opens(self, folder: Path, mount_id: str, flags: str) -> None:
        """Have the process a file open on that mount."""
        (folder / "fd/3").symlink_to(f"{PATH}/log")
        (folder / "fdinfo/3").write_text(f"pos:\t0\nflags:\t{flags}\nmnt_id:\t{mount_id}\n")

    def holders(self) -> tuple[Holder, ...]:
        """Who has something of the dataset."""
        return holders(NAME, PATH, self.proc)


def test_nobody(tmp_path: Path) -> None:
    """Those of the same namespace, or of one that follows it, are no holders for that alone."""
    machine = Machine(tmp_path)
    machine.process(2, "host", HERE)
    machine.process(3, "service", SERVICE)
    machine.process(4, "nested", FOLLOWS_SERVICE)
    assert machine.holders() == ()
    assert keepers(NAME, PATH, tmp_path) == []


def test_open_files(tmp_path: Path) -> None:
    """A file that is open, of whatever namespace that has the mount, holds it; it is named."""
    machine = Machine(tmp_path)
    machine.opens(machine.process(2, "host", HERE, name="tail"), "3", "0100000")
    machine.opens(machine.process(3, "service", SERVICE, name="cron"), "13", "0100002")
    machine.opens(machine.process(4, "host", HERE), "2", "0100002")
    assert machine.holders() == (
        Holder(2, "tail", f"has {PATH}/log open"),
        Holder(3, "cron", f"has {PATH}/log open for writing", True),
    )


def test_mapped(tmp_path: Path) -> None:
    """A file that is mapped and open no more holds it; shared and writable, it is written to."""
    machine = Machine(tmp_path)
    for pid, mode in ((2, "r--p"), (3, "rw-s"), (4, "rw-p")):
        folder = machine.process(pid, "host", HERE)
        (folder / "maps").write_text(f"7f00-7f01 {mode} 00000000 00:2f 9 {PATH}/index\n")
    assert machine.holders() == tuple(
        Holder(pid, "sleep", f"has {PATH}/index mapped", pid == 3) for pid in (2, 3, 4)
    )


def test_containers(tmp_path: Path) -> None:
    """A container that was given it by a bind keeps it mounted, and may write; it is named once."""
    machine = Machine(tmp_path)
    machine.process(2, "bound", BOUND, CONTAINER)
    machine.process(3, "bound", BOUND, CONTAINER)
    assert machine.holders() == (
        Holder(2, "sleep", "has it mounted at /x", True, container=CONTAINER, run="bound"),
    )
    assert keepers(NAME, PATH, tmp_path) == [2]


def test_container_that_only_reads(tmp_path: Path) -> None:
    """It keeps it mounted all the same."""
    machine = Machine(tmp_path)
    machine.process(2, "bound", BOUND.replace("/x rw", "/x ro"), CONTAINER)
    (holder,) = machine.holders()
    assert (holder.holds, holder.writes) == (True, False)


def test_container_that_follows(tmp_path: Path) -> None:
    """One in which mounts come and go as they do here may write, and holds nothing by that."""
    machine = Machine(tmp_path)
    machine.process(2, "follows", FOLLOWS_SERVICE.replace("master:8", "master:5"), CONTAINER)
    (holder,) = machine.holders()
    assert (holder.holds, holder.writes) == (False, True)


def test_other_namespaces(tmp_path: Path) -> None:
    """Who copied the mounts for himself keeps them, whatever he does."""
    machine = Machine(tmp_path)
    machine.process(2, "copied", HERE.replace(" shared:5", "").replace(" shared:7", ""))
    (holder,) = machine.holders()
    assert (holder.pid, holder.holds, holder.writes) == (2, True, False)


def test_without_a_process(tmp_path: Path) -> None:
    """What is mounted in it, and a second mount of it, are found where no process has anything."""
    machine = Machine(tmp_path)
    (tmp_path / "1/mountinfo").write_text(
        f"{HERE}4 3 0:60 / {PATH}/tmp rw - tmpfs none rw\n5 1 0:47 / /mnt rw - fuse.zfs {NAME} rw\n"
    )
    assert [str(holder) for holder in machine.holders()] == [
        "the same dataset is mounted at /mnt as well",
        f"tmpfs is mounted in it, at {PATH}/tmp",
    ]


def test_seen_through_others(tmp_path: Path) -> None:
    """What runs inside a container does not hide what that has; one that begins tells nothing."""
    machine = Machine(tmp_path)
    nested = "30 0 0:77 / / rw - overlay overlay rw\n"
    for pid, text, name in (
        (2, BOUND, "redis"),
        (3, nested, "nested"),
        (4, nested, "runc:[2:INIT]"),
    ):
        container = CONTAINER if pid < 4 else "d" * 64
        folder = machine.process(pid, str(pid), text, container, name)
        (folder / "root/x").mkdir(parents=True)
    assert seen("tank/flocker-lite/", "/flocker", tmp_path) == {CONTAINER: frozenset({NAME})}


def test_seen(tmp_path: Path) -> None:
    """A container sees a dataset when its mount is the one that is here, and answers."""
    machine = Machine(tmp_path)
    old = BOUND.replace("0:47", "0:46")
    for number, (text, answers) in enumerate([(BOUND, True), (old, True), (BOUND, False)], 2):
        folder = machine.process(number, str(number), text, str(number) * 64)
        if answers:
            (folder / "root/x").mkdir(parents=True)
    assert seen("tank/flocker-lite/", "/flocker", tmp_path) == {
        "2" * 64: frozenset({NAME}),
        "3" * 64: frozenset(),
        "4" * 64: frozenset(),
    }
