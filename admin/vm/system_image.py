"""Build a disk with Debian and OpenZFS, a kernel and a small initrd for the guest."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from admin.vm import host, initial_ramdisk
from admin.vm.commands import isolated, run
from admin.vm.disk import make_disk
from admin.vm.errors import VirtualMachineError

PACKAGES = (
    "iproute2",
    "kmod",
    "linux-image-amd64",
    "openssh-client",
    "openssh-server",
    "procps",
    "python3",
    "udev",
    "zfsutils-linux",
)
TOOLCHAIN_PACKAGES = ("busybox-static", "cpio", "linux-headers-amd64", "zfs-dkms")
"""We build the modules with these, in a copy of the system that we delete afterwards."""

DRIVERS_KEPT = ("block", "char", "md", "net", "virtio", "watchdog")
NETWORK_HARDWARE_REMOVED = ("can", "ethernet", "fddi", "ieee802154", "usb", "wireless", "wwan")
REMOVED = (
    "boot",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)
FREE_MEBIBYTES = 4096
"""Room for what a run writes. The image is a sparse file, so free space takes none of the disk."""

RECIPE = {
    "format": 1,
    "suite": host.SUITE,
    "packages": (PACKAGES, TOOLCHAIN_PACKAGES),
    "drivers": (DRIVERS_KEPT, NETWORK_HARDWARE_REMOVED),
    "removed": REMOVED,
    "free_mebibytes": FREE_MEBIBYTES,
    "initrd": initial_ramdisk.RECIPE,
}
"""All that the image depends on, but for OpenZFS's version, which is the mirror's of that day."""

BOOTSTRAP_SECONDS_MAX = 1200
INSTALL_SECONDS_MAX = 1800
COPY_SECONDS_MAX = 300

CHROOT_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "HOME": "/root",
    "INITRD": "No",  # Debian's own is large: it takes long to make it, and to boot it.
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}

Progress = Callable[[str], None]


def build(directory: Path, progress: Progress) -> None:
    """
    Fill a directory with `disk`, `kernel`, `initrd` and `packages`.

    :raises CommandFailed: when a step fails. No mount and no process stays then.
    """
    root, toolchain = directory / "root", directory / "toolchain"
    progress("bootstrapping Debian")
    _bootstrap(root)
    progress("installing the kernel and the tools of OpenZFS")
    _configure(root)
    _install(root, PACKAGES)
    release = _kernel_release(root)
    copy = ("cp", "-a", "--reflink=auto", os.fspath(root), os.fspath(toolchain))
    run(copy, timeout_seconds=COPY_SECONDS_MAX)
    progress(f"building OpenZFS for Linux {release} (some minutes)")
    _build_modules(toolchain, release)
    progress("making the disk")
    built = toolchain / "lib/modules" / release / "updates/dkms"
    shutil.copytree(built, root / "lib/modules" / release / "updates/dkms")
    compressed = (root / "boot" / f"vmlinuz-{release}").read_bytes()
    (directory / "kernel").write_bytes(initial_ramdisk.uncompressed_kernel(compressed))
    _slim(root, release)
    _in_root(root, "depmod", release, timeout_seconds=COPY_SECONDS_MAX)
    initrd = initial_ramdisk.build(root, toolchain, release)
    (directory / "initrd").write_bytes(initrd)
    versions = _in_root(root, "dpkg-query", "-W", timeout_seconds=host.QUERY_SECONDS_MAX)
    (directory / "packages").write_bytes(versions)
    make_disk(root, directory / "disk", free_mebibytes=FREE_MEBIBYTES)
    shutil.rmtree(root)
    shutil.rmtree(toolchain)


def _bootstrap(root: Path) -> None:
    mirror = host.known_mirrors()[0]
    argv = ("debootstrap", "--variant=minbase", mirror.suite, os.fspath(root), mirror.uri)
    run(isolated(argv), timeout_seconds=BOOTSTRAP_SECONDS_MAX)


def _configure(root: Path) -> None:
    """In the guest's root: apt reaches our mirrors, starts no service, and does without fsync."""
    apt = root / "etc/apt"
    (apt / "sources.list").write_text(host.sources_list(host.known_mirrors()))
    (apt / "apt.conf.d/90host").write_text(host.known_acquire_settings())
    (root / "etc/dpkg/dpkg.cfg.d/90build").write_text("force-unsafe-io\n")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    (root / "etc/hostname").write_text("openzfs\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost openzfs\n::1 localhost\n")


def _install(root: Path, packages: tuple[str, ...]) -> None:
    _in_root(root, "apt-get", "update", timeout_seconds=INSTALL_SECONDS_MAX)
    argv = ("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    _in_root(root, *argv, timeout_seconds=INSTALL_SECONDS_MAX)


def _build_modules(toolchain: Path, release: str) -> None:
    _install(toolchain, TOOLCHAIN_PACKAGES)
    # In a chroot the package should build for each kernel that is installed. If it has, this does
    # nothing.
    _in_root(toolchain, "dkms", "autoinstall", "-k", release, timeout_seconds=INSTALL_SECONDS_MAX)


def _kernel_release(root: Path) -> str:
    releases = [path.name for path in (root / "lib/modules").iterdir()]
    if len(releases) != 1:
        raise VirtualMachineError(f"expected one kernel in the guest's root, found {releases}")
    return releases[0]


def _slim(root: Path, release: str) -> None:
    """Remove what none of our tests reads, above all hardware drivers."""
    kernel = root / "lib/modules" / release / "kernel"
    for driver in (kernel / "drivers").iterdir():
        if driver.name not in DRIVERS_KEPT:
            shutil.rmtree(driver)
    doomed = [kernel / "sound", *(kernel / "drivers/net" / n for n in NETWORK_HARDWARE_REMOVED)]
    for path in (*doomed, *(root / name for name in REMOVED)):
        shutil.rmtree(path, ignore_errors=True)


def _in_root(root: Path, *argv: str, timeout_seconds: float) -> bytes:
    wrapped = isolated(argv, root)
    return run(wrapped, timeout_seconds=timeout_seconds, environment=CHROOT_ENVIRONMENT)
