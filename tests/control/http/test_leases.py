"""/v1/configuration/leases"""

from __future__ import annotations

from typing import Any

from tests.control.http.cluster import ADDRESS_1, NODE_1, NODE_2, Reply, RESTTestCase

DATASET = "dddddddd-0000-4000-8000-00000000000a"
LEASES = "/configuration/leases"
ONE = f"{LEASES}/{DATASET}"


class LeasesTests(RESTTestCase):
    """Leases of a dataset on node 1."""

    def setUp(self) -> None:
        super().setUp()
        self.created("/configuration/datasets", {"dataset_id": DATASET, "primary": ADDRESS_1})

    def acquire(self, node: str = NODE_1, expires: Any = None) -> Reply:
        """Lease it."""
        body = {"dataset_id": DATASET, "node_uuid": node, "expires": expires}
        return self.post(LEASES, body)

    def test_acquire(self) -> None:
        """A new lease is a 201; the answer is the lease, and it is listed."""
        reply = self.acquire()
        lease = {"dataset_id": DATASET, "node_uuid": NODE_1, "expires": None}
        assert (reply.status, reply.body) == (201, lease)
        assert self.get(LEASES) == [lease]
        assert self.get(ONE) == lease

    def test_renew(self) -> None:
        """A lease that the node has already is a 200, and gets the new expiry."""
        self.acquire(expires=60)
        reply = self.acquire(expires=5)
        assert (reply.status, reply.body["expires"]) == (200, 5)

    def test_remaining(self) -> None:
        """The expiry is told as the seconds that remain; after them, there is no lease."""
        self.acquire(expires=60.5)
        self.clock.advance(40)
        assert self.get(LEASES)[0]["expires"] == 20.5
        self.clock.advance(20.5)
        assert self.get(LEASES) == []
        assert not self.control.configuration.leases
        assert self.acquire(NODE_2).status == 201

    def test_held(self) -> None:
        """Another node's lease is not taken away."""
        self.acquire()
        self.assert_refused(self.acquire(NODE_2), 409, "Lease already held.")

    def test_by_address(self) -> None:
        """A node's address is accepted for its UUID; the answer has the UUID."""
        assert self.acquire(ADDRESS_1).body["node_uuid"] == NODE_1

    def test_unknown(self) -> None:
        """A dataset or a node that is not there is not leased."""
        body = {"dataset_id": "e" + DATASET[1:], "node_uuid": NODE_1, "expires": None}
        self.assert_refused(self.post(LEASES, body), 404, "Dataset not found.")
        description = "The provided primary node is not part of the cluster."
        self.assert_refused(self.acquire("e" + NODE_1[1:]), 400, description)
        self.delete(f"/configuration/datasets/{DATASET}")
        self.assert_refused(self.acquire(), 405, "The dataset has been deleted.")

    def test_release(self) -> None:
        """Anybody may release it; the answer is the lease as it was; then it is gone."""
        lease = self.acquire(expires=60).body
        self.clock.advance(1)
        reply = self.delete(f"{LEASES}/{DATASET.upper()}")
        assert (reply.status, reply.body) == (200, {**lease, "expires": 59})
        for path in (ONE, f"{LEASES}/x"):
            self.assert_refused(self.delete(path), 404, "Lease not found.")
            self.assert_refused(self.request("GET", f"/v1{path}"), 404, "Lease not found.")

    def test_schema(self) -> None:
        """All three keys are required, and no others are taken."""
        good = {"dataset_id": DATASET, "node_uuid": NODE_1, "expires": None}
        for key in good:
            body = {other: value for other, value in good.items() if other != key}
            self.assert_invalid(self.post(LEASES, body), f"'{key}' is a required property")
        for bad in ({"junk": 1}, {"expires": "soon"}, {"expires": -1}, {"dataset_id": "x" * 36}):
            self.assert_invalid(self.post(LEASES, {**good, **bad}))

    def test_not_moved(self) -> None:
        """The configuration is changed all the same; the answers do not tell of the lease."""
        self.acquire()
        reply = self.post(f"/configuration/datasets/{DATASET}", {"primary": NODE_2})
        assert reply.status == 200
        assert self.delete(f"/configuration/datasets/{DATASET}").status == 200
