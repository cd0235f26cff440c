"""Errors that carry facts, and say what to do about them."""

from __future__ import annotations

from dataclasses import dataclass


class FlockerError(Exception):
    """Base of every error that this package raises on purpose; its text is fit for the API."""


class ConfigurationFileError(FlockerError):
    """A configuration file or an option has something wrong with it; the text says where."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What stands in the way of an edit, in words for a person.

    Where the request has `value` under one of these `keys`, it is about that. `used_by` is the
    name of the container that has what is asked for. `known` are the names that there are: one of
    them may have been meant.
    """

    text: str
    keys: tuple[str, ...] = ()
    value: object = None
    used_by: str | None = None
    known: tuple[str, ...] = ()


class ErrorWithFacts(FlockerError):
    """An error whose `facts` say, for a person, who and what it is."""

    def __init__(self, text: str = "", *facts: Fact) -> None:
        super().__init__(text)
        self.facts = facts


class LeaseError(FlockerError):
    """A change of role that the one-writer rule forbids."""


class NotFound(ErrorWithFacts):
    """A dataset, snapshot, container or lease is not there (any more)."""


class Busy(FlockerError):
    """A dataset is in use; trying again later may help."""


class NotYet(FlockerError):
    """It comes by itself later: ask again in a second; the text says what it waits for."""


class InUse(Busy):
    """Somebody who is not ours has a dataset in use; the text names who, and what to do."""


class Conflict(ErrorWithFacts):
    """It contradicts what is there: another copy, or the rest of the configuration."""


class ReaderGone(FlockerError):
    """The reader of a stream hung up; the reader knows why."""


class PeerRefused(FlockerError):
    """The agent of another node answered, and refused."""


class NotUnderstood(PeerRefused):
    """The agent of another node is of an older release, which does not know the request."""


class NotHealthy(FlockerError):
    """A container did not get well on trial at another node, and was given back."""


class CopyFailed(FlockerError):
    """A directory could not be copied, or is not known to be the same as its copy."""


class MoveGivenUp(FlockerError):
    """A move whose pause would be longer than its user accepts; the text has the figures."""


class PeerUnreachable(FlockerError):
    """The agent of another node could not be reached."""


class StoreError(FlockerError):
    """The durable store cannot be opened, read or written; the text says what to do."""


class EtcdUnsure(StoreError):
    """etcd did not answer in time, or not with certainty: the request may be carried out yet."""


@dataclass
class EtcdRejected(StoreError):
    """etcd answered that it did not carry out the request; `code` is that of gRPC."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"etcd refuses: {self.text}"


class ImageError(FlockerError):
    """An image could not be had from its registry."""


class ContainerError(FlockerError):
    """Docker refused or failed to do something with a container."""


class OutputUnreadable(ContainerError):
    """Docker cannot read the output of a container: its log driver only takes it."""

    def __init__(self, name: str, driver: str) -> None:
        super().__init__(
            f"container {name} has the log driver {driver}, from which Docker cannot read: look "
            "where that driver sends the output, or give the container the driver json-file, local "
            "or journald"
        )


class DockerAway(ContainerError):
    """Docker does not answer; nothing is wrong with what it was asked."""


class PortInUse(ContainerError):
    """Docker could not publish a port of a container: something of the node listens there."""

    def __init__(self, port: str, listener: object = "something else") -> None:
        self.port = port
        super().__init__(
            f"port {port} of this node is in use by {listener}: stop that, or give the container "
            "another external port"
        )


class PortLost(PortInUse):
    """Docker has a port of a container that is gone, and gives it to nobody until it is restarted.

    That comes of a Docker that is killed while it starts the container.
    """

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self.args = (
            f"Docker holds port {port} of this node, and no container has it: that is left of one "
            "which Docker was about to start when it was killed. Restart Docker: "
            "`systemctl restart docker`",
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
