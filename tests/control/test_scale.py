"""What happens in a cluster costs the same however large it is: counted in steps, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker_lite.control.http.resources import COLLECTIONS
from flocker_lite.control.opening import open_control
from flocker_lite.control.service import ControlService
from flocker_lite.errors import StoreError
from flocker_lite.model import deltas, edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Grant,
    Node,
    Volume,
)
from flocker_lite.model.state import ContainerState, DatasetState, ImageState, NodeState
from flocker_lite.model.versions import NEWEST
from flocker_lite.protocol.messages import Message, encode
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore

SMALL, LARGE = 10, 600
CONTAINERS = 3
REPEATS = 8
"""The least of so many is compared: now and then a map makes more room for itself."""

GROWTH_MAX = (LARGE - SMALL) // 2
"""Half a step for each node more.

How things are spread over maps differs from run to run: by some 66 steps, one standard deviation,
for an agent that comes back. This is four of them and more.
"""


class CountingLink:
    """An agent's connection, as the control service sees it; counts the messages to the agent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.take: Callable[[bytes], None] = lambda data: None
        self.lost: Callable[[], None] = lambda: None

    def attend(self, take: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """See Link."""
        self.take, self.lost = take, lost

    async def send(self, data: bytes) -> None:
        """See Link."""
        self.sent.append(data)


class Cluster:
    """So many nodes that report what is configured for them: containers with a dataset each."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.configuration = configuration(size)
        self.disk = MemoryDisk(self.configuration)
        store = MemoryStore(self.disk)
        opened: list[ControlService] = []
        opening = Deferred.fromCoroutine(open_control(store, Clock()))
        opening.addCallback(opened.append)
        [self.control] = opened
        self.links: dict[int, CountingLink] = {}
        self.generations = dict.fromkeys(range(size), 0)
        for number in range(size):
            self.come(number)

    def come(self, number: int) -> None:
        """The agent of a node connects, and reports all that it has."""
        link = self.links[number] = CountingLink()
        connecting: Any = self.control.connect(node(number), f"session {number}", link)  # type: ignore[arg-type]
        assert Deferred.fromCoroutine(connecting).called
        self.control.start_telling(node(number).node_id, link)  # type: ignore[arg-type]
        self.generations[number] = 1
        link.take(encode(Message(None, 1, deltas.whole(self.state(number)))))

    def report(self, number: int, *changes: Change) -> None:
        """The agent of a node reports what has changed."""
        base, self.generations[number] = self.generations[number], self.generations[number] + 1
        self.links[number].take(encode(Message(base, base + 1, changes)))

    def state(self, number: int) -> NodeState:
        """What a node has at first."""
        containers = [
            self.configuration.containers[name(number, index)] for index in range(CONTAINERS)
        ]
        copies = [each.volumes[0].dataset_id for each in containers]
        return NodeState(
            pmap({each: copy(each) for each in copies}),
            pmap({each.name: ContainerState(each, True, serving=True) for each in containers}),
        )

    def edit(self, function: Any) -> None:
        """Change the configuration."""
        assert Deferred.fromCoroutine(self.control.edit(function)).called

    def sent(self) -> int:
        """How many messages went to the agents."""
        return sum(len(link.sent) for link in self.links.values())


def node(number: int) -> Node:
    """The node of that number, whose agent is of this release."""
    node_id = str(UUID(int=number + 1, version=4))
    return Node(node_id, f"10.0.{number // 250}.{number % 250 + 1}", protocol=NEWEST)


def name(number: int, index: int) -> str:
    """A container of a node."""
    return f"c{number}-{index}"


def dataset_id(number: int) -> str:
    """The id of a dataset."""
    return str(UUID(int=(1 << 64) + number, version=4))


def copy(identity: str, epoch: int = 1) -> DatasetState:
    """What a node reports of a dataset that is its own."""
    return DatasetState(identity, Lease(Role.PRIMARY, epoch), True, f"/flocker/{identity}")


def configuration(size: int) -> Configuration:
    """Of so many nodes."""
    changes: list[Change] = []
    for number in range(size):
        where = node(number)
        changes.append(Change("nodes", where.node_id, where))
        for index in range(CONTAINERS):
            identity = dataset_id(number * CONTAINERS + index)
            volumes = (Volume(identity, "/data"),)
            container = Container(name(number, index), where.node_id, "a:1", volumes=volumes)
            changes += [
                Change("datasets", identity, Dataset(identity, where.node_id)),
                Change("grants", identity, Grant(where.node_id, materialised=True)),
                Change("containers", container.name, container),
            ]
    return deltas.apply(Configuration(), changes)


def steps(work: Callable[[], None]) -> int:
    """How many lines of Python it takes, each turn of a loop counted."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _create_dataset(cluster: Cluster, repeat: int) -> None:
    desired = Dataset(dataset_id(1_000_000 + repeat), node(repeat).address)
    cluster.edit(lambda c: edits.create_dataset(c, desired))


def _create_container(cluster: Cluster, repeat: int) -> None:
    desired = Container(f"new-{repeat}", node(repeat).address, "a:1")
    cluster.edit(lambda c: edits.create_container(c, desired))


def _move_container(cluster: Cluster, repeat: int) -> None:
    there = node((repeat + 1) % cluster.size).address
    cluster.edit(lambda c: edits.move_container(c, name(repeat, 0), there))


def _delete_container(cluster: Cluster, repeat: int) -> None:
    cluster.edit(lambda c: edits.delete_container(c, name(repeat, 0)))


def _report_dataset(cluster: Cluster, repeat: int) -> None:
    cluster.report(repeat, Change("datasets", dataset_id(repeat * CONTAINERS), None))


def _report_container(cluster: Cluster, repeat: int) -> None:
    stopped = ContainerState(cluster.configuration.containers[name(repeat, 0)], False)
    cluster.report(repeat, Change("containers", name(repeat, 0), stopped))


def _report_image(cluster: Cluster, repeat: int) -> None:
    cluster.report(repeat, Change("images", f"image {repeat}", ImageState("a:1", True)))


def _go(cluster: Cluster, repeat: int) -> None:
    cluster.links[repeat].lost()


def _come_back(cluster: Cluster, repeat: int) -> None:
    cluster.come(repeat)


def _want_image(cluster: Cluster, repeat: int) -> None:
    cluster.edit(lambda c: edits.want_image(c, node(repeat).address, "a:1"))


HAPPENINGS = (
    _create_dataset,
    _create_container,
    _move_container,
    _delete_container,
    _want_image,
    _report_dataset,
    _report_container,
    _report_image,
    _go,
    _come_back,
)


def costs(size: int) -> dict[str, int]:
    """The steps of everything that happens in a cluster of this size."""
    cluster = Cluster(size)
    return {happening.__name__: _cost(cluster, happening) for happening in HAPPENINGS}


def _cost(cluster: Cluster, happening: Callable[[Cluster, int], None]) -> int:
    return min(steps(partial(happening, cluster, repeat)) for repeat in range(REPEATS))


def test_a_change_costs_the_same_in_a_large_cluster() -> None:
    """Edits, reports, and agents that come and go: no step more for each node that there is."""
    small, large = costs(SMALL), costs(LARGE)
    grown = {each: (small[each], large[each]) for each in small}
    assert all(after <= before + GROWTH_MAX for before, after in grown.values()), grown


def _cost_beside_owed_grants(size: int) -> int:
    """The steps of a report while a grant of every dataset waits for the store."""
    cluster = Cluster(size)
    cluster.disk.refusal = StoreError("the store is slow.")
    for number in range(size):
        copies = (number * CONTAINERS + index for index in range(CONTAINERS))
        newer = (copy(dataset_id(each), epoch=2) for each in copies)
        cluster.report(number, *(Change("datasets", each.dataset_id, each) for each in newer))
    return _cost(cluster, _report_container)


def test_a_slow_store() -> None:
    """A report costs the same however many grants are not durable yet."""
    assert _cost_beside_owed_grants(LARGE) <= _cost_beside_owed_grants(SMALL) + GROWTH_MAX


def _list_nodes(cluster: Cluster) -> None:
    collection, control = COLLECTIONS["state/nodes"], cluster.control
    found = [collection.items(control, identity, 0.0) for identity in collection.ids(control)]
    assert len(found) == cluster.size


def test_nodes_that_are_away() -> None:
    """A list of nodes costs so much for each of them, also while none of their agents is there."""
    costs = {}
    for size in (SMALL, LARGE):
        cluster = Cluster(size)
        for link in cluster.links.values():
            link.lost()
        for node_id in cluster.configuration.nodes:
            cluster.control._forget(node_id)
        costs[size] = steps(partial(_list_nodes, cluster)) / size
    assert costs[LARGE] <= 2 * costs[SMALL]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_change_is_told_to_one(size: int) -> None:
    """Of a dataset one agent is told with one message, however many there are."""
    cluster = Cluster(size)
    before = cluster.sent()
    _create_dataset(cluster, 0)
    assert cluster.sent() == before + 1


def _addresses(nodes: PMap[str, Node]) -> None:
    assert [each.address for each in nodes.values()]


def test_steps_are_counted() -> None:
    """Each turn of a loop, and of a comprehension, is a step: what is compared above can grow."""
    nodes = configuration(SMALL).nodes, configuration(LARGE).nodes
    few, many = (steps(partial(_addresses, each)) for each in nodes)
    assert many - few > GROWTH_MAX
