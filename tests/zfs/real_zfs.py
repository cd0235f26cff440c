"""What a real ZFS is held to beyond the contract, as tests to be mixed in where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flocker_lite.errors import Busy, Conflict, FlockerError, LeaseError, NotFound
from flocker_lite.model.lease import create
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import (
    DATASET,
    MEBIBYTE,
    OTHER,
    REPLICA,
    transfer,
)
from flocker_lite.zfs.names import LEASE_PROPERTY, root
from tests.zfs.zfs_nodes import (
    ZfsCase,
    command,
    property_of,
    write_durably,
)

KEEP_MOUNTED = """
grep -o ' [^ ]*/node-[0-9]*/[^ ]*' /proc/self/mounts | grep -vxF " $0" | xargs -r umount
echo
exec sleep 600
"""
"""For a mount namespace that keeps $0 mounted, and no dataset of tests that run beside."""


class RealZfs(ZfsCase):
    """What only a real ZFS shows of copies, leases and mounts."""

    async def test_used_in_another_namespace(self) -> None:
        """That it is unmounted here is not enough when a container still has it mounted."""
        storage = await self.make()
        await self.written(storage, "one")
        path = storage.path(DATASET)
        finish = self.nodes.start("unshare", "--mount", "sh", "-c", KEEP_MOUNTED, path)
        for _ in range(2):
            error = await raised(Busy, storage.unmount(DATASET))
            assert "mount namespace" in str(error)
        # Whatever calls itself unmounted now, it is not destroyed under who uses it.
        await raised(Busy, storage.destroy(DATASET))
        finish()
        await storage.unmount(DATASET)
        assert await self.holds(storage) == ("one",)

    async def test_readonly_unless_primary(self) -> None:
        """ZFS itself refuses writes to a replica, received or left behind."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        name = self.nodes.name(target, DATASET)
        assert property_of(name, "readonly") == "on"
        assert property_of(name, "canmount") == "noauto"
        await source.unmount(DATASET)
        await source.set_lease(DATASET, REPLICA)
        assert property_of(self.nodes.name(source, DATASET), "readonly") == "on"

    async def test_limit(self) -> None:
        """A process cannot write more than the limit allows, and snapshots do not count."""
        storage = await self.make()
        await storage.create(DATASET, 4 * MEBIBYTE, create())
        await storage.mount(DATASET)
        path = Path(storage.path(DATASET), "random")
        for number in range(3):
            path.write_bytes(os.urandom(2 * MEBIBYTE))
            await storage.snapshot(DATASET, f"s{number}")
        with pytest.raises(OSError, match="quota"):
            write_durably(path, 8 * MEBIBYTE)

    async def test_lease_of_a_parent_is_none(self) -> None:
        """A lease that was not written on the copy itself gives no right to mount it."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        parent = root(self.nodes.parent_of[id(target)])
        command("zfs", "set", f"{LEASE_PROPERTY}={create()}", parent)
        await transfer(source, target, DATASET, None, "first")
        look = await target.look(DATASET)
        assert look is not None
        assert look.lease is None
        await raised(LeaseError, target.mount(DATASET))

    async def test_a_lease_that_is_none(self) -> None:
        """Nonsense in the property is an error of that dataset, and of no other."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        await storage.create(OTHER, None, create())
        command("zfs", "set", f"{LEASE_PROPERTY}=nonsense", self.nodes.name(storage, DATASET))
        error = await raised(LeaseError, storage.look(DATASET))
        assert DATASET in str(error)
        await raised(LeaseError, storage.mount(DATASET))
        found = await storage.discover()
        assert (found[DATASET].lease, found[DATASET].trouble) == (None, str(error))
        assert found[OTHER] == await storage.look(OTHER)

    async def test_what_is_not_ours(self) -> None:
        """Filesystems of other names, below ours and beside, and volumes are not seen."""
        storage = await self.make()
        await self.written(storage, "one")
        name = self.nodes.name(storage, DATASET)
        base = root(self.nodes.parent_of[id(storage)])
        command("zfs", "create", "-o", "mountpoint=none", f"{name}/{OTHER}")
        command("zfs", "create", f"{base}/{DATASET}.kept-1")
        # zfs-fuse makes no volumes, and says so.
        command("zfs", "create", "-V", "8M", f"{base}/{OTHER}", check=False)
        assert set(await storage.discover()) == {DATASET}
        assert await storage.look(OTHER) is None

    async def test_what_is_below_a_dataset_is_not_destroyed_with_it(self) -> None:
        """What a user has made there is named; once it is elsewhere, the dataset can go."""
        storage = await self.make()
        await self.written(storage, "one")
        name = self.nodes.name(storage, DATASET)
        base = root(self.nodes.parent_of[id(storage)])
        command("zfs", "create", "-o", "mountpoint=none", f"{name}/mine")
        await storage.unmount(DATASET)
        error = await raised(Conflict, storage.destroy(DATASET))
        assert f"{name}/mine" in str(error)
        assert await storage.look(DATASET) is not None
        aside = await storage.set_aside(DATASET, "diverged")
        error = await raised(Conflict, storage.destroy_aside(aside))
        assert f"{base}/{aside}/mine" in str(error)
        command("zfs", "rename", f"{base}/{aside}/mine", f"{base}/mine")
        await storage.destroy_aside(aside)
        assert await storage.asides() == {}
        command("zfs", "list", f"{base}/mine")

    async def test_a_snapshot_that_a_user_holds(self) -> None:
        """It stays, and that is an error of its own: it may go later."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.snapshot(DATASET, "first")
        name = f"{self.nodes.name(storage, DATASET)}@first"
        command("zfs", "hold", "mine", name)
        await raised(Busy, storage.destroy_snapshot(DATASET, "first"))
        command("zfs", "release", "mine", name)
        await storage.destroy_snapshot(DATASET, "first")

    async def test_looking_while_snapshots_come_and_go(self) -> None:
        """A copy that is there is seen, whatever happens to its snapshots at the moment."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        name = self.nodes.name(storage, DATASET)
        script = "echo; while true; do zfs snapshot $0@s; zfs destroy $0@s; done"
        finish = self.nodes.start("sh", "-c", script, name)
        for _ in range(30):
            look = await storage.look(DATASET)
            assert look is not None
            assert look.lease == create()
        finish()

    async def test_open_again(self) -> None:
        """An agent that starts again finds all as it was."""
        storage = await self.make()
        await self.written(storage, "one")
        again = await self.nodes.make(self.nodes.parent_of[id(storage)])
        assert set(await again.discover()) == {DATASET}

    async def test_open_without_a_pool(self) -> None:
        """A pool that is not there is named, with what to do; so is a name that cannot be one."""
        error = await raised(NotFound, self.nodes.make("no-such-pool"))
        assert "zpool create no-such-pool" in str(error)
        await raised(FlockerError, self.nodes.make("-o x"))
