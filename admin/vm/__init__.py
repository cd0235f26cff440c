"""A virtual machine with OpenZFS in its kernel, for tests on hosts that can not load the module."""

from admin.vm.errors import DidNotBoot, GuestEnded, TimedOut, VirtualMachineError
from admin.vm.machine import Finished, VirtualMachine
from admin.vm.qemu import Hardware

__all__ = [
    "DidNotBoot",
    "Finished",
    "GuestEnded",
    "Hardware",
    "TimedOut",
    "VirtualMachine",
    "VirtualMachineError",
]
