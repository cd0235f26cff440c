"""Moves of datasets that somebody else holds: nothing is stopped for what cannot be unmounted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import Busy
from flocker_lite.model import edits
from flocker_lite.model.state import Holder, MoveProgress
from flocker_lite.testing.cluster import MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
SETTLE_SECONDS = 5.0
LONG_SECONDS = 120.0
SHELL = Holder(4711, "bash", "has its working directory in it")
BACKUP = Holder(815, "tar", "has it mounted at /x", True, container="b" * 64)


class HoldersTests(SynchronousTestCase):
    """A container with a dataset, on the first of two nodes."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.one, self.two = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("db", DATASET_ID, self.one)
        self.cluster.run(SETTLE_SECONDS)
        self.one.write("db", "first")
        self.asked: list[str] = []
        self.one.containers.before = self._note

    async def _note(self, method: str, name: str) -> None:
        self.asked.append(method)

    def move(self) -> None:
        """Want it at the other node."""
        self.cluster.edit(lambda c: edits.move_container(c, "db", self.two.node_id))

    def progress(self) -> MoveProgress:
        """What the source says of the move."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.one.node_id].moves[DATASET_ID]

    def test_somebody_stands_in_the_mount(self) -> None:
        """The move names who and waits, and the container is not stopped even once; it goes on by
        itself soon after that one has gone."""
        self.one.storage.others[DATASET_ID] = (SHELL,)
        self.move()
        self.cluster.run(LONG_SECONDS)
        assert "bash (pid 4711) has its working directory in it" in str(self.progress().error)
        assert "stop" not in self.asked
        assert set(self.one.containers.processes) == {"db"}
        self.one.storage.others.clear()
        self.cluster.run(SETTLE_SECONDS * 2)
        assert set(self.two.containers.processes) == {"db"}
        assert self.two.storage.read(DATASET_ID) == ("first",)

    def test_another_container_has_it(self) -> None:
        """It is named as Docker calls it."""
        self.one.containers.foreign["b" * 64] = "nightly-backup"
        self.one.storage.others[DATASET_ID] = (BACKUP,)
        self.move()
        self.cluster.run(LONG_SECONDS)
        assert "container nightly-backup: tar (pid 815)" in str(self.progress().error)
        assert "stop" not in self.asked

    def test_who_does_not_hold_it(self) -> None:
        """Who only sees the mount, as a namespace that follows this one, is in nobody's way."""
        self.one.storage.others[DATASET_ID] = (Holder(9, "cat", "has it mounted", holds=False),)
        self.move()
        self.cluster.run(SETTLE_SECONDS)
        assert set(self.two.containers.processes) == {"db"}

    def test_somebody_comes_after_the_stop(self) -> None:
        """What cannot be unmounted then is served again at once, and was mounted all the time."""
        storage = self.one.storage

        async def come(method: str, dataset_id: str) -> None:
            if method == "unmount":
                storage.others[DATASET_ID] = (SHELL,)
                assert storage.is_mounted(storage.path(DATASET_ID))

        storage.before = come
        self.move()
        self.cluster.run(SETTLE_SECONDS)
        assert self.asked.count("stop") - self.asked.count("remove") <= 1
        assert storage.is_mounted(storage.path(DATASET_ID))
        assert set(self.one.containers.processes) == {"db"}
        stops = self.asked.count("stop")
        self.cluster.run(LONG_SECONDS)
        assert self.asked.count("stop") == stops
        assert "bash (pid 4711)" in str(self.progress().error)
        self.one.write("db", "second")
        storage.before = None
        storage.others.clear()
        self.cluster.run(LONG_SECONDS)
        assert self.two.storage.read(DATASET_ID) == ("first", "second")

    def test_who_is_not_known(self) -> None:
        """Nor is the container kept down when nobody can tell who holds the dataset."""

        async def busy(method: str, dataset_id: str) -> None:
            if method == "unmount":
                raise Busy("target is busy")

        self.one.storage.before = busy
        self.move()
        self.cluster.run(SETTLE_SECONDS)
        assert set(self.one.containers.processes) == {"db"}
