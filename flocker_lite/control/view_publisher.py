"""Keeps every node's view, and works out which nodes to tell of a change.

The cost is proportional to the change, not to the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.control import views
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.grant_signer import GrantSigner
from flocker_lite.control.grants import Evidence, judge
from flocker_lite.control.peer_index import PeerIndex
from flocker_lite.model import deltas, registries
from flocker_lite.model.container_fields.networks import NETWORKS_PROTOCOL
from flocker_lite.model.container_fields.ports import TCP, UDP_PROTOCOL, led, port_of
from flocker_lite.model.fencing.names import volume_unit
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
from flocker_lite.model.state import DesiredDataset, Member, NodeView, Route, key_of
from flocker_lite.model.user_leases import datasets_along_with

ToNode = dict[NodeId, list[Change]]


@dataclass
class ViewPublisher:
    """What each node is told, as of the last change; `routes` and `members` are the same for all.

    `evidence` decides which grants move. `signer` signs the current grants; it is None without
    certificates.
    """

    evidence: Evidence = field(default_factory=Evidence)
    signer: GrantSigner | None = None
    configuration: Configuration = field(default_factory=Configuration)
    cluster: ClusterState = field(default_factory=ClusterState)
    routes: PMap[str, Route] = field(default_factory=pmap)
    members: PMap[str, Member] = field(default_factory=pmap)
    _owed: PMap[DatasetId, Grant] = field(default_factory=pmap)
    _told: dict[NodeId, dict[tuple[str, str], object]] = field(default_factory=dict)
    _concerned: dict[tuple[str, str], frozenset[NodeId]] = field(default_factory=dict)
    _users: dict[DatasetId, str] = field(default_factory=dict)
    _ports: dict[str, frozenset[str]] = field(default_factory=dict)
    _peer_index: PeerIndex = field(default_factory=PeerIndex)

    def whole(self, node_id: NodeId) -> tuple[Change, ...]:
        """Everything that a node is told, as changes to an empty view."""
        told = self._told.get(node_id, {})
        to_all = [Change("routes", port, route) for port, route in self.routes.items()]
        to_all += [Change("members", name, member) for name, member in self.members.items()]
        its_own = (Change(*key, record) for key, record in told.items())
        return (*its_own, *self.understood(node_id, to_all))

    def understood(self, node_id: NodeId, to_all: list[Change]) -> list[Change]:
        """Of what all are told, what the agent of this node understands.

        One that knows nothing of datagrams would lead TCP connections where they are meant to go,
        and one that knows no networks would hang up.
        """
        node = self.configuration.nodes.get(node_id)
        if node is None or node.protocol >= max(UDP_PROTOCOL, NETWORKS_PROTOCOL):
            return to_all
        routes = (each for each in to_all if each.kind == "routes")
        return [each for each in routes if port_of(each.identity)[1] == TCP]

    def configured(
        self, configuration: Configuration, changes: Iterable[Change]
    ) -> tuple[ToNode, list[Change]]:
        """Apply an edit; returns what to tell which node, and what to tell all nodes."""
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
                # A lease also holds the datasets that move along; the grant says where.
                datasets.update(datasets_along_with(configuration, change.identity))
            elif change.kind == "fencings":
                containers.add(change.identity)
            elif change.kind == "containers":
                containers.add(change.identity)
                datasets |= self._note_user(change)
            elif change.kind == "moves":
                moved = datasets_of_move(change, self.configuration)
                datasets |= moved
                containers |= containers_of_move(change, self.configuration)
                volumes = set(map(volume_unit, moved))
                containers |= {each for each in volumes if each in configuration.fencings}
            elif change.kind == "images":
                images.add(change.identity)
            elif change.kind == "registries":
                pulled, fetched = registries.users(configuration, change.identity)
                containers |= pulled
                images |= fetched
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
            logins = views.image_login_views(configuration, image_id)
            self._update("logins", f"image/{image_id}", logins, to_node)
        for name in discards:
            self._update("discards", name, views.discard_views(configuration, name), to_node)
        for other in nodes:
            for node_id in self._peer_index.of(other):
                self._tell_keys(node_id, other, to_node)
        return to_node, to_all

    def reported(self, changes: Iterable[Change]) -> tuple[ToNode, list[Change]]:
        """After a report, already in `cluster`: what to tell which node, and what to tell all."""
        changes = tuple(changes)
        return self._announce(
            {change.identity for change in changes if change.kind == "datasets"},
            {change.identity for change in changes if change.kind in ("containers", "kept")},
        )

    def judged(self, dataset_ids: Iterable[DatasetId]) -> tuple[dict[DatasetId, Grant], list[str]]:
        """The grants that should move now, and the datasets whose claims changed.

        Routes follow the new grants at once, because the store may be slow or full. Grants may
        also move after an edit: a control service that lost its store may have had reports of a
        dataset before a user configured it again.
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
        """What to tell a node that connects: grants that were signed again since it was told."""
        told = self._told.get(node_id, {})
        datasets = {identity for kind, identity in told if kind == "datasets"}
        return self._announce(datasets if self.signer is not None else set(), set())[0]

    def came_or_went(self, node_id: NodeId) -> ToNode:
        """The agent of a node connected or went: tell the nodes whose datasets name it."""
        to_node: ToNode = {}
        for other in self._peer_index.of(node_id):
            self._tell_keys(other, node_id, to_node)
        return to_node

    def _settle(self, change: Change) -> None:
        """Forget an owed grant once it is durable."""
        owed = self._owed.get(change.identity)
        durable = change.record.epoch if isinstance(change.record, Grant) else 0
        if owed is not None and durable >= owed.epoch:
            self._owed = self._owed.discard(change.identity)

    def _announce(
        self, datasets: set[DatasetId], containers: set[str]
    ) -> tuple[ToNode, list[Change]]:
        to_node: ToNode = {}
        # Which nodes are told of a container depends on which nodes have its datasets.
        containers = containers | {
            self._users[dataset_id] for dataset_id in datasets if dataset_id in self._users
        }
        for dataset_id in datasets:
            entries = views.dataset_views(
                self.configuration, self.cluster, dataset_id, self._signed(dataset_id)
            )
            self._update("datasets", dataset_id, entries, to_node)
        to_all: list[Change] = []
        granted = self._granted(containers)
        for name in containers:
            told = views.container_views(self.configuration, self.cluster, name)
            self._update("containers", name, told, to_node)
            values = views.secret_views(self.configuration, self.cluster, name)
            self._update("secrets", name, values, to_node)
            logins = views.login_views(self.configuration, self.cluster, name)
            self._update("logins", name, logins, to_node)
            deleted = views.deleted_views(self.configuration, self.cluster, name)
            self._update("deleted", name, deleted, to_node)
            serving = views.serving_views(granted, self.cluster, name)
            self._update("serving", name, serving, to_node)
            adoptions = views.adoption_views(self.configuration, name)
            self._update("adoptions", name, adoptions, to_node)
            fencings = views.fencing_views(self.configuration, name)
            self._update("fencings", name, fencings, to_node)
            to_all += self._reroute(granted, name)
            to_all += self._introduce(name)
        return to_node, to_all

    def _introduce(self, name: str) -> list[Change]:
        """Update what all nodes are told of a container's networks."""
        desired = self.configuration.containers.get(name)
        member = Member(desired.networks) if desired is not None and desired.networks else None
        if member == self.members.get(name):
            return []
        change = Change("members", name, member)
        self.members = deltas.apply(NodeView(members=self.members), [change]).members
        return [change]

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
                others = self._peer_index.update(node_id, _desired(known), _desired(record))
                for other in others:
                    self._tell_keys(node_id, other, to_node)

    def _tell(
        self, node_id: NodeId, kind: str, identity: str, record: object | None, to_node: ToNode
    ) -> object | None:
        """Tell a node of a record if it is new to it; returns what it knew before."""
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
        """Tell a node the ssh keys of another, or that it needs them no more."""
        named = self._peer_index.is_named(other, node_id)
        node = self.configuration.nodes.get(other) if named else None
        keys = node.ssh_keys if node is not None else None
        self._tell(node_id, "peers", other, keys, to_node)
        is_away = node is not None and self.evidence.is_away(other)
        self._tell(node_id, "away", other, is_away or None, to_node)

    def _granted(self, containers: Iterable[str]) -> Configuration:
        """The configuration as it will be once the verified grants of these containers are durable.

        Of theirs alone: while the store is slow, thousands of others may be owed.
        """
        if not self._owed:
            return self.configuration
        desired = (self.configuration.containers.get(name) for name in containers)
        used = {
            volume.dataset_id for each in desired if each is not None for volume in each.volumes
        }
        owed = {each: self._owed[each] for each in used if each in self._owed}
        return replace(self.configuration, grants=self.configuration.grants.update(owed))

    def _reroute(self, granted: Configuration, name: str) -> list[Change]:
        """Update the routes of a container's configured ports, and of ports still routed to it."""
        desired = granted.containers.get(name)
        ports = {port.key for port in led(desired.ports)} if desired is not None else set()
        changes = []
        for port in ports | self._ports.get(name, frozenset()):
            before = self.routes.get(port)
            after = views.route(granted, self.cluster, name, port, before)
            if after is None and (before is None or before.container != name):
                continue
            if after != before:
                changes.append(Change("routes", port, after))
        for change in changes:
            self.routes = deltas.apply(NodeView(routes=self.routes), [change]).routes
        known = (self.routes.get(port) for port in ports | self._ports.pop(name, frozenset()))
        routed = {key_of(route) for route in known if route is not None and route.container == name}
        if routed:
            self._ports[name] = frozenset(routed)
        return changes

    def _signed(self, dataset_id: DatasetId) -> Signed | None:
        """The signed grant for the owner to keep; None if it has it, or does not hold the grant."""
        grant = self.configuration.grants.get(dataset_id)
        if self.signer is None or grant is None:
            return None
        node = self.configuration.nodes.get(grant.owner)
        copy = self.cluster.datasets.get(dataset_id, pmap()).get(grant.owner)
        if node is None or not node.signs or copy is None or copy.lease is None:
            return None
        if held_epoch(copy.lease) != grant.epoch:
            return None
        return self.signer.to_be_kept(dataset_id, grant, copy.proof)

    def _note_user(self, change: Change) -> set[DatasetId]:
        """Note which container uses which datasets; returns the datasets concerned."""
        before = self.configuration.containers.get(change.identity)
        old = {volume.dataset_id for volume in before.volumes} if before is not None else set()
        for dataset_id in old:
            self._users.pop(dataset_id, None)
        new: set[DatasetId] = set()
        if isinstance(change.record, Container):
            new = {volume.dataset_id for volume in change.record.volumes}
            self._users.update(dict.fromkeys(new, change.identity))
        return old | new


def _desired(record: object | None) -> DesiredDataset | None:
    return record if isinstance(record, DesiredDataset) else None


def datasets_of_move(change: Change, before: Configuration) -> set[DatasetId]:
    """The datasets of a move that began, was changed or ended."""
    return {each for move in _moves(change, before) for each in move.dataset_ids}


def containers_of_move(change: Change, before: Configuration) -> set[str]:
    """The same for its container."""
    return {move.container for move in _moves(change, before) if move.container is not None}


def _moves(change: Change, before: Configuration) -> list[Move]:
    known = before.moves.get(change.identity)
    return [record for record in (known, change.record) if isinstance(record, Move)]
