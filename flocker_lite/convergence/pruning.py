"""Destroys the snapshots of a copy here that nobody needs, where no push will do it."""

from __future__ import annotations

from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.transfer import local_copy, prune_here
from flocker_lite.planner.groups import GroupDataset
from flocker_lite.planner.pruning_plan import unneeded
from flocker_lite.planner.replication_changes import PruneSnapshots


async def prune_snapshots(change: PruneSnapshots, context: AgentContext) -> None:
    """Destroy those that are still needed by nobody; what cannot be destroyed now stays."""
    dataset_id = change.dataset_id
    guids = {each.guid for each in change.snapshots}
    context.copies.tried_to_prune(guids)
    local = await local_copy(context, dataset_id)
    dataset = GroupDataset(dataset_id, context.desired.dataset(dataset_id), local)
    still = {each.guid for each in unneeded(context.node_id, dataset, context.copies.known)}
    keep = frozenset(each.guid for each in local.snapshots) - (guids & still)
    await prune_here(context, dataset_id, local.snapshots, keep)


EXECUTORS: Executors = {PruneSnapshots: prune_snapshots}
