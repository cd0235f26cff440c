"""The files of hosts keep the contract, on a disk and in memory."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred, execute
from twisted.trial.unittest import TestCase

from flocker_lite.containers.hosts_files import HostsFiles, NodeHosts
from flocker_lite.interfaces import IHosts
from flocker_lite.testing.hosts_contract import HostsContract
from flocker_lite.testing.memory_hosts import MemoryHosts

HERE = "10.79.1.11"
FIXED = ("127.0.0.1 localhost", "10.0.0.1 db")


def at_once(function: Any, *arguments: Any, **more: Any) -> Deferred[Any]:
    """A thread that is none."""
    return execute(function, *arguments, **more)


class NodeHostsTests(HostsContract, TestCase):
    """In a directory."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.files = HostsFiles("/hosts", self.root)

    async def make(self) -> IHosts:
        return NodeHosts(self.files, HERE, at_once)

    async def begin(self, name: str) -> None:
        self.files.make(name, FIXED)

    async def end(self, name: str) -> None:
        self.files.forget(name)

    def text(self) -> str:
        """What the container sees."""
        return (self.root / "hosts" / "web").read_text()

    async def test_written_in_place(self) -> None:
        """The file that is bound into the container is the one that changes, for all to read."""
        hosts = await self.make()
        assert self.files.make("web", FIXED) == self.files.path("web") == "/hosts/web"
        before = (self.root / "hosts" / "web").stat()
        assert before.st_mode & 0o777 == 0o644
        await hosts.lead(pmap({"web": ("db", "queue")}))
        assert self.text().splitlines()[-2:] == [f"{HERE} db", f"{HERE} queue"]
        assert self.text().startswith("127.0.0.1 localhost\n10.0.0.1 db\n#")
        await hosts.lead(pmap({"web": ()}))
        assert self.text().splitlines()[:2] == list(FIXED)
        assert "queue" not in self.text()
        assert (self.root / "hosts" / "web").stat().st_ino == before.st_ino

    async def test_made_anew(self) -> None:
        """A container that is replaced goes on finding what it found."""
        hosts = await self.make()
        await self.begin("web")
        await hosts.lead(pmap({"web": ("queue",)}))
        self.files.make("web", FIXED[:1])
        assert "10.0.0.1" not in self.text()
        assert await hosts.discover() == {"web": ("queue",)}

    async def test_another_address(self) -> None:
        """Names that lead to what was the node's address are led anew."""
        await self.begin("web")
        await NodeHosts(self.files, "10.79.1.99", at_once).lead(pmap({"web": ("db",)}))
        hosts = await self.make()
        assert await hosts.discover() == {"web": ()}


class MemoryHostsTests(HostsContract, TestCase):
    """In memory."""

    def setUp(self) -> None:
        self.there: set[str] = set()

    async def make(self) -> IHosts:
        return MemoryHosts(lambda: self.there)

    async def begin(self, name: str) -> None:
        self.there.add(name)

    async def end(self, name: str) -> None:
        self.there.discard(name)
