"""What the next step to a mounted volume is, by what this node has and was told; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from flocker_lite.model.lease import Role
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import DesiredDataset, LocalDataset
from flocker_lite.model.volumes import VolumeStatus


class Step(Enum):
    """What to do about a volume that Docker wants mounted."""

    MOUNT = auto()
    ASK = auto()
    WAIT = auto()
    REFUSE = auto()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node knows of a dataset when Docker wants it.

    `copy` is its own copy, `desired` what the control service told it of the dataset; `is_told`
    says that it has told anything since the agent started. `status` is its last answer to this
    mount. `container` is one of flocker_lite's that has the dataset here. `barred` says why no
    fence would end in time what uses it.
    """

    me: NodeId
    copy: LocalDataset | None
    desired: DesiredDataset | None
    is_told: bool = False
    status: VolumeStatus | None = None
    is_leaving: bool = False
    is_returning: bool = False
    container: str | None = None
    barred: str | None = None


def next_step(facts: Facts) -> tuple[Step, str]:
    """The step, and the reason of REFUSE, or of WAIT where there is one to tell."""
    copy, desired = facts.copy, facts.desired
    if copy is not None and copy.trouble is not None:
        return Step.REFUSE, copy.trouble
    if facts.container is not None:
        return Step.REFUSE, f"container {facts.container} of flocker_lite has its dataset"
    if desired is not None and desired.dataset.deleted:
        return Step.REFUSE, "its dataset has been deleted: remove it with `docker volume rm`"
    if copy is None or copy.lease is None or copy.lease.role is not Role.PRIMARY:
        return (Step.WAIT if _is_to_come(facts) else Step.ASK), ""
    if facts.is_leaving:
        return Step.WAIT, ""
    if facts.is_returning or _may_write(facts, copy.lease.epoch, copy.mounted):
        return (Step.MOUNT, "") if facts.barred is None else (Step.WAIT, facts.barred)
    return (Step.WAIT if _is_to_come(facts) else Step.ASK), ""


def _may_write(facts: Facts, epoch: int, mounted: bool) -> bool:
    """Whether nobody else was granted the dataset, as far as this node can know.

    After a reboot it must have been told so: another node may have been promoted meanwhile. A copy
    that is mounted was so since this boot.
    """
    desired, status, me = facts.desired, facts.status, facts.me
    if desired is not None:
        is_later = desired.grant.owner != me and desired.grant.epoch > epoch
        return desired.dataset.primary == me and not is_later
    if status is not None:
        return status.primary == me and status.owner == me and status.epoch <= epoch
    return mounted and not facts.is_told


def _is_to_come(facts: Facts) -> bool:
    """Whether the dataset is to come to this node, or to be made here, by what was last said."""
    return facts.status is not None and facts.status.primary == facts.me
