"""Empties a node, item by item, as pure functions of the configuration and of what nodes report.

`advance` is the whole rule: it looks what became of the items that move, begins others, and ends
the drain when nothing is left that can go. The control service calls it whenever something may have
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter

from flocker_lite.errors import Conflict
from flocker_lite.model import edits, moves
from flocker_lite.model.drain import DONE, FAILED, MOVING, PARALLEL_DEFAULT, Drain, DrainItem
from flocker_lite.model.editing import EDIT_ERRORS, edited, in_turn
from flocker_lite.model.machine import Machine
from flocker_lite.model.node_edits import existing_node
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import (
    Change,
    Configuration,
    DatasetId,
    Edit,
    Move,
    MoveOptions,
    Node,
    NodeId,
)
from flocker_lite.model.uses import uses_of

NO_NODE = "no other node may have it: all are cordoned"
TOO_LATE = "the deadline of the drain has passed"


@dataclass(frozen=True, slots=True)
class Reports:
    """What nodes report, as far as it matters where things may go.

    `is_away` tells whether a node's agent is not connected; `holders` are the nodes that report a
    copy of each dataset.
    """

    is_away: Callable[[NodeId], bool] = lambda _: False
    machines: Mapping[NodeId, Machine] = field(default_factory=dict)
    holders: Mapping[DatasetId, Collection[NodeId]] = field(default_factory=dict)


def begin(
    configuration: Configuration,
    where: str,
    now: float,
    reports: Reports,
    parallel: int = PARALLEL_DEFAULT,
    deadline_seconds: float | None = None,
    max_pause_seconds: float | None = None,
) -> Edit:
    """Cordon the node and begin to empty it; a drain that goes on gets these options.

    Conflict if its agent is away: what only it has cannot be moved.
    """
    node = existing_node(configuration, where)
    if reports.is_away(node.node_id):
        raise Conflict(
            f"The agent of {node.address} is away, so nothing can be moved from there: start it."
        )
    before = node.drain
    items = before.items if before is not None and before.goes_on else ()
    drain = Drain(
        now,
        parallel,
        None if deadline_seconds is None else now + deadline_seconds,
        max_pause_seconds,
        tuple(item for item in items if item.phase != FAILED),
    )
    node = replace(node, schedulable=False, drain=drain)
    edit = edited(configuration, [Change("nodes", node.node_id, node)])
    return _then(edit, lambda after: advance(after, node.node_id, reports, now))


def stop(configuration: Configuration, where: str, now: float) -> Edit:
    """Begin no more moves; those that are under way go on, and the node stays cordoned."""
    node = existing_node(configuration, where)
    if node.drain is None or not node.drain.goes_on:
        raise Conflict(f"{node.address} is not being drained.")
    return _with_drain(configuration, node, replace(node.drain, ended_at=now))


def bring_back(configuration: Configuration, where: str) -> Edit:
    """Open the node again, and move back what its drain moved away and what is still there.

    Conflict if nothing was drained.
    """
    node = existing_node(configuration, where)
    if node.drain is None:
        raise Conflict(f"Nothing was drained from {node.address}.")
    opened = edited(
        configuration,
        [Change("nodes", node.node_id, replace(node, schedulable=True, drain=None))],
    )
    back = [
        function
        for item in node.drain.items
        if item.phase in (DONE, MOVING)
        for function in _moving(_still_there(configuration, item), node.node_id)
    ]
    return _then(opened, lambda after: in_turn(after, *back))


def advance(configuration: Configuration, node_id: NodeId, reports: Reports, now: float) -> Edit:
    """The next steps of a node's drain; no change when there is nothing to do now."""
    node = configuration.nodes.get(node_id)
    if node is None or node.drain is None or not node.drain.goes_on:
        return Edit(configuration)
    drain = node.drain
    drain = replace(drain, items=tuple(_settled(configuration, item) for item in drain.items))
    edit = _with_options(configuration, drain, now)
    known = {item.key for item in drain.items if item.phase in (MOVING, FAILED)}
    for item in units(configuration, node_id):
        if item.key in known:
            continue
        if drain.deadline_at is not None and now >= drain.deadline_at:
            drain = _added(drain, replace(item, phase=FAILED, error=TOO_LATE))
        elif any(move.stays for move in _open_moves(configuration, item)):
            continue  # it is being adopted or released, and goes on once that is over
        elif len(drain.with_phase(MOVING)) < drain.parallel and not reports.is_away(node_id):
            edit, begun = _begun(edit, node_id, item, drain, reports)
            drain = _added(drain, begun) if begun is not None else drain
    if not drain.with_phase(MOVING) and not _left(edit.configuration, node_id, drain):
        drain = replace(drain, ended_at=now)
    return _then(edit, lambda after: _with_drain(after, after.nodes[node_id], drain))


