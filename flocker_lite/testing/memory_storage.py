"""IStorage in memory, which tests and simulations can control.

The content of a dataset is a tuple of texts; writing appends one. A stream is JSON in a descriptor.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.errors import (
    Busy,
    CommandFailed,
    Conflict,
    FlockerError,
    InUse,
    LeaseError,
    NotFound,
)
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import WRITERS, Lease
from flocker_lite.model.membership import Membership
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder, LocalDataset, MountStatus, Snapshot
from flocker_lite.testing.memory_asides import Content as Content
from flocker_lite.testing.memory_asides import Copy as Copy
from flocker_lite.testing.memory_filesystems import MemoryFilesystems
from flocker_lite.testing.memory_mountpoints import MemoryMountpoints

REST_MARK = b"rest:"
"""The prefix of a stream that continues an interrupted one."""

_HEADER = re.compile(rb'\{"base": [^,]+, "name": [^,]+, "guid": "[^",]+"')


@implementer(IStorage)
@dataclass
class MemoryStorage(MemoryFilesystems):
    """One node's disk. It outlives the agent; `reboot` does what a restart of the machine does.

    With `resumes` it keeps the part of an interrupted stream, so that the sender can continue. With
    `snapshots_several` it takes snapshots of several datasets at once.

    Each method first calls and awaits `before`, with its own name and the dataset's id: a
    simulation lets time pass there, or raises. `in_use` says whether a process has a path open, so
    that the path cannot be unmounted. `users` are the processes of our containers, `others` those
    of somebody else. `viewers` says which mount of each path each running container sees. `held`
    has the guids of snapshots that users hold. While `daemon_is_down`, every method fails.
    """

    check_command = "true"

    root: str = "/flocker"
    before: Callable[[str, DatasetId], Awaitable[None]] | None = None
    in_use: Callable[[str], bool] = lambda _: False
    users: Callable[[str], tuple[Holder, ...]] = lambda _: ()
    others: dict[DatasetId, tuple[Holder, ...]] = field(default_factory=dict)
    mountpoints: MemoryMountpoints = field(default_factory=MemoryMountpoints)
    viewers: Callable[[], Mapping[str, Mapping[str, int]]] = dict
    held: set[str] = field(default_factory=set)
    daemon_is_down: bool = False
    resumes: bool = False
    snapshots_several: bool = False
    made: list[DatasetId] = field(default_factory=list)
    _guids: int = 0

    def write(self, dataset_id: DatasetId, text: str) -> None:
        """Write as a container's process does; Busy stands for the error that the process gets."""
        copy = self._copy(dataset_id)
        if not copy.local.mounted:
            raise Busy(f"{dataset_id} is not mounted")
        if copy.local.path in self.mountpoints.dead:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        self.copies[dataset_id] = replace(copy, content=(*copy.content, text))

    def read(self, dataset_id: DatasetId) -> Content:
        """The content of the dataset now."""
        return self._copy(dataset_id).content

    def user_snapshot(self, dataset_id: DatasetId, name: str) -> Snapshot:
        """Take a snapshot, as a user may at any time; Conflict when the name exists."""
        copy = self._require_unused(dataset_id, name)
        self._guids += 1
        snapshot = Snapshot(name, f"{id(self)}{self._guids}")
        self._add_snapshot(dataset_id, copy, snapshot)
        return snapshot

    def is_mounted(self, path: str) -> bool:
        """Whether a dataset is mounted at a path."""
        mounted = any(c.local.path == path and c.local.mounted for c in self.copies.values())
        return mounted and self.mountpoints.mount_status(path, mounted).is_mounted

    def mount_of(self, path: str) -> int:
        """The number of the mount at a path; each later mount there has another."""
        return self.mountpoints.counts.get(path, 0)

    def kill_daemon(self) -> None:
        """Kill the storage's daemon: its mounts stay, but are dead."""
        self.daemon_is_down = True
        for copy in self.copies.values():
            if copy.local.mounted:
                self.mountpoints.dead.add(copy.local.path)
        self.mountpoints.notify()

    def start_daemon(self) -> None:
        """Start the daemon again: it has mounted nothing, and the dead mounts are still there."""
        self.daemon_is_down = False
        for dataset_id, copy in self.copies.items():
            if copy.local.path in self.mountpoints.dead:
                self._set(dataset_id, mounted=False)

    def unmount_by_hand(self, dataset_id: DatasetId) -> None:
        """Unmount the dataset as a person does."""
        self._set(dataset_id, mounted=False)
        self.mountpoints.notify()

    def reboot(self) -> None:
        """Restart the machine: nothing is mounted any more."""
        for dataset_id, copy in self.copies.items():
            self.copies[dataset_id] = replace(copy, local=replace(copy.local, mounted=False))
        self.mountpoints.reboot()

    def path(self, dataset_id: DatasetId) -> str:
        return f"{self.root}/{dataset_id}"

    async def discover(self) -> PMap[DatasetId, LocalDataset]:
        await self._begin("discover", "")
        found = {each: self._with_mount_status(copy.measured) for each, copy in self.copies.items()}
        for dataset_id in list(self.unfinished):
            try:
                found[dataset_id] = await self._finished(dataset_id)
            except FlockerError as error:
                path = self.path(dataset_id)
                found[dataset_id] = LocalDataset(dataset_id, None, False, path, trouble=str(error))
        return pmap(found)

    async def look(self, dataset_id: DatasetId) -> LocalDataset | None:
        await self._begin("look", dataset_id)
        if dataset_id in self.unfinished:
            return await self._finished(dataset_id)
        copy = self.copies.get(dataset_id)
        if copy is not None and copy.local.trouble is not None:
            raise LeaseError(copy.local.trouble)
        return self._with_mount_status(copy.measured) if copy is not None else None

    async def mount_statuses(self) -> PMap[DatasetId, MountStatus]:
        found = {each: copy.local for each, copy in self.copies.items()}
        return pmap({each: self._mount_status(local) for each, local in found.items()})

    async def seen(self) -> Mapping[str, frozenset[DatasetId]]:
        return {
            container: frozenset(
                dataset_id
                for dataset_id, copy in self.copies.items()
                if copy.local.path not in self.mountpoints.dead
                and mounts.get(copy.local.path) == self.mount_of(copy.local.path)
            )
            for container, mounts in self.viewers().items()
        }

    async def watch(self, changed: Callable[[], None]) -> None:
        await self.mountpoints.watch(changed)

    async def prepare_mountpoint(self, dataset_id: DatasetId) -> None:
        await self._begin("prepare_mountpoint", dataset_id)
        if not self.is_mounted(self.path(dataset_id)):
            self.mountpoints.prepare(self.path(dataset_id))

    def corrupt_lease(self, dataset_id: DatasetId) -> None:
        """Overwrite the lease as a person might."""
        self._set(dataset_id, lease=None, trouble=f"{dataset_id}: 'nonsense' is not a lease")

    async def create(self, dataset_id: DatasetId, maximum_size: int | None, lease: Lease) -> None:
        await self._begin("create", dataset_id)
        if dataset_id in self.copies:
            raise Conflict(f"{dataset_id} exists")
        path = self.path(dataset_id)
        self.copies[dataset_id] = Copy(LocalDataset(dataset_id, lease, False, path, maximum_size))
        self.made.append(dataset_id)
        self.mountpoints.prepare(path)

    async def destroy(self, dataset_id: DatasetId) -> None:
        await self._begin("destroy", dataset_id)
        if dataset_id in self.unfinished:
            await self._finished(dataset_id)
        if dataset_id in self.copies and self.copies[dataset_id].local.mounted:
            raise Busy(f"{dataset_id} is mounted")
        self.copies.pop(dataset_id, None)
        for name in [name for name in self.origins if name.startswith(dataset_id)]:
            del self.origins[name]
        self.partial.pop(dataset_id, None)

    async def resize(self, dataset_id: DatasetId, maximum_size: int | None) -> None:
        await self._begin("resize", dataset_id)
        self._set(dataset_id, maximum_size=maximum_size)

    async def mount(self, dataset_id: DatasetId) -> None:
        await self._begin("mount", dataset_id)
        held = self._copy(dataset_id).local.lease
        if held is None or held.role not in WRITERS:
            raise LeaseError(f"{dataset_id}: not mounted, because its lease is {held}")
        path = self.path(dataset_id)
        if self.is_mounted(path):
            return
        self.mountpoints.prepare(path)
        self.mountpoints.mounted(path)
        self._set(dataset_id, mounted=True)

    async def unmount(self, dataset_id: DatasetId) -> None:
        await self._begin("unmount", dataset_id)
        path = self.path(dataset_id)
        self.mountpoints.require_no_obstacle(path)
        if path in self.mountpoints.dead:
            self.mountpoints.dead.discard(path)
            self._set(dataset_id, mounted=False)
        if self.in_use(path):
            raise Busy(f"{dataset_id} is still in use")
        held = [str(holder) for holder in self.others.get(dataset_id, ()) if holder.holds]
        if held and self._copy(dataset_id).local.mounted:
            raise InUse(f"{dataset_id} is in use: {'; '.join(held)}")
        self._set(dataset_id, mounted=False)

    async def holders(self, dataset_id: DatasetId) -> tuple[Holder, ...]:
        if not self.is_mounted(self.path(dataset_id)):
            return ()
        return (*self.users(self.path(dataset_id)), *self.others.get(dataset_id, ()))

    async def set_lease(self, dataset_id: DatasetId, lease: Lease) -> None:
        await self._begin("set_lease", dataset_id)
        self._set(dataset_id, lease=lease)

    async def set_membership(self, dataset_id: DatasetId, membership: Membership | None) -> None:
        await self._begin("set_membership", dataset_id)
        self._set(dataset_id, membership=membership)

    async def snapshot(self, dataset_id: DatasetId, name: str) -> Snapshot:
        await self._begin("snapshot", dataset_id)
        return self.user_snapshot(dataset_id, name)

    async def snapshot_all(self, names: Mapping[DatasetId, str]) -> Mapping[DatasetId, Snapshot]:
        if not self.snapshots_several:
            return {each: await self.snapshot(each, name) for each, name in names.items()}
        for dataset_id in names:
            await self._begin("snapshot", dataset_id)
        for dataset_id, name in names.items():
            self._require_unused(dataset_id, name)
        return {
            dataset_id: self.user_snapshot(dataset_id, name) for dataset_id, name in names.items()
        }

    async def destroy_snapshot(self, dataset_id: DatasetId, name: str) -> None:
        await self._begin("destroy_snapshot", dataset_id)
        if dataset_id not in self.copies:
            return
        snapshots = self.copies[dataset_id].local.snapshots
        needed = {each.name for each in snapshots if each.guid in self.origins.values()}
        if name in needed:
            raise Conflict(f"{dataset_id}@{name} has dependent clones")
        if any(each.name == name and each.guid in self.held for each in snapshots):
            raise Busy(f"{dataset_id}@{name}: dataset is busy")
        self._set(dataset_id, snapshots=tuple(each for each in snapshots if each.name != name))

    async def estimate(
        self, dataset_id: DatasetId, base: str | None, snapshot: str | None
    ) -> int | None:
        """The size of the whole content, since a stream has all of it."""
        return sum(len(text) for text in self._copy(dataset_id).content) or None

    async def send(self, dataset_id: DatasetId, base: str | None, snapshot: str, fd: int) -> None:
        await self._begin("send", dataset_id)
        copy = self._copy(dataset_id)
        by_name = {item.name: item for item in copy.local.snapshots}
        for name in (base, snapshot):
            if name is not None and name not in by_name:
                raise NotFound(f"{dataset_id}@{name} does not exist")
        os.write(fd, _stream(copy, by_name[base] if base is not None else None, by_name[snapshot]))

    async def send_rest(self, dataset_id: DatasetId, resume_token: str, fd: int) -> None:
        await self._begin("send_rest", dataset_id)
        token = json.loads(bytes.fromhex(resume_token))
        copy = self._copy(dataset_id)
        here = {item.guid: item for item in copy.local.snapshots}
        base, last = here.get(token["base"]), here.get(token["guid"])
        if last is None or (base is None) != (token["base"] is None):
            raise Conflict(f"{dataset_id}: the snapshot that was sent first no longer exists")
        os.write(fd, REST_MARK + _stream(copy, base, last)[token["offset"] :])

    async def receive(self, dataset_id: DatasetId, fd: int) -> None:
        await self._begin("receive", dataset_id)
        data = b"".join(iter(lambda: os.read(fd, 65536), b""))
        before = self.partial.get(dataset_id)
        if data and data.startswith(REST_MARK) != (before is not None):
            raise Conflict(f"{dataset_id}: contains partially-complete state, or none to go on")
        data = (before or b"") + data.removeprefix(REST_MARK)
        if not data.endswith(b"\n"):
            self._keep_partial(dataset_id, data)
            raise CommandFailed(("receive",), 1, "invalid backup stream")
        self._apply(dataset_id, json.loads(data))
        self.partial.pop(dataset_id, None)

    async def resume_token(self, dataset_id: DatasetId) -> str | None:
        await self._begin("resume_token", dataset_id)
        data = self.partial.get(dataset_id)
        header = _HEADER.match(data) if data is not None else None
        if data is None or header is None:
            return None
        token = {**json.loads(header[0] + b"}"), "offset": len(data)}
        return json.dumps(token).encode().hex()

    async def discard_partial(self, dataset_id: DatasetId) -> None:
        await self._begin("discard_partial", dataset_id)
        had = self.partial.pop(dataset_id, None)
        if had is not None and not self.copies[dataset_id].local.snapshots:
            del self.copies[dataset_id]

    def _keep_partial(self, dataset_id: DatasetId, data: bytes) -> None:
        if not self.resumes or _HEADER.match(data) is None:
            return
        self.partial[dataset_id] = data
        empty = LocalDataset(dataset_id, None, False, self.path(dataset_id))
        self.copies.setdefault(dataset_id, Copy(empty))

    def _apply(self, dataset_id: DatasetId, stream: dict[str, Any]) -> None:
        copy = self.copies.get(dataset_id)
        if stream["base"] is None:
            if copy is not None and dataset_id not in self.partial:
                raise Conflict(f"destination {dataset_id!r} exists")
            copy = Copy(LocalDataset(dataset_id, None, False, self.path(dataset_id)))
        elif copy is None:
            raise NotFound(f"{dataset_id}: the dataset does not exist")
        elif not copy.local.snapshots or copy.local.snapshots[-1].guid != stream["base"]:
            raise Conflict(f"{dataset_id}: does not match incremental source")
        elif copy.content != copy.frozen[stream["base"]]:
            raise Conflict(f"{dataset_id}: has been modified")
        received = replace(copy, content=tuple(stream["content"]))
        self._add_snapshot(dataset_id, received, Snapshot(stream["name"], stream["guid"]))

    async def set_aside(self, dataset_id: DatasetId, reason: str) -> str:
        await self._begin("set_aside", dataset_id)
        if self._copy(dataset_id).local.mounted:
            raise Busy(f"{dataset_id} is mounted")
        return self._rename_away(dataset_id, reason)

    async def _begin(self, method: str, dataset_id: DatasetId) -> None:
        if self.before is not None:
            await self.before(method, dataset_id)
        if self.daemon_is_down:
            raise CommandFailed(("zfs", method), 1, "internal error: the daemon does not answer")

    def _require_unused(self, dataset_id: DatasetId, name: str) -> Copy:
        copy = self._copy(dataset_id)
        if any(snapshot.name == name for snapshot in copy.local.snapshots):
            raise Conflict(f"{dataset_id}@{name} exists")
        return copy

    def _with_mount_status(self, local: LocalDataset) -> LocalDataset:
        return local.at(self._mount_status(local))

    def _mount_status(self, local: LocalDataset) -> MountStatus:
        return self.mountpoints.mount_status(local.path, local.mounted)

    def _copy(self, dataset_id: DatasetId) -> Copy:
        if dataset_id not in self.copies:
            raise NotFound(f"{dataset_id}: there is no copy here")
        return self.copies[dataset_id]

    def _set(self, dataset_id: DatasetId, **facts: object) -> None:
        copy = self._copy(dataset_id)
        local = replace(copy.local, **facts)  # type: ignore[arg-type]
        self.copies[dataset_id] = replace(copy, local=local)

    def _add_snapshot(self, dataset_id: DatasetId, copy: Copy, snapshot: Snapshot) -> None:
        local = replace(copy.local, snapshots=(*copy.local.snapshots, snapshot))
        frozen = copy.frozen.set(snapshot.guid, copy.content)
        self.copies[dataset_id] = replace(copy, local=local, frozen=frozen)


def _stream(copy: Copy, base: Snapshot | None, last: Snapshot) -> bytes:
    stream = {
        "base": base.guid if base is not None else None,
        "name": last.name,
        "guid": last.guid,
        "content": copy.frozen[last.guid],
    }
    return json.dumps(stream).encode() + b"\n"
