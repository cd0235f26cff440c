"""Chooses the implementation of IRouting that works on this node."""

from __future__ import annotations

import re

from twisted.logger import Logger

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces import IRouting
from flocker_lite.routing.firewall import Firewall, RunCommand
from flocker_lite.routing.iptables import IptablesRouting
from flocker_lite.routing.nftables import NftablesRouting

LINUX_MIN = (4, 18)
"""Before this release of Linux, nft cannot do NAT beside iptables, which Docker uses."""

_log = Logger()


async def choose_routing(run: RunCommand, release: str) -> IRouting:
    """nft where it works beside Docker, otherwise iptables; `release` is that of Linux."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < LINUX_MIN:
        _log.info("routing uses iptables, because Linux {release} is old", release=release)
        return IptablesRouting(run)
    try:
        await Firewall(run).run("nft", "-j", "list", "tables")
    except CommandFailed as error:
        _log.info("routing uses iptables, because nft does not work: {error}", error=error)
        return IptablesRouting(run)
    return NftablesRouting(run)
