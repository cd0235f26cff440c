"""Looks up all that this node knows of the pause of a move from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flocker_lite.convergence.context import AgentContext
from flocker_lite.model.estimates import Estimate, total
from flocker_lite.model.records import DatasetId
from flocker_lite.planner import pause_costs
from flocker_lite.planner.switch_policy import Outlook


def expected(
    context: AgentContext, container: str | None, dataset_ids: Iterable[DatasetId]
) -> dict[str, Estimate]:
    """What each step of the pause is expected to take, without the last send."""
    own: dict[str, float] = {}
    told: dict[str, Estimate] = {}
    for dataset_id in dataset_ids:
        own.update(context.desired.pause_costs(dataset_id))
        told.update(context.desired.estimates(dataset_id))
    here = context.run_log.times(container or "")
    return pause_costs.expected(own, told, here, container is not None)


def predict(
    context: AgentContext,
    steps: Mapping[str, Estimate],
    dataset_ids: Iterable[DatasetId],
    seen: Outlook,
    rounds: int,
) -> None:
    """Report the pause of a switch that began now, after so many rounds of each dataset."""
    last_send_seconds = seen.pause_seconds - total(steps.values()).p50_seconds
    pause = pause_costs.whole_pause(steps, last_send_seconds, rounds)
    for dataset_id in dataset_ids:
        context.moves.predict(dataset_id, seen.pause_seconds, pause.p95_seconds)


def last_writes_seconds(context: AgentContext, dataset_id: DatasetId, datasets: int) -> float:
    """How long it takes to send what the container writes to the dataset because of the stop."""
    own = context.desired.stop_seconds(dataset_id)
    told = context.desired.estimates(dataset_id)
    is_known = bool(context.desired.pause_costs(dataset_id))
    return own if is_known else pause_costs.last_writes_seconds(told, datasets)
