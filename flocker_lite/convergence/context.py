"""What the executors of changes use of their node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from twisted.internet.interfaces import IReactorTime

from flocker_lite.convergence.allowance import Allowance
from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.pins import Pins
from flocker_lite.convergence.pull_log import PullLog
from flocker_lite.convergence.readiness import Readiness
from flocker_lite.convergence.record_observer import RecordObserver
from flocker_lite.convergence.release_proofs import NoProofs
from flocker_lite.convergence.trials import Trials
from flocker_lite.interfaces import (
    IContainers,
    IFence,
    IForeignContainers,
    IHosts,
    IPeers,
    IProofs,
    IRestartHistory,
    IStorage,
)
from flocker_lite.model.records import NodeId
from flocker_lite.planner.resources import ContainerResource
from flocker_lite.routing.switchboard import Switchboard


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What changes may use of their node, whose address is `address`."""

    node_id: NodeId
    address: str
    storage: IStorage
    containers: IContainers
    routing: Switchboard
    peers: IPeers
    clock: IReactorTime
    moves: MoveLog
    pulls: PullLog
    restart_history: IRestartHistory
    readiness: Readiness
    trials: Trials
    hosts: IHosts
    foreign: IForeignContainers
    desired: DesiredState = field(default_factory=DesiredState)
    pins: Pins = field(default_factory=Pins)
    proofs: IProofs = field(default_factory=NoProofs)
    observer: RecordObserver = field(default_factory=RecordObserver)
    allowance: Allowance = field(default_factory=Allowance)

    @classmethod
    def assemble(
        cls,
        *,
        node_id: NodeId,
        address: str,
        storage: IStorage,
        containers: IContainers,
        routing: Switchboard,
        peers: IPeers,
        restart_history: IRestartHistory,
        proofs: IProofs,
        fence: IFence,
        hosts: IHosts,
        foreign: IForeignContainers,
        clock: IReactorTime,
        now: Callable[[], float],
        observer: RecordObserver,
        allowance: Allowance = Allowance(),  # noqa: B008
    ) -> AgentContext:
        """The context of an agent that starts, with empty records; `now` as in `Trials`.

        `routing` and `proofs` must have been made with the same `observer`.
        """
        moves = MoveLog(clock, observer.report)
        readiness = Readiness(
            *(containers, routing, moves, clock, observer.health_changed),
            due=lambda name: observer.look_again(frozenset({ContainerResource(name)})),
        )
        return cls(
            node_id,
            address,
            storage,
            containers,
            routing,
            peers,
            clock,
            moves,
            PullLog(observer.report),
            restart_history,
            readiness,
            Trials(clock, now, fence, observer.plan_again, readiness.keep, readiness.end_trial),
            hosts,
            foreign,
            pins=Pins(observer.plan_again),
            proofs=proofs,
            observer=observer,
            allowance=allowance,
        )


Executor: TypeAlias = Callable[[Any, AgentContext], Awaitable[None]]
"""Carries out a change of one type; raises FlockerError. The loop survives any other error too."""

Executors: TypeAlias = Mapping[type, Executor]
"""Which coroutine carries out which type of change."""
