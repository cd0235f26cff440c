"""What a move would be like, as its source tells before it begins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.properties import SetProperty
from flocker_lite.model.records import Dataset, Move, MoveOptions
from flocker_lite.model.state import Forecast, LocalDataset, Snapshot
from flocker_lite.planner.switch_policy import ROUND_SECONDS_DEFAULT
from flocker_lite.testing.cluster import MemoryCluster
from flocker_lite.testing.memory_storage import Copy
from tests.convergence.pushes import D, Pushes

SIZE_BYTES = 1000
COSTS = pmap({"stop": 0.2, "start": 0.3})


class ForecastTests(SynchronousTestCase):
    """Two nodes that speak, and one that is asked."""

    def setUp(self) -> None:
        self.pushes = Pushes()

    def ask(
        self,
        costs: PMap[str, float] = COSTS,
        options: MoveOptions = MoveOptions(),  # noqa: B008
        dataset_id: str = D,
    ) -> Forecast:
        """Ask the source."""
        source, destination = self.pushes.source, self.pushes.destination
        move = Move("m", source.node_id, destination.node_id, 0.0, None, (dataset_id,), options)
        assert source.agent is not None
        asking = source.agent.forecast(move, costs, destination.address)
        forecast: Forecast = self.successResultOf(Deferred.fromCoroutine(asking))
        return forecast

    def has_copy(self, replica: LocalDataset) -> None:
        """The destination has one, and the source is told so."""
        pushes = self.pushes
        pushes.destination.storage.copies[D] = Copy(replica)
        agent = pushes.source.agent
        assert agent is not None
        view, lease = agent.loop.view, replica.lease
        assert view is not None
        assert lease is not None
        known = replace(view.datasets[D], holders=pmap({pushes.destination.node_id: lease}))
        agent.loop.set_view(replace(view, datasets=view.datasets.set(D, known)))

    def test_first(self) -> None:
        """All has to be sent, and nobody knows how long that takes."""
        before = dict(self.pushes.source.storage.copies)
        forecast = self.ask(pmap())
        assert forecast.expected_bytes == SIZE_BYTES
        # The pause is that of other moves, and it says how little that is worth.
        assert forecast.pause_seconds is not None
        assert forecast.pause_p95_seconds is not None
        assert forecast.pause_p95_seconds > 1.2 * forecast.pause_seconds > 0
        assert self.pushes.source.storage.copies == before
        assert self.pushes.destination.storage.copies == {}

    def test_back_again(self) -> None:
        """Once it was there, it only has to be caught up; how long that takes is known as well."""
        pushes = self.pushes
        source_agent = pushes.source.agent
        assert source_agent is not None
        moves = source_agent.loop._context.moves
        moves.link_rates = moves.link_rates.set(pushes.destination.node_id, 500.0)
        snapshot = pushes.source.storage.user_snapshot(D, "flocker-lite-1-1")
        replica = LocalDataset(D, Lease(Role.REPLICA, 1), False, "/there", snapshots=(snapshot,))
        self.has_copy(replica)
        forecast = self.ask()
        likely = replace(forecast, pause_p95_seconds=None)
        assert likely == Forecast(SIZE_BYTES, True, 2.0, 0.5 + ROUND_SECONDS_DEFAULT)
        assert 0.5 < (forecast.pause_p95_seconds or 0.0) < 1.1
        limited = self.ask(options=MoveOptions(bandwidth_limit=100))
        assert limited.push_seconds == pytest.approx(10.0)

    def test_diverged(self) -> None:
        """What would be kept aside is told beforehand."""
        own = Snapshot("own", "another guid")
        replica = LocalDataset(D, Lease(Role.REPLICA, 1), False, "/there", snapshots=(own,))
        self.has_copy(replica)
        forecast = self.ask()
        assert not forecast.is_incremental
        assert "would set it aside" in (forecast.warning or "")

    def test_properties(self) -> None:
        """What users set on it is told, and first what does not travel."""
        for name, value in (("atime", "off"), ("quota", "9" * 100)):
            self.pushes.source.storage.set_property(D, name, value)
        assert self.ask().properties == (
            SetProperty(D, "quota", f"{'9' * 64}...", False),
            SetProperty(D, "atime", "off", True),
        )

    def test_away(self) -> None:
        """A destination that does not answer is no reason not to answer."""
        self.has_copy(LocalDataset(D, Lease(Role.REPLICA, 1), False, "/there"))
        network = self.pushes.cluster.network
        nodes = (self.pushes.source.node_id, self.pushes.destination.node_id)
        network.cut.add(frozenset(nodes))
        forecast = self.ask()
        assert "cannot be reached" in (forecast.warning or "")
        assert forecast.expected_bytes is None

    def test_not_here(self) -> None:
        """A dataset that is still to come cannot be sent on."""
        forecast = self.ask(dataset_id="another")
        assert "is not on this node yet" in (forecast.warning or "")

    def test_over_the_link(self) -> None:
        """The control service asks the agent of the source, and changes nothing."""
        cluster = MemoryCluster(nodes=2)
        cluster.start()
        control = cluster.control
        assert control is not None
        source, destination = cluster.nodes
        create = partial(edits.create_dataset, dataset=Dataset(D, source.node_id))
        self.successResultOf(Deferred.fromCoroutine(control.edit(create)))
        cluster.run(1.0)
        source.storage.write(D, "x" * SIZE_BYTES)
        move = Move("m", source.node_id, destination.node_id, 0.0, None, (D,))
        asking = Deferred.fromCoroutine(control.forecast(move))
        cluster.run(1.0)
        assert self.successResultOf(asking).expected_bytes == SIZE_BYTES
        assert destination.storage.copies == {}
