"""The keys of this node, and the files that say whom its sshd lets in and whom its ssh believes."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import CommandFailed, ConfigurationFileError
from flocker_lite.model.records import SshKeys
from flocker_lite.peers.argv import SshOptions
from flocker_lite.peers.keys import IDENTITY_FILE, own_keys
from flocker_lite.peers.trust import (
    HEADER,
    RETRY_SECONDS,
    Trust,
    TrustFiles,
    authorized_keys,
    checked,
    known_hosts,
    pinned,
    write_all,
)
from flocker_lite.testing.memory_trust import made_up_key, made_up_keys

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000001"
ONE, TWO = made_up_keys(1), made_up_keys(2)
PROGRAM = "/usr/bin/flocker-lite-receive"


def test_who_is_let_in() -> None:
    """Each key may start one program, as the node that it is of, and nothing else."""
    text = authorized_keys({B: TWO, A: ONE}, PROGRAM)
    first, second = text.removeprefix(HEADER).splitlines()
    assert first == f'restrict,command="{PROGRAM} --node {A}" {ONE.public_key} {A}'
    assert second.startswith(f'restrict,command="{PROGRAM} --node {B}" {TWO.public_key}')
    with pytest.raises(ConfigurationFileError, match="letters, digits"):
        authorized_keys({}, '/tmp/a "b')


def test_who_is_believed() -> None:
    """Each node by its UUID, with all of its host keys."""
    keys = SshKeys(ONE.public_key, (made_up_key(8), made_up_key(9)))
    lines = known_hosts({A: keys}).removeprefix(HEADER).splitlines()
    assert lines == [f"{A} {made_up_key(8)}", f"{A} {made_up_key(9)}"]


@given(st.dictionaries(st.text() | st.just(A), st.tuples(st.text(), st.lists(st.text()))))
def test_what_is_not_what_it_should_be(peers: dict[str, tuple[str, list[str]]]) -> None:
    """Whoever made it up: no word of it gets into a file."""
    told = {node_id: SshKeys(key, tuple(keys)) for node_id, (key, keys) in peers.items()}
    assert checked({**told, B: ONE}) == {B: ONE}


class TrustTests(SynchronousTestCase):
    """A directory, and a disk that takes the time that a test wants."""

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = Path(temporary.name) / "ssh"
        self.files = TrustFiles(folder / "authorized_keys", folder / "known_hosts", PROGRAM)
        self.clock = Clock()
        self.writes: list[tuple[dict[Path, str], Deferred[None]]] = []
        self.trust = self.open()

    def open(self) -> Trust:
        """As an agent does that starts."""

        def write(texts: dict[Path, str]) -> Deferred[None]:
            done: Deferred[None] = Deferred()
            self.writes.append((texts, done))
            return done

        known = pinned(self.files)
        return Trust(ONE, Path("/id"), self.files, known, self.clock, write)

    def written(self) -> None:
        """The disk is done with the last that it got."""
        texts, done = self.writes.pop()
        write_all(texts)
        done.callback(None)

    def options(self, node_id: str) -> Deferred[SshOptions]:
        """The way to a node."""
        return Deferred.fromCoroutine(self.trust.options(node_id, SshOptions(port=2222)))

    def test_installed(self) -> None:
        """Who is known is reached with the agent's key and by its own host keys, once written."""
        plain = SshOptions(port=2222)
        assert self.successResultOf(self.options(A)) == plain
        self.trust.install(pmap({A: ONE}))
        waiting = self.options(A)
        self.assertNoResult(waiting)
        self.written()
        options = self.successResultOf(waiting)
        assert (options.port, options.identity_file) == (2222, "/id")
        assert options.pin is not None
        assert (options.pin.name, options.pin.known_hosts_file) == (A, str(self.files.known_hosts))
        assert self.successResultOf(self.options(B)) == plain
        self.trust.install(pmap({A: ONE}))
        assert self.writes == []
        assert self.open().pinned == {A}
        for path in (self.files.authorized_keys, self.files.known_hosts):
            assert path.stat().st_mode & 0o777 == 0o600

    def test_the_last_word(self) -> None:
        """What comes while a write is under way is written after it; what went is gone."""
        self.trust.install(pmap({A: ONE}))
        self.trust.install(pmap({A: ONE, B: TWO}))
        self.trust.install(pmap({B: TWO}))
        self.written()
        waiting = self.options(B)
        self.assertNoResult(waiting)
        self.written()
        assert self.successResultOf(waiting).pin is not None
        assert self.trust.pinned == {B}
        assert A not in self.files.authorized_keys.read_text()
        assert A not in self.files.known_hosts.read_text()

    def test_a_disk_that_is_full(self) -> None:
        """What was there stays, the way to others is not waited for, and it is tried again."""
        self.trust.install(pmap({A: ONE}))
        self.writes.pop()[1].errback(OSError("full"))
        assert self.successResultOf(self.options(A)).pin is None
        self.clock.advance(RETRY_SECONDS)
        self.written()
        assert self.successResultOf(self.options(A)).pin is not None

    def test_keys_that_are_none(self) -> None:
        """The others are let in."""
        self.trust.install(pmap({A: ONE, B: SshKeys("ssh-ed25519 x\nssh-ed25519 y", ())}))
        self.written()
        assert self.trust.pinned == {A}

    def test_lines_of_others(self) -> None:
        """A file that is not the agent's own is not touched, and that is said at the start."""
        self.files.authorized_keys.parent.mkdir()
        self.files.authorized_keys.write_text(f"{made_up_key(7)} admin\n")
        with pytest.raises(ConfigurationFileError, match="AuthorizedKeysFile"):
            self.open()
        self.files.authorized_keys.write_text("")
        assert self.open().pinned == frozenset()


