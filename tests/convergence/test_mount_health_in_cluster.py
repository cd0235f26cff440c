"""What becomes of containers whose data goes away from under them, and of moves to where it cannot
be mounted.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.state import ContainerState, DatasetState, Holder
from flocker_lite.testing.cluster import MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
SETTLE_SECONDS = 5.0
LONG_SECONDS = 60.0


class GroundTests(SynchronousTestCase):
    """A container with a dataset, on the first of two nodes."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.one, self.two = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("db", DATASET_ID, self.one)
        self.cluster.run(SETTLE_SECONDS)
        self.one.write("db", "first")
        self.path = self.one.storage.path(DATASET_ID)

    def state(self) -> ContainerState:
        """What the control service knows of the container at the first node."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.one.node_id].containers["db"]

    def dataset(self, node: int = 0) -> DatasetState:
        """What it knows of the dataset."""
        assert self.cluster.control is not None
        node_id = self.cluster.nodes[node].node_id
        return self.cluster.control.cluster.nodes[node_id].datasets[DATASET_ID]

    def serves(self) -> bool:
        """Whether the container runs on the data as it is now."""
        made = self.one.containers.made.get("db")
        if made is None or not made.local.running or not self.one.storage.is_mounted(self.path):
            return False
        return made.mounts[self.path] == self.one.storage.mount_of(self.path)

    def test_the_daemon_of_the_storage_died(self) -> None:
        """While it is away the state says that nobody is served, and why; once it is back the
        container runs on what is mounted anew, soon, and nothing is lost."""
        self.one.storage.kill_daemon()
        self.cluster.run(SETTLE_SECONDS)
        assert not self.one.containers.processes
        assert not self.dataset().mounted
        self.cluster.run(LONG_SECONDS)
        self.one.storage.start_daemon()
        self.cluster.run(SETTLE_SECONDS)
        assert self.serves()
        assert (self.state().running, self.state().error) == (True, None)
        self.one.write("db", "second")
        assert self.one.storage.read(DATASET_ID) == ("first", "second")

    def test_what_the_state_says_meanwhile(self) -> None:
        """Of a container whose processes cannot be ended it is not said that it runs."""

        async def stuck(method: str, name: str) -> None:
            if method == "stop":
                await Deferred()

        self.one.containers.before = stuck
        self.one.storage.kill_daemon()
        self.cluster.run(SETTLE_SECONDS)
        assert set(self.one.containers.processes) == {"db"}
        assert (self.state().running, self.state().serving) == (False, False)
        assert f"the mount of dataset {DATASET_ID} is dead" in str(self.state().error)
        assert "is dead" in str(self.dataset().error)

    def test_it_ends_while_the_pool_is_gone(self) -> None:
        """Docker is asked all the same: the state says that it does not run, and why."""
        end = Deferred[None]()

        async def it_ends_during_the_look(method: str, _: str) -> None:
            if method == "discover" and not end.called:
                end.callback(None)
                self.one.containers.end("db", 137)

        self.one.storage.before = it_ends_during_the_look
        self.one.storage.daemon_is_down = True
        self.one.storage.unmount_by_hand(DATASET_ID)
        assert self.one.agent is not None
        self.one.agent.loop.look_again(None)
        self.cluster.run(SETTLE_SECONDS)
        assert end.called
        assert not self.state().running
        assert "discovery of this node fails" in str(self.state().error)
        self.one.storage.daemon_is_down = False
        self.cluster.run(LONG_SECONDS)
        assert self.serves()

    def test_it_ends_because_its_data_is_gone(self) -> None:
        """That is no end by itself: it is started again, whatever its restart policy."""
        self.one.storage.kill_daemon()
        self.one.containers.end("db", 1)
        self.cluster.run(SETTLE_SECONDS)
        self.one.storage.start_daemon()
        self.cluster.run(SETTLE_SECONDS)
        assert self.serves()

    def test_it_had_ended_before(self) -> None:
        """What had done its work is not started again for it."""
        self.one.containers.end("db", 0)
        self.cluster.run(SETTLE_SECONDS)
        self.one.storage.kill_daemon()
        self.cluster.run(SETTLE_SECONDS)
        self.one.storage.start_daemon()
        self.cluster.run(LONG_SECONDS)
        assert not self.one.containers.processes
        assert self.one.storage.is_mounted(self.path)

    def test_mounted_anew_while_the_agent_was_away(self) -> None:
        """Who runs on the mount from before is found, and started again on the one of now."""
        self.cluster.stop_agent(self.one)
        self.one.storage.kill_daemon()
        self.one.storage.start_daemon()
        self.one.storage.mountpoints.prepare(self.path)
        self.one.storage.mountpoints.mounted(self.path)
        self.one.storage.unmount_by_hand(DATASET_ID)
        self.cluster.start_agent(self.one)
        self.cluster.run(SETTLE_SECONDS)
        assert self.serves()

    def test_unmounted_by_somebody(self) -> None:
        """A container that has it all the same goes on, and it is mounted again."""
        self.one.storage.unmount_by_hand(DATASET_ID)
        ran = self.one.containers.made["db"]
        self.cluster.run(SETTLE_SECONDS)
        assert self.one.storage.is_mounted(self.path)
        assert self.one.containers.made["db"].local.instance == ran.local.instance

    def test_something_else_is_mounted_over_it(self) -> None:
        """Nothing runs on it, the state says what to do, and then the container runs again."""
        self.one.storage.mountpoints.mount_over(self.path, "tmpfs")
        self.cluster.run(LONG_SECONDS)
        assert not self.one.containers.processes
        assert f"umount {self.path}" in str(self.dataset().error)
        self.one.storage.mountpoints.unmount_over(self.path)
        self.cluster.run(SETTLE_SECONDS)
        assert self.serves()
        assert self.one.storage.read(DATASET_ID) == ("first",)

    def test_files_at_the_destination(self) -> None:
        """They keep nobody down: they are set aside before, and that is said."""
        self.two.storage.mountpoints.make_stray_file(self.path, "stray")
        self.cluster.edit(lambda c: edits.move_container(c, "db", self.two.node_id))
        self.cluster.run(LONG_SECONDS)
        assert set(self.two.containers.processes) == {"db"}
        assert "stray" in str(self.dataset(1).warning)
        assert self.dataset(1).error is None

    def test_something_is_mounted_at_the_destination(self) -> None:
        """It is known before anything is stopped; once it is gone the container moves."""
        stops: list[str] = []

        async def note(method: str, name: str) -> None:
            if method == "stop":
                stops.append(name)

        self.one.containers.before = note
        self.two.storage.mountpoints.mount_over(self.path, "tmpfs")
        self.cluster.edit(lambda c: edits.move_container(c, "db", self.two.node_id))
        self.cluster.run(LONG_SECONDS)
        assert stops == []
        assert set(self.one.containers.processes) == {"db"}
        assert self.cluster.control is not None
        progress = self.cluster.control.cluster.nodes[self.one.node_id].moves[DATASET_ID]
        assert f"umount {self.path}" in str(progress.error)
        self.two.storage.mountpoints.unmount_over(self.path)
        self.cluster.run(2 * LONG_SECONDS)
        assert set(self.two.containers.processes) == {"db"}

    def test_an_image_that_works_in_its_data(self) -> None:
        """Docker makes its working directory when it starts it: not before the data is there."""
        self.two.containers.working_directories["redis:7"] = "/data/work"
        self.cluster.edit(lambda c: edits.move_container(c, "db", self.two.node_id))
        self.cluster.run(LONG_SECONDS)
        assert set(self.two.containers.processes) == {"db"}

    def test_somebody_else_may_write(self) -> None:
        """Nothing is started on what another container writes to; that one is named."""
        self.one.containers.foreign["b" * 64] = "squatter"
        writer = Holder(9, "sh", "has it mounted at /x", True, container="b" * 64)
        self.one.storage.others[DATASET_ID] = (writer,)
        self.one.containers.crash()
        assert self.one.agent is not None
        self.one.agent.loop.look_again()
        self.cluster.run(LONG_SECONDS)
        assert not self.one.containers.processes
        assert "container squatter: sh (pid 9) has it mounted at /x" in str(self.state().error)
        self.one.storage.others.clear()
        self.cluster.run(2 * SETTLE_SECONDS)
        assert self.serves()

    def test_somebody_reads(self) -> None:
        """Who only reads, or stands there, keeps no container down."""
        reader = Holder(9, "bash", "has its working directory in it")
        self.one.storage.others[DATASET_ID] = (reader,)
        self.one.containers.crash()
        assert self.one.agent is not None
        self.one.agent.loop.look_again()
        self.cluster.run(SETTLE_SECONDS)
        assert self.serves()
