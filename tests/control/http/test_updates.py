"""Changes in place, which Flocker 0.4 did not have, and the purging of deleted datasets."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.model.state import DatasetState, NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, Reply
from tests.control.http.container_bodies import (
    CONTAINERS,
    DATASET_1,
    DATASET_2,
    EVERYTHING,
    WEB,
    ContainersTestCase,
    volume,
)
from tests.control.http.test_configuration_datasets import DATASET, DATASETS, ONE, DatasetsTestCase


class UpdateDatasetTests(DatasetsTestCase):
    """POST /v1/configuration/datasets/<dataset_id>, with something else than a primary."""

    def test_nothing(self) -> None:
        """An empty body changes nothing."""
        created = self.dataset(metadata={"a": "b"}, maximum_size=2**30)
        reply = self.post(ONE, {})
        assert (reply.status, reply.body) == (200, created)

    def test_metadata(self) -> None:
        """Metadata is replaced as a whole, also while a container uses the dataset."""
        created = self.dataset(metadata={"a": "b"})
        self.attach()
        reply = self.post(ONE, {"metadata": {"c": "d"}})
        assert (reply.status, reply.body) == (200, {**created, "metadata": {"c": "d"}})

    def test_maximum_size(self) -> None:
        """The limit is set to another one, and lifted by null."""
        created = self.dataset()
        reply = self.post(ONE, {"maximum_size": 2**30})
        assert (reply.status, reply.body) == (200, {**created, "maximum_size": 2**30})
        assert self.post(ONE, {"maximum_size": None}).body == created
        message = "1 is less than the minimum of 67108864"
        self.assert_invalid(self.post(ONE, {"maximum_size": 1}), message)

    def test_all(self) -> None:
        """All of it may be changed at once."""
        self.dataset()
        more = {"primary": ADDRESS_2, "maximum_size": 2**30, "metadata": {"a": "b"}}
        assert self.post(ONE, more).body == {"dataset_id": DATASET, "deleted": False, **more}


class PurgeDatasetTests(DatasetsTestCase):
    """DELETE /v1/configuration/datasets/<dataset_id>?purge=true"""

    def report(self, node_id: str, *dataset_ids: str) -> None:
        """An agent reports copies."""
        copies = {each: DatasetState(each, None) for each in dataset_ids}
        self.control.report(node_id, NodeState(datasets=pmap(copies)))

    def purge(self) -> Reply:
        """Purge the dataset."""
        return self.delete(f"{ONE}?purge=true")

    def test_purge(self) -> None:
        """Once it is deleted and nobody holds it, its record goes; its id is still used."""
        self.dataset()
        self.report(NODE_1, DATASET)
        self.report(NODE_2)
        description = "Only a deleted dataset can be purged: delete it first."
        self.assert_refused(self.purge(), 409, description)
        deleted = self.delete(ONE).body
        description = f"{ADDRESS_1} still has a copy of the dataset: wait until it is gone."
        self.assert_refused(self.purge(), 409, description)
        self.report(NODE_1)
        reply = self.purge()
        assert (reply.status, reply.body) == (200, deleted)
        assert self.get(DATASETS) == []
        self.assert_refused(self.purge(), 404, "Dataset not found.")
        reply = self.post(DATASETS, {"dataset_id": DATASET, "primary": ADDRESS_1})
        self.assert_refused(reply, 409, "The provided dataset_id is already in use.")

    def test_node_away(self) -> None:
        """While a node is away, nobody knows whether it has a copy."""
        self.dataset()
        self.delete(ONE)
        self.report(NODE_1)
        description = (
            f"{ADDRESS_2} is away, and may have a copy of the dataset: wait until its agent is "
            "back."
        )
        self.assert_refused(self.purge(), 409, description)

    def test_not_asked_for(self) -> None:
        """Without being told so, DELETE keeps the record."""
        self.dataset()
        for query in ("", "?purge=false", "?purge=0"):
            assert self.delete(f"{ONE}{query}").status == 200
        assert len(self.get(DATASETS)) == 1


class UpdateContainerTests(ContainersTestCase):
    """POST /v1/configuration/containers/<name>, with more than a host."""

    def test_everything(self) -> None:
        """Whatever is in the body replaces what was; the answer is the whole container."""
        self.container()
        changes = {key: value for key, value in EVERYTHING.items() if key not in ("host", "name")}
        reply = self.post(WEB, changes)
        assert reply.status == 200
        self.delete(WEB)
        assert self.created(CONTAINERS, EVERYTHING) == reply.body

    def test_rest_stays(self) -> None:
        """What is not in the body stays as it was."""
        created = self.created(CONTAINERS, EVERYTHING)
        reply = self.post(WEB, {"image": "nginx:1.8"})
        assert (reply.status, reply.body) == (200, {**created, "image": "nginx:1.8"})
        assert self.get(CONTAINERS) == [reply.body]

    def test_null(self) -> None:
        """null takes away what was set."""
        self.created(CONTAINERS, EVERYTHING)
        keys = set(EVERYTHING) - {"host", "name", "image"}
        reply = self.post(WEB, dict.fromkeys(keys))
        assert reply.body == {
            "host": ADDRESS_1,
            "name": "web",
            "image": "nginx:1.7",
            "restart_policy": {"name": "never"},
        }
        for key in ("host", "image"):
            self.assert_invalid(self.post(WEB, {key: None}), "None is not of type 'string'")

    def test_whole(self) -> None:
        """What a GET answered may be sent back, with a change in it; but for its name."""
        created = self.created(CONTAINERS, EVERYTHING)
        reply = self.post(WEB, {**created, "cpu_shares": 2})
        assert (reply.status, reply.body) == (200, {**created, "cpu_shares": 2})
        reply = self.post(WEB, {**created, "name": "other"})
        description = "A container cannot be renamed: create another one, and delete this."
        self.assert_refused(reply, 409, description)

    def test_move_and_change(self) -> None:
        """It may move and change at once; its datasets go with it, one that it loses stays."""
        self.container(volumes=[volume()])
        self.post(WEB, {"host": ADDRESS_2, "volumes": [volume(DATASET_2)], "image": "a:1"})
        primaries = {body["dataset_id"]: body["primary"] for body in self.get(DATASETS)}
        assert primaries == {DATASET_1: ADDRESS_1, DATASET_2: ADDRESS_2}

    def test_clash(self) -> None:
        """It must fit in with the others, not with what it was."""
        ports = [{"internal": 80, "external": 8080}]
        self.container(ports=ports, volumes=[volume()])
        self.container(name="other", ports=[{"internal": 80, "external": 1}])
        assert self.post(WEB, {"ports": [{"internal": 81, "external": 8080}]}).status == 200
        reply = self.post(f"{CONTAINERS}/other", {"ports": ports})
        self.assert_refused(reply, 409, "A specified external port is already in use.")
        reply = self.post(f"{CONTAINERS}/other", {"volumes": [volume()]})
        self.assert_refused(reply, 409, "The dataset is being used by another container.")

    def test_violations(self) -> None:
        """What is wrong within a value is said, as it is for a new container."""
        self.container()
        reply = self.post(WEB, {"memory_limit": 5, "ports": [{"internal": 80}]})
        assert sorted(reply.body["errors"]) == [
            "'external' is a required property",
            "5 is less than the minimum of 6291456",
        ]
