"""Run on a node of the lab: the storage, on the ZFS and in the pool of that node."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from flocker_lite.testing.mount_status_contract import MountStatusContract
from flocker_lite.testing.properties_contract import PropertiesContract
from flocker_lite.testing.storage_contract import StorageContract
from flocker_lite.testing.streams_contract import StreamsContract
from tests.zfs.failover_story import FailoverStory
from tests.zfs.move_story import MoveStory
from tests.zfs.real_asides import RealAsides
from tests.zfs.real_streams import RealStreams
from tests.zfs.real_zfs import RealZfs


class ZfsStorageTests(
    StorageContract,
    PropertiesContract,
    MountStatusContract,
    StreamsContract,
    RealZfs,
    RealAsides,
    RealStreams,
    TestCase,
):
    """The contract, and more: one pool for all nodes, each of which has a part of it."""

    pools = ("flocker",)


class MoveStoryTests(MoveStory, TestCase):
    """The ZFS half of a move, without Docker and ssh."""

    pools = ("flocker",)


class FailoverStoryTests(FailoverStory, TestCase):
    """The ZFS half of a failover."""

    pools = ("flocker",)
