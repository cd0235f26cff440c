"""The durable steps of a move, and what may strike while it stands at one: a table, and no code.

A step is a command of one of the two nodes, and whether the move stands before it, in the middle
of its stream, or after its effect.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    It has `size` datasets, which move as one, and {id} is that of the `member`: 0 coordinates.
    """

    name: str
    where: Where
    when: When
    command: str
    since: Step | None = None
    trial: bool = False
    size: int = 1
    member: int = 0


def _lease(role: str) -> str:
    return f"zfs set flocker:lease={role}:* */{{id}}"


ANNOUNCED = Step("releasing is written down", Where.SOURCE, When.AFTER, _lease("releasing"))
COMMIT = Step("to commit", Where.SOURCE, When.BEFORE, _lease("released"))
UNMOUNTED = Step("unmounted", Where.SOURCE, When.AFTER, "zfs unmount */{id}")
TO_ACQUIRE = Step("to acquire", Where.TARGET, When.BEFORE, _lease("primary"))
LENT = Step("lent", Where.SOURCE, When.AFTER, _lease("lent"), trial=True)
SETTLED = Step("the source has become a replica", Where.SOURCE, When.AFTER, _lease("replica"))

ALONE = (
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
    UNMOUNTED,
    Step("last snapshot taken", Where.SOURCE, When.AFTER, "zfs snapshot */{id}@*", ANNOUNCED),
    Step("the rest half sent", Where.SOURCE, When.DURING, "zfs send * */{id}@*", ANNOUNCED),
    Step("the rest half received", Where.TARGET, When.DURING, "zfs receive * */{id}", ANNOUNCED),
    Step("the rest received", Where.TARGET, When.AFTER, "zfs receive * */{id}", ANNOUNCED),
    COMMIT,
    Step("committed", Where.SOURCE, When.AFTER, _lease("released")),
    TO_ACQUIRE,
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


_GROUP = "zfs set flocker:group=* */{id}"
_OF_A_GROUP = (
    ("named at the source", Where.SOURCE, When.AFTER, _GROUP),
    ("releasing", Where.SOURCE, When.AFTER, _lease("releasing")),
    ("last snapshot taken", Where.SOURCE, When.AFTER, "zfs snapshot */{id}@*"),
    ("to lend", Where.SOURCE, When.BEFORE, _lease("lent")),
    ("lent", Where.SOURCE, When.AFTER, _lease("lent")),
    ("to borrow", Where.TARGET, When.BEFORE, _lease("probation")),
    ("borrowed", Where.TARGET, When.AFTER, _lease("probation")),
    ("to commit", Where.SOURCE, When.BEFORE, _lease("released")),
    ("committed", Where.SOURCE, When.AFTER, _lease("released")),
    ("named at the target", Where.TARGET, When.AFTER, _GROUP),
    ("to acquire", Where.TARGET, When.BEFORE, _lease("primary")),
    ("acquired", Where.TARGET, When.AFTER, _lease("primary")),
    ("to settle", Where.SOURCE, When.BEFORE, _lease("replica")),
)
"""What is done with each dataset of a group, from its announcement on."""

_DECISIVE = ("to commit", "committed", "named at the target", "to acquire", "acquired")
_OF_A_TRIAL = ("to lend", "lent", "to borrow", "borrowed")
_PLAYED = {(2, False): _DECISIVE, (2, True): None, (3, True): _DECISIVE, (3, False): ()}
"""Which of these, by the number of datasets and whether there is a trial; None stands for all."""


def _of_groups() -> Iterator[Step]:
    for (size, trial), names in _PLAYED.items():
        for member in range(size):
            for name, where, when, command in _OF_A_GROUP:
                if (names is None or name in names) and (trial or name not in _OF_A_TRIAL):
                    title = f"{member + 1} of {size}{' on trial' if trial else ''}: {name}"
                    since = ANNOUNCED_GROUP[size] if "snapshot" in name else None
                    yield Step(title, where, when, command, since, trial, size, member)


ANNOUNCED_GROUP = {
    size: Step("announced", Where.SOURCE, When.AFTER, _lease("releasing"), size=size)
    for size in (2, 3)
}
GROUPS = tuple(_of_groups())
STEPS = (*ALONE, *GROUPS)


def applies(step: Step, fault: Fault) -> bool:
    """Whether there is anything to strike, and to be afraid of.

    A step of Docker's has no process of zfs; and what comes late may harm when it is a lease. That
    several datasets move as one concerns nobody but the two nodes.
    """
    if fault is Fault.CONTROL and step.size > 1:
        return False
    if fault is Fault.LATE:
        return step.when is When.BEFORE and step.command.startswith("zfs set flocker:lease=")
    return fault is not Fault.ZFS or step.command.startswith("zfs ")


CELLS = tuple((step, fault) for step in STEPS for fault in Fault if applies(step, fault))

SHORT = (
    *(
        (step, tuple(Fault)[index % len(Fault)])
        for index, step in enumerate(ALONE[ALONE.index(ANNOUNCED) :: 2])
        if applies(step, tuple(Fault)[index % len(Fault)])
    ),
    (COMMIT, Fault.LATE),
    *(
        (step, fault)
        for step in GROUPS
        for name, fault in (
            ("2 of 2 on trial: to commit", Fault.SOURCE_AGENT),
            ("1 of 2 on trial: acquired", Fault.TARGET_AGENT),
            ("2 of 3 on trial: to commit", Fault.ZFS),
        )
        if step.name == name
    ),
)
"""What takes a minute or two: every second step of the switch, with the faults in turn."""
