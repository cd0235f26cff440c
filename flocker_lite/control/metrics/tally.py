"""Counts what only happens once, such as the end of a move: for counters that never go down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client import Counter as CounterMetric

from flocker_lite.model.move_progress import MoveProgress, pause_by_step
from flocker_lite.model.moves import CANCELLED, DONE, ROLLED_BACK, SUPERSEDED
from flocker_lite.model.records import Change, Configuration, NodeId, PastMove
from flocker_lite.model.state import NodeState, PortState

VERDICTS = (DONE, ROLLED_BACK, CANCELLED, SUPERSEDED)
FAILOVERS = ("automatic", "asked", "forced")
PAIRS_MAX = 1000
"""Pairs of nodes with a counter of their own; those of more pairs are counted together."""

OTHERS = ("", "")
PAUSE_BUCKETS_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)
ERROR_BUCKETS_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 60)


class Tally:
    """What has happened since this service started; `events` has the counters."""

    def __init__(self, events: CollectorRegistry) -> None:
        self._moves = CounterMetric(
            "flocker_moves",
            "Moves that ended since the service started.",
            ["verdict"],
            registry=events,
        )
        for verdict in VERDICTS:
            self._moves.labels(verdict)
        self._failovers = CounterMetric(
            "flocker_failovers",
            "Failovers that ended; automatic, asked for by a person, or forced.",
            ["kind"],
            registry=events,
        )
        for kind in FAILOVERS:
            self._failovers.labels(kind)
        self._pauses = Histogram(
            "flocker_move_pause_seconds",
            "How long the container of a finished move did not serve.",
            buckets=PAUSE_BUCKETS_SECONDS,
            registry=events,
        )
        self._errors = Histogram(
            "flocker_move_prediction_error_seconds",
            "By how much the pause of a move was longer or shorter than predicted.",
            buckets=ERROR_BUCKETS_SECONDS,
            registry=events,
        )
        self._pushed: Counter[tuple[NodeId, NodeId]] = Counter()
        self._pushing: dict[str, int] = {}
        self._refused: Counter[NodeId] = Counter()
        self._ports: dict[NodeId, Mapping[str, PortState]] = {}

    def configured(self, changes: Iterable[Change]) -> None:
        """An edit changed the configuration: count the moves that it ended."""
        for change in changes:
            if isinstance(change.record, PastMove):
                self._ended(change.record)

    def _ended(self, past: PastMove) -> None:
        sides, failover = past.accounts, past.move.failover
        if failover is not None:
            automatic, asked, forced = FAILOVERS
            kind = automatic if failover.automatic else forced if failover.forced else asked
            self._failovers.labels(kind).inc()
        self._moves.labels(past.verdict).inc()
        pair = self._pair(past.move.source, past.move.destination)
        before = self._pushing.pop(past.move_id, 0)
        self._pushed[pair] += max(before, sent_bytes(sides))
        seconds = sum(pause_by_step(sides).values())
        if past.verdict != DONE or not seconds:
            return
        self._pauses.observe(seconds)
        told = [each.predicted_pause_seconds for each in sides]
        predicted = [each for each in told if each is not None]
        if predicted:
            self._errors.observe(abs(seconds - max(predicted)))

    def pushed(
        self, configuration: Configuration, progress: Mapping[str, tuple[MoveProgress, ...]]
    ) -> dict[tuple[NodeId, NodeId], float]:
        """The bytes that went from node to node, with those of open moves.

        An agent that restarts forgets what it sent; what was seen before still counts.
        """
        total: Counter[tuple[NodeId, NodeId]] = Counter(self._pushed)
        for move_id, sides in progress.items():
            move = configuration.moves[move_id]
            seen = max(self._pushing.get(move_id, 0), sent_bytes(sides))
            self._pushing[move_id] = seen
            total[self._pair(move.source, move.destination)] += seen
        return dict(total)

    def _pair(self, source: NodeId, destination: NodeId) -> tuple[NodeId, NodeId]:
        pair = (source, destination)
        if pair in self._pushed or len(self._pushed) < PAIRS_MAX:
            self._pushed[pair] += 0
            return pair
        return OTHERS

    def refused(self, nodes: Mapping[NodeId, NodeState]) -> dict[NodeId, float]:
        """The connections that each node refused, counted on when a port or an agent goes."""
        for node_id, state in nodes.items():
            known = self._ports.get(node_id, {})
            if known is not state.ports:
                self._refused[node_id] += sum(
                    _grown(known.get(port), reported) for port, reported in state.ports.items()
                )
                self._ports[node_id] = state.ports
        return dict(self._refused)


def sent_bytes(sides: Iterable[MoveProgress]) -> int:
    """How much the source has sent, of all datasets of a move."""
    return sum(
        max(side.sent_bytes or 0, sum(each.sent_bytes for each in side.rounds))
        for side in sides
        if side.source is not None
    )


def _grown(before: PortState | None, now: PortState) -> int:
    seen = before.refused_total if before is not None else 0
    # An agent that restarted counts from 0.
    return now.refused_total - seen if now.refused_total >= seen else now.refused_total
