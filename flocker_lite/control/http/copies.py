"""What /state/datasets says of each copy of a dataset; pure.

A body is made with `snapshot_at`, and is kept; how old that is, is said when it is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.model.copy_drops import why_needed
from flocker_lite.model.lease import HOLDERS, Role
from flocker_lite.model.records import Configuration, DatasetId, Grant, NodeId
from flocker_lite.model.standby_choice import missing_standbys
from flocker_lite.model.state import DatasetState, Replication

COPIES = "copies"
LAG, MET, SINCE, RPO = "lag_seconds", "rpo_met", "snapshot_at", "rpo_seconds"
_MILLISECOND_DIGITS = 3
_ROLES = {Role.PROBATION: "trial"}


@dataclass(frozen=True, slots=True)
class Reported:
    """What nodes report of one dataset; `replications` are those of its primary, by standby.

    `claimants` only claim to be its primary. `ahead_seconds` is how far each node's clock is ahead
    of ours.
    """

    copies: Mapping[NodeId, DatasetState]
    replications: Mapping[NodeId, Replication] = field(default_factory=dict)
    claimants: Collection[NodeId] = ()
    ahead_seconds: Mapping[NodeId, float] = field(default_factory=dict)


def copies_of(
    configuration: Configuration, dataset_id: DatasetId, reported: Reported
) -> list[Body]:
    """Each copy that there is or should be: the primary first, then standbys, then the others.

    None of a dataset of which there is one copy and should be no other.
    """
    dataset, grant = configuration.datasets.get(dataset_id), configuration.grants.get(dataset_id)
    standbys: tuple[NodeId, ...] = ()
    rpo_seconds = None
    if dataset is not None and grant is not None and dataset.replicas and not dataset.deleted:
        standbys = dataset.replicas.standbys(grant.owner)
        rpo_seconds = dataset.replicas.rpo_seconds
    nodes = {*reported.copies, *standbys}
    if len(nodes) < 2 and not standbys:
        return []
    found = []
    for node_id in nodes:
        copy = reported.copies.get(node_id)
        role = _role(node_id, reported, standbys)
        body = {
            "host": bodies.address(configuration, node_id),
            "role": role,
            **_copy(copy),
            **_drop(configuration, dataset_id, node_id, copy),
        }
        # What a dead primary told last hides nothing: since the failover it should stand by.
        if node_id in standbys and (role != "primary" or _is_past(copy, grant)):
            ahead = reported.ahead_seconds.get(grant.owner, 0.0) if grant is not None else 0.0
            told = reported.replications.get(node_id)
            body |= {RPO: rpo_seconds, **_kept_fresh(copy, told, ahead)}
        found.append({key: value for key, value in body.items() if value is not None})
    return sorted(found, key=lambda body: (_RANKS.get(body["role"], len(_RANKS)), body["host"]))


def missing(configuration: Configuration, dataset_id: DatasetId) -> Body:
    """How many standbys of a dataset are missing that the control service was to choose."""
    dataset, grant = configuration.datasets.get(dataset_id), configuration.grants.get(dataset_id)
    if dataset is None or grant is None or dataset.replicas is None or dataset.deleted:
        return {}
    count = missing_standbys(dataset.replicas, grant.owner)
    return {"missing_standbys": count} if count else {}


def aged(body: Body, now: float) -> Body:
    """The body of a dataset with the lag of each copy at `now`, in seconds since 1970."""
    if not any(SINCE in copy or RPO in copy for copy in body.get(COPIES, ())):
        return body
    return {**body, COPIES: [_aged(copy, now) for copy in body[COPIES]]}


_RANKS = {"primary": 0, "standby": 1}


def _aged(copy: Body, now: float) -> Body:
    if SINCE not in copy:
        return {**copy, MET: False} if RPO in copy else copy
    lag_seconds = round(max(now - copy[SINCE], 0.0), _MILLISECOND_DIGITS)
    met = {MET: lag_seconds <= copy[RPO]} if RPO in copy else {}
    return {**copy, LAG: lag_seconds, **met}


def _role(node_id: NodeId, reported: Reported, standbys: Collection[NodeId]) -> str:
    copy = reported.copies.get(node_id)
    held = copy.lease if copy is not None else None
    if held is not None and held.role in HOLDERS:
        return "claimed" if node_id in reported.claimants else "primary"
    if held is None or held.role is Role.REPLICA:
        return "standby" if node_id in standbys else "replica"
    return _ROLES.get(held.role, held.role.value)


def _is_past(copy: DatasetState | None, grant: Grant | None) -> bool:
    """Whether its lease is of an epoch before the grant's: another node took over."""
    lease = copy.lease if copy is not None else None
    return lease is not None and grant is not None and lease.epoch < grant.epoch


def _copy(copy: DatasetState | None) -> Body:
    if copy is None:
        return {}
    complete = copy.complete_set
    return {
        "epoch": copy.lease.epoch if copy.lease is not None else None,
        SINCE: complete.taken_at if complete is not None else None,
        "size_bytes": copy.size_bytes,
        "error": copy.error,
        "next_try_at": copy.next_try_at,
    }


def _drop(
    configuration: Configuration, dataset_id: DatasetId, node_id: NodeId, copy: DatasetState | None
) -> Body:
    is_known = dataset_id in configuration.datasets and dataset_id in configuration.grants
    if copy is None or not is_known:
        return {}
    discard = configuration.discards.get(dataset_id)
    if discard is not None and node_id in discard.nodes:
        return {"can_be_dropped": True, "dropping": True}
    why = why_needed(configuration, dataset_id, node_id, copy.lease)
    return {"can_be_dropped": why is None}


def _kept_fresh(copy: DatasetState | None, told: Replication | None, ahead: float) -> Body:
    """What the primary and the standby say of it; the newer of the two counts."""
    complete = copy.complete_set if copy is not None else None
    taken = [complete.taken_at] if complete is not None else []
    taken += [told.taken_at] if told is not None and told.taken_at is not None else []
    body: Body = {SINCE: max(taken) - ahead} if taken else {}
    if told is None:
        return body
    own = copy.error if copy is not None else None
    again = copy.next_try_at if copy is not None else None
    return {
        **body,
        "phase": told.phase,
        "sent_bytes": told.sent_bytes,
        "expected_bytes": told.expected_bytes,
        "lag_bytes": told.lag_bytes,
        "error": "; ".join(filter(None, (told.last_error, own))) or None,
        "next_try_at": told.next_try_at if told.next_try_at is not None else again,
    }
