"""A node with a certificate of the cluster whose agent is not ours, and says what it likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from pyrsistent import pmap
from twisted.test.iosim import FakeTransport, IOPump, connect

from flocker_lite.model import deltas
from flocker_lite.model.grants import CHAIN_MAX, EPOCH_MAX, Signed, Statement
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.records import Configuration, DatasetId, NodeId
from flocker_lite.model.state import ContainerState, DatasetState, NodeState, NodeView
from flocker_lite.protocol.link import VERSIONS, Hello, Link, Part
from flocker_lite.protocol.messages import Inbox, Message, encode
from flocker_lite.testing.cluster import MemoryCluster
from flocker_lite.testing.memory_signer import MemorySigner

LIAR = "66666666-6666-4666-8666-666666666666"
ADDRESS = "10.0.0.66"
EPOCHS_AHEAD = (0, 1, 1, 1, 1, 2, 3, 50)
SEEN_MAX = 200


class Liar:
    """It says hello whenever it is not connected; `lie` reports the worst that it can think of.

    What is signed it has seen all of: it repeats it, alters it, and signs in its own name.
    """

    def __init__(self, cluster: MemoryCluster, random: Random) -> None:
        self.cluster = cluster
        self.random = random
        self._link: Link | None = None
        self._pump: IOPump | None = None
        self.is_gone = False
        self._seen: dict[Signed, None] = {}

    @property
    def signer(self) -> MemorySigner:
        """With its own key."""
        assert self.cluster.authority is not None
        return self.cluster.authority.signer(LIAR)

    def connect(self) -> None:
        """Say hello, unless it has."""
        if self._link is not None and any(pump is self._pump for _, pump in self.cluster.pumps):
            return
        server = None if self.is_gone else self.cluster.answering(LIAR)
        if server is None:
            return
        self._link = link = Link(self.cluster.clock)
        self._pump = connect(
            server, FakeTransport(server, True), link, FakeTransport(link, False), greet=False
        )
        self.cluster.pumps.append((LIAR, self._pump))
        inbox = Inbox(NodeView())
        link.attend(partial(_hear, inbox), lambda: None)
        said: Any = link.callRemote(
            Hello,
            version=VERSIONS.newest,
            node_id=LIAR,
            address=ADDRESS,
            cluster_id="",
            era="era",
            session=LIAR,
            signs=self.random.random() < 0.5,
        )
        said.addErrback(lambda _: None)

    def go(self) -> None:
        """It is cut off, for ever."""
        self.is_gone = True
        if self._link is not None:
            self._link.hang_up()

    def lie(self, configuration: Configuration) -> str:
        """Report something of all there is; returns what, in words."""
        for node in self.cluster.nodes:
            for links in node.chains.known.values():
                self._seen.update(dict.fromkeys(links))
        while len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        self.connect()
        if self._link is None or self.is_gone:
            return "nothing"
        state = NodeState(
            datasets=pmap(dict(self._datasets(configuration))),
            containers=pmap(dict(self._containers(configuration))),
            moves=pmap(dict(self._moves(configuration))),
        )
        data = encode(Message(None, 1, deltas.whole(state)))
        sending: Any = self._link.callRemote(Part, data=data, last=True)
        sending.addErrback(lambda _: None)
        return ", ".join(f"{key[:8]} {each.lease}" for key, each in state.datasets.items())

    def _datasets(self, configuration: Configuration) -> Iterator[tuple[DatasetId, DatasetState]]:
        for dataset_id, grant in sorted(configuration.grants.items()):
            if self.random.random() < 0.3:
                continue
            epoch = grant.epoch + self.random.choice(EPOCHS_AHEAD)
            epoch = self.random.choice((epoch, epoch, epoch, EPOCH_MAX, EPOCH_MAX + 1))
            role = self.random.choice((Role.PRIMARY, Role.PRIMARY, *Role))
            others = [node.node_id for node in self.cluster.nodes]
            going = role in (Role.RELEASING, Role.LENT, Role.RELEASED)
            held = Lease(
                role,
                epoch,
                self.random.choice(others) if going else None,
                30 if role is Role.LENT else None,
            )
            proof = tuple(self._proof(dataset_id, grant.owner, epoch))
            yield dataset_id, DatasetState(dataset_id, held, True, "/liar", proof=proof)

    def _proof(self, dataset_id: DatasetId, owner: NodeId, epoch: int) -> Iterator[Signed]:
        cluster_id = self.cluster.disk.cluster_id
        mine = [
            Statement(cluster_id, dataset_id, LIAR, epoch, by, "guid") for by in (owner, LIAR, None)
        ]
        seen = [link for link in self._seen if link.statement.dataset_id == dataset_id]
        for _ in range(self.random.randrange(CHAIN_MAX)):
            match self.random.randrange(3):
                case 0 if seen:
                    yield self.random.choice(seen)
                case 1 if seen:
                    link = self.random.choice(seen)
                    changed = replace(link.statement, owner=LIAR, epoch=epoch)
                    yield replace(link, statement=changed)
                case _:
                    yield self.signer.sign(self.random.choice(mine))

    def _containers(self, configuration: Configuration) -> Iterator[tuple[str, ContainerState]]:
        ports = [port for each in configuration.containers.values() for port in each.ports]
        for name, container in sorted(configuration.containers.items()):
            if self.random.random() < 0.5:
                said = replace(container, node=LIAR)
                said = replace(said, volumes=()) if self.random.random() < 0.3 else said
                said = replace(said, ports=tuple(ports)) if self.random.random() < 0.3 else said
                exit_code = self.random.choice((None, 0))
                yield name, ContainerState(said, True, exit_code=exit_code, serving=True)

    def _moves(self, configuration: Configuration) -> Iterator[tuple[DatasetId, MoveProgress]]:
        for move in configuration.moves.values():
            if LIAR in (move.source, move.destination):
                continue  # what it says of its own moves is true enough
            for dataset_id in move.dataset_ids:
                phase = self.random.choice(("done", "rolled back", "failed"))
                source = self.random.choice((None, move.source))
                destination = move.destination
                yield (
                    dataset_id,
                    MoveProgress(dataset_id, 2, phase, source, destination, move_id=move.move_id),
                )


def _hear(inbox: Inbox[NodeView], data: bytes) -> None:
    inbox.take(data)
