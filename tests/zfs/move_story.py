"""The story of a move on a real ZFS: the changes, the storage and the service of two agents."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from flocker_lite.convergence.awaited_mounts import AwaitedMounts
from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.copy_log import CopyLog
from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.executors import execute
from flocker_lite.convergence.hooks import Hooks
from flocker_lite.convergence.joint_switch import JointSwitches
from flocker_lite.convergence.kept_sessions import KeptSessions
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.pull_log import PullLog
from flocker_lite.convergence.readiness import Readiness
from flocker_lite.convergence.renewals import Renewals
from flocker_lite.convergence.run_log import RunLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.convergence.witness_sessions import WitnessSessions
from flocker_lite.convergence.witnessing import Witnessing
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import (
    IAdoptionNotes,
    IContainers,
    ICopyNotes,
    IDirectories,
    IForeignContainers,
    IHosts,
    IListeners,
    Instruments,
    IPeers,
    IPeerService,
    IRestartHistory,
    IRouting,
    IStorage,
)
from flocker_lite.model.lease import Lease, Role, create
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import LocalDataset, Round
from flocker_lite.peers.service import PeerService
from flocker_lite.planner.move_changes import (
    DeliverDatasets,
    HandoffDatasets,
    Moved,
    PushDatasets,
    ReclaimDatasets,
)
from flocker_lite.routing.interfaces import IHolder
from flocker_lite.routing.switchboard import Switchboard
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.memory_adoption_notes import MemoryAdoptionNotes
from flocker_lite.testing.memory_containers import MemoryContainers
from flocker_lite.testing.memory_copy_notes import MemoryCopyNotes
from flocker_lite.testing.memory_deadline_fence import MemoryDeadlineFence
from flocker_lite.testing.memory_directories import MemoryDirectories
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_fencing_record import MemoryFencingRecord
from flocker_lite.testing.memory_foreign import MemoryForeignContainers
from flocker_lite.testing.memory_holder import MemoryHolder
from flocker_lite.testing.memory_hosts import MemoryHosts
from flocker_lite.testing.memory_listeners import MemoryListeners
from flocker_lite.testing.memory_machine import MemoryMachine
from flocker_lite.testing.memory_restart_history import MemoryRestartHistory
from flocker_lite.testing.memory_routing import MemoryRouting
from flocker_lite.testing.memory_run_times import MemoryRunTimes
from flocker_lite.testing.memory_usage import MemoryUsage
from flocker_lite.testing.memory_volume_records import MemoryVolumeRecords
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE
from flocker_lite.testing.stub_host import StubHost
from flocker_lite.zfs.names import root
from tests.zfs.dying import Killed, Life, dying
from tests.zfs.pipe_peers import PipePeers
from tests.zfs.zfs_nodes import ZfsCase, command, end, retry_while_busy

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000001"
CONTAINER = "db"
ADDRESS = "127.0.0.1"
LARGE_MEBIBYTES = 200
MEBIBYTES = 32
HANDOFF_STEPS_MIN = 8
"""Lease, unmount, snapshot, receive, send, lease, the other's lease, lease."""
SMALL_BYTES_MAX = 4 * MEBIBYTE
WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
number = int(sys.argv[2])
while True:
    os.write(file, b"%d\\n" % number)
    os.fsync(file)
    print(number, flush=True)
    number += 1
