"""Make an uncompressed kernel and a minimal initrd, which the guest boots quickly from."""

import lzma
import shutil
from pathlib import Path

from admin.vm.commands import isolated, run
from admin.vm.errors import VirtualMachineError

MODULES = ("virtio_pci", "virtio_blk", "ext4", "virtio_console", "virtio_rng")
"""The guest needs these to see its disks and to talk to the host."""

JOB_DEVICE = "/dev/vdb"
JOB_ENTRY = "/job/init"
"""The initrd executes this file of the job. The job is a tar archive, and the second disk."""

APPLETS = ("insmod", "mkdir", "mount", "sh", "switch_root", "tar")

SCRIPT = """\
#!/bin/sh
mount -t devtmpfs dev /dev
{load}
mount -t ext4 -o noatime /dev/vda /root
tar -x -f {device} -C /root
mount -t devtmpfs dev /root/dev
exec switch_root /root {entry}
"""

RECIPE = (MODULES, APPLETS, SCRIPT, JOB_DEVICE, JOB_ENTRY)
ARCHIVE_SECONDS_MAX = 60
XZ_MAGIC = b"\xfd7zXZ\x00"
ELF_MAGIC = b"\x7fELF"


def init_script(modules: tuple[str, ...]) -> str:
    """The script of the initrd's first process: it loads `modules` in order, and starts the job."""
    load = "\n".join(f"insmod {path}" for path in modules)
    return SCRIPT.format(load=load, device=JOB_DEVICE, entry=JOB_ENTRY)


def module_paths(shown: str) -> tuple[str, ...]:
    """The files that `modprobe --show-depends` shows, each once, dependencies first."""
    words = (line.split() for line in shown.splitlines())
    return tuple(dict.fromkeys(w[1] for w in words if len(w) >= 2 and w[0] == "insmod"))


def uncompressed_kernel(image: bytes) -> bytes:
    """
    The ELF kernel inside Debian's compressed one; qemu boots it as it is.

    The host unpacks it in a fraction of a second; an emulated processor needs many seconds.

    :raises VirtualMachineError: when Debian compressed the kernel with something else than xz.
    """
    start = image.find(XZ_MAGIC)
    kernel = b"" if start < 0 else lzma.LZMADecompressor().decompress(image[start:])
    if not kernel.startswith(ELF_MAGIC):
        raise VirtualMachineError("this kernel is not compressed with xz, as Debian 12's are")
    return kernel


def build(root: Path, toolchain: Path, release: str) -> bytes:
    """An initrd with the modules of `root`, and busybox and cpio from `toolchain`."""
    tree = toolchain / "initrd"
    for name in ("bin", "dev", "proc", "root"):
        (tree / name).mkdir(parents=True)
    shutil.copy2(toolchain / "bin/busybox", tree / "bin/busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    show = ("modprobe", "--set-version", release, "--show-depends", "--all", *MODULES)
    shown = run(isolated(show, root), timeout_seconds=ARCHIVE_SECONDS_MAX)
    paths = module_paths(shown.decode())
    for path in paths:
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path.lstrip("/"), target)
    script = tree / "init"
    script.write_text(init_script(paths))
    script.chmod(0o755)
    archive = ("sh", "-c", "cd /initrd && find . | cpio --quiet -o -H newc")
    return run(isolated(archive, toolchain), timeout_seconds=ARCHIVE_SECONDS_MAX)
