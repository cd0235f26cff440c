"""The first steps of the guest: an uncompressed kernel and a minimal initrd, both for speed."""

import lzma
import shutil
from pathlib import Path

from admin.vm.commands import isolated, run
from admin.vm.errors import VirtualMachineError

MODULES = ("virtio_pci", "virtio_blk", "ext4", "virtio_console", "virtio_rng")
"""What it takes to see the disks and to talk to the host."""

JOB_DEVICE = "/dev/vdb"
JOB_ENTRY = "/job/init"
"""Of the job, a tar archive that is the second disk: what to execute once it is unpacked."""

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
    """The initrd's first process: load modules (paths, in order), unpack the job, start it."""
    load = "\n".join(f"insmod {path}" for path in modules)
    return SCRIPT.format(load=load, device=JOB_DEVICE, entry=JOB_ENTRY)


def module_paths(shown: str) -> tuple[str, ...]:
    """Module files by `modprobe --show-depends` lines, each once, dependencies first."""
    words = (line.split() for line in shown.splitlines())
    return tuple(dict.fromkeys(w[1] for w in words if len(w) >= 2 and w[0] == "insmod"))


def uncompressed_kernel(image: bytes) -> bytes:
    """
    The ELF kernel within Debian's xz-compressed one, which qemu boots as it is.

    Unpacking it here takes a fraction of a second; under emulation it takes many.

    :raises VirtualMachineError: when the kernel is compressed in another way.
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
