"""The failover of a dataset that is a volume of Docker's, in /v1/configuration/datasets"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flocker_lite.control.views import fencing_views
from flocker_lite.model.editing import edited
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.records import Change
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2
from tests.control.http.test_replicas import ReplicasTestCase

DATA = "dddddddd-0000-4000-8000-00000000000a"
DATASETS = "/configuration/datasets"
ONE = f"{DATASETS}/{DATA}"
AUTOMATIC = {"mode": "automatic"}
MARK = {"name": "db", "docker_volume": "true"}


class VolumeFailoverTests(ReplicasTestCase):
    """What a request may have, and what follows from it."""

    def create_volume(self, nodes: list[str] | None, **fields: Any) -> Any:
        replicas = {} if nodes is None else {"replicas": {"nodes": nodes}}
        body = {"dataset_id": DATA, "primary": ADDRESS_1, "metadata": MARK, **replicas}
        return self.post(DATASETS, {**body, "failover": AUTOMATIC, **fields})

    def fencing(self) -> Any:
        return self.control.configuration.fencings.get(volume_unit(DATA))

    def test_stored(self) -> None:
        """What is not said has its default; null lets it be."""
        reply = self.create_volume([ADDRESS_2])
        assert reply.status == 201, reply.body
        expected = {"mode": "automatic", "after_seconds": 30, "max_lag_seconds": 120}
        assert reply.body["failover"] == expected
        told = fencing_views(self.control.configuration, volume_unit(DATA))[NODE_1]
        assert (told.owner, told.witnesses, told.after_seconds) == (NODE_1, (NODE_2,), 30)
        assert self.post(ONE, {"failover": {**AUTOMATIC, "after_seconds": 60}}).status == 200
        assert self.fencing().longest_seconds == 60
        assert self.post(ONE, {"failover": None}).status == 200
        assert "failover" not in self.get(DATASETS)[0]
        assert self.fencing() is None

    def test_wrong(self) -> None:
        """There is no other mode, and the times are those of containers."""
        for wrong in ({}, {"mode": "manual"}, {**AUTOMATIC, "after_seconds": 4}):
            assert self.create_volume([ADDRESS_2], failover=wrong).status == 400, wrong

    def test_only_volumes(self) -> None:
        """Another dataset goes by the failover of its container."""
        reply = self.create_volume([ADDRESS_2], metadata={"name": "db"})
        assert (reply.status, "docker_volume" in self.messages(reply)[0]) == (409, True)

    def test_no_standby(self) -> None:
        """It needs one, and keeps one."""
        for nodes in (None, [ADDRESS_2]):
            assert self.create_volume(nodes).status == (409 if nodes is None else 201)
        assert self.post(ONE, {"replicas": None}).status == 409
        assert self.fencing() is not None

    def test_old_agent(self) -> None:
        """An agent that knows no deadlines does not get it."""
        node = self.control.configuration.nodes[NODE_2]
        old = Change("nodes", NODE_2, replace(node, protocol=1, ssh_keys=None))
        self.edit(lambda before: edited(before, [old]))
        assert self.create_volume([ADDRESS_2]).status == 409

    def test_deleted(self) -> None:
        """Nothing of it is fenced then."""
        assert self.create_volume([ADDRESS_2]).status == 201
        assert self.request("DELETE", f"/v1{ONE}").status == 200
        assert self.fencing() is None
