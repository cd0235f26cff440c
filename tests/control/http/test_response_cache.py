"""Lists that are joined from kept texts are, byte for byte, those that would be made anew."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from flocker_lite.control.absences import Absences
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.filters import Filter, facts_of
from flocker_lite.control.http.resources import COLLECTIONS, Collection
from flocker_lite.control.http.response_cache import ResponseCache, as_list
from flocker_lite.control.node_records import NodeRecords
from flocker_lite.model import deltas
from flocker_lite.model.records import Change, Configuration, Container, Dataset, Node
from flocker_lite.model.state import ContainerState, DatasetState, NodeState
from flocker_lite.testing.strategies import CONFIGURATIONS, NODE_IDS, NODE_STATES

KEPT = [collection for collection in COLLECTIONS.values() if collection.is_kept]
NODE = "11111111-1111-4111-8111-111111111111"


@dataclass
class World:
    """What the collections look at."""

    configuration: Configuration = field(default_factory=Configuration)
    cluster: ClusterState = field(default_factory=ClusterState)
    away: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.change_feed = ChangeFeed(0.0)
        self.absences = Absences(self, Clock())
        self.node_records = NodeRecords()

    @property
    def failover_keeper(self) -> World:
        """This one says whether a container would fail over by itself."""
        return self

    def shown(self, name: str) -> dict[str, object] | None:
        """That depends on the copies and on which nodes are away."""
        container = self.configuration.containers.get(name)
        if container is None or container.failover is None or not container.failover.is_automatic:
            return None
        return {"armed": not self.away, "reason": ", ".join(sorted(self.cluster.datasets))}

    def is_away(self, node_id: str) -> bool:
        """Whether its agent is not connected."""
        return node_id in self.away

    def went(self, node_id: str) -> None:
        """An agent goes away."""
        self.away.add(node_id)
        self.absences.went(node_id)

    def came(self, node_id: str) -> None:
        """An agent is back."""
        self.away.discard(node_id)
        self.absences.came(node_id)

    def edit(self, changes: tuple[Change, ...]) -> None:
        """All else stays the very same object, as it does in a control service."""
        self.configuration = deltas.apply(self.configuration, changes)
        self.absences.changed(changes)

    def report(self, node_id: str, changes: tuple[Change, ...]) -> None:
        """A node says what has changed."""
        before = self.cluster.nodes.get(node_id, NodeState())
        after = deltas.apply(before, changes)
        changes = deltas.difference(before, after)
        self.cluster = self.cluster.updated(node_id, after, changes)
        self.absences.changed(changes)


EVERYTHING = Filter(Configuration(), {})


def anew(world: Any, collection: Collection, wanted: Filter = EVERYTHING) -> bytes:
    """The list as `json.dumps` makes it of the bodies."""
    ids = collection.ids(world)
    items = [item for identity in ids for item in collection.items(world, identity, 0.0)]
    return json.dumps([item for item in items if wanted.matches(facts_of(item))]).encode()


def kept_text(world: Any, texts: ResponseCache, wanted: Filter = EVERYTHING) -> bytes:
    """The same list of the kept texts."""
    return as_list(texts.chosen(world, wanted, 0.0))


def some(maps: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Change, ...]]:
    """Changes that put some things there, or take them away."""
    put = maps.map(deltas.whole)
    return put | put.map(lambda changes: tuple(replace(each, record=None) for each in changes))


EDITS = st.tuples(st.just("edit"), some(CONFIGURATIONS))
ABSENCES = st.tuples(st.sampled_from(["went", "came"]), NODE_IDS)
REPORTS = st.tuples(st.just("report"), NODE_IDS, some(NODE_STATES))


DATASET_WITHOUT_GRANT: list[tuple[Any, ...]] = [
    ("edit", (Change("datasets", "d3", Dataset("d3", "node-a")),)),
    ("report", "node-a", (Change("datasets", "d3", DatasetState("d3", None)),)),
    ("report", "node-b", (Change("datasets", "d3", DatasetState("d3", None)),)),
]


QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["web", "db", "c1"]),
        "deleted": st.booleans(),
        "container": st.sampled_from(["web", "db"]),
        "dataset_id": st.sampled_from(["d1", "D2", "d3"]),
        "host": NODE_IDS,
    },
)


@example(DATASET_WITHOUT_GRANT, {"dataset_id": "d3"})
@given(st.lists(EDITS | REPORTS | ABSENCES, max_size=8), QUERIES)
def test_a_filter_leaves_out_what_it_would_of_lists_made_anew(
    happenings: list[tuple[Any, ...]], query: dict[str, Any]
) -> None:
    """Also of an id with several items, of which it may leave some in."""
    world: Any = World()
    kept = [(collection, ResponseCache(collection)) for collection in KEPT]
    for happening, *arguments in happenings:
        getattr(world, happening)(*arguments)
    if query.get("host", "") not in ("", *world.configuration.nodes):
        return
    wanted = Filter(world.configuration, query)
    for collection, texts in kept:
        assert kept_text(world, texts, wanted) == anew(world, collection, wanted)
        assert kept_text(world, texts) == anew(world, collection)


@example(DATASET_WITHOUT_GRANT)
@given(st.lists(EDITS | REPORTS | ABSENCES, max_size=8))
def test_kept_texts_are_those_made_anew(happenings: list[tuple[Any, ...]]) -> None:
    """Whatever was edited and reported between one list and the next, and when nothing was."""
    world: Any = World()
    kept = [(collection, ResponseCache(collection)) for collection in KEPT]
    for happening, *arguments in happenings:
        getattr(world, happening)(*arguments)
        for _ in range(2):
            for collection, texts in kept:
                assert kept_text(world, texts) == anew(world, collection)


def test_what_has_not_changed_is_not_made_anew() -> None:
    """One change costs one text, and when nothing has changed none is made."""
    world: Any = World()
    made: list[str] = []
    seen = COLLECTIONS["state/containers"]

    def items(control: Any, identity: str, now: float) -> list[Body]:
        made.append(identity)
        return seen.items(control, identity, now)

    texts = ResponseCache(replace(seen, items=items))
    containers = [Container(f"c{number}", NODE, "a:1") for number in range(20)]
    changes = [Change("containers", each.name, ContainerState(each, True)) for each in containers]
    world.edit((Change("nodes", NODE, Node(NODE, "10.0.0.1")),))
    world.report(NODE, tuple(changes))
    kept_text(world, texts)
    assert len(made) == 20
    world.report(NODE, (Change("containers", "c7", ContainerState(containers[7], False)),))
    for _ in range(2):
        kept_text(world, texts)
    assert kept_text(world, texts, Filter(world.configuration, {"name": "c7"})) != b"[]"
    assert made[20:] == ["c7"]
    world.edit((Change("nodes", NODE, Node(NODE, "10.0.0.2")),))
    assert kept_text(world, texts) == anew(world, seen)
