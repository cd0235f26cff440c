"""Tells the control service, when that asks, what is wrong with this node and what it uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from pyrsistent import pmap
from twisted.internet.defer import Deferred

from flocker_lite.agent.checks import PortsCheck
from flocker_lite.convergence.context import AgentContext
from flocker_lite.doctor import Doctor
from flocker_lite.model.diagnosis import Diagnosis
from flocker_lite.model.state import PortState
from flocker_lite.model.usage import ContainerUsage, NodeUsage


class Observations:
    """Looks with what is in the context, and at the `ports` that the agent reports.

    Who asks while it measures gets the answer of that.
    """

    def __init__(self, context: AgentContext, ports: Callable[[], Mapping[str, PortState]]) -> None:
        self._context = context
        self._doctor = Doctor((*context.instruments.checks, PortsCheck(ports)), context.clock)
        self._waiting: list[Deferred[NodeUsage]] = []

    async def diagnosis(self) -> Diagnosis:
        """What is wrong with this node."""
        return await self._doctor.examine()

    async def usage(self) -> NodeUsage:
        """What this node and its containers use."""
        waiter: Deferred[NodeUsage] = Deferred()
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self._measure()).addBoth(self._measured)
        return await waiter

    async def _measure(self) -> NodeUsage:
        machine = await self._context.machine.look()
        used = await self._context.instruments.usage.measure()
        size = machine.memory.size_bytes if machine.memory is not None else None
        containers = pmap({name: _limited(each, size) for name, each in used.items()})
        return NodeUsage(machine, os.cpu_count(), containers)

    def _measured(self, outcome: object) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(outcome)  # type: ignore[arg-type]


def _limited(usage: ContainerUsage, memory_bytes: int | None) -> ContainerUsage:
    """Without a limit that is the whole memory: so Docker says that there is none."""
    limit = usage.memory_limit_bytes
    if limit is None or memory_bytes is None or limit < memory_bytes:
        return usage
    return replace(usage, memory_limit_bytes=None)
