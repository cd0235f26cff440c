"""Run on a node of the lab: passes lines to a server and its answers back, in one connection."""

from __future__ import annotations

import socket
import sys

TIMEOUT_SECONDS = 5.0

if __name__ == "__main__":
    with (
        socket.create_connection((sys.argv[1], int(sys.argv[2])), TIMEOUT_SECONDS) as connection,
        connection.makefile("rw") as stream,
    ):
        for line in sys.stdin:
            stream.write(line)
            stream.flush()
            print(stream.readline(), end="", flush=True)
