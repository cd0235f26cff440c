"""The initrd loads modules in their order; the kernel is unpacked before it boots."""

import lzma

import pytest

from admin.vm.errors import VirtualMachineError
from admin.vm.initial_ramdisk import init_script, module_paths, uncompressed_kernel


def test_modules_come_once_and_after_what_they_need() -> None:
    """Shared dependencies are loaded once; what is built into the kernel not at all."""
    shown = (
        "insmod /lib/a.ko \ninsmod /lib/b.ko option=1\nbuiltin c\ninsmod /lib/a.ko \n"
        "insmod /lib/d.ko \n"
    )
    assert module_paths(shown) == ("/lib/a.ko", "/lib/b.ko", "/lib/d.ko")


def test_script_loads_before_it_mounts() -> None:
    """The disk's driver must be there before the disk."""
    lines = init_script(("/lib/a.ko", "/lib/b.ko")).splitlines()
    load = lines.index("insmod /lib/a.ko")
    mount = next(n for n, line in enumerate(lines) if "/dev/vda" in line)
    assert lines[load + 1] == "insmod /lib/b.ko"
    assert load + 1 < mount
    assert lines[-1] == "exec switch_root /root /job/init"


def test_kernel_is_found_within_its_loader() -> None:
    """What precedes and follows the compressed kernel is dropped."""
    kernel = b"\x7fELF and the rest"
    assert uncompressed_kernel(b"loader" + lzma.compress(kernel) + b"trailer") == kernel


@pytest.mark.parametrize("image", [b"no magic at all", lzma.compress(b"not a kernel")])
def test_other_kernels_are_refused(image: bytes) -> None:
    """A kernel that is packed differently is an error of its own, not a machine that hangs."""
    with pytest.raises(VirtualMachineError, match="xz"):
        uncompressed_kernel(image)
