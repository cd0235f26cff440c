"""Groups of datasets that are handed over as one, struck at each of their leases.

What is found then is planned and carried on as by agents that were started again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from pyrsistent import pmap
from twisted.internet import reactor as installed_reactor
from twisted.internet.interfaces import IReactorTime

from flocker_lite.convergence.executors import execute
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.errors import FlockerError, NotHealthy, PeerRefused
from flocker_lite.interfaces import IPeerService
from flocker_lite.model.lease import Lease, Role, create
from flocker_lite.model.membership import coordinator_of
from flocker_lite.model.records import Dataset, DatasetId, Grant, HealthCheck, NodeId
from flocker_lite.model.state import DesiredDataset, NodeView
from flocker_lite.peers.service import PeerService
from flocker_lite.planner.groups import Local
from flocker_lite.planner.move_changes import HandoffDatasets, Moved
from flocker_lite.planner.plan import plan
from flocker_lite.planner.replication_changes import DatedChange
from flocker_lite.testing.storage_case import StorageCase
from flocker_lite.testing.stub_host import StubHost
from tests.zfs.dying import Killed, Life
from tests.zfs.move_story import ADDRESS, CONTAINER, A, Agent, B, new_trials
from tests.zfs.pipe_peers import PipePeers

IDS = tuple(f"dddddddd-0000-4000-8000-00000000000{number}" for number in (3, 1, 2))
"""Not in their order: the second coordinates."""

CHECK = HealthCheck(command=("true",))
ROUNDS_MAX = 6


@dataclass
class LeaseLife(Life):
    """Ends before a change of a lease, and of nothing else; counts those that it saw."""

    is_over: bool = False
    leases: int = 0

    def step(self, name: str) -> None:
        self.leases += name == "set_lease"
        try:
            if self.is_over or name == "set_lease":
                super().step(name)
        except Killed:
            self.is_over = True
            raise

    def begin(self, leases: int | None) -> None:
        """Once more, for so many changes; None: for any number."""
        self.steps_left, self.is_over, self.leases = leases, False, 0


@dataclass
class Host(StubHost):
    """The agent that a service belongs to: tries its container, and goes on planning."""

    node: Node | None = None

    async def tried(self, name: str) -> None:
        assert self.node is not None
        await self.node.try_out(name)

    async def next_step(self) -> None:  # type: ignore[override]
        assert self.node is not None
        await self.node.turn()


@dataclass
class Node:
    """An agent with the datasets of a group; `sick` is what its health check says."""

    agent: Agent
    ids: Sequence[DatasetId]
    services: dict[NodeId, IPeerService]
    case: StorageCase
    sick: str | None = None
    number: int = 0

    def start(self) -> None:
        """Nothing of what was known before is known then."""
        agent = self.agent
        agent.moves, agent.trials = MoveLog(cast(IReactorTime, installed_reactor)), new_trials()
        storage, host = agent.context.storage, Host(node=self)
        self.services[agent.node_id] = cast(
            IPeerService, PeerService(agent.node_id, storage, agent.moves, agent.trials, host)
        )

    async def leases(self) -> dict[DatasetId, Lease]:
        found = await self.agent.storage.discover()
        copies = [copy for each in self.ids if (copy := found.get(each)) is not None]
        return {each.dataset_id: each.lease for each in copies if each.lease is not None}

    async def write(self, text: str) -> None:
        for each in self.ids:
            await self.agent.storage.mount(each)
            self.case.write(self.agent.storage, each, text)

    async def try_out(self, name: str) -> None:
        """What runs on trial writes to all of them."""
        await self.write(f"trial {self.number}")
        if self.sick is not None:
            self.agent.trials.end(name, self.sick)
            raise PeerRefused(self.sick)

    async def hand_over(self, to: NodeId, check: HealthCheck | None) -> None:
        held = await self.leases()
        moved = tuple(Moved(each, held[each]) for each in self.ids)
        handoff = HandoffDatasets(moved, CONTAINER, to, ADDRESS, (), check)
        await execute(handoff, self.agent.context)

    async def turn(self) -> bool:
        """What there is to be done is done; whether that was anything."""
        agent = self.agent
        local = Local(await agent.storage.discover(), on_trial=agent.trials.on_trial)
        copies = agent.context.copies.known
        planned = plan(agent.node_id, self.view(), local, copies=copies)
        changes = [
            change
            for change in planned
            if not isinstance(change, DatedChange) or change.due_at <= copies.now
        ]
        for change in changes:
            try:
                await execute(change, agent.context)
            except FlockerError as error:
                # What it would have at the other is on trial there, and first given back.
                if "its trial here is over" not in str(error):
                    raise
        return bool(changes)

    def view(self) -> NodeView:
        """Nobody wants anything moved: what goes on is only what was begun."""
        addresses = pmap({A: ADDRESS, B: ADDRESS})
        grant = Grant(A, 1, materialised=True)
        desired = {
            each: DesiredDataset(Dataset(each, self.agent.node_id), grant, addresses=addresses)
            for each in self.ids
        }
        return NodeView(pmap(desired))


class GroupCase(StorageCase):
    """Two agents, one of which has the datasets of a group."""

    timeout = 600
    strike_every = 1
    """1 strikes before each lease; a larger number leaves leases out, where each takes long."""

    def setUp(self) -> None:
        super().setUp()
        self.life = LeaseLife()

    async def group(self, ids: Sequence[DatasetId], life: Life | None = None) -> tuple[Node, Node]:
        """Two nodes, the first of which is the primary of them all; both share the `life`."""
        services: dict[NodeId, IPeerService] = {}
        made = []
        for node_id in (A, B):
            storage = await self.make()
            moves = MoveLog(cast(IReactorTime, installed_reactor))
            agent = Agent(
                node_id, storage, moves, new_trials(), PipePeers(services), life or self.life
            )
            made.append(Node(agent, ids, services, self))
            made[-1].start()
        for each in ids:
            await made[0].agent.storage.create(each, None, create())
        return made[0], made[1]


class GroupStory(GroupCase):
    """What becomes of a group that is struck while it is handed over."""

    async def strike_at_each(
        self, ids: Sequence[DatasetId], check: HealthCheck | None, sick: str | None = None
    ) -> int:
        """Kill both before leases that a handoff writes, in turn; how many it writes in all.

        What they begin when they are back is struck once more, after its first lease.
        """
        source, target = await self.group(ids)
        survived, written, ended = 0, 0, False
        while not ended:
            await source.write(f"before {survived}")
            target.number, target.sick = survived, sick
            self.life.begin(survived)
            try:
                await self.handed_over(source, target, check)
            except Killed:
                self.life.begin(None)
            else:
                written, ended = self.life.leases, True
            coordinator = (await source.leases())[coordinator_of(ids)]
            is_gone = coordinator.role in (Role.RELEASED, Role.REPLICA)
            with suppress(Killed):
                await self.recover(source, target, leases=1)
            await self.recover(source, target, leases=None)
            owner, other = (target, source) if is_gone else (source, target)
            said = f"trial {survived}" if is_gone and check is not None else f"before {survived}"
            await self.assert_whole(owner, other, said)
            source, target = owner, other
            survived += self.strike_every
        return written

    async def handed_over(self, source: Node, target: Node, check: HealthCheck | None) -> None:
        """Or, when it is not healthy there, taken back."""
        try:
            await source.hand_over(target.agent.node_id, check)
        except NotHealthy:
            await source.turn()

    async def recover(self, source: Node, target: Node, leases: int | None) -> None:
        """Have both started again, and plan until there is nothing more to do."""
        self.life.begin(leases)
        for node in (source, target):
            node.start()
        for _ in range(ROUNDS_MAX):
            if not any([await node.turn() for node in (target, source)]):
                return
        raise AssertionError("it does not come to an end")

    async def assert_whole(self, owner: Node, other: Node, said: str) -> None:
        """One node is the primary of all, and all of them are of the same instant."""
        assert {each.role for each in (await owner.leases()).values()} == {Role.PRIMARY}
        assert {each.role for each in (await other.leases()).values()} <= {Role.REPLICA}
        storage = owner.agent.storage
        texts = {self.read(storage, each) for each in owner.ids}
        assert len(texts) == 1, texts
        (text,) = texts
        assert text[-1] == said

    async def test_three(self) -> None:
        """Release, acquire and settle, each of three datasets."""
        assert await self.strike_at_each(IDS, None) == 4 * len(IDS)

    async def test_two_that_are_healthy(self) -> None:
        """With a trial: lend and borrow as well."""
        assert await self.strike_at_each(IDS[:2], CHECK) == 6 * 2

    async def test_two_that_are_sick(self) -> None:
        """Release, lend, borrow, give back and reclaim."""
        assert await self.strike_at_each(IDS[:2], CHECK, "it is sick") == 5 * 2
