"""The durable steps of a move, and what may strike while it stands at one: a table, and no code.

A step is a command of one of the two nodes, and whether the move stands before it, in the middle
of its stream, or after its effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Where(Enum):
    """The node whose command a step is."""

    SOURCE = "source"
    TARGET = "target"


class When(Enum):
    """Where in its command the move stands; `DURING` once some of a stream went through."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Fault(Enum):
    """What strikes: SIGKILL, silence between the two nodes, or what a killed agent left behind."""

    SOURCE_AGENT = "source agent"
    TARGET_AGENT = "target agent"
    CONTROL = "control service"
    SSH = "ssh"
    ZFS = "zfs"
    NETWORK = "network"
    LATE = "late zfs"


@dataclass(frozen=True, slots=True)
class Step:
    """A place in a move: `name` says in the table what has happened, and what has not.

    `command` is a glob in which {id} is the dataset: "zfs ..." as it is called, or "docker METHOD
    PATH" as Docker is asked. With `since` it is the first such command after that step; with
    `trial` the container has a health check, so that its data are lent before they are handed over.
    """

    name: str
    where: Where
    when: When
    command: str
    since: Step | None = None
    trial: bool = False


def _lease(role: str) -> str:
    return f"zfs set flocker:lease={role}:* */{{id}}"


ANNOUNCED = Step("releasing is written down", Where.SOURCE, When.AFTER, _lease("releasing"))
COMMIT = Step("to commit", Where.SOURCE, When.BEFORE, _lease("released"))
LENT = Step("lent", Where.SOURCE, When.AFTER, _lease("lent"), trial=True)
SETTLED = Step("the source has become a replica", Where.SOURCE, When.AFTER, _lease("replica"))

STEPS = (
    Step("first snapshot taken", Where.SOURCE, When.AFTER, "zfs snapshot */{id}@*"),
    Step("first stream half sent", Where.SOURCE, When.DURING, "zfs send */{id}@*"),
    Step("first stream half received", Where.TARGET, When.DURING, "zfs receive * */{id}"),
    Step("first stream received", Where.TARGET, When.AFTER, "zfs receive * */{id}"),
    Step("the copy has its place", Where.TARGET, When.AFTER, "zfs set mountpoint=* */{id}"),
    Step("the copy has become a replica", Where.TARGET, When.AFTER, _lease("replica")),
    Step("container created", Where.TARGET, When.AFTER, "docker POST */containers/create*"),
    Step("container poised", Where.TARGET, When.AFTER, "docker POST */containers/*/start"),
    Step("second stream half sent", Where.SOURCE, When.DURING, "zfs send -i * */{id}@*"),
    Step("to prune at the source", Where.SOURCE, When.BEFORE, "zfs destroy */{id}@*"),
    Step("to prune at the target", Where.TARGET, When.BEFORE, "zfs destroy */{id}@*"),
    Step("releasing is to be written down", Where.SOURCE, When.BEFORE, _lease("releasing")),
    ANNOUNCED,
    Step("to stop the container", Where.SOURCE, When.BEFORE, "docker POST */containers/*/stop*"),
    Step("to unmount", Where.SOURCE, When.BEFORE, "zfs unmount */{id}"),
    Step("unmounted", Where.SOURCE, When.AFTER, "zfs unmount */{id}"),
    Step("last snapshot taken", Where.SOURCE, When.AFTER, "zfs snapshot */{id}@*", ANNOUNCED),
    Step("the rest half sent", Where.SOURCE, When.DURING, "zfs send * */{id}@*", ANNOUNCED),
    Step("the rest half received", Where.TARGET, When.DURING, "zfs receive * */{id}", ANNOUNCED),
    Step("the rest received", Where.TARGET, When.AFTER, "zfs receive * */{id}", ANNOUNCED),
    COMMIT,
    Step("committed", Where.SOURCE, When.AFTER, _lease("released")),
    Step("to acquire", Where.TARGET, When.BEFORE, _lease("primary")),
    Step("acquired", Where.TARGET, When.AFTER, _lease("primary")),
    Step("to mount at the target", Where.TARGET, When.BEFORE, "zfs mount */{id}"),
    Step("mounted at the target", Where.TARGET, When.AFTER, "zfs mount */{id}"),
    Step("to settle", Where.SOURCE, When.BEFORE, _lease("replica")),
    SETTLED,
    Step("to remove the old container", Where.SOURCE, When.BEFORE, "docker DELETE */containers/*"),
    Step("to lend", Where.SOURCE, When.BEFORE, _lease("lent"), trial=True),
    LENT,
    Step("to borrow", Where.TARGET, When.BEFORE, _lease("probation"), trial=True),
    Step("borrowed", Where.TARGET, When.AFTER, _lease("probation"), trial=True),
    Step("to mount for the trial", Where.TARGET, When.BEFORE, "zfs mount */{id}", trial=True),
    Step("mounted for the trial", Where.TARGET, When.AFTER, "zfs mount */{id}", trial=True),
    Step("healthy, to commit", Where.SOURCE, When.BEFORE, _lease("released"), trial=True),
    Step("healthy, committed", Where.SOURCE, When.AFTER, _lease("released"), trial=True),
    Step("healthy, to acquire", Where.TARGET, When.BEFORE, _lease("primary"), trial=True),
    Step("healthy, acquired", Where.TARGET, When.AFTER, _lease("primary"), trial=True),
)


def applies(step: Step, fault: Fault) -> bool:
    """Whether there is anything to strike, and to be afraid of.

    A step of Docker's has no process of zfs; and what comes late may harm when it is a lease.
    """
    if fault is Fault.LATE:
        return step.when is When.BEFORE and step.command.startswith("zfs set flocker:lease=")
    return fault is not Fault.ZFS or step.command.startswith("zfs ")


CELLS = tuple((step, fault) for step in STEPS for fault in Fault if applies(step, fault))

SHORT = (
    *(
        (step, tuple(Fault)[index % len(Fault)])
        for index, step in enumerate(STEPS[STEPS.index(ANNOUNCED) :: 2])
        if applies(step, tuple(Fault)[index % len(Fault)])
    ),
    (COMMIT, Fault.LATE),
)
"""What takes a minute or two: every second step of the switch, with the faults in turn."""
