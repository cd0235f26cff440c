"""Which images a node should fetch before a container needs them; pure."""

from __future__ import annotations

from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, PullImage
from flocker_lite.planner.groups import Local


def desired_images(view: NodeView) -> frozenset[str]:
    """The images that the user wants on the node in advance."""
    return frozenset(desired.image for desired in view.images.values())


def plan_images(view: NodeView, local: Local) -> list[IStateChange]:
    """Pull each of them that is missing."""
    return [PullImage(image) for image in sorted(desired_images(view) - local.images)]