class OwnKeysTests(SynchronousTestCase):
    """A directory in which a pair of keys is made."""

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.folder = self.root / "state/ssh"
        self.made: list[tuple[str, ...]] = []
        for number, kind in enumerate(("ed25519", "rsa"), 1):
            (self.root / f"ssh_host_{kind}_key.pub").write_text(f"{made_up_key(number)} root@n1\n")

    async def keygen(self, argv: tuple[str, ...], *_: Any) -> bytes:
        """In the place of ssh-keygen."""
        self.made.append(argv)
        path = Path(argv[-1])
        path.write_text("private")
        path.with_suffix(".pub").write_text(f"{made_up_key(10 + len(self.made))} comment\n")
        return b""

    def keys(self, run: Any = None, host_keys: str = "ssh_host_*_key.pub") -> Deferred[SshKeys]:
        """As an agent does that starts."""
        pattern = f"{self.root}/{host_keys}"
        return Deferred.fromCoroutine(
            own_keys(self.folder, pattern, A, cast(Any, run or self.keygen))
        )

    def test_made_once(self) -> None:
        """The first start makes them, every later one finds them."""
        keys = self.successResultOf(self.keys())
        assert keys == SshKeys(made_up_key(11), (made_up_key(1), made_up_key(2)))
        assert self.successResultOf(self.keys()) == keys
        (argv,) = self.made
        assert argv[:6] == ("ssh-keygen", "-q", "-t", "ed25519", "-N", "")
        assert sorted(os.listdir(self.folder)) == [IDENTITY_FILE, f"{IDENTITY_FILE}.pub"]
        assert self.folder.stat().st_mode & 0o777 == 0o700

    def test_half_a_pair(self) -> None:
        """A start that was cut off leaves nothing that is in the way."""
        self.successResultOf(self.keys())
        (self.folder / f"{IDENTITY_FILE}.pub").unlink()
        (self.folder / "new").mkdir()
        assert self.successResultOf(self.keys()).public_key == made_up_key(12)

    def test_what_is_to_be_mended(self) -> None:
        """Each error says where, and what to do."""
        failure = self.failureResultOf(self.keys(host_keys="none"), ConfigurationFileError)
        assert "`ssh: host-keys:`" in str(failure.value)
        (self.root / "ssh_host_rsa_key.pub").write_text("no key")
        failure = self.failureResultOf(self.keys(), ConfigurationFileError)
        assert "not a public key" in str(failure.value)

    def test_no_keys_can_be_made(self) -> None:
        """It is said that, and why."""

        def fails(*_: Any) -> Deferred[bytes]:
            return fail(CommandFailed(("ssh-keygen",), 127, "not found"))

        failure = self.failureResultOf(self.keys(fails), ConfigurationFileError)
        assert "not found" in str(failure.value)

    def test_nothing_is_made_of_nothing(self) -> None:
        """A command that says that all is well, and made no file, is not believed."""
        self.failureResultOf(self.keys(lambda *_: succeed(b"")), ConfigurationFileError)
