"""The ssh keys of this node: the pair that its agent makes for itself, and its sshd's host keys."""

from __future__ import annotations

import shutil
from pathlib import Path

from flocker_lite import durable
from flocker_lite.errors import CommandFailed, CommandTimedOut, ConfigurationFileError
from flocker_lite.model.records import NodeId, SshKeys
from flocker_lite.model.ssh_keys import HOST_KEYS_MAX, ssh_keys
from flocker_lite.processes import Run

FOLDER = "ssh"
IDENTITY_FILE = "id_ed25519"


async def own_keys(folder: Path, host_keys: str, node_id: NodeId, run: Run) -> SshKeys:
    """The keys of this node; makes the pair in `folder` when there is none.

    `host_keys` is an absolute path of `.pub` files, with wildcards. ConfigurationFileError says
    what to correct.
    """
    identity = folder / IDENTITY_FILE
    public = identity.with_suffix(".pub")
    try:
        if not (identity.exists() and public.exists()):
            await _make(folder, node_id, run)
        public_key = public.read_text("ascii")
    except (OSError, UnicodeDecodeError, CommandFailed, CommandTimedOut) as error:
        raise ConfigurationFileError(f"{identity}: no ssh key could be made: {error}") from None
    try:
        return ssh_keys(public_key, _host_keys(host_keys))
    except ValueError as error:
        raise ConfigurationFileError(f"{public}, {host_keys}: {error}") from None


async def _make(folder: Path, node_id: NodeId, run: Run) -> None:
    """Make the pair in one step, so that a crash never leaves half of it."""
    folder.mkdir(parents=True, exist_ok=True, mode=durable.DIRECTORY_MODE)
    made = folder / "new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=durable.DIRECTORY_MODE)
    comment = f"flocker-agent of {node_id}"
    path = made / IDENTITY_FILE
    await run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)))
    for name in (IDENTITY_FILE, f"{IDENTITY_FILE}.pub"):
        (made / name).replace(folder / name)
    made.rmdir()


def _host_keys(pattern: str) -> list[str]:
    found = sorted(Path("/").glob(pattern.lstrip("/")))[:HOST_KEYS_MAX]
    texts = []
    for path in found:
        try:
            texts.append(path.read_text("ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationFileError(f"{path} cannot be read: {error}") from None
    if not texts:
        raise ConfigurationFileError(
            f"there is no {pattern}: say where the public keys of this node's sshd are, with "
            "`ssh: host-keys:`, or take care of ssh yourself, with `ssh: identity-file:`"
        )
    return texts
