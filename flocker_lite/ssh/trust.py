"""Whom this node's sshd lets in to hand datasets over, and by what it knows the sshd of others.

Both are files of the agent alone, whole at any time, and what is not in them is not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model.records import NodeId, SshKeys
from flocker_lite.model.ssh_keys import ssh_keys
from flocker_lite.ssh.argv import Pin, SshOptions

HEADER = "# Written by flocker-agent, and replaced as a whole: nothing may be added here.\n"
RETRY_SECONDS = 5.0

_NODE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PROGRAM = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """Where it is written down; `receiver` is the program that a peer's key may start."""

    authorized_keys: Path
    known_hosts: Path
    receiver: str


def checked(peers: Mapping[NodeId, SshKeys]) -> PMap[NodeId, SshKeys]:
    """Those that are what they should be: what is in the files decides over who gets in."""
    good = {}
    for node_id, keys in peers.items():
        try:
            if _NODE_ID.fullmatch(node_id):
                good[node_id] = ssh_keys(keys.public_key, keys.host_keys)
        except ValueError:
            continue
    return pmap(good)


def authorized_keys(peers: Mapping[NodeId, SshKeys], receiver: str) -> str:
    """What sshd reads: each key may start the receiver, which knows by it whose it is."""
    if not _PROGRAM.fullmatch(receiver):
        raise ConfigurationFileError(f"flocker-lite-receive is at a path of odd words: {receiver}")
    lines = [
        f'restrict,command="{receiver} --node {node_id}" {keys.public_key} {node_id}\n'
        for node_id, keys in sorted(peers.items())
    ]
    return "".join([HEADER, *lines])


def known_hosts(peers: Mapping[NodeId, SshKeys]) -> str:
    """What ssh reads: each node by its UUID, whatever its address."""
    lines = [
        f"{node_id} {key}\n" for node_id, keys in sorted(peers.items()) for key in keys.host_keys
    ]
    return "".join([HEADER, *lines])


@dataclass
class Trust:
    """The keys of this node, and those of its peers in the files.

    `pinned` are the nodes that are in them; `write` writes texts to paths, in a thread.
    """

    log = Logger()

    keys: SshKeys
    identity_file: Path
    files: TrustFiles
    pinned: frozenset[NodeId]
    clock: Any
    write: Callable[[dict[Path, str]], Deferred[None]]
    _peers: PMap[NodeId, SshKeys] | None = None
    _writing: bool = False
    _waiting: list[Deferred[None]] = field(default_factory=list)

    def install(self, peers: PMap[NodeId, SshKeys]) -> None:
        """These, and no others, are to be let in and to be known from now on."""
        if peers == self._peers:
            return
        self._peers = peers
        if not self._writing:
            self._write()

    async def options(self, node_id: NodeId, options: SshOptions) -> SshOptions:
        """How to reach a node: pinned when its keys are known, else as an administrator says."""
        if self._writing:
            written: Deferred[None] = Deferred()
            self._waiting.append(written)
            await written
        if node_id not in self.pinned:
            return options
        pin = Pin(str(self.files.known_hosts), node_id)
        return replace(options, identity_file=str(self.identity_file), pin=pin)

    def _write(self) -> None:
        assert self._peers is not None
        self._writing, wanted = True, self._peers
        peers = checked(wanted)
        if len(peers) < len(wanted):
            self.log.error(
                "keys that are none are not let in: {ids}", ids=sorted(set(wanted) - set(peers))
            )
        texts = {
            self.files.authorized_keys: authorized_keys(peers, self.files.receiver),
            self.files.known_hosts: known_hosts(peers),
        }
        writing = self.write(texts)
        writing.addCallbacks(lambda _: self._written(wanted, peers), self._not_written)

    def _written(self, wanted: PMap[NodeId, SshKeys], peers: PMap[NodeId, SshKeys]) -> None:
        self.pinned = frozenset(peers)
        if self._peers != wanted:
            self._write()
            return
        self._settle()

    def _not_written(self, failure: Failure) -> None:
        self.log.error(
            "the keys of other nodes are not written down, next try in {delay:g} s: {reason}",
            delay=RETRY_SECONDS,
            reason=failure.value,
        )
        self._settle()
        self.clock.callLater(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        if not self._writing:
            self._write()

    def _settle(self) -> None:
        self._writing = False
        waiting, self._waiting = self._waiting, []
        for written in waiting:
            written.callback(None)


def pinned(files: TrustFiles) -> frozenset[NodeId]:
    """The nodes that an earlier process pinned; ConfigurationFileError for files of others."""
    authorized_keys({}, files.receiver)  # its path is one that can be written down
    _, text = [_text(path) for path in (files.authorized_keys, files.known_hosts)]
    return frozenset(line.partition(" ")[0] for line in text.splitlines()[1:])


def write_all(texts: Mapping[Path, str]) -> None:
    """Write each text; OSError."""
    for path, text in texts.items():
        durable.write(path, text)


def _text(path: Path) -> str:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationFileError(f"{path} cannot be read: {error}") from None
    if text and not text.startswith(HEADER):
        raise ConfigurationFileError(
            f"{path} has lines that are not of the agent, which would be lost: choose another "
            "file, with `ssh: authorized-keys:`, and name it in sshd's AuthorizedKeysFile"
        )
    return text
