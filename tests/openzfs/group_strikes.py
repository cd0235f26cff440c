"""Groups on OpenZFS, struck at their leases: too slow for each day in the virtual machine.

FLOCKER_LITE_STRIKE_EVERY=1 strikes before each lease and not before every fifth.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import TestCase

from tests.openzfs.pools import NAMES, create_pools, destroy_pools
from tests.zfs.group_story import GroupStory
from tests.zfs.zfs_nodes import ZfsCase


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


class StrikeTests(GroupStory, ZfsCase, TestCase):
    """Groups of two and three, between the two pools."""

    pools = NAMES
    resumes = True
    strike_every = int(os.environ.get("FLOCKER_LITE_STRIKE_EVERY", "5"))
