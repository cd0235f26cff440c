"""What a real ZFS is held to when users give snapshots odd names, as tests to be mixed in."""

from __future__ import annotations

from pathlib import Path

from flocker_lite.model.lease import Lease, Role
from flocker_lite.testing.storage_case import DATASET
from tests.zfs.move_story import A, Agent, B, MoveCase
from tests.zfs.zfs_nodes import command

NAMES = (
    "a b",
    " ",
    "a:b.c_d",
    "-o",
    "--help",
    "50%25",
    "x" * 150,
    "stash-1",
    "flocker-lite",
    "flocker-lite-1",
    "flocker-lite-1-0",
    "flocker-lite-01-1",
    "flocker-lite-1-01",
    "flocker-lite-1-1-1",
    " flocker-lite-1-1",
    "flocker-lite-1--1",
    "flocker-lite-99999999999999999999-1",
    "Flocker-lite-1-1",
)
"""None is one that a push gives, though some look like it."""

OF_ANOTHER_EPOCH = "flocker-lite-50-7"
"""One that a push may give, though none of these."""

FEW = ("a b", "-o", "flocker-lite-1", "flocker-lite-01-1", "flocker-lite-1-1-1", "stash-1")

LEAST = frozenset(NAMES) - {" ", "50%25"}
"""Those that every ZFS takes."""


class HostileNames(MoveCase):
    """A user has snapshots of a dataset that is moved there and back."""

    async def test_hostile_names(self) -> None:
        """They stay, each with its name and guid, and nothing takes one of them for its own."""
        a, b = await self.agents(1)
        at_a = await self.snapshots(a)
        await a.push(B)
        await a.hand_over(B)
        assert await self.users(a) == at_a
        at_b = await self.snapshots(b, FEW)
        await b.storage.mount(DATASET)
        Path(b.storage.path(DATASET), "more").touch()
        await b.push(A)
        await b.hand_over(A)
        await a.storage.mount(DATASET)
        assert (await self.users(a), await self.users(b)) == (at_a, at_b)
        assert await a.lease() == Lease(Role.PRIMARY, 3)

    async def test_hostile_names_of_a_copy(self) -> None:
        """What a user adds to a copy makes it one that does not go on: it goes on from what
        both have, and keeps that aside."""
        a, b = await self.agents(1)
        await a.push(B)
        at_b = await self.snapshots(b, FEW)
        await a.push(B)
        assert await self.users(b) == {}
        aside = command("zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", self.parent(b))
        kept = {row.partition("@")[2] for row in aside.splitlines() if ".diverged-" in row}
        assert kept >= set(at_b)
        await a.hand_over(B)
        assert await b.lease() == Lease(Role.PRIMARY, 2)

    async def snapshots(self, agent: Agent, names: tuple[str, ...] = NAMES) -> dict[str, str]:
        """Have the user make those that this ZFS takes; their guids, by name."""
        name = self.nodes.name(agent.storage, DATASET)
        for each in (*names, OF_ANOTHER_EPOCH):
            command("zfs", "snapshot", f"{name}@{each}", check=False)
        made = await self.users(agent)
        assert set(made) >= LEAST & set(names)
        return made

    async def users(self, agent: Agent) -> dict[str, str]:
        """The user's snapshots that there are, as discovery sees them."""
        found = (await agent.storage.discover())[DATASET].snapshots
        return {each.name: each.guid for each in found if each.name in NAMES}

    def parent(self, agent: Agent) -> str:
        """What the node has its datasets below."""
        return self.nodes.parent_of[id(agent.storage)]
