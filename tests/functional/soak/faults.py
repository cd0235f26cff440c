"""What may befall a node of the soak, as pairs: how it strikes, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from admin.hosts import Lab, Node
from tests.functional.crashes.faults import kill_ssh

AGENT, CONTROL, DOCKER = "flocker-agent", "flocker-control", "dockerd"
AGENT_PID_FILE = "/run/flocker-agent.pid"


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` and `mend` get the lab and the node that is chosen."""

    name: str
    strike: Callable[[Lab, Node], None]
    mend: Callable[[Lab, Node], None] = lambda lab, node: None


def kill_agent(lab: Lab, node: Node) -> None:
    """The agent dies without a word."""
    node.kill_service(AGENT)


def start_agent(lab: Lab, node: Node) -> None:
    """As systemd would."""
    node.start_service(AGENT)


def kill_control(lab: Lab, node: Node) -> None:
    """The control service dies."""
    lab.node("control").kill_service(CONTROL)


def start_control(lab: Lab, node: Node) -> None:
    """As systemd would."""
    lab.node("control").start_service(CONTROL)


def kill_docker(lab: Lab, node: Node) -> None:
    """The engine dies; its containers die with it when it starts anew, or go on."""
    node.kill_service(DOCKER)


def start_docker(lab: Lab, node: Node) -> None:
    """As systemd would."""
    node.start_service(DOCKER)


def freeze_agent(lab: Lab, node: Node) -> None:
    """The agent stands still."""
    node.run(["sh", "-c", f"kill -STOP $(cat {AGENT_PID_FILE})"], check=False)


def thaw_agent(lab: Lab, node: Node) -> None:
    """And goes on as if nothing had been."""
    node.run(["sh", "-c", f"kill -CONT $(cat {AGENT_PID_FILE})"], check=False)


def restart_containers(lab: Lab, node: Node) -> None:
    """Somebody restarts all that run there, by Docker's own command."""
    _each_container(node, "restart", "-t", "1")


def kill_containers(lab: Lab, node: Node) -> None:
    """All that run there are killed."""
    _each_container(node, "kill")


def _each_container(node: Node, *words: str) -> None:
    running = node.run(["docker", "ps", "-q"], check=False).stdout.split()
    if running:
        node.run(["docker", *words, *running], check=False)


FAULTS = (
    Fault("nothing", lambda lab, node: None),
    Fault("agent killed", kill_agent, start_agent),
    Fault("agent frozen", freeze_agent, thaw_agent),
    Fault("control killed", kill_control, start_control),
    Fault("ssh killed", lambda lab, node: kill_ssh(node)),
    Fault("cable pulled", lambda lab, node: node.cut(), lambda lab, node: node.heal()),
    Fault("power lost", lambda lab, node: node.crash(), lambda lab, node: node.start()),
    Fault("docker killed", kill_docker, start_docker),
    Fault("containers restarted", restart_containers),
    Fault("containers killed", kill_containers),
)


def chosen(random: Random) -> Fault:
    """One of them, each as likely as another."""
    return random.choice(FAULTS)
