"""Opens an agent's own ssh keys, its peers' keys and its connections, where its options say."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from flocker_lite.config import AgentOptions
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.records import NodeId
from flocker_lite.peers.argv import RECEIVER, SshOptions
from flocker_lite.peers.keys import FOLDER, IDENTITY_FILE, own_keys
from flocker_lite.peers.sockets import sockets_folder
from flocker_lite.peers.trust import Trust, TrustFiles, pinned, write_all
from flocker_lite.processes import Run


async def open_trust(
    options: AgentOptions,
    node_id: NodeId,
    run: Run,
    run_in_thread: RunInThread,
    clock: IReactorTime,
) -> Trust | None:
    """The keys of this node, and the peers' keys that an earlier process knew.

    None if an administrator manages ssh. Raises ConfigurationFileError.
    """
    if options.ssh_identity_file is not None:
        return None
    folder = Path(options.state_path) / FOLDER
    keys = await own_keys(folder, options.ssh_host_keys, node_id, run)
    files = TrustFiles(
        Path(options.ssh_authorized_keys or folder / "authorized_keys"),
        folder / "known_hosts",
        _receiver(),
    )
    known = pinned(files)
    return Trust(
        keys,
        folder / IDENTITY_FILE,
        files,
        known,
        clock,
        lambda texts: run_in_thread(write_all, texts),
    )


def ssh_options(options: AgentOptions) -> SshOptions:
    """How this agent reaches others; where their connections are shared is made now."""
    sockets = sockets_folder(Path(options.socket_path).parent)
    key = options.ssh_identity_file
    return SshOptions(options.ssh_user, options.ssh_port, key, sockets=sockets)


def _receiver() -> str:
    """The absolute path of the receiver: sshd runs commands with another PATH."""
    beside = Path(sys.executable).with_name(RECEIVER)
    return str(beside) if beside.exists() else shutil.which(RECEIVER) or RECEIVER
