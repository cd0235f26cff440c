"""Two agents that speak through what ssh starts, without ssh between them.

The receiver is a true process, joined to the other agent by its socket; only the command line
"ssh ... -- flocker-lite-receive ..." is replaced by its end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, cast

from pyrsistent import pmap
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.process import ProcessReader, ProcessWriter, reapProcessHandlers
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from flocker_lite import receive
from flocker_lite.agent.proofs import Proofs
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.errors import (
    Conflict,
    FlockerError,
    NotUnderstood,
    PeerRefused,
    PeerUnreachable,
)
from flocker_lite.interfaces import IPeer, IPeerService, PeerCopy, Released, peer_requests
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    AcquireGroup,
    Prune,
    Receive,
    SetAside,
    SetProperties,
)
from flocker_lite.model.grants import CHAIN_MAX, Signed, Statement
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.peers.argv import SshOptions
from flocker_lite.peers.client import SshPeers
from flocker_lite.peers.server import Receiver, Session
from flocker_lite.peers.service import PeerService
from flocker_lite.processes import Commands
from flocker_lite.testing.memory_chains import MemoryChains
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.storage_case import sent
from flocker_lite.testing.stub_host import StubHost

D = "d0d0d0d0-0000-4000-8000-000000000001"
HERE, THERE, ELSEWHERE = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abc")
CLUSTER = "cluster-1"
LATE_SECONDS = 20.0


class ReadingStorage(MemoryStorage):
    """Has a process read the stream, as ZFS does, which is gone once the receive is."""

    async def receive(self, dataset_id: str, fd: int) -> None:
        data = await Commands(cast(Any, reactor)).run(("cat",), fds={0: fd})
        whole = os.memfd_create("stream")
        try:
            os.write(whole, data)
            os.lseek(whole, 0, os.SEEK_SET)
            await super().receive(dataset_id, whole)
        finally:
            os.close(whole)


class WithoutSsh:
    """The reactor, which starts the receiver itself in the place of ssh, and of sshd.

    With `key_of` it is started as for a key of that node. `started` counts the processes.
    """

    def __init__(self, socket_path: str, key_of: str | None = None) -> None:
        self._environment = {**os.environ, receive.SOCKET_VARIABLE: socket_path}
        self._key_of = key_of
        self.started = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def spawnProcess(
        self, protocol: Any, executable: str, argv: Any, env: Any, **options: Any
    ) -> Any:
        self.started += 1
        words, environment = argv[argv.index("--") + 2 :], dict(self._environment)
        if self._key_of is not None:
            asked = argv[argv.index("--") + 1 :]
            environment[receive.COMMAND_VARIABLE] = " ".join(asked)
            words = ("--node", self._key_of)
        command = (sys.executable, receive.__file__, *words)
        spawn: Any = getattr(reactor, "spawnProcess")  # noqa: B009
        return spawn(protocol, command[0], command, environment, **options)


def without(command: bytes, locate: Any) -> Any:
    """What finds the commands of a release that has not this one."""
    return lambda self, name: None if name == command else locate(self, name)


class PeersTests(TestCase):
    """This node's storage and the other's, and the way between them."""

    timeout = LATE_SECONDS

    async def setUp(self) -> None:  # type: ignore[override]
        self.mine, self.theirs = MemoryStorage(), ReadingStorage()
        moves = MoveLog(reactor)
        trials = Trials(reactor, Clock().seconds, MemoryFence(lambda _: None, Clock()))
        self.host = StubHost()
        self.chains = MemoryChains()
        proofs = Proofs(THERE, self.chains)
        service = PeerService(THERE, self.theirs, moves, trials, self.host, proofs)
        self.askers: list[str] = []

        def service_for(peer: str) -> IPeerService:
            self.askers.append(peer)
            return cast(IPeerService, service)

        self.receiver = Receiver(THERE, lambda: CLUSTER, service_for)
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.socket_path = f"{directory}/socket"
        self.port = await UNIXServerEndpoint(reactor, self.socket_path).listen(self.receiver)
        self.addCleanup(self.port.stopListening)
        self.has(self.mine, Lease(Role.PRIMARY, 1), ("one", "two"))

    def has(self, storage: MemoryStorage, lease: Lease, content: tuple[str, ...]) -> None:
        """A copy of the dataset."""
        self.storage_local = LocalDataset(D, lease, False, "/flocker/d1")
        storage.copies[D] = Copy(self.storage_local, content, pmap())

    def peers(self, cluster_id: str = CLUSTER, key_of: str | None = HERE) -> SshPeers:
        """The way from here to others."""
        self.ssh = WithoutSsh(self.socket_path, key_of)
        return SshPeers(cast(Any, self.ssh), SshOptions(), HERE, lambda: cluster_id)

    async def connect(self) -> IPeer:
        """A session with the other agent, over when the test is."""
        peer = await self.peers().connect(THERE, "10.0.0.2")
        self.addCleanup(self.until_idle)
        self.addCleanup(peer.close)
        return peer

    async def until_idle(self) -> None:
        """Wait until the receivers' processes are gone and reaped."""
        pipes = (ProcessReader, ProcessWriter)
        everything: Any = reactor
        while reapProcessHandlers or any(
            isinstance(item, pipes) for item in (*everything.getReaders(), *everything.getWriters())
        ):
            await deferLater(reactor, 0.01)

    async def push(self, peer: IPeer, base: Snapshot | None, name: str) -> Snapshot:
        """Send what is here."""
        snapshot = await self.mine.snapshot(D, name)
        receiving = await peer.receive(D, 1, base.guid if base is not None else None)
        try:
            await self.mine.send(D, base.name if base else None, name, receiving.fileno())
            await receiving.finish()
            assert receiving.sent_bytes() > 0
        finally:
            receiving.abort()
        return snapshot

    async def fails(self, doing: Awaitable[Any], kind: type[FlockerError], why: str) -> None:
        """It fails in this way, and says why."""
        failure: Any = await self.assertFailure(ensureDeferred(cast(Any, doing)), kind)
        assert why in str(failure), failure

    async def test_a_whole_handoff(self) -> None:
        """All, then what came since, then the role."""
        peer = await self.connect()
        assert await peer.ask(peer_requests.Copy(D)) == PeerCopy(exists=False)
        first = await self.push(peer, None, "flocker-lite-1-1")
        replica = Lease(Role.REPLICA, 1)
        assert await peer.ask(peer_requests.Copy(D)) == PeerCopy(
            True, replica, first, None, (first,)
        )
        last = await self.push(peer, first, "flocker-lite-1-2")
        assert await peer.ask(peer_requests.Copy(D)) == PeerCopy(
            True, replica, last, None, (first, last)
        )
        await peer.ask(Prune(D, frozenset({last.guid})))
        assert self.theirs.copies[D].local.snapshots == (last,)
        await peer.ask(Acquire(D, 2, last.guid))
        assert self.theirs.copies[D].local.lease == Lease(Role.PRIMARY, 2)
        assert self.theirs.read(D) == ("one", "two")
        # The session, and each stream: none for who is who.
        assert self.ssh.started == 3

    async def test_a_group(self) -> None:
        """What is handed over as one is asked for as one."""
        peer = await self.connect()
        last = await self.push(peer, None, "flocker-lite-1-1")
        await self.fails(
            peer.ask(AcquireGroup(ELSEWHERE, (Released(D, 2, last.guid),))),
            PeerRefused,
            "coordinator",
        )
        await peer.ask(AcquireGroup(D, (Released(D, 2, last.guid),)))
        assert self.theirs.copies[D].local.lease == Lease(Role.PRIMARY, 2)
        assert self.theirs.copies[D].local.membership == Membership(2, THERE, D, 2)

    async def test_properties(self) -> None:
        """They come over as they were told; what does not travel is answered with why."""
        peer = await self.connect()
        await self.fails(peer.ask(SetProperties(D, {"atime": "off"})), PeerRefused, "no copy")
        await self.push(peer, None, "flocker-lite-1-1")
        told = {"compression": "gzip-9", "atime": None, "mountpoint": "/etc"}
        (why,) = await peer.ask(SetProperties(D, told))
        assert "mountpoint" in why
        assert self.theirs.copies[D].properties == pmap({"compression": "gzip-9"})
        # However much there is to be said of it, the answer has room for it.
        many = {f"{'x' * 60}_{chr(97 + n)}": "y" * 64 for n in range(26)}
        undone: tuple[str, ...] = await peer.ask(SetProperties(D, many))
        assert len(undone) == len(many)
        for strange in ({"atime": "off\nexec"}, {"Atime -o x": "off"}, {"atime": "x" * 65}):
            await self.fails(peer.ask(SetProperties(D, strange)), PeerRefused, "not a valid")
        assert self.theirs.copies[D].properties == pmap({"compression": "gzip-9"})

    async def test_an_agent_that_knows_no_properties(self) -> None:
        """Whoever asks is told so, and goes on."""
        locate = without(b"SetProperties", Session.locateResponder)
        self.patch(Session, "locateResponder", locate)
        peer = await self.connect()
        last = await self.push(peer, None, "flocker-lite-1-1")
        await self.fails(peer.ask(SetProperties(D, {"atime": "off"})), NotUnderstood, "upgrade")
        await peer.ask(Acquire(D, 2, last.guid))
        assert self.theirs.copies[D].local.lease == Lease(Role.PRIMARY, 2)

    async def test_proofs(self) -> None:
        """What shows that it was released arrives with it, for one and for a whole group."""
        peer = await self.connect()
        last = await self.push(peer, None, "flocker-lite-1-1")

        def links(epoch: int, length: int) -> tuple[Signed, ...]:
            said = [
                Statement(CLUSTER, D, THERE, epoch - CHAIN_MAX + number + 1, HERE, last.guid)
                for number in range(CHAIN_MAX)
            ]
            return tuple(Signed(each, "c" * length, "s") for each in said)

        for epoch, length in ((2, 1000), (3, 6990)):
            proof = links(epoch, length)
            self.has(self.theirs, Lease(Role.REPLICA, epoch - 1), ("one", "two"))
            copy = self.theirs.copies[D]
            self.theirs.copies[D] = replace(copy, local=replace(copy.local, snapshots=(last,)))
            if epoch == 2:
                await peer.ask(Acquire(D, epoch, last.guid, proof))
            else:
                await peer.ask(AcquireGroup(D, (Released(D, epoch, last.guid, proof),)))
            assert self.chains.known == {D: proof}

    async def test_an_agent_that_keeps_no_proofs(self) -> None:
        """One of an earlier release declines them, and acquires all the same."""
        peer = await self.connect()
        last = await self.push(peer, None, "flocker-lite-1-1")
        self.patch(Session, "locateResponder", without(b"Proof", Session.locateResponder))
        link = Signed(Statement(CLUSTER, D, THERE, 2, HERE, last.guid), "c", "s")
        await peer.ask(Acquire(D, 2, last.guid, (link,)))
        assert self.theirs.copies[D].local.lease == Lease(Role.PRIMARY, 2)
        assert self.chains.known == {}

    async def test_a_key_of_root(self) -> None:
        """One that is no node's opens a session as it ever did; it says itself who it is."""
        peer = await self.peers(key_of=None).connect(THERE, "10.0.0.2")
        self.addCleanup(self.until_idle)
        self.addCleanup(peer.close)
        await self.push(peer, None, "flocker-lite-1-1")
        assert self.askers == [HERE]

    async def test_a_key_of_another_node(self) -> None:
        """Who says that it is another node than its key does is not listened to."""
        connecting = self.peers(key_of=ELSEWHERE).connect(THERE, "10.0.0.2")
        await self.fails(connecting, PeerRefused, f"with the key of {ELSEWHERE}")
        await self.until_idle()
        assert self.askers == []

    async def test_a_stream_of_another_node(self) -> None:
        """A token that got into the wrong hands is of no use with another key."""
        peer: Any = await self.connect()
        line = f"flocker-lite-receive stream {await peer.ask(Receive(D, 1))}"
        for node_id, said in ((ELSEWHERE, "no such stream"), (HERE, "invalid backup stream")):
            done = await self.receiver_says("--node", node_id, asked=line)
            assert said in done.stderr, done

    async def test_refusals_say_why(self) -> None:
        """The service's words arrive, and the session goes on."""
        peer = await self.connect()
        await self.fails(peer.ask(Acquire(D, 2, "guid")), PeerRefused, "no copy of it here")
        await self.fails(peer.receive(D, 1, "guid"), PeerRefused, "no copy here to continue")
        self.has(self.theirs, Lease(Role.PRIMARY, 2), ())
        await self.fails(peer.ask(SetAside(D)), PeerRefused, "holds it as primary:2")
        await self.fails(peer.receive(D, 1, None), PeerRefused, "holds it as primary:2")
        assert (await peer.ask(peer_requests.Copy(D))).exists

    async def test_a_stream_that_is_not_right(self) -> None:
        """What went wrong there is told here."""
        peer = await self.connect()
        first = await self.push(peer, None, "flocker-lite-1-1")
        receiving = await peer.receive(D, 1, first.guid)
        await self.mine.snapshot(D, "flocker-lite-1-2")
        await self.mine.send(D, None, "flocker-lite-1-2", receiving.fileno())
        await self.fails(receiving.finish(), Conflict, "exists")
        receiving.abort()

    async def test_a_stream_that_is_given_up(self) -> None:
        """It leaves nothing, and another one may come."""
        peer = await self.connect()
        receiving = await peer.receive(D, 1, None)
        os.write(receiving.fileno(), b"some of it")
        receiving.abort()
        receiving.abort()
        peer.close()
        await self.until_idle()
        again = await self.connect()
        await self.push(again, None, "flocker-lite-1-1")
        assert self.theirs.read(D) == ("one", "two")
        assert len(self.receiver.streams) <= 1

    async def test_a_receive_that_hangs(self) -> None:
        """It is given up after a time, in words; the next push takes its place."""
        hanging: list[Deferred[None]] = []

        async def before(method: str, _: str) -> None:
            if method == "receive" and not hanging:
                hanging.append(Deferred())
                await hanging[0]

        self.theirs.before = before
        peer = await self.connect()
        await self.mine.snapshot(D, "flocker-lite-1-1")
        receiving = await peer.receive(D, 1, None)
        await self.mine.send(D, None, "flocker-lite-1-1", receiving.fileno())
        receiving.stall_after(0.05)
        await self.fails(receiving.finish(), PeerUnreachable, "stood still for 0.05 s")
        await self.fails(receiving.finish(), PeerUnreachable, "stood still for 0.05 s")
        receiving.abort()
        await self.push(peer, None, "flocker-lite-1-2")
        assert self.theirs.read(D) == ("one", "two")

    async def test_a_stream_that_hung_when_its_sender_died(self) -> None:
        """A sender that comes back begins anew, over a session of its own."""
        peer = await self.connect()
        hung = await peer.receive(D, 1, None)
        again = await self.connect()
        last = await self.push(again, None, "flocker-lite-1-1")
        assert (await again.ask(peer_requests.Copy(D))).newest == last
        await self.fails(hung.finish(), PeerRefused, "another stream takes its place")
        hung.abort()
        peer.close()

    async def test_a_stream_that_goes_on(self) -> None:
        """After a cut the token says from where, and the rest completes it."""
        self.theirs.resumes = True
        peer = await self.connect()
        snapshot = await self.mine.snapshot(D, "flocker-lite-1-1")
        stream = await sent(self.mine, D, None, snapshot.name)
        cut = await peer.receive(D, 1, None)
        os.write(cut.fileno(), stream[:-5])
        await self.fails(cut.finish(), FlockerError, "invalid backup stream")
        copy = await peer.ask(peer_requests.Copy(D))
        assert (copy.exists, copy.resume_token is None) == (False, False)
        receiving = await peer.receive(D, 1, None, resumes=True)
        await self.mine.send_rest(D, str(copy.resume_token), receiving.fileno())
        await receiving.finish()
        receiving.abort()
        whole = PeerCopy(True, Lease(Role.REPLICA, 1), snapshot, None, (snapshot,))
        assert await peer.ask(peer_requests.Copy(D)) == whole
        assert self.theirs.read(D) == ("one", "two")

    async def test_a_limit(self) -> None:
        """It holds for the stream that it is given for."""
        peer = await self.connect()
        receiving = await peer.receive(D, 1, None)
        receiving.limit(1)
        snapshot = await self.mine.snapshot(D, "flocker-lite-1-1")
        await self.mine.send(D, None, snapshot.name, receiving.fileno())
        assert receiving.sent_bytes() <= 1
        receiving.limit(None)
        await receiving.finish()
        receiving.abort()
        assert receiving.sent_bytes() > 1

    async def test_another_cluster(self) -> None:
        """Nodes of two clusters have nothing to say to each other."""
        connecting = self.peers("cluster-2").connect(THERE, "10.0.0.2")
        await self.fails(connecting, PeerRefused, "belongs to cluster cluster-1")
        await self.until_idle()

    async def test_another_node(self) -> None:
        """Who answers has to be who was asked."""
        connecting = self.peers().connect(ELSEWHERE, "10.0.0.2")
        await self.fails(connecting, PeerRefused, f"10.0.0.2 is node {THERE}, not {ELSEWHERE}")
        await self.until_idle()

    async def test_no_agent(self) -> None:
        """What the receiver says on stderr is the reason."""
        await self.port.stopListening()
        connecting = self.peers().connect(THERE, "10.0.0.2")
        await self.fails(connecting, PeerUnreachable, "the agent does not answer at")
        await self.until_idle()

    async def test_an_agent_that_goes_away(self) -> None:
        """A session that breaks off fails what was asked."""
        peer = await self.connect()
        peer.close()
        await self.until_idle()
        await self.fails(peer.ask(peer_requests.Copy(D)), PeerUnreachable, "does not answer by ssh")

    def receiver_says(self, *words: str, asked: str = "") -> Any:
        """The exit code and stderr of a receiver that was started by hand."""
        environment = {
            **os.environ,
            receive.SOCKET_VARIABLE: self.socket_path,
            receive.COMMAND_VARIABLE: asked,
        }

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                (sys.executable, receive.__file__, *words),
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LATE_SECONDS,
                check=False,
            )

        return deferToThread(run)

    async def test_a_stream_that_nobody_expects(self) -> None:
        """A token that was not given is of no use."""
        done = await self.receiver_says("stream", "0" * 32)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no such stream is expected" in done.stderr

    async def test_usage(self) -> None:
        """Anything else is refused before the agent hears of it."""
        for words in ((), ("stream",), ("control", "more"), ("shell",)):
            done = await self.receiver_says(*words)
            assert done.returncode == 1
            assert done.stderr.startswith("usage: flocker-lite-receive")
