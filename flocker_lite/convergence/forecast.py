"""Forecasts a move at its source, without changing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.holder_checks import require_unmountable
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IPeer, PeerCopy
from flocker_lite.interfaces.peer_requests import Copy
from flocker_lite.model import increments
from flocker_lite.model.estimates import Estimate, total
from flocker_lite.model.pause_history import SEND
from flocker_lite.model.properties import Properties, listed
from flocker_lite.model.records import DatasetId, Move
from flocker_lite.model.state import Forecast
from flocker_lite.planner import pause_costs
from flocker_lite.planner.switch_policy import ROUND_SECONDS_DEFAULT


@dataclass(frozen=True, slots=True)
class _Dataset:
    """What a move would send of one dataset; `size_bytes` is None when storage cannot tell."""

    dataset_id: DatasetId
    size_bytes: int | None
    is_incremental: bool
    warning: str | None = None
    properties: Properties = field(default_factory=dict)


async def forecast(
    context: AgentContext, move: Move, own_costs: Mapping[str, float], address: str
) -> Forecast:
    """Ask the destination, at `address`, for its copies, and storage for the size to send.

    A node that has no copies is not asked: it may refuse this node. The duration comes from the
    best rate of all rounds to that node so far.
    """
    pause = _pause(context, move, own_costs)
    unsent = Forecast(pause_seconds=pause.p50_seconds, pause_p95_seconds=pause.p95_seconds)
    peer = None
    try:
        if any(context.desired.has_copy(item, move.destination) for item in move.dataset_ids):
            peer = await context.peers.connect(move.destination, address)
    except FlockerError as error:
        warning = f"the destination cannot be reached, so the move would wait: {error}"
        return replace(unsent, warning=warning)
    try:
        datasets = [await _dataset(context, peer, item, address) for item in move.dataset_ids]
    except FlockerError as error:
        return replace(unsent, warning=str(error))
    finally:
        if peer is not None:
            peer.close()
    warnings = [item.warning for item in datasets if item.warning]
    try:
        await require_unmountable(
            context.storage, context.containers, move.container, move.dataset_ids
        )
    except FlockerError as error:
        warnings.append(f"the move would wait: {error}")
    sizes = [item.size_bytes for item in datasets if item.size_bytes is not None]
    expected_bytes = sum(sizes) if len(sizes) == len(datasets) else None
    rate = context.moves.link_rates.get(move.destination)
    if rate is not None and move.options.bandwidth_limit is not None:
        rate = min(rate, move.options.bandwidth_limit)
    return Forecast(
        expected_bytes,
        all(item.is_incremental for item in datasets),
        expected_bytes / rate if expected_bytes is not None and rate is not None else None,
        pause.p50_seconds,
        "; ".join(warnings) or None,
        listed({item.dataset_id: item.properties for item in datasets}),
        pause.p95_seconds,
    )


async def _dataset(
    context: AgentContext, peer: IPeer | None, dataset_id: DatasetId, address: str
) -> _Dataset:
    local = await context.storage.look(dataset_id)
    if local is None:
        return _Dataset(
            dataset_id,
            None,
            False,
            f"dataset {dataset_id} is not on this node yet: ask again later",
        )
    copy = await peer.ask(Copy(dataset_id)) if peer is not None else PeerCopy(exists=False)
    base, warning = None, None
    match increments.next_send(local.snapshots, copy.exists, copy.newest, copy.snapshots):
        case increments.Increment(snapshot):
            base = snapshot.name
        case increments.Parted(snapshot) as parted:
            base = snapshot.name
            warning = f"dataset {dataset_id}, {address}: {parted}: they would be set aside there"
        case increments.Diverged():
            warning = (
                f"the copy of dataset {dataset_id} at {address} cannot be continued: the move "
                "would set it aside under another name and send the whole dataset"
            )
    size_bytes = await context.storage.estimate(dataset_id, base, None)
    own = await context.storage.properties(dataset_id)
    return _Dataset(dataset_id, size_bytes, base is not None, warning, own)


def _pause(context: AgentContext, move: Move, own: Mapping[str, float]) -> Estimate:
    """The steps as they are known, and the last send as past moves or the last rounds tell."""
    here = context.run_log.times(move.container or "")
    steps = pause_costs.expected(own, move.estimates, here, move.container is not None)
    if SEND in move.estimates:
        return total([*steps.values(), move.estimates[SEND]])
    sides = [context.moves.moves.get(dataset_id) for dataset_id in move.dataset_ids]
    sends = [
        progress.rounds[-1].seconds if progress is not None and progress.rounds else None
        for progress in sides
    ]
    rest_seconds = sum(each if each is not None else ROUND_SECONDS_DEFAULT for each in sends)
    return pause_costs.whole_pause(steps, rest_seconds)
