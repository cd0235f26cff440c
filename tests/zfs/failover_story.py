"""A failover on a real ZFS, whose nodes die before each durable step of promotion and rejoining.

The standby has a whole snapshot set, and of the next one a part; the primary has more than that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from pyrsistent import pmap

from flocker_lite.convergence.executors import execute
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, DatasetId, Grant
from flocker_lite.model.state import DesiredDataset, NodeView
from flocker_lite.planner.failover_changes import Promoted, PromoteDatasets
from flocker_lite.planner.move_changes import Moved, PushDatasets
from flocker_lite.testing.storage_case import MEBIBYTE, REPLICA, transfer
from flocker_lite.zfs import commands
from flocker_lite.zfs.names import root
from tests.zfs.dying import Killed, Life
from tests.zfs.group_story import IDS, ROUNDS_MAX, GroupCase, Node
from tests.zfs.move_story import ADDRESS, CONTAINER, A, B
from tests.zfs.zfs_nodes import TEXTS, ZfsCase, command, retry_while_busy

BEFORE = "x" * (4 * MEBIBYTE)
WHOLE_SET, NEXT_SET = "flocker-lite-1-1", "flocker-lite-1-2"
EPOCH = 3
"""Two on from the old primary's."""


@dataclass
class Returned(Node):
    """The old primary, when it hears that the other node was granted its datasets."""

    guids: Mapping[DatasetId, str] = field(default_factory=dict)

    def view(self) -> NodeView:
        addresses = pmap({A: ADDRESS, B: ADDRESS})
        holders = pmap({B: Lease(Role.PRIMARY, EPOCH)})
        desired = {
            each: DesiredDataset(
                Dataset(each, B), Grant(B, EPOCH, True, guid), holders, addresses=addresses
            )
            for each, guid in self.guids.items()
        }
        return NodeView(pmap(desired))


