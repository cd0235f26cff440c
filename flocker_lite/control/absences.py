"""Which agents are away, and which containers, datasets, images and moves wait for them.

A thing that waits for a node that is away says so: a container that should run there, a dataset
that should come from there, a copy that should be destroyed there. A thing that the node last
reported to be as desired says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from pyrsistent import PMap, pmap
from twisted.internet.interfaces import IReactorTime

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.lease import HOLDERS
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.records import Change, Configuration, DatasetId, NodeId
from flocker_lite.model.uses import uses_of

Thing: TypeAlias = tuple[str, str]
"""Something that may wait for a node: its kind, as in `_JUDGES`, and its id."""

Words: TypeAlias = Callable[[NodeId], str | None]
"""Gives the text about the absence of a node; None if the node is not away."""

ARRIVAL_SECONDS_MAX = 10.0
"""How long after its start the control service says nothing of agents that have not connected."""

_NO_REPORTS: PMap[str, object] = pmap()


@dataclass(frozen=True, slots=True)
class Absent:
    """What nodes report of a thing, and the text about the node that is away."""

    reports: object
    words: str


class Cluster(Protocol):
    """What `Absences` needs to know of the cluster; the control service provides it."""

    change_feed: ChangeFeed

    @property
    def configuration(self) -> Configuration: ...

    @property
    def cluster(self) -> ClusterState: ...

    def is_away(self, node_id: NodeId) -> bool: ...


class Absences:
    """Keeps the texts about absent agents, and notes in the change feed when they change.

    Right after a start it says nothing of agents that have not connected yet: they need a moment.
    """

    def __init__(self, known: Cluster, clock: IReactorTime) -> None:
        self._known = known
        self._clock = clock
        self._started_at = clock.seconds()
        self._since: dict[NodeId, float] = {}
        self._refused: dict[NodeId, str] = {}
        self._knocked: dict[NodeId, float] = {}
        self._is_told = False
        self._things: dict[str, PMap[str, Absent]] = {kind: pmap() for kind in _JUDGES}
        self._nodes: dict[Thing, frozenset[NodeId]] = {}
        self._of_node: dict[NodeId, set[Thing]] = {}
        self._telling = clock.callLater(ARRIVAL_SECONDS_MAX, self._tell)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._telling.active():
            self._telling.cancel()

    def of(self, kind: str) -> PMap[str, Absent]:
        """The things of this kind that wait for a node that is away."""
        return self._things[kind]

    def words(self, kind: str, identity: str) -> str | None:
        """The text for a thing; None if it waits for nobody."""
        absent = self._things[kind].get(identity)
        return None if absent is None else absent.words

    def of_node(self, node_id: NodeId) -> str | None:
        """The text for a node; None if its agent is connected, or may still be on its way."""
        if not self._known.is_away(node_id):
            return None
        node = self._known.configuration.nodes.get(node_id)
        address = node_id if node is None else node.address
        if node_id in self._refused:
            return f"the agent of {address} came and was refused: {self._refused[node_id]}"
        if node_id in self._since:
            return f"the agent of {address} has been away since {_moment(self._since[node_id])}"
        if not self._is_told:
            return None
        if node is not None and is_placeholder(node):
            return f"the agent of {address} has never connected"
        return (
            f"the agent of {address} has not connected since the control service started at "
            f"{_moment(self._started_at)}"
        )

    def away_since(self, node_id: NodeId) -> float | None:
        """When its agent disconnected, in seconds since 1970; None if that is not known."""
        return self._since.get(node_id)

    def changed(self, changes: Iterable[Change]) -> None:
        """Look again after an edit or a report; the cost is proportional to the changes."""
        things: dict[Thing, None] = {}
        for change in changes:
            if change.kind in _JUDGES:
                things[change.kind, change.identity] = None
            if change.kind == "grants":
                things["datasets", change.identity] = None
                users = uses_of(self._known.configuration).datasets
                if change.identity in users:
                    things["containers", users[change.identity]] = None
        self._judge(things)

    def came(self, node_id: NodeId) -> None:
        """The agent of a node has connected."""
        self._since.pop(node_id, None)
        self._refused.pop(node_id, None)
        self._knocked.pop(node_id, None)
        self._judge(list(self._of_node.get(node_id, ())))

    def refused(self, node_id: NodeId, reason: str) -> None:
        """The agent of a node came, and is not let in; until it comes in, that is said of it."""
        if self._refused.get(node_id) != reason:
            self._refused[node_id] = reason
            self._judge(list(self._of_node.get(node_id, ())))

    def knocked(self, node_id: NodeId) -> None:
        """The agent of a node that was forgotten came."""
        self._knocked[node_id] = self._clock.seconds()
        self._known.change_feed.shown_otherwise([("forgotten_nodes", node_id)])

    def knocked_at(self, node_id: NodeId) -> float | None:
        """When a forgotten node last came, in seconds since 1970; None if it did not."""
        return self._knocked.get(node_id)

    def went(self, node_id: NodeId) -> None:
        """The agent of a node has disconnected."""
        self._since[node_id] = self._clock.seconds()
        self._judge(list(self._of_node.get(node_id, ())))

    def _tell(self) -> None:
        self._is_told = True
        self._judge(list(self._nodes))

    def _judge(self, things: Iterable[Thing]) -> None:
        known = self._known
        changed: list[Thing] = []
        for thing in things:
            kind, identity = thing
            nodes, said = _JUDGES[kind](known.configuration, known.cluster, identity, self.of_node)
            self._note_nodes(thing, nodes)
            reports = getattr(known.cluster, kind, _NO_REPORTS).get(identity)
            before = self._things[kind].get(identity)
            if said is None:
                self._things[kind] = self._things[kind].discard(identity)
            elif before is None or before.words != said or before.reports is not reports:
                self._things[kind] = self._things[kind].set(identity, Absent(reports, said))
            if said != (None if before is None else before.words):
                changed.append(thing)
        known.change_feed.shown_otherwise(changed)

    def _note_nodes(self, thing: Thing, nodes: frozenset[NodeId]) -> None:
        """Remember which nodes the thing may wait for."""
        for node_id in self._nodes.pop(thing, frozenset()) - nodes:
            self._of_node[node_id].discard(thing)
        if nodes:
            self._nodes[thing] = nodes
        for node_id in nodes:
            self._of_node.setdefault(node_id, set()).add(thing)


Judgement: TypeAlias = tuple[frozenset[NodeId], str | None]
"""The nodes that a thing may wait for, and the text if it waits for one that is away."""


def of_container(
    configuration: Configuration, cluster: ClusterState, name: str, words: Words
) -> Judgement:
    """A container waits for its node and the owners of its data; if deleted, for its holders."""
    desired = configuration.containers.get(name)
    reports = cluster.containers.get(name, pmap())
    if desired is None:
        return frozenset(reports), _first("it should be removed, but ", sorted(reports), words)
    grants = (configuration.grants.get(volume.dataset_id) for volume in desired.volumes)
    owners = sorted({grant.owner for grant in grants if grant is not None} - {desired.node})
    nodes = frozenset({desired.node, *owners, *reports})
    here = reports.get(desired.node)
    if here is not None and replace(here.container, node="") == replace(desired, node=""):
        return nodes, None
    return nodes, words(desired.node) or _first("its data cannot be sent: ", owners, words)


def of_dataset(
    configuration: Configuration, cluster: ClusterState, dataset_id: DatasetId, words: Words
) -> Judgement:
    """A dataset waits for its primary and its owner; if deleted, for all who have a copy."""
    dataset, grant = configuration.datasets.get(dataset_id), configuration.grants.get(dataset_id)
    reports = cluster.datasets.get(dataset_id, pmap())
    if dataset is None or grant is None:
        return frozenset(), None
    if dataset.deleted:
        said = _first("a copy should be destroyed, but ", sorted(reports), words)
        return frozenset(reports), said
    nodes = frozenset({dataset.primary, grant.owner})
    here = reports.get(dataset.primary)
    if here is not None and here.lease is not None and here.lease.role in HOLDERS:
        return nodes, None
    return nodes, words(dataset.primary) or words(grant.owner)


def of_image(
    configuration: Configuration, cluster: ClusterState, image_id: str, words: Words
) -> Judgement:
    """An image waits for the node that should have it."""
    desired = configuration.images.get(image_id)
    if desired is None:
        return frozenset(), None
    is_reported = desired.node in cluster.images.get(image_id, pmap())
    return frozenset({desired.node}), None if is_reported else words(desired.node)


def of_move(
    configuration: Configuration, cluster: ClusterState, move_id: str, words: Words
) -> Judgement:
    """A move waits for both its sides; a failover waits for the one that takes over."""
    move = configuration.moves.get(move_id)
    if move is None:
        return frozenset(), None
    sides = (move.source, move.destination) if move.failover is None else (move.destination,)
    nodes = dict.fromkeys(sides)
    return frozenset(nodes), "; ".join(filter(None, map(words, nodes))) or None


_JUDGES: dict[str, Callable[[Configuration, ClusterState, str, Words], Judgement]] = {
    "containers": of_container,
    "datasets": of_dataset,
    "images": of_image,
    "moves": of_move,
}


def _first(before: str, nodes: Iterable[NodeId], words: Words) -> str | None:
    """The text about the first of the nodes that is away."""
    said = next((text for node in nodes if (text := words(node)) is not None), None)
    return None if said is None else f"{before}{said}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
