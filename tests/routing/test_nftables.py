"""What NftablesRouting runs, and what it makes of the answers."""

from __future__ import annotations

import json

from twisted.trial.unittest import TestCase

from flocker_lite.errors import CommandFailed
from flocker_lite.routing.nftables import NftablesRouting
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.routing_contract import REDIS, SIX

ABSENT = "Error: No such file or directory"
LISTING = {
    "nftables": [
        {
            "rule": {
                "chain": "routes",
                "comment": REDIS.container,
                "expr": [{"dnat": {"addr": REDIS.address, "port": REDIS.port}}],
            }
        }
    ]
}


class Commands:
    """Stands for the node: what was run, which rules are there, which chains are not."""

    def __init__(self) -> None:
        self.run: list[tuple[str, ...]] = []
        self.chains = {"FORWARD", "DOCKER-USER"}
        self.accepting: set[tuple[str, str]] = set()
        self.tables: dict[str, object] = {}
        self.error = ABSENT

    async def __call__(
        self, argv: tuple[str, ...], stdin: bytes = b"", timeout_seconds: float = 1.0
    ) -> bytes:
        self.run.append(argv)
        match argv:
            case ("nft", "-j", "list", "table", family, _):
                if family not in self.tables:
                    raise CommandFailed(argv, 1, self.error)
                return json.dumps(self.tables[family]).encode()
            case (iptables, "-w", _, "-C", chain, *_):
                if (iptables, chain) not in self.accepting:
                    raise CommandFailed(argv, 1, "Bad rule")
            case (iptables, "-w", _, "-I", chain, *_):
                if chain not in self.chains:
                    raise CommandFailed(argv, 1, "No chain/target/match by that name.")
                self.accepting.add((iptables, chain))
        return b""


class NftablesRoutingTests(TestCase):
    """On a node that is made of answers."""

    def setUp(self) -> None:
        self.commands = Commands()
        self.routing = NftablesRouting(self.commands)

    async def test_the_rules_come_last(self) -> None:
        """Whatever lets connections through is there before they are led elsewhere."""
        await self.routing.replace(frozenset({REDIS}))
        assert self.commands.run[-1] == ("nft", "-f", "-")
        assert self.commands.run[0][0] == "sysctl"

    async def test_docker_user(self) -> None:
        """Connections are let through in the chain that Docker leaves to its users, once."""
        await self.routing.replace(frozenset({REDIS}))
        await self.routing.replace(frozenset({REDIS}))
        assert self.commands.accepting == {("iptables", "DOCKER-USER")}
        assert sum("-I" in argv for argv in self.commands.run) == 1

    async def test_no_docker_user(self) -> None:
        """Without that chain, they are let through in FORWARD."""
        self.commands.chains = {"FORWARD"}
        await self.routing.replace(frozenset({REDIS, SIX}))
        assert self.commands.accepting == {("iptables", "FORWARD"), ("ip6tables", "FORWARD")}

    async def test_no_routes(self) -> None:
        """A node without routes is not made to forward anything."""
        await self.routing.replace(frozenset())
        assert self.commands.run == [("nft", "-f", "-")]

    async def test_discover(self) -> None:
        """Routes are in force when the table has them and their packets are let through."""
        self.commands.tables = {"ip": LISTING}
        self.commands.accepting = {("iptables", "FORWARD")}
        assert await self.routing.discover() == {REDIS}

    async def test_not_let_through(self) -> None:
        """Routes whose packets would be dropped are not in force, so that they are made again."""
        self.commands.tables = {"ip": LISTING}
        assert await self.routing.discover() == frozenset()

    async def test_nft_fails(self) -> None:
        """That the table is not there is no error; everything else is."""
        self.commands.error = "Error: Operation not permitted"
        error = await raised(CommandFailed, self.routing.discover())
        assert "not permitted" in str(error)
