"""Containers of one application that move together, in a whole cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.applications import edits as application_edits
from flocker_lite.errors import CommandTimedOut
from flocker_lite.model import edits, moves
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Container, Dataset, HealthCheck, MoveOptions, Port, Volume
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

CHECK = HealthCheck(command=("pg_isready",))
SLOW_SECONDS = 20.0
RATE_BYTES_PER_SECOND = 1000
NAMES = ("db", "files", "web")


class CompanionsTests(SynchronousTestCase):
    """Two nodes in memory; at the first a site, its files and its database, each with data."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        self.told: list[tuple[str, str, str]] = []
        self.at: dict[tuple[str, str, str], float] = {}
        for place, node in (("here", self.here), ("there", self.there)):
            node.containers.before = partial(self.note, place)
        self.cluster.start()
        for number, name in enumerate(NAMES):
            self.create(name, number)
        self.cluster.run(5.0)
        assert self.running(self.here) == set(NAMES)
        self.told.clear()

    def tearDown(self) -> None:
        for node in self.cluster.nodes:
            self.cluster.stop_agent(node)
        self.cluster.stop_control()

    async def note(self, place: str, method: str, name: str) -> None:
        """Remember what is done to a container, where, and when first."""
        if method in ("stop", "start"):
            self.told.append((place, method, name))
            self.at.setdefault((place, method, name), self.cluster.clock.seconds())

    def create(self, name: str, number: int) -> None:
        """Have a container of the application, with a dataset."""
        dataset_id = str(UUID(int=number + 1, version=4))
        container = Container(
            name,
            self.here.node_id,
            f"{name}:1",
            (Port(80, 8000 + number),),
            (Volume(dataset_id, "/data"),),
            application=Membership("shop", name),
            depends_on=pmap({"db": "started"} if name == "web" else {}),
            health_check=CHECK if name == "db" else None,
        )
        dataset = Dataset(dataset_id, self.here.node_id)
        self.cluster.edit(lambda before: edits.create_dataset(before, dataset))
        self.cluster.edit(lambda before: edits.create_container(before, container))

    def move(self) -> None:
        """Move the application."""
        where = self.there.address
        self.cluster.edit(lambda before: application_edits.move(before, "shop", where))

    def running(self, node: MemoryNode) -> set[str]:
        return set(node.containers.processes)

    def slow_down(self, name: str) -> None:
        """Pushing the data of this one takes a while."""
        self.here.write(name, "x" * int(SLOW_SECONDS * RATE_BYTES_PER_SECOND))
        self.cluster.network.bytes_per_second = RATE_BYTES_PER_SECOND

    def error_of(self, name: str) -> str | None:
        """What the control service knows of its move."""
        assert self.cluster.control is not None
        configuration = self.cluster.control.configuration
        move = move_of_container(configuration, name)
        assert move is not None
        state = self.cluster.control.cluster.nodes[self.here.node_id]
        return next(each.error for each in state.moves.values() if each.move_id == move.move_id)

    def verdicts(self) -> set[str]:
        """How the moves ended that are over."""
        return {past.verdict for past in self.cluster.disk.configuration.past_moves.values()}

    def test_one_instant(self) -> None:
        """Nobody stops before the slowest one is there but for the rest."""
        self.slow_down("files")
        began = self.cluster.clock.seconds()
        self.move()
        self.cluster.run(SLOW_SECONDS / 2)
        assert self.told == []
        expected = "waits for container files, to switch together at one instant"
        assert self.error_of("db") == expected
        self.cluster.run(SLOW_SECONDS)
        self.cluster.network.bytes_per_second = None
        self.cluster.run(30.0)
        assert self.running(self.there) == set(NAMES)
        stops = [self.at["here", "stop", name] for name in NAMES]
        assert min(stops) > began + SLOW_SECONDS
        assert max(stops) - min(stops) < 1.0
        assert self.verdicts() == {"done"}

    def test_without_data(self) -> None:
        """What has no data moves after the data, and serves here until then."""
        self.add_proxy()
        self.slow_down("files")
        self.move()
        self.cluster.run(SLOW_SECONDS)
        assert "proxy" in self.running(self.here)
        assert "proxy" not in self.running(self.there)
        assert self.cluster.control is not None
        there = self.cluster.control.cluster.nodes[self.there.node_id]
        said = "waits until the data of container db is here, to move with it"
        assert there.containers["proxy"].error == said
        self.cluster.network.bytes_per_second = None
        self.cluster.run(60.0)
        assert self.running(self.there) == {*NAMES, "proxy"}
        assert self.running(self.here) == set()
        assert self.verdicts() == {"done"}

    def test_without_data_stays(self) -> None:
        """When the data does not move, what has none stays, too."""
        self.add_proxy()
        self.there.containers.unhealthy["db"] = "no answer"
        self.move()
        self.cluster.run(120.0)
        assert self.running(self.here) == {*NAMES, "proxy"}
        past = self.cluster.disk.configuration.past_moves.values()
        verdicts = {each.verdict for each in past if each.move.destination == self.there.node_id}
        assert verdicts == {"rolled back"}
        nodes = {each.node for each in self.cluster.disk.configuration.containers.values()}
        assert nodes == {self.here.node_id}

    def add_proxy(self) -> None:
        """A container of the application without data."""
        proxy = Container(
            *("proxy", self.here.node_id, "proxy:1", (Port(80, 8080),)),
            application=Membership("shop", "proxy"),
        )
        self.cluster.edit(lambda before: edits.create_container(before, proxy))
        self.cluster.run(5.0)
        assert "proxy" in self.running(self.here)

    def test_order(self) -> None:
        """What depends on another one stops before it, and starts after it."""
        self.move()
        self.cluster.run(20.0)
        assert self.running(self.there) == set(NAMES)
        stops = [name for place, method, name in self.told if (place, method) == ("here", "stop")]
        starts = [name for place, what, name in self.told if (place, what) == ("there", "start")]
        assert stops.index("web") < stops.index("db")
        assert starts.index("db") < starts.index("web")

    def test_unhealthy(self) -> None:
        """When one does not get well at the destination, all stay, and their moves are over."""
        self.there.containers.unhealthy["db"] = "no answer"
        self.move()
        self.cluster.run(120.0)
        assert self.running(self.here) == set(NAMES)
        assert self.running(self.there) == set()
        assert self.verdicts() == {"rolled back"}
        assert not self.cluster.disk.configuration.moves

    def test_given_up(self) -> None:
        """When one misses what its user asked for, nobody moves."""
        self.slow_down("files")
        self.move()
        options = MoveOptions(deadline_seconds=5.0, on_miss="abort")
        self.cluster.edit(
            lambda before: moves.revise_options(
                before, move_of_container(before, "files"), lambda _: options
            )
        )
        self.cluster.run(60.0)
        assert self.running(self.here) == set(NAMES)
        assert not [what for what in self.told if what[0] == "here"]
        assert self.verdicts() == {"rolled back"}

    def test_cancelled(self) -> None:
        """The others do not wait for one whose move was cancelled."""
        self.slow_down("files")
        self.move()
        self.cluster.run(5.0)
        here = self.here.address
        self.cluster.edit(lambda before: edits.move_container(before, "files", here))
        self.cluster.run(60.0)
        assert self.running(self.here) == {"files"}
        assert self.running(self.there) == {"db", "web"}

    def test_failure_in_the_pause(self) -> None:
        """When one cannot be handed over, all go on here; then all move."""
        failures: list[float] = []

        async def refuse(method: str, dataset_id: str) -> None:
            if method == "unmount" and not failures:
                failures.append(self.cluster.clock.seconds())
                raise CommandTimedOut(("zfs", "unmount"), 10.0)

        self.here.storage.before = refuse
        self.move()
        self.cluster.run(4.0)
        assert failures
        assert self.running(self.here) | self.running(self.there) == set(NAMES)
        self.cluster.run(60.0)
        assert self.running(self.there) == set(NAMES)
        assert self.verdicts() == {"done"}

    def test_paused_by_its_user(self) -> None:
        """While one cannot move, the others wait for it and run on."""
        self.here.containers.pause("files")
        self.move()
        self.cluster.run(30.0)
        assert self.told == []
        assert self.running(self.here) == set(NAMES)
        self.here.containers.unpause("files")
        self.cluster.run(90.0)
        assert self.running(self.there) == set(NAMES)

    def test_agent_dies_in_the_pause(self) -> None:
        """What is not committed goes on here, and moves as soon as it can."""
        self.move()
        while not self.told:
            self.cluster.run(0.05)
        self.cluster.stop_agent(self.here)
        self.cluster.run(2.0)
        self.cluster.start_agent(self.here)
        self.cluster.run(90.0)
        assert self.running(self.there) == set(NAMES)
        assert self.running(self.here) == set()

    def test_others_do_not_wait(self) -> None:
        """A container of no application, or of another one, moves when it is ready."""
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "files", lambda known: replace(known, application=None)
            )
        )
        self.cluster.run(5.0)
        self.slow_down("files")
        self.move()
        where = self.there.address
        self.cluster.edit(lambda before: edits.move_container(before, "files", where))
        self.cluster.run(SLOW_SECONDS / 2)
        assert self.running(self.there) == {"db", "web"}
