"""The bodies of /state, from what the agents report; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.node_records import NodeRecords
from flocker_lite.model.container_fields.ports import TCP, port_of
from flocker_lite.model.lease import HOLDERS
from flocker_lite.model.records import Configuration, DatasetId, NodeId
from flocker_lite.model.state import (
    AsideState,
    Claim,
    ContainerState,
    DatasetState,
    ImagePull,
    ImageState,
    Kept,
    Machine,
    NodeState,
    PortState,
)


def dataset_bodies(
    configuration: Configuration,
    dataset_id: DatasetId,
    copies: Mapping[NodeId, DatasetState],
    claims: Sequence[Claim] = (),
    absence: str | None = None,
) -> list[Body]:
    """One body for each primary copy, the latest epoch first; one body if there is no primary.

    A copy that a node only claims is not a primary; each body has the `claims`. The error is the
    primary's own, followed by errors of other nodes with their addresses. `absence` is the text
    about a node that is away.
    """
    claimants = {claim.node_id for claim in claims}
    claimed: Body = {}
    if claims:
        claimed["claims"] = [_claim_body(configuration, claim) for claim in claims]
    primaries = sorted(
        (
            (node_id, copy)
            for node_id, copy in copies.items()
            if _is_primary(copy) and node_id not in claimants
        ),
        key=lambda item: (-item[1].lease.epoch if item[1].lease else 0, item[0]),
    )
    elsewhere = [
        f"{bodies.address(configuration, node_id)}: {copy.error}"
        for node_id, copy in copies.items()
        if copy.error and not _is_primary(copy)
    ]
    elsewhere += [absence] if absence is not None else []
    if not primaries:
        again = [copy.next_try_at for copy in copies.values() if copy.next_try_at is not None]
        soon = {"next_try_at": min(again)} if again else {}
        said = {**_error(elsewhere), **soon, **claimed}
        return [{"dataset_id": dataset_id, **said}] if copies or absence is not None else []
    found: list[Body] = []
    for node_id, copy in primaries:
        body: Body = {
            "dataset_id": dataset_id,
            "primary": bodies.address(configuration, node_id),
            "path": copy.path,
            "maximum_size": copy.maximum_size,
            "warning": copy.warning,
            **_error([copy.error, *elsewhere]),
            **claimed,
            "next_try_at": copy.next_try_at,
        }
        found.append({key: value for key, value in body.items() if value is not None})
    return found


def _claim_body(configuration: Configuration, claim: Claim) -> Body:
    host = bodies.address(configuration, claim.node_id)
    return {"host": host, "epoch": claim.epoch, "reason": claim.reason}


def container_bodies(
    configuration: Configuration,
    name: str,
    reports: Mapping[NodeId, ContainerState],
    absence: str | None = None,
    failover: Body | None = None,
) -> list[Body]:
    """One body for each node that has the container; first the node where it runs as configured.

    `absence` is the text about a node that is away. A container that no node reports is then shown
    on its configured node. `failover` says whether it would fail over by itself.
    """
    desired = configuration.containers.get(name)
    if not reports and desired is not None and absence is not None:
        reports = {desired.node: ContainerState(desired, running=False)}

    def rank(item: tuple[NodeId, ContainerState]) -> tuple[bool, bool, NodeId]:
        node_id, reported = item
        return not reported.running, desired is None or desired.node != node_id, node_id

    return [
        {
            **bodies.container_body(configuration, reported.container),
            "host": bodies.address(configuration, node_id),
            "running": reported.running,
            **_error([reported.error, absence if number == 0 else None]),
            **_runs(reported),
            **({} if failover is None else {"failover_state": failover}),
        }
        for number, (node_id, reported) in enumerate(sorted(reports.items(), key=rank))
    ]


def aside_body(
    configuration: Configuration, name: str, node_id: NodeId, reported: AsideState
) -> Body:
    """What was set aside on a node."""
    discard = configuration.discards.get(name)
    deleting = discard is not None and node_id in discard.nodes
    return {
        "name": name,
        "host": bodies.address(configuration, node_id),
        "dataset_id": reported.dataset_id,
        "reason": reported.reason,
        "since": reported.set_aside_at,
        "bytes": reported.size_bytes,
        **({"deleting": True} if deleting else {}),
        **_error([reported.error]),
        **({"next_try_at": reported.next_try_at} if reported.next_try_at is not None else {}),
    }


def image_body(
    configuration: Configuration, image_id: str, node_id: NodeId, reported: ImageState
) -> Body:
    """An image that a node should have in advance."""
    return {
        "image_id": image_id,
        "host": bodies.address(configuration, node_id),
        "image": reported.image,
        "present": reported.present,
        **_error([reported.error]),
        **({"next_try_at": reported.next_try_at} if reported.next_try_at is not None else {}),
        **({"image_pull": pull_body(reported.pull)} if reported.pull is not None else {}),
    }


def _runs(reported: ContainerState) -> Body:
    body: Body = {}
    if reported.image_id:
        body["image_id"] = reported.image_id
    if reported.image_digest:
        body["image_digest"] = reported.image_digest
    if reported.paused:
        body["status"] = "paused"
    if reported.health:
        body["health"] = reported.health
    if reported.restarts:
        body["restarts"] = reported.restarts
    if reported.next_try_at is not None:
        body["next_try_at"] = reported.next_try_at
    if reported.exit_code is not None:
        body["exit_code"] = reported.exit_code
    if reported.last_output:
        body["last_output"] = list(reported.last_output)
    if reported.pull is not None:
        body["image_pull"] = pull_body(reported.pull)
    if staying := bodies.staying(reported):
        body["stays_behind"] = staying
    return body


def pull_body(pull: ImagePull) -> Body:
    """The progress of an image's pull."""
    return {
        "bytes": pull.done_bytes,
        "total_bytes": pull.total_bytes,
        "layers_done": pull.layers_done,
        "layers": pull.layers,
    }


