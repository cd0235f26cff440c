"""Rules in the words of iptables, and which implementation a node can have."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from flocker_lite.errors import CommandFailed
from flocker_lite.model.state import Relayed, Rule
from flocker_lite.routing.iptables import IptablesRouting, read, script
from flocker_lite.routing.nftables import NftablesRouting
from flocker_lite.routing.rules import IPV4, IPV6
from flocker_lite.routing.selection import choose_routing
from flocker_lite.testing.routing_contract import HELD, LONG, NGINX, REDIS, RELAYED, SIX

ALL: frozenset[Rule] = frozenset({REDIS, NGINX, LONG, HELD, RELAYED, SIX})
HELD4, HELD6 = (Relayed(HELD.port, HELD.listener, HELD.container, version) for version in (4, 6))


def test_what_is_restored_reads_back() -> None:
    """The rules of each version of IP, in a chain that is emptied first."""
    for family, expected in (
        (IPV4, {REDIS, NGINX, LONG, HELD4}),
        (IPV6, {SIX, HELD6, RELAYED}),
    ):
        text = script(ALL, family)
        assert text.splitlines()[:2] == ["*nat", ":FLOCKER-LITE - [0:0]"]
        assert read(text, family) == expected


def test_read() -> None:
    """What iptables-save prints, with rules of others around ours."""
    saved = """\
*nat
:PREROUTING ACCEPT [0:0]
:FLOCKER-LITE - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j FLOCKER-LITE
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80
-A FLOCKER-LITE -p tcp -m tcp --dport 7000 -j CONNMARK --set-xmark 0x666c6f64/0xffffffff
-A FLOCKER-LITE -p tcp -m tcp --dport 7000 -m comment --comment db -j REDIRECT --to-ports 41000
COMMIT
"""
    assert read(saved, IPV4) == {Relayed(7000, 41000, "db", 4)}


class ChoosingTests(TestCase):
    """By the age of Linux, and by what nft says."""

    async def run_well(
        self, argv: tuple[str, ...], stdin: bytes = b"", timeout_seconds: float = 1.0
    ) -> bytes:
        """A node where nft works."""
        return b"{}"

    async def run_badly(
        self, argv: tuple[str, ...], stdin: bytes = b"", timeout_seconds: float = 1.0
    ) -> bytes:
        """A node without it."""
        raise CommandFailed(argv, 1, "No such file or directory")

    async def test_choice(self) -> None:
        """nft where it can be used beside Docker, else iptables."""
        assert isinstance(await choose_routing(self.run_well, "6.1.0-18-amd64"), NftablesRouting)
        assert isinstance(await choose_routing(self.run_well, "5.4"), NftablesRouting)
        old = "3.10.0-1160.el7.x86_64"
        assert isinstance(await choose_routing(self.run_well, old), IptablesRouting)
        assert isinstance(await choose_routing(self.run_badly, "6.1.0"), IptablesRouting)
