"""What users set and keep on OpenZFS travels: properties that zfs-fuse lacks, and snapshots."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from flocker_lite.model.properties import NAMES, listed, travelling
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE
from tests.openzfs.pools import NAMES as POOLS
from tests.openzfs.pools import create_pools, destroy_pools
from tests.zfs.move_story import B, MoveCase
from tests.zfs.zfs_nodes import command, property_of

TRAVELS = {
    "compression": "zstd-3",
    "recordsize": "16384",
    "atime": "off",
    "relatime": "on",
    "xattr": "sa",
    "acltype": "posix",
    "aclinherit": "passthrough",
    "logbias": "throughput",
    "primarycache": "metadata",
    "secondarycache": "none",
    "sync": "always",
    "redundant_metadata": "most",
    "dnodesize": "auto",
    "checksum": "sha512",
    "copies": "2",
    "snapdir": "visible",
    "devices": "off",
    "exec": "off",
    "setuid": "off",
}
STAYS = {
    "quota": str(512 * MEBIBYTE),
    "reservation": str(4 * MEBIBYTE),
    "refreservation": str(4 * MEBIBYTE),
    "dedup": "on",
    "com.example:backup": "daily\nat\tnoon",
}
COMPRESSIONS = ("lz4", "zle", "gzip-9", "zstd", "zstd-19", "zstd-fast-10", "on", "off")


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


class PropertiesTests(MoveCase, TestCase):
    """A dataset goes from one pool to the other."""

    pools = POOLS
    resumes = True

    async def test_a_move(self) -> None:
        """All that may travel is what it was, and users' snapshots are; the rest is listed."""
        assert set(TRAVELS) == NAMES
        a, b = await self.agents(mebibytes=1)
        here, there = (self.nodes.name(each.storage, DATASET) for each in (a, b))
        for name, value in {**TRAVELS, **STAYS}.items():
            self.set_property(a.storage, DATASET, name, value)
        command("zfs", "snapshot", f"{here}@monday")
        self.write(a.storage, DATASET, "one")
        command("zfs", "snapshot", f"{here}@tuesday")
        own = await a.storage.properties(DATASET)
        assert {name: value for name, value in own.items() if value} == {**TRAVELS, **STAYS}
        list_of = listed({DATASET: own})
        assert {each.name for each in list_of if not each.travels} == set(STAYS)
        await a.push(B)
        await a.hand_over(B)
        assert {name: property_of(there, name) for name in TRAVELS} == TRAVELS
        assert travelling(await b.storage.properties(DATASET)) == TRAVELS
        assert property_of(there, "quota") == "0"
        assert property_of(there, "com.example:backup") == "-"
        for snapshot in ("monday", "tuesday"):
            guids = {property_of(f"{name}@{snapshot}", "guid") for name in (here, there)}
            assert len(guids) == 1
        await b.storage.mount(DATASET)
        assert self.read(b.storage, DATASET) == ("one",)

    async def test_ways_to_compress(self) -> None:
        """Each is told as it was set, and set as it was told; in the end it is inherited again."""
        a, b = await self.agents(mebibytes=1)
        await a.push(B)
        for value in COMPRESSIONS:
            self.set_property(a.storage, DATASET, "compression", value)
            told = travelling(await a.storage.properties(DATASET))
            assert told["compression"] == value
            assert await b.storage.set_properties(DATASET, told) == ()
            assert property_of(self.nodes.name(b.storage, DATASET), "compression") == value
        command("zfs", "inherit", "compression", self.nodes.name(a.storage, DATASET))
        told = travelling(await a.storage.properties(DATASET))
        assert await b.storage.set_properties(DATASET, told) == ()
        assert (await b.storage.properties(DATASET))["compression"] is None
