"""What becomes of what was set aside of copies: it stays until a user lets go of it; pure."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from flocker_lite.convergence.changes import Doors, IStateChange, ShortChange
from flocker_lite.convergence.groups import Local
from flocker_lite.model.state import NodeView


def aside_resource(name: str) -> str:
    return f"aside/{name}"


ANY_ASIDE = aside_resource("")


@implementer(IStateChange)
@dataclass(frozen=True)
class DestroyAside(ShortChange):
    """Destroy what was set aside under this name, which the user wants no more."""

    name: str

    @property
    def resources(self) -> frozenset[str]:
        return frozenset({aside_resource(self.name)})

    async def run(self, doors: Doors) -> None:
        await doors.storage.destroy_aside(self.name)


def plan_asides(view: NodeView, local: Local) -> list[IStateChange]:
    """Destroy what is here and to be destroyed, and nothing else."""
    return [DestroyAside(name) for name in sorted(local.asides) if name in view.discards]
