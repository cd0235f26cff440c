"""What befalls control services and members of etcd on a lab, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import requests

from admin.hosts import Lab, Node
from admin.hosts.certificates import FOLDER
from admin.hosts.plan import ETCD_PORT

CONTROL, ETCD = "flocker-control", "etcd"
PID_FILE = "/run/flocker-control.pid"
FROZEN_SECONDS = 30.0
OUTAGE_SECONDS = 13.0
STATUS_SECONDS_MAX = 2.0

Mend = Callable[[], None]


@dataclass(frozen=True)
class World:
    """The lab, and chance."""

    lab: Lab
    random: Random

    @property
    def controls(self) -> list[Node]:
        """The nodes with a control service and a member of etcd."""
        return [self.lab.node(each.name) for each in self.lab.plan.controls]

    def other_than(self, node: Node) -> Node:
        """Another one of them."""
        return self.random.choice([each for each in self.controls if each.name != node.name])

    def etcd_leader(self) -> Node:
        """The one whose member leads etcd; any if none says so."""
        for node in self.controls:
            folder = self.lab.plan.folder / FOLDER / "etcd" / node.address
            try:
                answer = requests.post(
                    f"https://{node.address}:{ETCD_PORT}/v3/maintenance/status",
                    json={},
                    verify=str(folder / "ca.crt"),
                    cert=(str(folder / "client.crt"), str(folder / "client.key")),
                    timeout=STATUS_SECONDS_MAX,
                ).json()
            except (requests.RequestException, ValueError):
                continue
            if answer.get("leader") == answer["header"]["member_id"]:
                return node
        return self.random.choice(self.controls)


@dataclass(frozen=True, slots=True)
class Strike:
    """`begin` gets the world and the leading control service's node; it returns what mends it."""

    name: str
    begin: Callable[[World, Node], Mend]
    seconds: float = OUTAGE_SECONDS


def stop_control(world: World, leader: Node) -> Mend:
    """The leader ends in order."""
    leader.stop_service(CONTROL)
    return lambda: leader.start_service(CONTROL)


def kill_control(world: World, node: Node) -> Mend:
    """A control service dies."""
    node.kill_service(CONTROL)
    return lambda: node.start_service(CONTROL)


def freeze_control(world: World, leader: Node) -> Mend:
    """The leader stands still for longer than its lease, and then goes on."""
    leader.run(["sh", "-c", f"kill -STOP $(cat {PID_FILE})"])
    return lambda: _thaw(leader)


def _thaw(node: Node) -> None:
    node.run(["sh", "-c", f"kill -CONT $(cat {PID_FILE})"])


def cut(world: World, node: Node) -> Mend:
    """A control service's machine is cut off, with its member of etcd."""
    node.cut()
    return node.heal


def power_off(world: World, node: Node) -> Mend:
    """A control service's machine loses power, with its member of etcd."""
    node.crash()
    return node.start


def kill_member(world: World, node: Node) -> Mend:
    """A member of etcd dies."""
    node.kill_service(ETCD)
    return lambda: node.start_service(ETCD)


def kill_both(world: World, leader: Node) -> Mend:
    """The leading control service and etcd's leader die at once, wherever that is."""
    mend_member = kill_member(world, world.etcd_leader())
    mend_control = kill_control(world, leader)

    def mend() -> None:
        mend_member()
        mend_control()

    return mend


STRIKES = (
    Strike("leader stopped in order", stop_control, 5.0),
    Strike("leader killed", kill_control),
    Strike("leader frozen for 30 s", freeze_control, FROZEN_SECONDS),
    Strike("leader cut off", cut),
    Strike("leader's power lost", power_off),
    Strike("follower killed", lambda w, leader: kill_control(w, w.other_than(leader)), 5.0),
    Strike("follower's power lost", lambda w, leader: power_off(w, w.other_than(leader)), 8.0),
    Strike("etcd's leader killed", lambda w, leader: kill_member(w, w.etcd_leader()), 8.0),
    Strike("a member killed", lambda w, leader: kill_member(w, w.random.choice(w.controls)), 8.0),
    Strike("leader and etcd's leader killed", kill_both),
)
