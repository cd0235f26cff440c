"""/v1/configuration/nodes: cordon a node, and forget one that is gone."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Node
from flocker_lite.model.state import ContainerState, DatasetState, NodeState, SnapshotSet
from flocker_lite.protocol.link import Link, NodeForgotten
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

NODES = "/configuration/nodes"
WEB = {
    "host": ADDRESS_1,
    "name": "web",
    "image": "nginx",
    "ports": [{"internal": 80, "external": 80}],
}


def shown(number: int, schedulable: bool = True) -> dict[str, object]:
    """One of the two nodes."""
    host, uuid = ((ADDRESS_1, NODE_1), (ADDRESS_2, NODE_2))[number - 1]
    return {"host": host, "uuid": uuid, "schedulable": schedulable}


class NodesTests(RESTTestCase):
    """Two nodes."""

    def test_shown(self) -> None:
        """All that ever announced themselves, connected or not."""
        assert sorted(self.get(NODES), key=str) == [shown(1), shown(2)]
        assert self.get(f"{NODES}/{ADDRESS_1}") == shown(1)
        assert self.get(f"{NODES}/{NODE_2.upper()}") == shown(2)
        assert self.request("GET", f"/v1{NODES}/10.9.9.9").status == 404

    def test_cordon(self) -> None:
        """Nothing is put on it; the state of the node says so too, and watchers are told."""
        self.control.report(NODE_1, NodeState())
        generation = self.control.change_feed.generation
        reply = self.post(f"{NODES}/{ADDRESS_1}", {"schedulable": False})
        assert (reply.status, reply.body) == (200, shown(1, schedulable=False))
        assert self.post("/configuration/containers", WEB).status == 409
        assert self.get(f"/state/nodes/{NODE_1}")["schedulable"] is False
        told = self.control.change_feed.since(generation, 10)
        assert told is not None
        assert {entry.collection for entry in told} == {"configuration/nodes", "state/nodes"}
        assert self.post(f"{NODES}/{NODE_1}", {"schedulable": True}).body == shown(1)
        assert self.post("/configuration/containers", WEB).status == 201
        assert "schedulable" not in self.get(f"/state/nodes/{NODE_1}")

    def test_drain(self) -> None:
        """A dry run says what would go where; then it goes, and comes back."""
        for node_id in (NODE_1, NODE_2):
            self.control.report(node_id, NodeState())
        self.created("/configuration/containers", WEB)
        path = f"{NODES}/{ADDRESS_1}/drain"
        plan = self.post(f"{path}?dry_run=1", {})
        assert (plan.status, plan.body["dry_run"]) == (200, True)
        going = {"containers": ["web"], "to": ADDRESS_2, "phase": "moving"}
        assert plan.body["drain"]["items"] == [going]
        assert self.get(f"{NODES}/{ADDRESS_1}") == shown(1)
        options = {"parallel": 1, "deadline_seconds": "1h", "max_pause_seconds": 0.5}
        drain = self.post(path, options).body["drain"]
        assert drain["items"] == [going]
        assert drain["deadline_at"] - drain["began_at"] == 3600
        assert (drain["parallel"], drain["max_pause_seconds"], drain["left"]) == (1, 0.5, 0)
        assert self.get("/configuration/containers/web")["host"] == ADDRESS_2
        assert self.get(f"/state/nodes/{NODE_1}")["draining"] is True
        assert self.post(f"{NODES}/{ADDRESS_1}", {"schedulable": True}).status == 409
        assert "ended_at" in self.delete(path).body["drain"]
        assert self.delete(path).status == 409
        back = self.post(f"{NODES}/{ADDRESS_1}/return", None)
        assert (back.status, back.body) == (200, shown(1))
        assert self.get("/configuration/containers/web")["host"] == ADDRESS_1
        assert self.post(f"{NODES}/{ADDRESS_1}/return", None).status == 409

    def test_drain_refused(self) -> None:
        """Of a node that is away or unknown, or with an option that is none."""
        path = f"{NODES}/{ADDRESS_1}/drain"
        assert "is away" in self.post(path, {}).body["description"]
        assert self.post(f"{NODES}/10.9.9.9/drain", {}).status == 404
        self.control.report(NODE_1, NodeState())
        for wrong in ({"parallel": 0}, {"deadline_seconds": "soon"}, {"speed": 1}):
            assert self.post(path, wrong).status == 400, wrong

    def test_no_such_node(self) -> None:
        """Said so, and what a node does not have."""
        assert self.post(f"{NODES}/10.9.9.9", {"schedulable": True}).status == 404
        assert self.delete(f"{NODES}/10.9.9.9").status == 404
        assert self.post(f"{NODES}/{ADDRESS_1}", {"schedulable": "no"}).status == 400
        assert self.post(f"{NODES}/{ADDRESS_1}", {}).status == 400

    def test_forget(self) -> None:
        """Once it is away and has nothing; what it reported last is forgotten with it."""
        self.created("/configuration/containers", WEB)
        container: Container = self.control.configuration.containers["web"]
        reported = pmap({"web": ContainerState(container, running=True)})
        link = self.control.report(NODE_1, NodeState(containers=reported))
        assert "connected" in self.delete(f"{NODES}/{ADDRESS_1}").body["description"]
        link.connectionLost()
        assert "container web" in self.delete(f"{NODES}/{ADDRESS_1}").body["description"]
        assert self.delete("/configuration/containers/web").status == 200
        assert self.get("/state/containers") != []
        assert self.delete(f"{NODES}/{ADDRESS_1}").status == 200
        assert self.get(NODES) == [shown(2)]
        assert [each["host"] for each in self.get("/state/nodes")] == [ADDRESS_2]
        assert self.get("/state/containers") == []
        assert self.post("/configuration/containers", WEB).status == 400

    def test_forgotten(self) -> None:
        """It is listed, refused with what a person can do, and let in again by one."""
        path = "/state/forgotten_nodes"
        generation = self.control.change_feed.generation
        assert self.delete(f"{NODES}/{ADDRESS_2}").status == 200
        gone = {"host": ADDRESS_2, "uuid": NODE_2, "forgotten_at": self.clock.seconds()}
        assert self.get(path) == [gone]
        assert self.control.change_feed.has_changed("state/forgotten_nodes", generation)
        self.clock.advance(5)
        refused = self.failureResultOf(self.comes(), NodeForgotten).getErrorMessage()
        assert f"node {NODE_2} at {ADDRESS_2} was forgotten at 2023-11-14 22:13:20 UTC" in refused
        assert f"flockerctl readmit {ADDRESS_2}" in refused
        gone["knocked_at"] = self.clock.seconds()
        assert self.get(f"{path}/{NODE_2.upper()}") == gone
        assert self.post(f"{NODES}/{ADDRESS_2}", {"schedulable": True}).status == 404
        assert self.post(f"{NODES}/{ADDRESS_2}", {"forgotten": True}).status == 400
        both = {"forgotten": False, "schedulable": True}
        assert self.post(f"{NODES}/{ADDRESS_2}", both).status == 400
        assert self.post(f"{NODES}/{ADDRESS_2}", {}).status == 400
        again = self.post(f"{NODES}/{ADDRESS_2}", {"forgotten": False})
        del gone["knocked_at"]
        assert (again.status, again.body) == (200, gone)
        assert self.get(path) == []
        assert self.post(f"{NODES}/{ADDRESS_2}", {"forgotten": False}).status == 404
        self.successResultOf(self.comes())
        assert self.get(f"{NODES}/{ADDRESS_2}") == shown(2)

    def test_by_force(self) -> None:
        """What is only there goes with it; a dry run says what that is."""
        self.created("/configuration/containers", WEB)
        body = {"primary": ADDRESS_1, "metadata": {"name": "data"}}
        dataset_id = self.created("/configuration/datasets", body)["dataset_id"]
        path = f"{NODES}/{ADDRESS_1}"
        assert self.delete(path).status == 409
        assert self.delete(f"{path}?dry_run=1").status == 409
        copies = pmap({dataset_id: DatasetState(dataset_id, Lease(Role.REPLICA, 1))})
        self.control.report(NODE_2, NodeState(copies))
        lost = {
            "containers": ["web"],
            "datasets": [
                {"dataset_id": dataset_id, "name": "data", "other_copy": {"host": ADDRESS_2}}
            ],
        }
        told = {"host": ADDRESS_1, "uuid": NODE_1, "lost": lost}
        assert self.delete(f"{path}?force=true&dry_run=1").body == {"dry_run": True, **told}
        assert len(self.get(NODES)) == 2
        assert self.delete(f"{path}?force=true").body == told
        assert self.get(NODES) == [shown(2)]
        assert self.get("/configuration/containers") == []
        [left] = self.get("/configuration/datasets")
        assert (left["deleted"], left["primary"]) == (True, ADDRESS_2)
        assert "connected" in self.delete(f"{NODES}/{ADDRESS_2}?force=true").body["description"]

    def test_by_force_with_a_standby(self) -> None:
        """One fails over first; then nothing is lost."""
        dataset_id = self.created("/configuration/datasets", {"primary": ADDRESS_1})["dataset_id"]
        found = SnapshotSet(1, self.clock.seconds(), pmap({dataset_id: "1"}))
        state = DatasetState(dataset_id, Lease(Role.REPLICA, 1), complete_set=found)
        self.control.report(NODE_2, NodeState(pmap({dataset_id: state})))
        path = f"{NODES}/{ADDRESS_1}?force=true"
        assert f"flockerctl failover {dataset_id} --force" in self.delete(path).body["description"]
        failover = f"/configuration/datasets/{dataset_id}/failover"
        assert self.post(failover, {"force": True}).status == 200
        assert "failover" in self.delete(path).body["description"]

    def comes(self) -> Deferred[None]:
        """The agent of the second node comes."""
        link = Link(self.clock)
        link.makeConnection(StringTransport())
        node = Node(NODE_2, ADDRESS_2)
        return Deferred.fromCoroutine(self.control.connect(node, "", link))
