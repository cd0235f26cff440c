"""A process full of agents: real AMP to a control service, storage and containers in memory.

    python -m flocker_lite.testing.fleet PORT FIRST COUNT

It prints `ready`, and begins when it reads `go`. After that it obeys `stop NUMBER` and
`start NUMBER`. It prints `create DATASET_ID SECONDS` when an agent is about to create a dataset.
The seconds are those of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import sys
import time
from typing import Any
from uuid import UUID, uuid4

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver

from flocker_lite.agent.service import AgentService, Identity
from flocker_lite.interfaces.reactor import IDaemonReactor
from flocker_lite.model.records import DatasetId, Node
from flocker_lite.testing.cluster import MemoryNode
from flocker_lite.testing.memory_peers import MemoryNetwork

DISCOVERY_SECONDS = 300.0
"""Discovery is rare, because here all agents share one machine's CPU."""


def fleet_node(number: int) -> Node:
    """The node of this number, counted from 0; the same in every process."""
    last = number + 1
    return Node(
        str(UUID(int=last, version=4)), f"10.{last >> 16 & 255}.{last >> 8 & 255}.{last & 255}"
    )


class Fleet:
    """Agents that connect to the control service at this port of 127.0.0.1; `say` prints a line."""

    def __init__(
        self, reactor: IDaemonReactor, port: int, first: int, count: int, say: Any
    ) -> None:
        self._reactor = reactor
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._network = MemoryNetwork(clock=reactor)
        self._say = say
        self._nodes = {number: self._node(number) for number in range(first, first + count)}

    def start_all(self) -> None:
        """Start every agent."""
        for number in self._nodes:
            self.start(number)

    def start(self, number: int) -> None:
        """Start the agent of a node."""
        node = self._nodes[number]
        node.agent = AgentService(
            Identity(node.node_id, node.address, str(uuid4()), str(uuid4())),
            node.context(self._network, self._reactor, time.monotonic),
            self._endpoint,
            lambda: node.cluster_id,
            node.join,
            DISCOVERY_SECONDS,
        )
        node.agent.startService()

    def stop(self, number: int) -> None:
        """Stop the agent of a node; its storage and its containers stay."""
        agent, self._nodes[number].agent = self._nodes[number].agent, None
        if agent is not None:
            agent.stopService()

    def _node(self, number: int) -> MemoryNode:
        node = MemoryNode(*_identity(number))

        async def before(method: str, dataset_id: DatasetId) -> None:
            if method == "create":
                self._say(f"create {dataset_id} {time.monotonic():.6f}")

        node.storage.before = before
        return node


class CommandReader(LineReceiver):
    """Reads the commands from stdin; the process exits at the end of stdin."""

    delimiter = b"\n"

    def __init__(self, reactor: IDaemonReactor, fleet: Fleet) -> None:
        self._reactor = reactor
        self._fleet = fleet

    def lineReceived(self, line: bytes) -> None:
        match line.decode().split():
            case ["go"]:
                self._fleet.start_all()
            case ["stop", number]:
                self._fleet.stop(int(number))
            case ["start", number]:
                self._fleet.start(int(number))

    def connectionLost(self, reason: Any = None) -> None:
        if self._reactor.running:
            self._reactor.stop()


def _identity(number: int) -> tuple[str, str]:
    node = fleet_node(number)
    return node.node_id, node.address


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Entry point."""
    from twisted.internet import reactor as installed_reactor

    reactor: Any = installed_reactor
    port, first, count = map(int, sys.argv[1:])
    StandardIO(CommandReader(reactor, Fleet(reactor, port, first, count, _say)))
    reactor.callWhenRunning(_say, "ready")
    reactor.run()


if __name__ == "__main__":
    main()
