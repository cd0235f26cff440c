"""Run on a node of the lab: `serve PORT` answers datagrams as name_server.py does lines.

`ask ADDRESS PORT` passes each line on from one and the same socket, and prints what comes back.
`watch ADDRESS PORT` sends all the time; for each line it prints how many answers came since the
last one, and the longest silence in seconds.
"""

from __future__ import annotations

import socket
import sys
import time
from threading import Thread

TIMEOUT_SECONDS = 2.0
DELAY_SECONDS = 0.02


def serve(port: int) -> None:
    """Answer with the node's name and the client's address."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as here:
        here.bind(("::", port))
        print("ready", flush=True)
        while True:
            _, client = here.recvfrom(1024)
            address = str(client[0]).removeprefix("::ffff:")
            here.sendto(f"{socket.gethostname()} {address}".encode(), client)


def ask(address: str, port: int) -> None:
    """One client; "nothing" when nobody answers."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as here:
        here.settimeout(TIMEOUT_SECONDS)
        here.connect((address, port))
        for line in sys.stdin:
            try:
                here.send(line.encode())
                print(here.recv(1024).decode(), flush=True)
            except OSError:
                print("nothing", flush=True)


class Watch:
    """What came back since somebody asked."""

    def __init__(self) -> None:
        self.answers, self.silence, self.last = 0, 0.0, time.monotonic()

    def came(self) -> None:
        """An answer."""
        now = time.monotonic()
        self.answers, self.silence, self.last = (
            self.answers + 1,
            max(self.silence, now - self.last),
            now,
        )

    def told(self) -> str:
        """What to print; counts anew."""
        said = f"{self.answers} {max(self.silence, time.monotonic() - self.last):.3f}"
        self.answers, self.silence = 0, 0.0
        return said


def watch(address: str, port: int) -> None:
    """One client that goes on whatever happens."""
    seen = Watch()

    def send(here: socket.socket) -> None:
        while True:
            try:
                here.send(b"who?")
                here.recv(1024)
                seen.came()
            except OSError:
                continue
            finally:
                time.sleep(DELAY_SECONDS)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.settimeout(DELAY_SECONDS)
        here.connect((address, port))
        Thread(target=send, args=(here,), daemon=True).start()
        for _ in sys.stdin:
            print(seen.told(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        {"ask": ask, "watch": watch}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
