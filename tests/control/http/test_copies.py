"""Copies of datasets: in /v1/state/datasets, and how one is dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred

from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, Grant, Node, Replicas
from flocker_lite.model.replication import Replication, replication_key
from flocker_lite.model.snapshot_sets import SnapshotSet
from flocker_lite.model.state import DatasetState, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

DATASET = "dddddddd-0000-4000-8000-00000000000a"
NODE_3 = "33333333-3333-4333-8333-333333333333"
ADDRESS_3 = "10.77.0.13"
STATE = "/state/datasets"
COPIES = f"/configuration/datasets/{DATASET}/copies"
PRIMARY = DatasetState(DATASET, Lease(Role.PRIMARY, 1), True, "/flocker/d")
REPLICA = DatasetState(DATASET, Lease(Role.REPLICA, 1))


class CopiesTestCase(RESTTestCase):
    """A dataset on the first of three nodes; the second stands by, the third has an old replica."""

    def setUp(self) -> None:
        super().setUp()
        self.edit(lambda before: edits.announce_node(before, Node(NODE_3, ADDRESS_3, protocol=2)))
        dataset = Dataset(DATASET, NODE_1, replicas=Replicas((NODE_2,), 30.0))
        self.edit(lambda before: edits.create_dataset(before, dataset))
        self.edit(lambda before: edits.set_grant(before, DATASET, Grant(NODE_1, 1, True)))
        self.taken_at = self.clock.seconds() - 10
        self.links = {
            NODE_1: self.tell(NODE_1, PRIMARY),
            NODE_2: self.tell(NODE_2, self.complete(self.taken_at)),
            NODE_3: self.tell(NODE_3, REPLICA),
        }

    def edit(self, function: Any) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.control.edit(function)))

    def complete(self, taken_at: float) -> DatasetState:
        return replace(REPLICA, complete_set=SnapshotSet(1, taken_at, pmap({DATASET: "g1"})))

    def tell(self, node_id: str, state: DatasetState | None, *told: Replication) -> Any:
        datasets = pmap({DATASET: state} if state is not None else {})
        replications = pmap({replication_key(e.dataset_id, e.standby): e for e in told})
        return self.control.report(node_id, NodeState(datasets, replications=replications))

    def copies(self) -> dict[str, Any]:
        """The copies by their nodes, of the list and of the item alike."""
        [listed] = self.get(STATE)
        assert listed == self.get(f"{STATE}/{DATASET}")
        return {each["host"]: each for each in listed["copies"]}


class ShownTests(CopiesTestCase):
    """GET /v1/state/datasets"""

    def test_roles(self) -> None:
        """Every copy says what it is, and whether it can be dropped; the primary comes first."""
        [body] = self.get(STATE)
        assert body["copies"] == [
            {"host": ADDRESS_1, "role": "primary", "epoch": 1, "can_be_dropped": False},
            {
                "host": ADDRESS_2,
                "role": "standby",
                "epoch": 1,
                "can_be_dropped": False,
                "rpo_seconds": 30.0,
                "snapshot_at": self.taken_at,
                "lag_seconds": 10.0,
                "rpo_met": True,
            },
            {"host": ADDRESS_3, "role": "replica", "epoch": 1, "can_be_dropped": True},
        ]

    def test_lag_grows(self) -> None:
        """How old a copy is, is said as of the answer, in lists that are kept as well."""
        assert self.copies()[ADDRESS_2]["lag_seconds"] == 10.0
        self.clock.advance(25)
        late = self.copies()[ADDRESS_2]
        assert (late["lag_seconds"], late["rpo_met"]) == (35.0, False)
        self.tell(NODE_2, self.complete(self.clock.seconds() - 1))
        assert self.copies()[ADDRESS_2]["lag_seconds"] == 1.0

    def test_what_the_primary_says(self) -> None:
        """Progress and errors are those that the primary reports; the newer time counts."""
        told = Replication(
            *(DATASET, NODE_2, "replicating", 5, 100, 200, "cut off"), taken_at=self.taken_at + 4
        )
        self.tell(NODE_1, PRIMARY, told)
        copy = self.copies()[ADDRESS_2]
        assert copy["lag_seconds"] == 6.0
        assert (copy["phase"], copy["sent_bytes"], copy["expected_bytes"]) == (
            *("replicating", 5),
            100,
        )
        assert (copy["lag_bytes"], copy["error"]) == (200, "cut off")
        self.tell(NODE_1, PRIMARY, replace(told, phase="waiting", last_error=None))
        assert "error" not in self.copies()[ADDRESS_2]

    def test_only_the_primary_counts(self) -> None:
        """What another node says of replications is not shown."""
        self.tell(NODE_3, REPLICA, Replication(DATASET, NODE_2, "blocked", last_error="lie"))
        assert "error" not in self.copies()[ADDRESS_2]

    def test_nothing_there_yet(self) -> None:
        """A standby that has nothing yet is shown; its RPO is not met."""
        self.tell(NODE_2, None)
        assert self.copies()[ADDRESS_2] == {
            "host": ADDRESS_2,
            "role": "standby",
            "rpo_seconds": 30.0,
            "rpo_met": False,
        }

    def test_configured_otherwise(self) -> None:
        """Who stands by shows at once, also to those who wait for changes of the state."""
        self.copies()
        known = self.control.change_feed.generation
        self.post(f"/configuration/datasets/{DATASET}", {"replicas": {"nodes": [ADDRESS_3]}})
        assert self.control.change_feed.has_changed("state/datasets", known)
        copies = self.copies()
        assert copies[ADDRESS_2]["role"] == "replica"
        assert copies[ADDRESS_3]["role"] == "standby"

    def test_a_dead_primary(self) -> None:
        """After a failover the old primary is a standby that is behind, whatever it said last."""
        replicas = Replicas((NODE_1, NODE_2), 30.0)
        self.edit(
            lambda before: edits.update_dataset(
                before, DATASET, lambda d: replace(d, replicas=replicas)
            )
        )
        assert "rpo_seconds" not in self.copies()[ADDRESS_1]
        self.edit(lambda before: edits.set_grant(before, DATASET, Grant(NODE_2, 3, True)))
        old = self.copies()[ADDRESS_1]
        assert (old["rpo_seconds"], old["rpo_met"]) == (30.0, False)

    def test_replications_are_news(self) -> None:
        """Waiting clients hear when the primary says something new of a copy."""
        known = self.control.change_feed.generation
        self.tell(NODE_1, PRIMARY, Replication(DATASET, NODE_2, "waiting"))
        entries = self.control.change_feed.since(known, 10)
        assert entries is not None
        assert {entry[1:] for entry in entries} >= {("state/datasets", DATASET)}

    def test_one_copy(self) -> None:
        """A dataset that is on one node, and is to be on no other, shows nothing of copies."""
        self.tell(NODE_2, None)
        self.tell(NODE_3, None)
        self.post(f"/configuration/datasets/{DATASET}", {"replicas": None})
        [body] = self.get(STATE)
        assert "copies" not in body


class DropTests(CopiesTestCase):
    """DELETE /v1/configuration/datasets/<id>/copies/<host>"""

    def refused(self, where: str, words: str) -> None:
        reply = self.delete(f"{COPIES}/{where}")
        assert reply.status == 409, reply.content
        assert words in reply.body["description"]
        assert self.control.configuration.discards == {}

    def test_dropped(self) -> None:
        """It is shown as dropping until its node no longer has it; then nobody remembers."""
        assert self.delete(f"{COPIES}/{ADDRESS_3}").status == 200
        assert self.delete(f"{COPIES}/{NODE_3}").status == 200
        assert self.copies()[ADDRESS_3]["dropping"]
        self.tell(NODE_3, None)
        assert ADDRESS_3 not in self.copies()
        assert self.control.configuration.discards == {}

    def test_what_is_needed(self) -> None:
        """Neither the primary nor a standby, nor what may hold data that is nowhere else."""
        self.refused(ADDRESS_1, "it is the primary")
        self.refused(ADDRESS_2, "stands by")
        self.tell(NODE_3, replace(REPLICA, lease=Lease(Role.DEPOSED, 1)))
        self.refused(ADDRESS_3, "in no other copy")

    def test_while_it_moves(self) -> None:
        """Not while the dataset moves to that node."""
        self.post(f"/configuration/datasets/{DATASET}", {"primary": ADDRESS_3})
        self.refused(ADDRESS_3, "it is the primary")
        self.refused(ADDRESS_1, "it is the primary")

    def test_not_there(self) -> None:
        """There has to be a copy, as far as one can tell."""
        self.tell(NODE_3, None)
        assert self.delete(f"{COPIES}/{ADDRESS_3}").status == 404
        assert self.delete(f"{COPIES}/10.9.9.9").status == 400
        missing = DATASET.replace("d", "e")
        path = f"/configuration/datasets/{missing}/copies/{ADDRESS_3}"
        assert self.delete(path).status == 404

    def test_needed_again(self) -> None:
        """A copy whose node is to stand by after all is kept."""
        self.delete(f"{COPIES}/{ADDRESS_3}")
        self.post(f"/configuration/datasets/{DATASET}", {"replicas": {"nodes": [ADDRESS_3]}})
        assert self.control.configuration.discards == {}
