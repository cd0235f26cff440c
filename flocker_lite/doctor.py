"""Makes all checks of a machine at the same time, within a time limit; nothing stops the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from pyrsistent import pmap
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.model.diagnosis import Diagnosis, Finding

CHECK_SECONDS_MAX = 8.0


class Doctor:
    """Examines a machine; `time_of_day` is in seconds since 1970.

    What a check that hangs holds, such as a thread, is held once: it is not begun again before it
    has ended.
    """

    _log = Logger()

    def __init__(
        self,
        checks: Iterable[ICheck],
        clock: IReactorTime,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        self._checks = tuple(checks)
        self._clock = clock
        self._time_of_day = time_of_day
        self._waiting: dict[str, list[Deferred[Checked]]] = {}

    async def examine(self) -> Diagnosis:
        """What all checks say; a check that fails, or takes too long, is a finding itself."""
        asked = [(check.name, self._look(check)) for check in self._checks]
        told = {name: await self._answer(name, looking) for name, looking in asked}
        findings = [finding for checked in told.values() for finding in checked.findings]
        return Diagnosis(
            pmap({name: checked.fact for name, checked in told.items()}),
            tuple(sorted(findings, key=lambda finding: not finding.severe)),
            self._time_of_day(),
        )

    def _look(self, check: ICheck) -> Deferred[Checked]:
        """The outcome of the look that is under way, or of a new one."""
        waiter: Deferred[Checked] = Deferred()
        if check.name in self._waiting:
            self._waiting[check.name].append(waiter)
        else:
            self._waiting[check.name] = [waiter]
            Deferred.fromCoroutine(_looked(check)).addBoth(self._seen, check.name)
        return waiter.addTimeout(CHECK_SECONDS_MAX, self._clock)

    def _seen(self, outcome: Checked | Failure, name: str) -> None:
        for waiter in self._waiting.pop(name):
            waiter.callback(outcome)

    async def _answer(self, name: str, looking: Deferred[Checked]) -> Checked:
        try:
            return await looking
        except TimeoutError:
            text = f"this check did not end within {CHECK_SECONDS_MAX:g} s"
            remedy = "ask again; if it stays so, look at what the machine waits for (dmesg)"
        except FlockerError as error:
            text, remedy = f"this check failed: {error}", "see the log of the service there"
        except Exception:
            self._log.failure("the check {name} failed", name=name)
            text, remedy = "this check failed by a mistake of ours", "report what the log says"
        return Checked("unknown", (Finding(name, text, remedy),))


async def _looked(check: ICheck) -> Checked:
    return await check.look()
