"""A failover on OpenZFS: clone, promote and increment, with a crash at each durable step."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.openzfs.pools import NAMES, create_pools, destroy_pools
from tests.zfs.failover_story import FailoverStory
from tests.zfs.group_story import IDS
from tests.zfs.zfs_nodes import property_of


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


class FailoverTests(FailoverStory, TestCase):
    """From one pool to the other, and back."""

    pools = NAMES
    resumes = True

    async def test_sets_after_a_failover_are_of_one_instant(self) -> None:
        """Also where one of the copies is a clone that was promoted."""
        _, standby, guids = await self.outage(IDS[:2])
        await self.promote(standby, guids)
        await standby.write("after")
        storage = standby.agent.storage
        await storage.snapshot_all(dict.fromkeys(standby.ids, "one"))
        names = [f"{self.nodes.name(storage, each)}@one" for each in standby.ids]
        assert len({property_of(name, "createtxg") for name in names}) == 1
