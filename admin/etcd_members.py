"""Real members of etcd on loopback, with certificates, in a folder that goes away with them."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from flocker_lite.ca import etcd

START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0
HOST = "127.0.0.1"


class Members:
    """Some members of one etcd; `certificates` is what a client shows them."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self._folder = folder
        self.certificates = etcd.create(folder, (HOST,), datetime.now(UTC))
        self._ports = _free_ports(2 * count)
        self._names = [f"m{number}" for number in range(count)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """Where clients reach them."""
        return tuple(self._url(2 * number) for number in range(len(self._names)))

    @property
    def store(self) -> str:
        """What --store of the control service says of them."""
        return f"etcd:{','.join(self.urls)}"

    def start(self, numbers: Sequence[int] | None = None) -> None:
        """Start all, or these; returns once they answer, for which most of all have to run."""
        chosen = range(len(self._names)) if numbers is None else numbers
        for number in chosen:
            self._start(number)
        deadline = time.monotonic() + START_SECONDS_MAX
        for number in chosen:
            while not self._answers(number):
                assert time.monotonic() < deadline, self.log(number)
                assert self._processes[number].poll() is None, self.log(number)
                time.sleep(0.05)

    def _answers(self, number: int) -> bool:
        folder = self.certificates
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
        url = f"{self._url(2 * number)}/version"
        try:
            with urlopen(url, timeout=START_SECONDS_MAX, context=context):
                return True
        except OSError:
            return False

    def log(self, number: int) -> str:
        """What a member said."""
        return (self._folder / f"{self._names[number]}.log").read_text("utf-8")[-3000:]

    def send(self, number: int, what: signal.Signals) -> None:
        """Send a member a signal."""
        self._processes[number].send_signal(what)

    def kill(self, number: int) -> None:
        """As a crash."""
        self.send(number, signal.SIGKILL)
        self._processes.pop(number).wait(STOP_SECONDS_MAX)

    def stop(self) -> None:
        """End all that run."""
        for number in list(self._processes):
            self.kill(number)

    def _start(self, number: int) -> None:
        name, folder = self._names[number], self.certificates
        others = zip(self._names, range(1, len(self._ports), 2), strict=True)
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [
                    "etcd",
                    *("--name", name, "--data-dir", str(self._folder / name)),
                    f"--listen-client-urls={self._url(2 * number)}",
                    f"--advertise-client-urls={self._url(2 * number)}",
                    f"--listen-peer-urls={self._url(2 * number + 1)}",
                    f"--initial-advertise-peer-urls={self._url(2 * number + 1)}",
                    f"--initial-cluster={','.join(f'{o}={self._url(p)}' for o, p in others)}",
                    *("--client-cert-auth", f"--trusted-ca-file={folder}/ca.crt"),
                    *(f"--cert-file={folder}/server.crt", f"--key-file={folder}/server.key"),
                    *("--peer-client-cert-auth", f"--peer-trusted-ca-file={folder}/ca.crt"),
                    f"--peer-cert-file={folder}/server.crt",
                    f"--peer-key-file={folder}/server.key",
                ],
                env={"PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _url(self, index: int) -> str:
        return f"https://{HOST}:{self._ports[index]}"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
