"""Where an agent connects to: the control service, or whichever of several leads."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint

from flocker_lite.agent.greeting import ControlFinder, SearchingEndpoint
from flocker_lite.ca.claims import Kind
from flocker_lite.config import AgentOptions, place
from flocker_lite.interfaces.reactor import INetworkReactor
from flocker_lite.taps.exposure import require_loopback
from flocker_lite.tls.certificates import Certificates

CONNECT_SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX_OF_SEVERAL = 3.0
"""A machine that is off does not answer; then the next one is tried."""


def control_endpoint(
    options: AgentOptions, reactor: INetworkReactor, certificates: Certificates | None
) -> tuple[ControlFinder, SearchingEndpoint]:
    """The endpoint for the agent's service, and what they both know of the control services."""
    places = options.control_places
    seconds = CONNECT_SECONDS_MAX if len(places) == 1 else CONNECT_SECONDS_MAX_OF_SEVERAL

    def endpoint(host: str, port: int) -> Any:
        plain = HostnameEndpoint(reactor, host.encode(), port, timeout=seconds)
        return plain if certificates is None else certificates.client(plain, (Kind.CONTROL,))

    def endpoint_at(told: str) -> Any:
        host, port = place(told, options.control_port)
        if certificates is None and not options.insecure:
            require_loopback(host)
        return endpoint(host, port)

    finder = ControlFinder(len(places))
    return finder, SearchingEndpoint(finder, [endpoint(*each) for each in places], endpoint_at)
