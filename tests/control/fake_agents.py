"""A control service in memory, and agents that say and report what a test wants."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.test.iosim import FakeTransport, IOPump, connect

from flocker_lite.control.agent_links import AgentLinkFactory, Certified
from flocker_lite.control.opening import open_control
from flocker_lite.control.service import ControlService
from flocker_lite.interfaces import ISigner
from flocker_lite.model import deltas
from flocker_lite.model.lease import Lease
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState, DatasetState, NodeState, NodeView
from flocker_lite.protocol.link import VERSIONS, Hello, Link
from flocker_lite.protocol.messages import Inbox, Message, decode
from flocker_lite.protocol.outbox import Outbox
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore


class FakeAgent:
    """One agent's end; `view` is what it was told, `messages` how."""

    def __init__(
        self,
        world: ControlWorld,
        node_id: str,
        address: str,
        certified: Certified | None = None,
        **words: Any,
    ) -> None:
        self.world = world
        self.node_id = node_id
        self.link = Link(world.clock)
        self.state = NodeState()
        self.messages: list[Message] = []
        self.refusals: list[Exception] = []
        self.deaf = False
        self.inbox = Inbox(NodeView())
        self.outbox = Outbox(lambda: deltas.whole(self.state), self.link.send, lambda failure: None)
        self.link.attend(self._take, lambda: None)
        links = AgentLinkFactory(world.control, world.clock, lambda transport: certified)
        server = links.buildProtocol(None)
        self.pump: IOPump = connect(
            server,
            FakeTransport(server, True),
            self.link,
            FakeTransport(self.link, False),
            greet=False,
        )
        world.agents.append(self)
        greeting = {
            "version": VERSIONS.newest,
            "node_id": node_id,
            "address": address,
            "cluster_id": "",
            "era": "era",
            "session": node_id,
            **words,
        }
        self.link.callRemote(Hello, **greeting).addErrback(
            lambda failure: self.refusals.append(failure.value)
        )
        world.run(0)

    @property
    def view(self) -> NodeView:
        """What it was told, put together."""
        return self.inbox.maps

    def report(self, state: NodeState) -> None:
        """Tell the control service what this node has."""
        changes = deltas.difference(self.state, state)
        self.state = state
        self.outbox.add(changes)
        self.outbox.start()
        self.world.run(0)

    def hang_up(self) -> None:
        """Go away."""
        self.link.hang_up()
        self.world.run(0)

    def _take(self, data: bytes) -> None:
        self.messages.append(decode(data, NodeView))
        self.inbox.take(data)


class ControlWorld:
    """The control service on a disk that outlives it; with a `signer` there are certificates."""

    def __init__(self, signer: ISigner | None = None) -> None:
        self.signer = signer
        self.clock = Clock()
        self.disk = MemoryDisk()
        self.agents: list[FakeAgent] = []
        self.control: ControlService = self.open()

    def open(self) -> ControlService:
        """Start the control service."""
        opened: list[ControlService] = []
        opening = Deferred.fromCoroutine(
            open_control(MemoryStore(self.disk), self.clock, self.signer)
        )
        opening.addCallback(opened.append)
        return opened[0]

    def restart(self) -> None:
        """Stop it, and start it on the same disk."""
        Deferred.fromCoroutine(self.control.close())
        self.run(0)
        self.agents.clear()
        self.control = self.open()

    def edit(self, function: Any) -> Deferred[Any]:
        """Change the configuration."""
        editing = Deferred.fromCoroutine(self.control.edit(function))
        self.run(0)
        return editing

    def run(self, seconds: float) -> None:
        """Let time pass, and deliver what is sent; agents that are deaf hear nothing."""
        for _ in range(max(int(seconds), 1)):
            self.clock.advance(min(seconds, 1.0))
            self._deliver()
            self.clock.advance(0)
            self._deliver()

    def _deliver(self) -> None:
        busy = True
        while busy:
            moved = [agent.pump.pump() for agent in self.agents if not agent.deaf]
            busy = any(moved)


def holding(**leases: Lease) -> NodeState:
    """A node's report: it has these datasets."""
    return NodeState(pmap({name: DatasetState(name, lease) for name, lease in leases.items()}))


def running(*containers: Container) -> NodeState:
    """A node's report: these containers run and serve."""
    return NodeState(
        containers=pmap(
            {item.name: ContainerState(item, running=True, serving=True) for item in containers}
        )
    )
