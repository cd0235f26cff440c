"""What may befall the nodes of a failover, and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from admin.hosts import Lab
from tests.functional.crashes import faults as crashes

PRIMARY, STANDBY, CONTROL = "n1", "n2", "control"
AGENT, CONTROL_SERVICE = "flocker-agent", "flocker-control"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks, and how it is mended."""

    name: str
    strike: Callable[[Lab], object]
    mend: Callable[[Lab], object]


class Expected(Enum):
    """What has to come of it, as long as nothing is mended."""

    OVER = "the standby takes over"
    STAYS = "goes on without an interruption"
    HANGS = "runs on, but waits for its pool"
    STOPS = "stopped, and started nowhere"
    DEAD = "started nowhere"


@dataclass(frozen=True, slots=True)
class Row:
    """Faults that strike one after the other, and what comes of it.

    Where something is `mended_first`, `then` comes of that; at last all is mended.
    """

    name: str
    faults: tuple[Fault, ...]
    expected: Expected
    mended_first: Fault | None = None
    then: Expected | None = None

    @property
    def fails_over(self) -> bool:
        """Whether the standby takes over in the end."""
        return Expected.OVER in (self.expected, self.then)


def _signal(lab: Lab, node: str, number: str, pid_file: str) -> None:
    lab.node(node).run(["sh", "-c", f"kill -{number} $(cat {pid_file})"])


def stopped(name: str, node: str, pid_file: str) -> Fault:
    """A process stands still, by SIGSTOP."""
    return Fault(
        name,
        lambda lab: _signal(lab, node, "STOP", pid_file),
        lambda lab: _signal(lab, node, "CONT", pid_file),
    )


def killed(name: str, node: str, service: str) -> Fault:
    """A service is killed, and nobody starts it again."""
    return Fault(
        name,
        lambda lab: lab.node(node).kill_service(service),
        lambda lab: lab.node(node).start_service(service),
    )


def power(name: str, node: str) -> Fault:
    """A node is off in an instant."""
    return Fault(name, lambda lab: lab.node(node).crash(), lambda lab: lab.node(node).start())


def cable(name: str, node: str) -> Fault:
    """The cable of a node is pulled."""
    return Fault(name, lambda lab: lab.node(node).cut(), lambda lab: lab.node(node).heal())


def _silence(lab: Lab) -> None:
    crashes.silence(lab.node(PRIMARY), lab.node(STANDBY))


def _speech(lab: Lab) -> None:
    lab.node(PRIMARY).run(["nft", "delete", "table", "inet", crashes.TABLE])


POWER = power("power lost", PRIMARY)
CABLE = cable("cable pulled", PRIMARY)
AGENT_KILLED = killed("agent killed", PRIMARY, AGENT)
AGENT_STOPPED = stopped("agent stands still", PRIMARY, "/run/flocker-agent.pid")
DOCKER_STOPPED = stopped("Docker hangs", PRIMARY, "/run/lab/dockerd.pid")
POOL_STOPPED = stopped("pool hangs", PRIMARY, "/run/lab/zfs-fuse.pid")
NO_CONTROL = killed("control service dead", CONTROL, CONTROL_SERVICE)
STANDBY_POWER = power("standby's power lost", STANDBY)
STANDBY_CABLE = cable("standby's cable pulled", STANDBY)
STANDBY_AGENT = killed("standby's agent killed", STANDBY, AGENT)
APART = Fault("nodes do not reach each other", _silence, _speech)

OVER, STAYS, HANGS, STOPS, DEAD = Expected

_ALONE = (
    (POWER, OVER),
    (CABLE, OVER),
    (AGENT_KILLED, OVER),
    (AGENT_STOPPED, OVER),
    (DOCKER_STOPPED, STAYS),
    (POOL_STOPPED, HANGS),
    (NO_CONTROL, STAYS),
    (STANDBY_POWER, STAYS),
    (STANDBY_CABLE, STAYS),
    (APART, STAYS),
)


def _with_control(fault: Fault, alone: Expected) -> Row:
    """The control service is dead as well; then it comes back, while the fault is there still."""
    faults = (NO_CONTROL, fault)
    name = f"{NO_CONTROL.name}, {fault.name}"
    if alone is not OVER:
        return Row(name, faults, alone)
    return Row(name, faults, DEAD if fault is POWER else STOPS, NO_CONTROL, OVER)


def _two(one: Fault, other: Fault, expected: Expected, *later: Fault | Expected) -> Row:
    return Row(f"{one.name}, {other.name}", (one, other), expected, *later)  # type: ignore[arg-type]


ROWS = (
    *(Row(fault.name, (fault,), expected) for fault, expected in _ALONE),
    *(_with_control(fault, expected) for fault, expected in _ALONE[:6]),
    _two(NO_CONTROL, STANDBY_AGENT, STOPS),
    _two(NO_CONTROL, APART, STOPS),
    _two(STANDBY_CABLE, POWER, DEAD, STANDBY_CABLE, OVER),
    _two(STANDBY_POWER, CABLE, STOPS),
    _two(POOL_STOPPED, AGENT_KILLED, OVER),
    _two(DOCKER_STOPPED, CABLE, OVER),
)
