"""A volume and a directory become datasets by themselves, in a whole cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import CommandTimedOut, Conflict, CopyFailed
from flocker_lite.model import adoption_edits, edits, moves
from flocker_lite.model.adoption import Adopting
from flocker_lite.model.dataset_names import NAME
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.records import Container, Dataset, MoveOptions, Volume
from flocker_lite.testing.cluster import MemoryCluster

PATH = "/var/lib/docker/volumes/pgdata/_data"
DATASET = str(UUID(int=7, version=4))
MOVE = str(UUID(int=8, version=4))
FILESYSTEM = "tank/pg"
STEPS_MAX = 200


class DataAdoptionTests(SynchronousTestCase):
    """One node with a volume that has something in it."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node, self.other = self.cluster.nodes
        self.node.allow = ("adopt", "/srv/files")
        self.node.foreign.volumes["pgdata"] = ""
        self.node.foreign.texts[PATH] = ("one", "two")
        self.node.foreign.texts["/srv/files"] = ("a page",)
        self.cluster.start()

    def tearDown(self) -> None:
        for node in self.cluster.nodes:
            if node.agent is not None:
                self.cluster.stop_agent(node)
        self.cluster.stop_control()

    def adopt(self, instance: str = "volume:pgdata", path: str = PATH) -> None:
        """Begin."""
        dataset = Dataset(DATASET, self.node.node_id, pmap({NAME: "pgdata"}))
        adopting = Adopting(instance, pmap({DATASET: path}))
        now = self.cluster.clock.seconds()
        self.cluster.edit(
            lambda before: adoption_edits.begin_data(
                before, MOVE, now, adopting, dataset, MoveOptions()
            )
        )

    @property
    def verdict(self) -> str | None:
        """How it ended."""
        past = self.cluster.disk.configuration.past_moves.get(MOVE)
        return past.verdict if past is not None else None

    def content(self) -> tuple[str, ...]:
        return self.node.storage.read(DATASET)

    def error(self) -> str | None:
        """What is told of it."""
        assert self.cluster.control is not None
        state = self.cluster.control.cluster.nodes[self.node.node_id]
        return state.moves[DATASET].error

    def test_volume(self) -> None:
        """Its data is in the dataset, which then moves like any other; the volume stays."""
        self.adopt()
        self.cluster.run(10.0)
        assert self.verdict == moves.DONE
        assert self.content() == ("one", "two")
        assert self.node.foreign.texts[PATH] == ("one", "two")
        assert not self.node.adoption_notes.notes
        where = self.other.address
        self.cluster.edit(lambda before: edits.move_dataset(before, DATASET, where))
        self.cluster.run(20.0)
        assert self.other.storage.read(DATASET) == ("one", "two")

    def test_directory(self) -> None:
        """One that the node allows."""
        self.adopt("bind:/srv/files", "/srv/files")
        self.cluster.run(10.0)
        assert (self.verdict, self.content()) == (moves.DONE, ("a page",))

    def test_not_allowed(self) -> None:
        """Whatever the control service says, the node reads nothing that it does not allow."""
        self.node.foreign.texts["/root"] = ("a key",)
        self.adopt("bind:/root", "/root")
        self.cluster.run(10.0)
        assert "does not allow /root" in (self.error() or "")
        assert self.content() == ()

    def test_another_path(self) -> None:
        """Nor what is no part of what was named."""
        self.node.foreign.texts["/root"] = ("a key",)
        self.adopt("volume:pgdata", "/root")
        self.cluster.run(10.0)
        assert "no longer where it was" in (self.error() or "")
        assert self.content() == ()

    def test_no_container_meanwhile(self) -> None:
        """Nobody gets a dataset that is being filled, nor does it go anywhere."""

        async def fail(*_: Any) -> None:
            raise CopyFailed("no space left: make room")

        self.node.directories.before = fail
        self.adopt()
        self.cluster.run(5.0)
        assert "make room" in (self.error() or "")
        volumes = (Volume(DATASET, "/data"),)
        container = Container("db", self.node.node_id, "redis:7", volumes=volumes)
        with pytest.raises(Conflict, match="is being adopted"):
            self.cluster.edit(lambda before: edits.create_container(before, container))
        where = self.other.address
        with pytest.raises(Conflict, match="is being adopted"):
            self.cluster.edit(lambda before: edits.move_dataset(before, DATASET, where))
        self.node.directories.before = None
        self.cluster.run(60.0)
        assert self.verdict == moves.DONE
        self.cluster.edit(lambda before: edits.create_container(before, container))
        self.cluster.run(5.0)
        assert "db" in self.node.containers.processes

    def test_cancelled(self) -> None:
        """What was copied is destroyed; the volume is as it was."""

        async def fail(*_: Any) -> None:
            raise CopyFailed("no space left: make room")

        self.node.directories.before = fail
        self.adopt()
        self.cluster.run(5.0)
        moment = moves.Moment(self.cluster.clock.seconds(), lambda: "")
        self.cluster.edit(lambda before: moves.cancel(before, MOVE, moment))
        self.cluster.run(20.0)
        assert self.verdict == moves.CANCELLED
        assert DATASET not in self.node.storage.copies
        assert self.node.foreign.texts[PATH] == ("one", "two")
        assert not self.node.adoption_notes.notes

    def have_filesystem(self) -> None:
        """A filesystem of the pool, which the node allows, with a limit of its own."""
        self.node.allow = ("adopt", "/tank/pg")
        self.node.foreign.texts["/tank/pg"] = ()
        self.node.storage.found[FILESYSTEM] = FoundFilesystem(FILESYSTEM, "/tank/pg", 7, 4096)
        self.node.storage.texts[FILESYSTEM] = ("one", "two")
        self.cluster.stop_agent(self.node)
        self.cluster.start_agent(self.node)
        self.cluster.run(5.0)

    def test_filesystem(self) -> None:
        """It is the dataset now, with its data and its limit; nothing was copied."""
        self.have_filesystem()
        self.adopt(f"filesystem:{FILESYSTEM}", "/tank/pg")
        self.cluster.run(10.0)
        assert (self.verdict, self.content()) == (moves.DONE, ("one", "two"))
        assert self.node.storage.copies[DATASET].local.mounted
        assert FILESYSTEM not in self.node.storage.found

    def test_filesystem_in_use(self) -> None:
        """Nothing is done to it while somebody uses it; when that ends, it becomes the dataset."""
        self.have_filesystem()
        self.node.storage.used.add(FILESYSTEM)
        self.adopt(f"filesystem:{FILESYSTEM}", "/tank/pg")
        self.cluster.run(10.0)
        assert "busy" in (self.error() or "")
        assert FILESYSTEM in self.node.storage.found
        self.node.storage.used.clear()
        self.cluster.run(60.0)
        assert (self.verdict, self.content()) == (moves.DONE, ("one", "two"))

    def test_filesystem_cancelled(self) -> None:
        """Before it was renamed it is as it was; after that the cancellation is too late."""
        self.have_filesystem()
        self.node.storage.used.add(FILESYSTEM)
        self.adopt(f"filesystem:{FILESYSTEM}", "/tank/pg")
        self.cluster.run(5.0)
        moment = moves.Moment(self.cluster.clock.seconds(), lambda: "")
        self.cluster.edit(lambda before: moves.cancel(before, MOVE, moment))
        self.cluster.run(20.0)
        assert self.verdict == moves.CANCELLED
        assert self.node.storage.texts[FILESYSTEM] == ("one", "two")
        assert not self.node.storage.unmounted

    def test_filesystem_cancelled_too_late(self) -> None:
        """What was renamed is never destroyed by a cancellation."""
        self.have_filesystem()

        async def stop(method: str, identity: str) -> None:
            if method == "write the lease":
                raise CommandTimedOut(("zfs", "set"), 60.0)

        self.node.storage.before = stop
        self.adopt(f"filesystem:{FILESYSTEM}", "/tank/pg")
        self.cluster.run(5.0)
        moment = moves.Moment(self.cluster.clock.seconds(), lambda: "")
        self.cluster.edit(lambda before: moves.cancel(before, MOVE, moment))
        self.cluster.run(5.0)
        self.node.storage.before = None
        self.cluster.run(60.0)
        assert (self.verdict, self.content()) == (moves.DONE, ("one", "two"))

    def test_filesystem_not_allowed(self) -> None:
        """The node has to allow where it is mounted."""
        self.have_filesystem()
        other = FoundFilesystem("tank/secret", "/tank/secret", 7)
        self.node.storage.found["tank/secret"] = other
        self.node.foreign.texts["/tank/secret"] = ()
        self.adopt("filesystem:tank/secret", "/tank/secret")
        self.cluster.run(10.0)
        assert "does not allow /tank/secret" in (self.error() or "")
        assert "tank/secret" in self.node.storage.found

    def test_struck(self) -> None:
        """Wherever the agent is killed, the dataset has all of the data in the end."""
        self.strike_everywhere(lambda case: case.adopt())

    def test_filesystem_struck(self) -> None:
        """The same for a filesystem."""

        def begin(case: DataAdoptionTests) -> None:
            case.adopt(f"filesystem:{FILESYSTEM}", "/tank/pg")

        self.strike_everywhere(begin, DataAdoptionTests.have_filesystem)

    def strike_everywhere(
        self,
        begin: Callable[[DataAdoptionTests], None],
        prepare: Callable[[DataAdoptionTests], None] = lambda _: None,
    ) -> None:
        """Strike at each call of a door, in a cluster of its own."""
        for number in range(STEPS_MAX):
            case = DataAdoptionTests("test_volume")
            case.setUp()
            prepare(case)
            try:
                if not case.strike(number, begin):
                    assert number > 5
                    return
            finally:
                case.tearDown()
        raise AssertionError("it never ends")

    def strike(self, number: int, begin: Callable[[DataAdoptionTests], None]) -> bool:
        """Kill the agent before that call of a door; False when there are fewer calls."""
        calls = iter(range(number))
        struck: list[str] = []

        async def before(*what: Any) -> None:
            if next(calls, None) is None and not struck:
                struck.append(str(what))
                self.cluster.stop_agent(self.node)
                raise CopyFailed("the agent died")

        doors = (self.node.directories, self.node.storage, self.node.adoption_notes)
        for door in doors:
            door.before = before
        begin(self)
        self.cluster.run(10.0)
        for door in doors:
            door.before = None
        if not struck:
            return False
        self.cluster.run(5.0)
        self.cluster.start_agent(self.node)
        self.cluster.run(90.0)
        assert self.verdict == moves.DONE, (number, struck)
        assert self.content() == ("one", "two"), (number, struck)
        return True
