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
    """Streams, on the way between agents.

    None is forged unless more of them are asked for: some forged ones are never received to their
    end, see "What is not protected" in docs/security.rst.
    """

    pools = NAMES
    resumes = True
    timeout = 900
    mutations_each = int(os.environ.get("FLOCKER_LITE_MUTATIONS", "9"))
