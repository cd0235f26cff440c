"""IDirectories in memory: a directory is a tuple of texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from zope.interface import implementer

from flocker_lite.errors import CopyFailed
from flocker_lite.interfaces import IDirectories

Content = tuple[str, ...]


@implementer(IDirectories)
@dataclass
class MemoryDirectories:
    """The directories of one node, which others may keep.

    `read` and `write` are for those that are not in `texts`; `read` returns None where there is no
    directory. Each method first calls and awaits `before`, with its own name and the path. While
    `trouble` is set, each copy fails with it.
    """

    texts: dict[str, Content] = field(default_factory=dict)
    read: Callable[[str], Content | None] = lambda _: None
    write: Callable[[str, Content], None] = lambda path, content: None
    before: Callable[[str, str], Awaitable[None]] | None = None
    trouble: str | None = None
    now: Callable[[], float] = lambda: 0.0

    async def require(self) -> None:
        await self._begin("require", "")

    async def is_empty(self, path: str) -> bool:
        await self._begin("is_empty", path)
        return not self._content(path)

    async def settle(self, path: str) -> float:
        await self._begin("settle", path)
        self._content(path)
        return self.now()

    async def copy(
        self,
        source: str,
        destination: str,
        since: float,
        progress: Callable[[int], None],
        bytes_per_second: int | None = None,
        in_use: bool = True,
    ) -> int:
        before = self._content(destination)
        content = self._content(source)
        # What is written after it was read is not in the copy.
        await self._begin("copy", source)
        if self.trouble is not None:
            raise CopyFailed(self.trouble)
        self._content(destination)
        if destination in self.texts:
            self.texts[destination] = content
        else:
            self.write(destination, content)
        copied = sum(len(text) for text in content[len(before) :])
        progress(copied)
        return copied

    async def difference(self, source: str, destination: str) -> str | None:
        await self._begin("difference", source)
        here, there = self._content(source), self._content(destination)
        return None if here == there else f"{len(here)} texts and {len(there)}"

    def _content(self, path: str) -> Content:
        content = self.texts.get(path)
        found = content if content is not None else self.read(path)
        if found is None:
            raise CopyFailed(f"{path}: No such file or directory")
        return found

    async def _begin(self, method: str, path: str) -> None:
        if self.before is not None:
            await self.before(method, path)
