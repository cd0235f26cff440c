"""Makes, opens and removes the ZFS pools of nodes, each on one sparse file."""

from pathlib import Path

from admin.hosts.daemons import Run
from admin.hosts.processes import run as run_here

POOL_TIMEOUT_SECONDS = 30.0
DISK_NAME = "disk0"
BYTES_PER_GIB = 1 << 30


def kernel_has_zfs() -> bool:
    """Whether the machine's kernel has ZFS, which all nodes then share; else each runs zfs-fuse."""
    return Path("/dev/zfs").exists()


def open_pool(run: Run, pool: str, folder: Path, size_gib: int) -> None:
    """Make the node's pool, or open it again after a crash. `run` runs commands on the node."""
    disk = folder / "disks" / DISK_NAME
    if not disk.exists():
        disk.parent.mkdir(exist_ok=True)
        with disk.open("wb") as file:
            file.truncate(size_gib * BYTES_PER_GIB)
        # Else the machine would open the pool by itself at its next boot.
        options = ("-o", "cachefile=none") if kernel_has_zfs() else ()
        zpool(run, "create", *options, "-m", "/flocker", pool, str(disk))
        return
    listed = run(["zpool", "list", pool], timeout_seconds=POOL_TIMEOUT_SECONDS, check=False)
    if listed.returncode:
        zpool(run, "import", "-f", "-d", str(disk.parent), pool)
    mount_datasets(run, pool)


def mount_datasets(run: Run, pool: str) -> None:
    """Mount, as a plain host does at boot, what does not say canmount=noauto.

    Not `zfs mount -a`: with ZFS in the kernel that would mount the other nodes' datasets too.
    """
    query = ["zfs", "list", "-H", "-t", "filesystem", "-o", "name,canmount,mounted", "-r", pool]
    for dataset in unmounted(run(query, timeout_seconds=POOL_TIMEOUT_SECONDS).stdout):
        run(["zfs", "mount", dataset], timeout_seconds=POOL_TIMEOUT_SECONDS)


def unmounted(listed: str) -> list[str]:
    """What should be mounted and is not; `listed` has lines of name, canmount and mounted."""
    rows = [line.split("\t") for line in listed.splitlines()]
    return [name for name, canmount, mounted in rows if (canmount, mounted) == ("on", "no")]


def zpool(run: Run, *arguments: str) -> None:
    """Run one zpool command on the node."""
    run(["zpool", *arguments], timeout_seconds=POOL_TIMEOUT_SECONDS)


def destroy_kernel_pools(folder: Path, lab_name: str) -> None:
    """Remove a lab's pools from the machine's kernel; their disks tell which these are."""
    listed = run_here(["zpool", "list", "-H", "-o", "name"], timeout_seconds=POOL_TIMEOUT_SECONDS)
    for pool in listed.stdout.split():
        disk = folder / "nodes" / pool.removeprefix(f"{lab_name}-") / "disks" / DISK_NAME
        status = run_here(["zpool", "status", "-P", pool], timeout_seconds=POOL_TIMEOUT_SECONDS)
        if str(disk) in status.stdout:
            run_here(["zpool", "destroy", "-f", pool], timeout_seconds=POOL_TIMEOUT_SECONDS)
