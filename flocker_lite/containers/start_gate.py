"""Start gates: a container is started before its data is there, and its program waits.

Docker needs about 0.2 s to start a container. We *prestart* one while its data is still on the way.
A small static program (hold.c) runs in it and waits at a named pipe. When the agent opens the other
end, it becomes the container's own program. In the meantime the dataset is mounted, and appears
inside by mount propagation.

There are two directories on the engine's machine. In `programs` each container has a directory,
which is bound into it. In `released`, which a boot empties, each container has a file that says
which of its runs was released. If Docker or a person starts a container again, that is another run,
and it waits again.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from flocker_lite.containers.container_paths import device_inside
from flocker_lite.errors import ContainerError

PROGRAM = Path(__file__).with_name("hold")
INSIDE = "/.flocker-lite"
UNUSED = "unused"
INIT = "init"
ARRIVAL_SECONDS_MAX = 10.0
ARRIVAL_POLL_SECONDS = 0.001
PASSING_SECONDS_MAX = 2.0
# Inside containers the program keeps the name "hold": those that exist have it as entrypoint.
WAITING_NAMES = frozenset({"hold", "docker-init"})
"""What the kernel calls a process that waits; it has the second name for a moment at first."""


class StartGates:
    """The gates at which prestarted containers wait; blocks, so use it in threads.

    `root` is where we see the file system of the engine's machine.
    """

    def __init__(self, programs: str, released: str, root: Path = Path("/")) -> None:
        self._programs = programs
        self._root = root
        self._released = root / released.lstrip("/")

    def is_possible(self, paths: Iterable[str]) -> bool:
        """Whether this machine can prestart a container that has these paths of the node inside.

        Later mounts at these paths must propagate, so each path has to be in a shared mount.
        """
        paths = tuple(paths)
        if not paths or not PROGRAM.exists():
            return False
        try:
            mountinfo = (self._root / "proc/1/mountinfo").read_text()
        except OSError:
            return False
        return all(in_shared_mount(mountinfo, path) for path in paths)

    def make(self, name: str, is_init: bool = False) -> str:
        """Make the gate of a container; returns the directory to bind at INSIDE.

        With `is_init` the waiting program becomes an init, and starts the container's program.
        """
        directory = self._directory(name)
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        program, gate = directory / "hold", directory / "gate"
        if not program.exists() or not filecmp.cmp(PROGRAM, program, shallow=False):
            partial = directory / "hold.new"
            shutil.copyfile(PROGRAM, partial)
            partial.chmod(0o755)
            partial.rename(program)
        if not gate.exists():
            os.mkfifo(gate)
            gate.chmod(0o444)
        (directory / UNUSED).touch()
        if is_init:
            (directory / INIT).touch()
        else:
            (directory / INIT).unlink(missing_ok=True)
        return f"{self._programs}/{name}"

    def use(self, name: str) -> None:
        """Record durably, before we release the program, that its volumes may now have data."""
        directory = self._directory(name)
        if not (directory / UNUSED).exists():
            return
        (directory / UNUSED).unlink(missing_ok=True)
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def is_unused(self, name: str) -> bool:
        """Whether the program of the container was never released."""
        return (self._directory(name) / UNUSED).exists()

    def forget(self, name: str) -> None:
        """Remove what `make` made."""
        self.begin(name)
        shutil.rmtree(self._directory(name), ignore_errors=True)

    def begin(self, name: str) -> None:
        """The container is about to be started: this run has not been released."""
        with suppress(FileNotFoundError):
            (self._released / name).unlink()

    def was_let_go(self, name: str, run: str, pid: int = 0) -> bool:
        """Whether the program of this run was released; `pid` is its first process, 0 if ended.

        If we see the process, its name tells. Otherwise the record of this very run counts.
        """
        command = self._command(pid) if pid else None
        if command is not None:
            return not _is_on_its_way(command)
        try:
            # Older releases left the file empty.
            return (self._released / name).read_text() in (run, "")
        except OSError:
            return False

    def let_go_at(self, name: str) -> float:
        """When the program of the present run was released, in seconds since 1970."""
        try:
            return (self._released / name).stat().st_mtime
        except OSError:
            return 0.0

    def let_any_go(self, name: str, container_id: str) -> bool:
        """Whether the program of this very container was released in its last run, now over."""
        try:
            released = (self._released / name).read_text()
        except OSError:
            return False
        return released == "" or released.startswith(container_id)

    def release(self, name: str, run: str, pid: int) -> None:
        """Release this run of the container, with this first process; returns when it has begun.

        We record that first, since the program may end at once. ContainerError if the process does
        not come to the gate in time.
        """
        self._released.mkdir(parents=True, exist_ok=True)
        (self._released / name).write_text(run)
        ends = time.monotonic() + ARRIVAL_SECONDS_MAX
        while not self._open(name) and not self._has_passed(pid):
            if time.monotonic() > ends:
                self.begin(name)
                raise ContainerError(f"container {name} does not reach its start gate: remove it")
            time.sleep(ARRIVAL_POLL_SECONDS)
        # For a moment the process still has the name of the waiting program. Somebody who looked
        # now would think that it still waits, and that its trial has failed.
        ends = time.monotonic() + PASSING_SECONDS_MAX
        while not self._has_passed(pid) and time.monotonic() < ends:
            time.sleep(ARRIVAL_POLL_SECONDS)

    def sees(self, pid: int, source: str, target: str) -> bool:
        """Whether the process sees at `target` what is mounted at the node's path `source`."""
        root = self._root / f"proc/{pid}/root"
        try:
            return device_inside(root, target) == (self._root / source.lstrip("/")).stat().st_dev
        except OSError:
            return False

    def _directory(self, name: str) -> Path:
        return self._root / self._programs.lstrip("/") / name

    def _open(self, name: str) -> bool:
        """Open the gate; returns whether a process waited there, which now goes on."""
        try:
            os.close(os.open(self._directory(name) / "gate", os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno == errno.ENXIO:
                return False
            raise ContainerError(
                f"the gate of container {name} cannot be opened: {error}"
            ) from error
        return True

    def _has_passed(self, pid: int) -> bool:
        """Whether the process has become the container's own program.

        An agent that was killed right after it opened the gate finds the process like this.
        """
        command = self._command(pid)
        # If it has ended, others notice that.
        return command is None or not _is_on_its_way(command)

    def _command(self, pid: int) -> str | None:
        """What the kernel calls the process; None if we do not see it."""
        try:
            return (self._root / f"proc/{pid}/comm").read_text().strip()
        except OSError:
            return None


def _is_on_its_way(command: str) -> bool:
    return command in WAITING_NAMES or command.startswith("runc")


def in_shared_mount(mountinfo: str, path: str) -> bool:
    """Whether what is mounted at the path propagates, by the text of a /proc/PID/mountinfo."""
    best, shared = "", False
    for line in mountinfo.splitlines():
        fields, _, _ = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < 6:
            continue
        point = words[4].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # Of several mounts at one point, the last one is on top.
        if inside and len(point) >= len(best):
            best, shared = point, any(word.startswith("shared:") for word in words[6:])
    return shared
