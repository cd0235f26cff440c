"""Nodes on a real ZFS: what the tests of the storage need of a machine that has one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset
from flocker_lite.mounts import mountpoints
from flocker_lite.processes import Commands
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE, StorageCase
from flocker_lite.zfs.mounting import WATCH_SECONDS
from flocker_lite.zfs.names import filesystem
from flocker_lite.zfs.storage import ZfsStorage, open_storage

COMMAND_TIMEOUT_SECONDS = 60
BUSY_TIMEOUT_SECONDS = 10.0
REMOVE_TIMEOUT_SECONDS = 60.0
CHUNK_BYTES = 65536
TEXTS = "texts"

Result = TypeVar("Result")


def command(*argv: str, check: bool = True) -> str:
    """Run a command and return what it printed; without `check` its exit code is no matter."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_SECONDS)
    assert not check or done.returncode == 0, (argv, done.returncode, done.stderr)
    return done.stdout


def property_of(name: str, key: str) -> str:
    """A property's value."""
    return command("zfs", "get", "-Hp", "-o", "value", key, name).strip()


class ZfsNodes:
    """Storages that stand for nodes, each below a filesystem of its own in one of `pools`."""

    def __init__(self, pools: tuple[str, ...]) -> None:
        self._pools = pools
        self.folder = Path(tempfile.mkdtemp(prefix="flocker-lite-", dir="/run"))
        self._parents: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self.parent_of: dict[int, str] = {}
        self._made = 0

    async def make(self, parent: str | None = None) -> ZfsStorage:
        """One more node, below an existing filesystem or below a new one."""
        # Not how many there are in `parent_of`: of those that are gone an id may be given again.
        number = self._made
        self._made += 1
        if parent is None:
            parent = f"{self._pools[number % len(self._pools)]}/node-{number}"
            self._parents.append(parent)
            command("zfs", "create", "-o", "mountpoint=none", parent)
        mounts = str(self.folder / f"node-{number}")
        run = Commands(cast(Any, installed_reactor)).run
        storage = await open_storage(
            parent, mounts, run, deferToThread, cast(Any, installed_reactor)
        )
        self.parent_of[id(storage)] = parent
        return storage

    def name(self, storage: IStorage, dataset_id: DatasetId) -> str:
        """What ZFS calls a copy."""
        return filesystem(self.parent_of[id(storage)], dataset_id)

    def start(self, *argv: str, cwd: str = "/") -> Callable[[], None]:
        """Start a command that says a line when it is ready; what is returned ends it."""
        process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.PIPE)
        self._processes.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return partial(end, process)

    def close(self) -> None:
        """Leave nothing, whatever happened."""
        for process in self._processes:
            end(process)
        for parent in self._parents:
            remove(parent)
        for path in sorted(self.folder.glob("**/*"), reverse=True):
            if path.is_dir():
                mountpoints.remove(str(path))
            else:
                path.unlink()
        self.folder.rmdir()


def daemons() -> Iterator[tuple[int, list[str]]]:
    """The process that serves ZFS on this machine, and how it was started; none of a kernel's."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        except OSError:
            continue
        if argv[0] == b"zfs-fuse":
            yield int(folder.name), [word.decode() for word in argv]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is a child; again and again if one likes."""
    process.kill()
    process.wait(COMMAND_TIMEOUT_SECONDS)
    if process.stdout is not None:
        process.stdout.close()


def remove(parent: str) -> None:
    """Destroy a filesystem and all below it; what ZFS is still busy with is tried again."""
    deadline = time.monotonic() + REMOVE_TIMEOUT_SECONDS
    while True:
        for line in command("zfs", "list", "-H", "-o", "name,mounted", "-r", parent).splitlines():
            name, mounted = line.split("\t")
            if mounted == "yes":
                command("zfs", "unmount", name, check=False)
        for name in command(
            "zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", parent
        ).splitlines():
            command("zfs", "release", "flocker-lite", name, check=False)
        if time.monotonic() > deadline:
            command("zfs", "destroy", "-r", parent)
        command("zfs", "destroy", "-r", parent, check=False)
        if not command("zfs", "list", "-H", "-o", "name", parent, check=False):
            return
        time.sleep(0.1)


def destroy_pool(name: str) -> None:
    """Destroy a pool; one that ZFS is still busy with is tried again."""
    deadline = time.monotonic() + REMOVE_TIMEOUT_SECONDS
    while name in command("zpool", "list", "-H", "-o", "name").splitlines():
        command("zpool", "destroy", "-f", name, check=time.monotonic() > deadline)
        time.sleep(0.1)


