"""/v1/configuration/nodes: cordon a node, and forget one that is gone."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState, NodeState
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
        assert self.get("/state/nodes") == self.get("/state/containers") == []
        assert self.post("/configuration/containers", WEB).status == 400
