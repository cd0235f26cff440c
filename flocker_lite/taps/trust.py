"""The ssh keys of an agent, and the files of those of its peers, as its options say."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from flocker_lite.config import AgentOptions
from flocker_lite.model.records import NodeId
from flocker_lite.processes import Run
from flocker_lite.ssh.argv import RECEIVER
from flocker_lite.ssh.keys import FOLDER, IDENTITY_FILE, own_keys
from flocker_lite.ssh.trust import Trust, TrustFiles, pinned, write_all


async def open_trust(
    options: AgentOptions,
    node_id: NodeId,
    run: Run,
    in_thread: Callable[..., Deferred[Any]],
    reactor: Any,
) -> Trust | None:
    """The keys of this node, and what an earlier process knew of others.

    None when an administrator takes care of ssh. Raises ConfigurationFileError.
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
        reactor,
        lambda texts: in_thread(write_all, texts),
    )


def _receiver() -> str:
    """The program by its whole path: whoever comes by ssh has a search path of its own."""
    beside = Path(sys.executable).with_name(RECEIVER)
    return str(beside) if beside.exists() else shutil.which(RECEIVER) or RECEIVER