class ZfsCase(StorageCase):
    """What happens on nodes with real ZFS: give the pools."""

    pools: tuple[str, ...]
    timeout = 300

    def setUp(self) -> None:
        self.nodes = ZfsNodes(self.pools)
        self.addCleanup(self.nodes.close)

    async def make(self) -> ZfsStorage:
        return await self.nodes.make()

    def write(self, storage: IStorage, dataset_id: DatasetId, text: str) -> None:
        path = storage.path(dataset_id)
        if not os.path.ismount(path):
            raise FileNotFoundError(f"nothing is mounted at {path}")
        with open(f"{path}/{TEXTS}", "a") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self, storage: IStorage, dataset_id: DatasetId) -> tuple[str, ...]:
        path = Path(storage.path(dataset_id))
        assert os.path.ismount(path)
        texts = path / TEXTS
        return tuple(texts.read_text().splitlines()) if texts.exists() else ()

    def use(
        self, storage: IStorage, dataset_id: DatasetId, writes: bool = False
    ) -> Callable[[], None]:
        path = storage.path(dataset_id)
        opens = f"exec 9>>{path}/{TEXTS}; " if writes else ""
        return self.nodes.start("sh", "-c", f"{opens}echo; exec sleep 600", cwd=path)

    def make_stray_file(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        path = Path(storage.path(dataset_id))
        path.mkdir(parents=True, exist_ok=True)
        mountpoints.unprotect(str(path))
        self.stray(storage, dataset_id, name)

    def set_property(self, storage: IStorage, dataset_id: DatasetId, name: str, value: str) -> None:
        command("zfs", "set", f"{name}={value}", self.nodes.name(storage, dataset_id))

    def somebodys(self, storage: IStorage, name: str, text: str) -> str:
        whole = f"{self.nodes.parent_of[id(storage)]}/{name}"
        path = self.nodes.folder / f"somebody-{whole.replace('/', '-')}"
        command("zfs", "create", "-o", f"mountpoint={path}", whole)
        (path / TEXTS).write_text(f"{text}\n")
        command("zfs", "snapshot", f"{whole}@users")
        command("zfs", "destroy", f"{whole}@users")
        return whole

    def stray(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        Path(storage.path(dataset_id), name).mkdir()

    def strays(self, storage: IStorage, dataset_id: DatasetId, warning: str) -> list[str]:
        (aside,) = Path(storage.path(dataset_id)).parent.glob(f".stray-{dataset_id}-*")
        assert str(aside) in warning
        return [path.name for path in aside.iterdir()]

    def mount_over(self, storage: IStorage, dataset_id: DatasetId) -> Callable[[], None]:
        path = storage.path(dataset_id)
        command("mount", "-t", "tmpfs", "none", path)

        def unmount_over() -> None:
            command("umount", path)

        return unmount_over

    def kill_daemon(self, storage: IStorage) -> bool:
        self.daemon = next(daemons(), None)
        if self.daemon is None:
            return False
        pid, _ = self.daemon
        pidfd = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            # Not before its last thread has ended is what it served dead.
            assert select.select([pidfd], [], [], COMMAND_TIMEOUT_SECONDS)[0]
        finally:
            os.close(pidfd)
        return True

    async def start_daemon(self, storage: IStorage) -> None:
        assert self.daemon is not None
        pid, argv = self.daemon
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            await deferLater(installed_reactor, 0.05)
        command("setsid", "--fork", "sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh", *argv)

        async def asked() -> None:
            await storage.discover()

        await retry_while_busy(asked)

    async def pass_time(self) -> None:
        await deferLater(installed_reactor, WATCH_SECONDS + 0.7)

    def boot(self, storage: IStorage) -> None:
        command("zfs", "mount", "-a")

    async def filled(self, storage: IStorage, mebibytes: int) -> None:
        """Have DATASET, with a file of random bytes in it and the snapshot `first`."""
        await self.written(storage)
        Path(storage.path(DATASET), "random").write_bytes(os.urandom(mebibytes * MEBIBYTE))
        await storage.snapshot(DATASET, "first")

    async def settled(self, storage: IStorage) -> LocalDataset | None:
        """DATASET, once ZFS has tidied up after a receive that was cut off.

        A ZFS that can go on with it keeps what came.
        """
        for _ in range(100):
            look = await storage.look(DATASET)
            if look is None or look.snapshots or self.resumes:
                return look
            await deferLater(installed_reactor, 0.1)
        return look


def write_durably(path: Path, size: int) -> None:
    """Write random bytes piece by piece, each of which is on disk before the next."""
    with path.open("wb") as file:
        for _ in range(0, size, CHUNK_BYTES):
            file.write(os.urandom(CHUNK_BYTES))
            file.flush()
            os.fsync(file.fileno())


def write_all(fd: int, data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(fd, data) :]


async def retry_while_busy(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """What came of it; tried until ZFS is done with what was before."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            return await attempt()
        except FlockerError:
            if time.monotonic() > deadline:
                raise
        await deferLater(installed_reactor, 0.2)


def start(awaitable: Awaitable[None]) -> Deferred[None]:
    """Let it begin, to be awaited, or cancelled, later."""

    async def run() -> None:
        await awaitable

    return Deferred.fromCoroutine(run())
