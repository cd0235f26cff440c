"""Goes on with the drains of nodes whenever something may have changed; see `model.draining`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker_lite.control.retried_edits import RetriedEdits
from flocker_lite.model import draining
from flocker_lite.model.records import Change, Configuration, Edit, Node, NodeId

_CONCERNED = frozenset({"nodes", "moves", "past_moves", "containers", "datasets"})


class DrainKeeper:
    """Knows which nodes are being drained; without one, it costs nothing."""

    def __init__(
        self,
        clock: IReactorTime,
        edits: RetriedEdits,
        configuration: Callable[[], Configuration],
        reports: Callable[[], draining.Reports],
    ) -> None:
        self._clock = clock
        self._edits = edits
        self._configuration = configuration
        self._reports = reports
        self._deadlines: dict[NodeId, IDelayedCall | None] = {}

    def note(self, nodes: Iterable[Node]) -> None:
        """Know these nodes; their drains go on once something happens."""
        for node in nodes:
            self._note(node.node_id, node)

    def configured(self, changes: Iterable[Change]) -> None:
        """An edit has made these changes."""
        is_concerned = False
        for change in changes:
            is_concerned = is_concerned or change.kind in _CONCERNED
            if change.kind == "nodes":
                self._note(change.identity, change.record)
        if is_concerned:
            self.look()

    def look(self) -> None:
        """Go on with each drain for which there is something to do now."""
        for node_id in list(self._deadlines):
            if self._advanced(self._configuration(), node_id).changes:
                self._edits.make("go on with a drain", partial(self._advanced, node_id=node_id))

    def stop(self) -> None:
        """Cancel all timers."""
        for node_id in list(self._deadlines):
            self._forget(node_id)

    def _advanced(self, before: Configuration, node_id: NodeId) -> Edit:
        return draining.advance(before, node_id, self._reports(), self._clock.seconds())

    def _note(self, node_id: NodeId, record: object | None) -> None:
        self._forget(node_id)
        drain = record.drain if isinstance(record, Node) else None
        if drain is None or not drain.goes_on:
            return
        late = None
        if drain.deadline_at is not None:
            seconds = max(drain.deadline_at - self._clock.seconds(), 0.0)
            late = self._clock.callLater(seconds, self.look)
        self._deadlines[node_id] = late

    def _forget(self, node_id: NodeId) -> None:
        late = self._deadlines.pop(node_id, None)
        if late is not None and late.active():
            late.cancel()
