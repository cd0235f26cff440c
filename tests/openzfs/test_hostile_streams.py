"""Hostile streams on OpenZFS; a few, for each takes seconds in the virtual machine."""

from __future__ import annotations

import os

from twisted.trial.unittest import TestCase

from tests.openzfs.pools import NAMES, create_pools, destroy_pools
from tests.zfs.hostile_streams import HostileStreams


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


class HostileStreamsTests(HostileStreams, TestCase):
    """Streams, on the way between agents."""

    pools = NAMES
    resumes = True
    mutations_each = int(os.environ.get("FLOCKER_LITE_MUTATIONS", "3"))
