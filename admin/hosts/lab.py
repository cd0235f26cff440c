"""Brings up the nodes of a lab side by side, and removes what an earlier lab of its name left."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from admin.hosts import cgroups, network, pools, pulled
from admin.hosts.arrivals import await_agents
from admin.hosts.certificates import make_certificates, make_etcd_certificates
from admin.hosts.errors import LabError
from admin.hosts.files import AGENT_FILE, node_files
from admin.hosts.images import cache
from admin.hosts.images.recipes import RECIPES
from admin.hosts.keys import make_key
from admin.hosts.node import Node
from admin.hosts.plan import HOST_KEY, LabPlan, NodePlan, make_plan
from admin.hosts.processes import read_record, run, side_by_side, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
NODE_FOLDERS = ("etc", "etc-work", "ssh", "log", "zfs-cache", "docker", "state", "mounts")
IMAGE_CACHE = CHECKOUT / ".cache" / "images"
NAME_DEFAULT = "lab"
PULLING_NAME = "pulling"
"""The name of a lab that pulls the images once, so that others have them from the start."""
SUBNET_DEFAULT = "10.77.0.0/24"
POOL_SIZE_GIB_DEFAULT = 8
LOCK_TIMEOUT_SECONDS = 3.0
PULL_TIMEOUT_SECONDS = 120.0
DELETED_SUFFIX = ".deleted-"
"""We delete a folder that has this in its name; no lab has such a name."""


class Lab:
    """Several hosts on this machine.

        with Lab("mine", "10.78.1.0/24") as lab:
            lab.node("n1").run(["zpool", "list"])

    A lab has a name within the checkout; `up` replaces what an earlier run of that name left.
    """

    def __init__(
        self,
        name: str = NAME_DEFAULT,
        subnet: str = SUBNET_DEFAULT,
        *,
        nodes: int = 2,
        services: bool = True,
        pool_size_gib: int = POOL_SIZE_GIB_DEFAULT,
        certificates: bool = False,
        pulled: bool = False,
        agent_options: str = "",
        controls: int = 1,
        release: Path = CHECKOUT,
    ) -> None:
        """Plan a lab of `nodes` agent nodes; without `services` flocker-lite's own do not start.

        Without `certificates` they let in everybody who reaches the lab. With `pulled` each node's
        Docker has all images; else it pulls them when they are needed. `agent_options` are lines
        for the configuration of the agents. Several `controls` have their configuration in etcd.
        `release` is the checkout whose programs the nodes run.
        """
        self._kernel_zfs = pools.kernel_has_zfs()
        self._services = services
        self._pulled = pulled
        self._agent_options = agent_options
        self._release = release
        self.plan = make_plan(
            *(CHECKOUT, name, subnet, nodes, pool_size_gib),
            *(self._kernel_zfs, certificates, controls),
        )
        self.nodes = {node.name: self._handle(node) for node in self.plan.nodes}

    @classmethod
    def existing(cls, name: str) -> "Lab":
        """The lab of that name that an earlier `up` made; raises LabError when there is none."""
        try:
            kept = json.loads((CHECKOUT / ".lab" / name / "lab.json").read_text())
            return cls(name, **kept)
        except (FileNotFoundError, ValueError, TypeError) as error:
            raise LabError(f"there is no lab {name!r}: admin/lab --name {name} up") from error

    def __enter__(self) -> "Lab":
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def node(self, name: str) -> Node:
        """One node: "registry", "control", "n1", "n2", ..."""
        if name not in self.nodes:
            raise LabError(f"there is no node {name!r}; there are: {', '.join(self.nodes)}")
        return self.nodes[name]

    def up(self) -> None:
        """Bring the lab up from nothing, with its agents at the control service.

        A failure or an interruption leaves only the logs.
        """
        cache.ensure_images(CHECKOUT)
        with self._locked():
            self._remove()
            try:
                self._write_files()
                network.connect_switch(self.plan)
                side_by_side([node.start for node in self.nodes.values()])
                if self._services:
                    await_agents(self.plan)
            except BaseException:
                self._remove(keep_logs=True)
                raise

    def down(self) -> None:
        """Remove everything of the lab, whether it is complete, half made or crashed."""
        with self._locked():
            self._remove()

    def _handle(self, node: NodePlan) -> Node:
        return Node(self._release, self.plan, node, self._kernel_zfs, self._services)

    def _write_files(self) -> None:
        folder = self.plan.folder
        for node in self.plan.nodes:
            below = folder / "nodes" / node.name
            for name in NODE_FOLDERS:
                (below / name).mkdir(parents=True)
            (below / "ssh").chmod(0o700)
            if node.role == "agent":
                make_key(below / HOST_KEY)
            for path, text in node_files(CHECKOUT, self.plan, node, self._release):
                (below / path).parent.mkdir(parents=True, exist_ok=True)
                (below / path).write_text(text)
            if node.role == "agent":
                with (below / AGENT_FILE).open("a") as file:
                    file.write(self._agent_options)
                if self._pulled:
                    pulled.give_images(IMAGE_CACHE, below / "docker", self._pull_images)
        if self.plan.certificates:
            make_certificates(self._release, self.plan)
        if self.plan.has_etcd:
            make_etcd_certificates(CHECKOUT, self.plan)
        kept = {
            "subnet": str(self.plan.subnet),
            "nodes": sum(node.role == "agent" for node in self.plan.nodes),
            "services": self._services,
            "pool_size_gib": self.plan.pool_size_gib,
            "certificates": self.plan.certificates,
            "controls": len(self.plan.controls),
        }
        (folder / "lab.json").write_text(json.dumps(kept))

    def _pull_images(self, target: Path) -> None:
        """Pull all images in a lab that takes the place of this one, and copy them to `target`."""
        with Lab(PULLING_NAME, str(self.plan.subnet), nodes=1, services=False) as lab:
            node = lab.node("n1")
            for recipe in RECIPES:
                node.run(["docker", "pull", recipe.name], timeout_seconds=PULL_TIMEOUT_SECONDS)
            node.stop_service("dockerd")
            pulled.copy_images(node.folder / "docker", target)

    def _remove(self, keep_logs: bool = False) -> None:
        """Remove all that our records and our names identify."""
        folder = self.plan.folder
        for path in folder.glob("nodes/*/init.json"):
            record = read_record(path)
            if record is not None:
                record.kill()
        network.remove_all(self.plan.tag)
        cgroups.remove_all(self.plan.tag)
        if self._kernel_zfs:
            pools.destroy_kernel_pools(folder, self.plan.name)
        make_mountpoints_mutable(folder)
        if keep_logs:
            keep_only_logs(folder)
        else:
            delete_beside(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time make or remove a lab; a killed process holds no lock."""
        path = self.plan.folder.with_suffix(".lock")
        path.parent.mkdir(exist_ok=True)
        with path.open("w") as lock:
            # A child that a killed process forked just before may hold it for a moment.
            if not wait_until(lambda: try_lock(lock), LOCK_TIMEOUT_SECONDS):
                text = f"another process is making or removing the lab {self.plan.name!r}"
                raise LabError(f"{text}: wait for it, or choose another --name")
            yield


def try_lock(file: IO[str]) -> bool:
    """Take the lock on a file if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_mountpoints_mutable(folder: Path) -> None:
    """Let us remove the mountpoints, which agents made immutable."""
    paths = [str(path) for path in folder.glob("nodes/*/mounts/*") if path.is_dir()]
    if paths:
        run(["chattr", "-i", *paths], check=False)


def delete_beside(folder: Path) -> None:
    """Rename a folder, and delete its thousands of files in the background.

    That also deletes what an earlier deletion left, which was killed or still runs.
    """
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}{DELETED_SUFFIX}{uuid4().hex}"))
    old = [str(path) for path in folder.parent.glob(f"{folder.name}{DELETED_SUFFIX}*")]
    if old:
        run(["setsid", "--fork", "sh", "-c", 'exec rm -rf "$@" >/dev/null 2>&1', "rm", *old])


def keep_only_logs(folder: Path) -> None:
    """Keep only the logs, for people to read; the next `up` or `down` removes them."""
    for node in folder.glob("nodes/*"):
        for path in node.iterdir():
            if path.name != "log":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


__all__ = ["CHECKOUT", "Lab", "LabPlan"]
