"""What both daemons do when they start, and when they cannot."""

from __future__ import annotations

import atexit
import gc
import os
import resource
import sys
import time
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure
from twisted.scripts import twistd

from flocker_lite import __version__
from flocker_lite.errors import FlockerError

OPEN_FILES_MAX = 65_536
"""Enough for the connections of all agents of a large cluster, and for the clients."""

GC_THRESHOLDS = (20_000, 20, 50)
"""The thresholds of Python's three generations of garbage; see `gc.set_threshold`."""


class DaemonOptions(usage.Options):
    """The options that both daemons have."""

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"flocker_lite {__version__}")
        raise SystemExit(0)


def run_in_foreground(name: str, options: usage.Options) -> None:
    """Run as `twistd NAME` with this process's options, until a signal; logs go to stdout.

    `options` parses them first, so that errors and the help are those of the plugin `name`, without
    twistd's own options.
    """
    try:
        options.parseOptions()
    except usage.UsageError as error:
        sys.exit(f"{name}: {error}; `{name} --help` lists the options")
    sys.argv[1:] = ["--nodaemon", "--pidfile=", name, *sys.argv[1:]]
    twistd.run()


def monotonic_seconds() -> float:
    """Seconds since the machine booted; the clock never jumps, and counts while it is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def make_monotonic(reactor: IReactorTime) -> None:
    """Make the reactor's clock monotonic, starting at the current time of day.

    Twisted's reactor uses the wall clock. If somebody set that back by an hour, an agent would do
    nothing for an hour; if they set it ahead, every time-out would expire at once.
    """
    ahead_seconds = reactor.seconds() - monotonic_seconds()
    patched: Any = reactor
    patched.seconds = lambda: monotonic_seconds() + ahead_seconds


def raise_open_files(desired: int = OPEN_FILES_MAX) -> int:
    """Raise this process's limit of open files as far as allowed, and return the new limit.

    Many systems start with 1,024 because of programs that use select(); we use epoll.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = desired if hard == resource.RLIM_INFINITY else min(desired, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return desired if soft == resource.RLIM_INFINITY else soft


def tune_gc() -> None:
    """Make Python's garbage collector run seldom, and ignore the objects that exist now.

    Records and maps are never part of a cycle, so Python frees them without the collector. But
    each full collection visits all of them; with ten thousand containers that takes most of a
    second. Call this once the configuration is loaded.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def stop_with(failure: Failure, reactor: IReactorCore, log: Logger, name: str) -> None:
    """Log why the daemon `name` cannot start, and end the process with exit code 1."""
    if failure.check(CancelledError):
        return
    if failure.check(FlockerError, OSError):
        log.critical("{name} cannot start: {reason}", name=name, reason=failure.getErrorMessage())
    else:
        log.failure("{name} cannot start", failure, name=name)
    # twistd exits with 0 however the reactor stopped, and a supervisor would see a success.
    atexit.register(_exit_with_failure)
    if reactor.running:
        reactor.stop()
    else:
        reactor.callWhenRunning(reactor.stop)


def _exit_with_failure() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
