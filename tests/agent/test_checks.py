"""What the agent finds wrong with its ports and its clock."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.checks import ClockCheck, PortsCheck, kernel_keeps_time
from flocker_lite.interfaces.checks import ICheck
from flocker_lite.model.state import PortState
from flocker_lite.testing.check_contract import CheckContract


def at_once(function: Any, *arguments: Any) -> Any:
    """Calls it here, not in a thread."""
    return succeed(function(*arguments))


class PortsCheckTests(CheckContract, SynchronousTestCase):
    """External ports as the agent reports them."""

    def healthy(self) -> ICheck:
        return PortsCheck(lambda: {"80": PortState()})

    def ill(self) -> ICheck:
        return PortsCheck(lambda: {"80": PortState(error="nginx (pid 7) has this port")})

    def test_who_has_it(self) -> None:
        """The finding names the port and who listens there."""
        (finding,) = self.looked(self.ill()).findings
        assert finding.text == "port 80: nginx (pid 7) has this port"

    def test_hints(self) -> None:
        """Connections that wait, or were refused, are hints."""
        ports = {"53/udp": PortState(), "80": PortState(2, 9), "443": PortState(0, 9, 3)}
        found = self.looked(PortsCheck(lambda: ports))
        assert found.fact == "2 connections wait, 3 were refused"
        assert [(each.text.split(":")[0], each.severe) for each in found.findings] == [
            ("port 80", False),
            ("port 443", False),
        ]


class ClockCheckTests(CheckContract, SynchronousTestCase):
    """Whether something keeps the clock right; that is never severe."""

    def healthy(self) -> ICheck:
        return ClockCheck(at_once, lambda: True)

    def ill(self) -> ICheck:
        return ClockCheck(at_once, lambda: False)

    def test_something_is_wrong(self) -> None:
        """Is a hint: the clock may be right all the same."""
        (finding,) = self.looked(self.ill()).findings
        assert not finding.severe
        assert "NTP" in finding.remedy

    def test_the_kernel(self) -> None:
        """Can be asked, on this machine too."""
        assert kernel_keeps_time() in (True, False)
