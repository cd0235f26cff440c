"""Which agents are away since when, and what is asked of them that they have not done.

Whatever is asked of a node that is away says so: a container that is configured there, a dataset
that is to come from there, a copy that is to be destroyed there. What the node reported to be as it
is asked is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from pyrsistent import PMap, pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.journal import Journal
from flocker_lite.model.lease import HOLDERS
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.records import Change, Configuration, DatasetId, NodeId
from flocker_lite.model.uses import uses_of

Thing: TypeAlias = tuple[str, str]
"""What may be asked of nodes: "containers", "datasets", "images" or "moves", and which."""

Words: TypeAlias = Callable[[NodeId], str | None]
"""What is to be said of the absence of a node; None when it is not away."""

ARRIVAL_SECONDS_MAX = 10.0
"""So long after a start nothing is said of agents that have not come yet."""

_NO_REPORTS: PMap[str, object] = pmap()


@dataclass(frozen=True, slots=True)
class Absent:
    """What is reported of a thing by anybody, and what is to be said of who is away."""

    reports: object
    words: str


class Cluster(Protocol):
    """What is known of the cluster; the control service is."""

    journal: Journal

    @property
    def configuration(self) -> Configuration: ...

    @property
    def cluster(self) -> ClusterState: ...

    def is_away(self, node_id: NodeId) -> bool: ...


class Absences:
    """The absences of agents as they are told; whoever watches is told when that changes.

    Right after a start nothing is said of those that were not seen yet: they need a moment to come.
    """

    def __init__(self, known: Cluster, clock: Any) -> None:
        self._known = known
        self._clock = clock
        self._started_at = clock.seconds()
        self._since: dict[NodeId, float] = {}
        self._is_told = False
        self._things: dict[str, PMap[str, Absent]] = {kind: pmap() for kind in _JUDGES}
        self._nodes: dict[Thing, frozenset[NodeId]] = {}
        self._of_node: dict[NodeId, set[Thing]] = {}
        self._telling = clock.callLater(ARRIVAL_SECONDS_MAX, self._tell)

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._telling.active():
            self._telling.cancel()

    def of(self, kind: str) -> PMap[str, Absent]:
        """The things of this kind of which something is to be said."""
        return self._things[kind]

    def words(self, kind: str, identity: str) -> str | None:
        """What is to be said of a thing, if anything."""
        absent = self._things[kind].get(identity)
        return None if absent is None else absent.words

    def of_node(self, node_id: NodeId) -> str | None:
        """What is to be said of a node; None when its agent is connected, or may be on its way."""
        if not self._known.is_away(node_id):
            return None
        node = self._known.configuration.nodes.get(node_id)
        address = node_id if node is None else node.address
        if node_id in self._since:
            return f"the agent of {address} is away since {_moment(self._since[node_id])}"
        if not self._is_told:
            return None
        if node is not None and is_placeholder(node):
            return f"no agent of {address} has come yet"
        return (
            f"the agent of {address} is away since before {_moment(self._started_at)}, when the "
            "control service started"
        )

    def changed(self, changes: Iterable[Change]) -> None:
        """After an edit or a report; the cost is that of the changes."""
        things: dict[Thing, None] = {}
        for change in changes:
            if change.kind in _JUDGES:
                things[change.kind, change.identity] = None
            if change.kind == "grants":
                things["datasets", change.identity] = None
                users = uses_of(self._known.configuration.containers).datasets
                if change.identity in users:
                    things["containers", users[change.identity]] = None
        self._judge(things)

    def came(self, node_id: NodeId) -> None:
        """The agent of a node is connected."""
        self._since.pop(node_id, None)
        self._judge(list(self._of_node.get(node_id, ())))

    def went(self, node_id: NodeId) -> None:
        """The agent of a node is connected no more."""
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
        known.journal.shown_otherwise(changed)

    def _note_nodes(self, thing: Thing, nodes: frozenset[NodeId]) -> None:
        """Remember of which nodes something is asked with it."""
        for node_id in self._nodes.pop(thing, frozenset()) - nodes:
            self._of_node[node_id].discard(thing)
        if nodes:
            self._nodes[thing] = nodes
        for node_id in nodes:
            self._of_node.setdefault(node_id, set()).add(thing)


Judgement: TypeAlias = tuple[frozenset[NodeId], str | None]
"""The nodes of which something is asked with a thing, and what is to be said of their absence."""


def of_container(
    configuration: Configuration, cluster: ClusterState, name: str, words: Words
) -> Judgement:
    """A container is asked of where it is wanted, its data of its owner, its end of who has it."""
    wanted = configuration.containers.get(name)
    reports = cluster.containers.get(name, pmap())
    if wanted is None:
        return frozenset(reports), _first("it is to be removed, and ", sorted(reports), words)
    grants = (configuration.grants.get(volume.dataset_id) for volume in wanted.volumes)
    owners = sorted({grant.owner for grant in grants if grant is not None} - {wanted.node})
    nodes = frozenset({wanted.node, *owners, *reports})
    here = reports.get(wanted.node)
    if here is not None and replace(here.container, node="") == replace(wanted, node=""):
        return nodes, None
    return nodes, words(wanted.node) or _first("its data cannot come: ", owners, words)


def of_dataset(
    configuration: Configuration, cluster: ClusterState, dataset_id: DatasetId, words: Words
) -> Judgement:
    """A dataset is asked of its primary and of its owner, its end of all who have it."""
    dataset, grant = configuration.datasets.get(dataset_id), configuration.grants.get(dataset_id)
    reports = cluster.datasets.get(dataset_id, pmap())
    if dataset is None or grant is None:
        return frozenset(), None
    if dataset.deleted:
        return frozenset(reports), _first("a copy is to be destroyed, and ", sorted(reports), words)
    nodes = frozenset({dataset.primary, grant.owner})
    here = reports.get(dataset.primary)
    if here is not None and here.lease is not None and here.lease.role in HOLDERS:
        return nodes, None
    return nodes, words(dataset.primary) or words(grant.owner)


def of_image(
    configuration: Configuration, cluster: ClusterState, image_id: str, words: Words
) -> Judgement:
    """An image is asked of the node that should have it."""
    wish = configuration.images.get(image_id)
    if wish is None:
        return frozenset(), None
    is_told = wish.node in cluster.images.get(image_id, pmap())
    return frozenset({wish.node}), None if is_told else words(wish.node)


def of_move(
    configuration: Configuration, cluster: ClusterState, move_id: str, words: Words
) -> Judgement:
    """A move is asked of both its sides."""
    move = configuration.moves.get(move_id)
    if move is None:
        return frozenset(), None
    nodes = [move.source, move.destination]
    return frozenset(nodes), "; ".join(filter(None, map(words, nodes))) or None


_JUDGES: dict[str, Callable[[Configuration, ClusterState, str, Words], Judgement]] = {
    "containers": of_container,
    "datasets": of_dataset,
    "images": of_image,
    "moves": of_move,
}


def _first(before: str, nodes: Iterable[NodeId], words: Words) -> str | None:
    """What is to be said of the first of them who is away."""
    said = next((text for node in nodes if (text := words(node)) is not None), None)
    return None if said is None else f"{before}{said}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
