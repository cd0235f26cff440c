"""Which coroutine carries out which kind of change: one table, of the tables of the modules.

To add a kind: add its value to the planner, and its coroutine to a module here, with a line in the
module's own table.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from flocker_lite.convergence import (
    container_executors,
    copying,
    copying_data,
    dataset_executors,
    group_handoff,
    handoff,
    promotion,
    pruning,
    push,
    releasing,
    replicating,
    taking_over,
)
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.planner.changes import IStateChange, steps_of

EXECUTORS: Executors = MappingProxyType(
    {
        **dataset_executors.EXECUTORS,
        **container_executors.EXECUTORS,
        **push.EXECUTORS,
        **handoff.EXECUTORS,
        **group_handoff.EXECUTORS,
        **promotion.EXECUTORS,
        **copying.EXECUTORS,
        **copying_data.EXECUTORS,
        **taking_over.EXECUTORS,
        **releasing.EXECUTORS,
        **replicating.EXECUTORS,
        **pruning.EXECUTORS,
    }
)


async def execute(
    change: IStateChange,
    context: AgentContext,
    begins: Callable[[IStateChange], None] = lambda _: None,
) -> None:
    """Carry out a change step by step; `begins` is called with each step."""
    for step in steps_of(change):
        begins(step)
        await EXECUTORS[type(step)](step, context)
