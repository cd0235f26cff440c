"""The pools of a test process, on scratch disks of the virtual machine: workers have their own."""

from __future__ import annotations

import os
from pathlib import Path

from tests.zfs.zfs_nodes import command

DEVICE = Path("/dev/zfs")
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
NAMES = (f"flocker-{WORKER}-one", f"flocker-{WORKER}-two")


def create_pools() -> None:
    """Make one on each disk; fails outside of the virtual machine."""
    assert DEVICE.exists(), f"no {DEVICE}: run these with python3 -m admin.vm run -- ..."
    first = WORKER * len(NAMES)
    disks = os.environ["FLOCKER_LITE_SCRATCH_DISKS"].split()[first : first + len(NAMES)]
    for name, disk in zip(NAMES, disks, strict=True):
        command("zpool", "create", "-f", "-O", "mountpoint=none", name, disk)


def destroy_pools() -> None:
    """Leave none of them."""
    for name in NAMES:
        command("zpool", "destroy", "-f", name)
