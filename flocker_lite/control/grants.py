"""Whom the control service believes that a dataset is its own; pure.

A grant moves only along a path that can be verified, to a node that reports that it holds the
dataset as of a later epoch:

    chain    Statements lead from the known grant to this one, each signed by who released the
             dataset, or by a control service of this cluster (`model.grants`).
    said     The owner itself reports that it released this epoch to this node.
    sent     The owner is of a release that signs nothing, or was until it had handed over; the
             configuration sends the dataset to this node, the epoch is the one that follows, and
             the owner is not connected, or does not report that it still holds the dataset.
    own      The owner reports a later epoch of its own.

Anything else is a claim: it is shown, nobody acts on it, and a user may settle it. Without
certificates nobody can be told from anybody else, and every report is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from flocker_lite.model.grants import EPOCH_MAX, Signed, Statement, followed
from flocker_lite.model.lease import Lease, Role, held_epoch
from flocker_lite.model.open_moves import move_of_dataset
from flocker_lite.model.records import Configuration, DatasetId, Grant, NodeId
from flocker_lite.model.state import Claim, DatasetState


@dataclass(frozen=True)
class Evidence:
    """What the control service goes by.

    `objection` says what is wrong with a signed statement, None when nothing is; without it there
    are no certificates. `is_away` knows which agents are not connected. What is signed has to be of
    this cluster.
    """

    objection: Callable[[Signed], str | None] | None = None
    is_away: Callable[[NodeId], bool] = lambda _: True
    cluster_id: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The grant as it should be now (None: there is none), and what nobody can verify."""

    grant: Grant | None = None
    claims: tuple[Claim, ...] = ()


def judge(
    configuration: Configuration,
    dataset_id: DatasetId,
    reports: Mapping[NodeId, DatasetState],
    evidence: Evidence,
) -> Judgement:
    """What the reports of all nodes mean for the grant of a dataset."""
    grant = configuration.grants.get(dataset_id)
    if grant is None:
        return Judgement()
    holders = sorted(_holders(reports), key=lambda held: (held[1], held[0]))
    if evidence.objection is None:
        if any(state.lease is not None for state in reports.values()):
            grant = replace(grant, materialised=True)
        for node_id, epoch in holders:
            if grant.epoch < epoch <= EPOCH_MAX:
                grant = Grant(node_id, epoch, materialised=True)
        return Judgement(grant)
    case = _Case(configuration, dataset_id, reports, evidence, evidence.objection)
    grant = case.materialised(grant)
    claims = list(case.in_the_way(grant))
    grant, released_to = case.along_the_chain(grant)
    for node_id, epoch in holders:
        if epoch < grant.epoch or (epoch == grant.epoch and node_id == grant.owner):
            continue
        reason = case.why_not(grant, released_to, node_id, epoch)
        if reason is None:
            grant, released_to = Grant(node_id, epoch, materialised=True), None
        else:
            claims.append(Claim(node_id, epoch, reason))
    in_the_way = not grant.materialised
    standing = (claim for claim in claims if in_the_way or claim.epoch >= grant.epoch)
    return Judgement(grant, tuple(standing))


