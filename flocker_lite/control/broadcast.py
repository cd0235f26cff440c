"""Tells all agents of what concerns every node: a few of them at once, many in turns.

A route concerns every node, so one that changes costs a message to each agent. To write thousands
of them in one turn of the reactor would hold everything else up. So many agents are told some at a
time, and what changes meanwhile, or soon afterwards, is told together. Nobody waits for that: the
nodes that a route leads to and from lead connections on by themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker_lite.model.records import Change, NodeId

AT_ONCE_MAX = 100
"""How many agents are told in one turn of the reactor: that takes some 20 ms."""

TOGETHER_SECONDS = 0.1
"""How long many agents are told nothing, after they all were told something."""


class Broadcast:
    """Tells `agents()` of changes, each with `tell(node_id, changes)`."""

    def __init__(
        self,
        clock: IReactorTime,
        agents: Callable[[], Iterable[NodeId]],
        tell: Callable[[NodeId, list[Change]], None],
    ) -> None:
        self._clock = clock
        self._agents = agents
        self._tell = tell
        self._pending: dict[tuple[str, str], Change] = {}
        self._context = copy_context()
        self._next: IDelayedCall | None = None

    def add(self, changes: Iterable[Change]) -> None:
        """Tell all of these changes: now, or with the next ones if all were just told some."""
        self._pending.update({(each.kind, each.identity): each for each in changes})
        # The lines about it, and what agents log, name the request that it follows from.
        self._context = copy_context()
        if self._next is None:
            self._begin()

    def stop(self) -> None:
        """Tell nothing more."""
        self._pending.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _begin(self) -> None:
        self._next = None
        if self._pending:
            changes, self._pending = list(self._pending.values()), {}
            agents = deque(self._agents())
            self._go_on(changes, agents, len(agents) > AT_ONCE_MAX, self._context)

    def _go_on(
        self, changes: list[Change], left: deque[NodeId], are_many: bool, context: Context
    ) -> None:
        self._next = None
        for _ in range(min(AT_ONCE_MAX, len(left))):
            context.run(self._tell, left.popleft(), changes)
        if left:
            self._next = self._clock.callLater(0, self._go_on, changes, left, are_many, context)
        elif are_many:
            self._next = self._clock.callLater(TOGETHER_SECONDS, self._begin)
