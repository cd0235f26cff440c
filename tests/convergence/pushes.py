"""Agents in memory that are told by hand what is wanted, and a dataset to be pushed."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, Grant, Move, MoveOptions, Volume
from flocker_lite.model.state import DesiredDataset, LocalDataset, MoveProgress, NodeView, Round
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode
from flocker_lite.testing.memory_storage import Copy

DATASETS = ("0aa1f3c2-30b5-4f0b-9d52-5a4c1e2f6b00", "1bb1f3c2-30b5-4f0b-9d52-5a4c1e2f6b01")
D = DATASETS[0]
PRIMARY = Lease(Role.PRIMARY, 1)
CONTENT = ("x" * 1000,)


class Pushes:
    """Three nodes without a control service; the first has datasets of about 1,100 bytes each.

    Several of them belong to a container.

    A stream in memory has all that a dataset holds, so that no round is smaller than the one
    before: it looks like a container that writes as fast as the link takes it.
    """

    def __init__(self, dataset_ids: tuple[str, ...] = (D,)) -> None:
        self.cluster = MemoryCluster(nodes=3)
        # Nobody hands out keys.
        self.cluster.network.trusts.clear()
        self.source, self.destination, self.other = self.cluster.nodes
        self.dataset_ids = dataset_ids
        for dataset_id in dataset_ids:
            path = self.source.storage.path(dataset_id)
            local = LocalDataset(dataset_id, PRIMARY, mounted=True, path=path)
            self.source.storage.copies[dataset_id] = Copy(local, CONTENT)
        for node in self.cluster.nodes:
            self.cluster.start_agent(node)
        self.want(self.source)

    def want(
        self,
        node: MemoryNode,
        options: MoveOptions | None = None,
        move_id: str = "move",
        deleted: bool = False,
    ) -> None:
        """Have the datasets wanted at a node, in a move with options."""
        ids = self.dataset_ids
        move = None
        if options is not None:
            me = self.source.node_id
            move = Move(move_id, me, node.node_id, 0.0, None, ids, options)
        grant = Grant(self.source.node_id, 1, materialised=True)
        addresses = pmap({other.node_id: other.address for other in self.cluster.nodes})
        desired = DesiredDataset(
            Dataset(D, node.node_id, deleted=deleted), grant, pmap(), addresses
        )
        volumes = tuple(Volume(dataset_id, f"/{dataset_id}") for dataset_id in ids)
        container = Container("shop", node.node_id, "shop:1", volumes=volumes)
        view = NodeView(
            pmap(
                {
                    dataset_id: replace(
                        desired, dataset=replace(desired.dataset, dataset_id=dataset_id), move=move
                    )
                    for dataset_id in ids
                }
            ),
            pmap({"shop": container} if len(ids) > 1 else {}),
        )
        # The source last: it begins at once, and the others have to know of it by then.
        for told in reversed(self.cluster.nodes):
            assert told.agent is not None
            told.agent.loop.set_view(view)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.cluster.run(seconds)

    def lease(self, node: MemoryNode, dataset_id: str = D) -> Lease | None:
        """What is written on the copy of a node."""
        copy = node.storage.copies.get(dataset_id)
        return copy.local.lease if copy is not None else None

    def progress(self, dataset_id: str = D) -> MoveProgress:
        """What the source says of the move."""
        assert self.source.agent is not None
        return self.source.agent.loop._context.moves.moves[dataset_id]

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Those of the account."""
        return self.progress().rounds
