"""IUsage in memory keeps the contract."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import TestCase

from flocker_lite.interfaces import IUsage
from flocker_lite.testing.memory_containers import MemoryContainers
from flocker_lite.testing.memory_usage import USUAL, MemoryUsage
from flocker_lite.testing.usage_contract import BUSY, IDLE, STOPPED, UsageContract


class MemoryUsageTests(UsageContract, TestCase):
    """Containers in memory."""

    async def make(self) -> IUsage:
        containers = MemoryContainers()
        for each in (BUSY, IDLE, STOPPED):
            await containers.pull(each.image, lambda _: None)
            await containers.prepare(each, {}, "10.79.1.11")
        for each in (BUSY, IDLE):
            await containers.start(each.name)
        return MemoryUsage(containers, {BUSY.name: replace(USUAL, cpu_share=1.0)})
