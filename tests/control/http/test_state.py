"""/v1/state"""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred

from flocker_lite.control.http import state
from flocker_lite.control.http.move_bodies import stray_bodies
from flocker_lite.control.node_records import NodeRecords
from flocker_lite.control.service import STATE_SECONDS_MAX
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.machine import MACHINE, Capacity, Machine
from flocker_lite.model.records import Configuration, Container, Node, NodeId, Port, Volume
from flocker_lite.model.state import (
    ContainerState,
    DatasetState,
    MoveProgress,
    NodeState,
    PortState,
    Round,
    Step,
)
from flocker_lite.model.versions import NEWEST
from flocker_lite.protocol.link import Link
from tests.control.http.cluster import (
    ADDRESS_1,
    ADDRESS_2,
    NODE_1,
    NODE_2,
    RESTTestCase,
    two_nodes,
)

NODE = {"host": ADDRESS_1, "uuid": NODE_1, "protocol": NEWEST}
DATASET = "dddddddd-0000-4000-8000-00000000000a"
PATH = f"/flocker/{DATASET}"


def copy(lease: Lease | None, error: str | None = None, size: int | None = None) -> DatasetState:
    """A copy of the dataset."""
    mounted = lease is not None and lease.role is Role.PRIMARY
    return DatasetState(DATASET, lease, mounted, PATH, size, error)


def datasets(**by_node: DatasetState) -> list[dict[str, Any]]:
    """The bodies of the dataset."""
    nodes = {"one": NODE_1, "two": NODE_2}
    copies = {nodes[name]: copy for name, copy in by_node.items()}
    return state.dataset_bodies(two_nodes(), DATASET, copies)


PRIMARY = Lease(Role.PRIMARY, 7)
REPLICA = Lease(Role.REPLICA, 7)
RELEASING = Lease(Role.RELEASING, 7, NODE_2)
RELEASED = Lease(Role.RELEASED, 8, NODE_2)

ON_NODE_1 = {"dataset_id": DATASET, "primary": ADDRESS_1, "path": PATH}


def test_primary() -> None:
    """A primary copy has its node and its path, and no size when there is no limit."""
    assert datasets(one=copy(PRIMARY)) == [ON_NODE_1]


def test_size() -> None:
    """The size is the one that the agent sees."""
    assert datasets(one=copy(PRIMARY, size=2**30)) == [{**ON_NODE_1, "maximum_size": 2**30}]


def test_replica_does_not_count() -> None:
    """A replica elsewhere does not show."""
    assert datasets(one=copy(PRIMARY), two=copy(REPLICA)) == [ON_NODE_1]


def test_releasing() -> None:
    """While it is being released, the source is still the primary."""
    assert datasets(one=copy(RELEASING), two=copy(REPLICA)) == [ON_NODE_1]


def test_between() -> None:
    """Between release and acquisition it is nowhere, and once in the list."""
    assert datasets(one=copy(RELEASED), two=copy(REPLICA)) == [{"dataset_id": DATASET}]


def test_two_primaries() -> None:
    """Old news from the source may make it appear on both nodes; the later one comes first."""
    bodies = datasets(one=copy(PRIMARY), two=copy(Lease(Role.PRIMARY, 8)))
    assert [body["primary"] for body in bodies] == [ADDRESS_2, ADDRESS_1]


def test_error_of_primary() -> None:
    """The primary's error is there as it is."""
    assert datasets(one=copy(PRIMARY, "oops")) == [{**ON_NODE_1, "error": "oops"}]


def test_error_elsewhere() -> None:
    """Another node's error has its address before it."""
    [body] = datasets(one=copy(PRIMARY, "oops"), two=copy(REPLICA, "no room"))
    assert body["error"] == f"oops; {ADDRESS_2}: no room"


def test_never_made() -> None:
    """A dataset that could not be made shows why."""
    [body] = datasets(one=copy(None, "no pool"))
    assert body == {"dataset_id": DATASET, "error": f"{ADDRESS_1}: no pool"}


