"""Who listens at this machine's ports: as ss prints it, in truth, and in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, cast

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from flocker_lite.interfaces import IListeners
from flocker_lite.model.container_fields.ports import port_key
from flocker_lite.model.state import Listener
from flocker_lite.processes import Commands
from flocker_lite.routing.listeners import SsListeners, read
from flocker_lite.testing.listeners_contract import ListenersContract
from flocker_lite.testing.memory_listeners import MemoryListeners

PRINTED = """\
Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
tcp   LISTEN 0      511          0.0.0.0:80         0.0.0.0:*  users:(("nginx",pid=9,fd=6),(\
"nginx",pid=8,fd=6))
tcp   LISTEN 0      4096   127.0.0.53%lo:53         0.0.0.0:*  users:(("systemd (1) x",pid=5,fd=1))
tcp   LISTEN 0      64              [::]:2049          [::]:*
tcp   LISTEN 0      64                 *:8080             *:*  users:(("docker-proxy",pid=20,fd=4))
tcp   LISTEN 0      128        127.0.0.1:7000       0.0.0.0:*
tcp   LISTEN 0      128            [::1]:7000          [::]:*  users:(("db",pid=30,fd=4))
tcp   LISTEN 0      128                *:41000            *:*  users:(("twistd",pid=77,fd=9))
udp   UNCONN 0      0      127.0.0.53%lo:53         0.0.0.0:*  users:(("named",pid=6,fd=1))
udp   ESTAB  0      0           10.0.0.1:68        10.0.0.2:67   users:(("dhcp",pid=4,fd=1))
"""
PROGRAM = """
import socket, sys
if sys.argv[1] == "tcp":
    listening = socket.create_server(("127.0.0.1", 0))
else:
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""
END_TIMEOUT_SECONDS = 10.0


def test_read() -> None:
    """Every address counts, and of a server its first process; not what this process has."""
    assert read(PRINTED, own_pid=77) == {
        "80": Listener("nginx", 8),
        "53": Listener("systemd (1) x", 5),
        "2049": Listener(),
        "8080": Listener("docker-proxy", 20),
        "7000": Listener("db", 30),
        "53/udp": Listener("named", 6),
    }
    assert "41000" in read(PRINTED, own_pid=78)


def test_what_is_our_own() -> None:
    """An external port that this agent itself listens at is not in use by "something else"."""
    own = read(PRINTED, own_pid=77, names_own=True)["41000"]
    assert str(own) == "flocker-agent itself, which forwards connections from there (pid 77)"
    assert read(PRINTED, own_pid=77, names_own=True).remove("41000") == read(PRINTED, own_pid=77)


def test_in_words() -> None:
    """As it stands in errors."""
    assert str(Listener("nginx", 8)) == "nginx (pid 8)"
    assert str(Listener()) == "something else"
    assert str(Listener("docker-proxy", 20)) == "another container of Docker"


class SsListenersTests(ListenersContract, TestCase):
    """On this machine."""

    async def make(self) -> IListeners:
        return SsListeners(Commands(cast(Any, reactor)).run, os.getpid())

    async def listen(self, protocol: str) -> tuple[int, int]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", PROGRAM, protocol]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.addCleanup(self.process.wait, END_TIMEOUT_SECONDS)
        self.addCleanup(self.process.communicate, "")
        assert self.process.stdout is not None
        return int(self.process.stdout.readline()), self.process.pid

    async def leave(self) -> None:
        self.process.communicate("", timeout=END_TIMEOUT_SECONDS)


class MemoryListenersTests(ListenersContract, TestCase):
    """In memory."""

    def setUp(self) -> None:
        self.memory = MemoryListeners()

    async def make(self) -> IListeners:
        return self.memory

    async def listen(self, protocol: str) -> tuple[int, int]:
        self.memory.listening[port_key(7000, protocol)] = Listener("db", 30)
        return 7000, 30

    async def leave(self) -> None:
        self.memory.listening.clear()
