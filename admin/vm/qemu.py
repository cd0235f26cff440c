"""Describe the machine to qemu, as arguments; pure."""

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
    """The memory, processors and disks of the guest; with a `watchdog` also an i6300esb."""

    memory_mebibytes: int = 3072
    processors: int = 2
    scratch_disks: int = 4
    scratch_disk_gibibytes: int = 4
    watchdog: bool = False

    def scratch_devices(self) -> tuple[str, ...]:
        """The guest's names of the empty disks, which follow system, job and dependencies."""
        return tuple(f"/dev/vd{chr(ord('d') + number)}" for number in range(self.scratch_disks))


@dataclass(frozen=True, slots=True)
class Files:
    """The files of the host that the machine reads and writes."""

    system: Path
    """The directory with `kernel`, `initrd` and `disk`; qemu only reads it."""
    job: Path
    dependencies: Path
    scratch: tuple[Path, ...]
    console: Path
    """qemu writes there what the guest's kernel says."""
    process_id: Path


def argv(
    hardware: Hardware, accelerator: Accelerator, files: Files, ports: Sequence[int], monitor: int
) -> tuple[str, ...]:
    """
    Qemu's argument vector.

    :param ports: file descriptors of connected sockets; to the guest they are serial ports, whose
        numbers begin at 1.
    :param monitor: one more; qemu itself speaks there.
    """
    how, processor = ACCELERATORS[accelerator]
    machine = ("-no-user-config", "-nodefaults", "-display", "none", "-no-reboot", "-machine", "pc")
    size = ("-smp", str(hardware.processors), "-m", f"{hardware.memory_mebibytes}M")
    kernel = ("-kernel", f"{files.system / 'kernel'}", "-initrd", f"{files.system / 'initrd'}")
    reports = ("-serial", f"file:{files.console}", "-pidfile", os.fspath(files.process_id))
    own = ("-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control")
    watchdog = ("-device", "i6300esb", "-action", "watchdog=reset") if hardware.watchdog else ()
    return (
        *(PROGRAM, *machine, "-accel", how, "-cpu", processor, *size),
        *(*kernel, "-append", KERNEL_COMMAND_LINE, *reports, *own),
        # As the first virtio device: the guest then names its ports vport0p1 and so on.
        *("-device", "virtio-serial-pci"),
        *(word for number, port in enumerate(ports, 1) for word in _port(number, port)),
        *("-device", "virtio-rng-pci"),
        *watchdog,
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
    # A comma would start another option; qemu reads two commas as one of the name.
    file = os.fspath(path).replace(",", ",,")
    drive = ("-drive", f"if=none,id={name},format=raw,file={file},{options}")
    return (*drive, "-device", f"virtio-blk-pci,drive={name},serial={name}")
