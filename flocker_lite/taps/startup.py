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
from twisted.scripts._twistd_unix import ServerOptions

from flocker_lite import __version__
from flocker_lite.errors import FlockerError
from flocker_lite.taps.log_options import chosen_observer, observer_factory

OPEN_FILES_MAX = 65_536
"""Enough for the connections of all agents of a large cluster, and for the clients."""

GC_THRESHOLDS = (5_000, 4, 1_000)
"""The thresholds of Python's three generations of garbage; see `gc.set_threshold`.

The first two bound the pauses: the middle generation has some twenty thousand objects, which takes
20 ms. A smaller first one costs more than it saves, because each large PMap that is new is looked
at as a whole. A full collection is seldom.
"""


class DaemonOptions(usage.Options):
    """The options that both daemons have."""

    optParameters: list[list[Any]] = [
        ["log-format", None, "text", "Format of log lines: text, or json for programs."],
        [
            "log-level",
            None,
            "info",
            "The least level that is logged: debug, info, warn, error or critical; or with others "
            "for single rooms, as info,peers=debug,control.http=warn.",
        ],
    ]

    def postOptions(self) -> None:
        """Have twistd log as these options say, unless it was told to do otherwise."""
        twistd: Any = getattr(self, "parent", None)
        make = observer_factory(self, twistd if twistd is not None else {})
        if (
            isinstance(twistd, ServerOptions)
            and not twistd.get("logger")
            and not twistd.get("syslog")
        ):
            chosen_observer.make = make
            twistd["logger"] = chosen_observer.name

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


def collect_all() -> None:
    """Collect what `tune_gc` had ignored, too: what was loaded is not needed any more."""
    gc.unfreeze()
    gc.collect()


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
