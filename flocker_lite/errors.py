"""Errors that carry facts, and say what to do about them."""

from __future__ import annotations

from dataclasses import dataclass


class FlockerError(Exception):
    """Base of every error that this package raises on purpose; its text is fit for the API."""


class ConfigurationFileError(FlockerError):
    """A configuration file or an option has something wrong with it; the text says where."""


class LeaseError(FlockerError):
    """A change of role that the one-writer rule forbids."""


class NotFound(FlockerError):
    """A dataset, snapshot or container is not there (any more)."""


class Busy(FlockerError):
    """A dataset is in use; trying again later may help."""


class InUse(Busy):
    """Somebody who is not ours has a dataset in use; the text names who, and what to do."""


class Conflict(FlockerError):
    """Two copies of a dataset do not continue one another; the text holds the evidence."""


class ReaderGone(FlockerError):
    """Whoever read a stream hung up; it knows why."""


class PeerRefused(FlockerError):
    """The agent of another node answered, and refused."""


class NotUnderstood(PeerRefused):
    """The agent of another node is of an older release, which does not know the request."""


class NotHealthy(FlockerError):
    """A container did not get well on trial at another node, and was given back."""


class MoveGivenUp(FlockerError):
    """A move whose pause would be longer than its user accepts; the text has the figures."""


class PeerUnreachable(FlockerError):
    """The agent of another node could not be reached."""


class StoreError(FlockerError):
    """The durable store cannot be opened, read or written; the text says what to do."""


class ImageError(FlockerError):
    """An image could not be had from its registry."""


class ContainerError(FlockerError):
    """Docker refused or failed to do something with a container."""


class DockerAway(ContainerError):
    """Docker does not answer; nothing is wrong with what it was asked."""


class PortInUse(ContainerError):
    """Docker could not publish a port of a container: something of the node listens there."""

    def __init__(self, port: int, listener: object = "something else") -> None:
        self.port = port
        super().__init__(
            f"port {port} of this node is in use by {listener}: stop that, or give the container "
            "another external port"
        )


@dataclass
class CommandFailed(FlockerError):
    """A command ended with an error.

    `stderr_tail` is the end of what it printed there; `exit_code` is negative for a signal.
    """

    argv: tuple[str, ...]
    exit_code: int
    stderr_tail: str

    def __str__(self) -> str:
        said = self.stderr_tail.strip() or "nothing on stderr"
        return f"{' '.join(self.argv)}: exit code {self.exit_code}: {said}"


@dataclass
class CommandTimedOut(FlockerError):
    """A command did not end in time and was killed."""

    argv: tuple[str, ...]
    timeout_seconds: float

    def __str__(self) -> str:
        return f"{' '.join(self.argv)}: no end after {self.timeout_seconds:g} s; killed"
