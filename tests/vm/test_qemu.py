"""The machine's argument vector says which disk is which and writes to none that is shared."""

from itertools import pairwise
from pathlib import Path

from admin.vm.qemu import Accelerator, Files, Hardware, argv

FILES = Files(
    system=Path("/cache/system"),
    job=Path("/run/job.tar"),
    dependencies=Path("/cache/site,1/disk"),
    scratch=(Path("/run/scratch0"), Path("/run/scratch1")),
    console=Path("/run/console"),
    process_id=Path("/run/qemu.pid"),
)


def options(
    name: str, accelerator: Accelerator = "tcg", hardware: Hardware | None = None
) -> list[str]:
    """The values of one option, in order."""
    words = argv(hardware or Hardware(), accelerator, FILES, (7, 8, 9), 10)
    return [value for word, value in pairwise(words) if word == name]


def test_disks_come_in_the_order_that_the_guest_expects() -> None:
    """System, job, dependencies, scratch: the guest calls them vda, vdb and so on."""
    files = [drive.partition("file=")[2].partition(",if")[0] for drive in options("-drive")]
    assert files == [
        "/cache/system/disk,snapshot=on",
        "/run/job.tar,readonly=on",
        "/cache/site,,1/disk,readonly=on",
        "/run/scratch0,cache=unsafe,discard=unmap",
        "/run/scratch1,cache=unsafe,discard=unmap",
    ]


def test_ports_are_numbered_from_one() -> None:
    """The sockets become vport0p1 and following, on the first virtio device."""
    devices = [device for device in options("-device") if not device.startswith("virtio-blk")]
    assert devices == [
        "virtio-serial-pci",
        "virtserialport,chardev=port1,nr=1",
        "virtserialport,chardev=port2,nr=2",
        "virtserialport,chardev=port3,nr=3",
        "virtio-rng-pci",
    ]
    assert options("-chardev") == [
        "socket,id=monitor,fd=10",
        "socket,id=port1,fd=7",
        "socket,id=port2,fd=8",
        "socket,id=port3,fd=9",
    ]
    assert options("-mon") == ["chardev=monitor,mode=control"]


def test_a_watchdog_that_is_wanted_resets_the_machine() -> None:
    """And a reset ends it, so that nothing boots once more."""
    assert "i6300esb" not in options("-device")
    with_watchdog = Hardware(watchdog=True)
    assert options("-device", hardware=with_watchdog).count("i6300esb") == 1
    assert options("-action", hardware=with_watchdog) == ["watchdog=reset"]
    assert "-no-reboot" in argv(with_watchdog, "tcg", FILES, (7, 8, 9), 10)


def test_emulation_uses_all_processors() -> None:
    """Without virtualisation, each of the guest's processors is a thread of its own."""
    assert options("-accel") == ["tcg,thread=multi"]
    assert options("-accel", "kvm") == ["kvm"]


def test_scratch_devices_follow_the_fixed_disks() -> None:
    """The guest's scratch disks start at vdd."""
    assert Hardware(scratch_disks=3).scratch_devices() == ("/dev/vdd", "/dev/vde", "/dev/vdf")
