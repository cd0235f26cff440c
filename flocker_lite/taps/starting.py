"""What both daemons do when they cannot start: say why in one line, and end."""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError


def stop_with(failure: Failure, reactor: Any, log: Logger, name: str) -> None:
    """Log why the daemon `name` cannot start, and end the process with exit code 1."""
    if failure.check(CancelledError):
        return
    if failure.check(FlockerError, OSError):
        log.critical("{name} cannot start: {reason}", name=name, reason=failure.getErrorMessage())
    else:
        log.failure("{name} cannot start", failure, name=name)
    # twistd ends with 0 however the reactor was stopped, and a supervisor would be content.
    atexit.register(_exit_with_failure)
    if reactor.running:
        reactor.stop()
    else:
        reactor.callWhenRunning(reactor.stop)


def _exit_with_failure() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
