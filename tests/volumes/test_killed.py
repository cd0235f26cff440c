"""The agent is killed in the middle of each of Docker's requests; Docker's next try is answered."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model.lease import Role
from flocker_lite.testing.cluster import MemoryCluster
from tests.volumes.memory_docker import MemoryDocker

KILLED_AFTER_SECONDS = (None, 0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.3, 2.1)
"""None: before anything of the request has left the agent."""

DONE = {"Err": ""}


class Killed(SynchronousTestCase):
    """A volume whose data is at the first of two nodes; the second node's agent is killed."""

    def play(self, call: str, after_seconds: float | None, **asked: Any) -> Any:
        """A new cluster, a request that no answer comes to, and the answer to the next try."""
        self.cluster = MemoryCluster(2)
        self.cluster.start()
        self.first, self.second = (MemoryDocker(self.cluster, n) for n in self.cluster.nodes)
        self.first.create()
        self.cluster.run(1)
        assert self.cluster.control is not None
        (self.dataset_id,) = self.cluster.control.configuration.datasets
        self.first.node.storage.write(self.dataset_id, "row")
        for before in self.befores:
            assert self.second.call(before, mount_id="1")["Err"] == ""
        self.second.begin(call, **asked)
        if after_seconds is not None:
            self.cluster.deliver()
            self.cluster.run(after_seconds)
        # What is killed does not tidy up.
        self.second.volumes.drop = lambda dataset_id, mount_id: None  # type: ignore[method-assign]
        self.second.restart_agent()
        return self.second.call(call, **asked)

    befores: tuple[str, ...] = ("Create",)

    moments: tuple[float | None, ...] = KILLED_AFTER_SECONDS

    def each(self, call: str, **asked: Any) -> Any:
        """The answer after each moment of the kill."""
        for after_seconds in self.moments:
            yield self.play(call, after_seconds, **asked)
            self.assert_one_writer()

    def assert_one_writer(self) -> None:
        """One node at most may write, and what was written is there."""
        writers = [
            node
            for node in self.cluster.nodes
            for dataset_id, copy in node.storage.copies.items()
            if dataset_id == self.dataset_id
            and copy.local.lease is not None
            and copy.local.lease.role is Role.PRIMARY
        ]
        assert len(writers) == 1
        assert writers[0].storage.read(self.dataset_id) == ("row",)

    def assert_follows(self) -> None:
        """A container that is started here next has the data, whatever went before."""
        self.second.create()
        self.second.run("web")
        assert self.second.node.storage.read(self.dataset_id) == ("row",)
        self.assert_one_writer()


class CreateTests(Killed):
    """Create."""

    befores = ()

    def test_create(self) -> None:
        """It is one volume, of the dataset that was there, which a container can have."""
        for answer in self.each("Create"):
            assert answer == DONE
            assert self.datasets() == [None]
            self.assert_follows()

    def test_new(self) -> None:
        """One new dataset is made for it, not two."""
        for answer in self.each("Create", name="fresh", size="1g"):
            assert answer == DONE
            assert self.datasets() == [2**30, None]
            assert [each["Name"] for each in self.second.call("List")["Volumes"]] == ["db"]
            self.second.run("web")

    def datasets(self) -> list[int | None]:
        """The sizes of all there are, no limit last."""
        assert self.cluster.control is not None
        datasets = self.cluster.control.configuration.datasets.values()
        return sorted((each.maximum_size for each in datasets), key=str)


class KnownTests(Killed):
    """What is answered from memory, and so at once."""

    moments = KILLED_AFTER_SECONDS[:2]

    def test_get(self) -> None:
        """The volume is there."""
        for answer in self.each("Get"):
            assert answer["Volume"]["Name"] == "db"
            assert answer["Volume"]["Mountpoint"] == ""
            self.assert_follows()

    def test_list(self) -> None:
        """It is listed once."""
        for answer in self.each("List"):
            assert [each["Name"] for each in answer["Volumes"]] == ["db"]

    def test_path(self) -> None:
        """It is mounted nowhere here."""
        for answer in self.each("Path"):
            assert answer == {"Mountpoint": "", "Err": ""}


class MountTests(Killed):
    """Mount, for which the data has to come."""

    def test_mount(self) -> None:
        """It comes, is mounted, and is said to be where it is."""
        for answer in self.each("Mount", mount_id="1"):
            assert answer == {"Mountpoint": self.path, "Err": ""}
            assert self.second.node.storage.is_mounted(self.path)
            assert self.second.node.storage.read(self.dataset_id) == ("row",)
            assert self.second.call("Path")["Mountpoint"] == self.path

    @property
    def path(self) -> str:
        """Where it is on the second node."""
        return self.second.node.storage.path(self.dataset_id)


class MountedTests(Killed):
    """What comes after a Mount."""

    befores = ("Create", "Mount")

    def test_unmount(self) -> None:
        """Nobody uses it any more: it goes to the first node, when that wants it."""
        for answer in self.each("Unmount", mount_id="1"):
            assert answer == DONE
            self.first.run("web")
            assert self.first.node.storage.read(self.dataset_id) == ("row",)
            self.assert_one_writer()

    def test_remove(self) -> None:
        """The volume is gone here; the data stays, for whoever creates it anew."""
        for answer in self.each("Remove"):
            assert answer == DONE
            assert self.second.call("Unmount", mount_id="1") == DONE
            assert self.second.call("List")["Volumes"] == []
            assert self.second.error("Get") == "no such volume: db"
            self.assert_follows()
