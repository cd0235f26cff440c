"""Try once per host whether KVM works, and emulate the processor where it does not."""

import os
import platform
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from admin.vm.errors import VirtualMachineError
from admin.vm.machine import VirtualMachine
from admin.vm.qemu import Accelerator

KVM_DEVICE = Path("/dev/kvm")
PROBE_BOOT_SECONDS_MAX = 20


def best_accelerator(
    machine: VirtualMachine, wanted: Literal["auto", "kvm", "tcg"]
) -> VirtualMachine:
    """
    The machine with the accelerator that is `wanted`; "auto" takes the faster one that works.

    On some hosts /dev/kvm exists and does not start a Debian kernel, so we boot one to find out.
    The cache keeps the outcome for each system image and host kernel.
    """
    if wanted != "auto":
        return replace(machine, accelerator=wanted)
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return replace(machine, accelerator="tcg")
    record = machine.build().system / f"accelerator-{platform.release()}"
    if not record.exists():
        record.write_text(_probe(machine))
    return replace(machine, accelerator="kvm" if record.read_text() == "kvm" else "tcg")


def _probe(machine: VirtualMachine) -> Accelerator:
    machine.progress("trying /dev/kvm")
    candidate = replace(machine, accelerator="kvm", boot_seconds_max=PROBE_BOOT_SECONDS_MAX)
    try:
        finished = candidate.run(
            ["zpool", "version"],
            timeout_seconds=PROBE_BOOT_SECONDS_MAX,
            stdout=BytesIO(),
            stderr=BytesIO(),
        )
    except VirtualMachineError:
        return "tcg"
    return "kvm" if finished.exit_code == 0 else "tcg"
