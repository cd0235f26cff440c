"""The options of both daemons about their logs, and the observer that they ask for."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import FileLogObserver, FilteringLogObserver, ILogObserver
from twisted.python import usage
from twisted.python.logfile import LogFile

from flocker_lite.logs.formats import as_json, as_text
from flocker_lite.logs.levels import predicate

FORMATS = {"text": as_text, "json": as_json}


class ChosenObserver:
    """What twistd calls to get the observer; it takes no more than the name of such a thing."""

    name = "flocker_lite.taps.log_options.chosen_observer"

    def __init__(self) -> None:
        self.make: Callable[[], ILogObserver] | None = None

    def __call__(self) -> ILogObserver:
        assert self.make is not None
        return self.make()


chosen_observer = ChosenObserver()


def observer_factory(options: Mapping[str, Any], twistd: Any) -> Callable[[], ILogObserver]:
    """What makes the observer; `twistd` are twistd's own options, which say where the log goes.

    UsageError says what is wrong with the options.
    """
    if options["log-format"] not in FORMATS:
        raise usage.UsageError(f"--log-format is {' or '.join(FORMATS)}")
    try:
        decides = predicate(options["log-level"])
    except ValueError as error:
        raise usage.UsageError(f"--log-level: {error}") from None
    written = FORMATS[options["log-format"]]

    def make() -> ILogObserver:
        return FilteringLogObserver(FileLogObserver(_file(twistd), written), [decides])

    return make


def _file(twistd: Any) -> TextIO:
    """Where twistd itself would log to; SIGUSR1 begins a new file, as with twistd."""
    name = twistd.get("logfile")
    if name == "-" or (not name and twistd.get("nodaemon")):
        return sys.stdout
    file: Any = LogFile.fromFullPath(name or "twistd.log")
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, lambda *_: _rotate(file))
    return file


def _rotate(file: Any) -> None:
    from twisted.internet import reactor

    threads: IReactorFromThreads = reactor  # type: ignore[assignment]
    threads.callFromThread(file.rotate)
