"""The fake of etcd keeps the contract of the gateway that the real one is held to."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.interfaces.etcd import IEtcdGateway
from flocker_lite.testing.etcd_contract import EtcdContract
from flocker_lite.testing.memory_etcd import MemoryEtcd, MemoryGateway


class MemoryEtcdTests(EtcdContract, SynchronousTestCase):
    """On an etcd of its own in each test."""

    def open_gateway(self) -> IEtcdGateway:
        self.clock = Clock()
        return MemoryGateway(MemoryEtcd(self.clock))

    def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)
