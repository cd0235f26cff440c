"""What can go wrong with the virtual machine, as types whose text says what to do."""

from collections.abc import Sequence


class VirtualMachineError(Exception):
    """Anything that keeps a command from running in the virtual machine to its end."""


class CommandFailed(VirtualMachineError):
    """A program on the host failed or took too long; the end of its output is kept as evidence."""

    def __init__(self, argv: Sequence[str], reason: str, output_tail: str) -> None:
        self.argv = tuple(argv)
        self.reason = reason
        self.output_tail = output_tail
        super().__init__(f"{' '.join(argv)}: {reason}\n{output_tail}".rstrip())


class HostUnfit(VirtualMachineError):
    """This host lacks something that can not be installed from here."""


class LockTimedOut(VirtualMachineError):
    """Another process has been building the images for too long."""


class DidNotBoot(VirtualMachineError):
    """The guest never reached the command."""


class TimedOut(VirtualMachineError):
    """The command was still running when its time was over; the guest was killed."""


class GuestEnded(VirtualMachineError):
    """The guest stopped, by a crash or by power-off, before the command's exit code was known."""
