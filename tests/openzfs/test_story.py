"""The story of a move on OpenZFS: two nodes, each with a pool on a disk of its own."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.openzfs.pools import NAMES, create_pools, destroy_pools
from tests.zfs.move_story import MoveStory


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


class MoveStoryTests(MoveStory, TestCase):
    """Streams go from one pool to the other."""

    pools = NAMES
    resumes = True
    # In the machine one step takes a minute. The functional tests kill before each of them.
    strike_every = 5
