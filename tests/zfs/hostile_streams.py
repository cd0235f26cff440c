"""What a real ZFS is held to when a peer sends what it should not, as tests to be mixed in.

All goes the whole way of a push but for ssh: the receiver, the agent's socket, the gate, ZFS.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IPeer, IPeerService
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Snapshot
from flocker_lite.peers.service import PeerService
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.storage_case import DATASET, OTHER, REPLICA, sent
from flocker_lite.testing.stub_host import StubHost
from flocker_lite.zfs.names import LEASE_PROPERTY
from flocker_lite.zfs.storage import ZfsStorage
from tests.zfs.local_peers import peer_of
from tests.zfs.mutations import Mutation, mutations
from tests.zfs.zfs_nodes import (
    COMMAND_TIMEOUT_SECONDS,
    ZfsCase,
    command,
    remove,
    retry_while_busy,
    write_all,
)

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000001"
BYSTANDER = "dddddddd-0000-4000-8000-000000000003"
FILE_BYTES = 40_000
PRIMARY = Lease(Role.PRIMARY, 99)
KINDS = ("full", "increment")


class HostileStreams(ZfsCase):
    """Streams that were cut, damaged, mixed up and forged; `mutations_each` of a full one, and of
    an increment."""

    mutations_each = int(os.environ.get("FLOCKER_LITE_MUTATIONS", "25"))

    def setUp(self) -> None:
        super().setUp()
        self.seed = os.environ.get("FLOCKER_LITE_SEED", "1")
        self.contents: dict[str, str] = {}

    async def test_mutated_streams(self) -> None:
        """Each is refused, or received as what it says it is; nothing else is touched, nothing is
        mounted, and the right stream is received afterwards."""
        streams = await self.source()
        target, peer = await self.target()
        others, counts = self.others(target), Counter[str]()
        base: Snapshot | None = None
        for kind in KINDS:
            right = streams[DATASET, kind]
            wrong = tuple(stream for key, stream in streams.items() if key != (DATASET, kind))
            guid = base.guid if base is not None else None
            for each in mutations(f"{self.seed} {kind}", self.mutations_each, right, wrong):
                try:
                    said = await self.offered(peer, guid, each.stream)
                    counts[await self.outcome(target, base, each, said)] += 1
                    assert self.others(target) == others
                except (AssertionError, FlockerError) as error:
                    raise AssertionError(f"seed {self.seed}, {kind}, {each.name}") from error
            assert await self.offered(peer, guid, right) is None
            look = await target.look(DATASET)
            assert look is not None
            base = look.snapshots[-1]
            assert self.content(target, base) == self.contents[base.guid]
        print(f"seed {self.seed}: {dict(counts)}")
        assert self.read(target, BYSTANDER) == ("bystander",)

    async def test_more_than_a_copy(self) -> None:
        """Several filesystems, properties, and what continues another's dataset are refused:
        some of it the node would mount when it boots, wherever the stream says."""
        streams = await self.strange_streams()
        target, peer = await self.target()
        others = self.others(target)
        for why, stream in streams:
            said = await self.offered(peer, None, stream)
            self.boot(target)
            assert self.others(target) == others, why
            assert await target.look(DATASET) is None
            assert said is not None
            assert f"refuses the stream: it {why}" in said

    async def strange_streams(self) -> list[tuple[str, bytes]]:
        """Such streams, and why each is refused; where they came from there is nothing left."""
        storage = await self.make()
        await storage.create(DATASET, None, PRIMARY)
        name, clone = (
            self.nodes.name(storage, DATASET),
            f"{self.nodes.parent_of[id(storage)]}/clone",
        )
        folder = f"mountpoint={self.nodes.folder}/over"
        command("zfs", "create", "-o", "mountpoint=none", f"{name}/child")
        for each in (name, f"{name}/child"):
            command("zfs", "set", "canmount=noauto", each)
            command("zfs", "set", folder, each)
        command("zfs", "set", "canmount=on", f"{name}/child")
        command("zfs", "unmount", f"{name}/child", check=False)
        command("zfs", "snapshot", "-r", f"{name}@more")
        command("zfs", "clone", "-o", "mountpoint=none", f"{name}@more", clone)
        command("zfs", "snapshot", f"{clone}@now")
        streams = [
            ("has more than one", output_of("zfs", "send", "-R", f"{name}@more")),
            ("has more than one", output_of("zfs", "send", "-p", f"{name}@more")),
            (
                "is a stream of a clone",
                output_of("zfs", "send", "-i", f"{name}@more", f"{clone}@now"),
            ),
        ]
        remove(clone)
        remove(name)
        return streams

    async def source(self) -> dict[tuple[DatasetId, str], bytes]:
        """The streams of two datasets with two snapshots each; `contents` has what is in them."""
        storage, streams = await self.make(), {}
        chance = random.Random(self.seed)
        for dataset_id in (DATASET, OTHER):
            await storage.create(dataset_id, None, PRIMARY)
            await storage.mount(dataset_id)
            folder, base = Path(storage.path(dataset_id)), None
            for number, kind in enumerate(KINDS):
                (folder / f"{kind} {'x' * 100}").mkdir()
                (folder / "file").write_bytes(chance.randbytes(FILE_BYTES))
                (folder / f"link {number}").symlink_to("file")
                snapshot = await storage.snapshot(dataset_id, f"flocker-lite-1-{number + 1}")
                self.contents[snapshot.guid] = digest(folder)
                streams[dataset_id, kind] = await sent(storage, dataset_id, base, snapshot.name)
                base = snapshot.name
        return streams

    async def target(self) -> tuple[ZfsStorage, IPeer]:
        """A node that has another dataset in use, and its agent as a peer speaks to it."""
        storage = await self.make()
        await storage.create(BYSTANDER, None, PRIMARY)
        await storage.mount(BYSTANDER)
        self.write(storage, BYSTANDER, "bystander")
        moves, clock = MoveLog(cast(IReactorTime, installed_reactor)), Clock()
        trials = Trials(clock, clock.seconds, MemoryFence(lambda _: None, clock))
        gate = cast(IPeerService, PeerService(B, storage, moves, trials, StubHost()))
        peer, port = await peer_of(A, B, gate, self.nodes.folder)
        self.addCleanup(port.stopListening)
        self.addCleanup(peer.close)
        return storage, peer

    async def offered(self, peer: IPeer, base: str | None, stream: bytes) -> str | None:
        """What is said of a stream; None when it was received."""
        receiving = await retry_while_busy(lambda: peer.receive(DATASET, 1, base))
        try:
            with suppress(BrokenPipeError):
                await deferToThread(write_all, receiving.fileno(), stream)
            await receiving.finish()
        except FlockerError as error:
            return str(error)
        finally:
            receiving.abort()
        return None

    async def outcome(
        self, target: ZfsStorage, base: Snapshot | None, each: Mutation, said: str | None
    ) -> str:
        """What became of a mutation, after it was looked at, and undone where it was received."""
        look = await (self.settled(target) if base is None else target.look(DATASET))
        snapshots = look.snapshots if look is not None else ()
        before = (base,) if base is not None else ()
        assert look is None or not look.mounted
        if snapshots == before:
            assert said is not None, "said to be received, and is not there"
            assert look is None or look.lease == (REPLICA if base is not None else None)
            return "refused"
        assert look is not None
        assert (look.lease, snapshots[:-1]) == (REPLICA, before), said
        if not each.forged:
            assert self.content(target, snapshots[-1]) == self.contents[snapshots[-1].guid]
        name = self.nodes.name(target, DATASET)
        undo = (
            ("destroy", "-r", name) if base is None else ("rollback", "-r", f"{name}@{base.name}")
        )
        await retry_while_busy(lambda: deferToThread(command, "zfs", *undo))
        return "received, forged" if each.forged else "received"

    def content(self, target: ZfsStorage, snapshot: Snapshot) -> str:
        """What is in a snapshot that was received; the copy itself is not touched."""
        clone = f"{self.nodes.parent_of[id(target)]}/clone"
        folder = self.nodes.folder / "clone"
        name = f"{self.nodes.name(target, DATASET)}@{snapshot.name}"
        command("zfs", "clone", "-o", f"mountpoint={folder}", "-o", "readonly=on", name, clone)
        try:
            return digest(folder)
        finally:
            remove(clone)
            with suppress(FileNotFoundError):
                folder.rmdir()

    def others(self, target: ZfsStorage) -> tuple[str, str]:
        """All that ZFS has of the target but for what is received, and what our pools have mounted.

        Other tests may mount and unmount what is in theirs.
        """
        parent, name = self.nodes.parent_of[id(target)], self.nodes.name(target, DATASET)
        facts = ("type", "guid", "mounted", "mountpoint", "canmount", "readonly", LEASE_PROPERTY)
        listed = command("zfs", "get", "-Hp", "-r", "-o", "name,value", ",".join(facts), parent)
        rows = [row for row in listed.splitlines() if not row.startswith((f"{name}\t", f"{name}@"))]
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        ours = [mount for mount in mounts if mount.split()[0].split("/")[0] in self.pools]
        return "\n".join(rows), "\n".join(ours)


def digest(folder: Path) -> str:
    """Of all files, folders and links, with their names."""
    found = sha256()
    for path in sorted(folder.rglob("*")):
        found.update(repr((path.name, path.stat().st_mode)).encode())
        if path.is_symlink():
            found.update(os.readlink(path).encode())
        elif path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


def output_of(*argv: str) -> bytes:
    """What a command writes."""
    return subprocess.run(
        argv, capture_output=True, check=True, timeout=COMMAND_TIMEOUT_SECONDS
    ).stdout
