"""Run on a node of the lab: answers every line with the node's name and the client's address."""

from __future__ import annotations

import socket
import socketserver
import sys


class Answer(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        address = str(self.client_address[0]).removeprefix("::ffff:")
        for _ in self.rfile:
            self.wfile.write(f"{socket.gethostname()} {address}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """Listens with both versions of IP."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server(("::", int(sys.argv[1])), Answer) as server:
        print("ready", flush=True)
        server.serve_forever()
