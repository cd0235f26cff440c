"""The failover of a container in /v1/configuration/containers"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flocker_lite.control.failover_news import LOOK_SECONDS
from flocker_lite.model import node_edits
from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change, Node
from flocker_lite.model.state import ContainerState, DesiredFencing, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2
from tests.control.http.test_replicas import ADDRESS_3, NODE_3, ReplicasTestCase

DATA = "dddddddd-0000-4000-8000-00000000000a"
LOG = "dddddddd-0000-4000-8000-00000000000b"
CONTAINERS = "/configuration/containers"
ONE = f"{CONTAINERS}/pg"
AUTOMATIC = {"mode": "automatic"}
SETTLED_SECONDS = 31.0
"""By then the keeper has looked at the container, and found the reason that is shown."""


class FailoverTestCase(ReplicasTestCase):
    """Tests with two datasets, for which nodes stand by, and what a container says."""

    def datasets(self, data: list[str] | None, log: list[str] | None) -> None:
        for dataset_id, nodes in ((DATA, data), (LOG, log)):
            replicas = {} if nodes is None else {"replicas": {"nodes": nodes}}
            body = {"dataset_id": dataset_id, "primary": ADDRESS_1, **replicas}
            assert self.post("/configuration/datasets", body).status == 201

    def create_container(self, failover: Any, volumes: tuple[str, ...] = (DATA, LOG)) -> Any:
        mounted = [{"dataset_id": each, "mountpoint": f"/{each[-1]}"} for each in volumes]
        body = {"name": "pg", "host": ADDRESS_1, "image": "postgres:16", "volumes": mounted}
        return self.post(CONTAINERS, {**body, "failover": failover})

    def fencing(self) -> Any:
        return self.control.configuration.fencings.get("pg")


class FieldTests(FailoverTestCase):
    """What a request may have."""

    def test_stored(self) -> None:
        """What is not said has its default; null lets it be."""
        self.datasets([ADDRESS_2], [ADDRESS_2, ADDRESS_3])
        reply = self.create_container(AUTOMATIC)
        assert reply.status == 201, reply.body
        expected = {"mode": "automatic", "after_seconds": 30, "max_lag_seconds": 120}
        assert reply.body["failover"] == expected
        assert self.post(ONE, {"failover": None}).status == 200
        assert "failover" not in self.get(CONTAINERS)[0]

    def test_wrong(self) -> None:
        """Modes that there are not, times that are too short or too long, and nodes twice."""
        for wrong in (
            {},
            {"mode": "always"},
            {"mode": "automatic", "after_seconds": 4},
            {"mode": "automatic", "after_seconds": 3601},
            {"mode": "automatic", "max_lag_seconds": 0},
            {"mode": "automatic", "nodes": [ADDRESS_2, ADDRESS_2]},
        ):
            assert self.create_container(wrong, ()).status == 400, wrong

    def test_without_data(self) -> None:
        """It names the nodes where it may start, and one of them has to be another one."""
        assert self.create_container(AUTOMATIC, ()).status == 409
        assert self.create_container({**AUTOMATIC, "nodes": [ADDRESS_1]}, ()).status == 409
        unknown = {**AUTOMATIC, "nodes": ["10.99.99.99"]}
        assert self.create_container(unknown, ()).status == 400
        reply = self.create_container({**AUTOMATIC, "nodes": [ADDRESS_1, NODE_2]}, ())
        assert reply.status == 201, reply.body
        assert reply.body["failover"]["nodes"] == [ADDRESS_1, ADDRESS_2]
        assert self.fencing() is None
        self.edit(lambda before: node_edits.forget_node(before, NODE_2, (), {}, 0.0))
        failover = self.control.configuration.containers["pg"].failover
        assert failover is not None
        assert failover.nodes == (NODE_1,)

    def test_nodes_are_for_containers_without_data(self) -> None:
        """The standbys of the others are those of their datasets."""
        self.datasets([ADDRESS_2], [ADDRESS_2])
        reply = self.create_container({**AUTOMATIC, "nodes": [ADDRESS_2]})
        assert reply.status == 409
        assert "replicas" in self.messages(reply)[0]

    def test_no_standby(self) -> None:
        """Each dataset needs replicas, and a node that stands by for all of them."""
        self.datasets([ADDRESS_2], None)
        reply = self.create_container(AUTOMATIC)
        assert (reply.status, LOG in self.messages(reply)[0]) == (409, True)
        assert self.create_container({"mode": "manual"}).status == 201
        assert self.post(ONE, {"failover": AUTOMATIC}).status == 409

    def test_no_common_standby(self) -> None:
        """A group is promoted as a whole."""
        self.datasets([ADDRESS_2], [ADDRESS_3])
        assert self.create_container(AUTOMATIC).status == 409

    def test_standbys_stay(self) -> None:
        """A dataset keeps its replicas while its container fails over to them by itself."""
        self.datasets([ADDRESS_2], [ADDRESS_2])
        assert self.create_container(AUTOMATIC).status == 201
        path = f"/configuration/datasets/{DATA}"
        assert self.post(path, {"replicas": None}).status == 409
        assert self.post(ONE, {"failover": {"mode": "manual"}}).status == 200
        assert self.post(path, {"replicas": None}).status == 200

    def test_old_agent(self) -> None:
        """An agent that knows no fencing is not given the container."""
        self.announce(Node(NODE_1, ADDRESS_1, protocol=1))
        reply = self.create_container({**AUTOMATIC, "nodes": [ADDRESS_2]}, ())
        assert reply.status == 409
        assert "upgrade" in self.messages(reply)[0]


class FencingTests(FailoverTestCase):
    """What follows for the fencing of a container."""

    def setUp(self) -> None:
        super().setUp()
        self.datasets([ADDRESS_2, ADDRESS_3], [ADDRESS_3, ADDRESS_2])
        assert self.create_container(AUTOMATIC).status == 201

    def told(self, node_id: str) -> DesiredFencing | None:
        view = self.control._view_publisher.whole(node_id)
        for each in view:
            if each.kind == "fencings":
                assert isinstance(each.record, DesiredFencing)
                return each.record
        return None

    def test_it_follows_from_the_mode(self) -> None:
        """It is there while failover is automatic; each time it is another generation."""
        first = self.fencing()
        assert (first.witnesses, first.longest_seconds) == ((), 30)
        self.post(ONE, {"failover": {"mode": "manual"}})
        assert self.fencing() is None
        self.post(ONE, {"failover": AUTOMATIC})
        assert self.fencing().generation != first.generation
        assert self.delete(ONE).status == 200
        assert self.fencing() is None

    def test_another_generation(self) -> None:
        """Edits of the standbys and of the time make one; a longer time stays for now."""
        generations = [self.fencing().generation]
        for path, body in (
            (ONE, {"failover": {**AUTOMATIC, "after_seconds": 10}}),
            (f"/configuration/datasets/{DATA}", {"replicas": {"nodes": [ADDRESS_2]}}),
        ):
            assert self.post(path, body).status == 200
            generations.append(self.fencing().generation)
        assert len(set(generations)) == 3
        assert self.fencing().longest_seconds == 30
        self.post(ONE, {"labels": {"a": "b"}, "failover": {**AUTOMATIC, "after_seconds": 10}})
        assert self.fencing().generation == generations[-1]

    def test_who_is_told(self) -> None:
        """The owner, and where it moves: its standbys, and how long a renewal is good for."""
        told = self.told(NODE_1)
        assert told is not None
        assert (told.owner, dict(told.epochs)) == (NODE_1, {DATA: 1, LOG: 1})
        assert told.generation == self.fencing().generation
        assert set(told.witnesses) == {NODE_2, NODE_3}
        assert dict(told.addresses) == {NODE_2: ADDRESS_2, NODE_3: ADDRESS_3}
        assert told.after_seconds == 30
        assert self.told(NODE_2) is None
        assert self.post(ONE, {"host": ADDRESS_2}).status == 200
        assert self.told(NODE_2) == self.told(NODE_1) == told

    def test_state(self) -> None:
        """State says that it would not fail over, and why not."""
        container = self.control.configuration.containers["pg"]
        running = ContainerState(container, running=True)
        self.control.report(NODE_1, NodeState(containers=NodeState().containers.set("pg", running)))
        (shown,) = self.get("/state/containers")
        reason = "Its node has not said yet which standbys it counts."
        assert shown["failover_state"] == {"armed": False, "reason": reason}

    def test_state_that_changes(self) -> None:
        """Each answer is of now, though the container's node reports nothing new meanwhile."""
        running = ContainerState(self.control.configuration.containers["pg"], running=True)
        self.control.report(NODE_1, NodeState(containers=NodeState().containers.set("pg", running)))
        keeper = self.control.failover_keeper
        for said in ("One reason.", "Another one."):
            keeper.reasons["pg"] = said
            (shown,) = self.get("/state/containers")
            assert shown["failover_state"] == {"armed": False, "reason": said}
        self.post(ONE, {"failover": {"mode": "manual"}})
        assert "failover_state" not in self.get("/state/containers")[0]
        self.post(ONE, {"failover": AUTOMATIC})
        assert "failover_state" in self.get("/state/containers")[0]

    def test_waited_for(self) -> None:
        """Who waits for a change of the state is told when a reason is another one."""
        running = ContainerState(self.control.configuration.containers["pg"], running=True)
        self.control.report(NODE_1, NodeState(containers=NodeState().containers.set("pg", running)))
        self.clock.advance(SETTLED_SECONDS)
        path = "/v1/state/containers"
        generation = self.request("GET", path).headers["x-generation"]
        sent = self.begin("GET", f"{path}?wait_for={generation}&timeout_seconds=300")
        self.treq.flush()
        self.assertNoResult(sent)
        fencing = replace(self.fencing(), witnesses=(NODE_2,))
        self.edit(lambda before: edited(before, [Change("fencings", "pg", fencing)]))
        self.clock.advance(LOOK_SECONDS)
        self.treq.flush()
        (shown,) = self.reply(sent, "GET", path).body
        reason = f"{ADDRESS_2} has no copy of dataset {DATA}."
        assert shown["failover_state"] == {"armed": False, "reason": reason}
