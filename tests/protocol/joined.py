"""The two ends of a connection between control service and agent, in memory."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.test.iosim import FakeTransport, IOPump, connect

from flocker_lite.protocol.link import Link


def joined(clock: IReactorTime, agent: Link) -> tuple[Link, IOPump]:
    """The control service's end of a connection to this agent, and what carries their bytes."""
    control = Link(clock)
    pump: IOPump = connect(
        control, FakeTransport(control, True), agent, FakeTransport(agent, False), greet=False
    )
    return control, pump
