"""/v1/configuration/datasets"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flocker_lite.model.records import Grant
from tests.control.http.cluster import (
    ADDRESS_1,
    ADDRESS_2,
    NODE_1,
    NODE_2,
    RESTTestCase,
)

DATASET = "dddddddd-0000-4000-8000-00000000000a"
DATASETS = "/configuration/datasets"
ONE = f"{DATASETS}/{DATASET}"
UNKNOWN_NODE = "The provided primary node is not part of the cluster."


class DatasetsTestCase(RESTTestCase):
    """Tests of datasets."""

    def dataset(self, **more: Any) -> Any:
        """Create the dataset of these tests on node 1; the answer."""
        return self.created(DATASETS, {"dataset_id": DATASET, "primary": ADDRESS_1, **more})

    def attach(self) -> None:
        """Create a container that uses it."""
        volume = {"dataset_id": DATASET, "mountpoint": "/data"}
        body = {"host": ADDRESS_1, "name": "web", "image": "nginx", "volumes": [volume]}
        self.created("/configuration/containers", body)


class CreateDatasetTests(DatasetsTestCase):
    """POST /v1/configuration/datasets"""

    def test_minimal(self) -> None:
        """With nothing but a primary, all else has its default, and the id is a new UUID."""
        body = self.created(DATASETS, {"primary": ADDRESS_1})
        dataset_id = body.pop("dataset_id")
        assert body == {"primary": ADDRESS_1, "metadata": {}, "deleted": False}
        assert str(UUID(dataset_id)) == dataset_id
        assert UUID(dataset_id).version == 4
        assert dataset_id != self.created(DATASETS, {"primary": ADDRESS_1})["dataset_id"]

    def test_everything(self) -> None:
        """The answer is what was stored, and the listing has the same."""
        more = {"maximum_size": 1073741824, "metadata": {"name": "demo", "owner": "alice"}}
        body = self.dataset(**more)
        assert body == {"dataset_id": DATASET, "primary": ADDRESS_1, "deleted": False, **more}
        assert self.get(DATASETS) == [body]

    def test_grant(self) -> None:
        """It comes with a grant."""
        self.dataset()
        assert self.control.configuration.grants[DATASET] == Grant(NODE_1)

    def test_lower_case(self) -> None:
        """The id is kept in lower case."""
        body = self.created(DATASETS, {"primary": ADDRESS_1, "dataset_id": DATASET.upper()})
        assert body["dataset_id"] == DATASET

    def test_node_by_uuid(self) -> None:
        """A node's UUID is accepted for its address, and the answer has the address."""
        assert self.created(DATASETS, {"primary": NODE_2})["primary"] == ADDRESS_2

    def test_id_in_use(self) -> None:
        """An id that was used once, on any node, in any case, is refused; when deleted as well."""
        self.dataset()
        body = {"primary": ADDRESS_2, "dataset_id": DATASET.upper()}
        description = "The provided dataset_id is already in use."
        self.assert_refused(self.post(DATASETS, body), 409, description)
        self.delete(ONE)
        self.assert_refused(self.post(DATASETS, body), 409, description)

    def test_unknown_node(self) -> None:
        """A primary that is not in the cluster is refused, and nothing is kept."""
        self.assert_refused(self.post(DATASETS, {"primary": "10.77.0.99"}), 400, UNKNOWN_NODE)
        assert self.get(DATASETS) == []

    def test_schema(self) -> None:
        """What the schema refuses, each with one message."""
        for more, message in (
            ({"junk": 1}, "Additional properties are not allowed ('junk' was unexpected)"),
            ({"a": 1, "b": 2}, "Additional properties are not allowed ('a', 'b' were unexpected)"),
            (
                {"deleted": False},
                "Additional properties are not allowed ('deleted' was unexpected)",
            ),
            ({"primary": "a b"}, "'a b' is not valid under any of the given schemas"),
            ({"maximum_size": 67108863}, "67108863 is less than the minimum of 67108864"),
            ({"maximum_size": 67108864.5}, "67108864.5 is not of type 'integer'"),
            ({"maximum_size": None}, "None is not of type 'integer'"),
            ({"maximum_size": True}, "True is not of type 'integer'"),
        ):
            self.assert_invalid(self.post(DATASETS, {"primary": ADDRESS_1, **more}), message)

    def test_schema_of_names(self) -> None:
        """What is no address, no id, and no metadata."""
        for more in (
            {"primary": "10.0.0.257"},
            {"primary": "010.0.0.1"},
            {"primary": "::g"},
            {"dataset_id": DATASET[:-1]},
            {"dataset_id": DATASET + "0"},
            {"dataset_id": "X" * 36},
            {"dataset_id": "../" * 12},
            {"dataset_id": DATASET[:-1] + "\n"},
            {"dataset_id": DATASET + "\n"},
            {"metadata": {str(i): "" for i in range(17)}},
            {"metadata": {"": "a"}},
            {"metadata": {"k" * 257: "a"}},
            {"metadata": {"a": "v" * 257}},
            {"metadata": {"a": 1}},
            {"maximum_size": 2**63},
        ):
            self.assert_invalid(self.post(DATASETS, {"primary": ADDRESS_1, **more}))
        self.assert_invalid(self.post(DATASETS, {}), "'primary' is a required property")

    def test_limits_accepted(self) -> None:
        """What is just within the limits."""
        metadata = {f"{i:0256}": "v" * 256 for i in range(16)}
        assert self.dataset(metadata=metadata)["metadata"] == metadata
        for size in (67108864, 67108865, 2**63 - 1):
            body = {"primary": ADDRESS_1, "maximum_size": size}
            assert self.created(DATASETS, body)["maximum_size"] == size

    def test_whole_float(self) -> None:
        """A size that is written as a float and whole is an integer to JSON."""
        body = self.created(DATASETS, {"primary": ADDRESS_1, "maximum_size": 1e9})
        assert isinstance(body["maximum_size"], int)


