"""The keys that this node's sshd accepts from other agents, and the host keys of their sshds.

The agent alone writes both files, each as a whole. No key that is missing from them is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model.identities import UUID_PATTERN
from flocker_lite.model.records import NodeId, SshKeys
from flocker_lite.model.ssh_keys import ssh_keys
from flocker_lite.peers.argv import Pin, SshOptions

HEADER = "# Written by flocker-agent, and replaced as a whole: nothing may be added here.\n"
RETRY_SECONDS = 5.0

_NODE_ID = re.compile(UUID_PATTERN)
_PROGRAM = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """The paths of the two files; `receiver` is the only program that a peer's key may start."""

    authorized_keys: Path
    known_hosts: Path
    receiver: str


def checked(peers: Mapping[NodeId, SshKeys]) -> PMap[NodeId, SshKeys]:
    """The peers whose id and keys are valid: whatever we write to the files lets somebody in."""
    good = {}
    for node_id, keys in peers.items():
        try:
            if _NODE_ID.fullmatch(node_id):
                good[node_id] = ssh_keys(keys.public_key, keys.host_keys)
        except ValueError:
            continue
    return pmap(good)


def authorized_keys(peers: Mapping[NodeId, SshKeys], receiver: str) -> str:
    """The file for sshd: each key may start only the receiver, with the key's node as argument."""
    if not _PROGRAM.fullmatch(receiver):
        raise ConfigurationFileError(
            f"the path of flocker-lite-receive may have letters, digits and _./- only: {receiver}"
        )
    lines = [
        f'restrict,command="{receiver} --node {node_id}" {keys.public_key} {node_id}\n'
        for node_id, keys in sorted(peers.items())
    ]
    return "".join([HEADER, *lines])


def known_hosts(peers: Mapping[NodeId, SshKeys]) -> str:
    """The file for ssh: it names each node by its UUID, whatever its address."""
    lines = [
        f"{node_id} {key}\n" for node_id, keys in sorted(peers.items()) for key in keys.host_keys
    ]
    return "".join([HEADER, *lines])


@dataclass
class Trust:
    """The keys of this node, and the keys of its peers in the two files.

    `pinned` are the nodes in the files; `write` writes texts to paths, in a thread.
    """

    log = Logger()

    keys: SshKeys
    identity_file: Path
    files: TrustFiles
    pinned: frozenset[NodeId]
    clock: IReactorTime
    write: Callable[[dict[Path, str]], Deferred[None]]
    _peers: PMap[NodeId, SshKeys] | None = None
    _writing: bool = False
    _waiting: list[Deferred[None]] = field(default_factory=list)

    def install(self, peers: PMap[NodeId, SshKeys]) -> None:
        """Trust the keys of these peers, and no others, from now on."""
        if peers == self._peers:
            return
        self._peers = peers
        if not self._writing:
            self._write()

    async def options(self, node_id: NodeId, options: SshOptions) -> SshOptions:
        """How to reach a node: by its pinned keys if we have them, else as `options` say."""
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
        self._writing, desired = True, self._peers
        peers = checked(desired)
        if len(peers) < len(desired):
            self.log.error(
                "invalid ssh keys, which are not trusted, of the nodes {ids}",
                ids=sorted(set(desired) - set(peers)),
            )
        texts = {
            self.files.authorized_keys: authorized_keys(peers, self.files.receiver),
            self.files.known_hosts: known_hosts(peers),
        }
        writing = self.write(texts)
        writing.addCallbacks(lambda _: self._written(desired, peers), self._not_written)

    def _written(self, desired: PMap[NodeId, SshKeys], peers: PMap[NodeId, SshKeys]) -> None:
        self.pinned = frozenset(peers)
        if self._peers != desired:
            self._write()
            return
        self._settle()

    def _not_written(self, failure: Failure) -> None:
        self.log.error(
            "cannot write the ssh keys of other nodes, next try in {delay:g} s: {reason}",
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
    """The nodes that an earlier process pinned; ConfigurationFileError if a file is not ours."""
    authorized_keys({}, files.receiver)  # raises when the file cannot have the receiver's path
    _, text = [_text(path) for path in (files.authorized_keys, files.known_hosts)]
    return frozenset(line.partition(" ")[0] for line in text.splitlines()[1:])


def write_all(texts: Mapping[Path, str]) -> None:
    """Write each text to its path; OSError when that fails."""
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
            f"{path} has lines that the agent did not write and would overwrite: choose another "
            "file, with `ssh: authorized-keys:`, and name it in sshd's AuthorizedKeysFile"
        )
    return text
