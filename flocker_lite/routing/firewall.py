"""Lets routed and held connections through the firewalls of this node."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Protocol

from flocker_lite.errors import CommandFailed
from flocker_lite.model.state import Held, Relayed, Route, Rule
from flocker_lite.routing import rules

COMMAND_TIMEOUT_SECONDS = 20.0
LOCK_WAIT_SECONDS = "10"
_DOCKER_CHAIN, _FORWARD_CHAIN, _INPUT_CHAIN = "DOCKER-USER", "FORWARD", "INPUT"


class RunCommand(Protocol):
    """Runs a command to its end and returns its stdout; CommandFailed, CommandTimedOut."""

    def __call__(
        self, argv: tuple[str, ...], stdin: bytes = b"", timeout_seconds: float = ...
    ) -> Awaitable[bytes]: ...  # pragma: no cover


class Firewall:
    """The iptables rules that accept packets of connections with one of our marks."""

    def __init__(self, run: RunCommand) -> None:
        self._run_command = run

    async def open(self, desired: Iterable[Rule], family: rules.Family) -> None:
        """Accept the connections of these rules. Idempotent."""
        desired = tuple(desired)
        if rules.routes_of(desired, family):
            await self.run("sysctl", "-q", "-w", *family.sysctls)
            if not await self.forwards(family):
                await self._forward(family)
        if any(isinstance(rule, Held | Relayed) for rule in rules.of_family(desired, family)):
            # The firewall may accept the container's port, but does not know our listener's port.
            await self.insert(family, _INPUT_CHAIN, _accept(rules.HELD_MARK))

    async def effective(
        self, listed: frozenset[Route | Relayed], family: rules.Family
    ) -> frozenset[Route | Relayed]:
        """The rules whose connections the firewall accepts: either all routes, or none."""
        relayed = frozenset(rule for rule in listed if isinstance(rule, Relayed))
        return listed if listed > relayed and await self.forwards(family) else relayed

    async def forwards(self, family: rules.Family) -> bool:
        """Whether the firewall accepts connections that are routed to other nodes."""
        for chain in (_DOCKER_CHAIN, _FORWARD_CHAIN):
            if await self._has(family, chain, _accept(rules.MARK)):
                return True
        return False

    async def insert(
        self, family: rules.Family, chain: str, rule: tuple[str, ...], table: str = "filter"
    ) -> None:
        """Insert the rule at the head of the chain, unless the chain has it already."""
        if not await self._has(family, chain, rule, table):
            await self._iptables(family, "-I", chain, rule, table)

    async def run(self, *argv: str, stdin: bytes = b"") -> bytes:
        """Run a command on this node, with a time limit."""
        return await self._run_command(argv, stdin, COMMAND_TIMEOUT_SECONDS)

    async def _forward(self, family: rules.Family) -> None:
        try:
            await self._iptables(family, "-I", _DOCKER_CHAIN, _accept(rules.MARK))
        except CommandFailed:  # No such chain: Docker has not run, or leaves iptables alone.
            await self._iptables(family, "-I", _FORWARD_CHAIN, _accept(rules.MARK))

    async def _has(
        self, family: rules.Family, chain: str, rule: tuple[str, ...], table: str = "filter"
    ) -> bool:
        try:
            await self._iptables(family, "-C", chain, rule, table)
        except CommandFailed:
            return False
        return True

    async def _iptables(
        self,
        family: rules.Family,
        action: str,
        chain: str,
        rule: tuple[str, ...],
        table: str = "filter",
    ) -> None:
        which = () if table == "filter" else ("-t", table)
        await self.run(family.iptables, "-w", LOCK_WAIT_SECONDS, *which, action, chain, *rule)


def _accept(mark: str) -> tuple[str, ...]:
    match = ("-m", "connmark", "--mark", mark, "-m", "comment", "--comment", "flocker-lite")
    return (*match, "-j", "ACCEPT")