@dataclass(frozen=True)
class _Case:
    """One dataset, and all that is known of it."""

    configuration: Configuration
    dataset_id: DatasetId
    reports: Mapping[NodeId, DatasetState]
    evidence: Evidence
    objection: Callable[[Signed], str | None]

    def materialised(self, grant: Grant) -> Grant:
        """Never to be made anew once its owner has it, or who can show that it was given to it."""
        for node_id, state in self.reports.items():
            if grant.materialised or state.lease is None:
                continue
            if node_id == grant.owner or any(self._gives(link, node_id) for link in state.proof):
                grant = replace(grant, materialised=True)
        return grant

    def _gives(self, link: Signed, node_id: NodeId) -> bool:
        said = link.statement
        is_given = said.dataset_id == self.dataset_id and said.owner == node_id
        return is_given and said.released_by != node_id and self.objection(link) is None

    def in_the_way(self, grant: Grant) -> Iterator[Claim]:
        """Who only says that it has a copy: for as long as it does, no empty one is made."""
        for node_id, state in self.reports.items():
            lease = None if grant.materialised else state.lease
            if lease is not None and held_epoch(lease) is None:
                where = self._address(grant.owner)
                reason = f"it says that it has a copy, so that none is made at {where}"
                yield Claim(node_id, lease.epoch, reason)

    def along_the_chain(self, grant: Grant) -> tuple[Grant, NodeId | None]:
        """Where what is signed leads, and to whom the owner there is known to have released it."""
        links = {
            link
            for state in self.reports.values()
            for link in state.proof
            if link.statement.dataset_id == self.dataset_id
            and link.statement.cluster_id == self.evidence.cluster_id
        }
        path = followed(grant, links, lambda link: self.objection(link) is None, self._has_arrived)
        return path.grant, path.released_to

    def why_not(
        self, grant: Grant, released_to: NodeId | None, node_id: NodeId, epoch: int
    ) -> str | None:
        """Why nobody can verify that the node holds this epoch, in words; None when that is so."""
        owner = self._address(grant.owner)
        if epoch > EPOCH_MAX:
            return f"there is no epoch {epoch}"
        if epoch == grant.epoch:
            return f"epoch {epoch} is that of {owner}"
        if node_id == grant.owner:
            if released_to is None:
                return None
            return f"it signed that it released the dataset to {self._address(released_to)}"
        held = self._lease(grant.owner)
        if held == Lease(Role.RELEASED, epoch, node_id):
            return None
        if released_to not in (None, node_id):
            return f"{owner} released it to {self._address(released_to)}, and not to this node"
        why = self._why_not_sent(grant, held, node_id, epoch)
        bad = self._bad_link(grant, node_id)
        return why if why is None or bad is None else f"{why}; {bad}"

    def _why_not_sent(
        self, grant: Grant, held: Lease | None, node_id: NodeId, epoch: int
    ) -> str | None:
        owner = self._address(grant.owner)
        if epoch != grant.epoch + 1:
            return (
                f"it belongs to {owner} as of epoch {grant.epoch}, and nothing that was signed "
                f"leads from there to epoch {epoch}"
            )
        # It has handed it over, to whom is known of the configuration alone: so do those that sign
        # nothing, and those that were upgraded since.
        has_released = held == Lease(Role.REPLICA, epoch)
        if self._signs(grant.owner) and not has_released:
            return f"{owner}, to which it belongs, signed no release of epoch {epoch} to this node"
        is_away = self.evidence.is_away(grant.owner)
        if held is not None and held_epoch(held) is not None and not is_away:
            return f"{owner}, to which it belongs, holds it"
        if node_id not in self._destinations(grant):
            return f"it belongs to {owner}, and nobody sent it to this node"
        return None

    def _bad_link(self, grant: Grant, node_id: NodeId) -> str | None:
        """What is wrong with a statement by which the node may think that it is its own."""
        state = self.reports.get(node_id)
        for link in state.proof if state is not None else ():
            is_next = link.statement.released_by in (None, grant.owner)
            if is_next and link.statement.epoch > grant.epoch:
                objection = self.objection(link)
                if objection is not None:
                    return f"what it shows is not good: {objection}"
        return None

    def _has_arrived(self, release: Statement) -> bool:
        """Whether the dataset is known to have been acquired by whom it was released to."""
        there = self._lease(release.owner)
        if there is not None and (_had_epoch(there) or 0) >= release.epoch:
            return True
        here = self._lease(release.released_by or "")
        return here is not None and here.role is Role.REPLICA and here.epoch >= release.epoch

    def _destinations(self, grant: Grant) -> Iterator[NodeId]:
        """Where the configuration sends the dataset, or sent it while it had this very grant."""
        dataset = self.configuration.datasets.get(self.dataset_id)
        if dataset is not None:
            yield dataset.primary
        move = move_of_dataset(self.configuration, self.dataset_id)
        if move is not None:
            yield move.destination
        for past in self.configuration.past_moves.values():
            if past.epochs.get(self.dataset_id) == grant.epoch:
                yield past.move.destination

    def _lease(self, node_id: NodeId) -> Lease | None:
        state = self.reports.get(node_id)
        return state.lease if state is not None else None

    def _signs(self, node_id: NodeId) -> bool:
        node = self.configuration.nodes.get(node_id)
        return node is not None and node.signs

    def _address(self, node_id: NodeId | None) -> str:
        node = self.configuration.nodes.get(node_id or "")
        return node.address if node is not None else f"node {node_id}"


def _holders(reports: Mapping[NodeId, DatasetState]) -> Iterator[tuple[NodeId, int]]:
    """The nodes that report that the dataset is theirs, and as of which epoch."""
    for node_id, state in reports.items():
        epoch = held_epoch(state.lease) if state.lease is not None else None
        if epoch is not None:
            yield node_id, epoch


def _had_epoch(lease: Lease) -> int | None:
    """The latest epoch as of which the node held, or has held, the dataset."""
    return lease.epoch - 1 if lease.role is Role.RELEASED else held_epoch(lease)
