"""Datasets that a node claims without a proof: how they are shown, and how a user settles it."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.control.http import state
from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, Grant
from flocker_lite.model.state import Claim, DatasetState, NodeState
from flocker_lite.testing.memory_signer import MemoryAuthority
from tests.control.http.cluster import (
    ADDRESS_1,
    ADDRESS_2,
    NODE_1,
    NODE_2,
    MemoryControl,
    RESTTestCase,
    two_nodes,
)

D = "dddddddd-0000-4000-8000-00000000000d"
STATE, SETTLE = f"/state/datasets/{D}", f"/configuration/datasets/{D}/settle"


def having(role: Role, epoch: int) -> NodeState:
    """A node's report of its copy."""
    return NodeState(pmap({D: DatasetState(D, Lease(role, epoch), True, f"/{D}")}))


def test_a_claim_is_no_primary() -> None:
    """What a node only claims is shown beside what is known, with the reason."""
    held = {node_id: having(Role.PRIMARY, 7).datasets[D] for node_id in (NODE_1, NODE_2)}
    shown = [{"host": ADDRESS_2, "epoch": 7, "reason": "why"}]
    claims = (Claim(NODE_2, 7, "why"),)
    [body] = state.dataset_bodies(two_nodes(), D, held, claims)
    assert (body["primary"], body["claims"]) == (ADDRESS_1, shown)
    [alone] = state.dataset_bodies(two_nodes(), D, {NODE_2: held[NODE_2]}, claims)
    assert alone == {"dataset_id": D, "claims": shown}


class ClaimTests(RESTTestCase):
    """A dataset of the first node, which the second claims."""

    def setUp(self) -> None:
        super().setUp()
        made = edits.create_dataset(two_nodes(), Dataset(D, NODE_1)).configuration
        self.control = MemoryControl(made, self.clock, MemoryAuthority().signer())
        self.treq = self.client()
        self.control.report(NODE_1, having(Role.PRIMARY, 3))
        self.get("/state/datasets")
        self.second = self.control.report(NODE_2, having(Role.PRIMARY, 9))

    @property
    def grant(self) -> Grant:
        """Whose it is."""
        return self.control.configuration.grants[D]

    def test_shown(self) -> None:
        """By its node, epoch and reason; in the list as well, and in what has changed."""
        [claim] = self.get(STATE)["claims"]
        assert (claim["host"], claim["epoch"]) == (ADDRESS_2, 9)
        assert "no signed statements lead from there" in claim["reason"]
        assert self.get("/state/datasets") == [self.get(STATE)]
        assert self.get(STATE)["primary"] == ADDRESS_1
        assert self.grant == Grant(NODE_1, 3, materialised=True)

    def test_gone(self) -> None:
        """It is not shown any more once nobody reports it; a list that is kept is made anew."""
        assert "claims" in self.get("/state/datasets")[0]
        changed_at = self.control.change_feed.generation
        self.control.report(NODE_2, having(Role.REPLICA, 1))
        assert "claims" not in self.get("/state/datasets")[0]
        assert self.control.change_feed.has_changed("state/datasets", changed_at)

    def test_settled(self) -> None:
        """From then on it is the node's, as of that epoch; once more changes nothing."""
        for _ in range(2):
            reply = self.post(SETTLE, {"owner": ADDRESS_2, "epoch": 9})
            assert (reply.status, reply.body["dataset_id"]) == (200, D)
            assert self.grant == Grant(NODE_2, 9, materialised=True)
        first, *_ = self.get("/state/datasets")
        assert first["primary"] == ADDRESS_2
        assert "claims" not in first

    def test_by_name_and_uuid(self) -> None:
        """As everywhere, in either case."""
        self.hosts["second"] = (ADDRESS_2,)
        for owner in ("second", NODE_2.upper()):
            assert (
                self.post(
                    SETTLE.upper()
                    .replace("/SETTLE", "/settle")
                    .replace("/CONFIGURATION/DATASETS", "/configuration/datasets"),
                    {"owner": owner, "epoch": 9},
                ).status
                == 200
            )

    def test_what_nobody_claims(self) -> None:
        """Neither another epoch, nor an earlier one, nor another node: it would have no copy."""
        for owner, epoch in ((ADDRESS_2, 8), (ADDRESS_2, 10), (ADDRESS_1, 9), (ADDRESS_1, 2)):
            reply = self.post(SETTLE, {"owner": owner, "epoch": epoch})
            assert reply.status == 409
            assert f"{owner} does not report that it holds" in reply.body["description"]
        self.control.report(NODE_2, having(Role.PRIMARY, 3))
        reply = self.post(SETTLE, {"owner": ADDRESS_2, "epoch": 3})
        assert "epoch 3 is not later" in reply.body["description"]
        assert self.grant == Grant(NODE_1, 3, materialised=True)

    def test_made_known_anew_at_the_wrong_node(self) -> None:
        """The same epoch is settled where the granted node is known not to hold the dataset."""
        self.control.report(NODE_1, NodeState())
        self.control.report(NODE_2, having(Role.PRIMARY, 3))
        assert self.post(SETTLE, {"owner": ADDRESS_2, "epoch": 3}).status == 200
        assert self.grant == Grant(NODE_2, 3, materialised=True)

    def test_bad_bodies(self) -> None:
        """Both are needed, and epochs are whole numbers that every reader of JSON can tell."""
        for body in (
            {},
            {"owner": ADDRESS_2},
            {"epoch": 9},
            {"owner": ADDRESS_2, "epoch": 0},
            {"owner": ADDRESS_2, "epoch": 2**53 + 1},
            {"owner": ADDRESS_2, "epoch": "9"},
            {"owner": ADDRESS_2, "epoch": 9, "force": True},
        ):
            assert self.post(SETTLE, body).status == 400, body
        assert self.post(SETTLE, {"owner": "10.9.9.9", "epoch": 9}).status == 400

    def test_conditional(self) -> None:
        """Only if the configuration is what its user knows."""
        headers = {"X-If-Configuration-Matches": "another"}
        body = {"owner": ADDRESS_2, "epoch": 9}
        assert self.post(SETTLE, body, headers=headers).status == 412
        assert self.grant.owner == NODE_1

    def test_no_dataset(self) -> None:
        """There has to be one."""
        path = SETTLE.replace("d" * 8, "e" * 8)
        assert self.post(path, {"owner": ADDRESS_2, "epoch": 9}).status == 404
        self.delete(f"/configuration/datasets/{D}")
        assert self.post(SETTLE, {"owner": ADDRESS_2, "epoch": 9}).status == 405