def node_body(
    configuration: Configuration,
    node_id: NodeId,
    node: NodeState,
    records: NodeRecords,
    away_since: float | None = None,
    away: bool = False,
) -> Body:
    """A node, with its machine, and the external ports and the kept volumes that it reports.

    Its protocol and what it allows are those of when its agent came last; its machine is as it was
    told last. `away`: its agent is not connected, and has not been since `away_since`, in seconds
    since 1970, as far as that is known.
    """
    body: Body = {"host": bodies.address(configuration, node_id), "uuid": node_id}
    known = configuration.nodes.get(node_id)
    if known is not None:
        body["protocol"] = known.protocol
    if known is not None and not known.schedulable:
        body["schedulable"] = False
    if known is not None and known.drain is not None and known.drain.goes_on:
        body["draining"] = True
    if known is not None and known.allow:
        body["allow"] = list(known.allow)
    if node_id in records.certificates:
        body["certificate_expires_at"] = records.certificates[node_id]
    if away:
        body["away"] = True
    if away_since is not None:
        body["away_since"] = away_since
    if node_id in records.machines:
        body["machine"] = machine_body(records.machines[node_id])
    if node_id in records.clock_offsets:
        body["clock_offset_seconds"] = round(records.clock_offsets[node_id], 3)
    if node.ports:
        ports = sorted(node.ports, key=port_of)
        body["ports"] = [_port_body(*port_of(key), node.ports[key]) for key in ports]
    if node.kept:
        body["kept_volumes"] = kept_bodies(node.kept.values())
    return body


def machine_body(machine: Machine) -> Body:
    """What is known of a machine."""
    said = {
        "release": machine.release or None,
        "system": machine.system or None,
        "kernel": machine.kernel or None,
        "storage": machine.storage or None,
        "storage_size_bytes": machine.capacity.size_bytes if machine.capacity else None,
        "storage_free_bytes": machine.capacity.free_bytes if machine.capacity else None,
        "memory_size_bytes": machine.memory.size_bytes if machine.memory else None,
        "memory_free_bytes": machine.memory.free_bytes if machine.memory else None,
        "load": machine.load,
        "booted_at": machine.booted_at,
        "told_at": machine.told_at,
    }
    return {key: value for key, value in said.items() if value is not None}


def kept_bodies(kept: Iterable[Kept]) -> list[Body]:
    """The Docker volumes that a node keeps, oldest first."""
    volumes = (volume for each in kept for volume in each.volumes)
    return [
        {
            "container": each.container,
            "path": each.path,
            "volume": each.volume,
            "since": each.since,
        }
        for each in sorted(volumes, key=lambda each: (each.since, each.volume))
    ]


def _port_body(port: int, protocol: str, reported: PortState) -> Body:
    return {
        "port": port,
        **({} if protocol == TCP else {"protocol": protocol}),
        "held": reported.held,
        "held_total": reported.held_total,
        "refused_total": reported.refused_total,
        **_error([reported.error]),
    }


def _is_primary(copy: DatasetState) -> bool:
    return copy.lease is not None and copy.lease.role in HOLDERS


def _error(said: Iterable[str | None]) -> Body:
    errors = [error for error in said if error]
    return {"error": "; ".join(errors)} if errors else {}
