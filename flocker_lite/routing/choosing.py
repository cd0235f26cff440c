"""Which implementation of IRouting this node can have."""

from __future__ import annotations

import re

from twisted.logger import Logger

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces import IRouting
from flocker_lite.routing.firewall import Firewall, RunCommand
from flocker_lite.routing.iptables import IptablesRouting
from flocker_lite.routing.nftables import NftablesRouting

LINUX_MIN = (4, 18)
"""Before it, NAT is done by nft or by iptables, which Docker uses, and not by both."""

_log = Logger()


async def choose_routing(run: RunCommand, release: str) -> IRouting:
    """With nft where it can be used beside Docker, else with iptables; `release` is of Linux."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < LINUX_MIN:
        _log.info("connections are led by iptables: Linux {release} is old", release=release)
        return IptablesRouting(run)
    try:
        await Firewall(run).run("nft", "-j", "list", "tables")
    except CommandFailed as error:
        _log.info("connections are led by iptables: {error}", error=error)
        return IptablesRouting(run)
    return NftablesRouting(run)
