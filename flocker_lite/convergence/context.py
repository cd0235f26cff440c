"""What the executors of changes use of their node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from twisted.internet.interfaces import IReactorTime

from flocker_lite.convergence.allowance import Allowance
from flocker_lite.convergence.awaited_mounts import AwaitedMounts
from flocker_lite.convergence.copy_log import CopyLog
from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.hooks import Hooks
from flocker_lite.convergence.incoming_streams import IncomingStreams
from flocker_lite.convergence.joint_switch import JointSwitches
from flocker_lite.convergence.kept_sessions import KeptSessions
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.pins import Pins
from flocker_lite.convergence.pull_log import PullLog
from flocker_lite.convergence.readiness import Readiness
from flocker_lite.convergence.record_observer import RecordObserver
from flocker_lite.convergence.release_proofs import NoProofs
from flocker_lite.convergence.renewals import Renewals
from flocker_lite.convergence.run_log import RunLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.convergence.witness_sessions import WitnessSessions
from flocker_lite.convergence.witnessing import Witnessing
from flocker_lite.interfaces import (
    IAdoptionNotes,
    IContainers,
    ICopyNotes,
    IDeadlineFence,
    IDirectories,
    IFence,
    IForeignContainers,
    IHosts,
    IMachine,
    Instruments,
    IPeers,
    IProofs,
    IRestartHistory,
    IStorage,
    IVolumeRecords,
)
from flocker_lite.interfaces.fencing import IFencingRecord
from flocker_lite.interfaces.run_times import IRunTimes
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
    directories: IDirectories
    adoption_notes: IAdoptionNotes
    machine: IMachine
    instruments: Instruments
    joint_switches: JointSwitches
    desired: DesiredState
    copies: CopyLog
    volume_records: IVolumeRecords
    awaited_mounts: AwaitedMounts
    renewals: Renewals
    witnessing: Witnessing
    hooks: Hooks
    run_log: RunLog
    standbys: KeptSessions
    pins: Pins = field(default_factory=Pins)
    proofs: IProofs = field(default_factory=NoProofs)
    observer: RecordObserver = field(default_factory=RecordObserver)
    allowance: Allowance = field(default_factory=Allowance)
    incoming: IncomingStreams = field(default_factory=IncomingStreams)

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
        deadline_fence: IDeadlineFence,
        fencing_record: IFencingRecord,
        hosts: IHosts,
        foreign: IForeignContainers,
        directories: IDirectories,
        adoption_notes: IAdoptionNotes,
        copy_notes: ICopyNotes,
        machine: IMachine,
        instruments: Instruments,
        volume_records: IVolumeRecords,
        run_times: IRunTimes,
        clock: IReactorTime,
        now: Callable[[], float],
        observer: RecordObserver,
        allowance: Allowance = Allowance(),  # noqa: B008
    ) -> AgentContext:
        """The context of an agent that starts, with empty records; `now` as in `Trials`.

        `routing` and `proofs` must have been made with the same `observer`.
        """
        moves = MoveLog(clock, observer.report)
        desired = DesiredState()
        hooks = Hooks(node_id, containers, moves, desired, clock)
        run_log = RunLog(run_times, desired)
        due = partial(_look_at_container, observer)
        watching = (observer.health_changed, due, hooks.serves, run_log.answered)
        readiness = Readiness(containers, routing, moves, clock, *watching)
        sessions = WitnessSessions(peers, desired, fencing_record)
        renewal = (deadline_fence, fencing_record, sessions, observer.plan_again)
        renewals = Renewals(node_id, clock, now, *renewal)
        return cls(
            *(node_id, address, storage, containers, routing, peers, clock, moves),
            PullLog(observer.report),
            restart_history,
            readiness,
            Trials(clock, now, fence, observer.plan_again, readiness.keep, readiness.end_trial),
            *(hosts, foreign, directories, adoption_notes, machine, instruments),
            JointSwitches(clock, desired),
            desired,
            *(CopyLog(clock, copy_notes), volume_records, AwaitedMounts(clock, volume_records)),
            *(renewals, Witnessing(fencing_record, now), hooks),
            *(run_log, KeptSessions(peers, clock)),
            pins=Pins(observer.plan_again),
            proofs=proofs,
            observer=observer,
            allowance=allowance,
            incoming=IncomingStreams(clock.seconds),
        )


def _look_at_container(observer: RecordObserver, name: str) -> None:
    observer.look_again(frozenset({ContainerResource(name)}))


Executor: TypeAlias = Callable[[Any, AgentContext], Awaitable[None]]
"""Carries out a change of one type; raises FlockerError. The loop survives any other error too."""

Executors: TypeAlias = Mapping[type, Executor]
"""Which coroutine carries out which type of change."""
