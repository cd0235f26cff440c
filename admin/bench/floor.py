"""The floor: a move by a shell script, with everything prepared that can be."""

from __future__ import annotations

from dataclasses import dataclass

from admin.hosts import Node
from admin.hosts.keys import connect_roots

FLOOR_PORT = 6390
FILESYSTEM = "floor"
TIMEOUT_SECONDS = 600.0

# One warm ssh connection for all that follows, as `ssh -M` gives it.
_SSH = (
    "ssh -o ControlMaster=auto -o ControlPath=/run/floor-%h -o ControlPersist=600 "
    "-o Ciphers=^aes128-gcm@openssh.com"
)
_RUN = (
    f"--name floor -p {FLOOR_PORT}:6379 -v /flocker/{FILESYSTEM}:/data redis:latest "
    "redis-server --save ''"
)


@dataclass(frozen=True)
class Floor:
    """A redis on a dataset, moved between two nodes by a script; not by flocker_lite."""

    first: Node
    second: Node

    def set_up(self, ballast_mib: int) -> None:
        """A running redis on the first node, with a file of random bytes beside its data."""
        connect_roots((self.first, self.second))
        name = f"{self.first.pool}/{FILESYSTEM}"
        _shell(
            self.first,
            f"""
            zfs create -o mountpoint=/flocker/{FILESYSTEM} {name}
            dd if=/dev/urandom of=/flocker/{FILESYSTEM}/ballast bs=1M count={ballast_mib}
            docker run -d {_RUN} >/dev/null
            """,
        )

    def tear_down(self) -> None:
        """Remove it from both nodes."""
        for node in (self.first, self.second):
            _shell(
                node,
                f"""
                docker rm -f floor >/dev/null 2>&1 || true
                zfs destroy -r {node.pool}/{FILESYSTEM} 2>/dev/null || true
                """,
            )

    def move(self, source: Node, target: Node, number: int) -> None:
        """Push, create the container at the target, stop, send the rest, mount, start."""
        name, other = f"{source.pool}/{FILESYSTEM}", f"{target.pool}/{FILESYSTEM}"
        ssh = f"{_SSH} {target.address}"
        base = f"-i @end{number - 1}" if number > 0 else ""
        _shell(
            source,
            f"""
            {ssh} true
            zfs snapshot {name}@push{number}
            zfs send {base} {name}@push{number} | {ssh} zfs receive -u {other}
            {ssh} 'mkdir -p /flocker/{FILESYSTEM}
                zfs set canmount=noauto {other}; zfs set mountpoint=/flocker/{FILESYSTEM} {other}
                docker create {_RUN} >/dev/null'
            docker stop floor >/dev/null
            zfs unmount {name}
            zfs snapshot {name}@end{number}
            zfs send -i @push{number} {name}@end{number} | {ssh} zfs receive -u {other}
            {ssh} 'zfs mount {other} && docker start floor >/dev/null'
            docker rm floor >/dev/null
            """,
        )


def bare_pipe_seconds(source: Node, target: Node, filesystem: str, snapshot: str) -> float:
    """How long `zfs send | ssh zfs receive` of a whole snapshot takes, on a warm connection."""
    connect_roots((source, target))
    printed = _shell(
        source,
        f"""
        {_SSH} {target.address} true
        began=$(date +%s%N)
        zfs send {filesystem}@{snapshot} | {_SSH} {target.address} zfs receive -u {target.pool}/pipe
        ended=$(date +%s%N)
        {_SSH} {target.address} zfs destroy -r {target.pool}/pipe
        echo $((ended - began))
        """,
    )
    return int(printed) / 1e9


def _shell(node: Node, script: str) -> str:
    return node.run(
        ["bash", "-euo", "pipefail", "-c", script], timeout_seconds=TIMEOUT_SECONDS
    ).stdout.strip()
