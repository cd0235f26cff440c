"""IUsage measures what containers use."""

from __future__ import annotations

from collections.abc import Awaitable

from pyrsistent import PMap
from zope.interface import Interface

from flocker_lite.model.usage import ContainerUsage


class IUsage(Interface):
    """What the containers use that flocker_lite made on one node."""

    def measure() -> Awaitable[PMap[str, ContainerUsage]]:
        """The running ones, by their names in the API; it takes a moment.

        Raises FlockerError if nobody can tell.
        """
