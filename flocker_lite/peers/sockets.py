"""The folder of the sockets of connections that several ssh sessions share."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import Logger

FOLDER = "connections"
FOLDER_CHARACTERS_MAX = 70
"""A socket's path has at most 108 bytes, of which ssh appends some while it begins to listen."""

_log = Logger()


def sockets_folder(beside: Path) -> str | None:
    """A folder for them that nobody else may enter, without those that an earlier agent left.

    None if there can be none: then each session has its own connection.
    """
    folder = beside / FOLDER
    if len(str(folder)) > FOLDER_CHARACTERS_MAX:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        for left in folder.iterdir():
            left.unlink()
    except OSError as error:
        _log.warn("ssh connections are not shared: {folder}: {error}", folder=folder, error=error)
        return None
    return str(folder)
