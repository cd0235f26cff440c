"""Run on a node of the lab: stands before Docker's socket, as zfs_that_waits.sh before `zfs`.

Arguments: where to listen, where Docker listens, the folder, and the time-out in seconds.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import sys
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

REQUEST = re.compile(rb"^(GET|POST|PUT|DELETE|HEAD) (\S+) HTTP/1\.1\r$", re.MULTILINE)
CHUNK_BYTES = 65536


@dataclass(frozen=True)
class Standstill:
    """Where the test says what it waits for."""

    folder: Path
    timeout_seconds: float

    def reaches(self, when: str, command: str) -> bool:
        """Whether this is what is waited for; only one takes it."""
        try:
            wanted, pattern = (self.folder / "armed").read_text().splitlines()
            if wanted != when or not fnmatchcase(command, pattern):
                return False
            (self.folder / "armed").rename(self.folder / "taken")
        except (FileNotFoundError, ValueError):
            return False
        return True

    def stand(self) -> None:
        """Say so, and wait for a line; blocking."""
        gate = os.open(self.folder / "gate", os.O_RDWR | os.O_NONBLOCK)
        try:
            (self.folder / "reaching").write_text(f"{os.getpid()}\n")
            (self.folder / "reaching").rename(self.folder / "reached")
            select.select([gate], [], [], self.timeout_seconds)
            with suppress(BlockingIOError):
                os.read(gate, 1)
        finally:
            os.close(gate)


class Connection:
    """One connection of the agent's; it asks again only once it was answered."""

    def __init__(self, standstill: Standstill) -> None:
        self._standstill = standstill
        self._command = ""

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the agent asks."""
        while chunk := await reader.read(CHUNK_BYTES):
            if request := REQUEST.search(chunk):
                self._command = f"docker {request[1].decode()} {request[2].decode()}"
                await self._perhaps_stand("before")
            writer.write(chunk)
            await writer.drain()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what Docker answers."""
        while chunk := await reader.read(CHUNK_BYTES):
            await self._perhaps_stand("after")
            self._command = ""
            writer.write(chunk)
            await writer.drain()

    async def _perhaps_stand(self, when: str) -> None:
        if self._command and self._standstill.reaches(when, self._command):
            await asyncio.to_thread(self._standstill.stand)


async def main(listen: str, docker: str, folder: str, timeout_seconds: str) -> None:
    """Serve until killed."""
    standstill = Standstill(Path(folder), float(timeout_seconds))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            docker_reader, docker_writer = await asyncio.open_unix_connection(docker)
        except OSError:
            writer.close()
            return
        connection = Connection(standstill)
        await asyncio.gather(
            _until_closed(connection.ask(reader, docker_writer), docker_writer),
            _until_closed(connection.answer(docker_reader, writer), writer),
        )

    server = await asyncio.start_unix_server(serve, listen)
    await server.serve_forever()


async def _until_closed(passing: object, writer: asyncio.StreamWriter) -> None:
    assert asyncio.iscoroutine(passing)
    try:
        await passing
    except ConnectionError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
