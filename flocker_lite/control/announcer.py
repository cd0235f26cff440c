"""Keeps every node's view, and finds what a change means for each; its cost is the change's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.control import views
from flocker_lite.control.acquaintances import Acquaintances
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.grants import Evidence, judge
from flocker_lite.control.sealing import GrantSeal
from flocker_lite.model import deltas
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import held_epoch
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    DatasetId,
    Grant,
    Move,
    Node,
    NodeId,
)
from flocker_lite.model.state import NodeView, Route, WantedDataset
from flocker_lite.model.user_leases import datasets_along_with

ToNode = dict[NodeId, list[Change]]


@dataclass
class Announcer:
    """What each node is told, as of the last change; `routes` are the same for all nodes.

    `evidence` is what grants move by, and `seal` signs those that stand (None: nobody does).
    """

    evidence: Evidence = field(default_factory=Evidence)
    seal: GrantSeal | None = None
    configuration: Configuration = field(default_factory=Configuration)
    cluster: ClusterState = field(default_factory=ClusterState)
    routes: PMap[str, Route] = field(default_factory=pmap)
    _owed: PMap[DatasetId, Grant] = field(default_factory=pmap)
    _told: dict[NodeId, dict[tuple[str, str], object]] = field(default_factory=dict)
    _concerned: dict[tuple[str, str], frozenset[NodeId]] = field(default_factory=dict)
    _users: dict[DatasetId, str] = field(default_factory=dict)
    _ports: dict[str, frozenset[int]] = field(default_factory=dict)
    _acquaintances: Acquaintances = field(default_factory=Acquaintances)

    def whole(self, node_id: NodeId) -> tuple[Change, ...]:
        """All that a node is told, as what makes its view from an empty one."""
        told = self._told.get(node_id, {})
        routes = (Change("routes", port, route) for port, route in self.routes.items())
        return (*(Change(*key, record) for key, record in told.items()), *routes)

    def configured(
        self, configuration: Configuration, changes: Iterable[Change]
    ) -> tuple[ToNode, list[Change]]:
        """After an edit: what to tell which node, and what to tell all of them."""
        datasets: set[DatasetId] = set()
        containers: set[str] = set()
        images: set[str] = set()
        discards: set[str] = set()
        nodes: set[NodeId] = set()
        for change in changes:
            if change.kind == "nodes":
                nodes.add(change.identity)
            if change.kind == "datasets":
                datasets.add(change.identity)
            elif change.kind in ("grants", "leases"):
                self._settle(change)
                # A lease holds all that moves along, and a grant says where.
                datasets.update(datasets_along_with(configuration, change.identity))
            elif change.kind == "containers":
                containers.add(change.identity)
                datasets |= self._note_user(change)
            elif change.kind == "moves":
                datasets |= datasets_of_move(change, self.configuration)
            elif change.kind == "images":
                images.add(change.identity)
            elif change.kind == "discards":
                discards.add(change.identity)
            elif change.kind == "nodes" and isinstance(change.record, Node):
                told = self._told.get(change.record.node_id, {})
                datasets |= {identity for kind, identity in told if kind == "datasets"}
                containers |= {identity for kind, identity in told if kind == "containers"}
        self.configuration = configuration
        to_node, to_all = self._announce(datasets, containers)
        for image_id in images:
            entries = views.image_views(configuration, image_id)
            self._update("images", image_id, entries, to_node)
        for name in discards:
            self._update("discards", name, views.discard_views(configuration, name), to_node)
        for other in nodes:
            for node_id in self._acquaintances.of(other):
                self._tell_keys(node_id, other, to_node)
        return to_node, to_all

    def reported(self, changes: Iterable[Change]) -> tuple[ToNode, list[Change]]:
        """After a report, which `cluster` has: what to tell which node, and what all of them."""
        changes = tuple(changes)
        return self._announce(
            {change.identity for change in changes if change.kind == "datasets"},
            {change.identity for change in changes if change.kind in ("containers", "kept")},
        )

    def judged(self, dataset_ids: Iterable[DatasetId]) -> tuple[dict[DatasetId, Grant], list[str]]:
        """The grants that move by what is known now, and the datasets with other claims on them.

        Routes follow the former at once, for the store may take its time, or have no room. After
        an edit some move because nodes had reported more of it before it was configured: so it is
        with a dataset that is made known anew, to a control service that lost its store.
        """
        moved: dict[DatasetId, Grant] = {}
        changed: list[DatasetId] = []
        for dataset_id in dataset_ids:
            reports = self.cluster.datasets.get(dataset_id, pmap())
            judgement = judge(self.configuration, dataset_id, reports, self.evidence)
            known = self.configuration.grants.get(dataset_id)
            self._owed = self._owed.discard(dataset_id)
            if judgement.grant is not None and judgement.grant != known:
                moved[dataset_id] = judgement.grant
                self._owed = self._owed.set(dataset_id, judgement.grant)
            cluster = self.cluster.claimed(dataset_id, judgement.claims)
            if cluster is not self.cluster:
                self.cluster = cluster
                changed.append(dataset_id)
        return moved, changed

    def told_anew(self, node_id: NodeId) -> ToNode:
        """What to tell a node that connects, of what is signed anew since it was told."""
        told = self._told.get(node_id, {})
        datasets = {identity for kind, identity in told if kind == "datasets"}
        return self._announce(datasets if self.seal is not None else set(), set())[0]

    def _settle(self, change: Change) -> None:
        """A grant that is durable is owed no more."""
        owed = self._owed.get(change.identity)
        durable = change.record.epoch if isinstance(change.record, Grant) else 0
        if owed is not None and durable >= owed.epoch:
            self._owed = self._owed.discard(change.identity)

    def _announce(
        self, datasets: set[DatasetId], containers: set[str]
    ) -> tuple[ToNode, list[Change]]:
        to_node: ToNode = {}
        # Who is told of a container depends on who has its datasets.
        containers = containers | {
            self._users[dataset_id] for dataset_id in datasets if dataset_id in self._users
        }
        for dataset_id in datasets:
            entries = views.dataset_views(
                self.configuration, self.cluster, dataset_id, self._signed(dataset_id)
            )
            self._update("datasets", dataset_id, entries, to_node)
        to_all: list[Change] = []
        granted = self._granted()
        for name in containers:
            told = views.container_views(self.configuration, self.cluster, name)
            self._update("containers", name, told, to_node)
            deleted = views.deleted_views(self.configuration, self.cluster, name)
            self._update("deleted", name, deleted, to_node)
            serving = views.serving_views(granted, self.cluster, name)
            self._update("serving", name, serving, to_node)
            to_all += self._reroute(granted, name)
        return to_node, to_all

    def _update(
        self, kind: str, identity: str, entries: Mapping[NodeId, object], to_node: ToNode
    ) -> None:
        key = (kind, identity)
        before = self._concerned.pop(key, frozenset())
        if entries:
            self._concerned[key] = frozenset(entries)
        for node_id in before.union(entries):
            record = entries.get(node_id)
            known = self._tell(node_id, kind, identity, record, to_node)
            if kind == "datasets":
                others = self._acquaintances.update(node_id, _wanted(known), _wanted(record))
                for other in others:
                    self._tell_keys(node_id, other, to_node)

    def _tell(
        self, node_id: NodeId, kind: str, identity: str, record: object | None, to_node: ToNode
    ) -> object | None:
        """Have a node told of a record, if that is news for it; returns what it knew before."""
        told, key = self._told.setdefault(node_id, {}), (kind, identity)
        known = told.get(key)
        if known != record:
            if record is None:
                del told[key]
            else:
                told[key] = record
            to_node.setdefault(node_id, []).append(Change(kind, identity, record))
        return known

    def _tell_keys(self, node_id: NodeId, other: NodeId, to_node: ToNode) -> None:
        """Have a node told the ssh keys of another, or that they are none of its business."""
        named = self._acquaintances.is_named(other, node_id)
        node = self.configuration.nodes.get(other) if named else None
        keys = node.ssh_keys if node is not None else None
        self._tell(node_id, "peers", other, keys, to_node)

    def _granted(self) -> Configuration:
        """The configuration as it is once all grants that were verified are durable."""
        if not self._owed:
            return self.configuration
        grants = self.configuration.grants.update(self._owed)
        return replace(self.configuration, grants=grants)

    def _reroute(self, granted: Configuration, name: str) -> list[Change]:
        """The routes of a container's configured ports, and of those that are led to it still."""
        wanted = granted.containers.get(name)
        ports = {port.external for port in wanted.ports} if wanted is not None else set()
        changes = []
        for port in ports | self._ports.get(name, frozenset()):
            before = self.routes.get(str(port))
            after = views.route(granted, self.cluster, name, port, before)
            if after is None and (before is None or before.container != name):
                continue
            if after != before:
                changes.append(Change("routes", str(port), after))
        for change in changes:
            self.routes = deltas.apply(NodeView(routes=self.routes), [change]).routes
        known = (self.routes.get(str(port)) for port in ports | self._ports.pop(name, frozenset()))
        led = {route.port for route in known if route is not None and route.container == name}
        if led:
            self._ports[name] = frozenset(led)
        return changes

    def _signed(self, dataset_id: DatasetId) -> Signed | None:
        """The grant as its owner is to keep it; None when it has it, or would not."""
        grant = self.configuration.grants.get(dataset_id)
        if self.seal is None or grant is None:
            return None
        node = self.configuration.nodes.get(grant.owner)
        copy = self.cluster.datasets.get(dataset_id, pmap()).get(grant.owner)
        if node is None or not node.signs or copy is None or copy.lease is None:
            return None
        if held_epoch(copy.lease) != grant.epoch:
            return None
        return self.seal.to_be_kept(dataset_id, grant, copy.proof)

    def _note_user(self, change: Change) -> set[DatasetId]:
        """Keep track of which container uses a dataset; returns the datasets concerned."""
        before = self.configuration.containers.get(change.identity)
        old = {volume.dataset_id for volume in before.volumes} if before is not None else set()
        for dataset_id in old:
            self._users.pop(dataset_id, None)
        new: set[DatasetId] = set()
        if isinstance(change.record, Container):
            new = {volume.dataset_id for volume in change.record.volumes}
            self._users.update(dict.fromkeys(new, change.identity))
        return old | new


def _wanted(record: object | None) -> WantedDataset | None:
    return record if isinstance(record, WantedDataset) else None


def datasets_of_move(change: Change, before: Configuration) -> set[DatasetId]:
    """The datasets of a move that began, was changed or ended."""
    known = before.moves.get(change.identity)
    records = (record for record in (known, change.record) if isinstance(record, Move))
    return {dataset_id for record in records for dataset_id in record.dataset_ids}
