"""The agent's end of its connection to the control service, and the factory that makes it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory

from flocker_lite.protocol.adoptions import AdoptingLink, LookAtContainer
from flocker_lite.protocol.container_output import OpenLocalOutput, OutputLink
from flocker_lite.protocol.forecasts import ForecastingLink, MakeForecast
from flocker_lite.protocol.link import Link


class ControlLinkFactory(Factory):
    """Makes the agent's end of each connection, and calls `connected` with it."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        connected: Callable[[Link], None],
        make_forecast: MakeForecast,
        open_output: OpenLocalOutput,
        look_at_container: LookAtContainer,
    ) -> None:
        self._clock = clock
        self._connected = connected
        self._make_forecast = make_forecast
        self._open_output = open_output
        self._look_at_container = look_at_container

    def buildProtocol(self, addr: object) -> Link:
        link = ControlLink(self._clock)
        link.greet = self._connected
        link.make_forecast = self._make_forecast
        link.open_local = self._open_output
        link.look_at_container = self._look_at_container
        return link


class ControlLink(ForecastingLink, OutputLink, AdoptingLink):
    """A link that calls `greet` once it is connected."""

    greet: Callable[[Link], None]

    def connectionMade(self) -> None:
        super().connectionMade()
        self.greet(self)
