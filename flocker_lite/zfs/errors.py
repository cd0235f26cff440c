"""The one place that turns the messages of `zfs` into types of errors; pure."""

from __future__ import annotations

import signal

from flocker_lite.errors import (
    Busy,
    CommandFailed,
    Conflict,
    FlockerError,
    NotFound,
    ReaderGone,
)

_MEANINGS: tuple[tuple[str, type[FlockerError]], ...] = (
    ("does not exist", NotFound),
    ("could not find any snapshots", NotFound),
    ("no such pool", NotFound),
    ("no longer exists", Conflict),
    ("no longer the same snapshot used in the initial send", Conflict),
    ("resume token is corrupt", Conflict),
    # ZFS says this of a stream that does not continue the partial state here.
    ("kernel modules must be upgraded to receive this stream", Conflict),
    ("contains partially-complete state", Conflict),
    ("dataset already exists", Conflict),
    ("' exists", Conflict),
    ("has been modified", Conflict),
    ("does not match incremental source", Conflict),
    ("must specify -F to overwrite", Conflict),
    ("has dependent clones", Conflict),
    ("Broken pipe", ReaderGone),
    ("dataset is busy", Busy),
    ("pool or dataset is busy", Busy),
    ("target is busy", Busy),
    ("device is busy", Busy),
    ("pool is busy", Busy),
)

_ADVICE = (
    (
        "pool I/O is currently suspended",
        "its disks do not answer: see `zpool status`, and run `zpool clear` once they do",
    ),
    ("pool is read-only", "export it, and import it without readonly"),
)

ALREADY_MOUNTED = "already mounted"
NOT_MOUNTED = "not currently mounted"
NOTHING_PARTIAL = "does not have any resumable receive state"
TAG_EXISTS = "tag already exists"
NO_SUCH_TAG = "no such tag"
UNKNOWN_OPTION = ("invalid option", "unrecognized command", "too many arguments")


def meaning(error: CommandFailed) -> FlockerError:
    """The error as the type that its message means; any other error as it is."""
    # ZFS breaks long sentences into lines.
    said = " ".join(error.stderr_tail.split())
    for words, kind in _MEANINGS:
        if words in said:
            return kind(str(error))
    for words, advice in _ADVICE:
        if words in said:
            return FlockerError(f"{error}; {advice}")
    return ReaderGone(str(error)) if error.exit_code == -signal.SIGPIPE else error
