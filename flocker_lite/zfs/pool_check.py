"""Checks the pool: whether its disks are well, and how full it is."""

from __future__ import annotations

from zope.interface import implementer

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.model.diagnosis import Finding
from flocker_lite.model.machine import Capacity
from flocker_lite.processes import Run
from flocker_lite.zfs import commands, output

NAME = "pool"
TIMEOUT_SECONDS = 7.0
FREE_SHARE_MIN = 0.1
"""With less free space ZFS becomes slow, and pushes to the node may fail."""

_GIBIBYTE = 1024**3


@implementer(ICheck)
class PoolCheck:
    """Asks ZFS; `root` is the pool, or the filesystem in one, that the agent was given."""

    name = NAME

    def __init__(self, root: str, run: Run) -> None:
        self._root = root
        self._run = run

    async def look(self) -> Checked:
        pool = self._root.partition("/")[0]
        try:
            health = await self._said(commands.pool_health(pool))
            room = output.capacity(await self._said(commands.capacity(self._root)))
        except CommandFailed as error:
            return Checked("missing", (_missing(pool, error),))
        words = f"{health}, {_gib(room.free_bytes)} of {_gib(room.size_bytes)} free"
        return Checked(words, (*_unhealthy(pool, health), *_full(pool, room)))

    async def _said(self, argv: tuple[str, ...]) -> str:
        return (await self._run(argv, timeout_seconds=TIMEOUT_SECONDS)).decode().strip()


def _missing(pool: str, error: CommandFailed) -> Finding:
    remedy = f"run `zpool import {pool}` there; see `zpool status`"
    return Finding(NAME, f"ZFS does not answer for {pool}: {error}", remedy)


def _unhealthy(pool: str, health: str) -> list[Finding]:
    if health == "ONLINE":
        return []
    text = f"the pool {pool} is {health}"
    remedy = f"run `zpool status {pool}` there: it says which disk it is, and what to do"
    return [Finding(NAME, text, remedy)]


def _full(pool: str, room: Capacity) -> list[Finding]:
    if room.free_bytes >= room.size_bytes * FREE_SHARE_MIN:
        return []
    text = f"the pool {pool} is nearly full: {_gib(room.free_bytes)} are free"
    remedy = "delete what nobody needs (flockerctl set-aside, zfs list), or add disks"
    is_severe = room.free_bytes < room.size_bytes * FREE_SHARE_MIN / 2
    return [Finding(NAME, text, remedy, is_severe)]


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIBIBYTE:.1f} GiB"
