"""`twistd flocker-control`: the control service, wired."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger
from twisted.python import usage

from flocker_lite import __version__
from flocker_lite.control.agents import AgentLinks
from flocker_lite.control.http.app import RESTAPI, site
from flocker_lite.control.http.names import resolver
from flocker_lite.control.service import ControlService, open_control
from flocker_lite.control.store.sqlite import StoreThread, open_store
from flocker_lite.taps.foreground import run_in_foreground
from flocker_lite.taps.starting import stop_with
from flocker_lite.taps.steady import make_steady


class Options(usage.Options):
    """Options of `twistd flocker-control`."""

    longdesc = "The control service of flocker_lite: a REST API for people, AMP for the agents."
    optParameters = [
        ["data-path", "d", "/var/lib/flocker-lite", "Directory of the durable store."],
        ["port", "p", "tcp:4523", "Endpoint of the REST API."],
        ["agent-port", "a", "tcp:4524", "Endpoint for the agents."],
    ]
    optFlags = [
        [
            "accept-unknown-nodes",
            None,
            "Let things be put on nodes whose agents have never been seen, as Flocker 0.4 did, to "
            "set up a cluster in advance.",
        ],
    ]

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"flocker_lite {__version__}")
        raise SystemExit(0)


class ControlApplication(Service):
    """Opens the store, then the ports; closes them in the other order."""

    log = Logger()

    def __init__(self, reactor: Any, options: Options) -> None:
        self._reactor = reactor
        self._options = options
        self._thread = StoreThread(reactor)
        self._control: ControlService | None = None
        self._ports: list[Any] = []
        self._starting: Deferred[None] | None = None

    def startService(self) -> None:
        super().startService()
        self._thread.start()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(stop_with, self._reactor, self.log, "flocker-control")

    async def _start(self) -> None:
        store = await open_store(Path(self._options["data-path"]), self._thread.run)
        if store.taken_over is not None:
            self.log.info("took over the configuration in {file}", file=store.taken_over)
        self._control = await open_control(store, self._reactor)
        api = RESTAPI(
            self._control,
            self._reactor,
            resolver(self._reactor),
            accept_unknown_nodes=bool(self._options["accept-unknown-nodes"]),
        )
        for description, factory in (
            (self._options["port"], site(api)),
            (self._options["agent-port"], AgentLinks(self._control, self._reactor)),
        ):
            endpoint = serverFromString(self._reactor, description)
            self._ports.append(await endpoint.listen(factory))
        self.log.info("flocker-control serves cluster {cluster}", cluster=self._control.cluster_id)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        for port in self._ports:
            await port.stopListening()
        if self._control is not None:
            await self._control.close()
        self._thread.stop()


def makeService(options: Options) -> IService:
    """The service that twistd runs."""
    from twisted.internet import reactor

    make_steady(reactor)
    return ControlApplication(reactor, options)


def main() -> None:
    """The command `flocker-control`."""
    run_in_foreground("flocker-control", Options())
