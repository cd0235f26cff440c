"""Notes how long the containers of this node took to stop and to answer, for predictions."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.interfaces.run_times import IRunTimes
from flocker_lite.model.state import RunTimes

_log = Logger()


class RunLog:
    """The times of each container's last stop and start here; nobody waits until they are written.

    Moves report their own stops. What an unwritten note costs is a worse prediction.
    """

    def __init__(self, run_times: IRunTimes, desired: DesiredState) -> None:
        self._run_times = run_times
        self._desired = desired
        self._times: PMap[str, RunTimes] = run_times.remembered

    def times(self, name: str) -> RunTimes:
        """Those of this container, as far as they are known."""
        return self._times.get(name, RunTimes())

    def stopped(self, name: str, seconds: float) -> None:
        """Its program took this long to stop."""
        self._note(name, replace(self.times(name), stop_seconds=seconds))

    def answered(self, name: str, seconds: float, arrived: bool) -> None:
        """Its program answered so long after its start; `arrived` if a move has brought it here."""
        was_first = name not in self._times and not arrived
        times = self.times(name)
        self._note(name, replace(times, answer_seconds=seconds, was_first=was_first))

    def _note(self, name: str, times: RunTimes) -> None:
        view = self._desired.view
        if view is not None:
            known = {each: old for each, old in self._times.items() if each in view.containers}
            self._times = pmap(known)
        self._times = self._times.set(name, times)
        writing = Deferred.fromCoroutine(self._write())
        writing.addErrback(
            lambda failure: _log.failure("cannot write down how {name} ran", failure, name=name)
        )

    async def _write(self) -> None:
        await self._run_times.remember(self._times)
