"""Which containers wait for others before they are started; pure.

A node decides by what it knows itself: the containers of other nodes are not waited for. What has
run here, runs elsewhere or moves does not wait for what it depends on, so that order is that of a
first start. A container without data that moves with its application waits for the application's
data (`companions`).
"""

from __future__ import annotations

from collections.abc import Mapping

from flocker_lite.model.container_fields.life import COMPLETED, IS_HEALTHY, STARTED
from flocker_lite.model.records import Container, NodeId
from flocker_lite.model.state import HEALTHY, LocalContainer, NodeView
from flocker_lite.planner.companions import awaited
from flocker_lite.planner.groups import Local

_UNTIL = {STARTED: "is started", IS_HEALTHY: "is healthy", COMPLETED: "has completed"}


def held_back(
    me: NodeId, view: NodeView, local: Local, health: Mapping[str, str]
) -> dict[str, str]:
    """The containers that must not be started yet, and why, in words.

    `health` is that of each running container that has a health check.
    """
    found: dict[str, str] = {}
    for name, desired in view.containers.items():
        other = awaited(me, view, name)
        if other is not None:
            found[name] = f"waits until the data of container {other} is here, to move with it"
        elif desired.depends_on and _starts_first(me, view, local, desired):
            reasons = (
                _why(me, view, local, health, other, condition)
                for other, condition in sorted(desired.depends_on.items())
            )
            reason = next(filter(None, reasons), None)
            if reason is not None:
                found[name] = reason
    return found


def _starts_first(me: NodeId, view: NodeView, local: Local, desired: Container) -> bool:
    """Whether the container belongs here, and neither runs anywhere nor ran here before."""
    have = local.containers.get(desired.name)
    if desired.node != me or not desired.running or view.serving.get(desired.name) is not None:
        return False
    if have is not None and (have.has_processes or have.last_exit is not None):
        return False
    datasets = (view.datasets.get(volume.dataset_id) for volume in desired.volumes)
    return all(dataset is None or dataset.move is None for dataset in datasets)


def _why(
    me: NodeId,
    view: NodeView,
    local: Local,
    health: Mapping[str, str],
    name: str,
    condition: str,
) -> str | None:
    """Why a container still waits for this one; None when it does not."""
    desired = view.containers.get(name)
    if desired is None or desired.node != me or not desired.running:
        return None
    have = local.containers.get(name)
    if _is_met(desired, have, condition, health.get(name)):
        return None
    code = _exit_code(desired, have)
    ended = f": it ended with exit code {code}" if code is not None else ""
    return f"waits until container {name} {_UNTIL.get(condition, condition)}{ended}"


def _is_met(
    desired: Container, have: LocalContainer | None, condition: str, health: str | None
) -> bool:
    code = _exit_code(desired, have)
    if condition == COMPLETED:
        return code == 0
    if condition == STARTED:
        return code is not None or (have is not None and have.has_begun)
    if have is None or not have.running:
        return False
    if desired.health_check is not None:
        return health == HEALTHY
    return have.health is None or have.health.status == HEALTHY


def _exit_code(desired: Container, have: LocalContainer | None) -> int | None:
    """How it ended by itself; None while it runs, and when it never did."""
    if have is not None and have.has_processes:
        return None
    if desired.ended is not None:
        return desired.ended.exit_code
    if have is not None and have.last_exit is not None and have.last_exit.by_itself:
        return have.last_exit.exit_code
    return None
