"""What is found wrong with the firewall."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces.checks import ICheck
from flocker_lite.routing.firewall_check import FirewallCheck
from flocker_lite.routing.iptables import IptablesRouting
from flocker_lite.routing.nftables import NftablesRouting
from flocker_lite.testing.check_contract import CheckContract

ABSENT = "Error: No such file or directory"


def at_once(function: Any, *arguments: Any) -> Any:
    """Calls it here, not in a thread."""
    return succeed(function(*arguments))


class Commands:
    """Answers as nft does; `is_there` says whether it is installed."""

    def __init__(self, is_there: bool = True) -> None:
        self.is_there = is_there

    async def __call__(
        self, argv: tuple[str, ...], stdin: bytes = b"", timeout_seconds: float = 1.0
    ) -> bytes:
        """Run a command."""
        if not self.is_there:
            raise CommandFailed(argv, 127, "not started: No such program")
        if argv[1:] == ("--version",):
            return f"{argv[0]} v1.0.6 (Lester)\n".encode()
        raise CommandFailed(argv, 1, ABSENT)


class FirewallCheckTests(CheckContract, SynchronousTestCase):
    """A node with nft, or without."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        (self.root / "proc/sys/net/ipv4").mkdir(parents=True)
        self.forwards("1")

    def forwards(self, number: str) -> None:
        """What the kernel says of forwarding."""
        (self.root / "proc/sys/net/ipv4/ip_forward").write_text(f"{number}\n")

    def check(self, commands: Commands) -> ICheck:
        """The check of a node with these commands."""
        return FirewallCheck(NftablesRouting(commands), commands, at_once, self.root)

    def healthy(self) -> ICheck:
        return self.check(Commands())

    def ill(self) -> ICheck:
        return self.check(Commands(is_there=False))

    def test_its_version(self) -> None:
        """Names the command that routes here."""
        assert self.looked(self.healthy()).fact == "nft v1.0.6"
        commands = Commands()
        old = FirewallCheck(IptablesRouting(commands), commands, at_once, self.root)
        assert self.looked(old).fact == "iptables v1.0.6"

    def test_not_there(self) -> None:
        """It is to be installed."""
        found = self.looked(self.ill())
        assert (found.fact, len(found.findings)) == ("no nft", 1)
        assert "install nft" in found.findings[0].remedy

    def test_the_kernel_does_not_forward(self) -> None:
        """Ports of containers elsewhere lead nowhere then."""
        self.forwards("0")
        (finding,) = self.looked(self.healthy()).findings
        assert "ip_forward=1" in finding.remedy