def move_bodies(
    configuration: Configuration | None = None, **by_node: MoveProgress
) -> list[dict[str, Any]]:
    """The bodies of moves that nodes "one" and "two" report."""
    nodes = {"one": NODE_1, "two": NODE_2}
    sides = [(nodes[name], move) for name, move in by_node.items()]
    return stray_bodies(configuration or two_nodes(), sides)


SOURCE = MoveProgress(
    DATASET,
    8,
    "done",
    NODE_1,
    NODE_2,
    (Round(1000, 0.5), Round(10, 0.1)),
    (Step("stop", 0.2), Step("send", 0.1)),
)
DESTINATION = MoveProgress(DATASET, 8, "done", steps=(Step("mount", 0.05), Step("start", 0.25)))
BOTH = {
    "dataset_id": DATASET,
    "dataset_ids": [DATASET],
    "from": ADDRESS_1,
    "to": ADDRESS_2,
    "epoch": 8,
    "phase": "done",
    "rounds": [
        {"bytes": 1000, "seconds": 0.5, "bytes_per_second": 2000},
        {"bytes": 10, "seconds": 0.1, "bytes_per_second": 100},
    ],
    "pause": {"stop": 0.2, "send": 0.1, "mount": 0.05, "start": 0.25},
    "pause_seconds": 0.6,
}


def test_move_of_both() -> None:
    """Source and destination tell one story, whoever is heard first."""
    assert move_bodies(one=SOURCE, two=DESTINATION) == [BOTH]
    assert move_bodies(two=DESTINATION, one=SOURCE) == [BOTH]


def test_move_under_way() -> None:
    """While it pushes, there is the source's account alone, and no pause yet."""
    [body] = move_bodies(one=MoveProgress(DATASET, 8, "pushing", NODE_1, NODE_2, (Round(5, 1.0),)))
    assert body["phase"] == "pushing"
    assert (body["from"], body["to"]) == (ADDRESS_1, ADDRESS_2)
    assert (body["pause"], body["pause_seconds"]) == ({}, 0)


def test_move_of_destination_alone() -> None:
    """When the source is away, the destination's account is still there."""
    [body] = move_bodies(two=DESTINATION)
    assert "from" not in body
    assert (body["to"], body["phase"]) == (ADDRESS_2, "done")


def test_move_of_container() -> None:
    """A move has the name of the container that uses the dataset."""
    web = Container("web", NODE_2, "nginx:latest", volumes=(Volume(DATASET, "/data"),))
    configuration = Configuration(two_nodes().nodes, containers=pmap({"web": web}))
    [body] = move_bodies(configuration, one=SOURCE)
    assert body["container"] == "web"


def test_move_errors() -> None:
    """What went wrong on either side is said."""
    failed = MoveProgress(DATASET, 8, "failed", NODE_1, NODE_2, error="cut off")
    [body] = move_bodies(one=failed, two=MoveProgress(DATASET, 8, "failed", error="no room"))
    assert (body["phase"], body["error"]) == ("failed", "cut off; no room")


def test_moves_of_different_epochs() -> None:
    """Accounts of different epochs are different moves."""
    back = MoveProgress(DATASET, 9, "pushing", NODE_2, NODE_1)
    assert [body["epoch"] for body in move_bodies(one=SOURCE, two=back)] == [8, 9]


