"""The agent's end of its connection to the control service, and the factory that makes it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory

from flocker_lite.protocol.adoptions import AdoptingLink, LookAtContainer
from flocker_lite.protocol.container_output import OpenLocalOutput, OutputLink
from flocker_lite.protocol.forecasts import ForecastingLink, MakeForecast
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.observations import Observer, ObservingLink
from flocker_lite.protocol.releases import LookAtRelease, ReleasingLink
from flocker_lite.protocol.renewals import AgreeTo, FencingLink
from flocker_lite.protocol.volumes import LookAtVolumeUse, VolumeUsingLink


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
        look_at_release: LookAtRelease,
        look_at_volume_use: LookAtVolumeUse,
        observer: Observer,
        pulse: tuple[float, float],
        agree_to: AgreeTo,
    ) -> None:
        self._agree_to = agree_to
        self._pulse = pulse
        self._clock = clock
        self._connected = connected
        self._make_forecast = make_forecast
        self._open_output = open_output
        self._look_at_container = look_at_container
        self._look_at_release = look_at_release
        self._observer = observer
        self._look_at_volume_use = look_at_volume_use

    def buildProtocol(self, addr: object) -> Link:
        link = ControlLink(self._clock)
        link.ping_seconds, link.silence_seconds_max = self._pulse
        link.greet = self._connected
        link.make_forecast = self._make_forecast
        link.open_local = self._open_output
        link.look_at_container = self._look_at_container
        link.look_at_release = self._look_at_release
        link.observer = self._observer
        link.look_at_volume_use = self._look_at_volume_use
        link.agree_to = self._agree_to
        return link


class ControlLink(
    ForecastingLink,
    OutputLink,
    AdoptingLink,
    ReleasingLink,
    ObservingLink,
    VolumeUsingLink,
    FencingLink,
):
    """A link that calls `greet` once it is connected."""

    greet: Callable[[Link], None]

    def connectionMade(self) -> None:
        super().connectionMade()
        self.greet(self)
