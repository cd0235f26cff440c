"""The machine as an argument vector of qemu: what is plugged in where."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Accelerator = Literal["kvm", "tcg"]

PROGRAM = "qemu-system-x86_64"
KERNEL_COMMAND_LINE = (
    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 random.trust_cpu=on "
    "no_timer_check tsc=reliable"
)
ACCELERATORS = {"tcg": ("tcg,thread=multi", "max"), "kvm": ("kvm", "host")}


@dataclass(frozen=True, slots=True)
class Hardware:
    """How much of a machine the guest gets."""

    memory_mebibytes: int = 3072
    processors: int = 2
    scratch_disks: int = 4
    scratch_disk_gibibytes: int = 4

    def scratch_devices(self) -> tuple[str, ...]:
        """The guest's names of the empty disks, after those of system, job and dependencies."""
        return tuple(f"/dev/vd{chr(ord('d') + number)}" for number in range(self.scratch_disks))


@dataclass(frozen=True, slots=True)
class Files:
    """What the machine reads and writes on the host."""

    system: Path
    """The directory with `kernel`, `initrd` and `disk`; not modified."""
    job: Path
    dependencies: Path
    scratch: tuple[Path, ...]
    console: Path
    """Written: what the kernel says."""
    process_id: Path


def argv(
    hardware: Hardware, accelerator: Accelerator, files: Files, ports: Sequence[int]
) -> tuple[str, ...]:
    """
    Qemu's argument vector.

    :param ports: file descriptors of connected sockets; the guest sees them as serial ports,
        numbered from 1.
    """
    how, processor = ACCELERATORS[accelerator]
    machine = ("-no-user-config", "-nodefaults", "-display", "none", "-no-reboot", "-machine", "pc")
    size = ("-smp", str(hardware.processors), "-m", f"{hardware.memory_mebibytes}M")
    kernel = ("-kernel", f"{files.system / 'kernel'}", "-initrd", f"{files.system / 'initrd'}")
    reports = ("-serial", f"file:{files.console}", "-pidfile", os.fspath(files.process_id))
    return (
        *(PROGRAM, *machine, "-accel", how, "-cpu", processor, *size),
        *(*kernel, "-append", KERNEL_COMMAND_LINE, *reports),
        # First of the virtio devices, so that the guest names its ports vport0p1 and so on.
        *("-device", "virtio-serial-pci"),
        *(word for number, port in enumerate(ports, 1) for word in _port(number, port)),
        *("-device", "virtio-rng-pci"),
        *_disk("system", files.system / "disk", "snapshot=on"),
        *_disk("job", files.job, "readonly=on"),
        *_disk("dependencies", files.dependencies, "readonly=on"),
        *(
            word
            for number, path in enumerate(files.scratch)
            for word in _disk(f"scratch{number}", path, "cache=unsafe,discard=unmap")
        ),
    )


def _port(number: int, descriptor: int) -> tuple[str, ...]:
    name = f"port{number}"
    channel = ("-chardev", f"socket,id={name},fd={descriptor}")
    return (*channel, "-device", f"virtserialport,chardev={name},nr={number}")


def _disk(name: str, path: Path, options: str) -> tuple[str, ...]:
    # A comma would start another option; qemu reads two as one.
    file = os.fspath(path).replace(",", ",,")
    drive = ("-drive", f"if=none,id={name},format=raw,file={file},{options}")
    return (*drive, "-device", f"virtio-blk-pci,drive={name},serial={name}")
