"""The agent's files before a true sshd and a true ssh, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

from pyrsistent import pmap
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from flocker_lite.config import AgentOptions
from flocker_lite.errors import PeerUnreachable
from flocker_lite.interfaces import IPeerService, PeerCopy
from flocker_lite.interfaces.peer_requests import Copy
from flocker_lite.model.records import SshKeys
from flocker_lite.peers.argv import RECEIVER, SshOptions, control_session
from flocker_lite.peers.client import SshPeers
from flocker_lite.peers.server import Receiver
from flocker_lite.peers.trust import Trust
from flocker_lite.processes import Commands
from flocker_lite.receive import SOCKET_VARIABLE
from flocker_lite.taps.trust import open_trust
from flocker_lite.testing.memory_trust import made_up_key

ME = "aaaaaaaa-0000-4000-8000-000000000001"
D = "d0d0d0d0-0000-4000-8000-000000000001"
ADDRESS, PORT = "127.0.0.1", 20022
READY_SECONDS = 20.0
TIMEOUT_SECONDS = 60


class Service:
    """Has no copy of anything, and notes who asks."""

    def __init__(self) -> None:
        self.askers: list[str] = []

    async def answer(self, request: Copy) -> PeerCopy:
        return PeerCopy(exists=False)


class SshdTests(TestCase):
    """One node that is its own peer."""

    timeout = 120

    async def setUp(self) -> None:  # type: ignore[override]
        # Not in /tmp, which everybody may write to: sshd believes no file there.
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-", dir="/run"))
        self.addCleanup(shutil.rmtree, self.folder)
        host_key = self.folder / "host_key"
        await Commands(cast(Any, reactor)).run(
            ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key))
        )
        options = AgentOptions(
            "127.0.0.1", "c", state_path=str(self.folder), ssh_host_keys=f"{host_key}.pub"
        )
        trust = await open_trust(
            options, ME, Commands(cast(Any, reactor)).run, deferToThread, cast(Any, reactor)
        )
        assert trust is not None
        self.trust: Trust = trust
        self.service = Service()
        socket = self.folder / "agent.sock"

        def service_for(peer: str) -> IPeerService:
            self.service.askers.append(peer)
            return cast(IPeerService, self.service)

        receiver = Receiver(ME, lambda: "cluster", service_for)
        port = await UNIXServerEndpoint(reactor, str(socket)).listen(receiver)
        self.addCleanup(port.stopListening)
        await self.start_sshd(host_key, socket)

    async def start_sshd(self, host_key: Path, socket: Path) -> None:
        """As a host has it that was told where the agent's file is."""
        lines = [
            f"Port {PORT}",
            f"ListenAddress {ADDRESS}",
            f"HostKey {host_key}",
            "PidFile none",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin forced-commands-only",
            f"AuthorizedKeysFile {self.trust.files.authorized_keys}",
            f"SetEnv {SOCKET_VARIABLE}={socket}",
            "Subsystem sftp internal-sftp",
        ]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")
        Path("/run/sshd").mkdir(exist_ok=True)
        with (self.folder / "sshd.log").open("wb") as log:
            sshd = subprocess.Popen(
                ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=log
            )
        self.addCleanup(sshd.wait)
        self.addCleanup(sshd.terminate)
        waited = 0.0
        while b"listening" not in (self.folder / "sshd.log").read_bytes():
            waited += 0.1
            assert waited < READY_SECONDS, (self.folder / "sshd.log").read_text()
            await deferLater(reactor, 0.1)

    def know(self, host_key: str | None = None) -> None:
        """Be told of the peer, which is this node itself."""
        keys = self.trust.keys
        host_keys = (host_key,) if host_key is not None else keys.host_keys
        self.trust.install(pmap({ME: SshKeys(keys.public_key, host_keys)}))

    def connect(self) -> Deferred[Any]:
        """A session with it."""
        peers = SshPeers(
            cast(Any, reactor), SshOptions(port=PORT), ME, lambda: "cluster", self.trust
        )
        return Deferred.fromCoroutine(peers.connect(ME, ADDRESS))

    async def asked(self, *words: str, before: tuple[str, ...] = ()) -> Any:
        """What comes of an ssh with the agent's key, of these words, and options before them."""
        options = await self.trust.options(ME, SshOptions(port=PORT))
        argv = control_session(options, ADDRESS)
        end = argv.index("--")
        command = (*argv[: end - 1], *before, argv[end - 1], *words)
        return await deferToThread(
            subprocess.run,
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    async def until_idle(self) -> None:
        """Wait until what was started is gone and reaped."""
        while reapProcessHandlers:
            await deferLater(reactor, 0.01)

    async def test_a_session(self) -> None:
        """Whose key it is, sshd says; the peer is known by its host key."""
        self.know()
        peer = await self.connect()
        assert await peer.ask(Copy(D)) == PeerCopy(exists=False)
        assert self.service.askers == [ME]
        peer.close()
        await self.until_idle()

    async def test_another_host_key(self) -> None:
        """Who has not the host key that was told is not spoken to."""
        self.know(made_up_key(5))
        failure: Any = await self.assertFailure(self.connect(), PeerUnreachable)
        assert "verification failed" in str(failure)
        await self.until_idle()

    async def test_a_key_that_is_gone(self) -> None:
        """What was let in is not let in any more."""
        self.know()
        await self.trust.options(ME, SshOptions())
        way = await self.trust.options(ME, SshOptions(port=PORT))
        self.trust.install(pmap())
        await self.trust.options(ME, SshOptions())
        known = self.folder / "ssh/known_hosts"
        known.write_text(f"{ME} {self.trust.keys.host_keys[0]}\n")
        done = await deferToThread(
            subprocess.run,
            control_session(way, ADDRESS),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Permission denied" in done.stderr

    async def test_nothing_else(self) -> None:
        """No shell, no other command, no file transfer, no forwarding."""
        self.know()
        for words in ((), ("id",), ("--", RECEIVER, "control;id"), ("--", RECEIVER, "stream", "x")):
            done = await self.asked(*words)
            assert (done.returncode, done.stdout) == (1, ""), done
            assert "usage: flocker-lite-receive" in done.stderr
        sftp = await self.asked("sftp", before=("-s",))
        assert (sftp.returncode, sftp.stdout) == (1, "")
        straight = await self.asked(before=("-W", f"{ADDRESS}:{PORT}"))
        assert straight.returncode != 0
        assert "prohibited" in straight.stderr
        assert "SSH-2.0" not in straight.stdout
        backwards = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", f"20023:{ADDRESS}:{PORT}")
        assert "forwarding failed" in (await self.asked(before=backwards)).stderr
        assert self.service.askers == []
