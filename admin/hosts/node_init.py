"""The first process of a node: makes folders private, says so, then only reaps processes.

It runs in the node's new namespaces, with the standard library alone, as
`python -I node_init.py NODE_FOLDER HOST_NAME`; NODE_FOLDER has the files that are private to it.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

MOUNT_TIMEOUT_SECONDS = 10
# Folder of the node -> its place inside the node.
BINDS = {
    "zfs-cache": "/var/lib/zfs",  # zpool.cache: a shared one makes two daemons open the same disk
    "docker": "/var/lib/docker",
    "state": "/var/lib/flocker-lite",
    "mounts": "/flocker",  # an rmdir by another node would detach what this one mounted there
    "ssh": "/root/.ssh",
}
# A shell that ssh starts reads this file of the machine's user, which may do anything.
SHELL_FILE = Path("/root/.bashrc")
RUN_FOLDERS = ("zfs", "lock/zfs", "sshd", "lab")


def main(folder: Path, host_name: str) -> None:
    """Set the node up and then live until it is killed."""
    write_record(folder / "init.json")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    # A mount of another node's namespace would keep that alive after the node's end.
    mount("umount", "--recursive", "--lazy", "/run/netns")
    mount("mount", "-t", "proc", "proc", "/proc")
    mount("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in RUN_FOLDERS:
        Path("/run", name).mkdir(parents=True, exist_ok=True)
    layers = f"lowerdir=/etc,upperdir={folder}/etc,workdir={folder}/etc-work,index=off"
    mount("mount", "-t", "overlay", "-o", layers, "overlay", "/etc")
    for source, target in BINDS.items():
        Path(target).mkdir(mode=0o700 if target.endswith(".ssh") else 0o755, exist_ok=True)
        mount("mount", "--bind", str(folder / source), target)
    if SHELL_FILE.exists():
        mount("mount", "--bind", "/dev/null", str(SHELL_FILE))
    # As on a host with systemd: what is mounted here later appears in containers that have it.
    mount("mount", "--make-shared", "/flocker")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    Path("/proc/sys/kernel/hostname").write_text(host_name)
    (folder / "ready").touch()
    reap_orphans()


def write_record(path: Path) -> None:
    """Record this process by its pid on the machine, whose /proc we still see."""
    pid = int(os.readlink("/proc/self"))
    stat = Path("/proc/self/stat").read_text()
    start_ticks = int(stat[stat.rindex(")") + 2 :].split()[19])
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"pid": pid, "start_ticks": start_ticks, "boot_id": boot_id}))
    partial.rename(path)


def mount(*argv: str) -> None:
    """Run mount or umount, with a time-out."""
    subprocess.run(argv, check=True, timeout=MOUNT_TIMEOUT_SECONDS)


def reap_orphans() -> None:
    """For ever reap processes that lost their parents."""
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
