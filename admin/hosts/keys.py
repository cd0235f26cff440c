"""Makes the ssh keys of a lab; root goes from node to node by ssh where a script needs that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from admin.hosts.plan import HOST_KEY, NodePlan
from admin.hosts.processes import run

if TYPE_CHECKING:
    from admin.hosts.node import Node

ROOT_KEY = "ssh/id_ed25519"


def make_key(path: Path) -> str:
    """Make a key pair without a passphrase; returns the public half as one line of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)])
    return public_half(path)


def public_half(path: Path) -> str:
    """The public half of a key pair, as one line of text without a comment."""
    kind, key = path.with_name(f"{path.name}.pub").read_text().split()[:2]
    return f"{kind} {key}\n"


def known_hosts(host_keys: Mapping[NodePlan, str]) -> str:
    """The public keys of ssh servers, by name and by address."""
    return "".join(
        f"{node.name},{node.address},{node.address6} {key.strip()}\n"
        for node, key in host_keys.items()
    )


def connect_roots(nodes: Sequence[Node]) -> None:
    """Let root of each of these nodes open a shell on the others.

    flocker_lite does not need that: its agents have keys of their own.
    """
    host_keys = {node.node: public_half(node.folder / HOST_KEY) for node in nodes}
    root_keys = []
    for node in nodes:
        path = node.folder / ROOT_KEY
        root_keys.append(public_half(path) if path.exists() else make_key(path))
    for node in nodes:
        (node.folder / "ssh/authorized_keys").write_text("".join(root_keys))
        (node.folder / "ssh/known_hosts").write_text(known_hosts(host_keys))
