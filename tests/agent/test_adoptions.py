"""The agent shows the containers of others only where its administrator allows it."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.adoptions import LOOKS_MAX, Adoptions
from flocker_lite.convergence.allowance import Allowance
from flocker_lite.errors import CopyFailed
from flocker_lite.model.adoption import Adoption
from flocker_lite.protocol.adoptions import AdoptionForbidden, NoSuchContainer, TooManyAdoptions
from flocker_lite.testing.memory_directories import MemoryDirectories
from flocker_lite.testing.memory_foreign import MemoryForeignContainers
from flocker_lite.testing.memory_storage import MemoryStorage


class Slow(MemoryForeignContainers):
    """Inspects once `released` has fired."""

    def __init__(self) -> None:
        super().__init__()
        self.released: Deferred[None] = Deferred()

    async def adoption(
        self, container: str, name: str | None, allow: Collection[str], measures: bool = True
    ) -> Adoption:
        """See `MemoryForeignContainers`."""
        await self.released
        return await super().adoption(container, name, allow, measures)


class AdoptionsTests(SynchronousTestCase):
    """A node with one container that somebody made."""

    def setUp(self) -> None:
        self.foreign = MemoryForeignContainers()
        self.foreign.run("pg", {"Image": "redis:latest", "Cmd": ["x"]})
        self.directories = MemoryDirectories()

    def look(self, *allow: str, container: str = "pg") -> Deferred[Adoption]:
        """Look at a container of a node that allows this."""
        adoptions = Adoptions(
            self.foreign, self.directories, MemoryStorage(), Allowance(allow, "/etc/agent.yml")
        )
        return Deferred.fromCoroutine(adoptions.look(container, None))

    def test_not_allowed(self) -> None:
        """Without the word nothing is shown, not even whether there is such a container."""
        for container in ("pg", "none"):
            looking = self.look("NET_ADMIN", "/", container=container)
            said = str(self.failureResultOf(looking, AdoptionForbidden).value)
            assert "write `allow: [NET_ADMIN, /, adopt]` into /etc/agent.yml there" in said

    def test_allowed(self) -> None:
        """With it, the container is shown, by what the node allows."""
        found = self.successResultOf(self.look("adopt"))
        assert found.fields["name"] == "pg"

    def test_without_rsync(self) -> None:
        """A node that could not copy the data says so before anything is stopped."""

        async def lacking(method: str, path: str) -> None:
            raise CopyFailed("there is no rsync on this node")

        self.directories.before = lacking
        assert not self.successResultOf(self.look("adopt")).hindrances
        host = {"HostConfig": {"Binds": ["pgdata:/data"]}}
        self.foreign.run("pg", {"Image": "redis:latest", "Cmd": ["x"], **host})
        (remark,) = self.successResultOf(self.look("adopt")).hindrances
        assert "no rsync" in remark.text

    def test_none(self) -> None:
        """It is said that there is none, and how to find those that there are."""
        said = self.failureResultOf(self.look("adopt", container="none"), NoSuchContainer)
        assert "no container none" in str(said.value)

    def test_several_at_once(self) -> None:
        """There is a limit; a look that is over makes room for another."""
        slow = Slow()
        slow.run("pg", {"Image": "redis:latest", "Cmd": ["x"]})
        adoptions = Adoptions(slow, self.directories, MemoryStorage(), Allowance(("adopt",)))
        looks = [Deferred.fromCoroutine(adoptions.look("pg", None)) for _ in range(LOOKS_MAX)]
        self.failureResultOf(Deferred.fromCoroutine(adoptions.look("pg", None)), TooManyAdoptions)
        slow.released.callback(None)
        for look in looks:
            self.successResultOf(look)
        self.successResultOf(Deferred.fromCoroutine(adoptions.look("pg", None)))
