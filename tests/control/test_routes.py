"""Where connections are led, out of what agents report."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.views import route, serving_views
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Grant,
    Move,
    Node,
    NodeId,
    Port,
    Volume,
)
from flocker_lite.model.state import ContainerState, DatasetState, NodeState, Route

A, B, C = "a", "b", "c"
PORT = 8080
KEY = str(PORT)
WEB = Container("web", B, "nginx:latest", (Port(80, PORT),))
NODES = pmap({name: Node(name, f"10.0.0.{number}") for number, name in enumerate("abc", 1)})
MOVE = Move("m", A, B, 0.0, "web")
WANTED = Configuration(nodes=NODES, containers=pmap({"web": WEB}), moves=pmap({"m": MOVE}))
AT_A, AT_B = Route(PORT, "10.0.0.1", "web"), Route(PORT, "10.0.0.2", "web")
STARTING = ContainerState(WEB, running=True)
SERVING = ContainerState(WEB, running=True, serving=True)
ENDED = ContainerState(WEB, running=False)


def seen(**reports: ContainerState) -> ClusterState:
    """What these nodes report of the container."""
    cluster = ClusterState()
    for node_id, state in reports.items():
        cluster = cluster.updated(node_id, NodeState(), [Change("containers", "web", state)])
    return cluster


def led(before: Route | None, **reports: ContainerState) -> Route | None:
    """Where connections are led then."""
    return route(WANTED, seen(**reports), "web", KEY, before)


def test_first_start() -> None:
    """To where it runs, since it serves nowhere else."""
    assert led(None) is None
    assert led(None, b=ENDED) is None
    assert led(None, b=STARTING) == AT_B


def test_move_with_data() -> None:
    """The node that had it holds what comes until it serves at the other."""
    assert led(AT_A, a=SERVING) == AT_A
    assert led(AT_A, a=ENDED) == AT_A
    assert led(AT_A) == AT_A
    assert led(AT_A, a=ENDED, b=STARTING) == AT_A
    assert led(AT_A, a=ENDED, b=SERVING) == AT_B


def test_move_without_data() -> None:
    """Both serve for a moment; it is the one where it is wanted then."""
    assert led(AT_A, a=SERVING, b=STARTING) == AT_A
    assert led(AT_A, a=SERVING, b=SERVING) == AT_B


def test_move_with_a_trial() -> None:
    """Nobody is led to a copy that may be taken back, even when nothing else runs."""
    data = replace(WEB, volumes=(Volume("d", "/data"),))
    desired = replace(WANTED, containers=pmap({"web": data}))

    def led_with(role: Role) -> Route | None:
        state = DatasetState("d", Lease(role, 2))
        changes = (Change("datasets", "d", state), Change("containers", "web", running))
        return route(desired, ClusterState().updated("b", NodeState(), changes), "web", KEY, None)

    running = ContainerState(data, running=True)
    assert led_with(Role.PROBATION) is None
    assert led_with(Role.PRIMARY) == AT_B


def test_deleted() -> None:
    """One that is not configured any more is led to as long as it runs, and no longer."""
    gone = replace(WANTED, containers=pmap())
    assert route(gone, seen(a=SERVING), "web", KEY, AT_A) == AT_A
    assert route(gone, seen(a=ENDED), "web", KEY, AT_A) is None
    other = replace(WEB, ports=(Port(80, 9090),))
    changed = replace(WANTED, containers=pmap({"web": other}))
    assert route(changed, seen(b=ContainerState(other, True)), "web", KEY, AT_B) is None


def test_datagrams() -> None:
    """UDP ports have routes of their own, of the same number even; one of an address has none."""
    ports = (Port(80, PORT, "udp"), Port(80, 8081, "udp", "127.0.0.1"))
    desired = replace(WANTED, containers=pmap({"web": replace(WEB, ports=ports)}))
    cluster = seen(b=ContainerState(desired.containers["web"], True, serving=True))
    assert route(desired, cluster, "web", f"{PORT}/udp", None) == replace(AT_B, protocol="udp")
    assert route(desired, cluster, "web", KEY, None) is None
    assert route(desired, cluster, "web", "8081/udp", None) is None


def test_who_is_told_where_it_serves() -> None:
    """Those whom it concerns, and nobody else."""

    def told(**reports: ContainerState) -> dict[NodeId, NodeId]:
        return serving_views(WANTED, seen(**reports), "web")

    assert told(a=STARTING) == {}
    assert told(a=SERVING, b=STARTING) == {A: A, B: A}
    assert told(a=SERVING, b=SERVING) == {A: B, B: B}
    assert C not in told(a=SERVING)


def test_who_only_says_that_it_serves() -> None:
    """Without data: nobody is led to where it is neither configured nor on its way."""
    assert led(None, c=SERVING) is None
    assert led(AT_B, c=SERVING) == AT_B
    assert led(AT_B, b=STARTING, c=SERVING) == AT_B
    assert serving_views(WANTED, seen(c=SERVING), "web") == {}
    settled = replace(WANTED, moves=pmap())
    assert route(settled, seen(a=SERVING, b=SERVING), "web", KEY, None) == AT_B
    assert route(settled, seen(a=SERVING), "web", KEY, None) is None


def test_who_was_not_granted_the_data() -> None:
    """Not even the destination of a move is led to before all of it was handed over."""
    volumes = (Volume("d", "/data"), Volume("e", "/more"))
    data = replace(WEB, volumes=volumes)
    there = ContainerState(data, running=True, serving=True)

    def led_with(d: NodeId, e: NodeId, **reports: ContainerState) -> Route | None:
        grants = pmap({"d": Grant(d, 2, materialised=True), "e": Grant(e, 1, materialised=True)})
        desired = replace(WANTED, containers=pmap({"web": data}), grants=grants)
        return route(desired, seen(**reports), "web", KEY, AT_A)

    assert led_with(A, A, b=there) == AT_A
    assert led_with(A, A, a=there, b=there, c=there) == AT_A
    assert led_with(B, A, a=there, b=there) == AT_A
    assert led_with(B, B, a=there, b=there, c=there) == AT_B


def test_the_port_of_another() -> None:
    """A container has the ports that it is configured to have, whatever a node says it has."""
    thief = ContainerState(replace(WEB, name="mine", ports=(Port(80, PORT),)), True, serving=True)
    mine = Container("mine", C, "nginx:latest", (Port(80, 9090),))
    desired = replace(WANTED, containers=WANTED.containers.set("mine", mine))
    cluster = ClusterState().updated(C, NodeState(), [Change("containers", "mine", thief)])
    assert route(desired, cluster, "mine", KEY, AT_B) is None
    gone = replace(WANTED, containers=WANTED.containers.set("mine", replace(mine, ports=())))
    assert route(gone, cluster, "mine", KEY, None) is None