"""


class Writer:
    """A process that appends numbers to a file, and says each one when it is on disk."""

    def __init__(self, path: Path, said: Path, first: int) -> None:
        with said.open("wb") as stdout:
            self._process = subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), str(first)], stdout=stdout
            )
        self._said = said

    def stop(self) -> None:
        """What the end of a container is to its process."""
        end(self._process)

    def last(self) -> int:
        """The last number that was on disk for sure."""
        return int(self._said.read_text().split()[-1])


@dataclass
class Agent:
    """What one node's changes work with; `writer` is the process of its container."""

    node_id: NodeId
    storage: IStorage
    moves: MoveLog
    trials: Trials
    peers: PipePeers
    life: Life
    writer: Writer | None = None
    desired: DesiredState = field(default_factory=DesiredState)

    @property
    def context(self) -> AgentContext:
        """The world of its changes."""
        containers = cast(IContainers, MemoryContainers(before=self._before))
        routing, holder = cast(IRouting, MemoryRouting()), cast(IHolder, MemoryHolder())
        switchboard = Switchboard(
            routing, holder, cast(IListeners, MemoryListeners()), ADDRESS, installed_reactor
        )
        return AgentContext(
            node_id=self.node_id,
            address=ADDRESS,
            storage=dying(self.storage, self.life),
            containers=containers,
            routing=switchboard,
            peers=cast(IPeers, self.peers),
            clock=installed_reactor,
            moves=self.moves,
            pulls=PullLog(),
            restart_history=cast(IRestartHistory, MemoryRestartHistory()),
            run_log=RunLog(MemoryRunTimes(), self.desired),
            readiness=Readiness(containers, switchboard, self.moves, installed_reactor),
            trials=self.trials,
            hosts=cast(IHosts, MemoryHosts(tuple)),
            foreign=cast(IForeignContainers, MemoryForeignContainers()),
            directories=cast(IDirectories, MemoryDirectories()),
            adoption_notes=cast(IAdoptionNotes, MemoryAdoptionNotes()),
            machine=MemoryMachine(),
            instruments=Instruments(MemoryUsage(MemoryContainers())),
            volume_records=MemoryVolumeRecords(),
            awaited_mounts=AwaitedMounts(installed_reactor, MemoryVolumeRecords()),
            joint_switches=JointSwitches(installed_reactor, self.desired),
            desired=self.desired,
            copies=CopyLog(installed_reactor, cast(ICopyNotes, MemoryCopyNotes())),
            renewals=self._renewals(),
            witnessing=Witnessing(MemoryFencingRecord(), installed_reactor.seconds),
            hooks=Hooks(self.node_id, containers, self.moves, self.desired, installed_reactor),
            standbys=KeptSessions(cast(IPeers, self.peers), installed_reactor),
        )

    def _renewals(self) -> Renewals:
        """No container of it runs under a deadline."""
        fence, record = MemoryDeadlineFence(), MemoryFencingRecord()
        seconds = installed_reactor.seconds
        sessions = WitnessSessions(cast(IPeers, self.peers), self.desired, record)
        return Renewals(self.node_id, installed_reactor, seconds, fence, record, sessions)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Those of its last move."""
        return self.moves.moves[DATASET].rounds

    async def lease(self) -> Lease | None:
        """What is written on its copy."""
        look = await self.storage.look(DATASET)
        assert look is not None
        return look.lease

    async def is_primary(self) -> bool:
        """Whether it, and it alone, may write."""
        lease = await self.lease()
        return lease is not None and lease.role is Role.PRIMARY

    async def push(self, to: NodeId) -> None:
        """Replicate while the container runs."""
        lease = await self.lease()
        assert lease is not None
        await execute(PushDatasets((Moved(DATASET, lease),), CONTAINER, to, ADDRESS), self.context)

    async def hand_over(self, to: NodeId) -> None:
        """Stop the container and give the dataset away."""
        lease = await self.lease()
        assert lease is not None
        moved = (Moved(DATASET, lease),)
        await execute(HandoffDatasets(moved, CONTAINER, to, ADDRESS, ports=()), self.context)

    async def deliver(self, to: NodeId) -> None:
        """Tell the other node that what was released to it is its own."""
        lease = await self.lease()
        assert lease is not None
        moved = (Moved(DATASET, lease),)
        await execute(DeliverDatasets(moved, CONTAINER, to, ADDRESS, ports=()), self.context)

    async def reclaim(self) -> None:
        """Undo a handoff that failed."""
        lease = await self.lease()
        assert lease is not None
        await execute(ReclaimDatasets((Moved(DATASET, lease),), CONTAINER), self.context)
        await self.storage.mount(DATASET)

    async def _before(self, method: str, name: str) -> None:
        if method == "stop" and self.writer is not None:
            self.writer.stop()


class MoveCase(ZfsCase):
    """Two agents, one of which has a dataset to be moved."""

    timeout = 900

    def setUp(self) -> None:
        super().setUp()
        self.life = Life()

    async def agents(self, mebibytes: int) -> tuple[Agent, Agent]:
        """Two nodes, the first of which has the dataset, with a file of random bytes, mounted."""
        services: dict[NodeId, IPeerService] = {}
        made = []
        for node_id in (A, B):
            storage = await self.make()
            moves = MoveLog(cast(IReactorTime, installed_reactor))
            trials = new_trials()
            mortal = dying(storage, self.life)
            services[node_id] = cast(
                IPeerService, PeerService(node_id, mortal, moves, trials, StubHost())
            )
            made.append(Agent(node_id, storage, moves, trials, PipePeers(services), self.life))
        a, b = made
        await self.written(a.storage)
        self.write_random(a, "random", mebibytes)
        return a, b

    def write_random(self, agent: Agent, name: str, mebibytes: int) -> None:
        """Have random bytes in a file, as if the container had written them."""
        with Path(agent.storage.path(DATASET), name).open("wb") as file:
            block = os.urandom(MEBIBYTE)
            for number in range(mebibytes):
                file.write(number.to_bytes(8, "big") + block[8:])
            file.flush()
            os.fsync(file.fileno())


class MoveStory(MoveCase):
    """A container's process writes; the dataset goes to another node and comes back."""

    strike_every = 1
    """1 kills before each step; a larger number leaves steps out, where each takes long."""

    def start_writer(self, agent: Agent, first: int = 0) -> Writer:
        """Start the container's process."""
        numbers = Path(agent.storage.path(DATASET), "numbers")
        said = self.nodes.folder / "said"
        agent.writer = Writer(numbers, said, first)
        self.addCleanup(said.unlink, missing_ok=True)
        self.addCleanup(agent.writer.stop)
        return agent.writer

    async def test_there_and_back(self) -> None:
        """All that was on disk arrives while a process writes; back again only the rest is sent."""
        a, b = await self.agents(LARGE_MEBIBYTES)
        before = digest(a, "random")
        writer = self.start_writer(a)
        await a.push(B)
        await a.hand_over(B)
        assert await a.lease() == Lease(Role.REPLICA, 2)
        assert await b.lease() == Lease(Role.PRIMARY, 2)
        assert a.rounds[0].sent_bytes > LARGE_MEBIBYTES * MEBIBYTE
        assert all(done.sent_bytes < SMALL_BYTES_MAX for done in a.rounds[1:])
        await b.storage.mount(DATASET)
        assert digest(b, "random") == before
        last = self.all_there(b, writer)

        writer = self.start_writer(b, last + 1)
        await b.push(A)
        await b.hand_over(A)
        assert sum(done.sent_bytes for done in b.rounds) < SMALL_BYTES_MAX
        assert await a.lease() == Lease(Role.PRIMARY, 3)
        await a.storage.mount(DATASET)
        assert digest(a, "random") == before
        self.all_there(a, writer)

        await a.storage.unmount(DATASET)
        for agent in (a, b):
            await agent.storage.destroy(DATASET)
            parent = self.nodes.parent_of[id(agent.storage)]
            left = command("zfs", "list", "-H", "-o", "name", "-t", "all", "-r", parent)
            assert left.split() == [parent, root(parent)]
            assert not os.path.exists(agent.storage.path(DATASET))

    async def test_cut_push(self) -> None:
        """A push whose stream breaks off leaves the service running and no copy; then it works.

        Where ZFS can go on with it, what had arrived is not sent again.
        """
        a, b = await self.agents(MEBIBYTES)
        writer = self.start_writer(a)
        a.peers.cut_after_bytes = MEBIBYTES * MEBIBYTE // 3
        await raised(FlockerError, a.push(B))
        assert await a.lease() == create()
        token = await b.storage.resume_token(DATASET)
        assert (token is not None) == self.resumes
        left = await self.settled(b.storage) if token is None else await b.storage.look(DATASET)
        path = b.storage.path(DATASET)
        assert left == (LocalDataset(DATASET, None, False, path) if self.resumes else None)
        a.peers.cut_after_bytes = None
        await a.push(B)
        sent_bytes = sum(done.sent_bytes for done in a.rounds)
        assert (sent_bytes < MEBIBYTES * MEBIBYTE) == self.resumes
        await a.hand_over(B)
        await b.storage.mount(DATASET)
        self.all_there(b, writer)

    async def test_cut_handoff(self) -> None:
        """A last stream that breaks off gives the dataset back unharmed; then it works."""
        a, b = await self.agents(MEBIBYTES)
        await a.push(B)
        replica = await b.storage.look(DATASET)
        writer = self.start_writer(a)
        self.write_random(a, "more", MEBIBYTES)
        a.peers.cut_after_bytes = MEBIBYTES * MEBIBYTE // 3
        await raised(FlockerError, a.hand_over(B))
        assert await a.lease() == Lease(Role.RELEASING, 1, B)
        assert await b.storage.look(DATASET) == replica
        await a.reclaim()
        assert await a.lease() == create()
        before = digest(a, "more")
        last = self.all_there(a, writer)

        a.peers.cut_after_bytes = None
        writer = self.start_writer(a, last + 1)
        await retry_while_busy(lambda: a.push(B))
        await a.hand_over(B)
        assert await b.lease() == Lease(Role.PRIMARY, 2)
        await b.storage.mount(DATASET)
        assert digest(b, "more") == before
        self.all_there(b, writer)

    async def test_killed_before_each_step_of_a_handoff(self) -> None:
        """Then one of the two nodes has the dataset, and all that was on disk; the next may go on.

        Both agents die at once, before each step in turn that leaves something on disk, until a
        handoff has no step left that was not one's last. What is found then is carried on.
        """
        source, target = await self.agents(mebibytes=1)
        last, survived = -1, 0
        while True:
            writer = self.start_writer(source, last + 1)
            await retry_while_busy(partial(source.push, target.node_id))
            self.life.steps_left = survived
            try:
                await source.hand_over(target.node_id)
            except (Killed, FlockerError):
                ended = False
            else:
                ended = self.life.steps_left > 0
            self.life.steps_left = None
            writer.stop()
            owner = await self.recovered(source, target)
            await owner.storage.mount(DATASET)
            last = self.all_there(owner, writer)
            if ended:
                break
            survived += self.strike_every
            source, target = (source, target) if owner is source else (target, source)
        assert survived >= HANDOFF_STEPS_MIN

    async def recovered(self, source: Agent, target: Agent) -> Agent:
        """The node that has the dataset, once the agents that came back have done their part."""
        lease = await source.lease()
        assert lease is not None
        if lease.role is Role.RELEASING:
            await source.reclaim()
        elif lease.role is Role.RELEASED:
            await source.deliver(target.node_id)
        primaries = [each for each in (source, target) if await each.is_primary()]
        assert len(primaries) == 1
        return primaries[0]

    def all_there(self, agent: Agent, writer: Writer) -> int:
        """Hold it to what the writer said was on disk; gives the last number that is there.

        The last write of a process that was killed may be there without having been said.
        """
        numbers = Path(agent.storage.path(DATASET), "numbers").read_text().split()
        assert numbers == [str(number) for number in range(len(numbers))]
        assert len(numbers) - 1 >= writer.last()
        return len(numbers) - 1


def digest(agent: Agent, name: str) -> str:
    """The SHA-256 of a file in the mounted dataset."""
    with Path(agent.storage.path(DATASET), name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def new_trials() -> Trials:
    """Of an agent that lends and borrows nothing."""
    clock = Clock()
    return Trials(clock, clock.seconds, MemoryFence(lambda _: None, clock))
