"""Volumes of Docker on one node: what Docker asks, repeats and forgets."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, Volume
from flocker_lite.testing.cluster import MemoryCluster
from tests.volumes.memory_docker import MemoryDocker


class OneNodeTests(SynchronousTestCase):
    """A cluster of one node, whose Docker has our driver."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(1)
        self.cluster.start()
        (self.node,) = self.cluster.nodes
        self.docker = MemoryDocker(self.cluster, self.node)

    @property
    def dataset_id(self) -> str:
        """The id of the only dataset."""
        assert self.cluster.control is not None
        (dataset_id,) = self.cluster.control.configuration.datasets
        return dataset_id

    def test_life(self) -> None:
        """A volume is a dataset of its name, and is mounted where the dataset is."""
        self.docker.create(size="1g")
        assert self.cluster.control is not None
        dataset = self.cluster.control.configuration.datasets[self.dataset_id]
        assert dataset.metadata["name"] == "db"
        assert dataset.maximum_size == 2**30
        path = self.docker.run("web")
        assert path == self.node.storage.path(self.dataset_id)
        assert self.node.storage.is_mounted(path)
        assert self.docker.call("Unmount", mount_id="for web") == {"Err": ""}
        assert self.docker.call("Remove") == {"Err": ""}
        assert self.docker.error("Get") == "no such volume: db"

    def test_capabilities(self) -> None:
        """A volume is the same one on each node."""
        scope = self.docker.call("Capabilities")["Capabilities"]["Scope"]
        assert scope == "global"

    def test_everything_again(self) -> None:
        """Docker repeats requests and ids, and may leave any of them out."""
        for _ in range(2):
            self.docker.create()
        paths = {self.docker.call("Mount", mount_id="1")["Mountpoint"] for _ in range(3)}
        assert len(paths) == 1
        for _ in range(2):
            assert self.docker.call("Unmount", mount_id="1") == {"Err": ""}
        assert self.docker.call("Mount", mount_id="1")["Mountpoint"] in paths
        for _ in range(2):
            assert self.docker.call("Remove") == {"Err": ""}

    def test_forgotten(self) -> None:
        """A removed volume leaves its data, which the next one of that name has."""
        self.docker.create()
        path = self.docker.run("web")
        self.node.storage.write(self.dataset_id, "row")
        self.docker.node.foreign.made.clear()
        self.docker.call("Unmount", mount_id="for web")
        self.docker.call("Remove")
        self.cluster.run(1)
        self.docker.create()
        assert self.docker.run("web") == path
        assert self.node.storage.read(self.dataset_id) == ("row",)

    def test_destroyed(self) -> None:
        """With on_remove=destroy the data goes with the volume."""
        self.docker.create(on_remove="destroy")
        self.docker.call("Mount", mount_id="1")
        self.docker.call("Unmount", mount_id="1")
        self.docker.call("Remove")
        self.cluster.run(5)
        assert not self.node.storage.copies

    def test_another_name(self) -> None:
        """Several names of Docker's, such as those of Compose, may be one dataset."""
        self.docker.create("shop_db", name="db")
        self.docker.create("db")
        assert len({each["Status"]["dataset_id"] for each in self.listed()}) == 1

    def listed(self) -> list[dict[str, Any]]:
        """What List says."""
        volumes: list[dict[str, Any]] = self.docker.call("List")["Volumes"]
        return volumes

    def test_memory(self) -> None:
        """Get, List and a mount of what is mounted here need no control service."""
        self.docker.create()
        path = self.docker.run("web")
        self.cluster.cut_control(self.node)
        self.docker.restart_agent()
        assert [each["Name"] for each in self.listed()] == ["db"]
        assert self.docker.call("Get")["Volume"]["Name"] == "db"
        assert self.docker.call("Mount", mount_id="2")["Mountpoint"] == path
        assert "control service" in self.docker.error("Create", "other")

    def test_reboot_without_control(self) -> None:
        """After a boot a node must hear first that nobody else was promoted."""
        self.docker.create()
        self.docker.run("web")
        self.cluster.cut_control(self.node)
        self.docker.restart_agent(reboots=True)
        assert "control service is away" in self.docker.error("Mount", mount_id="2")
        self.cluster.cut_from_control.clear()
        self.cluster.run(40)
        assert self.docker.call("Mount", mount_id="2")["Err"] == ""

    def test_full(self) -> None:
        """An error of the storage is told in its words, before Docker gives up."""
        self.docker.create()
        self.cluster.run(1)
        self.node.storage.daemon_is_down = True
        assert self.docker.error("Mount", mount_id="1", seconds=110)

    def test_taken_by_us(self) -> None:
        """What a container of flocker_lite has is no volume of Docker's at the same time."""
        self.docker.create()
        self.cluster.run(1)
        volumes = (Volume(self.dataset_id, "/data"),)
        ours = Container("web", self.node.node_id, "redis:7", volumes=volumes)
        self.cluster.edit(lambda before: edits.create_container(before, ours))
        self.cluster.run(3)
        assert "container web of flocker_lite" in self.docker.error("Mount", mount_id="1")

    def test_not_a_volume(self) -> None:
        """A dataset that its user did not mark stays out of Docker's reach."""
        self.cluster.configure("web", "5d5b3c1e-0000-4000-8000-000000000001", self.node)
        assert self.cluster.control is not None
        dataset_id = self.dataset_id
        self.cluster.edit(
            lambda before: edits.update_dataset(
                before,
                dataset_id,
                lambda dataset: type(dataset)(
                    dataset.dataset_id, dataset.primary, dataset.metadata.set("name", "db")
                ),
            )
        )
        assert '"docker_volume": "true"' in self.docker.error("Create")

    def test_deleted(self) -> None:
        """A dataset that a user deleted is mounted no more, and says what to do."""
        self.docker.create()
        self.cluster.run(1)
        dataset_id = self.dataset_id
        self.cluster.edit(lambda before: edits.delete_dataset(before, dataset_id))
        self.cluster.run(3)
        assert "docker volume rm" in self.docker.error("Mount", mount_id="1")

    def test_size(self) -> None:
        """A second creation may not ask for another size."""
        self.docker.create(size="1g")
        said = self.docker.error("Create", "b", name="db", size="2g")
        assert "with the size 1073741824 bytes" in said

    def test_unknown_request(self) -> None:
        """What is not of the protocol is an error, not a silence."""
        assert "no request" in self.docker.error("Frobnicate")
