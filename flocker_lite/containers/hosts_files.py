"""IHosts: the file of hosts of each container that has networks, which this node keeps.

It is bound into the container, so that it holds over `docker restart` from the first moment on. It
is written in place: another file of the same name would not appear inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IHosts
from flocker_lite.interfaces.threads import RunInThread

ELSEWHERE = "# What runs on other nodes, by way of this one:"


class HostsFiles:
    """The files in a directory, each named as its container is; blocking, for use in threads.

    `root` is where the file system of the engine's machine is seen from here.
    """

    def __init__(self, directory: str, root: Path = Path("/")) -> None:
        self._directory = directory
        self._files = root / directory.lstrip("/")

    def make(self, name: str, fixed: Iterable[str]) -> str:
        """Write the lines that stay; returns the path on the engine's machine."""
        self._files.mkdir(parents=True, exist_ok=True)
        path = self._files / name
        _, elsewhere = _parts(path)
        _write(path, (*fixed, *elsewhere))
        return self.path(name)

    def path(self, name: str) -> str:
        """Where the container's file is, on the engine's machine."""
        return f"{self._directory}/{name}"

    def forget(self, name: str) -> None:
        """Remove the file of a container that is gone."""
        (self._files / name).unlink(missing_ok=True)

    def elsewhere(self, address: str) -> PMap[str, tuple[str, ...]]:
        """The names that lead to this address, by container."""
        if not self._files.is_dir():
            return pmap()
        found = {}
        for path in self._files.iterdir():
            _, elsewhere = _parts(path)
            words = (line.partition(" ") for line in elsewhere[1:])
            found[path.name] = tuple(name for where, _, name in words if where == address)
        return pmap(found)

    def lead(self, address: str, names: PMap[str, tuple[str, ...]]) -> None:
        """Have these names lead to the address, in the files that there are."""
        for name, others in names.items():
            path = self._files / name
            if not path.exists():
                continue
            fixed, _ = _parts(path)
            _write(path, (*fixed, ELSEWHERE, *(f"{address} {other}" for other in others)))


@implementer(IHosts)
class NodeHosts:
    """The files of this node, whose address is that to which names lead."""

    def __init__(self, files: HostsFiles, address: str, run_in_thread: RunInThread) -> None:
        self._files = files
        self._address = address
        self._run = run_in_thread

    async def discover(self) -> PMap[str, tuple[str, ...]]:
        return await self._run(self._files.elsewhere, self._address)

    async def lead(self, names: PMap[str, tuple[str, ...]]) -> None:
        await self._run(self._files.lead, self._address, names)


def _parts(path: Path) -> tuple[list[str], list[str]]:
    """The lines that stay, and those from ELSEWHERE on; none if there is no file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return [], []
    place = lines.index(ELSEWHERE) if ELSEWHERE in lines else len(lines)
    return lines[:place], lines[place:]


def _write(path: Path, lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(text)
        file.truncate()
    path.chmod(0o644)
