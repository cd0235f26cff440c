"""What only a real ZFS shows of what is set aside, as tests to be mixed in where there is one."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.threads import deferToThread

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IStorage
from flocker_lite.processes import Commands
from flocker_lite.testing.asides_contract import AsidesContract
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE, REPLICA, transfer
from flocker_lite.zfs.names import CONTINUES_PROPERTY, aside, root
from flocker_lite.zfs.storage import ZfsStorage, open_storage
from tests.zfs.zfs_nodes import ZfsCase, command, property_of, write_durably

CHANGING = ("set", "rename", "clone", "promote", "inherit")
STEPS = 9
"""How many commands change anything when a part of a copy is set aside."""


class Killed(FlockerError):
    """The agent died here."""


class RealAsides(ZfsCase, AsidesContract):
    """Crashes between the commands, what ZFS keeps for whom, and pools that are full."""

    kills_after: tuple[bool, ...] = (False, True)
    """Whether the agent is killed before and after each command. The pool is the same before one as
    after the last one, so where each takes long, one of them does."""

    async def dying(self, storage: IStorage, dies_at: int, after: bool) -> ZfsStorage:
        """The storage of that node, whose agent dies before or after a command that changes."""
        parent, run = self.nodes.parent_of[id(storage)], Commands(cast(Any, installed_reactor)).run
        alive, count = False, 0

        async def run_until(
            argv: tuple[str, ...],
            stdin: bytes = b"",
            timeout_seconds: float = 60.0,
            fds: Mapping[int, int] | None = None,
        ) -> bytes:
            nonlocal count
            if not alive:
                return await run(argv, stdin, timeout_seconds, fds)
            count += argv[1] in CHANGING
            if argv[1] in CHANGING and count >= dies_at and not (after and count == dies_at):
                raise Killed(f"before {argv}")
            done = await run(argv, stdin, timeout_seconds, fds)
            if argv[1] in CHANGING and count >= dies_at:
                raise Killed(f"after {argv}")
            return done

        mounts = str(Path(storage.path(DATASET)).parent)
        opened = await open_storage(
            parent, mounts, run_until, deferToThread, cast(Any, installed_reactor)
        )
        alive = True
        return opened

    async def again(self, storage: IStorage) -> ZfsStorage:
        """The storage of that node in another process."""
        return await self.dying(storage, STEPS * 100, False)

    async def test_killed_at_the_first_commands(self) -> None:
        """An agent dies there. The next look finds the copy, whole or as it goes on: never none.

        Nothing is lost, and the copy can be continued once it was asked for again.
        """
        await self.killed_at(range(1, 4))

    async def test_killed_at_the_next_commands(self) -> None:
        """The same for those that follow."""
        await self.killed_at(range(4, 7))

    async def test_killed_at_the_last_commands(self) -> None:
        """The same for the rest."""
        await self.killed_at(range(7, STEPS + 1))

    async def killed_at(self, steps: Iterable[int]) -> None:
        """An agent that dies before and after each of these commands."""
        for step in steps:
            for after in self.kills_after:
                await self.killed_once(step, after)

    async def killed_once(self, step: int, after: bool) -> None:
        """An agent that dies there, and what the next one finds and does."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        dying = await self.dying(target, step, after)
        await raised(Killed, dying.continue_from(DATASET, "first", "diverged"))
        again = await self.again(target)
        looks: Callable[[], Awaitable[object]] = again.discover if after else again.asides
        await looks()
        found = await again.look(DATASET)
        assert found is not None, (step, after)
        assert (found.lease, found.trouble) == (REPLICA, None)
        if [each.name for each in found.snapshots] != ["first"]:
            assert [each.name for each in found.snapshots] == ["first", "stash-2"]
            await again.continue_from(DATASET, "first", "diverged")
        (kept,) = await again.asides()
        name = f"{root(self.nodes.parent_of[id(target)])}/{kept}"
        snapshots = command("zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", name)
        assert snapshots.split() == [f"{name}@stash-2"]
        for each in (name, self.nodes.name(target, DATASET)):
            assert property_of(each, CONTINUES_PROPERTY) == "-"
        assert property_of(name, "mountpoint") == "none"
        assert property_of(self.nodes.name(target, DATASET), "canmount") == "noauto"
        assert property_of(self.nodes.name(target, DATASET), "readonly") == "on"
        await source.snapshot(DATASET, "second")
        await transfer(source, again, DATASET, "first", "second")

    async def test_killed_and_not_to_be_gone_on_with(self) -> None:
        """While it cannot be brought to its end the copy is in trouble, and not taken for none."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        # After the mark and the new name.
        dying = await self.dying(target, 2, True)
        await raised(Killed, dying.continue_from(DATASET, "first", "diverged"))
        stuck = await self.dying(target, 1, False)
        await raised(Killed, stuck.look(DATASET))
        found = (await stuck.discover())[DATASET]
        assert found.lease is None
        assert "is being set aside" in (found.trouble or "")
        again = await self.again(target)
        assert (await again.discover())[DATASET].lease == REPLICA

    async def test_made_by_an_earlier_release(self) -> None:
        """What an earlier release set aside is listed, and can be destroyed; what else is there
        is not."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        name, old = self.nodes.name(target, DATASET), aside(DATASET, "diverged", 1700000000)
        command("zfs", "rename", name, f"{root(self.nodes.parent_of[id(target)])}/{old}")
        command("zfs", "create", f"{name}.mine")
        (found,) = (await target.asides()).values()
        assert (found.name, found.reason, found.set_aside_at) == (old, "diverged", 1700000000)
        assert found.size_bytes > 0
        await target.destroy_aside(old)
        assert dict(await target.asides()) == {}
        await raised(ValueError, target.destroy_aside(f"{DATASET}.mine"))

    async def test_held_snapshots(self) -> None:
        """That snapshots are held does not keep anything from being set aside or destroyed."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        for base, snapshot in ((None, "first"), ("first", "stash-2")):
            await self.sent_away(target, base, snapshot)
        name = await target.continue_from(DATASET, "first", "diverged")
        await self.sent_away(target, None, "first")
        await target.destroy_aside(name)
        await target.destroy_snapshot(DATASET, "first")
        look = await target.look(DATASET)
        assert look is not None
        assert look.snapshots == ()

    async def sent_away(self, storage: IStorage, base: str | None, snapshot: str) -> None:
        """Have a stream written that nobody reads."""
        with tempfile.TemporaryFile() as nowhere:
            await storage.send(DATASET, base, snapshot, nowhere.fileno())

    async def test_full(self) -> None:
        """In a pool without room a part is set aside, or all stays as it was; nothing is lost."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        parent = self.nodes.parent_of[id(target)]
        filler = f"{parent}/filler"
        folder = self.nodes.folder / "filler"
        command("zfs", "create", "-o", f"mountpoint={folder}", filler)
        try:
            # A quota stands for the pool's end: the same error, and no other test is in its way.
            command("zfs", "set", f"quota={8 * MEBIBYTE}", parent)
            with suppress(OSError):
                write_durably(folder / "fill", 16 * MEBIBYTE)
            try:
                await target.continue_from(DATASET, "first", "diverged")
            except FlockerError:
                assert (await target.discover())[DATASET] is not None
        finally:
            command("zfs", "set", "quota=none", parent)
            command("zfs", "unmount", filler)
        found = await target.look(DATASET)
        assert found is not None
        if len(found.snapshots) > 1:
            await target.continue_from(DATASET, "first", "diverged")
        assert len(await target.asides()) == 1
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