class ListDatasetsTests(DatasetsTestCase):
    """GET /v1/configuration/datasets"""

    def test_none(self) -> None:
        """At first there is none."""
        assert self.get(DATASETS) == []

    def test_deleted_too(self) -> None:
        """Every dataset is there, deleted ones too."""
        other = self.created(DATASETS, {"primary": ADDRESS_2})
        deleted = {**self.dataset(), "deleted": True}
        self.delete(ONE)
        listed = sorted(self.get(DATASETS), key=str)
        assert listed == sorted([other, deleted], key=str)


class MoveDatasetTests(DatasetsTestCase):
    """POST /v1/configuration/datasets/<dataset_id>"""

    def test_move(self) -> None:
        """The answer is the whole dataset, with its new primary."""
        created = self.dataset(metadata={"a": "b"}, maximum_size=2**30)
        reply = self.post(ONE, {"primary": ADDRESS_2})
        assert (reply.status, reply.body) == (200, {**created, "primary": ADDRESS_2})
        assert self.get(DATASETS) == [reply.body]

    def test_grant_stays(self) -> None:
        """The grant waits for the handoff."""
        self.dataset()
        self.post(ONE, {"primary": ADDRESS_2})
        assert self.control.configuration.grants[DATASET] == Grant(NODE_1)

    def test_same_node(self) -> None:
        """A move to where it is, is a success."""
        created = self.dataset()
        reply = self.post(ONE, {"primary": NODE_1})
        assert (reply.status, reply.body) == (200, created)

    def test_path_lower_cased(self) -> None:
        """The id in the path may be in upper case."""
        self.dataset()
        reply = self.post(f"{DATASETS}/{DATASET.upper()}", {"primary": ADDRESS_2})
        assert (reply.status, reply.body["dataset_id"]) == (200, DATASET)

    def test_path_counts(self) -> None:
        """An id in the body is ignored in favour of that in the path."""
        self.dataset()
        reply = self.post(ONE, {"primary": ADDRESS_2, "dataset_id": "e" + DATASET[1:]})
        assert (reply.status, reply.body["dataset_id"]) == (200, DATASET)

    def test_not_found(self) -> None:
        """A dataset that is not there is not found, wherever it should go."""
        for path in (ONE, f"{DATASETS}/x"):
            for where in (ADDRESS_1, "10.77.0.99"):
                reply = self.post(path, {"primary": where})
                self.assert_refused(reply, 404, "Dataset not found.")

    def test_deleted(self) -> None:
        """A deleted dataset cannot be moved."""
        self.dataset()
        self.delete(ONE)
        reply = self.post(ONE, {"primary": ADDRESS_2})
        self.assert_refused(reply, 405, "The dataset has been deleted.")

    def test_attached(self) -> None:
        """A dataset that a container uses moves with the container only."""
        self.dataset()
        self.attach()
        self.assert_refused(
            self.post(ONE, {"primary": ADDRESS_2}),
            409,
            "The dataset is being used by the container web: move the container instead.",
        )
        assert self.get(DATASETS)[0]["primary"] == ADDRESS_1
        assert self.post(ONE, {"primary": ADDRESS_1}).status == 200

    def test_unknown_node(self) -> None:
        """A primary that is not in the cluster is refused."""
        self.dataset()
        self.assert_refused(self.post(ONE, {"primary": "10.77.0.99"}), 400, UNKNOWN_NODE)

    def test_schema(self) -> None:
        """Whether it is deleted is said by DELETE alone."""
        self.dataset()
        message = "Additional properties are not allowed ('deleted' was unexpected)"
        self.assert_invalid(self.post(ONE, {"primary": ADDRESS_2, "deleted": False}), message)


class DeleteDatasetTests(DatasetsTestCase):
    """DELETE /v1/configuration/datasets/<dataset_id>"""

    def test_delete(self) -> None:
        """The answer is the whole dataset, deleted; a second time as well."""
        deleted = {**self.dataset(metadata={"a": "b"}), "deleted": True}
        for path in (ONE, ONE, f"{DATASETS}/{DATASET.upper()}"):
            reply = self.delete(path)
            assert (reply.status, reply.body) == (200, deleted)
        assert self.get(DATASETS) == [deleted]

    def test_body_ignored(self) -> None:
        """A body is not looked at."""
        self.dataset()
        assert self.request("DELETE", f"/v1{ONE}", data=b"{").status == 200

    def test_not_found(self) -> None:
        """A dataset that is not there is not found."""
        self.assert_refused(self.delete(ONE), 404, "Dataset not found.")

    def test_attached(self) -> None:
        """A dataset that a container uses is not deleted."""
        self.dataset()
        self.attach()
        self.assert_refused(
            self.delete(ONE),
            409,
            "The dataset is being used by the container web: delete the container first.",
        )
        assert self.get(DATASETS)[0]["deleted"] is False
