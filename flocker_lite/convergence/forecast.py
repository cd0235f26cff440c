"""What a move would be like if it began now, as its source can tell without doing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flocker_lite.convergence.changes import Doors
from flocker_lite.convergence.obstacles import require_unmountable
from flocker_lite.convergence.rounds import ROUND_SECONDS_DEFAULT
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IPeer, PeerCopy
from flocker_lite.model import increments
from flocker_lite.model.records import DatasetId, Move
from flocker_lite.model.state import Forecast


@dataclass(frozen=True, slots=True)
class _Dataset:
    """What would be sent of one dataset; `size_bytes` is None when storage cannot tell."""

    size_bytes: int | None
    is_incremental: bool
    warning: str | None = None


async def forecast(
    doors: Doors, move: Move, pause_costs: Mapping[str, float], address: str
) -> Forecast:
    """Ask the destination, at `address`, what it has, and storage what it lacks.

    A node that is not known to have any copy is not asked: it has nothing to do with this one yet.
    How long it takes is told by the best rate that a round to that node had so far.
    """
    pause_seconds = _pause_seconds(doors, move, pause_costs)
    peer = None
    try:
        if any(doors.wishes.has_copy(item, move.destination) for item in move.dataset_ids):
            peer = await doors.peers.connect(move.destination, address)
    except FlockerError as error:
        warning = f"the destination cannot be reached, so the move would wait: {error}"
        return Forecast(pause_seconds=pause_seconds, warning=warning)
    try:
        datasets = [await _dataset(doors, peer, item, address) for item in move.dataset_ids]
    except FlockerError as error:
        return Forecast(pause_seconds=pause_seconds, warning=str(error))
    finally:
        if peer is not None:
            peer.close()
    warnings = [item.warning for item in datasets if item.warning]
    try:
        await require_unmountable(doors.storage, doors.containers, move.container, move.dataset_ids)
    except FlockerError as error:
        warnings.append(f"the move would wait: {error}")
    sizes = [item.size_bytes for item in datasets if item.size_bytes is not None]
    expected_bytes = sum(sizes) if len(sizes) == len(datasets) else None
    rate = doors.moves.link_rates.get(move.destination)
    if rate is not None and move.options.bandwidth_limit is not None:
        rate = min(rate, move.options.bandwidth_limit)
    return Forecast(
        expected_bytes,
        all(item.is_incremental for item in datasets),
        expected_bytes / rate if expected_bytes is not None and rate is not None else None,
        pause_seconds,
        "; ".join(warnings) or None,
    )


async def _dataset(
    doors: Doors, peer: IPeer | None, dataset_id: DatasetId, address: str
) -> _Dataset:
    local = await doors.storage.look(dataset_id)
    if local is None:
        return _Dataset(None, False, f"dataset {dataset_id} is not here (yet): ask again later")
    copy = await peer.copy(dataset_id) if peer is not None else PeerCopy(exists=False)
    base, warning = None, None
    match increments.next_send(local.snapshots, copy.exists, copy.newest, copy.snapshots):
        case increments.Increment(snapshot):
            base = snapshot.name
        case increments.Parted(snapshot) as parted:
            base = snapshot.name
            warning = f"dataset {dataset_id}, {address}: {parted}: they would be kept aside there"
        case increments.Diverged():
            warning = (
                f"the copy of dataset {dataset_id} at {address} cannot be continued: "
                "it would be kept aside under another name, and all be sent"
            )
    size_bytes = await doors.storage.estimate(dataset_id, base, None)
    return _Dataset(size_bytes, base is not None, warning)


def _pause_seconds(doors: Doors, move: Move, pause_costs: Mapping[str, float]) -> float | None:
    """The steps that were learnt, and as much for the last sends as they took before."""
    if not pause_costs:
        return None
    accounts = [doors.moves.moves.get(dataset_id) for dataset_id in move.dataset_ids]
    sends = [
        account.rounds[-1].seconds if account is not None and account.rounds else None
        for account in accounts
    ]
    return sum(pause_costs.values()) + sum(
        seconds if seconds is not None else ROUND_SECONDS_DEFAULT for seconds in sends
    )