class StateTests(RESTTestCase):
    """The routes themselves."""

    def report(self, node_id: NodeId, **reported: Any) -> None:
        """An agent reports."""
        self.control.report(node_id, NodeState(**reported))

    def test_nothing(self) -> None:
        """As long as no agent reports, there are but the nodes, which are away."""
        for path in ("datasets", "containers", "moves"):
            assert self.get(f"/state/{path}") == []
        assert [(each["uuid"], each["away"]) for each in self.nodes()] == [
            (NODE_1, True),
            (NODE_2, True),
        ]

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes in order."""
        return sorted(self.get("/state/nodes"), key=lambda item: str(item["uuid"]))

    def test_nodes(self) -> None:
        """The nodes whose agents report now are listed, and those that are away."""
        self.report(NODE_1)
        away = {**NODE, "host": ADDRESS_2, "uuid": NODE_2, "away": True}
        assert self.nodes() == [NODE, away]

    def test_machine(self) -> None:
        """What a node's agent says of its machine is shown, and still when it is away."""
        machine = Machine(
            "0.2.0", capacity=Capacity(100, 40), load=0.5, told_at=self.clock.seconds() + 2
        )
        link = self.control.report(NODE_1, NodeState(machine=pmap({MACHINE: machine})))
        shown = {
            "release": "0.2.0",
            "storage_size_bytes": 100,
            "storage_free_bytes": 40,
            "load": 0.5,
            "told_at": machine.told_at,
        }
        node = self.get(f"/state/nodes/{NODE_1}")
        assert node["machine"] == shown
        assert "clock_offset_seconds" not in node
        self.control.node_records.compared(NODE_1, 12.0, 10.0)
        self.control.node_records.compared(NODE_1, float("nan"), 10.0)
        self.control.node_records.compared(NODE_1, None, 10.0)
        assert self.get(f"/state/nodes/{NODE_1}")["clock_offset_seconds"] == 2.0
        link.connectionLost()
        self.clock.advance(STATE_SECONDS_MAX)
        node = self.get(f"/state/nodes/{NODE_1}")
        assert (node["machine"], node["away"]) == (shown, True)

    def test_what_a_node_allows(self) -> None:
        """The entries of its agent's file are beside the node, and the protocol of its agent."""
        self.report(NODE_1)
        generation = self.control.change_feed.generation
        for allow, shown in (
            (("NET_ADMIN", "/dev/kvm"), {"allow": ["NET_ADMIN", "/dev/kvm"]}),
            ((), {}),
        ):
            node = Node(NODE_1, ADDRESS_1, protocol=1, allow=allow)
            connecting = self.control.connect(node, "", Link(self.clock))
            self.successResultOf(Deferred.fromCoroutine(connecting))
            assert self.get(f"/state/nodes/{NODE_1}") == {**NODE, "protocol": 1, **shown}
        assert self.control.change_feed.has_changed("state/nodes", generation)

    def test_a_node_that_is_away(self) -> None:
        """A node whose agent is not connected says so, and since when, until it is back."""
        shown = NODE
        for _ in range(2):
            link = self.control.report(NODE_1, NodeState())
            assert self.nodes()[0] == shown
            generation = self.control.change_feed.generation
            link.connectionLost()
            away = {**shown, "away": True, "away_since": self.clock.seconds()}
            assert self.get(f"/state/nodes/{NODE_1}") == away
            assert self.control.change_feed.has_changed("state/nodes", generation)
        generation = self.control.change_feed.generation
        self.clock.advance(STATE_SECONDS_MAX)
        assert self.get(f"/state/nodes/{NODE_1}") == away
        assert self.control.change_feed.has_changed("state/nodes", generation)

    def test_a_node_that_is_back(self) -> None:
        """Who watches learns that an agent is back, also when its node is as it was."""
        self.control.report(NODE_1, NodeState()).connectionLost()
        generation = self.control.change_feed.generation
        self.control.report(NODE_1, NodeState())
        assert self.control.change_feed.has_changed("state/nodes", generation)

    def test_datasets(self) -> None:
        """Neither metadata nor deletion is part of the state."""
        self.report(NODE_1, datasets=pmap({DATASET: copy(PRIMARY)}))
        assert self.get("/state/datasets") == [ON_NODE_1]

    def test_containers(self) -> None:
        """A container is shown as it was made, on the node that has it, running or not."""
        web = Container("web", NODE_2, "nginx:latest", (Port(80, 8080),), (Volume(DATASET, "/d"),))
        self.report(NODE_1, containers=pmap({"web": ContainerState(web, True)}))
        body = {
            "host": ADDRESS_1,
            "name": "web",
            "image": "nginx:latest",
            "ports": [{"internal": 80, "external": 8080}],
            "volumes": [{"dataset_id": DATASET, "mountpoint": "/d"}],
            "restart_policy": {"name": "never"},
            "running": True,
        }
        assert self.get("/state/containers") == [body]
        image: dict[str, Any] = {"image_id": "sha256:c0ffee", "image_digest": "sha256:d1"}
        stopped = ContainerState(web, False, "no such image", **image)
        self.report(NODE_1, containers=pmap({"web": stopped}))
        body.update(running=False, error="no such image", **image)
        assert self.get("/state/containers") == [body]

    def test_health(self) -> None:
        """One with a health check is shown with what that came to."""
        web = Container("web", NODE_1, "nginx:latest")
        said = "not healthy: port 80 did not answer in time"
        self.report(
            NODE_1, containers=pmap({"web": ContainerState(web, True, said, health="unhealthy")})
        )
        (body,) = self.get("/state/containers")
        assert (body["health"], body["error"]) == ("unhealthy", said)

    def test_paused(self) -> None:
        """One that somebody paused is shown to be."""
        web = Container("web", NODE_2, "nginx:latest")
        paused = ContainerState(web, running=False, paused=True)
        self.report(NODE_1, containers=pmap({"web": paused}))
        (body,) = self.get("/state/containers")
        assert (body["running"], body["status"]) == (False, "paused")

    def test_moves(self) -> None:
        """A move is shown as both sides report it."""
        self.report(NODE_1, moves=pmap({DATASET: SOURCE}))
        self.report(NODE_2, moves=pmap({DATASET: DESTINATION}))
        assert self.get("/state/moves") == [BOTH]

    def test_forgotten_node(self) -> None:
        """A node that reports and is no part of the cluster is shown by its UUID."""
        shown = state.node_body(Configuration(), NODE_1, NodeState(), NodeRecords())
        assert shown == {"host": NODE_1, "uuid": NODE_1}

    def test_certificate_of_a_node(self) -> None:
        """When it expires is beside the node, and whoever watches hears of another one."""
        self.report(NODE_1)
        assert "certificate_expires_at" not in self.get(f"/state/nodes/{NODE_1}")
        for expires_at in (1.8e9, 1.9e9, None):
            generation = self.control.change_feed.generation
            link = Link(self.clock)
            connecting = self.control.connect(
                Node(NODE_1, ADDRESS_1), "", link, certificate_expires_at=expires_at
            )
            self.successResultOf(Deferred.fromCoroutine(connecting))
            shown = self.get(f"/state/nodes/{NODE_1}")
            assert shown.get("certificate_expires_at") == expires_at
            assert self.control.change_feed.has_changed("state/nodes", generation)

    def test_ports_of_a_node(self) -> None:
        """What a node has to say of its ports is beside it, by number, and goes when it is over."""
        self.report(NODE_1)
        plain = self.get(f"/state/nodes/{NODE_1}")
        taken = PortState(error="in use by nginx (pid 7)")
        generation = self.control.change_feed.generation
        self.report(NODE_1, ports=pmap({"8080": PortState(2, 5, 1), "443": taken}))
        none = {"held": 0, "held_total": 0, "refused_total": 0}
        assert self.get(f"/state/nodes/{NODE_1}")["ports"] == [
            {"port": 443, **none, "error": "in use by nginx (pid 7)"},
            {"port": 8080, "held": 2, "held_total": 5, "refused_total": 1},
        ]
        assert self.control.change_feed.has_changed("state/nodes", generation)
        self.report(NODE_1)
        assert self.get(f"/state/nodes/{NODE_1}") == plain
