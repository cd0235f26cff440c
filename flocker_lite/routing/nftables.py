"""IRouting with nft: the kernel itself redirects connections to the other node."""

from __future__ import annotations

from zope.interface import implementer

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces import IRouting
from flocker_lite.model.state import Relayed, Route, Rule
from flocker_lite.routing import flows, rules
from flocker_lite.routing.firewall import Firewall, RunCommand


@implementer(IRouting)
class NftablesRouting:
    """The rules of this node: tables of ours, replaced as a whole.

    Needs nft 0.9.1 and Linux 4.18, where nft and Docker's iptables can both do NAT.
    """

    def __init__(self, run: RunCommand) -> None:
        self._firewall = Firewall(run)

    async def discover(self) -> frozenset[Rule]:
        """The rules in force; a family has no routes while the firewall drops their packets."""
        found: set[Route | Relayed] = set()
        for family in rules.FAMILIES:
            found |= await self._firewall.effective(await self._listed(family), family)
        return rules.joined(found)

    async def replace(self, desired: frozenset[Rule]) -> None:
        for family in rules.FAMILIES:
            await self._firewall.open(desired, family)
        await self._firewall.run("nft", "-f", "-", stdin=rules.script(desired).encode())

    async def forget(self, ports: frozenset[int]) -> None:
        await self._firewall.run(*flows.argv(ports))

    async def _listed(self, family: rules.Family) -> frozenset[Route | Relayed]:
        try:
            listing = await self._firewall.run(
                "nft", "-j", "list", "table", family.name, rules.TABLE
            )
        except CommandFailed as error:
            if "No such file or directory" in error.stderr_tail:
                return frozenset()
            raise
        return rules.read(listing.decode(), family)
