"""DockerContainers with threads that a test owns, on a node of the lab or on this one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from flocker_lite.containers.docker import THREADS, DockerContainers
from flocker_lite.containers.start_gate import StartGates


class DockerThreads:
    """`containers` for as long as a test lasts."""

    def __init__(self, root: Path) -> None:
        reactor: Any = installed_reactor
        self._pool = ThreadPool(0, THREADS, "docker")
        self._pool.start()
        self.run_in_thread = partial(deferToThreadPool, reactor, self._pool)
        start_gates = StartGates("/var/lib/flocker-lite/poised", "/run/flocker-lite/released", root)
        self.containers = DockerContainers(
            self.run_in_thread,
            reactor,
            root=root,
            start_gates=start_gates,
            fenced=root / "run/flocker-lite/fenced",
        )

    def close(self) -> None:
        """Wait for the threads, and let go of the connections."""
        self.containers.close()
        self._pool.stop()
