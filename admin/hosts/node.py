"""Runs commands on one node, starts and stops its services, crashes it and starts it again."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from admin.hosts import network
from admin.hosts.daemons import Daemons
from admin.hosts.errors import LabError
from admin.hosts.files import SSHD_FILE, environment, search_path
from admin.hosts.plan import LabPlan, NodePlan
from admin.hosts.pools import open_pool
from admin.hosts.processes import ProcessRecord, read_record, run, wait_until
from admin.hosts.services import services_of

BOOT_TIMEOUT_SECONDS = 15.0
RUN_TIMEOUT_SECONDS = 60.0


class Node:
    """A host of the lab: namespaces with a first process of their own, a cable, and services."""

    def __init__(
        self, checkout: Path, plan: LabPlan, node: NodePlan, kernel_zfs: bool, with_flocker: bool
    ) -> None:
        """Make a handle; the node need not run. The arguments say how to start its services."""
        self.plan = plan
        self.node = node
        self.name = node.name
        self.address = node.address
        self.address6 = node.address6
        self.pool = node.pool
        self.folder = plan.folder / "nodes" / node.name
        self._checkout = checkout
        self._kernel_zfs = kernel_zfs
        services = services_of(plan, node, kernel_zfs, with_flocker)
        self._daemons = Daemons(plan, node, services)

    # Life and death

    def start(self) -> None:
        """Start the node, afresh or after a crash; returns when all its services answer.

        When one does not, the node is taken down again and its logs say why.
        """
        if self.is_running():
            raise LabError(f"{self.name} is running already")
        try:
            self._boot()
            self._start_services()
        except BaseException:
            self._take_down()
            raise

    def crash(self) -> None:
        """Lose power: the cable falls silent, then everything on the node dies in one instant."""
        # First the cable: dying processes would say goodbye to their peers.
        self.cut()
        self._take_down()

    def is_running(self) -> bool:
        """Whether the node's first process lives."""
        return self._first_process() is not None

    def cut(self) -> None:
        """Pull the network cable out of the switch."""
        self._pid()
        network.set_cable(self.plan, self.node, connected=False)

    def heal(self) -> None:
        """Plug the network cable in again."""
        self._pid()
        network.set_cable(self.plan, self.node, connected=True)

    def is_connected(self) -> bool:
        """Whether the network cable is plugged in."""
        return network.cable_is_connected(self.plan, self.node)

    def _boot(self) -> None:
        for name in ("ready", "init.json"):
            (self.folder / name).unlink(missing_ok=True)
        network.disconnect_node(self.plan, self.node)
        network.connect_node(self.plan, self.node)
        program = Path(__file__).with_name("node_init.py")
        with (self.folder / "log" / "init.log").open("ab") as log:
            subprocess.run(
                [
                    *("setsid", "--fork", *network.inside(self.node.namespace)),
                    *("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"),
                    *(sys.executable, "-I", str(program), str(self.folder), self.name),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self._checkout),
                timeout=BOOT_TIMEOUT_SECONDS,
                check=True,
            )
        if not wait_until((self.folder / "ready").exists, BOOT_TIMEOUT_SECONDS):
            raise LabError(f"{self.name} does not boot: {self.log_tail('init')}")

    def _start_services(self) -> None:
        if self._kernel_zfs and self.node.role == "agent":
            self._open_pool()
        for service in self._daemons.services:
            self._daemons.launch(service, self.root, self.run)
            if service.name == "zfs-fuse":
                self._daemons.await_ready(service, self.root)
                self._open_pool()
        for service in self._daemons.services:
            self._daemons.await_ready(service, self.root)

    def _take_down(self) -> None:
        record = self._first_process()
        if record is not None:
            record.kill()
        network.disconnect_node(self.plan, self.node)

    def _open_pool(self) -> None:
        open_pool(self.run, self.node.pool, self.folder, self.plan.pool_size_gib)

    def _first_process(self) -> ProcessRecord | None:
        record = read_record(self.folder / "init.json")
        return record if record is not None and record.is_alive() else None

    # Commands and files

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float = RUN_TIMEOUT_SECONDS,
        input_text: str | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the node to its end; see processes.run for errors and the time-out."""
        return run(
            self.argv(argv),
            timeout_seconds=timeout_seconds,
            input_text=input_text,
            check=check,
            env=environment(self._checkout) | dict(env or {}),
        )

    def spawn(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a command on the node, in a session of its own: end it with os.killpg."""
        env = environment(self._checkout) | dict(options.pop("env", None) or {})
        return subprocess.Popen(self.argv(argv), env=env, start_new_session=True, **options)

    def replace_this_process(self, argv: Sequence[str]) -> None:
        """Become a command on the node, which keeps our terminal; does not return."""
        inner = self.argv(argv)
        os.execvpe(inner[0], inner, environment(self._checkout))

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` on the node; raises LabError when the node is down."""
        target = f"--target={self._pid()}"
        spaces = ("--mount", "--net", "--uts", "--ipc", "--pid")
        return ["nsenter", target, *spaces, "--wd=/root", "--", *argv]

    @property
    def root(self) -> Path:
        """The machine's path to the node's file system: `node.root / "run/docker.pid"`."""
        return Path(f"/proc/{self._pid()}/root")

    def _root_if_running(self) -> Path | None:
        record = self._first_process()
        return None if record is None else Path(f"/proc/{record.pid}/root")

    def _pid(self) -> int:
        record = self._first_process()
        if record is None:
            raise LabError(f"{self.name} is not running: admin/lab start {self.name}")
        return record.pid

    # Services

    def services(self) -> dict[str, bool]:
        """By name of a service, whether its process runs."""
        return self._daemons.running(self._root_if_running())

    def start_service(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Start a service, with these variables of the environment, and wait until it answers."""
        run_with = partial(self.run, env=env)
        self._daemons.launch(self._daemons.named(name), self.root, run_with)
        self._daemons.await_ready(self._daemons.named(name), self.root)

    def install(self, checkout: Path) -> None:
        """Have other programs from now on: those of another checkout.

        What runs goes on as it is until it is started anew; only sshd is told at once.
        """
        if self.node.role == "agent":
            path = self.root / SSHD_FILE
            old, new = search_path(self._checkout), search_path(checkout)
            path.write_text(path.read_text().replace(old, new))
            self.stop_service("sshd")
            self.start_service("sshd")
        self._checkout = checkout

    def stop_service(self, name: str) -> None:
        """Ask a service to end and wait for it."""
        self._daemons.end(self._daemons.named(name), self.root, self.run, signal.SIGTERM)

    def kill_service(self, name: str) -> None:
        """Kill a service with SIGKILL and wait until it is gone; processes that it started stay."""
        self._daemons.end(self._daemons.named(name), self.root, self.run, signal.SIGKILL)

    def log_tail(self, service_name: str) -> str:
        """The end of a service's log."""
        return self._daemons.log_tail(service_name)
