"""What can go wrong with the virtual machine, as types whose text says what to do."""

from collections.abc import Sequence


class VirtualMachineError(Exception):
    """Something keeps a command from running to its end in the virtual machine."""


class CommandFailed(VirtualMachineError):
    """A program on the host failed or took too long; `output_tail` is the end of what it wrote."""

    def __init__(self, argv: Sequence[str], reason: str, output_tail: str) -> None:
        self.argv = tuple(argv)
        self.reason = reason
        self.output_tail = output_tail
        super().__init__(f"{' '.join(argv)}: {reason}\n{output_tail}".rstrip())


class HostUnfit(VirtualMachineError):
    """This host lacks something that we cannot install."""


class LockTimedOut(VirtualMachineError):
    """Another process has been building the images for too long."""


class DidNotBoot(VirtualMachineError):
    """The guest never reached the command."""


class TimedOut(VirtualMachineError):
    """The command still ran when its time was over, so we killed the guest."""


class GuestEnded(VirtualMachineError):
    """The guest crashed or powered off before we knew the command's exit code."""


class ResetByWatchdog(GuestEnded):
    """The machine's watchdog expired and reset it, while the command ran."""