class FailoverStory(GroupCase, ZfsCase):
    """What becomes of both copies."""

    def setUp(self) -> None:
        super().setUp()
        self.mortal = Life()

    async def outage(
        self, ids: Sequence[DatasetId]
    ) -> tuple[Returned, Node, Mapping[DatasetId, str]]:
        """The old primary, its standby, and the guids of the set from which that goes on."""
        self.mortal.steps_left = None
        primary, standby = await self.group(ids, self.mortal)
        await primary.write(BEFORE)
        guids = await self.send_set(primary, standby, None, WHOLE_SET, ids)
        await primary.write("between")
        await self.send_set(primary, standby, WHOLE_SET, NEXT_SET, ids[:1])
        await primary.write("alone")
        returned = Returned(primary.agent, ids, primary.services, self, guids=guids)
        return returned, standby, guids

    async def send_set(
        self, source: Node, target: Node, base: str | None, name: str, ids: Sequence[DatasetId]
    ) -> dict[DatasetId, str]:
        """Take a snapshot set of all, and send these; the guids."""
        here, there = source.agent.storage, target.agent.storage
        taken = await here.snapshot_all(dict.fromkeys(source.ids, name))
        for each in ids:
            await transfer(here, there, each, base, name)
            if base is None:
                await there.set_lease(each, REPLICA)
        return {each: snapshot.guid for each, snapshot in taken.items()}

    async def promote(self, standby: Node, guids: Mapping[DatasetId, str]) -> None:
        """As the planner has it: all that are not promoted yet."""
        held = await standby.leases()
        due = tuple(
            Promoted(each, held[each], EPOCH, guids[each])
            for each in standby.ids
            if held[each].epoch < EPOCH
        )
        if due:
            await execute(PromoteDatasets(due, None), standby.agent.context)

    async def rejoin(self, returned: Returned) -> None:
        """Whatever the planner finds to be done, until that is nothing."""
        for _ in range(ROUNDS_MAX):
            if not await returned.turn():
                return
        raise AssertionError("it does not come to an end")

    async def struck(self, steps: int, node: Node, act: Callable[[], Awaitable[None]]) -> bool:
        """Die after so many steps, and do it again when started anew; whether it died."""
        self.mortal.steps_left, has_died = steps, False
        try:
            await act()
        except Killed:
            has_died = True
        self.mortal.steps_left = None
        node.start()
        await act()
        return has_died

    async def reasons(self, node: Node) -> list[tuple[DatasetId, str]]:
        """What is set aside at a node, of which dataset and why."""
        found = await node.agent.storage.asides()
        return sorted((each.dataset_id, each.reason) for each in found.values())

    async def test_promotion_with_a_crash_at_each_step(self) -> None:
        """All go on from the set that was whole; what one had after that is set aside once."""
        ids = IDS[:2]
        for steps in count():
            _, standby, guids = await self.outage(ids)
            has_died = await self.struck(steps, standby, partial(self.promote, standby, guids))
            held = await standby.leases()
            assert held == dict.fromkeys(ids, Lease(Role.PRIMARY, EPOCH)), steps
            for each in ids:
                await standby.agent.storage.mount(each)
                assert self.read(standby.agent.storage, each) == (BEFORE,), steps
            assert await self.reasons(standby) == [(ids[0], "failover")], steps
            if not has_died:
                # Set aside, and two leases.
                assert steps == 3
                return

    async def test_rejoining_with_a_crash_at_each_step(self) -> None:
        """The old primary's copy ends with one snapshot of what it alone has."""
        ids = IDS[:1]
        for steps in count():
            returned, _, _ = await self.outage(ids)
            has_died = await self.struck(steps, returned, partial(self.rejoin, returned))
            copy = (await returned.agent.storage.discover())[ids[0]]
            assert copy.lease is not None
            assert copy.lease.role is Role.REPLICA, steps
            names = [each.name for each in copy.snapshots]
            assert [name.startswith("deposed-") for name in names] == [False, False, True], steps
            if not has_died:
                assert steps >= 4
                return

    async def test_the_old_primary_is_a_standby_again(self) -> None:
        """By an increment; what it alone had is set aside, and can be looked at as documented."""
        ids = IDS[:2]
        returned, standby, guids = await self.outage(ids)
        await self.promote(standby, guids)
        await standby.write("after")
        returned.start()
        await self.rejoin(returned)
        for each in ids:
            held = (await standby.leases())[each]
            change = PushDatasets((Moved(each, held),), CONTAINER, A, ADDRESS)
            await execute(change, standby.agent.context)
            sent = sum(done.sent_bytes for done in standby.agent.moves.moves[each].rounds)
            assert 0 < sent < MEBIBYTE
            here = (await standby.agent.storage.discover())[each]
            there = (await returned.agent.storage.discover())[each]
            assert there.lease is not None
            assert there.lease.role is Role.REPLICA
            assert there.snapshots[-1].guid == here.snapshots[-1].guid
        assert await self.reasons(returned) == sorted((each, "failover") for each in ids)
        for name in await returned.agent.storage.asides():
            assert await self.looked_at(returned, name) == [BEFORE, "between", "alone"]

    async def looked_at(self, node: Node, name: str) -> list[str]:
        """The texts of what is set aside, by a clone, as docs/failover.rst says."""
        storage: Any = node.agent.storage
        parent = self.nodes.parent_of[id(storage)]
        aside, look = f"{root(parent)}/{name}", f"{parent}/look"
        listed = command("zfs", "list", "-H", "-o", "name", "-r", "-t", "snapshot", aside)
        (snapshot,) = (each for each in listed.split() if "@deposed-" in each)
        with tempfile.TemporaryDirectory(dir="/run") as folder:
            command("zfs", "clone", "-o", f"mountpoint={folder}", snapshot, look)
            try:
                return Path(folder, TEXTS).read_text().splitlines()
            finally:
                await retry_while_busy(lambda: storage._zfs(commands.destroy(look)))
