"""A test of the simulation: bugs that are planted in the core have to be found by it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from flocker_lite.agent.proofs import Proofs
from flocker_lite.control import grants, views
from flocker_lite.convergence import group_handoff, handoff, transfer
from flocker_lite.interfaces.peer_requests import Acquire
from flocker_lite.model import lease, membership
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import NodeId
from flocker_lite.peers.policy import PeerPolicy
from flocker_lite.planner import dataset_plan, groups, move_plan
from flocker_lite.planner.changes import CreateDataset, DeleteDataset, IStateChange
from flocker_lite.planner.groups import Group, GroupDataset
from flocker_lite.planner.move_changes import HandoffDatasets, Moved, ReclaimDatasets
from flocker_lite.testing.memory_chains import MemoryChains
from flocker_lite.testing.memory_signer import MemoryAuthority
from flocker_lite.testing.memory_storage import MemoryStorage
from tests.simulation.test_each_step import (
    CHECK,
    MOMENT_SECONDS,
    TRIAL_SECONDS,
    Move,
    announced,
    each_step,
    kill_source,
    struck_by,
)
from tests.simulation.test_liar import LyingSimulation
from tests.simulation.test_simulation import Simulation
from tests.simulation.world import Call, Hazard

SEEDS_MAX = 150

Plant = Callable[[pytest.MonkeyPatch], None]


def creates_what_nobody_reports(patch: pytest.MonkeyPatch) -> None:
    """The planner takes "I do not see it" for "it does not exist"."""

    def create(me: NodeId, dataset: GroupDataset) -> list[IStateChange]:
        desired = dataset.desired
        if desired is None or desired.dataset.deleted or dataset.local is not None:
            return []
        mine = desired.dataset.primary == me and not desired.holders
        return [CreateDataset(dataset.dataset_id, None)] if mine else []

    patch.setattr(dataset_plan, "plan_creation", create)
    patch.setattr("flocker_lite.planner.plan.plan_creation", create)


def acquires_before_release(patch: pytest.MonkeyPatch) -> None:
    """The destination is told that it is primary before the source has released the dataset."""
    commit = handoff._commit

    async def too_late(change: HandoffDatasets, context: Any) -> None:
        peer = await context.peers.connect(change.destination, change.address)
        for moved in change.datasets:
            local = await context.storage.look(moved.dataset_id)
            guid = local.snapshots[-1].guid
            await peer.ask(Acquire(moved.dataset_id, moved.lease.epoch + 1, guid))
        await commit(change, context)

    patch.setattr(handoff, "_commit", too_late)


def snapshot_before_stop(patch: pytest.MonkeyPatch) -> None:
    """The last snapshot is taken while the container still writes."""
    rest = handoff._send_the_rest

    async def early(
        change: HandoffDatasets, context: Any, transfers: list[Any], switch: Any
    ) -> Any:
        datasets = {each.moved.dataset_id: (each.moved, each.snapshots) for each in transfers}
        taken = await transfer.take_snapshots(context, datasets)

        async def take(*_: object) -> Any:
            return taken

        with patch.context() as before_the_stop:
            before_the_stop.setattr(handoff, "take_snapshots", take)
            return await rest(change, context, transfers, switch)

    patch.setattr(handoff, "_send_the_rest", early)


def takes_back_what_was_released(patch: pytest.MonkeyPatch) -> None:
    """A source whose handoff was not answered goes on as if it had not committed."""

    def reclaim(held: Lease) -> Lease:
        return Lease(Role.PRIMARY, held.epoch)

    def back(group: Group) -> list[IStateChange]:
        going = group.with_role(Role.RELEASED, Role.RELEASING)
        back = tuple(Moved(item.dataset_id, move_plan._lease(item)) for item in going)
        return [ReclaimDatasets(back, group.name)] if back else []

    patch.setattr(lease, "reclaim", reclaim)
    patch.setattr("flocker_lite.planner.plan.plan_unfinished_handoff", back)


def destroys_what_it_is_not_told_of(patch: pytest.MonkeyPatch) -> None:
    """A copy that the configuration does not mention to this node is taken for a left-over."""
    planned = dataset_plan.plan_dataset

    def plan(me: NodeId, dataset: GroupDataset, group: Group) -> list[IStateChange]:
        if dataset.desired is None and dataset.local is not None:
            return [DeleteDataset(dataset.dataset_id)]
        return planned(me, dataset, group)

    patch.setattr("flocker_lite.planner.plan.plan_dataset", plan)


def does_not_wait_for_others(patch: pytest.MonkeyPatch) -> None:
    """A container starts while a deleted one still runs on the same dataset."""
    patch.setattr("flocker_lite.planner.plan.plan_release_of_datasets", nothing_to_part_from)
    found = groups.groups

    def alone(view: Any, local: Any) -> Any:
        return tuple(
            Group(group.name, group.desired, group.have, group.datasets)
            for group in found(view, local)
        )

    patch.setattr("flocker_lite.planner.plan.groups", alone)


def nothing_to_part_from(_: Group) -> list[IStateChange]:
    """Nothing to part from."""
    return []


def leaves_the_container_running(patch: pytest.MonkeyPatch) -> None:
    """A handoff leaves the container running."""

    async def stop(*_: object) -> None:
        return None

    async def unmount(self: MemoryStorage, dataset_id: str) -> None:
        self._set(dataset_id, mounted=False)

    patch.setattr("flocker_lite.testing.memory_containers.MemoryContainers.stop", stop)
    patch.setattr(MemoryStorage, "unmount", unmount)


def forgets_to_retry(patch: pytest.MonkeyPatch) -> None:
    """A change that failed is never tried again."""
    patch.setattr("flocker_lite.planner.backoff.FIRST_DELAY_SECONDS", 1e9)
    patch.setattr("flocker_lite.planner.backoff.DELAY_SECONDS_MAX", 1e9)


def lets_strangers_in(patch: pytest.MonkeyPatch) -> None:
    """A peer need not be the owner of what it asks for."""
    patch.setattr(PeerPolicy, "require_known", lambda *_: None)


def believes_every_report(patch: pytest.MonkeyPatch) -> None:
    """Who says that a dataset is its own, as of a later epoch, has it."""

    def believe(configuration: Any, dataset_id: str, reports: Any, _: object) -> grants.Judgement:
        return grants.judge(configuration, dataset_id, reports, grants.Evidence())

    patch.setattr("flocker_lite.control.view_publisher.judge", believe)


def does_not_look_at_signatures(patch: pytest.MonkeyPatch) -> None:
    """What is signed is believed, whoever signed it."""
    patch.setattr(MemoryAuthority, "rejection_reason", lambda *_: None)


def leads_to_who_says_so(patch: pytest.MonkeyPatch) -> None:
    """A container is where a node says that it serves."""
    patch.setattr(views, "_entitled", lambda _, __, nodes: list(nodes))


def keeps_no_proof(patch: pytest.MonkeyPatch) -> None:
    """Who gets a dataset does not remember how, nor does who released it."""

    async def nothing(*_: object) -> None:
        return None

    patch.setattr(MemoryChains, "write", nothing)
    patch.setattr(Proofs, "of", lambda *_: ())


def each_dataset_by_its_own_lease(patch: pytest.MonkeyPatch) -> None:
    """What is left of a handoff of several goes where each lease alone says."""
    patch.setattr(membership, "fate", lambda *_: Fate.OWN)


def releases_the_coordinator_last(patch: pytest.MonkeyPatch) -> None:
    """The others are committed before the lease that decides for them is."""
    first = group_handoff.coordinator_first
    patch.setattr(group_handoff, "coordinator_first", lambda datasets: first(datasets)[::-1])


def names_the_group_too_late(patch: pytest.MonkeyPatch) -> None:
    """The leases say that a handoff goes on before it is written down who decides."""
    patch.setattr(group_handoff, "write_memberships", nothing_noted)


async def nothing_noted(*_: object) -> None:
    """Nothing is written down."""


def by_seeds() -> None:
    """Random faults, until one finds it."""
    by(Simulation)


def by_lies() -> None:
    """A liar among the nodes."""
    by(LyingSimulation)


def by(kind: type[Simulation]) -> None:
    """Random faults, until one finds it."""
    for seed in range(SEEDS_MAX):
        simulation = kind(seed)
        try:
            simulation.run()
        finally:
            simulation.world.close()


def by_steps() -> None:
    """A move whose source is killed after each of its steps."""

    def hit(move: Move) -> Callable[[Call], Hazard]:
        def strike() -> None:
            later = move.world.cluster.clock.callLater
            later(MOMENT_SECONDS / 2, kill_source, move.world, move.source, move.destination)

        return lambda _: Hazard(delay_after_seconds=MOMENT_SECONDS, at_end=strike)

    each_step(hit)


def by_steps_of_a_group() -> None:
    """A move of two datasets, with a trial, whose source is killed at each of its steps."""
    make = partial(Move, CHECK, False, 2)
    for after in (False, True):
        each_step(struck_by(kill_source, after), make, TRIAL_SECONDS, announced(make))


MUTANTS: dict[Plant, Callable[[], None]] = {
    creates_what_nobody_reports: by_seeds,
    acquires_before_release: by_steps,
    snapshot_before_stop: by_steps,
    takes_back_what_was_released: by_steps,
    destroys_what_it_is_not_told_of: by_seeds,
    does_not_wait_for_others: by_seeds,
    leaves_the_container_running: by_steps,
    forgets_to_retry: by_seeds,
    lets_strangers_in: by_seeds,
    believes_every_report: by_lies,
    does_not_look_at_signatures: by_lies,
    leads_to_who_says_so: by_lies,
    keeps_no_proof: by_lies,
    each_dataset_by_its_own_lease: by_steps_of_a_group,
    releases_the_coordinator_last: by_steps_of_a_group,
    names_the_group_too_late: by_steps_of_a_group,
}


@pytest.mark.parametrize("plant", MUTANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some step of a move, or some seed, finds it."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        MUTANTS[plant]()
