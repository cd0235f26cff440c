"""Which images a node should fetch before a container needs them; pure."""

from __future__ import annotations

from flocker_lite.convergence.changes import IStateChange, PullImage
from flocker_lite.convergence.groups import Local
from flocker_lite.model.state import NodeView


def wanted_images(view: NodeView) -> frozenset[str]:
    """The images that the node should have in advance."""
    return frozenset(wish.image for wish in view.images.values())


def plan_images(view: NodeView, local: Local) -> list[IStateChange]:
    """Pull each that is not here."""
    return [PullImage(image) for image in sorted(wanted_images(view) - local.images)]