def units(configuration: Configuration, node_id: NodeId) -> list[DrainItem]:
    """What is configured on a node, as it would leave; applications first, then by name."""
    applications: dict[str, list[str]] = {}
    alone: list[str] = []
    for name, container in sorted(configuration.containers.items()):
        if container.node != node_id:
            continue
        if container.application is None:
            alone.append(name)
        else:
            applications.setdefault(container.application.name, []).append(name)
    used = uses_of(configuration).datasets
    lone = sorted(
        dataset.dataset_id
        for dataset in configuration.datasets.values()
        if dataset.primary == node_id and not dataset.deleted and dataset.dataset_id not in used
    )
    return [
        *(DrainItem(tuple(names), name) for name, names in sorted(applications.items())),
        *(DrainItem((name,)) for name in alone),
        *(DrainItem(dataset_id=dataset_id) for dataset_id in lone),
    ]


def left(configuration: Configuration, node: Node) -> int:
    """How many items have not begun to leave."""
    return 0 if node.drain is None else _left(configuration, node.node_id, node.drain)


def _left(configuration: Configuration, node_id: NodeId, drain: Drain) -> int:
    known = {item.key for item in drain.items if item.phase in (MOVING, FAILED)}
    return sum(item.key not in known for item in units(configuration, node_id))


def _settled(configuration: Configuration, item: DrainItem) -> DrainItem:
    """The item as it is now: a move that is over was done, or not."""
    if item.phase != MOVING or any(True for _ in _open_moves(configuration, item)):
        return item
    places = {
        configuration.containers[name].node
        for name in item.containers
        if name in configuration.containers
    }
    dataset = configuration.datasets.get(item.dataset_id or "")
    if dataset is not None and not dataset.deleted:
        places.add(dataset.primary)
    if places <= {item.destination}:
        return replace(item, phase=DONE)
    return replace(item, phase=FAILED, error=_why(configuration, item))


def _why(configuration: Configuration, item: DrainItem) -> str:
    """How the item's last move ended, in words."""
    past = [
        each
        for each in configuration.past_moves.values()
        if each.verdict != moves.DONE
        and (each.move.container in item.containers or item.dataset_id in each.move.dataset_ids)
    ]
    last = max(past, key=attrgetter("ended_at"), default=None)
    if last is None:
        return "somebody else wants it elsewhere"
    errors = dict.fromkeys(side.error for side in last.accounts if side.error)
    return "; ".join([f"its move was {last.verdict}", *errors])


def _begun(
    before: Edit, node_id: NodeId, item: DrainItem, drain: Drain, reports: Reports
) -> tuple[Edit, DrainItem | None]:
    """Move the item to the best node that can have it; the item as it is then.

    None while all that may have it are away: it waits for them.
    """
    why = NO_NODE
    candidates = _destinations(before.configuration, node_id, item, drain, reports)
    if candidates and all(reports.is_away(each) for each in candidates):
        return before, None
    for destination in (each for each in candidates if not reports.is_away(each)):
        going = replace(item, destination=destination)
        functions = _moving(going, destination)
        try:
            return _then(before, lambda after: in_turn(after, *functions)), going  # noqa: B023
        except EDIT_ERRORS as error:
            why = str(error)
    return before, replace(item, phase=FAILED, error=why)


