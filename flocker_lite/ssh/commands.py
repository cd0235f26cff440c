"""What one agent asks of another: AMP commands, spoken over the stdin and stdout of an ssh."""

from __future__ import annotations

from twisted.protocols import amp

from flocker_lite.errors import Busy, Conflict, FlockerError, LeaseError, PeerRefused
from flocker_lite.model.state import Snapshot
from flocker_lite.model.versions import Versions

VERSIONS = Versions(oldest=1, newest=1)
SENTENCES_MAX = 50
SENTENCE_CHARACTERS_MAX = 200

_ERRORS: dict[type[Exception], bytes] = {
    PeerRefused: b"REFUSED",
    Conflict: b"CONFLICT",
    Busy: b"BUSY",
    LeaseError: b"LEASE",
    FlockerError: b"FAILED",
}


def as_declared(error: FlockerError) -> FlockerError:
    """The error as one that can travel: its text is all that is left of the more special ones."""
    if type(error) in _ERRORS:
        return error
    return FlockerError(str(error))


def boxes(snapshots: tuple[Snapshot, ...] | None) -> list[dict[str, str]] | None:
    """Snapshots as they travel in an answer."""
    if snapshots is None:
        return None
    return [{"name": snapshot.name, "guid": snapshot.guid} for snapshot in snapshots]


def said(sentences: tuple[str, ...]) -> list[str]:
    """Sentences as they travel in an answer, which has room for so much."""
    return [sentence[:SENTENCE_CHARACTERS_MAX] for sentence in sentences[:SENTENCES_MAX]]


class Hello(amp.Command):
    """The first command of a session: who asks, and of which cluster it is.

    It speaks the versions of the protocol from `oldest` to `version`; one that names no `oldest`
    speaks but that one.
    """

    arguments = [
        (b"version", amp.Integer()),
        (b"node_id", amp.Unicode()),
        (b"cluster_id", amp.Unicode()),
        (b"oldest", amp.Integer(optional=True)),
    ]
    response = [(b"node_id", amp.Unicode())]
    errors = _ERRORS


class Copy(amp.Command):
    """What is there of a dataset; what it is not in the answer of, it does not have.

    `name` and `guid` are those of the newest snapshot. `resume_token` and `snapshots` came later
    than the rest: an older agent never gives one, and is never asked to resume.
    """

    arguments = [(b"dataset_id", amp.Unicode())]
    response = [
        (b"exists", amp.Boolean()),
        (b"lease", amp.Unicode(optional=True)),
        (b"name", amp.Unicode(optional=True)),
        (b"guid", amp.Unicode(optional=True)),
        (b"resume_token", amp.Unicode(optional=True)),
        (
            b"snapshots",
            amp.AmpList([(b"name", amp.Unicode()), (b"guid", amp.Unicode())], optional=True),
        ),
    ]
    errors = _ERRORS


class Receive(amp.Command):
    """Expect a stream; it comes by another ssh that names the token."""

    arguments = [
        (b"dataset_id", amp.Unicode()),
        (b"epoch", amp.Integer()),
        (b"base_guid", amp.Unicode(optional=True)),
        (b"resumes", amp.Boolean(optional=True)),
    ]
    response = [(b"token", amp.Unicode())]
    errors = _ERRORS


class Opened(amp.Command):
    """Answered once the stream's ssh has arrived and the receiver runs."""

    arguments = [(b"token", amp.Unicode())]
    errors = _ERRORS


class Finish(amp.Command):
    """Answered once the whole stream is received, or with what went wrong."""

    arguments = [(b"token", amp.Unicode())]
    errors = _ERRORS


class Prepared(amp.Command):
    """Answered once the container is created there, or with why it cannot be.

    `image` is the exact one to make it from, a record as JSON text. It came later than the rest: an
    older agent takes what the tag means there. So did `has_ended`: such a container is not created,
    and this is answered once that is known there.
    """

    arguments = [
        (b"name", amp.Unicode()),
        (b"image", amp.Unicode(optional=True)),
        (b"has_ended", amp.Boolean(optional=True)),
    ]
    errors = _ERRORS


class SetAside(amp.Command):
    """Keep a diverged replica under another name.

    With `base_guid`, only what it has after that snapshot; an older agent takes the whole copy.
    """

    arguments = [(b"dataset_id", amp.Unicode()), (b"base_guid", amp.Unicode(optional=True))]
    errors = _ERRORS


class Prune(amp.Command):
    """Destroy the snapshots of pushes that are needed no more, other than these."""

    arguments = [
        (b"dataset_id", amp.Unicode()),
        (b"keep_guids", amp.ListOf(amp.Unicode())),
    ]
    errors = _ERRORS


class SetProperties(amp.Command):
    """Have a replica have these properties; one without a value is taken back.

    `undone` says what was not done, in words. It came later than the rest: an agent of an older
    release does not know the command, and keeps what its copy has.
    """

    arguments = [
        (b"dataset_id", amp.Unicode()),
        (
            b"properties",
            amp.AmpList([(b"name", amp.Unicode()), (b"value", amp.Unicode(optional=True))]),
        ),
    ]
    response = [(b"undone", amp.ListOf(amp.Unicode()))]
    errors = _ERRORS


class Proof(amp.Command):
    """What shows that a dataset was released; it belongs to the request to acquire it that follows.

    A command of its own, since all datasets of a request share what there is room for in one.
    `chain` is a JSON text of `model.grants.Chain`.
    """

    arguments = [(b"dataset_id", amp.Unicode()), (b"chain", amp.Unicode())]
    errors = _ERRORS


class Acquire(amp.Command):
    """Become primary of the epoch, with this snapshot as the newest."""

    arguments = [
        (b"dataset_id", amp.Unicode()),
        (b"epoch", amp.Integer()),
        (b"guid", amp.Unicode()),
    ]
    errors = _ERRORS


class AcquireGroup(amp.Command):
    """Become primary of all of these, as one; the coordinator is one of them."""

    arguments = [
        (b"coordinator", amp.Unicode()),
        (
            b"items",
            amp.AmpList(
                [
                    (b"dataset_id", amp.Unicode()),
                    (b"epoch", amp.Integer()),
                    (b"guid", amp.Unicode()),
                ]
            ),
        ),
    ]
    errors = _ERRORS


class OfferLoan(amp.Command):
    """Ask for a loan, counted from now on; `seconds` is a whole number."""

    arguments = [
        (b"container", amp.Unicode()),
        (b"dataset_ids", amp.ListOf(amp.Unicode())),
        (b"seconds", amp.Integer()),
    ]
    errors = _ERRORS


class Lend(amp.Command):
    """Answered once the container is healthy on trial, or was given back, with why."""

    arguments = [
        (b"container", amp.Unicode()),
        (
            b"lent",
            amp.AmpList(
                [
                    (b"dataset_id", amp.Unicode()),
                    (b"epoch", amp.Integer()),
                    (b"guid", amp.Unicode()),
                ]
            ),
        ),
    ]
    errors = _ERRORS


class Recall(amp.Command):
    """Answered once none of these is on trial any more."""

    arguments = [(b"dataset_ids", amp.ListOf(amp.Unicode()))]
    errors = _ERRORS


class Serving(amp.Command):
    """Answered once the container serves connections there, or with why it does not."""

    arguments = [(b"name", amp.Unicode())]
    errors = _ERRORS
