"""What failed, what is said of it meanwhile, and that a correction is tried at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ContainerError, FlockerError
from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, RestartPolicy
from flocker_lite.model.state import ContainerState
from flocker_lite.planner.backoff import DELAY_SECONDS_MAX
from flocker_lite.testing.cluster import STEP_SECONDS, MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
OTHER_ID = "dddddddd-0000-4000-8000-000000000002"
GOOD, WRONG = "redis:7", "redis:77"
LONG_SECONDS = 2.5 * DELAY_SECONDS_MAX
"""So long that what fails is tried again but once a minute."""
SOON_SECONDS = 0.2


class CorrectionTests(SynchronousTestCase):
    """Two nodes in memory, for whom there is one image."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node, self.other = self.cluster.nodes
        for node in self.cluster.nodes:
            node.containers.images = frozenset({GOOD})
        self.cluster.start()

    def create(self, image: str = WRONG) -> None:
        """Have a container on the first node."""
        container = Container("web", self.node.node_id, image)
        self.cluster.edit(lambda before: edits.create_container(before, container))

    def revise(self, revise: Callable[[Container], Container], name: str = "web") -> None:
        """Have it otherwise."""
        self.cluster.edit(lambda before: edits.update_container(before, name, revise))

    def state(self) -> ContainerState:
        """What the first node says of it, which says something."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers["web"]

    def test_a_wrong_image(self) -> None:
        """The right one is there at once, however long the wrong one had been tried."""
        self.create()
        self.cluster.run(LONG_SECONDS)
        assert "could not be pulled" in str(self.state().error)
        self.revise(lambda web: replace(web, image=GOOD))
        self.cluster.run(SOON_SECONDS)
        assert self.state().running
        assert self.state().error is None
        assert self.state().next_try_at is None

    def test_another_wrong_image(self) -> None:
        """What is wrong with the new one is said at once, and it begins with the shortest wait."""
        self.create()
        self.cluster.run(LONG_SECONDS)
        self.revise(lambda web: replace(web, image="redis:78"))
        self.cluster.run(SOON_SECONDS)
        assert "redis:78 could not be pulled" in str(self.state().error)
        again = self.state().next_try_at
        assert again is not None
        assert again - self.cluster.clock.seconds() < 1.0

    def test_a_container_that_does_not_start(self) -> None:
        """Docker refused it as it was."""

        async def before(method: str, name: str) -> None:
            if method == "start" and self.node.containers.made[name].local.container.memory_limit:
                raise ContainerError("not enough memory")

        self.node.containers.before = before
        self.create(GOOD)
        self.revise(lambda web: replace(web, memory_limit=2**40))
        self.cluster.run(LONG_SECONDS)
        assert self.state().error == "not enough memory"
        self.revise(lambda web: replace(web, memory_limit=None))
        self.cluster.run(SOON_SECONDS)
        assert self.state().running

    def test_a_size_that_cannot_be(self) -> None:
        """A dataset is corrected as a container is."""

        async def before(method: str, _: str) -> None:
            if method == "resize" and self.limit() == 1:
                raise FlockerError("too small for what is there")

        self.node.storage.before = before
        dataset = Dataset(DATASET_ID, self.node.node_id, maximum_size=100)
        self.cluster.edit(lambda before: edits.create_dataset(before, dataset))
        self.cluster.run(5.0)
        self.resize(1)
        self.cluster.run(LONG_SECONDS)
        assert self.node.storage.copies[DATASET_ID].local.maximum_size == 100
        self.resize(200)
        self.cluster.run(SOON_SECONDS)
        assert self.node.storage.copies[DATASET_ID].local.maximum_size == 200

    def test_a_retry(self) -> None:
        """It tries the container at once, and begins with the shortest wait."""
        self.create()
        self.cluster.run(LONG_SECONDS)
        self.retry()
        self.cluster.run(SOON_SECONDS)
        again = self.state().next_try_at
        assert again is not None
        assert again - self.cluster.clock.seconds() < 1.0
        self.cluster.run(LONG_SECONDS)
        self.node.containers.images = frozenset({WRONG})
        self.retry()
        self.cluster.run(SOON_SECONDS)
        assert self.state().running
        assert (self.state().error, self.state().next_try_at) == (None, None)
        instance = self.node.containers.made["web"].local.instance
        self.retry()
        self.cluster.run(5.0)
        assert self.node.containers.made["web"].local.instance == instance

    def test_a_retry_for_data(self) -> None:
        """It tries what failed for the container's datasets, and for no others."""
        self.is_full = True

        async def before(method: str, _: str) -> None:
            if method == "resize" and self.is_full:
                raise FlockerError("no room")

        self.cluster.configure("web", DATASET_ID, self.node)
        self.cluster.configure("cache", OTHER_ID, self.node)
        self.cluster.run(5.0)
        self.node.storage.before = before
        for dataset_id in (DATASET_ID, OTHER_ID):
            self.resize(300, dataset_id)
        self.cluster.run(LONG_SECONDS)
        self.is_full = False
        self.retry()
        self.cluster.run(SOON_SECONDS)
        assert self.node.storage.copies[DATASET_ID].local.maximum_size == 300
        assert self.node.storage.copies[OTHER_ID].local.maximum_size != 300

    def retry(self) -> None:
        """Have what failed tried again."""
        self.cluster.edit(lambda before: edits.retry_container(before, "web"))

    def resize(self, size: int, dataset_id: str = DATASET_ID) -> None:
        """Want another limit."""
        self.cluster.edit(
            lambda before: edits.update_dataset(
                before, dataset_id, lambda dataset: replace(dataset, maximum_size=size)
            )
        )

    def limit(self) -> int | None:
        """The limit that is wanted."""
        assert self.cluster.control is not None
        return self.cluster.control.configuration.datasets[DATASET_ID].maximum_size

    def test_a_move_that_cannot_be(self) -> None:
        """It is tried again at once when the image is corrected that the destination lacks."""
        self.cluster.configure("web", DATASET_ID, self.node)
        self.cluster.run(5.0)
        self.other.containers.images = frozenset()
        self.cluster.edit(lambda before: edits.move_container(before, "web", self.other.node_id))
        self.cluster.run(LONG_SECONDS)
        assert "web" in self.node.containers.processes
        for node in self.cluster.nodes:
            node.containers.images = frozenset({"redis:8"})
        self.revise(lambda web: replace(web, image="redis:8"))
        self.cluster.run(5.0)
        assert "web" in self.other.containers.processes

    def test_errors_do_not_flap(self) -> None:
        """From the first failure on there is an error all the time, whatever is tried meanwhile."""

        async def before(method: str, _: str) -> None:
            if method in ("prepare", "start"):
                await deferLater(self.cluster.clock, 2.0)
            if method == "start":
                raise ContainerError("it does not start")

        self.node.containers.before = before
        for image in (WRONG, GOOD):
            self.create(image)
            self.cluster.run(5.0)
            ends = self.cluster.clock.seconds() + LONG_SECONDS
            while self.cluster.clock.seconds() < ends:
                self.cluster.run(STEP_SECONDS)
                assert self.state().error is not None, self.cluster.clock.seconds()
            self.cluster.edit(lambda before: edits.delete_container(before, "web"))
            self.cluster.run(5.0)

    def test_the_next_try(self) -> None:
        """It is told when that is, and then it is made."""
        tries: list[float] = []

        async def before(method: str, _: str) -> None:
            if method == "pull":
                tries.append(self.cluster.clock.seconds())

        self.node.containers.before = before
        self.create()
        self.cluster.run(10.0)
        again = self.state().next_try_at
        assert again is not None
        count = len(tries)
        self.cluster.run(again - self.cluster.clock.seconds() + STEP_SECONDS)
        assert len(tries) == count + 1
        assert abs(tries[-1] - again) <= STEP_SECONDS

    def test_the_next_start(self) -> None:
        """Also of a container that ended, and is to be started again."""
        self.create(GOOD)
        self.revise(lambda web: replace(web, restart_policy=RestartPolicy("always")))
        self.cluster.run(5.0)
        for _ in range(5):
            self.node.containers.end("web", 1)
            self.cluster.run(0.3)
            if self.state().running:
                continue
            again = self.state().next_try_at
            assert again is not None
            self.cluster.run(again - self.cluster.clock.seconds() + 3 * STEP_SECONDS)
            assert self.state().running
        assert self.state().next_try_at is None

    def test_the_policy(self) -> None:
        """It shows as it is configured, though no container is made anew for it."""
        self.create(GOOD)
        self.cluster.run(5.0)
        instance = self.node.containers.made["web"].local.instance
        self.revise(lambda web: replace(web, restart_policy=RestartPolicy("on-failure", 3)))
        self.cluster.run(SOON_SECONDS)
        assert self.state().container.restart_policy == RestartPolicy("on-failure", 3)
        assert self.node.containers.made["web"].local.instance == instance

    def test_on_its_way(self) -> None:
        """From when its node knows of it, it is in the state, until it runs."""

        async def before(method: str, _: str) -> None:
            if method in ("pull", "prepare", "start"):
                await deferLater(self.cluster.clock, 1.0)

        self.node.containers.before = before
        self.create(GOOD)
        for _ in range(100):
            self.cluster.run(STEP_SECONDS)
            assert self.state().container.name == "web"
        assert self.state().running
