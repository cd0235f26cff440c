"""Routes in a real kernel, on nodes of the lab that run Docker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from admin.hosts import Lab, Node
from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces import IRouting
from flocker_lite.model.state import Held, Relayed, Route
from flocker_lite.routing.firewall import RunCommand
from flocker_lite.routing.iptables import CHAIN, IptablesRouting
from flocker_lite.routing.nftables import NftablesRouting
from flocker_lite.routing.rules import HELD_MARK, MARK
from flocker_lite.testing.routing_contract import RoutingContract

lab = Lab("test-routing", "10.79.5.0/24", nodes=3, services=False, pulled=True)
TESTS = Path(__file__).resolve().parent
PORT = 7000
LISTENER = 7100
IMAGE = "redis:latest"
END_TIMEOUT_SECONDS = 10.0


def setUpModule() -> None:
    """One lab for all tests here."""
    lab.up()


def tearDownModule() -> None:
    """Nothing is left."""
    lab.down()


def command_runner(node: Node) -> RunCommand:
    """Runs commands on a node, and blocks meanwhile."""

    async def run(argv: tuple[str, ...], stdin: bytes = b"", timeout_seconds: float = 60) -> bytes:
        ended = subprocess.run(
            node.argv(argv), input=stdin, capture_output=True, timeout=timeout_seconds, check=False
        )
        if ended.returncode != 0:
            raise CommandFailed(argv, ended.returncode, ended.stderr.decode())
        return ended.stdout

    return run


class NftablesRoutingTests(RoutingContract, TestCase):
    """The contract on n1, and connections to n1 that n2 and n3 answer with their names."""

    def setUp(self) -> None:
        self.n1, self.n2, self.n3 = (lab.node(name) for name in ("n1", "n2", "n3"))
        self.outside = lab.node("control")
        self.routing = self.make_routing(command_runner(self.n1))
        self.clear()
        self.addCleanup(self.clear)

    def make_routing(self, run: RunCommand) -> IRouting:
        """The implementation."""
        return NftablesRouting(run)

    def clear(self) -> None:
        """The node as if it had just started."""
        for family, iptables in (("ip", "iptables"), ("ip6", "ip6tables")):
            self.n1.run(["nft", f"add table {family} flocker_lite"])
            self.n1.run(["nft", f"delete table {family} flocker_lite"])
            for chain in ("DOCKER-USER", "FORWARD"):
                rule = ("-m", "connmark", "--mark", "0x666c6f63", "-m", "comment")
                self.n1.run(
                    [iptables, "-D", chain, *rule, "--comment", "flocker-lite", "-j", "ACCEPT"],
                    check=False,
                )
            held = ("-m", "connmark", "--mark", HELD_MARK, "-m", "comment")
            self.n1.run(
                [iptables, "-D", "INPUT", *held, "--comment", "flocker-lite", "-j", "ACCEPT"],
                check=False,
            )

            rules: tuple[tuple[str, str, tuple[str, ...]], ...] = (
                ("raw", "PREROUTING", ("!", "-i", "lo", "-d", "127.0.0.0/8", "-j", "DROP")),
                ("nat", "POSTROUTING", ("-m", "connmark", "--mark", MARK, "-j", "MASQUERADE")),
                ("nat", "PREROUTING", ("-m", "addrtype", "--dst-type", "LOCAL", "-j", CHAIN)),
                ("nat", "OUTPUT", ("-m", "addrtype", "--dst-type", "LOCAL", "-j", CHAIN)),
            )
            for table, chain, match in rules:
                self.n1.run([iptables, "-t", table, "-D", chain, *match], check=False)
            for action in ("-F", "-X"):
                self.n1.run([iptables, "-t", "nat", action, CHAIN], check=False)

    async def make(self) -> IRouting:
        return self.routing

    def spawn(self, node: Node, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Run one of the programs beside this file until the test ends."""
        process: subprocess.Popen[Any] = node.spawn(
            [sys.executable, str(TESTS / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.end, process)
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        """End what `spawn` started, and what that started."""
        with process:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_TIMEOUT_SECONDS)

    def serve(self, *nodes: Node, port: int = PORT) -> None:
        """Have the nodes answer at the port."""
        for node in nodes:
            server = self.spawn(node, "name_server.py", str(port))
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"

    async def lead_to(self, node: Node | None) -> None:
        """Put the one route in force, or none."""
        routes = {Route(PORT, node.address, "db")} if node is not None else set()
        await self.routing.replace(frozenset(routes))

    def ask(self, node: Node, address: str) -> str:
        """What a new connection from the node to PORT of the address is answered."""
        client = [sys.executable, str(TESTS / "name_client.py"), address, str(PORT)]
        return node.run(client, input_text="who?\n").stdout.strip()

    async def test_from_outside(self) -> None:
        """A connection from another machine arrives, and comes from the node that led it on."""
        self.serve(self.n2)
        await self.lead_to(self.n2)
        assert self.ask(self.outside, self.n1.address) == f"n2 {self.n1.address}"

    async def test_from_the_node_itself(self) -> None:
        """So does one from a process of the node, at any of its addresses."""
        self.serve(self.n2)
        await self.lead_to(self.n2)
        for address in (self.n1.address, "127.0.0.1", "172.17.0.1"):
            assert self.ask(self.n1, address) == f"n2 {self.n1.address}", address

    async def test_from_a_container(self) -> None:
        """So does one from a container on the node, which is how links work."""
        self.serve(self.n2)
        await self.lead_to(self.n2)
        script = f"exec 3<>/dev/tcp/{self.n1.address}/{PORT}; echo who? >&3; head -n 1 <&3"
        answer = self.n1.run(["docker", "run", "--rm", IMAGE, "timeout", "5", "bash", "-c", script])
        assert answer.stdout.strip() == f"n2 {self.n1.address}"

    async def test_over_ipv6(self) -> None:
        """Addresses of version 6 are led on too."""
        self.serve(self.n2)
        await self.routing.replace(frozenset({Route(PORT, str(self.n2.address6), "db")}))
        assert self.ask(self.outside, str(self.n1.address6)) == f"n2 {self.n1.address6}"

    async def test_relayed(self) -> None:
        """What comes by the other version of IP is at the listener, the rest is led on."""
        self.serve(self.n1, port=LISTENER)
        self.serve(self.n2)
        await self.routing.replace(
            frozenset({Route(PORT, self.n2.address, "db"), Relayed(PORT, LISTENER, "db", 6)})
        )
        for node, address in ((self.outside, str(self.n1.address6)), (self.n1, "::1")):
            assert self.ask(node, address).split()[0] == "n1"
            assert self.ask(node, self.n1.address).split()[0] == "n2"

    async def test_old_connections_over_ipv6(self) -> None:
        """They go on when the last rule is gone, though nothing else here translates addresses."""
        self.serve(self.n1, port=LISTENER)
        await self.routing.replace(frozenset({Relayed(PORT, LISTENER, "db", 6)}))
        old = self.spawn(self.outside, "name_client.py", str(self.n1.address6), str(PORT))
        assert old.stdin is not None
        assert old.stdout is not None
        for rules in ({Relayed(PORT, LISTENER, "db", 6)}, set()):
            await self.routing.replace(frozenset(rules))
            old.stdin.write("still?\n")
            old.stdin.flush()
            assert old.stdout.readline().split()[:1] == ["n1"]

    async def test_held(self) -> None:
        """What comes for a held port is at the listener: from outside, from here, over IPv6 too.

        A firewall that lets nothing in but what it knows does not keep it away.
        """
        self.serve(self.n1, port=LISTENER)
        for command in ("iptables", "ip6tables"):
            self.n1.run([command, "-P", "INPUT", "DROP"])
            self.addCleanup(self.n1.run, [command, "-P", "INPUT", "ACCEPT"])
        for command in ("iptables", "ip6tables"):
            self.n1.run([command, "-A", "INPUT", "-i", "lo", "-j", "ACCEPT"])
            self.addCleanup(self.n1.run, [command, "-D", "INPUT", "-i", "lo", "-j", "ACCEPT"])
        self.n1.run(["ip6tables", "-A", "INPUT", "-p", "icmpv6", "-j", "ACCEPT"])
        self.addCleanup(self.n1.run, ["ip6tables", "-D", "INPUT", "-p", "icmpv6", "-j", "ACCEPT"])
        await self.routing.replace(frozenset({Held(PORT, LISTENER, "db")}))
        for address in (self.n1.address, str(self.n1.address6)):
            assert self.ask(self.outside, address).split()[0] == "n1"
        for address in (self.n1.address, "127.0.0.1", "172.17.0.1", str(self.n1.address6), "::1"):
            assert self.ask(self.n1, address).split()[0] == "n1", address

    async def test_held_before_what_docker_publishes(self) -> None:
        """A container that still has the port gets no new connection."""
        published = ["docker", "run", "--detach", f"--publish={PORT}:{PORT}", IMAGE]
        container = self.n1.run([*published, "redis-server", "--port", str(PORT)]).stdout.strip()
        self.addCleanup(self.n1.run, ["docker", "rm", "--force", "--volumes", container])
        self.serve(self.n1, port=LISTENER)
        await self.routing.replace(frozenset({Held(PORT, LISTENER, "db")}))
        for node in (self.outside, self.n1):
            assert self.ask(node, self.n1.address).split()[0] == "n1"

    async def test_elsewhere(self) -> None:
        """What the node itself asks of other machines at that port is not led astray."""
        self.serve(self.n2, self.n3)
        await self.lead_to(self.n2)
        assert self.ask(self.n1, self.n3.address) == f"n3 {self.n1.address}"

    async def test_new_connections_follow(self) -> None:
        """The first connection after a change follows the new route, and old ones go on."""
        self.serve(self.n1, self.n2, self.n3)
        await self.lead_to(self.n2)
        old = self.spawn(self.outside, "name_client.py", self.n1.address, str(PORT))
        for node in (self.n2, self.n3, None, self.n2, None):
            await self.lead_to(node)
            name = "n1" if node is None else node.name
            assert self.ask(self.outside, self.n1.address).split()[0] == name
            assert self.ask(self.n1, self.n1.address).split()[0] == name
            assert old.stdin is not None
            assert old.stdout is not None
            old.stdin.write("still?\n")
            old.stdin.flush()
            assert old.stdout.readline() == f"n2 {self.n1.address}\n"

    async def test_datagrams_follow(self) -> None:
        """Datagrams of clients that go on sending follow each change; they come from any side."""
        for each in (self.n1, self.n2, self.n3):
            server = self.spawn(each, "datagrams.py", "serve", str(PORT))
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
        clients = [
            self.spawn(each, "datagrams.py", "ask", self.n1.address, str(PORT))
            for each in (self.outside, self.n1, self.n2)
        ]
        for node in (None, self.n2, self.n3, None, self.n2, None):
            routes = set() if node is None else {Route(PORT, node.address, "db", "udp")}
            await self.routing.replace(frozenset(routes))
            await self.routing.forget(frozenset({PORT}))
            name = "n1" if node is None else node.name
            for client in clients:
                assert client.stdin is not None
                assert client.stdout is not None
                client.stdin.write("who?\n")
                client.stdin.flush()
                assert client.stdout.readline().split()[0] == name

    async def test_other_flows_are_kept(self) -> None:
        """What is forgotten is to this node's ports; what goes through the node is left alone."""
        self.n1.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
        server = self.spawn(self.n3, "datagrams.py", "serve", str(PORT))
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        script = f"exec 3<>/dev/udp/{self.n3.address}/{PORT}; echo a >&3; timeout 5 head -c 2 <&3; "
        waits = "echo; read _; echo b >&3; timeout 5 head -c 2 <&3; echo"
        client: subprocess.Popen[Any] = self.n1.spawn(
            ["docker", "run", "--rm", "--interactive", IMAGE, "bash", "-c", script + waits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.end, client)
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == "n3\n"
        before = self.flows_to(self.n3.address)
        await self.routing.forget(frozenset({PORT}))
        assert before == self.flows_to(self.n3.address) != 0
        client.stdin.write("\n")
        client.stdin.flush()
        assert client.stdout.readline() == "n3\n"

    def flows_to(self, address: str) -> int:
        """How many flows of datagrams n1 remembers to PORT of the address."""
        program = (
            "import socket; from flocker_lite.routing.flows import listed; "
            f"print(sum(flow.protocol == 17 and flow.port == {PORT} and flow.address == {address!r}"
            " for flow in listed(socket.AF_INET)))"
        )
        return int(self.n1.run([sys.executable, "-c", program]).stdout)

    async def test_the_container_runs_here_now(self) -> None:
        """When the route is taken away, what Docker publishes at that port is reached."""
        self.serve(self.n2)
        await self.lead_to(self.n2)
        published = ["docker", "run", "--detach", f"--publish={PORT}:{PORT}", IMAGE]
        container = self.n1.run([*published, "redis-server", "--port", str(PORT)]).stdout.strip()
        self.addCleanup(self.n1.run, ["docker", "rm", "--force", "--volumes", container])
        assert self.ask(self.outside, self.n1.address).startswith("n2 ")
        await self.lead_to(None)
        assert self.ask(self.outside, self.n1.address).startswith("-ERR unknown command")

    async def test_firewall_was_flushed(self) -> None:
        """When something else takes away what lets connections through, a new start mends it."""
        self.serve(self.n2)
        await self.lead_to(self.n2)
        in_force = await self.routing.discover()
        self.n1.run(["iptables", "-F", "DOCKER-USER"])
        assert await self.routing.discover() == frozenset()
        await self.routing.replace(in_force)
        assert await self.routing.discover() == in_force
        assert self.ask(self.outside, self.n1.address) == f"n2 {self.n1.address}"

    async def test_docker_restarts(self) -> None:
        """Routes outlive a restart of Docker, which writes its own rules again."""
        self.serve(self.n2)
        await self.lead_to(self.n2)
        in_force = await self.routing.discover()
        self.n1.stop_service("dockerd")
        self.n1.start_service("dockerd")
        assert await self.routing.discover() == in_force
        assert self.ask(self.outside, self.n1.address) == f"n2 {self.n1.address}"


class IptablesRoutingTests(NftablesRoutingTests):
    """The same on a node that does without nft."""

    def make_routing(self, run: RunCommand) -> IRouting:
        return IptablesRouting(run)
