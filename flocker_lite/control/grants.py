"""Decides when the grant of a dataset moves to a node that reports to own it; pure.

A grant moves to a node that reports to hold the dataset since a later epoch, if one of these
proves it:

    chain    Statements lead from the known grant to this one. Each is signed by the node that
             released the dataset, or by a control service of this cluster (`model.grants`).
    said     The owner itself reports that it released this epoch to this node.
    sent     The owner runs a release that signs nothing, or did so until it had handed over; the
             configuration sends the dataset to this node; the epoch is the next one; and the
             owner is not connected, or does not report that it still holds the dataset.
    own      The owner reports a later epoch of its own.

Any other report is a claim: the API shows it, nobody acts on it, and a user may settle it.
Without certificates the control service cannot tell nodes apart, so it believes every report.
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
    """What the control service checks reports with.

    `rejection_reason` says what is wrong with a signed statement (None: nothing is); it is None
    itself when there are no certificates. `is_away` tells which agents are not connected. Signed
    statements have to name the cluster `cluster_id`.
    """

    rejection_reason: Callable[[Signed], str | None] | None = None
    is_away: Callable[[NodeId], bool] = lambda _: True
    cluster_id: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The grant as it should be now (None: there is none), and the claims on the dataset."""

    grant: Grant | None = None
    claims: tuple[Claim, ...] = ()


def judge(
    configuration: Configuration,
    dataset_id: DatasetId,
    reports: Mapping[NodeId, DatasetState],
    evidence: Evidence,
) -> Judgement:
    """Decide from the reports of all nodes what the grant of a dataset should be."""
    grant = configuration.grants.get(dataset_id)
    if grant is None:
        return Judgement()
    holders = sorted(_holders(reports), key=lambda held: (held[1], held[0]))
    if evidence.rejection_reason is None:
        if any(state.lease is not None for state in reports.values()):
            grant = replace(grant, materialised=True)
        for node_id, epoch in holders:
            if grant.epoch < epoch <= EPOCH_MAX:
                grant = Grant(node_id, epoch, materialised=True)
        return Judgement(grant)
    case = _Case(configuration, dataset_id, reports, evidence, evidence.rejection_reason)
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
    """One dataset, and everything that is known of it."""

    configuration: Configuration
    dataset_id: DatasetId
    reports: Mapping[NodeId, DatasetState]
    evidence: Evidence
    rejection_reason: Callable[[Signed], str | None]

    def materialised(self, grant: Grant) -> Grant:
        """The grant, marked as materialised once its owner, or a node with a proof, has a copy.

        Nobody creates an empty dataset for a materialised grant.
        """
        for node_id, state in self.reports.items():
            if grant.materialised or state.lease is None:
                continue
            if node_id == grant.owner or any(self._gives(link, node_id) for link in state.proof):
                grant = replace(grant, materialised=True)
        return grant

    def _gives(self, link: Signed, node_id: NodeId) -> bool:
        said = link.statement
        is_given = said.dataset_id == self.dataset_id and said.owner == node_id
        return is_given and said.released_by != node_id and self.rejection_reason(link) is None

    def in_the_way(self, grant: Grant) -> Iterator[Claim]:
        """Nodes that report a copy without proof; while they do, no empty dataset is created."""
        for node_id, state in self.reports.items():
            lease = None if grant.materialised else state.lease
            if lease is not None and held_epoch(lease) is None:
                where = self._address(grant.owner)
                reason = f"it reports a copy, so no empty dataset is created on {where}"
                yield Claim(node_id, lease.epoch, reason)

    def along_the_chain(self, grant: Grant) -> tuple[Grant, NodeId | None]:
        """The grant to which the signed statements lead, and to whom its owner released it."""
        links = {
            link
            for state in self.reports.values()
            for link in state.proof
            if link.statement.dataset_id == self.dataset_id
            and link.statement.cluster_id == self.evidence.cluster_id
        }
        path = followed(
            grant, links, lambda link: self.rejection_reason(link) is None, self._has_arrived
        )
        return path.grant, path.released_to

    def why_not(
        self, grant: Grant, released_to: NodeId | None, node_id: NodeId, epoch: int
    ) -> str | None:
        """Why it cannot be verified that the node holds this epoch; None if it is verified."""
        owner = self._address(grant.owner)
        if epoch > EPOCH_MAX:
            return f"there is no epoch {epoch}"
        if epoch == grant.epoch:
            return f"epoch {epoch} belongs to {owner}"
        if node_id == grant.owner:
            if released_to is None:
                return None
            return f"it signed that it released the dataset to {self._address(released_to)}"
        held = self._lease(grant.owner)
        if held == Lease(Role.RELEASED, epoch, node_id):
            return None
        if released_to not in (None, node_id):
            return f"{owner} released it to {self._address(released_to)}, not to this node"
        why = self._why_not_sent(grant, held, node_id, epoch)
        bad = self._bad_link(grant, node_id)
        return why if why is None or bad is None else f"{why}; {bad}"

    def _why_not_sent(
        self, grant: Grant, held: Lease | None, node_id: NodeId, epoch: int
    ) -> str | None:
        owner = self._address(grant.owner)
        if epoch != grant.epoch + 1:
            return (
                f"it belongs to {owner} since epoch {grant.epoch}, and no signed statements lead "
                f"from there to epoch {epoch}"
            )
        # The owner has handed the dataset over, and only the configuration says to whom. Owners
        # that sign nothing look like this, and so do owners that were upgraded after the handoff.
        has_released = held == Lease(Role.REPLICA, epoch)
        if self._signs(grant.owner) and not has_released:
            return f"its owner {owner} signed no release of epoch {epoch} to this node"
        is_away = self.evidence.is_away(grant.owner)
        if held is not None and held_epoch(held) is not None and not is_away:
            return f"its owner {owner} still holds it"
        if node_id not in self._destinations(grant):
            return f"it belongs to {owner}, and the configuration does not send it to this node"
        return None

    def _bad_link(self, grant: Grant, node_id: NodeId) -> str | None:
        """What is wrong with the statement that the node shows as its proof, if anything."""
        state = self.reports.get(node_id)
        for link in state.proof if state is not None else ():
            is_next = link.statement.released_by in (None, grant.owner)
            if is_next and link.statement.epoch > grant.epoch:
                rejection_reason = self.rejection_reason(link)
                if rejection_reason is not None:
                    return f"its proof is not valid: {rejection_reason}"
        return None

    def _has_arrived(self, release: Statement) -> bool:
        """Whether reports show that the node that a release names has acquired the dataset."""
        there = self._lease(release.owner)
        if there is not None and (_had_epoch(there) or 0) >= release.epoch:
            return True
        here = self._lease(release.released_by or "")
        return here is not None and here.role is Role.REPLICA and here.epoch >= release.epoch

    def _destinations(self, grant: Grant) -> Iterator[NodeId]:
        """The nodes to which the configuration sends the dataset, or sent it under this grant."""
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
    """The nodes that report to own the dataset, each with its epoch."""
    for node_id, state in reports.items():
        epoch = held_epoch(state.lease) if state.lease is not None else None
        if epoch is not None:
            yield node_id, epoch


def _had_epoch(lease: Lease) -> int | None:
    """The latest epoch in which the node owns or owned the dataset."""
    return lease.epoch - 1 if lease.role is Role.RELEASED else held_epoch(lease)
