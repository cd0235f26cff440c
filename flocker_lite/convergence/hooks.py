"""Runs what a container should do because it moves: before it stops, and once it serves again.

Neither is part of the pause. A hook that is cut off, with the move or with the agent, goes on
inside the container to its end or to its time-out; the next attempt of the move runs it again.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.errors import ContainerError, DockerAway, FlockerError, MoveGivenUp
from flocker_lite.interfaces import Executed, IContainers
from flocker_lite.model.container_fields.switching import (
    AFTER_SWITCH,
    BEFORE_SWITCH,
    SwitchHook,
)
from flocker_lite.model.move_progress import HookRun
from flocker_lite.model.records import DatasetId, NodeId

MARGIN_SECONDS = 15.0
"""How much longer than the hook we wait for Docker, which may be busy or hang."""

OUTPUT_CHARACTERS_MAX = 1000
"""The end of a hook's output that is reported."""

_log = Logger()


class Hooks:
    """Runs the hooks of the containers that move from or to this node."""

    def __init__(
        self,
        node_id: NodeId,
        containers: IContainers,
        moves: MoveLog,
        desired: DesiredState,
        clock: IReactorTime,
    ) -> None:
        self._node_id = node_id
        self._containers = containers
        self._moves = moves
        self._desired = desired
        self._clock = clock
        self._expected: dict[str, tuple[SwitchHook, DatasetId]] = {}
        self._running: dict[str, Deferred[None]] = {}

    async def before_switch(self, name: str, dataset_id: DatasetId) -> None:
        """Run what the container has to do before the switch, and report it with this dataset.

        MoveGivenUp when it fails and is required; otherwise a failure is only reported.
        """
        desired = self._desired.container(name)
        hook = desired.before_switch if desired is not None else None
        local = await self._containers.look(name) if hook is not None else None
        if hook is None or local is None or not local.running:
            return
        run = await self._run(name, BEFORE_SWITCH, hook, dataset_id)
        if run.trouble is not None and hook.required:
            said = f": {run.output}" if run.output else ""
            raise MoveGivenUp(f"{BEFORE_SWITCH} of container {name} {run.trouble}{said}")

    def expect(self, name: str, dataset_ids: tuple[DatasetId, ...]) -> None:
        """The container starts here. If that ends a move, it may have something to do then."""
        self._expected.pop(name, None)
        desired = self._desired.container(name)
        if desired is None or desired.after_switch is None:
            return
        for dataset_id in dataset_ids:
            move = self._desired.move(dataset_id)
            if move is None or move.stays or move.failover is not None:
                continue
            if move.destination == self._node_id and self._moves.is_in_pause(dataset_id):
                self._expected[name] = (desired.after_switch, dataset_id)
                self._moves.hook(dataset_id, HookRun(AFTER_SWITCH))
                return

    def serves(self, name: str) -> None:
        """The container that was expected serves: run what it has to do, and do not wait for it."""
        hook, dataset_id = self._expected.pop(name, (None, ""))
        if hook is None:
            return
        self._cut_off(name)
        running = Deferred.fromCoroutine(self._after_switch(name, hook, dataset_id))
        self._running[name] = running
        running.addErrback(lambda failure: failure.trap(CancelledError))
        running.addErrback(
            lambda failure: _log.failure("cannot run the hook of {name}", failure, name=name)
        )
        running.addBoth(lambda _: self._over(name, running))

    def stop(self) -> None:
        """Wait for no hook any more."""
        self._expected.clear()
        for name in tuple(self._running):
            self._cut_off(name)

    async def _after_switch(self, name: str, hook: SwitchHook, dataset_id: DatasetId) -> None:
        try:
            await self._run(name, AFTER_SWITCH, hook, dataset_id)
        except FlockerError as error:
            self._moves.hook(dataset_id, HookRun(AFTER_SWITCH, 0.0, trouble=str(error)))

    def _over(self, name: str, running: Deferred[None]) -> None:
        if self._running.get(name) is running:
            del self._running[name]

    def _cut_off(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is not None:
            running.cancel()

    async def _run(self, name: str, kind: str, hook: SwitchHook, dataset_id: DatasetId) -> HookRun:
        began = self._clock.seconds()
        self._moves.hook(dataset_id, HookRun(kind))
        trouble: str | None = None
        try:
            executed = await self._execute(name, hook)
        except DockerAway:
            raise
        except ContainerError as error:
            executed, trouble = Executed(None), f"cannot be run: {error}"
        if trouble is None and executed.exit_code != 0:
            trouble = (
                f"exited with {executed.exit_code}"
                if executed.exit_code is not None
                else f"did not end within {hook.timeout_seconds:g} s"
            )
        output = executed.output.strip()[-OUTPUT_CHARACTERS_MAX:]
        seconds = self._clock.seconds() - began
        run = HookRun(kind, seconds, executed.exit_code, output, trouble)
        self._moves.hook(dataset_id, run)
        if trouble is not None:
            _log.warn("{hook} of {name} {trouble}", hook=kind, name=name, trouble=trouble)
        return run

    async def _execute(self, name: str, hook: SwitchHook) -> Executed:
        executing: Deferred[Executed] = Deferred.fromCoroutine(
            _executed(self._containers, name, hook)
        )
        executing.addTimeout(hook.timeout_seconds + MARGIN_SECONDS, self._clock)
        try:
            return await executing
        except TimeoutError:
            return Executed(None)


async def _executed(containers: IContainers, name: str, hook: SwitchHook) -> Executed:
    executed: Executed = await containers.execute(name, hook.command, hook.timeout_seconds)
    return executed
