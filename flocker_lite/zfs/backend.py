"""ZFS as a storage backend: its datasets, and the fences for containers on trial with them."""

from __future__ import annotations

from pathlib import Path

from flocker_lite.interfaces import StorageBackend
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.processes import Run
from flocker_lite.zfs.fence import ZfsFence
from flocker_lite.zfs.fence_deadlines import ZfsDeadlineFence
from flocker_lite.zfs.pool_check import PoolCheck
from flocker_lite.zfs.storage import open_storage


async def open_zfs(
    *,
    pool: str,
    mount_root: str,
    fenced: Path,
    fences: Path,
    watchdog: str | None,
    run: Run,
    run_in_thread: RunInThread,
    reactor: IReactor,
) -> StorageBackend:
    """`pool` is a ZFS pool, or a filesystem in one, below which all is kept."""
    storage = await open_storage(pool, mount_root, run, run_in_thread, reactor)
    deadlines = ZfsDeadlineFence(reactor, pool, fences, fenced, watchdog)
    fence, checks = ZfsFence(reactor, pool, fenced), (PoolCheck(pool, run),)
    return StorageBackend(storage, fence, deadlines, checks)
