"""The contract of every IDirectories, as tests to mix into a trial TestCase."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from flocker_lite.errors import CopyFailed
from flocker_lite.interfaces import IDirectories
from flocker_lite.testing.containers_contract import Base, raised


class DirectoriesContract(Base):
    """Implement `make`, `put` and `content`; `here` and `there` are directories."""

    here = "/here"
    there = "/there"

    async def make(self) -> IDirectories:
        """Directories, of which `here` and `there` are empty."""
        raise NotImplementedError

    def put(self, path: str, text: str) -> None:
        """Write a text into a directory, beside all others in it."""
        raise NotImplementedError

    def content(self, path: str) -> tuple[str, ...]:
        """The texts in a directory, in the order in which they were written."""
        raise NotImplementedError

    async def copied(self, directories: IDirectories, since: float = 0.0) -> int:
        """Copy; how much was copied."""
        return await directories.copy(self.here, self.there, since, lambda _: None)

    async def test_provides(self) -> None:
        """It has all the methods of IDirectories, and all that it needs."""
        directories = await self.make()
        assert verifyObject(IDirectories, directories)
        await directories.require()

    async def test_empty(self) -> None:
        """A directory is empty until something is written; a missing one is an error."""
        directories = await self.make()
        assert await directories.is_empty(self.here)
        self.put(self.here, "one")
        assert not await directories.is_empty(self.here)
        await raised(CopyFailed, directories.is_empty(f"{self.here}-missing"))

    async def test_copy(self) -> None:
        """The destination gets what the source has, and loses what that has not."""
        directories = await self.make()
        self.put(self.there, "old")
        self.put(self.here, "one")
        self.put(self.here, "two")
        told: list[int] = []
        assert await directories.difference(self.here, self.there) is not None
        copied = await directories.copy(self.here, self.there, 0.0, told.append)
        assert copied > 0
        assert all(each <= copied for each in told)
        assert self.content(self.there) == self.content(self.here) == ("one", "two")
        assert await directories.difference(self.here, self.there) is None

    async def test_rounds(self) -> None:
        """A later round copies what was written since, and less than the first."""
        directories = await self.make()
        self.put(self.here, "a long text that comes first")
        since = await directories.settle(self.here)
        first = await self.copied(directories)
        self.put(self.here, "more")
        assert await directories.difference(self.here, self.there) is not None
        assert await self.copied(directories, since) > 0
        assert first > 0
        assert self.content(self.there) == self.content(self.here)
        later = await directories.settle(self.here)
        assert later >= since

    async def test_missing(self) -> None:
        """What is not there cannot be copied, nor written down."""
        directories = await self.make()
        missing = f"{self.here}-missing"
        await raised(CopyFailed, directories.settle(missing))
        await raised(CopyFailed, directories.copy(missing, self.there, 0.0, lambda _: None))
        await raised(CopyFailed, directories.copy(self.here, missing, 0.0, lambda _: None))
