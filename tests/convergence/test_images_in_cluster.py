"""Images that nodes fetch in advance, from the wish to what the control service hears of it."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ImageError, NotFound
from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Edit
from flocker_lite.model.state import ImageState, NodeView
from flocker_lite.planner.changes import PullImage
from flocker_lite.planner.groups import Local
from flocker_lite.planner.image_plan import plan_images
from flocker_lite.testing.cluster import MemoryCluster

REDIS = "redis:7"


class ImagesTests(SynchronousTestCase):
    """Two nodes in memory; the second one is to have an image."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.first, self.second = self.cluster.nodes
        self.cluster.start()

    def want(self) -> None:
        """Have it on the second node."""

        def want(before: Configuration) -> Edit:
            return edits.want_image(before, self.second.address, REDIS)

        self.cluster.edit(want)
        self.cluster.run(1.0)

    def states(self) -> list[ImageState]:
        """What the second node says of its images."""
        assert self.cluster.control is not None
        return list(self.cluster.control.cluster.nodes[self.second.node_id].images.values())

    def test_fetched(self) -> None:
        """The node that is named fetches it, and no other."""
        self.want()
        assert self.second.containers.pulled == [REDIS]
        assert self.first.containers.pulled == []
        assert self.states() == [ImageState(REDIS, present=True)]

    def test_twice(self) -> None:
        """The same wish again is no other."""
        self.want()
        self.want()
        assert self.cluster.control is not None
        assert len(self.cluster.control.configuration.images) == 1

    def test_trouble(self) -> None:
        """What keeps it away is told until it is here."""
        self.second.containers.fail_next("pull", ImageError("the disk is full"))
        self.want()
        self.cluster.run(5.0)
        assert self.states() == [ImageState(REDIS, present=True)]
        self.second.containers.pulled.clear()
        self.second.containers.images = frozenset()
        self.cluster.run(40.0)
        (state,) = self.states()
        assert not state.present
        assert "could not be pulled" in (state.error or "")

    def test_forgotten(self) -> None:
        """What is wanted no more stays where it is, and is told of no more."""
        self.want()
        assert self.cluster.control is not None
        (image_id,) = self.cluster.control.configuration.images
        self.cluster.edit(lambda before: edits.forget_image(before, image_id))
        self.cluster.run(40.0)
        assert self.states() == []
        assert self.second.containers.pulled == [REDIS]

    def test_forget_nothing(self) -> None:
        """A wish that is not there cannot be dropped."""
        with pytest.raises(NotFound):
            edits.forget_image(Configuration(), "nothing")

    def test_plan(self) -> None:
        """Only what is not here is pulled."""
        self.want()
        assert self.second.agent is not None
        view = self.second.agent.loop.view or NodeView()
        assert plan_images(view, Local()) == [PullImage(REDIS)]
        assert plan_images(view, Local(images=frozenset({REDIS}))) == []
