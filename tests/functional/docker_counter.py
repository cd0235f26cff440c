"""Run on a node of the lab: stands before Docker's socket, and writes down what it is asked."""

from __future__ import annotations

import asyncio
import re
import sys
from functools import partial
from pathlib import Path

REQUEST = re.compile(rb"^(?:GET|POST|PUT|DELETE|HEAD) (\S+) HTTP/1\.1\r$", re.MULTILINE)
CHUNK_BYTES = 65536


async def copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path | None
) -> None:
    """Pass everything on; a client of Docker sends a request only after the last one's answer."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            if log is not None:
                with log.open("a") as file:
                    file.writelines(f"{path.decode()}\n" for path in REQUEST.findall(chunk))
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(docker: str, log: Path, reader: asyncio.StreamReader, writer: object) -> None:
    """One connection of the agent's."""
    assert isinstance(writer, asyncio.StreamWriter)
    try:
        docker_reader, docker_writer = await asyncio.open_unix_connection(docker)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, docker_writer, log), copy(docker_reader, writer, None))


async def main(listen: str, docker: str, log: str) -> None:
    """Serve until killed."""
    Path(listen).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(partial(serve, docker, Path(log)), listen)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
