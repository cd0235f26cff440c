"""Groups of datasets on OpenZFS: snapshots of one instant, and one lease that decides for all.

`admin/test openzfs tests/openzfs/group_strikes.py` strikes at their leases, which takes minutes.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from flocker_lite.model.records import DatasetId
from tests.openzfs.pools import NAMES, create_pools, destroy_pools
from tests.zfs.group_story import IDS, GroupCase, Node
from tests.zfs.zfs_nodes import ZfsCase, property_of


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


class GroupTests(GroupCase, ZfsCase, TestCase):
    """Groups of two and three, between the two pools."""

    pools = NAMES
    resumes = True

    async def txgs(self, node: Node, names: dict[DatasetId, str]) -> set[str]:
        """In which of its transaction groups ZFS made these snapshots."""
        return {
            property_of(f"{self.nodes.name(node.agent.storage, each)}@{name}", "createtxg")
            for each, name in names.items()
        }

    async def test_one_instant(self) -> None:
        """Snapshots of two and of three are in one transaction group; one by one they are not."""
        node, _ = await self.group(IDS)
        storage = node.agent.storage
        for count in (2, 3):
            names = {each: f"of-{count}-{each[-1]}" for each in IDS[:count]}
            taken = await storage.snapshot_all(names)
            assert {each: snapshot.name for each, snapshot in taken.items()} == names
            assert len(await self.txgs(node, names)) == 1
        alone = dict.fromkeys(IDS, "alone")
        for each in IDS:
            await storage.snapshot(each, "alone")
        assert len(await self.txgs(node, alone)) == len(IDS)

    async def test_handed_over_as_of_one_instant(self) -> None:
        """What a handoff sent last of each of them is."""
        source, target = await self.group(IDS)
        await source.write("before")
        await source.hand_over(target.agent.node_id, None)
        found = await source.agent.storage.discover()
        names = {each: found[each].snapshots[-1].name for each in IDS}
        assert len(await self.txgs(source, names)) == 1
