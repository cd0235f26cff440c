"""Writes down where a daemon stands that hangs, before its supervisor ends it."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python import usage

HANG_SECONDS = 30.0
"""A reactor that stood still for so long hangs; systemd waits for 120 s before it ends it."""

LOOK_SECONDS = 5.0


STDERR = 2


class HangReport:
    """Has a thread write the stacks of all threads when the reactor stands still."""

    def __init__(
        self,
        clock: IReactorTime,
        report_later: Callable[[float], None],
        cancel: Callable[[], None] = faulthandler.cancel_dump_traceback_later,
    ) -> None:
        """`report_later` has the stacks written after so many seconds, unless it is called anew."""
        self._report_later = report_later
        self._cancel = cancel
        self._looking = LoopingCall(lambda: self._report_later(HANG_SECONDS))
        self._looking.clock = clock

    def start(self) -> None:
        """Watch the reactor from now on."""
        self._looking.start(LOOK_SECONDS)

    def stop(self) -> None:
        """Watch it no more. Idempotent."""
        if self._looking.running:
            self._looking.stop()
        self._cancel()


def report_with(options: usage.Options) -> Callable[[float], None]:
    """Has the stacks written where twistd writes the log of a daemon with these options."""
    twistd = getattr(options, "parent", None) or {}
    log = twistd.get("logfile") or "-"
    # The streams of Python are twisted's by now. A daemon in the background has no stderr.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    fd = STDERR if log == "-" else os.open(log, flags, 0o666)

    def report_later(seconds: float) -> None:
        faulthandler.dump_traceback_later(seconds, file=fd)

    return report_later
