"""The interface to what a node remembers of how its containers stopped and started."""

from __future__ import annotations

from collections.abc import Awaitable

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.model.state import RunTimes


class IRunTimes(Interface):
    """Remembers, over reboots too, how long containers took to stop and to answer."""

    remembered: PMap[str, RunTimes] = Attribute("By the container's name in the API.")

    def remember(times: PMap[str, RunTimes]) -> Awaitable[None]:
        """Replace all by these, durably."""
