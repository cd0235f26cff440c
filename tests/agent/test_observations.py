"""What an agent says when it is asked, from the control service to its node and back."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.service import ControlService
from flocker_lite.model.machine import Capacity
from flocker_lite.model.usage import ContainerUsage
from flocker_lite.protocol.observations import NoObservation
from flocker_lite.testing.cluster import MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"


class ObservationsTests(SynchronousTestCase):
    """Two nodes in memory, one with a container."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node, self.other = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("db", DATASET_ID, self.node)
        self.cluster.run(5.0)

    @property
    def control(self) -> ControlService:
        """The control service."""
        assert self.cluster.control is not None
        return self.cluster.control

    def answer(self, asking: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """The answer, as soon as it is there."""
        found = Deferred.fromCoroutine(asking)
        self.cluster.deliver()
        return found

    def test_diagnosis(self) -> None:
        """The checks of the node are made, and that of the agent's own ports."""
        self.node.check.ill = True
        found = self.successResultOf(self.answer(self.control.diagnosis(self.node.node_id)))
        assert set(found.facts) == {"pool", "ports"}
        assert [each.text for each in found.findings] == ["it is ill"]
        assert self.other.check.looks == 0

    def test_usage(self) -> None:
        """The machine, and the containers that run there."""
        found = self.successResultOf(self.answer(self.control.usage(self.node.node_id)))
        assert found.machine == self.node.machine.now
        assert set(found.containers) == {"db"}
        other = self.successResultOf(self.answer(self.control.usage(self.other.node_id)))
        assert not other.containers

    def test_a_limit_that_is_none(self) -> None:
        """Docker shows the machine's memory as the limit of a container without one."""
        now = self.node.machine.now
        self.node.machine.now = replace(now, memory=Capacity(1000, 500))
        for limit, shown in ((1000, None), (999, 999), (None, None)):
            self.node.usage.of["db"] = ContainerUsage(memory_limit_bytes=limit)
            found = self.successResultOf(self.answer(self.control.usage(self.node.node_id)))
            assert found.containers["db"].memory_limit_bytes == shown

    def test_away(self) -> None:
        """Nobody is there to be asked."""
        self.cluster.stop_agent(self.node)
        self.cluster.run(1.0)
        error = self.failureResultOf(
            self.answer(self.control.usage(self.node.node_id)), NoObservation
        )
        assert "away" in str(error.value)
