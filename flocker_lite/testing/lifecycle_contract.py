"""What people and Docker itself do to our containers, as tests to mix in.

How real Docker surprises: Its list lags behind its events. A restart without the agent is a run
like any other, which waits at the start gate. People rename containers. A paused container has
processes and does nothing. A container may be gone from one look to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from flocker_lite.awaiting import deferred_of
from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import Container
from flocker_lite.model.state import LocalContainer
from flocker_lite.testing.containers_contract import (
    ADDRESS,
    STOP_TIMEOUT_SECONDS,
    ContainersContract,
    raised,
)

reactor: Any = installed_reactor

SOON_SECONDS = 20.0
POLL_SECONDS = 0.02


class LifecycleContract(ContainersContract):
    """The whole contract of IContainers; implement the `docker` commands of a person, too."""

    async def restart(self, name: str) -> None:
        """`docker restart`."""
        raise NotImplementedError

    async def start_by_hand(self, name: str) -> None:
        """`docker start`."""
        raise NotImplementedError

    async def pause(self, name: str) -> None:
        """`docker pause`."""
        raise NotImplementedError

    async def unpause(self, name: str) -> None:
        """`docker unpause`."""
        raise NotImplementedError

    async def rename(self, name: str, docker_name: str) -> None:
        """`docker rename`."""
        raise NotImplementedError

    async def remove_by_force(self, name: str) -> None:
        """`docker rm -f`."""
        raise NotImplementedError

    async def stop_and_remove(self, name: str) -> None:
        """`docker stop && docker rm`."""
        raise NotImplementedError

    async def let_go(self, containers: IContainers) -> LocalContainer:
        """Run a container with a volume."""
        await self.prestartable(containers)
        await self.mount()
        await containers.start("db")
        return await self.seen(containers)

    async def seen(self, containers: IContainers, name: str = "db") -> LocalContainer:
        """The container; checks that `look` and `discover` show the same."""
        looked = await containers.look(name)
        assert looked is not None
        assert (await containers.discover())[name] == looked
        return looked

    async def done(self, containers: IContainers) -> None:
        """Remove the container, and check that its data can be unmounted."""
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_a_run_that_was_not_let_go(self) -> None:
        """Each start by somebody else is a new run; it waits until the agent starts it."""
        containers = await self.make()
        runs = {(await self.let_go(containers)).run}
        for _ in range(2):
            await self.restart("db")
            found = await self.seen(containers)
            assert (found.prestarted, found.running) == (True, False)
            await containers.start("db")
            found = await self.seen(containers)
            assert found.running
            runs.add(found.run)
        assert len(runs) == 3
        await self.done(containers)

    async def test_restarted_twice_in_a_row(self) -> None:
        """A run that never passed the gate did not end by itself, and the next run may start."""
        containers = await self.make()
        await self.let_go(containers)
        await self.restart("db")
        await self.restart("db")
        assert (await self.seen(containers)).prestarted
        await containers.start("db")
        assert (await self.seen(containers)).running
        await self.done(containers)

    async def test_started_by_hand_without_data(self) -> None:
        """Whoever starts the container, its program does not begin before its data is mounted."""
        containers = await self.make()
        await self.prestartable(containers)
        await self.start_by_hand("db")
        assert (await self.seen(containers)).prestarted
        await raised(ContainerError, containers.start("db"))
        assert (await self.seen(containers)).prestarted

    async def test_paused(self) -> None:
        """A paused container neither runs nor has ended, cannot be started, and can be unpaused."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await self.pause("db")
        found = await self.seen(containers)
        assert (found.paused, found.running, found.last_exit) == (True, False, None)
        error = await raised(ContainerError, containers.start("db"))
        assert "docker unpause flocker--db" in str(error)
        await self.unpause("db")
        assert (await self.seen(containers)).running

    async def test_paused_is_stopped_and_removed(self) -> None:
        """A paused container can be stopped and removed."""
        containers = await self.make()
        for _ in range(2):
            await self.prepared(containers)
            await containers.start("db")
            await self.pause("db")
            await containers.stop("db", STOP_TIMEOUT_SECONDS)
            assert (await self.seen(containers)).status == "exited"
            await containers.start("db")
            await self.pause("db")
            await containers.remove("db")
            assert await containers.look("db") is None

    async def test_renamed(self) -> None:
        """A renamed container can still be seen, kept, stopped, started and removed."""
        containers = await self.make()
        container = await self.prepared(containers)
        await containers.start("db")
        before = await self.seen(containers)
        await self.rename("db", "kv-old")
        await containers.prepare(container, {}, ADDRESS)
        assert await self.seen(containers) == before
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await containers.start("db")
        assert (await self.seen(containers)).instance == before.instance
        await containers.remove("db")
        assert dict(await containers.discover()) == {}

    async def test_renamed_to_the_name_of_another(self) -> None:
        """It stays; the container whose name it took cannot be made, and the error says why."""
        containers = await self.make()
        await self.prepared(containers)
        other = replace(self.container("other"), ports=())
        await self.rename("db", "flocker--other")
        assert await containers.look("other") is None
        assert (await self.seen(containers)).container.name == "db"
        error = await raised(ContainerError, containers.prepare(other, {}, ADDRESS))
        assert "docker rename flocker--other flocker--db" in str(error)

    async def test_who_is_told_of_an_end_sees_it(self) -> None:
        """A look after an event always shows what the event told."""
        containers = await self.make()
        await self.prepared(containers)
        looks: list[LocalContainer | None] = []

        async def look(name: str) -> None:
            looks.append(await containers.look(name))

        def told(name: str) -> None:
            looking.append(Deferred.fromCoroutine(look(name)))

        looking: list[Deferred[None]] = []
        watching = deferred_of(containers.watch(told))
        watching.addErrback(lambda failure: None)
        self.addCleanup(watching.cancel)
        for _ in range(3):
            await containers.start("db")
            # Only events cause looks here: after a last look that came too early, this would hang.
            await self.until(lambda: bool(looks) and looks[-1] is not None and looks[-1].running)
            await self.end("db")
            await self.until(lambda: looks[-1] is not None and looks[-1].last_exit is not None)
        await self.remove_by_force("db")
        await self.until(lambda: looks[-1] is None)
        for each in looking:
            await each

    async def test_removed_by_force(self) -> None:
        """A forced removal does not look like the end of a job that is done."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        looks: list[LocalContainer | None] = []

        async def look(name: str) -> None:
            looks.append(await containers.look(name))

        watching = deferred_of(
            containers.watch(lambda name: looking.append(Deferred.fromCoroutine(look(name))))
        )
        watching.addErrback(lambda failure: None)
        self.addCleanup(watching.cancel)
        looking: list[Deferred[None]] = []
        await look("db")
        await self.remove_by_force("db")
        await self.until(lambda: looks[-1] is None)
        for each in looking:
            await each
        assert [local for local in looks if local is not None and local.last_exit is not None] == []

    async def test_stopped_and_removed(self) -> None:
        """Its end is known until the next container is made, although nobody could look in time."""
        containers = await self.make()
        container = await self.watched(containers)
        before = await self.seen(containers)
        await self.stop_and_remove("db")
        assert await containers.look("db") is None
        gone = (await containers.gone())["db"]
        assert (gone.instance, gone.container) == (before.instance, container)
        assert gone.last_exit is not None
        assert gone.last_exit.by_itself
        await containers.prepare(container, {}, ADDRESS)
        assert dict(await containers.gone()) == {}

    async def test_stopped_without_an_exit(self) -> None:
        """It did not end by itself then. Whoever starts it again, its next end is its own."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        for start in (containers.start, self.start_by_hand):
            assert (await containers.stop("db", STOP_TIMEOUT_SECONDS, is_exit=False)).ran
            found = await self.seen(containers)
            assert found.status == "exited"
            assert found.last_exit is not None
            assert not found.last_exit.by_itself
            await start("db")
            await self.end("db")
            for _ in range(2):
                found = await self.seen(containers)
                assert found.last_exit is not None
                assert found.last_exit.by_itself
                # It does not run, so this ends nothing.
                await containers.stop("db", STOP_TIMEOUT_SECONDS, is_exit=False)
            await containers.start("db")

    async def test_no_end_of_its_own(self) -> None:
        """A container that we stop, or that is removed by force, did not end by itself."""
        containers = await self.make()
        container = await self.watched(containers)
        for is_forced in (True, False):
            await self.seen(containers)
            if not is_forced:
                await containers.stop("db", STOP_TIMEOUT_SECONDS)
            await self.remove_by_force("db")
            assert await containers.look("db") is None
            assert dict(await containers.gone()) == {}
            await containers.prepare(container, {}, ADDRESS)
            await containers.start("db")
        await self.seen(containers)
        await containers.remove("db")
        assert dict(await containers.discover()) == {}
        assert dict(await containers.gone()) == {}

    async def watched(self, containers: IContainers) -> Container:
        """Run a container, and watch it."""
        container = await self.prepared(containers)
        told: list[str] = []
        watching = deferred_of(containers.watch(told.append))
        watching.addErrback(lambda failure: None)
        self.addCleanup(watching.cancel)
        await containers.start("db")
        await self.until(lambda: "db" in told)
        return container

    async def until(self, good: Callable[[], bool]) -> None:
        """Wait until `good()` is true."""
        for _ in range(round(SOON_SECONDS / POLL_SECONDS)):
            if good():
                return
            await deferLater(reactor, POLL_SECONDS)
        raise AssertionError("this did not become true in time")