def _destinations(
    configuration: Configuration,
    node_id: NodeId,
    item: DrainItem,
    drain: Drain,
    reports: Reports,
) -> list[NodeId]:
    """The nodes where the item may go, the best one first.

    That is one that has a copy of its data, then one to which this drain has sent little, then one
    with much free space and memory.
    """
    data = set(_data(configuration, item))

    def rank(node: Node) -> tuple[object, ...]:
        machine = reports.machines.get(node.node_id, Machine())
        return (
            -sum(node.node_id in reports.holders.get(each, ()) for each in data),
            sum(other.destination == node.node_id for other in drain.items),
            -(machine.capacity.free_bytes if machine.capacity is not None else 0),
            -(machine.memory.free_bytes if machine.memory is not None else 0),
            node.address,
        )

    candidates = [
        node
        for node in configuration.nodes.values()
        if node.node_id != node_id and node.schedulable and not is_placeholder(node)
    ]
    return [node.node_id for node in sorted(candidates, key=rank)]


def _with_options(configuration: Configuration, drain: Drain, now: float) -> Edit:
    """The moves of the drain with the options that it asks for."""
    if drain.max_pause_seconds is None:
        return Edit(configuration)
    remaining = None if drain.deadline_at is None else max(drain.deadline_at - now, 1.0)
    options = MoveOptions(drain.max_pause_seconds, remaining, "abort")
    changes = [
        Change("moves", move.move_id, replace(move, options=options))
        for item in drain.with_phase(MOVING)
        for move in _open_moves(configuration, item)
        if move.options == MoveOptions()
    ]
    return edited(configuration, changes)


def _open_moves(configuration: Configuration, item: DrainItem) -> Iterator[Move]:
    found = [move_of_container(configuration, name) for name in item.containers]
    if item.dataset_id is not None:
        found.append(move_of_dataset(configuration, item.dataset_id))
    yield from filter(None, found)


def _moving(item: DrainItem, where: NodeId) -> list[partial[Edit]]:
    functions = [partial(edits.move_container, name=name, where=where) for name in item.containers]
    if item.dataset_id is not None:
        functions.append(partial(edits.move_dataset, dataset_id=item.dataset_id, where=where))
    return functions


def _still_there(configuration: Configuration, item: DrainItem) -> DrainItem:
    """The part of an item that is where the drain put it."""
    names = tuple(
        name
        for name in item.containers
        if name in configuration.containers
        and configuration.containers[name].node == item.destination
    )
    dataset = configuration.datasets.get(item.dataset_id or "")
    is_there = dataset is not None and not dataset.deleted and dataset.primary == item.destination
    return replace(item, containers=names, dataset_id=item.dataset_id if is_there else None)


def _data(configuration: Configuration, item: DrainItem) -> Iterator[DatasetId]:
    for name in item.containers:
        for volume in configuration.containers[name].volumes:
            yield volume.dataset_id
    if item.dataset_id is not None:
        yield item.dataset_id


def _added(drain: Drain, item: DrainItem) -> Drain:
    """The drain with this item, which may have been done before and come back since."""
    others: Iterable[DrainItem] = (each for each in drain.items if each.key != item.key)
    return replace(drain, items=(*others, item))


def _with_drain(configuration: Configuration, node: Node, drain: Drain) -> Edit:
    return edited(configuration, [Change("nodes", node.node_id, replace(node, drain=drain))])


def _then(edit: Edit, function: Callable[[Configuration], Edit]) -> Edit:
    following = function(edit.configuration)
    return replace(
        edit,
        configuration=following.configuration,
        changes=(*edit.changes, *following.changes),
    )
