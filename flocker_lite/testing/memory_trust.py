"""The ssh keys of a node and its peers, in memory; they outlive an agent, like the files."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import NodeId, SshKeys

KEY_BYTES = 32


def made_up_key(number: int) -> str:
    """A public key of the right form, whose private key nobody has."""
    parts = (b"ssh-ed25519", number.to_bytes(KEY_BYTES))
    blob = b"".join(len(part).to_bytes(4) + part for part in parts)
    return f"ssh-ed25519 {b64encode(blob).decode()}"


def made_up_keys(number: int) -> SshKeys:
    """The keys of a node; each number gives other keys."""
    return SshKeys(made_up_key(2 * number), (made_up_key(2 * number + 1),))


@dataclass
class MemoryTrust:
    """The peers' keys that one node trusts, as the control service last told it."""

    keys: SshKeys
    peers: PMap[NodeId, SshKeys] = field(default_factory=pmap)

    def install(self, peers: PMap[NodeId, SshKeys]) -> None:
        self.peers = peers
