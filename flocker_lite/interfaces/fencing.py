"""The door to what an agent must not forget of the fencing protocol: see `model.fencing`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import Attribute, Interface

from flocker_lite.model.fencing.claims import Agreement
from flocker_lite.model.fencing.primary import Counting
from flocker_lite.model.identities import NodeId


@dataclass(frozen=True, slots=True)
class FencingRecord:
    """What a node counts as primary, and agreed to as witness, by container.

    `addresses` are where the witnesses are.
    """

    countings: PMap[str, Counting] = field(default_factory=pmap)
    agreements: PMap[str, tuple[Agreement, ...]] = field(default_factory=pmap)
    addresses: PMap[NodeId, str] = field(default_factory=pmap)


class IFencingRecord(Interface):
    """Remembers it, over restarts of the agent and of the node."""

    record: FencingRecord = Attribute("As it was last written.")

    def update(change: Callable[[FencingRecord], FencingRecord]) -> Awaitable[None]:
        """Write what `change` makes of the record, durably; nobody else writes in between."""
