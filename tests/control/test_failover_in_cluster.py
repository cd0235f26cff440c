"""A cluster in memory in which containers fail over by themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.failover_news import LOOK_SECONDS
from flocker_lite.control.promotions import ALIVE_SECONDS_MAX
from flocker_lite.control.service import ControlService
from flocker_lite.model import edits
from flocker_lite.model.container_fields.failover import Failover
from flocker_lite.model.fencing.claims import promise_seconds
from flocker_lite.model.records import Configuration, Container, Edit, NodeId
from flocker_lite.model.replicas import Replicas
from flocker_lite.protocol.link import Link
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
AFTER = 10


class FailoverTestCase(SynchronousTestCase):
    """Three nodes; "db" runs on the first, and the second stands by for its dataset."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=3)
        self.cluster.start()
        self.first, self.second, self.third = self.cluster.nodes
        self.cluster.configure("db", D, self.first)
        self.cluster.run(10.0)
        self.standby(self.second)
        self.cluster.run(60.0)
        self.fail_over_by_itself()
        self.cluster.run(30.0)

    @property
    def control(self) -> ControlService:
        assert self.cluster.control is not None
        return self.cluster.control

    def standby(self, *nodes: MemoryNode) -> None:
        replicas = Replicas(tuple(node.node_id for node in nodes))
        self.cluster.edit(
            lambda before: edits.update_dataset(
                before, D, lambda dataset: replace(dataset, replicas=replicas)
            )
        )

    def fail_over_by_itself(self, max_lag_seconds: int = 120) -> None:
        failover = Failover("automatic", AFTER, max_lag_seconds)

        def edit(before: Configuration) -> Edit:
            return edits.update_container(
                before, "db", lambda container: replace(container, failover=failover)
            )

        self.cluster.edit(edit)

    @property
    def owner(self) -> NodeId:
        return self.control.configuration.grants[D].owner

    @property
    def runs_on(self) -> list[MemoryNode]:
        return [node for node in self.cluster.nodes if "db" in node.containers.processes]

    @property
    def reason(self) -> str | None:
        return self.control.failover_keeper.reasons.get("db")

    def test_it_is_renewed(self) -> None:
        """The primary names its standby, and runs on under its deadline."""
        self.cluster.run(5 * AFTER)
        assert self.runs_on == [self.first]
        assert self.control.configuration.fencings["db"].witnesses == (self.second.node_id,)
        assert self.owner == self.first.node_id
        assert self.control.failover_keeper.shown("db") == {"armed": True}
        self.cluster.stop_agent(self.second)
        self.cluster.run(1.0)
        shown = self.control.failover_keeper.shown("db")
        assert shown is not None
        assert shown["armed"] is False
        assert "is away" in str(shown["reason"])

    def events(self, generation: int) -> list[tuple[str, str]]:
        """What the feed of changes has had since then, of the states of containers."""
        found = self.control.change_feed.since(generation, 1000)
        assert found is not None
        return [each[1:] for each in found if each.collection == "state/containers"]

    def test_it_is_told(self) -> None:
        """The feed says so when a standby goes or comes back, though nothing else changed."""
        feed = self.control.change_feed
        self.cluster.run(AFTER)
        for act in (self.cluster.stop_agent, self.cluster.start_agent):
            before = feed.generation
            act(self.second)
            self.cluster.run(LOOK_SECONDS + 3.0)
            assert self.events(before) == [("state/containers", "db")]
            assert feed.has_changed("state/containers", before)
        before = feed.generation
        self.cluster.run(5 * AFTER)
        assert self.events(before) == []

    def test_reasons_are_told(self) -> None:
        """Of standbys that are counted, of time that passes, and of a mode that is another one."""
        feed = self.control.change_feed
        self.cluster.cut_control(self.first)
        before = feed.generation
        self.cluster.run(2 * AFTER)
        assert self.reason is not None
        assert self.events(before) == [("state/containers", "db")]
        before = feed.generation
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "db", lambda container: replace(container, failover=Failover("manual"))
            )
        )
        self.cluster.run(LOOK_SECONDS)
        assert self.events(before) == [("state/containers", "db")]
        assert self.control.failover_keeper.shown("db") is None

    def test_a_node_dies(self) -> None:
        """Its standby takes over, two epochs later, once; and the move says so."""
        self.cluster.stop_agent(self.first)
        self.cluster.run(3 * AFTER)
        assert self.owner == self.second.node_id
        assert self.runs_on == [self.second]
        grant = self.control.configuration.grants[D]
        assert (grant.epoch, grant.snapshot is not None) == (3, True)
        moves = [
            *self.control.configuration.moves.values(),
            *(past.move for past in self.control.configuration.past_moves.values()),
        ]
        (failed,) = [move.failover for move in moves if move.failover is not None]
        assert failed.automatic

    def test_no_time_is_lost(self) -> None:
        """It takes over as soon as all promises are over, though a dead node answers no ping."""
        self.cluster.cut_control(self.first)
        self.cluster.network.cut.add(frozenset((self.first.node_id, self.second.node_id)))
        heard_at = self.control.fences.heard_at["db"]
        while self.owner == self.first.node_id:
            self.cluster.run(0.1)
            assert self.cluster.clock.seconds() - heard_at < promise_seconds(AFTER) + 1.0
        assert self.cluster.clock.seconds() - heard_at > promise_seconds(AFTER)

    def test_it_is_no_failover_any_more(self) -> None:
        """Who changes their mind while the last promise runs out is not surprised later."""
        self.cluster.cut_control(self.first)
        self.cluster.network.cut.add(frozenset((self.first.node_id, self.second.node_id)))
        heard_at = self.control.fences.heard_at["db"]
        over_at = heard_at + promise_seconds(AFTER)
        self.cluster.run(over_at - 0.2 - self.cluster.clock.seconds())
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "db", lambda container: replace(container, failover=Failover("manual"))
            )
        )
        self.cluster.run(3 * AFTER)
        assert self.owner == self.first.node_id

    def test_the_old_node_comes_back(self) -> None:
        """It starts nothing, and stands by from then on; nothing fails over once more."""
        self.cluster.stop_agent(self.first)
        self.cluster.run(3 * AFTER)
        self.cluster.start_agent(self.first)
        self.cluster.run(6 * AFTER)
        assert self.runs_on == [self.second]
        assert self.owner == self.second.node_id
        assert self.control.configuration.fencings["db"].witnesses == (self.first.node_id,)

    def test_a_node_is_cut_off_from_the_control_service(self) -> None:
        """Its standby renews, so it goes on, and the standby does not agree."""
        self.cluster.cut_control(self.first)
        self.cluster.run(5 * AFTER)
        assert self.runs_on == [self.first]
        assert self.owner == self.first.node_id
        assert self.reason is not None
        assert "too recently" in self.reason

    def test_the_control_service_restarts(self) -> None:
        """It counts as having promised at its start; what the primary counts is on disk."""
        self.cluster.stop_control()
        self.cluster.run(1.0)
        self.cluster.stop_agent(self.first)
        self.cluster.start_control()
        self.cluster.run(AFTER)
        assert self.owner == self.first.node_id
        self.cluster.run(3 * AFTER)
        assert self.owner == self.second.node_id
        assert self.runs_on == [self.second]

    def test_the_control_service_is_away(self) -> None:
        """Nobody stops."""
        self.cluster.stop_control()
        self.cluster.run(5 * AFTER)
        assert self.runs_on == [self.first]

    def test_the_standby_is_away(self) -> None:
        """Nobody stops either."""
        self.cluster.stop_agent(self.second)
        self.cluster.run(5 * AFTER)
        assert self.runs_on == [self.first]

    def test_a_standby_too_far_behind(self) -> None:
        """It does not take over by itself, and the reason says by how much."""
        self.fail_over_by_itself(max_lag_seconds=1)
        self.cluster.run(AFTER)
        self.cluster.network.cut.add(frozenset((self.first.node_id, self.second.node_id)))
        self.cluster.run(4 * AFTER)
        self.cluster.stop_agent(self.first)
        self.cluster.run(4 * AFTER)
        assert self.owner == self.first.node_id
        assert self.reason is not None
        assert "max_lag_seconds is 1" in self.reason

    def test_too_many_are_away(self) -> None:
        """That is a cut at the control service rather than two deaths."""
        self.cluster.stop_agent(self.first)
        self.cluster.stop_agent(self.third)
        self.cluster.run(4 * AFTER)
        assert self.owner == self.first.node_id
        assert self.runs_on == []
        assert self.reason is not None
        assert "2 of 3 nodes are away" in self.reason

    def test_nothing_runs_twice(self) -> None:
        """The primary is cut off from everybody: it has stopped before its standby starts."""
        self.cluster.cut_control(self.first)
        self.cluster.network.cut.add(frozenset((self.first.node_id, self.second.node_id)))
        for _ in range(60 * AFTER // 10):
            self.cluster.run(1.0)
            assert len(self.runs_on) <= 1
        assert self.runs_on == [self.second]


class PlainTests(SynchronousTestCase):
    """A container without data names the nodes where it may start."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=3)
        self.cluster.start()
        self.first, self.second, _ = self.cluster.nodes
        failover = Failover("automatic", AFTER, nodes=(self.second.node_id,))
        container = Container("web", self.first.node_id, "nginx:1", failover=failover)
        self.cluster.edit(lambda before: edits.create_container(before, container))
        self.cluster.run(20.0)

    def test_pings_are_shared(self) -> None:
        """However many containers were on the node, each of the others is pinged once a round."""
        pinged: list[Link] = []
        is_alive = Link.is_alive

        async def counted(link: Link, seconds_max: float) -> bool:
            if seconds_max == ALIVE_SECONDS_MAX:
                pinged.append(link)
            return await is_alive(link, seconds_max)

        failover = Failover("automatic", AFTER, nodes=(self.second.node_id,))
        for number in range(20):
            made = Container(f"web-{number}", self.first.node_id, "nginx:1", failover=failover)
            self.cluster.edit(partial(edits.create_container, container=made))
        self.cluster.run(3 * AFTER)
        self.patch(Link, "is_alive", counted)
        self.cluster.stop_agent(self.first)
        self.cluster.run(3 * AFTER)
        assert len(self.second.containers.processes) == 21
        assert 0 < len(pinged) <= 4 * 3

    @property
    def runs_on(self) -> list[MemoryNode]:
        return [node for node in self.cluster.nodes if "web" in node.containers.processes]

    def test_its_node_dies(self) -> None:
        """It starts elsewhere without fencing, and the other one goes when its node is back."""
        self.cluster.stop_agent(self.first)
        self.cluster.run(AFTER / 2)
        assert self.second not in self.runs_on
        self.cluster.run(2 * AFTER)
        assert self.second in self.runs_on
        self.cluster.start_agent(self.first)
        self.cluster.run(3 * AFTER)
        assert self.runs_on == [self.second]

    def test_its_agent_restarts(self) -> None:
        """A node that is back in time keeps it."""
        self.cluster.stop_agent(self.first)
        self.cluster.run(AFTER / 2)
        self.cluster.start_agent(self.first)
        self.cluster.run(3 * AFTER)
        assert self.runs_on == [self.first]
