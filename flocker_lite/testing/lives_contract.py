"""What people, and Docker itself, do to containers of ours, as tests to be mixed in.

How the real one surprises: its list is behind its events; a restart that nobody asked the agent for
is a run like any other, and waits at the gate; a name is what somebody gave it last; one that is
paused has processes and does nothing; one may be gone from one look to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import IContainers
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


class LivesContract(ContainersContract):
    """The whole contract of IContainers; give what a person's `docker` does, too."""

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

    async def vanish(self, name: str) -> None:
        """`docker rm -f`."""
        raise NotImplementedError

    async def let_go(self, containers: IContainers) -> LocalContainer:
        """Have one with a volume running."""
        await self.poisable(containers)
        await self.mount()
        await containers.start("db")
        return await self.seen(containers)

    async def seen(self, containers: IContainers, name: str = "db") -> LocalContainer:
        """What both kinds of look say of it, which is the same."""
        looked = await containers.look(name)
        assert looked is not None
        assert (await containers.discover())[name] == looked
        return looked

    async def done(self, containers: IContainers) -> None:
        """Its data can be unmounted."""
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_a_run_that_was_not_let_go(self) -> None:
        """Each start by somebody else is a run of its own, which waits until it is let go."""
        containers = await self.make()
        runs = {(await self.let_go(containers)).run}
        for _ in range(2):
            await self.restart("db")
            found = await self.seen(containers)
            assert (found.poised, found.running) == (True, False)
            await containers.start("db")
            found = await self.seen(containers)
            assert found.running
            runs.add(found.run)
        assert len(runs) == 3
        await self.done(containers)

    async def test_restarted_twice_in_a_row(self) -> None:
        """Of a run that was never let go no end is one by itself, and the next is let go."""
        containers = await self.make()
        await self.let_go(containers)
        await self.restart("db")
        await self.restart("db")
        assert (await self.seen(containers)).poised
        await containers.start("db")
        assert (await self.seen(containers)).running
        await self.done(containers)

    async def test_started_by_hand_without_data(self) -> None:
        """Its program does not begin, whoever starts it, where its data is not mounted."""
        containers = await self.make()
        await self.poisable(containers)
        await self.start_by_hand("db")
        assert (await self.seen(containers)).poised
        await raised(ContainerError, containers.start("db"))
        assert (await self.seen(containers)).poised

    async def test_paused(self) -> None:
        """It neither runs nor ended, cannot be started, and goes on when it is let."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await self.pause("db")
        found = await self.seen(containers)
        assert (found.paused, found.running, found.end) == (True, False, None)
        error = await raised(ContainerError, containers.start("db"))
        assert "docker unpause flocker--db" in str(error)
        await self.unpause("db")
        assert (await self.seen(containers)).running

    async def test_paused_is_stopped_and_removed(self) -> None:
        """Paused or not, it can be had away."""
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
        """Whatever it is called now, it is looked at, kept, stopped, started and removed."""
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
        """It stays itself, and who should have that name cannot be made: the error says why."""
        containers = await self.make()
        await self.prepared(containers)
        other = replace(self.container("other"), ports=())
        await self.rename("db", "flocker--other")
        assert await containers.look("other") is None
        assert (await self.seen(containers)).container.name == "db"
        error = await raised(ContainerError, containers.prepare(other, {}, ADDRESS))
        assert "docker rename flocker--other flocker--db" in str(error)

    async def test_who_is_told_of_an_end_sees_it(self) -> None:
        """A look that somebody takes because he was told shows what he was told of, each time."""
        containers = await self.make()
        await self.prepared(containers)
        looks: list[LocalContainer | None] = []

        async def look(name: str) -> None:
            looks.append(await containers.look(name))

        def told(name: str) -> None:
            looking.append(Deferred.fromCoroutine(look(name)))

        looking: list[Deferred[None]] = []
        watching = Deferred.fromCoroutine(_watch(containers, told))
        watching.addErrback(lambda failure: None)
        self.addCleanup(watching.cancel)
        for _ in range(3):
            await containers.start("db")
            # Nobody looks but who was told: had the last look come too early, this would not end.
            await self.until(lambda: bool(looks) and looks[-1] is not None and looks[-1].running)
            await self.end("db")
            await self.until(lambda: looks[-1] is not None and looks[-1].end is not None)
        await self.vanish("db")
        await self.until(lambda: looks[-1] is None)
        for each in looking:
            await each

    async def test_removed_by_force(self) -> None:
        """Nobody sees one that ran end, as if it were a job that is done."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        looks: list[LocalContainer | None] = []

        async def look(name: str) -> None:
            looks.append(await containers.look(name))

        watching = Deferred.fromCoroutine(
            _watch(containers, lambda name: looking.append(Deferred.fromCoroutine(look(name))))
        )
        watching.addErrback(lambda failure: None)
        self.addCleanup(watching.cancel)
        looking: list[Deferred[None]] = []
        await look("db")
        await self.vanish("db")
        await self.until(lambda: looks[-1] is None)
        for each in looking:
            await each
        assert [local for local in looks if local is not None and local.end is not None] == []

    async def until(self, good: Callable[[], bool]) -> None:
        """Wait until it holds."""
        for _ in range(round(SOON_SECONDS / POLL_SECONDS)):
            if good():
                return
            await deferLater(reactor, POLL_SECONDS)
        raise AssertionError("it did not come to that")


async def _watch(containers: IContainers, told: Callable[[str], None]) -> None:
    await containers.watch(told)
