"""What a scrape of an agent says of its node."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.task import Clock
from twisted.web.test.requesthelper import DummyRequest

from flocker_lite.agent.metrics import CONTAINERS_MAX, KINDS, AgentMetrics, NodeSnapshot, families
from flocker_lite.metrics.exposition import text
from flocker_lite.model.container_state import LocalContainer, RestartHistory
from flocker_lite.model.machine import Capacity, Machine
from flocker_lite.model.records import Container
from flocker_lite.model.state import PortState
from flocker_lite.planner.backoff import Failed
from flocker_lite.planner.changes import ChangeKey, CreateDataset
from flocker_lite.planner.resources import ContainerResource
from tests.metrics.test_exposition import samples

NOTHING = NodeSnapshot({}, {}, {}, {}, None, False, False)
CONTAINER = LocalContainer(Container("web", "n", "a:1"), "running")


def said(seen: NodeSnapshot) -> dict[str, float]:
    """What a scrape says of this node."""
    return samples(text(families(seen), AgentMetrics(Clock()).events))


def test_an_empty_node() -> None:
    """Each series without a container in its name is there from the start."""
    found = said(NOTHING)
    for kind in KINDS:
        assert found[f"flocker_change_failures_total[('kind', '{kind}')]"] == 0
        assert found[f"flocker_changes_failing[('kind', '{kind}')]"] == 0
    assert found["flocker_agent_connected"] == 0
    assert found["flocker_agent_connections_refused_total"] == 0


def test_a_node() -> None:
    """Its containers, its pool, its connections, and what it tries again."""
    failing = ChangeKey("Push(10.0.0.12)", frozenset({ContainerResource("web")}))
    found = said(
        NodeSnapshot(
            containers=pmap({"web": CONTAINER}),
            histories={"web": RestartHistory("i", 1.0, times=4)},
            failures={failing: Failed(2, "no route", 1.7e9)},
            ports={80: PortState(held=2, refused_total=7), 81: PortState(refused_total=1)},
            machine=Machine(capacity=Capacity(100, 40)),
            is_connected=True,
            is_troubled=True,
            expires_at=1.8e9,
            fences={"web": True, "bank": False},
        )
    )
    labels = "[('container', 'web'), ('state', '{}')]"
    assert found["flocker_agent_container_state" + labels.format("running")] == 1
    assert found["flocker_agent_container_state" + labels.format("paused")] == 0
    assert found["flocker_agent_container_restarts_total[('container', 'web')]"] == 4
    assert found["flocker_changes_failing[('kind', 'Push')]"] == 1
    assert found["flocker_change_next_try_timestamp_seconds[('kind', 'Push')]"] == 1.7e9
    assert found["flocker_agent_connections_refused_total"] == 8
    assert found["flocker_fence_armed[('container', 'web')]"] == 1
    assert found["flocker_fence_armed[('container', 'bank')]"] == 0
    assert found["flocker_agent_connections_held"] == 2
    assert found["flocker_agent_pool_free_bytes"] == 40
    assert found["flocker_agent_connected"] == 1
    assert found["flocker_discovery_failing"] == 1
    assert found["flocker_agent_certificate_expiry_timestamp_seconds"] == 1.8e9


def test_bounded() -> None:
    """A node with too many containers has series for the first ones by name."""
    containers = {f"c{number}": CONTAINER for number in range(CONTAINERS_MAX + 10)}
    fences = dict.fromkeys(containers, True)
    found = said(NodeSnapshot(containers, {}, {}, {}, None, True, False, fences=fences))
    assert sum("restarts_total" in name for name in found) == CONTAINERS_MAX
    assert sum("fence_armed" in name for name in found) == CONTAINERS_MAX


def test_failures_are_counted() -> None:
    """Each failure of a change counts, of whatever it is about."""
    metrics = AgentMetrics(Clock())
    change = CreateDataset("d", 1)
    for _ in range(2):
        metrics.failures.fails(change, OSError("full"), None, 1.0)
    found = samples(text([], metrics.events))
    assert found["flocker_change_failures_total[('kind', 'CreateDataset')]"] == 2


def test_the_page() -> None:
    """GET /metrics is what the port answers."""
    root = AgentMetrics(Clock()).site(lambda: NOTHING).resource
    request = DummyRequest([b"metrics"])
    page = root.getChildWithDefault(b"metrics", request)
    assert b"flocker_agent_connected 0.0" in page.render(request)
    [kind] = request.responseHeaders.getRawHeaders(b"content-type", [])
    assert kind.startswith(b"text/plain")
