"""Failovers in the REST API: dry runs, refusals, and what is shown of one afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Grant
from flocker_lite.model.state import (
    ContainerState,
    DatasetState,
    MoveProgress,
    NodeState,
    SnapshotSet,
    Step,
)
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

D = "dddddddd-0000-4000-8000-000000000001"
E = "dddddddd-0000-4000-8000-000000000002"
SHOP = "/configuration/containers/shop"
FAILOVER = f"{SHOP}/failover"
DRY = f"{FAILOVER}?dry_run=1"
LAG_SECONDS = 12.0
REPLICA, PRIMARY = Lease(Role.REPLICA, 1), Lease(Role.PRIMARY, 1)


class FailoverCase(RESTTestCase):
    """A container with two datasets at one node, for which the other one stands by."""

    def setUp(self) -> None:
        super().setUp()
        volumes = []
        for dataset_id in (D, E):
            desired = {
                "primary": ADDRESS_1,
                "dataset_id": dataset_id,
                "replicas": {"nodes": [ADDRESS_2]},
            }
            self.created("/configuration/datasets", desired)
            volumes.append({"dataset_id": dataset_id, "mountpoint": f"/{dataset_id}"})
        shop = {"name": "shop", "host": ADDRESS_1, "image": "shop:1", "volumes": volumes}
        self.created("/configuration/containers", shop)
        self.taken_at = self.clock.seconds() - LAG_SECONDS
        self.set = SnapshotSet(1, self.taken_at, pmap({D: "g1", E: "g2"}))
        self.links: dict[str, Any] = {}
        self.report(NODE_1, PRIMARY, serving=True)
        self.report(NODE_2, REPLICA, self.set)

    def report(
        self,
        node_id: str,
        lease: Lease | None,
        complete: SnapshotSet | None = None,
        serving: bool = False,
        steps: bool = False,
        error: str | None = None,
    ) -> None:
        """A node has both copies with this lease."""
        held = {
            each: DatasetState(each, lease, error=error, complete_set=complete)
            for each in (D, E)
            if lease is not None
        }
        shop = self.control.configuration.containers["shop"]
        made = {"shop": ContainerState(shop, True, serving=True)} if serving else {}
        told = {
            each: MoveProgress(each, 3, "done", None, node_id, steps=(Step("promote", 0.5),))
            for each in (D, E)
            if steps
        }
        state = NodeState(pmap(held), pmap(made), pmap(told))
        self.links[node_id] = self.control.report(node_id, state)

    def go(self, node_id: str) -> None:
        """The agent of a node is away."""
        if node_id in self.links:
            self.links.pop(node_id).connectionLost(Failure(ConnectionDone()))

    def refused(self, why: str, path: str = FAILOVER, **body: Any) -> None:
        """It is refused for this reason, which a dry run says, too."""
        reply = self.post(path, body)
        assert reply.status == 409
        assert why in reply.body["description"], reply.body
        dry = self.post(f"{path}?dry_run=1", {k: v for k, v in body.items() if k != "force"})
        if dry.status == 200:
            assert why in dry.body.get("why_not", dry.body.get("needs_force"))


class RefusalTests(FailoverCase):
    """What is not possible, or only by the word of a person."""

    def test_the_primary_is_well(self) -> None:
        """Then a move loses nothing."""
        self.refused("move it instead, so that nothing is lost", host=ADDRESS_2)
        self.refused("move it instead")

    def test_the_primary_is_away(self) -> None:
        """Nothing proves that it stopped."""
        self.go(NODE_1)
        self.refused("Nothing proves that container shop is stopped at 10.77.0.11")
        dry = self.post(DRY, {"host": ADDRESS_2}).body
        assert dry.pop("needs_force").endswith('then say "force".')
        assert dry == {
            "dry_run": True,
            "old_primary": ADDRESS_1,
            "to": ADDRESS_2,
            "possible": True,
            "loses_seconds": LAG_SECONDS,
            "loses_since": self.taken_at,
            "proved_stopped": False,
        }
        assert self.control.configuration.containers["shop"].node == NODE_1

    def test_the_primary_has_trouble(self) -> None:
        """That it is connected proves nothing; that it does not serve, neither."""
        self.report(NODE_1, PRIMARY, serving=True, error="the pool is suspended")
        self.refused("whose agent is connected, but has trouble")
        self.report(NODE_1, PRIMARY)
        self.refused("whose agent is connected, but has trouble")

    def test_the_standby_is_away(self) -> None:
        """Even with force."""
        self.go(NODE_1)
        self.go(NODE_2)
        self.refused("The agent of 10.77.0.12 is away.", host=ADDRESS_2, force=True)
        self.refused("The agent of 10.77.0.12 is away.", force=True)

    def test_no_complete_set(self) -> None:
        """Of all of the data; a copy of an earlier line does not count."""
        self.go(NODE_1)
        for complete, why in (
            (None, "no complete snapshot set of all of its data yet"),
            (replace(self.set, snapshots=pmap({D: "g1"})), "lacks data that was added since"),
        ):
            self.report(NODE_2, REPLICA, complete)
            self.refused(why, host=ADDRESS_2, force=True)
        self.report(NODE_2, None)
        self.refused("10.77.0.12 has no copy of dataset", host=ADDRESS_2, force=True)

    def test_it_is_the_primary_already(self) -> None:
        """There is nothing to take over."""
        self.refused("10.77.0.11 is the primary already", host=ADDRESS_1, force=True)

    def test_a_move_that_is_about_to_end(self) -> None:
        """Its destination has everything, or will give it back."""
        for lease in (Lease(Role.RELEASED, 2, NODE_2), Lease(Role.LENT, 2, NODE_2, 45)):
            self.report(NODE_1, lease)
            self.refused("Its move to 10.77.0.12 is about to end", force=True)
            self.go(NODE_1)
            self.refused("Its move to 10.77.0.12 is about to end", force=True)

    def test_cordoned(self) -> None:
        """Nothing is put there."""
        self.go(NODE_1)
        self.post(f"/configuration/nodes/{ADDRESS_2}", {"schedulable": False})
        self.refused("10.77.0.12 is cordoned", force=True)

    def test_what_there_is_not(self) -> None:
        """No such container, dataset or node; and no data."""
        assert self.post("/configuration/containers/blog/failover", {}).status == 404
        assert self.post(f"/configuration/datasets/{NODE_1}/failover", {}).status == 404
        assert self.post(FAILOVER, {"host": "10.77.0.99"}).status == 400
        assert self.post(FAILOVER, {"hosts": ADDRESS_2}).status == 400
        stateless = {"name": "web", "host": ADDRESS_1, "image": "web:1"}
        self.created("/configuration/containers", stateless)
        self.refused("has no data", "/configuration/containers/web/failover")
        self.refused("fail over the container instead", f"/configuration/datasets/{D}/failover")


class FailoverTests(FailoverCase):
    """A node has died, and a person says so."""

    def fail_over(self, **body: Any) -> Any:
        self.go(NODE_1)
        reply = self.post(FAILOVER, {"force": True, **body})
        assert reply.status == 200, reply.body
        return reply.body

    def test_the_grants_move_as_one(self) -> None:
        """Two epochs on, with the snapshots of the set; and the pair stays a pair."""
        self.fail_over()
        configuration = self.control.configuration
        assert configuration.grants[D] == Grant(NODE_2, 3, True, "g1")
        assert configuration.grants[E] == Grant(NODE_2, 3, True, "g2")
        assert configuration.containers["shop"].node == NODE_2
        for dataset_id in (D, E):
            dataset = configuration.datasets[dataset_id]
            assert dataset.primary == NODE_2
            assert dataset.replicas is not None
            assert dataset.replicas.standbys(NODE_2) == (NODE_1,)
            assert dataset.replicas.standbys(NODE_1) == (NODE_2,)

    def test_it_is_a_move(self) -> None:
        """With what it loses at most, until the container serves; then its receipt says it."""
        body = self.fail_over(host=ADDRESS_2)
        lost = {
            "loses_seconds": LAG_SECONDS,
            "loses_since": self.taken_at,
            "forced": True,
            "automatic": False,
        }
        assert (body["kind"], body["failover"], body["phase"]) == ("failover", lost, "preparing")
        assert (body["from"], body["to"], body["container"]) == (ADDRESS_1, ADDRESS_2, "shop")
        path = f"/state/moves/{body['move_id']}"
        assert "error" not in self.get(path)
        self.report(NODE_2, REPLICA, self.set, serving=True)
        assert self.get(path)["phase"] == "preparing"
        self.report(NODE_2, Lease(Role.PRIMARY, 3), serving=True, steps=True)
        shown = self.get(path)
        assert shown["phase"] == "done"
        assert shown["pause"] == {"promote": 0.5}
        receipt = shown["receipt"]
        assert receipt["failover"] == lost
        assert {each["epoch_from"] for each in receipt["datasets"]} == {1}
        assert {each["epoch_to"] for each in receipt["datasets"]} == {3}

    def test_the_standby_is_away_then(self) -> None:
        """The failover waits for it, and says so at once; never for the old primary."""
        body = self.fail_over()
        self.go(NODE_2)
        error = self.get(f"/state/moves/{body['move_id']}")["error"]
        assert "10.77.0.12 has been away since" in error
        assert "10.77.0.11" not in error

    def test_an_open_move_is_superseded(self) -> None:
        """Wherever it went; one whose source is away says so at once."""
        self.post(SHOP, {"host": ADDRESS_2})
        [move] = self.control.configuration.moves.values()
        self.go(NODE_1)
        error = self.get(f"/state/moves/{move.move_id}")["error"]
        assert "10.77.0.11 has been away since" in error
        self.fail_over()
        assert self.control.configuration.past_moves[move.move_id].verdict == "superseded"

    def test_the_old_primary_is_believed_nothing(self) -> None:
        """Whatever it says that it holds, the grant stays where it is."""
        self.fail_over()
        for lease in (
            PRIMARY,
            Lease(Role.RELEASING, 1, NODE_2),
            Lease(Role.RELEASED, 2, NODE_2),
            Lease(Role.LENT, 2, NODE_2, 45),
            Lease(Role.DEPOSED, 3),
            Lease(Role.REPLICA, 3),
        ):
            self.report(NODE_1, lease, serving=True)
            assert self.control.configuration.grants[D] == Grant(NODE_2, 3, True, "g1")

    def test_a_standby_that_cannot(self) -> None:
        """It lacks the snapshot by now: another failover to it takes the set that it has."""
        self.fail_over()
        later = SnapshotSet(1, self.taken_at + 5, pmap({D: "h1", E: "h2"}))
        self.report(NODE_2, REPLICA, later)
        reply = self.post(FAILOVER, {})
        assert reply.status == 200
        assert self.control.configuration.grants[D] == Grant(NODE_2, 5, True, "h1")
        assert reply.body["failover"]["loses_seconds"] == LAG_SECONDS - 5

    def test_from_an_earlier_line(self) -> None:
        """A set of what was replaced is none of the new primary's."""
        self.fail_over()
        self.report(NODE_2, Lease(Role.PRIMARY, 3), serving=True)
        self.report(NODE_1, Lease(Role.REPLICA, 3), self.set)
        self.go(NODE_2)
        self.refused("from before another node took over", host=ADDRESS_1, force=True)
        self.report(NODE_1, Lease(Role.REPLICA, 3), replace(self.set, epoch=3))
        assert self.post(FAILOVER, {"host": ADDRESS_1, "force": True}).status == 200

    def test_proved(self) -> None:
        """The old primary says, by its lease, that it writes no more: nobody has to force it."""
        self.report(NODE_1, Lease(Role.DEPOSED, 2))
        assert self.post(DRY, {}).body["proved_stopped"]
        body = self.post(FAILOVER, {}).body
        assert not body["failover"]["forced"]

    def test_what_a_user_held(self) -> None:
        """A lease of a user's on the old node is over with it."""
        self.post("/configuration/leases", {"dataset_id": D, "node_uuid": NODE_1, "expires": None})
        self.fail_over()
        assert self.control.configuration.leases == pmap()

    def test_a_lone_dataset(self) -> None:
        """It is done once the standby is its primary."""
        self.delete(SHOP)
        self.go(NODE_1)
        reply = self.post(f"/configuration/datasets/{D.upper()}/failover", {"force": True})
        assert reply.status == 200
        path = f"/state/moves/{reply.body['move_id']}"
        assert self.get(path)["phase"] == "preparing"
        progress = MoveProgress(D, 3, "switching", None, NODE_2, steps=(Step("promote", 1.0),))
        held = DatasetState(D, Lease(Role.PRIMARY, 3))
        self.control.report(NODE_2, NodeState(pmap({D: held}), moves=pmap({D: progress})))
        assert self.get(path)["phase"] == "done"
