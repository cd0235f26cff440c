"""What our services use of Twisted's reactor, as types; Twisted's own reactors are all of them."""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorProcess,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
)


class INetworkReactor(IReactorTCP, IReactorTime):
    """Time and TCP."""


class IProcessReactor(IReactorProcess, IReactorTime):
    """Time and processes."""


class IThreadReactor(IReactorThreads, IReactorTime):
    """Time and threads."""


class IReactor(INetworkReactor, IProcessReactor, IReactorFDSet):
    """Time, file descriptors, processes and TCP."""


class IDaemonReactor(IReactor, IThreadReactor, IReactorCore):
    """All that a daemon uses."""
