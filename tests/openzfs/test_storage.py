"""The storage on OpenZFS: the contract, what only real ZFS shows, and what zfs-fuse cannot do."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from flocker_lite.testing.mount_status_contract import MountStatusContract
from flocker_lite.testing.properties_contract import PropertiesContract
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE, sent
from flocker_lite.testing.storage_contract import StorageContract
from flocker_lite.testing.streams_contract import StreamsContract
from tests.openzfs.pools import NAMES, create_pools, destroy_pools
from tests.zfs.real_asides import RealAsides
from tests.zfs.real_streams import RealStreams
from tests.zfs.real_zfs import RealZfs

FILE_MEBIBYTES = 16
WRONG_BY_FACTOR_MAX = 0.05


def setUpModule() -> None:
    create_pools()


def tearDownModule() -> None:
    destroy_pools()


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
    """Nodes take turns with the pools, so that streams go from one pool to the other."""

    pools = NAMES
    resumes = True
    kills_after = (True,)

    async def test_estimate_is_close(self) -> None:
        """What a send is expected to write is what it writes, but for a few per cent."""
        storage = await self.make()
        await self.filled(storage, FILE_MEBIBYTES)
        estimate = await storage.estimate(DATASET, None, "first")
        stream = await sent(storage, DATASET, None, "first")
        assert len(stream) > FILE_MEBIBYTES * MEBIBYTE
        assert estimate is not None
        assert abs(estimate - len(stream)) < WRONG_BY_FACTOR_MAX * len(stream)
